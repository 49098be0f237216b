#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/xen/check with a stub in the place of the box: no failure of a boot gets lost.
. "$(dirname "$0")/shell.sh"
shown=output

unset FULL SUITE CPUS
export BUILD=$work/build

mkdir -p "$work/tests/xen" "$work/tests/api"
cp "$top/tests/xen/check" "$work/tests/xen"
stub() { { echo '#!/bin/sh'; cat; } >"$work/tests/$1"; chmod +x "$work/tests/$1"; }   # NAME
stub xen/suite <<<'echo / /'
stub xen/product </dev/null
stub api/json </dev/null

# expect TEXT CODE PATTERN: runs a box of the script on standard input. The check has to end with this exit
# code, and to print a line that the pattern fits.
expect() {
    stub xen/box
    timeout 30 "$work/tests/xen/check" scenario >"$work/output" 2>&1
    check "$1" ended $? "$2" "$3"
}
ended() { is "$1" "$2" && grep -qxe "$3" "$work/output"; }

expect "all pass" 0 '1..2' <<<"echo 'ok 1 - a: b'; echo 'ok 2 - a: c'; echo 1..2"
expect "one fails" 1 'not ok 2 - xenstored: a: c' \
    <<<"echo 'ok 1 - a: b'; echo 'not ok 2 - a: c'; echo 1..2; exit 1"
expect "the line of the one that failed is lost" 1 'not ok 2 - .*: the box had 2 results, and 1 came' \
    <<<"echo 'ok 1 - a: b'; echo 1..2; exit 1"
expect "and the status, too" 1 'not ok 2 - .*: the box had 2 results, and 1 came' \
    <<<"echo 'ok 1 - a: b'; echo 1..2"
expect "a line is garbled" 1 'not ok 2 - .*: the box had 2 results, and 1 came' \
    <<<"echo 'ok 1 - a: b'; echo 'ok 2'; echo 1..2"
expect "only the status tells it" 1 'not ok 2 - .*: the box failed with exit status 3, but no test did' \
    <<<"echo 'ok 1 - a: b'; echo 1..1; exit 3"
expect "the box ends early" 1 'not ok 2 - .*: the box came to no end' <<<"echo 'ok 1 - a: b'; exit 1"
expect "the box can't begin" 1 'not ok 1 - .*: the box came to no end' <<<"exit 2"

# The scenarios of a whole run; the stub prints the names that it gets.
scenarios() {
    stub xen/box <<'S'
for file; do case $file in *.sh) echo "ok 1 - ${file##*/}" ;; esac; done
S
    timeout 60 "$work/tests/xen/check" 2>/dev/null | sed -n 's/^ok .* \(.*\)\.sh$/\1/p' | sort -u
}

# SUPPORT.md doesn't claim of a scenario that more runs it than does.
claims() {   # WORD: the names in "WORD (NAME, NAME...)" in the tables' rows
    grep '^|' "$top/SUPPORT.md" | grep -o "$1 ([a-z, -]*)" | sed 's/.*(//; s/)$//' | tr -s ', ' '\n' | sort -u
}
quick=$(scenarios)
all=$(FULL=yes scenarios)
there=$(cd "$top/tests/xen/scenarios" && printf '%s\n' * | sed 's/\.sh$//' | sort)
wrong=$(
    comm -23 <(claims tested) <(echo "$quick") | sed 's/$/: make check does not run it/'
    comm -23 <(claims suites) <(echo "$all") | sed 's/$/: make check-suites does not run it/'
    comm -23 <(claims 'by name') <(echo "$there") | sed 's/$/: there is no such scenario/'
)
number=$((number + 1))
if [ -n "$quick" ] && [ -n "$all" ] && [ -n "$(claims tested)" ] && [ -z "$wrong" ]; then
    echo "ok $number - SUPPORT.md tells which scenarios are run"
else
    echo "not ok $number - SUPPORT.md tells which scenarios are run"
    sed 's/^/# /' <<<"$wrong"
fi
echo "1..$number"
