# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest hammers its devices during one update after the other: no answer is lost or wrong. Not during
# xl save and migrate, which can lose the address of a PCI configuration access, also without us.
# limit: 5000

rounds=${ROUNDS:-50}
[ -z "$QUICK" ] || rounds=10
hammer_config /tmp/g1.cfg g1
check "xl create" xl create /tmp/g1.cfg
check "the guest hammers" wait_for 120 says g1 "ABC"
for update in $(seq $rounds); do
    check "update $update" xen-physmap update-dm --json g1
    check "update $update: the guest goes on" grows g1
done
is "the guest counted without a gap" "$(sequence g1)" "whole"
check "check agrees" xen-physmap check g1
