# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest whose RAM reaches up to the PCI hole: the framebuffer's BAR is where a ROM was allocated.
# Most of its memory is populated on demand, so that it fits into the box.
# limit: 400
guest_config /tmp/b.cfg b counter 'vga="cirrus"' videoram=8 memory=64 maxmem=3840
check "xl create" xl create /tmp/b.cfg
check "the guest draws" wait_for 200 says b "picture drawn"
xen-physmap list b
has "the framebuffer is in its BAR" "$(physmap b)" 'start_addr = "f0000000"'
check "check agrees" xen-physmap check b
check "xl save" xl save b /tmp/b.save
check "verify" xen-physmap verify /tmp/b.save
check "xl restore" xl restore /tmp/b.cfg /tmp/b.save
check "goes on" grows b
check "check agrees" xen-physmap check b
