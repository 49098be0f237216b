# SPDX-License-Identifier: LGPL-2.1-or-later
# A Linux guest whose disk QEMU serves (qdisk): a qcow2 image on top of the saved Linux's raw one.
# limit: 1200

# big BYTES NUMBER...: each in so many bytes, the highest first.
big() {
    local bytes=$1 number i
    shift
    for number; do
        for ((i = bytes * 8 - 8; i >= 0; i -= 8)); do
            printf "\\x$(printf %02x $((number >> i & 255)))"
        done
    done
}

# An empty image of 32 MiB in clusters of 64 KiB: header with the format and name of the image below,
# refcount table, refcounts, L1 table.
{
    printf 'QFI\373'
    big 4 2
    big 8 96
    big 4 11 16
    big 8 $((32 << 20))
    big 4 0 1
    big 8 $((3 << 16)) $((1 << 16))
    big 4 1 0
    big 8 0
    big 4 0xe2792aca 3
    printf 'raw\0\0\0\0\0'
    big 8 0
    printf /tmp/l.img
} >/tmp/l.qcow2
truncate -s $((4 << 16)) /tmp/l.qcow2
big 8 $((2 << 16)) | dd of=/tmp/l.qcow2 bs=1 seek=$((1 << 16)) conv=notrunc 2>/dev/null
big 2 1 1 1 1 | dd of=/tmp/l.qcow2 bs=1 seek=$((2 << 16)) conv=notrunc 2>/dev/null

linux_config /tmp/l.cfg l
linux_start /tmp/l.cfg
check "xl save" xl save l /tmp/l.save
linux_config /tmp/l.cfg l 'disk=["/tmp/l.qcow2,qcow2,xvda,rw"]'
written() { wc -c </tmp/l.qcow2; }
before=$(written)
check "xl restore, with the qcow2 image" xl restore /tmp/l.cfg /tmp/l.save
rm /tmp/l.save
has "QEMU serves it" "$(xenstore-ls /local/domain/0/backend)" qdisk
check "its disk keeps what it writes" wait_for 60 says l "disk same"
SCREEN="--size 80x25xtext" life l /tmp/l.cfg grows l
is "nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
check "the image has what it wrote" [ "$(written)" -gt "$before" ]
tail -n 30 /tmp/l.serial
