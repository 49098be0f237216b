# SPDX-License-Identifier: LGPL-2.1-or-later
# A Linux guest with a disk in a qcow2 image, whose backend is QEMU.
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

# An empty image of 32 MiB in clusters of 64 KiB: header, refcount table, refcounts, L1 table.
{
    printf 'QFI\373'
    big 4 2
    big 8 0
    big 4 0 16
    big 8 $((32 << 20))
    big 4 0 1
    big 8 $((3 << 16)) $((1 << 16))
    big 4 1 0
    big 8 0
} >/tmp/l.qcow2
truncate -s $((4 << 16)) /tmp/l.qcow2
big 8 $((2 << 16)) | dd of=/tmp/l.qcow2 bs=1 seek=$((1 << 16)) conv=notrunc 2>/dev/null
big 2 1 1 1 1 | dd of=/tmp/l.qcow2 bs=1 seek=$((2 << 16)) conv=notrunc 2>/dev/null

linux_config /tmp/l.cfg l 'disk=["/tmp/l.qcow2,qcow2,xvda,rw"]'
check "xl create" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
check "its disk keeps what it writes" wait_for 60 says l "disk same"
life l /tmp/l.cfg grows l
is "nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
tail -n 30 /tmp/l.serial
