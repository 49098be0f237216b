# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest moves its framebuffer's BAR 96 times, and its picture moves with it each time.
guest_config /tmp/g1.cfg g1 movebar
check "xl create" xl create /tmp/g1.cfg
check "the guest has moved its BAR" wait_for 120 says g1 "done"
check "check agrees" xen-physmap check g1
# What a viewer sees: QEMU's own picture, of what it has noticed to have changed.
screen() {
    qmp g1 '{"execute":"screendump","arguments":{"filename":"/tmp/screen.ppm"}}' >/dev/null
    dd if=/tmp/screen.ppm bs=1 skip=15 count=9 2>/dev/null | od -An -tx1
}
is "a viewer sees the last line drawn" "$(screen)" " ff ff ff ff ff ff ff ff ff"
picture=$(picture_sum g1 0xf6000000)
check "xl save" xl save g1 /tmp/g1.save
check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
check "restored: check agrees" xen-physmap check g1
has "restored: recorded at the last place" "$(physmap g1)" 'start_addr = "f6000000"'
is "restored: the picture is the same" "$(picture_sum g1 0xf6000000)" "$picture"
is "restored: a viewer sees it" "$(screen)" " ff ff ff ff ff ff ff ff ff"
check "xl migrate" local_migrate g1
check "migrated: check agrees" xen-physmap check g1
is "migrated: the picture is the same" "$(picture_sum g1 0xf6000000)" "$picture"
