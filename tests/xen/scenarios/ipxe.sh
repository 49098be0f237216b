# SPDX-License-Identifier: LGPL-2.1-or-later
# iPXE, as the guest's only program: it draws, gets an address by DHCP, and loads a file that has no end.
# limit: 900
bridge
cat >/tmp/udhcpd.conf <<'C'
start 10.0.0.50
end 10.0.0.60
interface xenbr0
lease_file /tmp/leases
pidfile /tmp/udhcpd.pid
option subnet 255.255.255.0
boot_file http://10.0.0.1/endless
C
cat >/tmp/endless <<'C'
#!/bin/bash
read -r request
printf 'HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n'
while printf '%01024d' 0; do sleep 0.3; done
C
chmod +x /tmp/endless
: >/tmp/leases
udhcpd -f /tmp/udhcpd.conf &
socat TCP-LISTEN:80,bind=10.0.0.1,fork,reuseaddr EXEC:/tmp/endless &

guest_config /tmp/p.cfg p none 'boot="n"' 'vif=["bridge=xenbr0,model=e1000"]' 'tsc_mode="native"'
sed -i '/^device_model_args=/d' /tmp/p.cfg
echo 'device_model_args=["-global","e1000.romfile=/guests/ipxe.rom"]' >>/tmp/p.cfg
received() { cat "/sys/class/net/vif$(domid p).0-emu/statistics/rx_packets"; }
arrives() { [ "$(received)" -gt "$1" ]; }
# It acknowledges what it gets.
loads() { wait_for 120 arrives $(($(received) + 5)); }
check "xl create" xl create /tmp/p.cfg
check "it asks the network" wait_for 200 arrives 0
check "it loads the file" loads
has "the card is recorded" "$(physmap p)" 'e1000.rom"'
life p /tmp/p.cfg loads
