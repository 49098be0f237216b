#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What every verb writes: never into what it reads, never through a link, told when it can't be
# written, and shown without control characters.
. "$(dirname "$0")/shell.sh"

# With AddressSanitizer: fontconfig, which map draws with, frees nothing at an exit.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0

# Each verb with all that it reads and writes, IN and OUT. A verb that isn't here fails the test.
commands='
show IN
show --json IN
verify IN
verify --json IN
diff IN IN
diff --json IN other
edit --strip IN OUT
edit --import IN other OUT
edit --name g2 --uuid new IN OUT
edit --config IN other OUT
clone --overlays IN other
clone --disk /guests/picture.img=/new IN other.out
extract IN vga.vram OUT
extract --at 0,0x1000 IN OUT
extract --json IN vga.rom other.out
extract --memory OUT IN
screenshot --size 8x8x32 IN OUT
screenshot --text --size 80x25xtext IN
map IN
map --png OUT IN
map --svg OUT IN
convert IN OUT
convert --to libxl-record IN OUT
restore 1 IN
save 1 other.out
list --all
check 1
check --all
doctor .
watch 1
mount IN nowhere
update-dm --dry-run 1
'
verbs=$("$command" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
for verb in $verbs; do
    check "$verb: its outputs are in the table" grep -q "^$verb " <<<"$commands"
done

# A folder with the savefile, another one, and what they are by other names.
fresh() {
    rm -rf "$work/here"
    mkdir "$work/here"
    cd "$work/here" || exit
    cp "$savefile" g1.save
    cp "$savefile" other
    ln g1.save hard
    ln -s g1.save soft
}

# Output equal to input: $1 names it; what remains of the line is evaluated with it.
unharmed() {
    cmp "$savefile" g1.save
}

overwrite() {   # WAY IN OUT REDIRECTION WORD...
    local way=$1 in=$2 out=$3 redirection=$4 word line= rc
    shift 4
    for word; do
        case $word in
        IN) line+=" $in" ;;
        OUT) line+=" $out" ;;
        *) line+=" $word" ;;
        esac
    done
    fresh
    eval "timeout 60 '$command' $line $redirection" >"$work/printed" 2>"$work/error" </dev/null
    rc=$?
    case "$1 $way" in
    # The one verb that may: it puts a whole new file in the place of the name.
    'edit by name' | 'edit by another symbolic link')
        if [ "$2" = --strip ] || [ "$2" = --name ]; then
            check "edit $way: replaces its input" test $rc = 0
            check "edit $way: by a whole savefile" "$command" show g1.save
            return
        fi
        ;;
    'edit by a hard link')
        if [ "$2" = --strip ] || [ "$2" = --name ]; then
            check "edit by a hard link: leaves the other name" unharmed
            return
        fi
        ;;
    esac
    case $way in
    by*) check "$* $way: is refused" test $rc != 0 ;;
    esac
    check "$* $way: leaves its input" unharmed
}

while read -r line; do
    case $line in
    *OUT*)
        overwrite "by name" g1.save g1.save '' $line
        overwrite "by a hard link" g1.save hard '' $line
        overwrite "by a symbolic link" g1.save soft '' $line
        overwrite "by another symbolic link" soft g1.save '' $line
        overwrite "by descriptor" g1.save /dev/fd/7 '7<>g1.save' $line
        overwrite "by descriptor in /proc" g1.save /proc/self/fd/7 '7>>g1.save' $line
        overwrite "by standard output" g1.save - '>>g1.save' $line
        overwrite "by both standard streams" - - '<g1.save 1<>g1.save' $line
        ;;
    *IN*)
        overwrite "by standard output" g1.save '' '>>g1.save' $line
        overwrite "by both standard streams" - '' '<g1.save 1<>g1.save' $line
        overwrite "with its messages" g1.save '' '2>>g1.save' $line
        ;;
    esac
done <<<"$commands"
fresh
mkdir all && ln g1.save all/0000_00_03.0_vga.vram
"$command" extract --all all g1.save >/dev/null 2>"$work/error"
check "extract --all onto its input is refused" test $? = 2
check "extract --all leaves its input" unharmed

