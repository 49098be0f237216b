#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Holes of a savefile: a copy has them too, and the same bytes.
. "$(dirname "$0")/shell.sh"

kib() { du -k "$1" | cut -f1; }

# What follows the stream is copied too.
cp "$savefile" g1.save
truncate -s 8M g1.save
printf 'in between' >>g1.save
truncate -s 16M g1.save
cp --sparse=never g1.save dense.save
if [ "$(kib g1.save)" -gt 1024 ]; then
    echo "1..0 # SKIP this file system has no holes"
    exit
fi
"$command" edit --strip dense.save wanted
check "edit of a file with holes" "$command" edit --strip g1.save out
check "gives the same bytes" cmp out wanted
check "and has holes too" test "$(kib out)" -lt 1024
"$command" edit --strip - - <g1.save >out
check "by standard input and output: the same bytes" cmp out wanted
check "and holes too" test "$(kib out)" -lt 1024
(printf x; "$command" edit --strip g1.save -) >out
check "behind what is there already" cmp <(printf x; cat wanted) out
: >out
"$command" edit --strip g1.save - >>out
check "appended" cmp out wanted
# The holes' bytes are zeros, whatever was there.
head -c 17M /dev/zero | tr '\0' x >out
"$command" edit --strip g1.save /dev/fd/7 7<>out
check "over what is there already" cmp <(head -c "$(stat -c %s wanted)" out) wanted
check "and no further" cmp <(tail -c +$(($(stat -c %s wanted) + 1)) out | tr -d x) /dev/null
cat g1.save | "$command" edit --strip - out
check "from a pipe" cmp out wanted
echo "1..$number"
