# SPDX-License-Identifier: LGPL-2.1-or-later
# The gate on restore: each mismatch gets its verdict, and the guest never runs on one.
# limit: 900

# The guest counts on its serial port from its first moment, so a silent one never ran.
restore() {   # CONFIG SAVEFILE
    rm -f /tmp/g1.serial
    xl restore "$1" "$2"
}

refused() {   # CASE CONFIG SAVEFILE TEXT...
    local name=$1 config=$2 file=$3 text log
    shift 3
    fails "$name: xl restore fails" 1 restore "$config" "$file"
    log=$(qemu_log g1)
    for text; do has "$name: the log says '$text'" "$log" "$text"; done
    is "$name: the guest never ran" "$(cat /tmp/g1.serial 2>/dev/null)" ""
    is "$name: nothing is left" "$(xl list | tail -n +3; xenstore-ls /local/domain/0/device-model 2>&1; ls /run/xen | grep qmp-)" ""
}

accepted() {   # CASE CONFIG SAVEFILE TEXT...
    local name=$1 config=$2 file=$3 text log
    shift 3
    check "$name: xl restore" restore "$config" "$file"
    check "$name: the guest runs" wait_for 60 says g1 "[A-Z]"
    log=$(qemu_log g1)
    for text; do has "$name: the log says '$text'" "$log" "$text"; done
}

guest_config /tmp/same.cfg g1 counter "$(cards 6 7)"
guest_config /tmp/swapped.cfg g1 counter "$(cards 7 6)"
guest_config /tmp/no-rom.cfg g1 counter 'args="-device","e1000,addr=6,romfile=","-device","e1000,addr=7"'
guest_config /tmp/videoram.cfg g1 counter "$(cards 6 7)" videoram=32
guest_config /tmp/memory.cfg g1 counter "$(cards 6 7)" memory=64
guest_config /tmp/extra.cfg g1 counter "$(cards 6 7 8)"
guest_config /tmp/extra-first.cfg g1 counter "$(cards 8 6 7)"

check "xl create" xl create /tmp/same.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
check "xl save" xl save g1 /tmp/g1.save

refused "two cards swapped" /tmp/swapped.cfg /tmp/g1.save "misplaced: 0000:00:06.0/e1000.rom" \
    "misplaced: 0000:00:07.0/e1000.rom" "offsets: 0000:00:03.0, 0000:00:06.0, 0000:00:07.0"
refused "a ROM left out" /tmp/no-rom.cfg /tmp/g1.save "missing: 0000:00:06.0/e1000.rom" "do: add the device at 0000:00:06.0" \
    "XEN_PHYSMAP_POLICY=warn lets such a guest run"
refused "videoram 32" /tmp/videoram.cfg /tmp/g1.save "resized: 0000:00:03.0/vga.vram" "do: set videoram=16"
refused "memory 64" /tmp/memory.cfg /tmp/g1.save "misplaced: 0000:00:03.0/vga.vram" \
    "had 32 MiB of memory besides its videoram, and this one has 48" "do: set maxmem=48"
head -c 65536 /usr/lib/ipxe/qemu/efi-e1000.rom >/tmp/small.rom
guest_config /tmp/small-rom.cfg g1 counter 'args="-device","e1000,addr=6,romfile=/tmp/small.rom","-device","e1000,addr=7"'
refused "a ROM of another size" /tmp/small-rom.cfg /tmp/g1.save "resized: 0000:00:06.0/e1000.rom" "OPTION ROMS"
refused "a card in front" /tmp/extra-first.cfg /tmp/g1.save "extra: 0000:00:08.0/e1000.rom"

# The records in the savefile changed in place, without changing a length. For this sed a NUL ends a
# line; and the whole file would take it minutes.
edited() {
    local where
    where=$(xen-physmap show /tmp/g1.save | sed -n 's/^EMULATOR_XENSTORE_DATA at \(0x[0-9a-f]*\), \([0-9]*\) bytes.*/\1 \2/p')
    cp /tmp/g1.save "/tmp/$1.save"
    dd if=/tmp/g1.save bs=1 skip=$((${where% *})) count="${where#* }" 2>/dev/null | sed "$2" |
        dd of="/tmp/$1.save" bs=1 seek=$((${where% *})) conv=notrunc 2>/dev/null
}
edited renamed 's,:06.0/e1000.rom,:06.0/e1000.rox,'
refused "a record renamed" /tmp/same.cfg /tmp/renamed.save "missing: 0000:00:06.0/e1000.rox"
edited duplicated 's,:06.0/e1000.rom,:07.0/e1000.rom,'
refused "a record's name twice" /tmp/same.cfg /tmp/duplicated.save "two records are named 0000:00:07.0/e1000.rom"
edited resized '/physmap.3040000.size/{n;s/40000/20000/}'
refused "a record resized" /tmp/same.cfg /tmp/resized.save "resized: 0000:00:06.0/e1000.rom"
edited removed 's,physmap/3040000/,physmap!3040000/,g'
refused "a record removed" /tmp/same.cfg /tmp/removed.save "extra: 0000:00:06.0/e1000.rom"
edited broken '/physmap.3040000.start_addr/{n;s/3040000/304000G/}'
refused "a record that is none" /tmp/same.cfg /tmp/broken.save "is not a number"

