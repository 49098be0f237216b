# SPDX-License-Identifier: LGPL-2.1-or-later
# Backends that QEMU itself serves: a connected keyboard is carried over, and what is typed arrives; a
# channel that nobody uses is carried over; every other kind in use is refused by name.
# limit: 900
press() { qmp l "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"$1\"}]}}" >/dev/null; }
# arrives WORD: typed through QMP, it arrives in the guest through its PV keyboard.
arrives() {
    local before=$vkbd_interrupts key
    for key in $(echo "$1" | sed 's/./& /g') ret; do press "$key"; done
    wait_for 30 says l "typed $1 [1-9]" || return
    vkbd_interrupts=$(sed -n "s/^typed $1 \([0-9]*\).*/\1/p" /tmp/l.serial)
    [ "$vkbd_interrupts" -gt "$before" ]
}
vkbd_interrupts=0
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

linux_config /tmp/l.cfg l
check "xl create" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
check "it has connected its keyboard" wait_for 30 says l "vkbd-0 state Connected"
check "what is typed arrives" arrives ab
words="cd ef gh"
[ -z "$QUICK" ] || words=cd
for word in $words; do
    rc=0
    OUTPUT=$(xen-physmap update-dm l 2>&1) || rc=$?
    is "update before $word" $rc 0
    has "the emulated disk that it unplugged is named" "$OUTPUT" "unplugged its emulated disk"
    check "its keyboard is connected" wait_for 10 eval '[ "$(vkbd)" = 4 ]'
    check "what is typed after an update arrives: $word" arrives $word
    check "check agrees" xen-physmap check l
done
is "nothing was lost" "$(grep -c BAD /tmp/l.serial)" 0
xl destroy l
[ -z "$QUICK" ] || return 0

# A channel that the guest's own driver has connected to.
linux_config /tmp/l.cfg l 'channel=["name=agent,connection=socket,path=/tmp/agent.sock"]'
check "xl create with a channel in use" xl create /tmp/l.cfg
check "linux is up" wait_for 300 says l "linux up"
xenstore-ls "/local/domain/0/backend/console/$(domid l)"
fails "an update with a channel in use" 1 xen-physmap update-dm l
has "it is named" "$OUTPUT" "/backend/console/$(domid l)/1"
check "the guest goes on" grows l
