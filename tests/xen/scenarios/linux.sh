# SPDX-License-Identifier: LGPL-2.1-or-later
# A Linux guest with xl's defaults: a PV disk, a PV network card beside the emulated one, which the
# guest unplugs, and a PV keyboard.
# limit: 1200
linux_config /tmp/l.cfg l
check "xl create" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
check "it ticks" wait_for 60 says l "tick 2"
for device in vkbd-0 vbd-51712 vif-0; do
    check "it has connected $device" says l "$device state Connected"
done
check "its disk keeps what it writes" wait_for 60 says l "disk same"
check "its network answers" wait_for 60 says l "net answers"
has "its framebuffer is recorded" "$(physmap l)" 'vga.vram"'
is "the card that it unplugged isn't" "$(physmap l | grep rtl8139)" ""
has "but the pages that the card left" "$(physmap l)" '"unplugged"'
SCREEN="--size 80x25xtext" life l /tmp/l.cfg grows l
is "nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
is "the card is unplugged again" "$(physmap l | grep rtl8139)" ""
tail -n 30 /tmp/l.serial
