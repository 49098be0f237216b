# SPDX-License-Identifier: LGPL-2.1-or-later
# Three clones of one saved guest run at once. Each is checked by the gate, and goes on where the guest
# was saved.
dm_arguments() {
    tr '\0' ' ' <"/proc/$(xenstore-read "/local/domain/$(domid "$1")/image/device-model-pid")/cmdline"
}

hammer_config /tmp/t.cfg t
start=$(date +%s%N)
check "xl create" xl create /tmp/t.cfg
check "it hammers" grows t
booted=$(date +%s%N)
check "xl save" xl save t /tmp/t.save
last=$(tail -c 1 /tmp/t.serial)

fails "clones that share a disk are refused" 1 xen-physmap clone --directory /tmp /tmp/t.save c1 c2 c3
has "with the disk's name" "$OUTPUT" "two guests would write to the disk /guests/hammer.img"
is "and nothing is written" "$(ls /tmp/c*.save 2>/dev/null)" ""
for name in c1 c2 c3; do cp /guests/hammer.img "/tmp/$name.img"; done
check "clone" eval "xen-physmap clone --directory /tmp --disk '/guests/hammer.img=/tmp/{name}.img' \
    /tmp/t.save c1 c2 >/tmp/commands"
is "it prints the commands" "$(cat /tmp/commands)" \
    "$(printf 'xl restore /tmp/%s.save\n' c1 c2)"
for name in c1 c2; do check "$name: verify" xen-physmap verify "/tmp/$name.save"; done
check "the commands" bash -e /tmp/commands
cloned=$(date +%s%N)
check "clone --run" xen-physmap clone --run --directory /tmp --disk '/guests/hammer.img=/tmp/{name}.img' /tmp/t.save c3
running=$(date +%s%N)
for name in c1 c2 c3; do
    check "$name: runs" wait_for 120 eval "[ \$(wc -c </tmp/$name.serial) -ge 40 ]"
    has "$name: the gate has checked it" "$(qemu_log "$name")" "the layout is the one it was saved with"
    check "$name: check agrees" xen-physmap check "$name"
    has "$name: its disk is its own" "$(dm_arguments "$name")" \
        "file=/tmp/$name.img"
done
is "all three run at once" "$(xl list | grep -c '^c[123] ')" 3
is "each has a UUID of its own" "$(xl list -v | awk '/^c[123] / { print $7 }' | sort -u | wc -l)" 3
first=$(head -c 1 /tmp/c1.serial)
for name in c1 c2 c3; do
    is "$name: goes on from where the guest was saved" "$(head -c 40 "/tmp/$name.serial")" \
        "$(head -c 40 /tmp/c1.serial)"
done
alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZA
is "without a gap" "$first" "$(sed "s/.*$last\(.\).*/\1/" <<<$alphabet)"
is "nothing went wrong in any" "$(cat /tmp/c?.serial | grep -c BAD)" 0
echo "seconds: boot $(((booted - start) / 1000000)) ms, clone with --run $(((running - cloned) / 1000000)) ms"
