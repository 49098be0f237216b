# SPDX-License-Identifier: LGPL-2.1-or-later
# What libxl does with records, as docs/libxl.md says: each point is a test that a better libxl fails.

guest_config /tmp/g1.cfg g1 counter "$(cards 6)"
sed '/device_model_override/d' /tmp/g1.cfg >/tmp/stock.cfg
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
records() { echo "/local/domain/0/device-model/$(domid g1)/physmap"; }
rom=$(xenstore-ls "$(records)" | sed -n 's/^\([0-9a-f]*\) = .*/\1/p' | tail -n 1)
is "the last record is the card's" "$(xenstore-read "$(records)/$rom/name")" "0000:00:06.0/e1000.rom"

# A record without its name, as it is for a moment while a QEMU for Xen before 4.10 writes it.
name=$(xenstore-read "$(records)/$rom/name")
xenstore-rm "$(records)/$rom/name"
fails "a node is missing: the save fails as a whole" 1 xl save g1 /tmp/g1.save
echo "$OUTPUT"
check "and the guest goes on" grows g1
xenstore-write "$(records)/$rom/name" "$name"

# A node that a later version may add.
xenstore-write "$(records)/$rom/checksum" 1234
check "xl save" xl save g1 /tmp/g1.save
check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
fails "a node more: it is not carried" 1 xenstore-read "$(records)/$rom/checksum"
xl destroy g1

# A key that xenstored refuses: a blank in the place of a digit of the offset.
where=$(xen-physmap show /tmp/g1.save | sed -n 's/^EMULATOR_XENSTORE_DATA at \(0x[0-9a-f]*\), \([0-9]*\) bytes.*/\1 \2/p')
dd if=/tmp/g1.save bs=1 skip=$((${where% *})) count="${where#* }" 2>/dev/null | sed "s,physmap/$rom/,physmap/ ${rom#?}/,g" |
    dd of=/tmp/g1.save bs=1 seek=$((${where% *})) conv=notrunc 2>/dev/null
check "a write fails: the restore succeeds" xl restore /tmp/stock.cfg /tmp/g1.save
fails "and the record is lost" 1 xenstore-read "$(records)/$rom/name"
has "the other records are there" "$(xenstore-ls "$(records)" 2>&1)" 'name = "0000:00:03.0/vga.vram"'
xl destroy g1
fails "with the component the restore is refused" 1 xl restore /tmp/g1.cfg /tmp/g1.save
has "for the card without a record" "$(qemu_log g1)" "extra: 0000:00:06.0/e1000.rom"
