# SPDX-License-Identifier: LGPL-2.1-or-later
# The guest has given a page of an option ROM back to Xen. The records stay, check and verify name the
# page, and a restore is refused for it. With the policy warn the guest is restored.
guest_config /tmp/p.cfg p gap "$(cards 6)"
check "xl create" xl create /tmp/p.cfg
check "the guest gives a page back" wait_for 120 says p "page given"
has "the framebuffer is recorded where it is" "$(physmap p)" 'start_addr = "f1000000"'
has "the ROM is recorded" "$(physmap p)" '0000:00:06.0/e1000.rom"'
fails "check finds it" 1 xen-physmap check p
is "and nothing else" "$OUTPUT" \
    "0000:00:06.0/e1000.rom: 1 of 64 pages are not in the domain, the first at 0x3048000"
check "xl save" xl save p /tmp/p.save
fails "verify finds it" 1 xen-physmap verify /tmp/p.save
has "and where" "$OUTPUT" "0000:00:06.0/e1000.rom: 1 of 64 pages are not in the stream, the first at 0x3048000"
fails "xl restore is refused" 1 xl restore /tmp/p.cfg /tmp/p.save
has "and why" "$(qemu_log p)" "0000:00:06.0/e1000.rom: only partly in the guest: it has no page at 0x3048000"
has "and what to do" "$(qemu_log p)" "xen-physmap verify"
# What the message advises.
export XEN_PHYSMAP_POLICY=warn
check "xl restore with the policy warn" xl restore /tmp/p.cfg /tmp/p.save
check "it goes on" grows p
fails "check finds it still" 1 xen-physmap check p
