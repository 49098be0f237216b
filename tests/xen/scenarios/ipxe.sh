# SPDX-License-Identifier: LGPL-2.1-or-later
# iPXE, as the guest's only program: it draws, and asks the network for an address by its card.
bridge
guest_config /tmp/p.cfg p none 'boot="n"' 'vif=["bridge=xenbr0,model=e1000"]' 'tsc_mode="native"'
sed -i '/^device_model_args=/d' /tmp/p.cfg
echo 'device_model_args=["-global","e1000.romfile=/guests/ipxe.rom"]' >>/tmp/p.cfg
received() { cat "/sys/class/net/vif$(domid p).0-emu/statistics/rx_packets"; }
asks() {
    local before
    before=$(received)
    wait_for 120 eval "[ \$(received) -gt $before ]"
}
check "xl create" xl create /tmp/p.cfg
check "it asks the network" wait_for 200 eval '[ "$(received)" -gt 0 ]'
xen-physmap list p
life p /tmp/p.cfg asks
