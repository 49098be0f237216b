# SPDX-License-Identifier: LGPL-2.1-or-later
# A host after an upgrade of QEMU: `list` tells which guests still run the old program, and update-dm
# --all --outdated updates those and no others. Beside them are domain 0's own QEMU, as Debian's init
# script starts it, a PVH guest, and one that wasn't started through the component.
# limit: 900
program=/usr/libexec/xen-qemu-system-i386
version=$($program -version | sed -n 's/.*version \([0-9.]*[0-9]\).*/\1/p')
dm_pid() { xenstore-read "/local/domain/$(domid "$1")/image/device-model-pid"; }
replaced() { xen-physmap list "$1" | grep -c "was replaced since it started"; }
upgrade() { cp $program /tmp/upgraded && mv /tmp/upgraded $program; }

# With XENQEMU's lines of /etc/init.d/xen.
$program -xen-domid 0 -xen-attach -name dom0 -nographic -M xenpv -daemonize -monitor /dev/null \
    -serial /dev/null -parallel /dev/null -nodefaults -no-user-config -pidfile /run/xen/qemu-dom0.pid
check "domain 0's own QEMU is there" wait_for 30 eval '[ "$(xenstore-read /local/domain/0/device-model/0/state)" = running ]'
cat >/tmp/p.cfg <<'C'
type="pvh"
name="p"
memory=16
vcpus=1
kernel="/guests/pvh"
C
check "xl create of a PVH guest" xl create /tmp/p.cfg
guest_config /tmp/o.cfg o counter
sed -i '/^device_model_override/d' /tmp/o.cfg
check "xl create of a guest without the component" xl create /tmp/o.cfg
xl pause o
for guest in g1 g2; do
    guest_config /tmp/$guest.cfg $guest counter
    cp /guests/counter.img /tmp/$guest.img
    sed -i "s,/guests/counter.img,/tmp/$guest.img," /tmp/$guest.cfg
    check "xl create $guest" xl create /tmp/$guest.cfg
done
for guest in g1 g2; do check "$guest draws" wait_for 240 says $guest "picture drawn"; done

has "list has the version" "$(xen-physmap list g1)" "(g1), device model in domain 0, QEMU $version"
is "and no more" "$(replaced g1)" 0
fails "--all --outdated before the upgrade" 0 xen-physmap update-dm --all --outdated
has "it updates none" "$OUTPUT" "0 updated, 0 failed or refused,"

upgrade
is "g1's program was replaced" "$(replaced g1)" 1
xen-physmap list --json --all >/out/list-all.json
is "JSON has both" "$(tr -d ' \n' </out/list-all.json | grep -o '"name":"g1","qemu_version":"'"$version"'","qemu_outdated":true' | wc -l)" 1
check "g2 is updated by hand" xen-physmap update-dm g2
is "g2 has the new program" "$(replaced g2)" 0
xen-physmap list --all
old=$(dm_pid o) second=$(dm_pid g2)
fails "--all --outdated" 0 xen-physmap update-dm --all --outdated --keep-going
echo "$OUTPUT"
has "one is updated" "$OUTPUT" "1 updated, 0 failed or refused,"
has "domain 0 is skipped" "$OUTPUT" "skipped: domain 0's own QEMU"
has "the one without the component is skipped" "$OUTPUT" "(o): skipped: it has no records"
has "the one that is up to date is skipped" "$OUTPUT" "(g2): skipped: its QEMU runs the program that is on the disk"
is "g2's QEMU is the same" "$(dm_pid g2)" "$second"
is "o's QEMU is the same" "$(dm_pid o)" "$old"
is "g1 has the new program" "$(replaced g1)" 0
for guest in g1 g2; do
    check "$guest goes on" grows $guest
    check "check of $guest agrees" xen-physmap check $guest
done

# One that is refused doesn't keep the next from its update.
upgrade
xl pause g1
fails "--all --outdated --keep-going with a paused guest" 1 xen-physmap update-dm --all --outdated --keep-going
has "it says what to do" "$OUTPUT" "xl unpause it first"
has "the other one is updated" "$OUTPUT" "1 updated, 1 failed or refused,"
xl unpause g1
check "--all --outdated once more" xen-physmap update-dm --all --outdated
is "none is left" "$(replaced g1)$(replaced g2)" 00
kill "$(cat /run/xen/qemu-dom0.pid)"
xenstore-rm /local/domain/0/device-model/0