accepted "an extra card behind" /tmp/extra.cfg /tmp/g1.save "unseen (harmless): 0000:00:08.0/e1000.rom"
check "an extra card behind: check agrees" xen-physmap check g1
xl destroy g1
accepted "the right config" /tmp/same.cfg /tmp/g1.save "the layout is the one it was saved with, 4 ramblocks"

# What the refusals advise to do, done.
xl destroy g1
check "the saved ROM" xen-physmap extract /tmp/g1.save 0000:00:06.0/e1000.rom /tmp/saved.rom
sed 's,small.rom,saved.rom,' /tmp/small-rom.cfg >/tmp/saved-rom.cfg
accepted "with the saved ROM" /tmp/saved-rom.cfg /tmp/g1.save "the layout is the one it was saved with"
check "xl mem-max" xl mem-max g1 64
check "xl save" xl save g1 /tmp/max.save
fails "its own config has another maxmem: refused" 1 xl restore /tmp/max.save
has "and why" "$(qemu_log g1)" "do: set maxmem=48"
sed 's/^memory=.*/memory=48\nmaxmem=48/' /tmp/same.cfg >/tmp/max.cfg
accepted "with maxmem=48" /tmp/max.cfg /tmp/max.save "the layout is the one it was saved with"
rm /tmp/max.save
xl destroy g1

# The records of a QEMU before Xen 4.10: of the framebuffer alone, by its bare name.
old=()
for slot in 03.0/vga.rom 06.0/e1000.rom 07.0/e1000.rom; do old+=(--remove "0000:00:$slot"); done
check "records of an older QEMU" xen-physmap edit "${old[@]}" --rename 0000:00:03.0/vga.vram=vga.vram /tmp/g1.save /tmp/old.save
accepted "videoram alone" /tmp/same.cfg /tmp/old.save "unrecorded (harmless): 0000:00:06.0/e1000.rom"
check "videoram alone: recorded now" xen-physmap check g1
xl destroy g1
refused "videoram alone, memory 64" /tmp/memory.cfg /tmp/old.save "misplaced: vga.vram"
refused "videoram alone, videoram 32" /tmp/videoram.cfg /tmp/old.save "resized: vga.vram"
rm /tmp/old.save
accepted "the right config again" /tmp/same.cfg /tmp/g1.save "the layout is the one it was saved with"

# The target of a migration refuses, and the source goes on.
xl config-update g1 /tmp/same.cfg >/dev/null 2>&1
printf '#!/bin/sh\nshift\nexec env XEN_PHYSMAP_QEMU=/tmp/other-qemu "$@"\n' >/tmp/other-host
cat >/tmp/other-qemu <<Q
#!/bin/sh
# The target's QEMU has one more card, in front of the others.
domid=\$1
shift
exec $QEMU "\$domid" "\$@"
Q
chmod +x /tmp/other-host /tmp/other-qemu
sed -i 's/"\$domid" "\$@"/"$domid" "$1" -machine xenfv -device e1000,addr=8 "$@"/' /tmp/other-qemu
fails "xl migrate to another layout fails" 1 xl migrate -s /tmp/other-host g1 localhost
check "the source goes on" grows g1
check "check agrees at the source" xen-physmap check g1
check "and it migrates to the right one" local_migrate g1

# The policy.
xl destroy g1
XEN_PHYSMAP_POLICY=warn accepted "policy warn" /tmp/swapped.cfg /tmp/g1.save \
    "misplaced: 0000:00:06.0/e1000.rom" "goes on anyway"
xl destroy g1
XEN_PHYSMAP_POLICY=off accepted "policy off" /tmp/swapped.cfg /tmp/g1.save
is "policy off: silent" "$(qemu_log g1 | grep xen-physmap)" ""
xl destroy g1

# A guest that was saved without us.
sed '/device_model_override/d' /tmp/same.cfg >/tmp/stock.cfg
check "xl create without us" xl create /tmp/stock.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
check "xl save without us" xl save g1 /tmp/stock.save
accepted "saved without records" /tmp/same.cfg /tmp/stock.save "came without records"
check "saved without records: recorded now" xen-physmap check g1
