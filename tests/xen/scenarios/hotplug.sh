# SPDX-License-Identifier: LGPL-2.1-or-later
# A card is plugged in and unplugged while the guest runs: its record appears and disappears.
guest_config /tmp/g1.cfg g1 eject "$(cards 6)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
records() { xen-physmap list g1 | grep -v unplugged; }
before=$(records)
card='0000:00:08.0/e1000.rom'
recorded() { physmap g1 | grep -q "$card"; }
not_recorded() { ! recorded; }

answer=$(qmp g1 '{"execute":"device_add","arguments":{"driver":"e1000","id":"card8","addr":"8"}}')
is "plugged in" "$answer" '{"return": {}}'
check "recorded" wait_for 60 recorded
check "check agrees" xen-physmap check g1
check "xl save" xl save -c g1 /tmp/g1.save
has "the savefile has it" "$(xen-physmap show /tmp/g1.save)" "$card"
answer=$(qmp g1 '{"execute":"device_del","arguments":{"id":"card8"}}')
is "unplugged" "$answer" '{"return": {}}'
check "not recorded any more" wait_for 60 not_recorded
is "the other records stay" "$(records)" "$before"
check "check agrees again" xen-physmap check g1
