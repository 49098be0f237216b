# SPDX-License-Identifier: LGPL-2.1-or-later
# Cirrus, xl's default card, unmaps its framebuffer for every copy from the processor to the screen.
# No page moves for it; the guest is checked, saved and migrated in the middle of it.

# A part of the picture as a viewer sees it, away from where the guest blits.
viewed() {
    qmp c '{"execute":"screendump","arguments":{"filename":"/tmp/screen.ppm"}}' >/dev/null
    dd if=/tmp/screen.ppm bs=1000 skip=600 count=10 2>/dev/null | md5sum
}

guest_config /tmp/c.cfg c cirrus 'vga="cirrus"' videoram=8
check "xl create" xl create /tmp/c.cfg
check "the guest draws" wait_for 120 says c "picture drawn"
check "it blits" grows c
has "its framebuffer is recorded where it was moved to" "$(physmap c)" 'start_addr = "f0000000"'
picture=$(viewed)
seen=
for i in $(seq 40); do
    qmp c '{"execute":"human-monitor-command","arguments":{"command-line":"info mtree -f"}}' |
        grep -q 'ram): vga.vram\\r' && seen="$seen+" || seen="$seen-"
    case $seen in
    *+-* | *-+*) break ;;
    esac
done
has "its framebuffer is shown at times" "$seen" +
has "its framebuffer is hidden at times" "$seen" -
records=$(xen-physmap list --json c | grep -v domid)
rounds=6 checks=5
[ -z "$QUICK" ] || rounds=2 checks=2
for i in $(seq $checks); do
    check "check $i" xen-physmap check c
    is "the same records $i" "$(xen-physmap list --json c | grep -v domid)" "$records"
done
for i in $(seq $rounds); do
    check "xl save $i" xl save c /tmp/c.save
    check "xl restore $i" xl restore /tmp/c.cfg /tmp/c.save
    check "restored $i: it blits" grows c
    is "restored $i: a viewer sees the same" "$(viewed)" "$picture"
    check "restored $i: check" xen-physmap check c
    is "restored $i: the same records" "$(xen-physmap list --json c | grep -v domid)" "$records"
    rm /tmp/c.save
done
for i in $(seq $((rounds / 2))); do
    check "xl migrate $i" local_migrate c
    check "migrated $i: it blits" grows c
    is "migrated $i: a viewer sees the same" "$(viewed)" "$picture"
    check "migrated $i: check" xen-physmap check c
done
