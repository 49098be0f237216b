# SPDX-License-Identifier: LGPL-2.1-or-later
# Linux unplugs its emulated network cards, one and then four. Each QEMU that restores it has them
# again, and Linux unplugs them once more; saved and restored five times in a row, and migrated.
# limit: 1200
recorded() { physmap l | grep -c "$1"; }
unplugged() { [ "$(recorded rtl8139)" = 0 ]; }

goes_on() {   # WHEN CARDS
    check "$1: goes on" grows l
    check "$1: its cards are unplugged" wait_for 20 unplugged
    is "$1: their pages are recorded" "$(recorded '"unplugged"')" "$2"
    check "$1: check agrees" xen-physmap check l
}

for cards in 1 4; do
    when="$cards unplugged"
    vif='"bridge=xenbr0"'
    for ((i = 1; i < cards; i++)); do vif="$vif,\"bridge=xenbr0\""; done
    linux_config /tmp/l.cfg l "vif=[$vif]"
    if [ $cards = 1 ]; then
        linux_start /tmp/l.cfg
    else
        check "$when: xl create" xl create /tmp/l.cfg
        check "$when: linux is up" wait_for 500 says l "linux up"
        check "$when: it ticks" wait_for 60 says l "tick 2"
    fi
    goes_on "$when" $cards
    for round in 1 2 3 4 5; do
        check "$when, saved $round: xl save" xl save l /tmp/l.save
        check "$when, saved $round: verify" xen-physmap verify /tmp/l.save
        check "$when, saved $round: xl restore" xl restore /tmp/l.cfg /tmp/l.save
        rm /tmp/l.save
        goes_on "$when, saved $round" $cards
    done
    check "$when: xl migrate" local_migrate l
    goes_on "$when, migrated" $cards
    is "$when: nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
    cp /tmp/l.serial "/out/$SCENARIO-$cards.serial"
    xl destroy l
    rm -f /tmp/l.serial
done
