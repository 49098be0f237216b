#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The command as a shell starts it: what it makes of descriptors and arguments before a verb runs.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
command=$top/build/xen-physmap
savefile=$top/tests/data/stream/real-stdvga
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0

check() {   # TEXT COMMAND...: succeeds when the command does
    number=$((number + 1))
    text=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok $number - $text"
    else
        echo "not ok $number - $text"
        sed 's/^/# /' "$work/said"
    fi
}

# A file that is opened must not become the standard output, or what is printed goes into it.
"$command" extract "$savefile" vga.rom "$work/wanted" >"$work/printed" 2>&1
"$command" extract "$savefile" vga.rom "$work/got" <&- >&- 2>&-
check "with all descriptors closed, what can't be printed is an error" [ $? = 2 ]
check "and the file is what it has to be" cmp "$work/wanted" "$work/got"
"$command" show - <&- >"$work/printed" 2>"$work/error"
check "a closed standard input can't be read" [ $? = 2 ]

"$command" "$(printf 'a\033[2J')" 2>"$work/error"
check "a verb that is none is shown without control characters" \
    grep -qF "no verb 'a\x1b[2J'" "$work/error"

# What is appended would be read again, and so on until the disk is full.
cp "$savefile" "$work/same"
(ulimit -f 100; "$command" edit --strip - - <"$work/same" >>"$work/same") 2>"$work/error"
check "edit doesn't write to what it reads" grep -q "goes into the input itself" "$work/error"
check "and leaves it as it is" cmp "$savefile" "$work/same"
"$command" edit "$work/same" "$work/same"
check "a file may be given by name for both" cmp "$savefile" "$work/same"

(cd "$work" && cp same ./-- && "$command" show -- -- >"$work/printed" 2>"$work/error")
check "behind -- each word is a file" grep -q vga.vram "$work/printed"

# Another version of Xen changes the names of its libraries; savefiles are read all the same.
needed() { LD_TRACE_LOADED_OBJECTS=1 "$1"; }
for program in "$command" "$command-qemu"; do
    needed "$program" >"$work/needed"
    check "${program##*/} has libraries" grep -q libglib "$work/needed"
    check "${program##*/} is bound to none of Xen" test -z "$(grep libxen "$work/needed")"
done

echo "1..$number"
