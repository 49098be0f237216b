# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest whose firmware is OVMF: it places the BARs in its own way, and ends in its shell.
# limit: 900
cat >/tmp/o.cfg <<C
type="hvm"
name="o"
memory=192
vcpus=1
bios="ovmf"
vga="stdvga"
videoram=16
vnc=0
tsc_mode="native"
timer_mode="no_missed_ticks_pending"
serial="file:/tmp/o.serial"
on_crash="preserve"
device_model_override="$LAUNCHER"
device_model_args=["-device","e1000,addr=6"]
C
check "xl create" xl create /tmp/o.cfg
check "the firmware is up" wait_for 400 says o "Shell>"
life o /tmp/o.cfg xl list o
tail -c 2000 /tmp/o.serial
