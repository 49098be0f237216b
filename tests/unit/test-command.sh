#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The command as a shell starts it: what it makes of descriptors and arguments before a verb runs.
. "$(dirname "$0")/shell.sh"

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

"$command" show --help >"$work/wanted"
"$command" help show >"$work/got"
check "help VERB is VERB --help" cmp "$work/wanted" "$work/got"
"$command" help nothing >"$work/got" 2>"$work/error"
check "help of no verb is wrong" [ $? = 2 ]
"$command" -V >"$work/got"
check "-V is --version" grep -q '^xen-physmap [0-9]' "$work/got"

# What a terminal gets, and what it doesn't.
if command -v script >"$work/got"; then
    cp "$savefile" "$work/small"
    on_terminal() { (cd "$work" && script -qec "$*" typescript >screen 2>&1 </dev/null); }
    for line in "edit small -" "extract small vga.rom -" "extract --at 0,4K small -" \
        "convert --to libxl-body small -" "map --png - small" "map --svg - small" \
        "screenshot --size 8x8x32 small -" "map --png /dev/stdout small"; do
        on_terminal "$command" $line
        check "$line: not on a terminal" [ $? = 2 ]
        check "$line: says so" grep -q "not for a terminal" "$work/screen"
    done
    on_terminal "$command" convert small -
    check "text may go to one" [ $? = 0 ]
    # Colours, and what a copy without them has.
    (cd "$work" && COLUMNS=80 "$command" map small >plain)
    shown() { tr -d '\r' <"$work/screen" | sed 's/\x1b\[[0-9;]*m//g' >"$work/copied"; }
    TERM=xterm on_terminal "stty cols 80; $command" map small
    check "a map on a terminal has colours" grep -q "$(printf '\033')" "$work/screen"
    shown
    check "a copy of it is the same as without" cmp "$work/plain" "$work/copied"
    for words in TERM=dumb "TERM=xterm NO_COLOR=1"; do
        on_terminal "stty cols 80; $words $command" map small
        check "$words: no colours" sh -c "! grep -q '$(printf '\033')' '$work/screen'"
        shown
        check "$words: the map" cmp "$work/plain" "$work/copied"
    done
else
    skip "a terminal" "script (bsdutils) isn't there"
fi
for line in "map --png - --svg - $savefile" "screenshot --text --size 80x25xtext $savefile -" \
    "extract --json $savefile vga.rom -"; do
    "$command" $line >"$work/got" 2>"$work/error"
    check "${line%% *}: two outputs don't go to one pipe" [ $? = 2 ]
    check "${line%% *}: and nothing is written" test ! -s "$work/got"
done

# Another version of Xen changes the names of its libraries; savefiles are read all the same.
needed() { LD_TRACE_LOADED_OBJECTS=1 "$1"; }
for program in "$command" "$command-qemu"; do
    needed "$program" >"$work/needed"
    check "${program##*/} has libraries" grep -q libglib "$work/needed"
    check "${program##*/} is bound to none of Xen" test -z "$(grep libxen "$work/needed")"
done

echo "1..$number"
