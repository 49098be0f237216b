# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 500
# Savefiles of guests of every kind, read and verified; they stay in /out, as seeds are made of them.

# saved NAME: what was saved is without a finding; show says all that the other arguments name.
saved() {
    local name=$1 wanted
    shift
    check "$name: verify" xen-physmap verify "/tmp/$name.save"
    xen-physmap verify "/tmp/$name.save"
    shown=$(xen-physmap show "/tmp/$name.save")
    echo "$shown"
    for wanted; do has "$name: show says $wanted" "$shown" "$wanted"; done
    cp "/tmp/$name.save" /out/
}

save_guest() {   # NAME [SETTING...]
    local name=$1
    shift
    guest_config "/tmp/$name.cfg" "$name" picture "$@"
    check "$name: xl create" xl create "/tmp/$name.cfg"
    [ "$name" = none ] || check "$name: the guest draws" wait_for 120 says "$name" "picture drawn"
    check "$name: xl save" xl save "$name" "/tmp/$name.save"
}

save_guest stdvga
saved stdvga vga.vram vga.rom
save_guest cirrus 'vga="cirrus"' videoram=8
saved cirrus vga.vram
save_guest none 'vga="none"'
saved none
save_guest four "$(cards 6 7 8 9)"
saved four 06.0/e1000.rom 09.0/e1000.rom

# xl sends live when it migrates, and only then.
guest_config /tmp/live.cfg live counter
check "live: xl create" xl create /tmp/live.cfg
check "live: the guest counts" wait_for 120 says live ABC
printf '#!/bin/sh\nshift\ntee /tmp/live.save | "$@"\n' >/tmp/caught
chmod +x /tmp/caught
check "live: xl migrate" xl migrate -s /tmp/caught live localhost
xl destroy live
saved live vga.vram

cat >/tmp/pvh.cfg <<'C'
type="pvh"
name="pvh"
memory=16
vcpus=1
cpus="1"
kernel="/guests/pvh"
on_crash="preserve"
C
check "pvh: xl create" xl create /tmp/pvh.cfg
xl list
# Its kernel knows nothing of xenstore, and is suspended already.
{ wait_for 60 eval "[ \"\$(xenstore-read /local/domain/$(domid pvh)/control/shutdown)\" = suspend ]" &&
    xenstore-write "/local/domain/$(domid pvh)/control/shutdown" ''; } &
check "pvh: xl save" xl save pvh /tmp/pvh.save
saved pvh
