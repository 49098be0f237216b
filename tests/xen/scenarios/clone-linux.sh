# SPDX-License-Identifier: LGPL-2.1-or-later
# A Linux guest with a disk and a network card is a template: three clones of it run at once.
# limit: 900
linux_config /tmp/l.cfg l
start=$(date +%s%N)
check "xl create" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
check "it ticks" wait_for 60 says l "tick 2"
booted=$(date +%s%N)
check "xl save" xl save l /tmp/l.save
ticks=$(grep -o 'tick [0-9]*' /tmp/l.serial | tail -n 1 | tr -dc 0-9)

fails "clones that share a disk are refused" 1 xen-physmap clone --run --directory /tmp /tmp/l.save c1
has "with the disk's name" "$OUTPUT" "two guests would write to the disk /tmp/l.img"
for name in c1 c2 c3; do cp --sparse=always /tmp/l.img "/tmp/$name.img"; done
copied=$(date +%s%N)
check "clone --run" xen-physmap clone --run --directory /tmp --disk '/tmp/l.img=/tmp/{name}.img' \
    /tmp/l.save c1 c2 c3
running=$(date +%s%N)
is "all three run at once" "$(xl list | grep -c '^c[123] ')" 3
for name in c1 c2 c3; do
    check "$name: goes on" grows "$name"
    has "$name: the gate has checked it" "$(qemu_log "$name")" "the layout is the one it was saved with"
    check "$name: check agrees" xen-physmap check "$name"
    first=$(grep -o 'tick [0-9]*' "/tmp/$name.serial" | head -n 1 | tr -dc 0-9)
    check "$name: from where it was saved: tick $first after $ticks" \
        test "$first" -gt "$ticks" -a "$first" -le $((ticks + 2))
    is "$name: it never booted" "$(grep -c 'linux up' "/tmp/$name.serial")" 0
    is "$name: nothing was lost" "$(grep -c BAD "/tmp/$name.serial")" 0
    has "$name: its disk is its own" "$(xl network-list "$name"; xenstore-ls /local/domain/0/backend)" \
        "/tmp/$name.img"
done
is "each network card has an address of its own" \
    "$(for name in c1 c2 c3; do xl network-list "$name" | awk 'NR > 1 { print $3 }'; done | sort -u | wc -l)" 3
echo "boot and a few ticks $(((booted - start) / 1000000)) ms, three clones $(((running - copied) / 1000000)) ms"
