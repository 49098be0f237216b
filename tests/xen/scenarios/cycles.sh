# SPDX-License-Identifier: LGPL-2.1-or-later
# Saved and restored ten times, with QUICK twice: the records stay the same, and no stale node appears.
guest_config /tmp/g1.cfg g1 picture "$(cards 6 7 8 9)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
nodes=$(physmap g1)
rounds=10
[ -z "$QUICK" ] || rounds=2
for cycle in $(seq $rounds); do
    xl save g1 /tmp/g1.save && xl restore /tmp/g1.cfg /tmp/g1.save
    is "cycle $cycle: the same nodes" "$(physmap g1)" "$nodes"
done
check "check agrees" xen-physmap check g1
