#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is the same in every verb: help, options, exit codes, quiet, width, progress.
. "$(dirname "$0")/shell.sh"
shown='out err'

export LC_ALL=C
unset COLUMNS

run() { "$command" "$@" >out 2>err </dev/null; rc=$?; }
ends() { [ "$1" = any ] || [ $rc = "$1" ]; }
nothing() { [ ! -s "$1" ]; }
narrow() { awk '{ gsub(/[\300-\367][\200-\277]*/, "x") } length > 80 { print; wide = 1 } END { exit wide }' "$1"; }
# Each line of standard error is the verb's own.
own() { ! grep -v "^xen-physmap" err; }

# A line for each verb and each way in which it reads; a verb that isn't here fails the test. Then the exit
# code, the same with Xen and without but for doctor's, and what the verb does with compressed input: it is
# read, or refused with what to do.
runs='
list 2 - absent
check 2 - absent
doctor any - empty
show 0 read IN
verify 1 read IN
diff 0 read IN other
edit 0 read IN OUT
clone 1 refused IN OUT
extract 1 read --at 0xf1000000,0x1000 IN OUT
extract 1 refused IN vga.rom OUT
extract 1 refused --memory OUT IN
mount 2 refused IN absent
screenshot 1 refused --size 8x8x32 IN OUT
map 0 refused IN
watch 2 - absent
save 2 - absent OUT
restore 2 - absent IN
convert 0 read IN OUT
update-dm 2 - absent
'
cp "$savefile" g1.save
cp g1.save other
mkdir empty

verbs=$("$command" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
"$command" --help >out
check "help: at most 80 columns" narrow out
"$top/build/xen-physmap-qemu" --help >out
check "the launcher's help: at most 80 columns" narrow out
"$command" --machine-readable >out
check "--machine-readable: the verbs" test "$(sed -n 's/^verb //p' out)" = "$verbs"
check "--machine-readable: formats" grep -qx 'records libxl-record' out
for format in $(sed -n 's/^records //p' out); do
    run convert --to "$format" g1.save converted
    check "the format $format is one of convert" ends 0
done
for format in $("$command" --machine-readable | sed -n 's/^memory //p'); do
    run extract --format "$format" --memory memory g1.save
    check "the format $format is one of extract" test $rc -le 1
done

for verb in $verbs; do
    check "$verb: is in the table" grep -q "^$verb " <<<"$runs"
    run "$verb" --help
    cp out help
    check "$verb --help" ends 0
    check "$verb --help: at most 80 columns" narrow out
    check "$verb --help: nothing on standard error" nothing err
    for option in -h --help -q --quiet -v --verbose; do
        check "$verb: has $option" grep -qe "^  .*$option\\>" help
    done
    run help "$verb"
    check "help $verb is $verb --help" cmp out help
    run "$verb" -h
    check "$verb -h too" cmp out help
    run "$verb" --nonsense
    check "$verb: an unknown option ends with 2" ends 2
    check "$verb: and says where the help is" grep -q "see xen-physmap $verb --help" err
    check "$verb: and prints nothing" nothing out
    run "$verb" 1 2 3 4 5 6
    [ "$verb" = doctor ] || check "$verb: too many arguments end with 2" ends 2
done

# What is compressed, and a pipe that takes more than a second on a terminal.
compressors=
for program in gzip xz zstd lz4; do
    ! command -v $program >why || compressors="$compressors $program"
done
# Until the reader has taken all that is in the pipe, and so has begun; on a busy machine that takes a while.
taken() { perl -e '$n = pack "i"; do { select undef, undef, undef, 0.1; ioctl STDOUT, 0x541b, $n } while unpack "i", $n'; }
export -f taken
slow() {   # WORD...: with g1.save as standard input, on a terminal, which gets standard error
    local words=${*/#g1.save/-} at=slow-$((++slow_ones))
    words=${words/out.file/$at.out}
    echo "$words" >$at.words
    printf '(head -c 10000 g1.save; taken; sleep 1.5; tail -c +10001 g1.save) | %s %s >%s.shown\n' \
        "$command" "$words" $at >$at.sh
    script -qec "bash $at.sh" $at.typescript >$at 2>&1 </dev/null &
}
slow_ones=0
while read -r verb wanted packed words; do
    [ -n "$verb" ] || continue
    line="$verb $words"
    words=${words//IN/g1.save}
    words=($verb ${words//OUT/out.file})
    run "${words[@]}"
    check "$line: ends with $wanted" ends "$wanted"
    check "$line: standard error is the verb's own" own
    run "${words[@]}" -q
    check "$line -q: ends with $wanted" ends "$wanted"
    check "$line -q: prints nothing" nothing out
    run "${words[@]}" -v
    check "$line -v: ends with $wanted" ends "$wanted"
    [ "$packed" = - ] && continue
    for program in $compressors; do
        $program -c <g1.save >packed
        for way in name pipe; do
            if [ $way = name ]; then
                "$command" "${words[@]/#g1.save/packed}" >out 2>err </dev/null
            else
                cat packed | "$command" "${words[@]/#g1.save/-}" >out 2>err
            fi
            rc=$?
            if [ "$packed" = read ]; then
                check "$line: compressed by $program, by $way" ends "$wanted"
            else
                check "$line: compressed by $program, by $way, is refused" ends 2
                check "$line: compressed by $program, by $way: what to do" \
                    grep -q "uncompress it first, with $program" err
            fi
        done
    done
    if [ "$packed" = read ] && command -v script >why; then
        slow "${words[@]}"
        slow "${words[@]}" -q
    fi
done <<<"$runs"

wait
for at in slow-*.words; do
    line=$(<$at)
    case $line in
    *-q) check "$line: no progress on a terminal" eval "! grep -q 'MiB read' ${at%.words}" ;;
    *) check "$line: progress on a terminal" grep -q 'MiB read' "${at%.words}" ;;
    esac
    check "$line: and none in the output" eval "! grep -q 'MiB read' ${at%.words}.shown"
done

# Tables.
for line in "show g1.save" "show --all g1.save" "map g1.save" "diff g1.save other"; do
    run $line
    check "$line: at most 80 columns" narrow out
done

# Data is written when it is the output.
"$command" convert g1.save - >wanted
"$command" convert -q g1.save - >out 2>err
check "convert -q to standard output: the data" cmp wanted out
"$command" extract --at 0xf1000000,0x1000 -q g1.save - >out 2>err
check "extract -q to standard output: the data" test "$(stat -c %s out)" = 4096
check "extract -q to standard output: no words" nothing err

echo "1..$number"
