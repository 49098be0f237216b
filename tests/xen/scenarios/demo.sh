# SPDX-License-Identifier: LGPL-2.1-or-later
# What `make demo` shows: prints each command and its output.

tell() { printf '\n%s\n\n' "$*"; }
run() {
    printf '$ %s\n' "$*"
    "$@" 2>&1 | tr '\r' '\n' | grep -v -e '^xc: ' -e '^WARNING: device model override' -e '^ *$' || true
}

guest_config /tmp/g1.cfg g1 picture "$(cards 6 7 8 9)"
guest_config /tmp/wrong.cfg g1 picture "$(cards 7 6 8 9)"

tell "A guest with a framebuffer and four network cards, each with an option ROM. Its config names
xen-physmap-qemu as its device model, which becomes Debian's own QEMU with our component in it."
run grep device_model /tmp/g1.cfg
run xl create /tmp/g1.cfg
check "created" domid g1 >/dev/null
check "the guest draws" wait_for 120 says g1 "picture drawn" >/dev/null
tell "The guest has drawn a picture. Six blocks of QEMU's memory lie in the guest; one of them, the
framebuffer, was moved to where the guest's firmware wanted it. The component recorded them:"
run xenstore-ls "/local/domain/0/device-model/$(domid g1)/physmap/2000000"
run xen-physmap list g1
tell "Do the records agree with what QEMU has, and with where the domain's pages are?"
run xen-physmap check g1
check "check" xen-physmap check g1 >/dev/null
picture=$(picture_sum g1 0xf1000000)

tell "xl save, unmodified, carries the records in the savefile:"
run xl save g1 /tmp/g1.save
run xen-physmap show /tmp/g1.save
cp /tmp/g1.save /out/

tell "Somebody restores it with the first two cards in the other order. Stock Xen does that without a
word, and the guest runs on swapped memory. Now:"
run xl restore /tmp/wrong.cfg /tmp/g1.save
check "refused" test -z "$(xl list | tail -n +3)" >/dev/null
tell "QEMU's log says why, and the guest never ran:"
qemu_log g1 | grep '^xen-physmap'

tell "With the right config it restores, and with it the records:"
run xl restore /tmp/g1.cfg /tmp/g1.save
run xen-physmap check g1
check "restored" xen-physmap check g1 >/dev/null

tell "And it migrates, here to the same host:"
printf '#!/bin/sh\nshift\nexec "$@"\n' >/tmp/local
chmod +x /tmp/local
run xl migrate -s /tmp/local g1 localhost
run xen-physmap check g1
check "migrated" xen-physmap check g1 >/dev/null
run xen-physmap list g1
if [ "$(picture_sum g1 0xf1000000)" = "$picture" ]; then
    tell "The picture in the framebuffer is, byte for byte, the one from before the save."
    ok "the picture is the same" >/dev/null
else
    tell "The picture in the framebuffer has changed!"
    not_ok "the picture is the same" >/dev/null
fi
xl destroy g1
