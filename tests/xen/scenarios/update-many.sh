# SPDX-License-Identifier: LGPL-2.1-or-later
# Two guests, updated at the same time, and with --all, which stops at the first failure.
# limit: 1200

both() {   # WHEN
    for guest in g1 g2; do
        check "$1: $guest goes on" grows $guest
        check "$1: check of $guest agrees" xen-physmap check $guest
    done
}

for guest in g1 g2; do
    hammer_config /tmp/$guest.cfg $guest
    # QEMU locks its image.
    cp /guests/hammer.img /tmp/$guest.img
    sed -i "s,/guests/hammer.img,/tmp/$guest.img," /tmp/$guest.cfg
    check "xl create $guest" xl create /tmp/$guest.cfg
done
for guest in g1 g2; do check "$guest hammers" wait_for 240 says $guest "ABC"; done

xen-physmap update-dm g1 >/tmp/1 2>&1 &
first=$!
check "an update of g2 at the same time" xen-physmap update-dm g2
rc=0
wait $first || rc=$?
is "and of g1" $rc 0
both "at once"

check "--all" xen-physmap update-dm --all
both "all"

# Domain 0's own QEMU, as Debian's init script starts it, and a guest that was started without us.
xenstore-write /local/domain/0/device-model/0/state running
fails "--all beside domain 0's own QEMU" 0 xen-physmap update-dm --all --dry-run
has "domain 0 is passed by" "$OUTPUT" "skipped: domain 0's own QEMU"
has "the others aren't" "$OUTPUT" "2 ready, 0 failed or refused, 1 skipped, 0 not touched"
xenstore-rm /local/domain/0/device-model/0

fails "--all --outdated with a program that is on the disk" 0 xen-physmap update-dm --all --outdated \
    --keep-going
has "none is updated" "$OUTPUT" "0 updated, 0 failed or refused, 2 skipped, 0 not touched"
cp /usr/libexec/xen-qemu-system-i386 /tmp/upgraded
mv /tmp/upgraded /usr/libexec/xen-qemu-system-i386
has "list says so" "$(xen-physmap list g1)" "was replaced since it started"
fails "--all --outdated --keep-going after an upgrade" 0 xen-physmap update-dm --all --outdated --keep-going
has "both are updated" "$OUTPUT" "2 updated, 0 failed or refused, 0 skipped, 0 not touched"
both "all that were outdated"
is "and not afterwards" "$(xen-physmap list g1 | grep replaced)" ""

xl pause g1
fails "--all with a paused guest" 1 xen-physmap update-dm --all
has "it says why" "$OUTPUT" "g1): refused: it is paused"
has "and that it stopped" "$OUTPUT" "0 updated, 1 failed or refused, 0 skipped, 1 not touched"
fails "--all --keep-going with a paused guest" 1 xen-physmap update-dm --all --keep-going
has "it went on" "$OUTPUT" "1 updated, 1 failed or refused, 0 skipped, 0 not touched"
xl unpause g1
both "afterwards"

# A disk that QEMU serves itself, as a paravirtual driver would have connected to it.
id=$(domid g2)
backend=/local/domain/0/backend/qdisk/$id/51728
xenstore-write "$backend/frontend" "/local/domain/$id/device/vbd/51728" "$backend/state" 4 \
    "$backend/dev" xvdb "$backend/params" "aio:/tmp/b.qcow2" "/local/domain/$id/device/vbd/51728/state" 4
fails "a disk that QEMU serves" 1 xen-physmap update-dm g2
has "it is named" "$OUTPUT" "QEMU itself serves the disk xvdb (aio:/tmp/b.qcow2), and the guest is connected"
xenstore-rm "/local/domain/0/backend/qdisk/$id"
xenstore-rm "/local/domain/$id/device/vbd/51728"

# A new QEMU would write to a file that isn't the guest's disk any more.
mv /tmp/g2.img /tmp/moved.img
cp /tmp/moved.img /tmp/g2.img
fails "a disk image that was replaced" 1 xen-physmap update-dm g2
has "it is named, too" "$OUTPUT" "couldn't open the disk image /tmp/g2.img again: another file has that name now"
mv /tmp/moved.img /tmp/g2.img

# A hash of each block before and after, while the guest stands still for it.
guest_config /tmp/g3.cfg g3 picture "$(cards 6 7)"
check "xl create g3" xl create /tmp/g3.cfg
check "g3 draws" wait_for 120 says g3 "picture drawn"
before=$(xen-physmap check --hash g3)
check "an update of g3" xen-physmap update-dm g3
is "each block is, bit for bit, what it was" "$(xen-physmap check --hash g3)" "$before"
for guest in g1 g2; do is "$guest counted without a gap" "$(sequence $guest)" "whole"; done
