# SPDX-License-Identifier: LGPL-2.1-or-later
# Savefiles edited, damaged and repaired; a migration through edit; a running domain's records.
# limit: 900

guest_config /tmp/g1.cfg g1 picture "$(cards 6 7)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 90 says g1 "picture drawn"
nodes=$(physmap g1)
picture=$(picture_sum g1 0xf1000000)

check "save" xen-physmap save g1 /tmp/g1.json
for format in json libxl-body libxl-record legacy legacy32; do
    check "save as $format" xen-physmap save --format $format g1 /tmp/records
    xenstore-rm "/local/domain/0/device-model/$(domid g1)/physmap"
    check "restore finds $format out" xen-physmap restore g1 /tmp/records
    is "restored from $format" "$(physmap g1)" "$nodes"
done
head -c 100 /tmp/g1.json >/tmp/half.json
fails "half a file is refused" 1 xen-physmap restore g1 /tmp/half.json
is "and leaves the records alone" "$(physmap g1)" "$nodes"
check "check agrees" xen-physmap check g1

check "xl save" xl save g1 /tmp/g1.save
check "verify" xen-physmap verify /tmp/g1.save
check "diff with the records of before" xen-physmap diff /tmp/g1.json /tmp/g1.save
check "edit with nothing to change" xen-physmap edit /tmp/g1.save /tmp/same.save
check "is byte-identical" cmp /tmp/g1.save /tmp/same.save
rm /tmp/same.save

check "edit damages a file" xen-physmap edit --rename vga.rom=nonsense.rom /tmp/g1.save /tmp/bad.save
fails "diff tells" 1 xen-physmap diff /tmp/bad.save /tmp/g1.json
fails "which isn't restored" 1 xl restore /tmp/g1.cfg /tmp/bad.save
has "the log says why" "$(qemu_log g1)" "missing: nonsense.rom"
check "edit repairs it" xen-physmap edit --import /tmp/g1.json /tmp/bad.save /tmp/bad.save
check "as it was" cmp /tmp/g1.save /tmp/bad.save

# spoil TEXT OTHER: puts as many other bytes over it, in the records of bad.save; NUL is a newline.
spoil() {
    local at length text
    read -r at length < <(xen-physmap show /tmp/bad.save |
        sed -n 's/^EMULATOR_XENSTORE_DATA at 0x\([0-9a-f]*\), \([0-9]*\) bytes.*/\1 \2/p')
    text=$(dd if=/tmp/bad.save bs=1 skip=$((16#$at)) count="$length" | tr '\0' '\n')
    text=${text%%"$1"*}
    printf %s "$2" | tr '\n' '\0' |
        dd of=/tmp/bad.save bs=1 seek=$((16#$at + ${#text})) conv=notrunc
}
# What no edit makes, libxl passes on to us.
spoil physmap/3040000/start_addr physmap/30400x0/start_addr
fails "verify names a spoilt key" 1 xen-physmap verify /tmp/bad.save
has "by what is wrong with it" "$OUTPUT" physmap/30400x0/start_addr
fails "a spoilt key isn't restored" 1 xl restore /tmp/g1.cfg /tmp/bad.save
has "the log says that, too" "$(qemu_log g1)" "can't be compared with the saved one"
fails "edit wants all of it mended" 1 \
    xen-physmap edit --remove @30400x0 /tmp/bad.save /tmp/bad.save
check "edit mends it" xen-physmap edit --remove @30400x0 --set @3040000:start_addr=3040000 \
    /tmp/bad.save /tmp/bad.save
check "it is as it was" cmp /tmp/g1.save /tmp/bad.save

check "xl restore" xl restore /tmp/g1.cfg /tmp/bad.save
check "check agrees, restored" xen-physmap check g1
is "the picture is the same" "$(picture_sum g1 0xf1000000)" "$picture"

# xl migrate -s: "HOST COMMAND..." with the stream on standard input.
migrate_through() {
    printf '#!/bin/bash\nshift\nxen-physmap edit %s - - | "$@"\n' "$*" >/tmp/through-edit
    chmod +x /tmp/through-edit
    xl migrate -s /tmp/through-edit g1 localhost
}
check "xl migrate through edit" migrate_through
check "check agrees, migrated" xen-physmap check g1
is "the picture is the same, migrated" "$(picture_sum g1 0xf1000000)" "$picture"
fails "xl migrate with a damaged record fails" 1 migrate_through --rename vga.rom=nonsense.rom
check "the source goes on" xen-physmap check g1
check "xl destroy" xl destroy g1
