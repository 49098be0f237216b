# SPDX-License-Identifier: LGPL-2.1-or-later
# A Linux guest without PV drivers for its disk and its card: IDE with a file system, and an e1000 on
# a tap device.
# limit: 1200
linux_config /tmp/l.cfg l 'cmdline="console=tty0 console=ttyS0 quiet panic=0 xen_emul_unplug=never"' \
    'disk=["/tmp/l.img,raw,hda,rw"]' 'vif=["bridge=xenbr0,model=e1000"]' 'vga="stdvga"' videoram=16
check "xl create" xl create /tmp/l.cfg
check "linux is up" wait_for 500 says l "linux up"
check "its disk is the IDE one" wait_for 60 says l "disk /dev/sda"
check "its disk keeps what it writes" wait_for 60 says l "disk same"
check "its network answers" wait_for 60 says l "net answers"
has "the card is recorded" "$(physmap l)" 'e1000.rom"'
life l /tmp/l.cfg grows l
check "update-dm" xen-physmap update-dm l
check "updated: goes on" grows l
check "updated: check agrees" xen-physmap check l
is "nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
tail -n 30 /tmp/l.serial
