# SPDX-License-Identifier: LGPL-2.1-or-later
# docs/examples/device-model.c and an unmodified QEMU serve one guest: xl save and restore carry the
# example's block and its record.
guest_config /tmp/g1.cfg g1 counter
sed -i '/^device_model_override/d' /tmp/g1.cfg
said='0000:00:1f.0/sample.ram is at 0xe8000000'

check "xl create, paused" xl create -p /tmp/g1.cfg
fails "the device model starts" 0 device-model "$(domid g1)"
is "its block is in place" "$OUTPUT" "$said"
records=$(xen-physmap list g1 --json | grep -v domid)
has "list shows it" "$records" '0000:00:1f.0/sample.ram'
check "xl unpause" xl unpause g1
check "the guest runs" wait_for 120 says g1 "picture drawn"
check "xl save" xl save g1 /tmp/g1.save
has "show finds the record" "$(xen-physmap show /tmp/g1.save)" "0000:00:1f.0/sample.ram"
check "xl restore, paused" xl restore -p /tmp/g1.cfg /tmp/g1.save
fails "the device model comes back" 0 device-model "$(domid g1)" --restore
is "its block is there, byte for byte" "$OUTPUT" "$said, with what was saved"
is "the record is the same" "$(xen-physmap list g1 --json | grep -v domid)" "$records"
check "xl unpause" xl unpause g1
