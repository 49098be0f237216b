# SPDX-License-Identifier: LGPL-2.1-or-later
# xenstored doesn't answer while a card is plugged in and the guest maps its framebuffer, which QEMU moves
# there. The guest goes on undisturbed, and both are recorded as soon as xenstored answers again.
guest_config /tmp/g1.cfg g1 counter 'firmware_override="/guests/latecomer"'
check "xl create" xl create /tmp/g1.cfg
check "the guest runs" wait_for 60 says g1 XYZ
id=$(domid g1)
domid() { echo "$id"; }
has "its framebuffer isn't mapped yet" "$(physmap g1)" 'start_addr = "3000000"'
pid=$(ps | sed -n 's/^ *\([0-9]*\) .*[o]*xenstored --pid-file.*/\1/p' | head -n 1)
kill -STOP "$pid"
is "a card is plugged in without xenstored" \
    "$(qmp g1 '{"execute":"device_add","arguments":{"driver":"e1000","id":"card8","addr":"8"}}')" '{"return": {}}'
check "the guest maps its framebuffer" wait_for 60 says g1 mapped
check "and goes on" grows g1
check "QEMU has moved the framebuffer" eval 'qmp g1 "{\"execute\":\"human-monitor-command\",\"arguments\":
    {\"command-line\":\"info mtree -f\"}}" | grep -q "00000000f0000000.*vga.vram"'
kill -CONT "$pid"
agrees() { xen-physmap check g1 && physmap g1 | grep -q 'start_addr = "f0000000"'; }
check "the framebuffer is recorded right afterwards" wait_for 60 agrees
has "and the card" "$(physmap g1)" 0000:00:08.0/e1000.rom
is "QEMU's log has no complaint" "$(qemu_log g1 | grep xen-physmap)" ""
