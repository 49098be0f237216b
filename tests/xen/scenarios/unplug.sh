# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that unplugs its emulated network cards, as each one with PV drivers does; its config has
# them, so a QEMU that restores it has them again, until the guest unplugs them once more.
# limit: 900

unplugs() {   # NAME: what was there, with the cards gone
    check "$1: check agrees" xen-physmap check u
    has "$1: the framebuffer is recorded" "$(physmap u)" 'vga.vram"'
    is "$1: no card is recorded" "$(physmap u | grep e1000)" ""
}

rounds="1 2 3 4 5" few=6
[ -z "$QUICK" ] || rounds=1 few=
for slots in $few "6 7 8 9"; do
    n=$(echo "$slots" | wc -w)
    guest_config /tmp/u.cfg u unplug "$(cards $slots)"
    check "$n unplugged: xl create" xl create /tmp/u.cfg
    check "$n unplugged: the guest draws" wait_for 120 says u "picture drawn"
    check "$n unplugged: the records go" wait_for 60 eval '! physmap u | grep -q e1000'
    unplugs "$n unplugged"
    for i in $rounds; do
        check "$n unplugged: xl save $i" xl save u /tmp/u.save
        check "$n unplugged: verify $i" xen-physmap verify /tmp/u.save
        check "$n unplugged: xl restore $i" xl restore /tmp/u.cfg /tmp/u.save
        check "$n unplugged: goes on $i" grows u
        check "$n unplugged: check $i" xen-physmap check u
        rm /tmp/u.save
    done
    check "$n unplugged: xl migrate" local_migrate u
    check "$n unplugged: goes on at the target" grows u
    check "$n unplugged: check at the target" xen-physmap check u
    xl destroy u
done

# A record of the card that is gone, as version 0.1.0 left it.
guest_config /tmp/u.cfg u unplug "$(cards 6)"
check "stale: xl create" xl create /tmp/u.cfg
check "stale: the guest draws" wait_for 120 says u "picture drawn"
check "stale: the records go" wait_for 60 eval '! physmap u | grep -q e1000'
check "stale: xl save" xl save u /tmp/u.save
has "stale: the pages are in the savefile" \
    "$(xen-physmap extract --at 0x3040000,0x40000 /tmp/u.save /tmp/rom)" "256 KiB"
check "stale: with what the card had in them" grep -q 'not iPXE' /tmp/rom
check "stale: the card's record" xen-physmap edit --rename unplugged=0000:00:06.0/e1000.rom /tmp/u.save /tmp/stale.save
check "stale: xl restore" xl restore /tmp/u.cfg /tmp/stale.save
check "stale: goes on" grows u
check "stale: check agrees" xen-physmap check u
