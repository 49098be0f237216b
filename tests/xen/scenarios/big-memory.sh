# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest whose memory reaches up to the PCI hole, as memory=3840 does with xl's defaults: its
# framebuffer's BAR is where the card's ROM was allocated, so the ROM has no pages any more. The hole
# begins at 256 MiB here, which the box has room for.
guest_config /tmp/b.cfg b counter 'vga="cirrus"' videoram=8 memory=256 mmio_hole=3840
check "xl create" xl create /tmp/b.cfg
check "the guest draws" wait_for 200 says b "picture drawn"
xen-physmap list b
has "the framebuffer is where the ROM was" "$(physmap b)" 'start_addr = "10000000"'
is "it alone is recorded" "$(physmap b | grep -c name)" 1
check "check agrees" xen-physmap check b
picture=$(picture_sum b 0x10001000)
check "xl save" xl save b /tmp/b.save
check "verify" xen-physmap verify /tmp/b.save
check "xl restore" xl restore /tmp/b.cfg /tmp/b.save
rm /tmp/b.save
check "goes on" grows b
check "restored: check agrees" xen-physmap check b
has "restored: the framebuffer is there" "$(physmap b)" 'start_addr = "10000000"'
is "restored: the picture is the same" "$(picture_sum b 0x10001000)" "$picture"
check "xl migrate" local_migrate b
check "migrated: goes on" grows b
check "migrated: check agrees" xen-physmap check b
is "migrated: the picture is the same" "$(picture_sum b 0x10001000)" "$picture"
