# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that ejects a card which its config has: restored with the card, and without it.
guest_config /tmp/e.cfg e eject 'args="-device","e1000,id=c6,addr=6","-device","e1000,id=c7,addr=7"'
guest_config /tmp/without.cfg e eject 'args="-device","e1000,id=c6,addr=6"'
guest_config /tmp/other.cfg e eject 'args="-device","e1000,id=c7,addr=7","-device","e1000,id=c6,addr=6"'
check "xl create" xl create /tmp/e.cfg
check "the guest draws" wait_for 120 says e "picture drawn"
is "asked to give it up" "$(qmp e '{"execute":"device_del","arguments":{"id":"c7"}}')" '{"return": {}}'
check "its record goes" wait_for 60 eval '! physmap e | grep -q :07.0/'
has "the other card's stays" "$(physmap e)" '0000:00:06.0/e1000.rom'
has "its pages are left" "$(physmap e)" 'name = "unplugged"'
check "check agrees" xen-physmap check e
check "xl save" xl save e /tmp/e.save
check "verify" xen-physmap verify /tmp/e.save
has "its pages are in the savefile" "$(xen-physmap extract --at 0x3080000,0x40000 /tmp/e.save /tmp/rom)" "256 KiB"
check "with what the card had in them" grep -q 'not iPXE' /tmp/rom
check "xl restore with its own config" xl restore /tmp/e.cfg /tmp/e.save
check "check agrees" xen-physmap check e
has "the card is back" "$(physmap e)" '0000:00:07.0/e1000.rom'
xl destroy e
check "xl restore without the card" xl restore /tmp/without.cfg /tmp/e.save
check "check agrees" xen-physmap check e
has "its pages are left still" "$(physmap e)" 'name = "unplugged"'
check "xl migrate" local_migrate e
check "check agrees" xen-physmap check e
xl destroy e
fails "with the cards swapped: refused" 1 xl restore /tmp/other.cfg /tmp/e.save
has "and why" "$(qemu_log e)" "misplaced: 0000:00:06.0/e1000.rom"
