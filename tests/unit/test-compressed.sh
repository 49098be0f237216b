#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Compressed savefiles: read by what reads once, refused with the way out by what must seek.
. "$(dirname "$0")/shell.sh"

# Does the same with a compressed file and the file itself; prints what it is given by name and as
# standard input.
same() {   # VERB OPTION...
    "$command" "$@" plain >wanted 2>&1
    wanted=$?
    "$command" "$@" packed >got 2>&1
    [ $? = $wanted ] || return
    sed -i 's/packed/plain/g; /^written/d' got
    sed -i '/^written/d' wanted
    cmp wanted got
    "$command" "$@" - <packed >got 2>&1
    [ $? = $wanted ]
}

for program in gzip xz zstd lz4; do
    if ! command -v $program >have; then
        skip "$program" "$program isn't there"
        continue
    fi
    cp "$savefile" plain
    $program -c <plain >packed
    check "$program: show" same show
    check "$program: verify" same verify
    check "$program: diff" "$command" diff plain packed
    "$command" convert packed got && "$command" convert plain wanted
    check "$program: convert" sh -c "sed s/packed/plain/ got | cmp - wanted"
    "$command" edit packed got
    check "$program: edit" cmp plain got
    cp packed before
    "$command" edit packed packed 2>said
    check "$program: edit doesn't replace it" test $? != 0
    check "$program: and leaves it" cmp before packed
    for line in "extract packed vga.rom out" "map packed" "screenshot packed out"; do
        "$command" $line >said 2>&1
        check "$program: ${line%% *} is refused" test $? = 2
        "$command" $line >said 2>&1
        check "$program: ${line%% *} says what to do" grep -q "uncompress it first, with $program" said
    done
    "$command" extract --at 0xf1000000,0x1000 packed got >said 2>&1
    "$command" extract --at 0xf1000000,0x1000 plain wanted >said 2>&1
    check "$program: extract --at reads once" cmp got wanted
    # Cut off, and with bytes in it that aren't what was packed.
    head -c 1000 packed >cut
    "$command" show cut >said 2>&1
    check "$program: half a file is refused" test $? = 1
    printf garbage | dd of=packed bs=1 seek=600 conv=notrunc 2>said
    "$command" verify packed >said 2>&1
    check "$program: a damaged file is refused" test $? = 1
    # A pipe, of which the first bytes come one by one.
    (head -c 1 before; sleep 0.1; tail -c +2 before) | "$command" show - >said 2>&1
    check "$program: a pipe" test $? = 0
    "$command" show plain | sed '/^written/d; s/plain/-/' >wanted
    check "$program: the same as the file" cmp wanted said
    head -c 1 before | "$command" show - >said 2>&1
    check "$program: a pipe that ends at once" test $? = 1
    cat before | "$command" edit --strip - got && "$command" edit --strip plain wanted
    check "$program: edit of a pipe" cmp wanted got
done

# A compressor that isn't there.
gzip -c <plain >packed
PATH=$work/none "$command" show packed >said 2>&1
check "without the compressor it ends with 2" test $? = 2
PATH=$work/none "$command" show packed >said 2>&1
check "without the compressor: is reported" grep -q "gzip can't be started" said

echo "1..$number"
