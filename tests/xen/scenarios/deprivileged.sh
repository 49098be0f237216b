# SPDX-License-Identifier: LGPL-2.1-or-later
# QEMU gives up root after its start, as with libxl's device_model_user.
echo 'root:x:0:0::/root:/bin/sh' >/etc/passwd
echo 'qemu:x:1000:1000::/:/bin/sh' >>/etc/passwd
echo 'qemu:x:1000:' >/etc/group

cp /guests/eject.img /tmp/g1.img
guest_config /tmp/g1.cfg g1 eject "$(cards 6)" 'device_model_user="qemu"'
sed -i 's,/guests/eject.img,/tmp/g1.img,' /tmp/g1.cfg
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
pid=$(for p in /proc/[0-9]*; do [ "$(readlink "$p/exe")" = /usr/libexec/xen-qemu-system-i386 ] && echo "${p#/proc/}"; done)
is "QEMU isn't root" "$(sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$pid/status")" 1000
is "nor is the component's thread" "$(cat /proc/$pid/task/*/status | sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' | sort -u)" 1000
has "the framebuffer's move was recorded" "$(physmap g1)" 'start_addr = "f1000000"'
fails "an update, when QEMU may not open its disk again" 1 xen-physmap update-dm g1
has "the disk is named" "$OUTPUT" "couldn't open the disk image /tmp/g1.img again: Permission denied"
chown qemu /tmp/g1.img
mv "/run/xen-physmap/launch/$pid" /tmp/start
fails "an update, when only QEMU tells what it was started with" 1 xen-physmap update-dm g1
has "the way out is named" "$OUTPUT" "migrate the guest once"
mv /tmp/start "/run/xen-physmap/launch/$pid"
check "an update, when it may" xen-physmap update-dm g1
pid=$(xenstore-read "/local/domain/$(domid g1)/image/device-model-pid")
is "the new QEMU isn't root either" "$(sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$pid/status")" 1000
qmp g1 '{"execute":"device_add","arguments":{"driver":"e1000","id":"card8","addr":"8"}}' >/dev/null
recorded() { physmap g1 | grep -q 0000:00:08.0/e1000.rom; }
check "what comes later is recorded too" wait_for 60 recorded
check "check agrees" xen-physmap check g1
xl destroy g1

# dm_restrict closes QEMU's xenstore connections, which is its point: said once, and the guest runs.
guest_config /tmp/g1.cfg g1 picture "$(cards 6)" dm_restrict=1 'device_model_user="qemu"'
sed '/^device_model_override/d' /tmp/g1.cfg >/tmp/stock.cfg
if xl create /tmp/stock.cfg; then
    xl destroy g1
    check "dm_restrict: xl create" xl create /tmp/g1.cfg
    check "dm_restrict: the guest runs" wait_for 120 says g1 "picture drawn"
    has "dm_restrict: the log says that nothing is recorded" "$(qemu_log g1)" "can't record the layout"
else
    skip "dm_restrict" "QEMU dies at its start with it on this Xen, without xen-physmap too"
    sed -i '/^dm_restrict=/d' /tmp/g1.cfg
    check "xl create, of another guest whose QEMU isn't root" xl create /tmp/g1.cfg
fi

# A QEMU that isn't root can't remove its socket from root's /run/xen when it ends; the next start does.
last=$(domid g1)
is "the first guest's socket is gone" "$(echo /run/xen/qmp-physmap-*)" "/run/xen/qmp-physmap-$last"
xl destroy g1
is "the last guest's stays" "$(echo /run/xen/qmp-physmap-*)" "/run/xen/qmp-physmap-$last"
guest_config /tmp/g1.cfg g1 picture "$(cards 6)"
check "xl create, of a guest whose QEMU stays root" xl create /tmp/g1.cfg
is "which removes it" "$(echo /run/xen/qmp-physmap-*)" "/run/xen/qmp-physmap-$(domid g1)"
xl destroy g1
