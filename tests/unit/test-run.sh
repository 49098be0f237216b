#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The runner itself: what it makes of programs that pass, fail, skip, hang and die.
set -u

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset RUN_UNDER
number=0

# program NAME: makes a test program of the script on standard input.
program() {
    { echo '#!/bin/sh'; cat; } >"$work/$1"
    chmod +x "$work/$1"
}

# expect DESCRIPTION CODE SUMMARY PATTERN ARGUMENT...: runs the runner with the arguments. It has to
# end with this exit code and last line, and to print a line that the pattern fits.
expect() {
    number=$((number + 1))
    description=$1 code=$2 summary=$3 pattern=$4
    shift 4
    (cd "$work" && "$run" "$@") >"$work/output" 2>&1
    got=$?
    if [ $got = "$code" ] && [ "$(tail -n 1 "$work/output")" = "$summary" ] &&
        grep -q -e "$pattern" "$work/output"; then
        echo "ok $number - $description"
    else
        echo "not ok $number - $description"
        sed "s/^/# exit code $got: /" "$work/output"
    fi
}

run=$(cd "$(dirname "$0")/.." && pwd)/run

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
program says-why <<'E'
echo 'no compiler here' >&2; exit 77
E
program dies <<'E'
echo 1..3; echo 'ok 1 - a'; kill -SEGV $$
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

echo 1..20
expect 'all pass' 0 '2 passed, 0 failed, 0 skipped' '^PASS  good' good
expect 'one fails' 1 '1 passed, 1 failed, 0 skipped' '^FAIL  bad' bad
expect 'the output of a failure is shown' 1 '1 passed, 1 failed, 0 skipped' 'why it failed' bad
expect 'a failure is named at the end' 1 '1 passed, 1 failed, 0 skipped' '^failed: bad b$' bad
expect 'and so is a program that died' 1 '1 passed, 1 failed, 0 skipped' '^failed: dies: was killed' dies
expect 'the sum' 1 '6 passed, 1 failed, 2 skipped' '^PASS  good' good bad skips good skipped
expect 'one is skipped' 0 '1 passed, 0 failed, 1 skipped' 'skips b: no such device' skips
expect 'one is skipped by cmocka' 0 '1 passed, 0 failed, 1 skipped' 'test_b: no such file' skips-as-cmocka
expect 'a whole program is skipped' 0 '0 passed, 0 failed, 1 skipped' \
    '^skipped: skipped: needs a hypervisor' skipped
expect 'its last line is the reason' 0 '0 passed, 0 failed, 1 skipped' ': no compiler here' says-why
expect 'killed half-way' 1 '1 passed, 1 failed, 0 skipped' 'killed by signal 11' dies
expect 'fewer than planned' 1 '1 passed, 1 failed, 0 skipped' 'planned 3 tests and ran 1' short
expect 'more than planned' 1 '2 passed, 1 failed, 0 skipped' 'planned 1 tests and ran 2' long
expect 'no plan' 1 '0 passed, 1 failed, 0 skipped' 'no plan' silent
expect 'a failure at exit' 1 '1 passed, 1 failed, 0 skipped' 'exit code 3' late-failure
expect 'no skip hides a failure' 1 '0 passed, 1 failed, 0 skipped' '^FAIL' skips-after-failure
expect 'a time limit' 1 '0 passed, 1 failed, 0 skipped' 'did not end within 1 s' -t 1 hangs
expect 'no input to wait for' 0 '1 passed, 0 failed, 0 skipped' '^PASS' -t 5 reads
expect 'a program that is not there' 1 '0 passed, 1 failed, 0 skipped' '^FAIL  none' none
expect 'nothing ran' 1 '0 passed, 0 failed, 0 skipped' .
