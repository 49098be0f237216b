# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests in shell share. Each runs in a folder of its own, $work, which goes when it ends.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
command=$top/build/xen-physmap
savefile=$top/tests/data/stream/real-stdvga
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
number=0

# check TEXT COMMAND...: passes if the command does. Otherwise it shows what the command printed, and
# the files $shown.
check() {
    number=$((number + 1))
    local text=$1
    shift
    if "$@" >"$work/why" 2>&1; then
        echo "ok $number - $text"
    else
        echo "not ok $number - $text"
        (cd "$work" && cat why ${shown:-} 2>&1) | sed 's/^/# /'
    fi
}

# skip TEXT REASON
skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# is GOT EXPECTED: for check.
is() { [ "$1" = "$2" ] || { printf 'got:\n%s\nexpected:\n%s\n' "$1" "$2"; false; }; }
