# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 900
# Savefiles of every kind of guest, read and verified. They stay in /out. tests/data/stream has them,
# shrunk by tests/xen/shrink-savefile.

# saved NAME BLOCK...: its file is without a finding, and these blocks are in it, no others.
saved() {
    local name=$1
    shift
    check "$name: verify" xen-physmap verify "/tmp/$name.save"
    has "$name: it is a savefile of xl" "$(xen-physmap show "/tmp/$name.save")" \
        "xl savefile, libxl v2, libxc v3"
    is "$name: the blocks in it" "$(xen-physmap show --json "/tmp/$name.save" |
        sed -n '/"records"/,/^ *\]/s/.*"name" : "\(.*\)".*/\1/p')" "$(printf '%s\n' "$@")"
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

# restored NAME: it runs on, with the layout that was saved.
restored() {
    check "$1: xl restore" xl restore "/tmp/$1.cfg" "/tmp/$1.save"
    check "$1: check agrees" xen-physmap check "$1"
    check "$1: xl destroy" xl destroy "$1"
}

save_guest stdvga
saved stdvga 0000:00:03.0/vga.{vram,rom}
save_guest cirrus 'vga="cirrus"' videoram=8
saved cirrus 0000:00:03.0/{vga.vram,cirrus_vga.rom}
restored cirrus
save_guest none 'vga="none"'
saved none
restored none
save_guest four "$(cards 6 7 8 9)"
saved four 0000:00:03.0/vga.{vram,rom} 0000:00:0{6,7,8,9}.0/e1000.rom

# Without a disk the BIOS says so, in a text mode.
guest_config /tmp/text.cfg text picture
sed -i '/^device_model_args=/d' /tmp/text.cfg
check "text: xl create" xl create /tmp/text.cfg
check "text: the BIOS gives up, live" wait_for 120 eval \
    'xen-physmap screenshot --text --size 80x25xtext text | grep "No bootable device"'
has "text: list has it" "$(xen-physmap list --json --all)" '"name" : "0000:00:03.0/vga.vram"'
check "text: xl save" xl save text /tmp/text.save
has "text: the screen out of the file" "$(xen-physmap screenshot --text /tmp/text.save)" \
    "No bootable device"

# xl sends live when it migrates, and only then: pages that change in the meantime come again.
guest_config /tmp/live.cfg live counter
check "live: xl create" xl create /tmp/live.cfg
check "live: the guest counts" wait_for 120 says live ABC
printf '#!/bin/sh\nshift\ntee /tmp/live.save | "$@"\n' >/tmp/caught
chmod +x /tmp/caught
check "live: xl migrate" xl migrate -s /tmp/caught live localhost
check "live: xl destroy" xl destroy live
saved live 0000:00:03.0/vga.{vram,rom}

# A PVH guest has no device model, and nothing of it in its file. Its kernel knows nothing of
# xenstore: it is suspended already when it is asked for, and somebody has to answer.
cat >/tmp/pvh.cfg <<'C'
type="pvh"
name="pvh"
memory=16
vcpus=1
kernel="/guests/pvh"
on_crash="preserve"
C
check "pvh: xl create" xl create /tmp/pvh.cfg
request=/local/domain/$(domid pvh)/control/shutdown
{ wait_for 60 eval '[ "$(xenstore-read $request)" = suspend ]' && xenstore-write "$request" ''; } &
check "pvh: xl save" xl save pvh /tmp/pvh.save
saved pvh
is "pvh: no device model in it" "$(xen-physmap show /tmp/pvh.save | grep EMULATOR)" ""
