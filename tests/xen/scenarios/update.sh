# SPDX-License-Identifier: LGPL-2.1-or-later
# A new QEMU under a running guest, and then everything that xl does with a guest.
# limit: 900

guest_config /tmp/g1.cfg g1 counter "$(cards 6 7)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
nodes=$(physmap g1)
dm_pid() { xenstore-read "/local/domain/$(domid g1)/image/device-model-pid"; }
first=$(dm_pid)

check "a dry run" eval 'xen-physmap update-dm --dry-run --json g1 >/out/dry-run.json'
is "touches nothing" "$(dm_pid)" "$first"

xen-physmap update-dm g1 >/tmp/update.out 2>&1
is "update-dm" "$?" 0
cat /tmp/update.out
check "the old QEMU is gone" test ! -e "/proc/$first"
check "libxl knows the new one" test -e "/proc/$(dm_pid)/exe"
check "the guest goes on" grows g1
is "the records are the same" "$(physmap g1)" "$nodes"
check "check agrees" xen-physmap check g1
# The keyboard isn't the new QEMU's until the old one is gone; QEMU complains of that, once it looks.
is "no other backend complains" "$(qemu_log g1 | grep -i 'backend state' | grep -v '^xen be: vkbd-0: ')" ""
keyboard=/local/domain/0/backend/vkbd/$(domid g1)/0
is "the new QEMU has set up the keyboard" "$(xenstore-read $keyboard/hotplug-status $keyboard/state)" $'connected\n2'

check "a second update" eval 'xen-physmap update-dm --json g1 >/out/update-dm.json'
check "xl save" xl save g1 /tmp/g1.save
check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
check "the restored guest goes on" wait_for 60 says g1 "[A-Z]"
check "an update after xl restore" xen-physmap update-dm g1
check "xl migrate" local_migrate g1
check "an update after xl migrate" xen-physmap update-dm g1
check "check agrees" xen-physmap check g1
xl destroy g1 >/tmp/destroy.log 2>&1
is "xl destroy says nothing" "$(cat /tmp/destroy.log)" ""
cat /var/log/xen/qemu-dm-g1.log

# A network interface of the host, which would go with the old QEMU and lose its place in the bridge;
# and a VNC server, whose port the old one has until it ends.
ifconfig lo 127.0.0.1 up
greets() { socat -T 2 - "TCP:127.0.0.1:$1" </dev/null | grep -q '^RFB 003'; }
tap='"-netdev","tap,id=n,ifname=tap-g2,script=no,downscript=no","-device","e1000,addr=6,netdev=n"'
guest_config /tmp/g2.cfg g2 counter "args=$tap" vnc=1 'vnclisten="127.0.0.1"'
check "xl create with an interface" xl create /tmp/g2.cfg
check "its guest draws" wait_for 120 says g2 "picture drawn"
interface=$(cat /sys/class/net/tap-g2/ifindex)
port=$(xenstore-read "/local/domain/$(domid g2)/console/vnc-port")
check "its VNC server greets" wait_for 60 greets "$port"
for update in 1 2; do
    check "update $update with an interface" xen-physmap update-dm g2
    check "update $update: the guest goes on" grows g2
    is "update $update: the interface is the same one" "$(cat /sys/class/net/tap-g2/ifindex)" "$interface"
    is "update $update: the VNC port is the same one" \
        "$(xenstore-read "/local/domain/$(domid g2)/console/vnc-port")" "$port"
    check "update $update: the VNC server greets" wait_for 60 greets "$port"
done
