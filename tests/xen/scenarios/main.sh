# SPDX-License-Identifier: LGPL-2.1-or-later
# The main purpose: a guest recorded, saved, restored, migrated, saved and restored again, and checked.

# The records of a JSON object, whatever is around them.
records_of() { sed -n '/"records"/,/^ *\]/p' | sed 's/^ *//; s/^\],/]/'; }

# agree WHEN: the records are the ones of the first time, everywhere.
agree() {
    check "$1: check agrees" xen-physmap check g1
    is "$1: the records are the same" "$(xen-physmap list --json g1 | grep -v domid)" "$records"
    is "$1: xenstore-ls shows the same nodes" "$(physmap g1)" "$nodes"
    is "$1: the picture is the same" "$(picture_sum g1 0xf1000000)" "$picture"
}

guest_config /tmp/g1.cfg g1 picture "$(cards 6 7 8 9)"
check "xl create" xl create /tmp/g1.cfg
has "recorded before xl create returns" "$(physmap g1)" 'name = "0000:00:03.0/vga.vram"'
check "the guest draws" wait_for 120 says g1 "picture drawn"
records=$(xen-physmap list --json g1 | grep -v domid)
nodes=$(physmap g1)
picture=$(picture_sum g1 0xf1000000)
is "six blocks are recorded" "$(echo "$records" | grep -c '"phys_offset"')" 6
has "the framebuffer was moved" "$nodes" 'start_addr = "f1000000"'
for slot in 6 7 8 9; do
    has "card $slot is told apart" "$nodes" "name = \"0000:00:0$slot.0/e1000.rom\""
done
agree "created"
is "list and xenstore-ls agree" \
    "$(xen-physmap list g1 | sed -n 's/^\(0000[^ ]*\).* 0x\([0-9a-f]*\)  *0x\([0-9a-f]*\) .*/\3 start_addr \2\n\3 name \1/p' | sort)" \
    "$(xenstore-ls -f "/local/domain/0/device-model/$(domid g1)/physmap" |
        sed -n 's,.*/physmap/\([0-9a-f]*\)/\(start_addr\|name\) = "\(.*\)".*,\1 \2 \3,p' | sort)"

check "xl save" xl save g1 /tmp/g1.save
shown=$(xen-physmap show --json /tmp/g1.save | records_of)
is "show prints the records" "$shown" "$(echo "$records" | records_of)"
is "show reads a pipe" "$(xen-physmap show --json - </tmp/g1.save | records_of)" "$shown"
# Not saved straight to /out: 9p can't write guest pages from where libxc maps them.
cp /tmp/g1.save /out/
check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
agree "restored"
check "xl migrate" local_migrate g1
agree "migrated"
check "a second xl save" xl save g1 /tmp/g2.save
check "a second xl restore" xl restore /tmp/g1.cfg /tmp/g2.save
agree "restored again"
check "xl destroy" xl destroy g1
