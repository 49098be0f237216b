# SPDX-License-Identifier: LGPL-2.1-or-later
# Updates of guests that aren't as they were started: what they have now is carried over, or refused by
# name before the guest is paused.
# limit: 900
cpus() { qmp g1 '{"execute":"query-cpus-fast"}' | grep -o cpu-index | wc -l; }
dm_pid() { xenstore-read "/local/domain/$(domid "$1")/image/device-model-pid"; }

carried() {   # WHAT GUEST NOTE
    fails "$1: update-dm" 0 xen-physmap update-dm "$2"
    has "$1: it says so" "$OUTPUT" "$3"
    check "$1: the guest goes on" grows "$2"
    check "$1: check agrees" xen-physmap check "$2"
}

refused() {   # WHAT GUEST REASON ADVICE
    local before
    before=$(dm_pid "$2")
    fails "$1: update-dm" 1 xen-physmap update-dm "$2"
    has "$1: it is named" "$OUTPUT" "$3"
    has "$1: what to do" "$OUTPUT" "$4"
    is "$1: QEMU is the same" "$(dm_pid "$2")" "$before"
    is "$1: the guest wasn't paused" "$(echo "$OUTPUT" | grep -c 'pause the')" 0
    check "$1: the guest goes on" grows "$2"
    is "$1: nothing is left" "$(left_over)" ""
}

for cd in a b; do truncate -s 1M /tmp/$cd.iso; done
guest_config /tmp/g1.cfg g1 counter "$(cards 6)" maxvcpus=3 'disk=["/tmp/a.iso,raw,hdc,ro,cdrom"]'
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"

check "xl vcpu-set" xl vcpu-set --ignore-host g1 2
check "QEMU has two" wait_for 10 eval '[ "$(cpus)" = 2 ]'
carried "a vcpu was added" g1 "it has 2 vcpus now"
is "the new QEMU has two, too" "$(cpus)" 2

check "xl cd-insert" xl cd-insert g1 hdc /tmp/b.iso
refused "a CD was inserted" g1 "a CD was inserted since its start" "xl cd-eject it"
check "xl cd-eject" xl cd-eject g1 hdc
carried "a CD was ejected" g1 "was ejected, and stays so"
is "the new QEMU has no CD, either" "$(qmp g1 '{"execute":"query-block"}' | grep -c '[.]iso')" 0
carried "a CD was ejected, once more" g1 "stood still"

qmp g1 '{"execute":"device_add","arguments":{"driver":"e1000","id":"more","addr":"9","romfile":""}}'
refused "a card was added" g1 "its QEMU has PCI device 00:09.0" "undo that change"
xl destroy g1

guest_config /tmp/g2.cfg g2 unplug 'vif=["bridge=xenbr0,model=e1000"]'
bridge
check "xl create of a guest that unplugs" xl create /tmp/g2.cfg
check "it draws" wait_for 120 says g2 "picture drawn"
check "its card is gone" wait_for 10 eval '! physmap g2 | grep -q e1000'
carried "a card was unplugged" g2 "the guest unplugged its emulated network card"
is "it isn't back" "$(physmap g2 | grep 'e1000.rom"')" ""
carried "a card was unplugged, once more" g2 "stood still"
