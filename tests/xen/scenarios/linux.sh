# SPDX-License-Identifier: LGPL-2.1-or-later
# A Linux guest with xl's defaults: a PV disk, a PV network card beside the emulated one, which the
# guest unplugs, and a PV keyboard.
# limit: 1200
linux_config /tmp/l.cfg l
linux_start /tmp/l.cfg
for line in "device vkbd-0 state Connected" "device vbd-51712 state Connected" \
    "device vif-0 state Connected" "disk /dev/xvda"; do
    check "at its start: $line" grep -q "$line" $LINUX/serial
done
check "its disk keeps what it writes" wait_for 30 says l "disk same"
check "its network answers" wait_for 30 says l "net answers"
has "its framebuffer is recorded" "$(physmap l)" 'vga.vram"'
is "the card that it unplugged isn't" "$(physmap l | grep rtl8139)" ""
has "but the pages that the card left" "$(physmap l)" '"unplugged"'
life l /tmp/l.cfg grows l
is "nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
is "the card is unplugged again" "$(physmap l | grep rtl8139)" ""
tail -n 30 /tmp/l.serial
