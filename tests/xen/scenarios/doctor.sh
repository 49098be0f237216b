# SPDX-License-Identifier: LGPL-2.1-or-later
# xen-physmap doctor and check --all, on a host that is ready and on one that isn't, with a guest that
# is recorded, one that isn't, and a PV guest.

guest_config /tmp/g1.cfg g1 counter "$(cards 6)"
# QEMU locks its image, so each guest has one of its own.
cp /guests/counter.img /guests/second.img
guest_config /tmp/g2.cfg g2 second "$(cards 6)"
sed -i '/device_model_override/d' /tmp/g2.cfg

fails "doctor: the host is ready" 0 xen-physmap doctor
has "Xen" "$OUTPUT" "ok: this is the control domain of Xen $(cat /sys/hypervisor/version/major)."
has "xenstored" "$OUTPUT" "ok: xenstored answers"
has "the hypervisor" "$OUTPUT" "ok: the hypervisor answers"
has "the launcher" "$OUTPUT" "ok: device_model_override="
has "QEMU" "$OUTPUT" "ok: /usr/libexec/xen-qemu-system-i386 loads the component"
has "the policy" "$OUTPUT" "ok: the policy is refuse"
has "no guest" "$OUTPUT" "0 of 0 running HVM guests have records"
fails "check --all without guests" 0 xen-physmap check --all
has "says so" "$OUTPUT" "no domain's QEMU was started by xen-physmap-qemu"

check "a guest with the launcher" xl create /tmp/g1.cfg
check "it counts" grows g1
fails "doctor is content" 0 xen-physmap doctor
has "one guest" "$OUTPUT" "ok: 1 of 1 running HVM guests have records"
check "a guest without" xl create /tmp/g2.cfg
fails "doctor finds it" 1 xen-physmap doctor
has "and says what to do" "$OUTPUT" \
    "warning: domain $(domid g2) (g2) runs without xen-physmap-qemu, and has no records; name the launcher"
has "one of two" "$OUTPUT" "note: 1 of 2 running HVM guests have records"
fails "check --all passes over it" 0 xen-physmap check --all
is "check --all" "$OUTPUT" "domain $(domid g1) (g1): QEMU, the domain and 3 records agree"
fails "check without a word is wrong" 2 xen-physmap check
fails "and so is both" 2 xen-physmap check --all g1
for words in "check --all" "check g1" "update-dm --dry-run g1" "update-dm --resume g1" "list g1"; do
    fails "$words -q" 0 xen-physmap $words -q
    is "$words -q: says nothing" "$OUTPUT" ""
done
check "check --all --json" eval 'xen-physmap check --all --json >/out/check-all.json'
has "has the guest" "$(cat /out/check-all.json)" '"name" : "g1"'
fails "doctor --json" 1 eval 'xen-physmap doctor --json >/out/doctor.json'

# A record that QEMU contradicts.
key=$(xenstore-ls -f "/local/domain/0/device-model/$(domid g1)/physmap" | sed -n 's,/start_addr = .*,,p' | head -n 1)
address=$(xenstore-read "$key/start_addr")
xenstore-write "$key/start_addr" 1234000
fails "check --all finds what is wrong" 1 xen-physmap check --all
has "with the domain" "$OUTPUT" "domain $(domid g1) (g1): 0000:00:03.0/vga.vram: recorded at 0x1234000"
xenstore-write "$key/start_addr" "$address"
check "and nothing when it is right again" xen-physmap check --all

# What xendomains saves.
mkdir -p /var/lib/xen/save
check "xl save" xl save g1 /var/lib/xen/save/g1
check "xl save of the other" xl save g2 /var/lib/xen/save/g2
head -c 5000 /var/lib/xen/save/g1 >/var/lib/xen/save/cut
fails "doctor looks at savefiles" 1 xen-physmap doctor
has "with records" "$OUTPUT" "ok: /var/lib/xen/save/g1: 3 records"
has "without" "$OUTPUT" "note: /var/lib/xen/save/g2 has no records"
has "half of one" "$OUTPUT" "see xen-physmap verify /var/lib/xen/save/cut"
rm -r /var/lib/xen/save

XEN_PHYSMAP_POLICY=warn fails "a policy that lets guests run" 1 xen-physmap doctor
has "is a warning" "$OUTPUT" "warning: the policy is warn"
mv /usr/libexec/xen-physmap /usr/libexec/elsewhere
fails "doctor without the launcher" 1 xen-physmap doctor
has "says to install it" "$OUTPUT" "install xen-physmap-qemu"
mv /usr/libexec/elsewhere /usr/libexec/xen-physmap
rm /guests/second.img
