# SPDX-License-Identifier: LGPL-2.1-or-later
# Two VGA cards with framebuffers of one size, of which QEMU moves one: each is told apart.

# Half of the videoram that libxl makes room for is the second card's. The first one has no ROM: with
# a ROM between the two, QEMU 7.2 fails an assertion when it restores them, with or without us, since
# it expects the moved one at a whole MiB.
cat >/tmp/two-qemu <<'Q'
#!/bin/bash
exec /usr/libexec/xen-qemu-system-i386 "${@/vgamem_mb=32/vgamem_mb=16,romfile=}"
Q
chmod +x /tmp/two-qemu
export XEN_PHYSMAP_QEMU=/tmp/two-qemu
guest_config /tmp/t.cfg t counter memory=80 videoram=32 'args="-device","secondary-vga,addr=8,vgamem_mb=16"'
check "xl create" xl create /tmp/t.cfg
# The guest draws on the one that QEMU doesn't move, which would take it minutes.
check "a framebuffer is moved" wait_for 120 eval 'physmap t | grep -q "start_addr = .f"'
xen-physmap list t
qmp t '{"execute":"human-monitor-command","arguments":{"command-line":"info mtree -f"}}' |
    sed 's/\\r\\n/\n/g' | grep vram | sort -u
is "two framebuffers are recorded" "$(physmap t | grep -c 'vga.vram"')" 2
check "check agrees" xen-physmap check t
records=$(xen-physmap list --json t | grep -v domid)
check "xl save" xl save t /tmp/t.save
check "xl restore" xl restore /tmp/t.cfg /tmp/t.save
check "restored: check agrees" xen-physmap check t
is "the same records" "$(xen-physmap list --json t | grep -v domid)" "$records"
check "xl migrate" local_migrate t
check "migrated: check agrees" xen-physmap check t
is "the same records at the target" "$(xen-physmap list --json t | grep -v domid)" "$records"
