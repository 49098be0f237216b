# SPDX-License-Identifier: LGPL-2.1-or-later
# Backends that QEMU itself serves: a connected keyboard is carried over, and what is typed arrives; a
# channel that nobody uses is carried over; every other kind in use is refused by name.
# limit: 1500
# A program of the guest's that says when the pointer moves.
mkdir /tmp/load
cat >/tmp/load/load <<'L'
#!/bin/busybox sh
exec 3</dev/input/mice
while :; do echo "pointer $(dd bs=3 count=1 <&3 2>/dev/null | od -An -tx1)"; done
L
chmod +x /tmp/load/load
(cd /tmp/load && echo load | cpio -o -H newc | gzip) | cat /guests/linux.gz - >/tmp/pointer.gz

qmp_event() { qmp l "{\"execute\":\"input-send-event\",\"arguments\":{\"events\":[$1]}}" >/dev/null; }
press() { qmp l "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"$1\"}]}}" >/dev/null; }
point() { qmp_event "{\"type\":\"abs\",\"data\":{\"axis\":\"x\",\"value\":$1}},{\"type\":\"abs\",\"data\":{\"axis\":\"y\",\"value\":$1}}"; }
arrives() {   # WORD: typed through QMP, in the guest
    local key
    for key in $(echo "$1" | sed 's/./& /g') ret; do press "$key"; done
    wait_for 30 says l "typed $1 "
}
interrupts() { sed -n 's/^typed [a-z]* \([0-9]*\).*/\1/p' /tmp/l.serial | tail -n 1; }
pointed() { grep -c '^pointer' /tmp/l.serial; }
moves() {
    local before
    before=$(pointed)
    point 2000
    point 20000
    point 8000
    wait_for 30 eval '[ "$(pointed)" -gt '"$before"' ]'
}
vkbd() { xenstore-read "/local/domain/0/backend/vkbd/$(domid l)/0/state"; }

# imitated KIND GUEST: with a backend of this kind in use.
imitated() {
    local id backend frontend=/local/domain/0/imitated
    id=$(domid "$2")
    backend=/local/domain/0/backend/$1/$id/77
    xenstore-write "$backend/frontend" "$frontend" "$frontend/state" 4 "$frontend/type" ioemu "$backend/state" 4
    fails "$1: update-dm" 1 xen-physmap update-dm "$2"
    has "$1: it is named" "$OUTPUT" "/backend/$1/$id/77"
    [ "$1" != qdisk ] || has "$1: as a disk" "$OUTPUT" "QEMU itself serves the disk"
    has "$1: what to do" "$OUTPUT" "xl save and xl restore"
    xenstore-rm "/local/domain/0/backend/$1/$id/77"
    xenstore-rm "$frontend"
}

# A channel that the guest doesn't use.
guest_config /tmp/g1.cfg g1 counter 'channel=["name=agent,connection=socket,path=/tmp/agent.sock"]'
check "xl create with a channel" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
channel=/local/domain/0/backend/console/$(domid g1)/1
state=$(xenstore-read "$channel/state")
check "an update with a channel" xen-physmap update-dm g1
check "the guest goes on" grows g1
is "the channel is as it was" "$(xenstore-read "$channel/state")" "$state"
check "somebody can connect to it" eval 'echo | timeout 5 socat -T 1 - UNIX-CONNECT:/tmp/agent.sock'
for kind in 9pfs console qdisk qnic qusb; do imitated $kind g1; done
check "an update afterwards" xen-physmap update-dm g1
xl destroy g1

# The guest's keyboard and pointer through updates; SETTING... is for its config.
through_updates() {   # WORDS WAY SETTING...
    local word words=$1 way=$2
    shift 2
    linux_config /tmp/l.cfg l 'ramdisk="/tmp/pointer.gz"' "$@"
    check "$way: xl create" xl create /tmp/l.cfg
    check "$way: linux is up" wait_for 300 says l "linux up"
    check "$way: its paravirtual keyboard is connected" wait_for 30 says l "vkbd-0 state Connected"
    check "$way: what is typed arrives" arrives ab
    check "$way: the pointer moves" moves
    for word in $words; do
        before=$(interrupts)
        rc=0
        OUTPUT=$(xen-physmap update-dm l 2>&1) || rc=$?
        is "$way: update before $word" $rc 0
        echo "$OUTPUT"
        is "$way: its paravirtual keyboard is connected" "$(vkbd)" 4
        check "$way: what is typed after an update arrives: $word" arrives $word
        check "$way: the pointer moves after an update" moves
        check "$way: check agrees" xen-physmap check l
    done
    has "$way: the emulated disk that it unplugged is named" "$OUTPUT" "unplugged its emulated disk"
    is "$way: nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
}
words="cd ef gh"
[ -z "$QUICK" ] || words=cd
# QEMU gives keys to the PS/2 keyboard, if there is one. The pointer is absolute, as a PS/2 mouse isn't.
through_updates "$words" paravirtual 'device_model_args=["-machine","i8042=off"]'
is "the keys came through the paravirtual keyboard" "$([ "$(interrupts)" -gt "$before" ] && echo yes)" yes
xl destroy l
[ -z "$QUICK" ] || return 0
through_updates ij "PS/2"
xl destroy l

# A channel that the guest's own driver has connected to.
linux_config /tmp/l.cfg l 'channel=["name=agent,connection=socket,path=/tmp/agent.sock"]'
check "xl create with a channel in use" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
xenstore-ls "/local/domain/0/backend/console/$(domid l)"
fails "an update with a channel in use" 1 xen-physmap update-dm l
has "it is named" "$OUTPUT" "/backend/console/$(domid l)/1"
check "the guest goes on" grows l
