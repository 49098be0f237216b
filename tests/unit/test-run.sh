#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The runner itself: what it makes of programs that pass, fail, skip, hang and die.
. "$(dirname "$0")/shell.sh"
shown=output

unset RUN_UNDER

# program NAME: makes a test program of the script on standard input.
program() {
    { echo '#!/bin/sh'; cat; } >"$work/$1"
    chmod +x "$work/$1"
}

# expect DESCRIPTION CODE SUMMARY PATTERN ARGUMENT...: runs the runner with the arguments. It has to
# end with this exit code and last line, and to print a line that the pattern fits.
expect() {
    description=$1 code=$2 summary=$3 pattern=$4
    shift 4
    PATH=.:$PATH timeout 30 "$top/tests/run" "$@" >output 2>&1
    check "$description" ended $?
}
ended() { is $1 "$code" && is "$(tail -n 1 output)" "$summary" && grep -q -e "$pattern" output; }

program good <<'E'
echo 1..2; echo 'ok 1 - a'; echo '# a word'; echo 'ok 2 - b'
E
program bad <<'E'
echo 1..2; echo 'ok 1 - a'; echo '# why it failed' >&2; echo 'not ok 2 - b'; exit 1
E
program skips <<'E'
echo 1..2; echo 'ok 1 - a'; echo 'ok 2 - b # SKIP no such device'
E
program skips-as-cmocka <<'E'
echo 1..2; echo 'ok 1 - a'; echo '# skip: no such file'; echo 'not ok 2 # SKIP test_b'
E
program skipped <<'E'
echo '1..0 # SKIP needs a hypervisor'; exit 77
E
program dies <<'E'
echo 1..3; echo 'ok 1 - a'; kill -SEGV $$
E
program killed <<'E'
echo 1..1; echo 'ok 1 - a'; kill -KILL $$
E
program stubborn <<'E'
trap '' TERM; echo 1..1; sleep 60
E
program short <<'E'
echo 1..3; echo 'ok 1 - a'
E
program long <<'E'
echo 1..1; echo 'ok 1 - a'; echo 'ok 2 - b'
E
program silent <<'E'
exit 0
E
program late-failure <<'E'
echo 1..1; echo 'ok 1 - a'; exit 3
E
program skips-after-failure <<'E'
echo 1..1; echo 'not ok 1 - a'; exit 77
E
program hangs <<'E'
echo 1..1; sleep 60
E
program reads <<'E'
echo 1..1; read -r line; echo "ok 1 - $line"
E

program leaves <<'E'
echo 1..1; echo 'ok 1 - a'; setsid sleep 60 &
E

mkdir "$work/unit" "$work/xen"
cp "$work/good" "$work/unit"

# meets NAME OTHER: a program that passes if the other one runs at the same time.
meets() {
    program "$1" <<E
echo 1..1
>"met-$(basename "$1")"
for i in $(seq -s ' ' 100); do
    [ ! -e "met-$(basename "$2")" ] || { echo 'ok 1 - a'; exit; }
    sleep 0.1
done
echo 'not ok 1 - a'
E
}
meets xen/first unit/second
meets unit/second xen/first
meets xen/third fourth
meets fourth xen/third

expect 'all pass' 0 '2 passed, 0 failed, 0 skipped' '^good .. ok' good
expect 'the output of a failure is shown' 1 '1 passed, 1 failed, 0 skipped' 'why it failed' bad
expect 'a failure is named at the end' 1 '1 passed, 1 failed, 0 skipped' '| not ok 2 - b$' bad
expect 'the sum' 1 '6 passed, 1 failed, 2 skipped' '^failed: bad$' -j 2 good bad skips unit/good skipped
expect 'one is skipped' 0 '1 passed, 0 failed, 1 skipped' '^skipped: skips: b: no such device' skips
expect 'one is skipped by cmocka' 0 '1 passed, 0 failed, 1 skipped' 'test_b: no such file' skips-as-cmocka
expect 'a whole program is skipped' 0 '0 passed, 0 failed, 1 skipped' \
    '^skipped: skipped: needs a hypervisor' skipped
expect 'killed half-way' 1 '1 passed, 1 failed, 0 skipped' '^failed: dies: was killed by signal 11' dies
expect 'fewer than planned' 1 '1 passed, 1 failed, 0 skipped' 'planned 3 tests but ran 1' short
expect 'more than planned' 1 '1 passed, 2 failed, 0 skipped' 'planned 1 tests but ran 2' long
expect 'no plan' 1 '0 passed, 1 failed, 0 skipped' '^failed: silent: No plan' silent
expect 'a failure at exit' 1 '1 passed, 1 failed, 0 skipped' 'exit code 3' late-failure
expect 'no skip hides a failure' 1 '0 passed, 1 failed, 0 skipped' '^failed: skips-after' skips-after-failure
expect 'what is in xen runs beside what is in unit' 0 '2 passed, 0 failed, 0 skipped' . \
    -j 2 ./unit/second ./xen/first
expect 'and beside the others' 0 '4 passed, 0 failed, 0 skipped' . -j 2 good fourth ./xen/third
expect 'a time limit' 1 '0 passed, 1 failed, 0 skipped' '^failed: hangs: did not end within 1 s' -t 1 hangs
expect 'a time limit, by SIGKILL' 1 '0 passed, 1 failed, 0 skipped' 'did not end within 1 s$' -t 1 stubborn
expect 'SIGKILL is no time limit' 1 '1 passed, 1 failed, 0 skipped' 'was killed by signal 9$' killed
expect 'what a program leaves behind is not waited for' 0 '1 passed, 0 failed, 0 skipped' . -t 5 leaves
expect 'no input to wait for' 0 '1 passed, 0 failed, 0 skipped' . -t 5 reads
expect 'a program that is not there' 1 '0 passed, 1 failed, 0 skipped' '^failed: none: .*127' none
expect 'nothing ran' 1 '0 passed, 0 failed, 0 skipped' .

echo "1..$number"