# In a folder that others can write to.
chmod 1777 .
echo precious >target
writers='
edit --strip g1.save OUT
edit --name g2 g1.save OUT
extract g1.save vga.rom OUT
extract --memory OUT --format elf g1.save
convert g1.save OUT
map --png OUT g1.save
map --svg OUT g1.save
screenshot --size 8x8x32 g1.save OUT
'
mode() { [ "$(stat -c %a "$1")" = "$2" ]; }
while read -r line; do
    [ -n "$line" ] || continue
    rm -f out
    ln -s target out
    "$command" ${line/OUT/out} >/dev/null 2>"$work/error"
    check "$line: a link is not followed" grep -qx precious target
    check "$line: and stays" test -h out
    rm -f out
    ln -s nowhere out
    "$command" ${line/OUT/out} >/dev/null 2>"$work/error"
    check "$line: nor one to a file that isn't there" test ! -e nowhere
    rm -f out
    : >out
    chmod 4755 out
    "$command" ${line/OUT/out} >/dev/null 2>"$work/error"
    check "$line: set-user-ID is not kept" mode out 755
    (umask 022; rm -f out; "$command" ${line/OUT/out} >/dev/null 2>"$work/error")
    case $line in
    map*) check "$line: a new picture of no memory is as the umask says" mode out 644 ;;
    *) check "$line: a new file is its owner's alone" mode out 600 ;;
    esac
    chmod 777 .
    chmod 666 out
    (umask 077; "$command" ${line/OUT/out} >/dev/null 2>"$work/error")
    check "$line: nor are a file's permissions where others can change names" mode out 600
    chmod 1777 .
    if [ "$(id -u)" = 0 ]; then
        : >out
        chmod 666 out
        chown nobody out
        (umask 077; "$command" ${line/OUT/out} >/dev/null 2>"$work/error")
        check "$line: another user's file gives neither its owner nor its permissions" \
            test "$(stat -c '%u %a' out)" = "0 600"
        rm -f out
        mkfifo -m 666 out
        chown nobody out
        timeout 10 "$command" ${line/OUT/out} >/dev/null 2>"$work/error"
        check "$line: another user's pipe gets nothing" test $? = 2
    fi
    rm -f out
done <<<"$writers"
mkdir real && ln -s real linked
"$command" extract --all linked g1.save >/dev/null 2>"$work/error"
check "extract --all: a linked folder is not followed" test -z "$(ls real)"
ln -s ../target real/0000_00_03.0_vga.vram
"$command" extract --all real g1.save >/dev/null 2>"$work/error"
check "extract --all: nor a link in it" grep -qx precious target

# What can't be printed.
told() { [ "$1" = 2 ] && grep -q "can't write to standard output" "$work/error"; }
for words in --help -h help --version $(for verb in $verbs; do echo "$verb=--help"; done) \
    show=g1.save verify=g1.save diff=g1.save=other map=g1.save; do
    "$command" ${words//=/ } >/dev/full 2>"$work/error"
    check "${words//=/ } to a full disk" told $?
    "$command" ${words//=/ } >&- 2>"$work/error"
    check "${words//=/ } with standard output closed" told $?
done
for line in "edit --strip g1.save -" "convert g1.save -" "extract g1.save vga.rom -" \
    "map --png - g1.save" "map --svg - g1.save" "screenshot --size 8x8x32 g1.save -"; do
    "$command" $line >/dev/full 2>"$work/error"
    check "$line to a full disk" test $? = 2
    check "$line to a full disk: is reported" grep -q "No space left" "$work/error"
done

# Names with control characters, of files that are there and that aren't.
fresh
evil=$'e\033[31m\nzz'
cp g1.save "$evil"
plain() { ! grep -q $'\033' "$work/printed" && ! grep -qx 'zz.*' "$work/printed"; }
for at in "$evil" "$evil/$evil"; do
    while read -r line; do
        [ -n "$line" ] || continue
        words=()
        for word in $line; do
            case $word in
            IN | OUT | 1 | other | other.out) words+=("$at") ;;
            *) words+=("$word") ;;
            esac
        done
        timeout 20 "$command" "${words[@]}" >"$work/printed" 2>&1 </dev/null
        check "$line: says no control characters" plain
        timeout 20 "$command" ${words[0]} "--$evil" >"$work/printed" 2>&1 </dev/null
        check "${words[0]}: nor of an option" plain
    done <<<"$commands"
done

echo "1..$number"
