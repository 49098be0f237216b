# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests whose QEMU crashes when it saves the state of a device: `check` and `update-dm` say so when QEMU
# does, and when it doesn't, a second QEMU crashes in the place of the guest's own.
# limit: 900
program=/usr/libexec/xen-qemu-system-i386
cp $program /tmp/packaged

# A QEMU that doesn't name the devices that it can't save: the name of that answer is another one.
at=$(strings -t d $program | sed -n 's/^ *\([0-9]*\) blocked-reasons$/\1/p')
cp $program /tmp/silent
printf 'X' | dd of=/tmp/silent bs=1 seek="$at" conv=notrunc 2>/dev/null
is "one place was changed" "$(cmp -l $program /tmp/silent | wc -l)" 1

use() { cp "$1" /tmp/next && mv /tmp/next $program; }   # PROGRAM

guest() {   # NAME DEVICE
    local name=$1
    hammer_config "/tmp/$name.cfg" "$name"
    sed -i 's/^\(device_model_args=.*\)]$/\1,"-device","'"$2"'"]/' "/tmp/$name.cfg"
    check "$name: xl create" xl create "/tmp/$name.cfg"
    check "$name: the guest hammers" wait_for 120 says "$name" "ABC"
}

named() {   # NAME DEVICE
    guest "$1" "$2"
    fails "$1: check" 0 xen-physmap check "$1"
    has "$1: check says it" "$OUTPUT" "non-migratable device"
    fails "$1: update-dm" 1 xen-physmap update-dm "$1"
    has "$1: it is refused by name" "$OUTPUT" "/${2%%,*}"
    has "$1: it is told what to do" "$OUTPUT" "shut the guest down"
    check "$1: it goes on" grows "$1"
    xl destroy "$1"
}

# The old program is tried because the new one isn't the same file any more.
unnamed() {   # NAME DEVICE
    use /tmp/silent
    guest "$1" "$2"
    use /tmp/packaged
    is "$1: check doesn't say it" "$(xen-physmap check "$1" | grep migratable)" ""
    old=$(xenstore-read "/local/domain/$(domid "$1")/image/device-model-pid")
    fails "$1: update-dm" 1 xen-physmap update-dm "$1"
    echo "$OUTPUT"
    has "$1: another QEMU crashed" "$OUTPUT" "was killed by signal 11 (Segmentation fault) when it saved"
    has "$1: it is told what to do" "$OUTPUT" "shut the guest down"
    has "$1: the guest wasn't paused" "$OUTPUT" "goes on with the old QEMU"
    is "$1: it never was" "$(echo "$OUTPUT" | grep -c 'pause')" 0
    check "$1: its QEMU is the same" test -e "/proc/$old/exe"
    check "$1: it goes on" grows "$1"
    check "$1: check agrees" xen-physmap check "$1"
    is "$1: nothing is left" "$(left_over)" ""
    is "$1: it counted without a gap" "$(sequence "$1")" "whole"
    has "$1: nothing is to be resumed" "$(xen-physmap update-dm --resume "$1" 2>&1)" "no update of it was cut off"
    xl destroy "$1"
}

named nvme nvme,serial=s,addr=8
unnamed nvme-silent nvme,serial=s,addr=8
if [ -z "$QUICK" ]; then
    named rocker rocker,name=switch,addr=8
    unnamed rocker-silent rocker,name=switch,addr=8
fi
