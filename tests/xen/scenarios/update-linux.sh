# SPDX-License-Identifier: LGPL-2.1-or-later
# A new QEMU under a Linux guest with xl's defaults: a PV disk and card that the kernel serves, a PV
# keyboard that QEMU serves, and an emulated card that the guest has unplugged.
# limit: 600
vkbd() { xenstore-read "/local/domain/0/backend/vkbd/$(domid l)/0/state"; }
lines() { grep -c "$1" /tmp/l.serial; }
more() { [ "$(lines "$1")" -gt "$2" ]; }

linux_config /tmp/l.cfg l
check "xl create" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
check "it has connected its keyboard" wait_for 60 says l "vkbd-0 state Connected"
check "its network answers" wait_for 60 says l "net answers"
is "QEMU has it connected" "$(vkbd)" 4

rounds="1 2 3"
[ -z "$QUICK" ] || rounds=1
for i in $rounds; do
    rc=0
    OUTPUT=$(xen-physmap update-dm l 2>&1) || rc=$?
    echo "$OUTPUT"
    is "update $i" $rc 0
    [ $i != 1 ] || has "the unplugged card is named" "$OUTPUT" "unplugged its emulated network card"
    disk=$(lines "disk same") net=$(lines "net answers")
    check "update $i: the guest goes on" grows l
    check "update $i: its disk keeps what it writes" wait_for 60 more "disk same" "$disk"
    check "update $i: its network answers" wait_for 60 more "net answers" "$net"
    check "update $i: the new QEMU has its keyboard connected" wait_for 60 eval '[ "$(vkbd)" = 4 ]'
    is "update $i: the card isn't back" "$(physmap l | grep 'rtl8139.rom"')" ""
    check "update $i: check agrees" xen-physmap check l
done
# The new QEMU fails when the guest is paused: the old one still has the keyboard.
fails "an update that fails" 1 env XEN_PHYSMAP_FAULT=fail:unpause xen-physmap update-dm l
has "it was undone" "$OUTPUT" "goes on with the old QEMU"
is "the old QEMU has the keyboard connected" "$(vkbd)" 4
check "the guest goes on after it" grows l
check "xl save" xl save l /tmp/l.save
check "xl restore" xl restore /tmp/l.cfg /tmp/l.save
check "it goes on" grows l
is "nothing was lost" "$(lines BAD)" 0
qemu_log l | tail -n 15
