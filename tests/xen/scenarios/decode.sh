# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest is saved while its framebuffer's BAR is switched off. QEMU has left the pages where they
# were, and a restored one knows nothing of them until the guest switches the BAR on.
guest_config /tmp/d.cfg d decode
check "xl create" xl create /tmp/d.cfg
check "the guest draws" wait_for 120 says d "picture drawn"
last() { [ "$(tail -c 1 /tmp/d.serial)" = "$1" ]; }
screen() {
    qmp d '{"execute":"screendump","arguments":{"filename":"/tmp/screen.ppm"}}' >/dev/null
    dd if=/tmp/screen.ppm bs=1 skip="$1" count=6 2>/dev/null | od -An -tx1
}
check "the BAR is on" wait_for 60 last +
picture=$(screen 600000)
is "a viewer sees the line" "$(screen 15)" " ff ff ff ff ff ff"
check "the BAR is off" wait_for 60 last -
check "check agrees" xen-physmap check d
has "recorded where it was" "$(physmap d)" 'start_addr = "f1000000"'
check "xl save" xl save d /tmp/d.save
check "saved while it was off" last -
rm /tmp/d.serial
check "xl restore" xl restore /tmp/d.cfg /tmp/d.save
check "restored: check agrees" xen-physmap check d
check "restored: the BAR is on" wait_for 60 last +
check "restored: check agrees again" xen-physmap check d
is "restored: a viewer sees the picture" "$(screen 600000)" "$picture"
is "restored: and the line" "$(screen 15)" " ff ff ff ff ff ff"
check "xl save again" xl save d /tmp/d.save
check "xl restore again" xl restore /tmp/d.cfg /tmp/d.save
check "restored again: check agrees" xen-physmap check d
qemu_log d
