# SPDX-License-Identifier: LGPL-2.1-or-later
# What docs/qemu.md says that we depend on is what this QEMU calls, answers and prints.

qemu=/usr/libexec/xen-qemu-system-i386
document=/usr/share/doc/xen-physmap/qemu.md
guest_config /tmp/g1.cfg g1 counter "$(cards 6)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
$qemu -version | head -n 1 | diag

# words COLUMN HEADING: what is in backticks in this column of the table with that heading.
words() {
    sed -n "/^| $2 |/,/^\$/p" "$document" | cut -d'|' -f"$(($1 + 1))" | grep -o '`[^`]*`' | tr -d '`'
}

# The loader says which names it looked up for the program itself.
LD_DEBUG=bindings LD_BIND_NOW=1 $qemu -version 2>&1 |
    sed -n "s,.*binding file $qemu \[0\] to [^ ]* \[0\]: normal symbol \`\([a-z0-9_]*\)'.*,\1,p" >/tmp/names
calls=$(words 1 call) commands=$(words 1 command)
# A list that can't be found any more would be tried without a test.
check "the document lists calls" test -n "$calls"
check "the document lists commands" test -n "$commands"
check "the loader lists names" test -s /tmp/names
for call in $calls; do
    check "it calls $call" grep -qx "$call" /tmp/names
done

# JSON on one line, as the monitor prints it.
known=$(qmp g1 '{"execute":"query-commands"}')
for command in $commands; do
    has "there is $command" "$known" "{\"name\": \"$command\"}"
    case $command in
    query-*) ;;
    *) continue ;;
    esac
    answer=$(qmp g1 "{\"execute\":\"$command\"}")
    keys=$(sed -n "s/^| \`$command\` | \([^|]*\) |.*/\1/p" "$document" | grep -o '`[^`]*`' | tr -d '`')
    check "the document lists keys of $command" test -n "$keys"
    for key in $keys; do
        [ "$key" != blocked-reasons ] || continue
        has "$command has $key" "$answer" "\"$key\": "
    done
done

# hmp COMMAND: its lines.
hmp() {
    qmp g1 "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"$1\"}}" |
        sed 's/^{"return": "//; s/"}$//; s/\\r\\n/\n/g; s/\\"/"/g'
}
hex=0x[0-9a-f]{16}
hmp "info ramblock" >/tmp/ramblock
is "info ramblock: no other line" "$(sed 1d /tmp/ramblock |
    grep -vE "^ *[^ ]+ +[0-9]+ [KMG]iB +$hex $hex $hex( $hex +(rw|ro))?\$" | grep -v '^$')" ""
is "info ramblock: its head" "$(head -n 1 /tmp/ramblock | tr -s ' ' | grep -o '.*Total')" \
    " Block Name PSize Offset Used Total"
for block in xen.ram 0000:00:03.0/vga.vram 0000:00:03.0/vga.rom 0000:00:06.0/e1000.rom; do
    check "info ramblock: $block" grep -qE "^ *$block +4 KiB " /tmp/ramblock
done

hmp "info mtree -f" >/tmp/mtree
check "info mtree: a view's head" grep -qE '^FlatView #[0-9]+$' /tmp/mtree
check "info mtree: the guest's memory" grep -qE '^ AS "memory", root: system$' /tmp/mtree
check "info mtree: the framebuffer" \
    grep -qE '^  00000000f1000000-00000000f1ffffff \(prio [0-9]+, ram\): vga.vram$' /tmp/mtree
is "info mtree: no other line" "$(grep -vE \
    '^(FlatView #[0-9]+| (AS ".*", root: .*|Root memory region: .*)|  [0-9a-f]{16}-[0-9a-f]{16} \(prio -?[0-9]+, [a-z/]+\): .*|  No rendered FlatView|)$' \
    /tmp/mtree)" ""

check "-machine help: an alias" eval '$qemu -machine help | grep -E "^xenfv +.*\(alias of xenfv-[0-9.]+\)\$"'
check "-device help: a name" eval '$qemu -device help | grep "^name \"e1000\""'
check "-device help: an alias" eval '$qemu -device help | grep "alias \"e1000-82540em\""'
check "-L help: folders" eval 'for folder in $($qemu -L help); do [ -e "$folder/vgabios-stdvga.bin" ] && exit; done'
cp /tmp/ramblock /tmp/mtree /out/
xl destroy g1
