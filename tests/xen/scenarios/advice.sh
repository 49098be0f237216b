# SPDX-License-Identifier: LGPL-2.1-or-later
# What xen-physmap-qemu(8), OPTION ROMS, says, done for the card of a vif whose ROM an upgrade replaced by
# one of another size. Scenario gate does what the gate advises about memory, videoram, and a ROM of
# device_model_args.
config() { guest_config "/tmp/$1.cfg" a counter 'vif=["bridge=xenbr0,model=e1000"]' "${@:2}"; }

bridge
head -c 65536 /usr/lib/ipxe/qemu/efi-e1000.rom >/tmp/upgraded.rom
config saved
config upgraded 'args="-global","e1000.romfile=/tmp/upgraded.rom"'
config old-rom 'args="-global","e1000.romfile=/tmp/old.rom"'

check "xl create" xl create /tmp/saved.cfg
check "the guest draws" wait_for 120 says a "picture drawn"
check "xl save" xl save a /tmp/a.save
block=$(xen-physmap show /tmp/a.save | grep -o "[0-9a-f:.]*/e1000.rom" | head -n 1)
fails "with the new ROM: xl restore fails" 1 xl restore /tmp/upgraded.cfg /tmp/a.save
has "the log names the block" "$(qemu_log a)" "resized: $block"
has "and the page with the way out" "$(qemu_log a)" "xen-physmap-qemu(8), OPTION ROMS"
check "the saved ROM" xen-physmap extract /tmp/a.save "$block" /tmp/old.rom
check "with the saved ROM: xl restore" xl restore /tmp/old-rom.cfg /tmp/a.save
check "it goes on" grows a
check "check agrees" xen-physmap check a
