# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
# docs/install.md on a host with a running guest: recorded without a reboot, one side without the
# launcher, saved and restored as xendomains does it, and xen-physmap removed while the guest runs.

guest_config /tmp/new.cfg g1 picture "$(cards 6)"
sed '/device_model_override/d' /tmp/new.cfg >/tmp/old.cfg

check "a guest without xen-physmap" xl create /tmp/old.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
has "it has no records" "$(xen-physmap list g1)" "no records"

# Recorded without a reboot.
check "xl config-update" xl config-update g1 /tmp/new.cfg
check "xl migrate to localhost" local_migrate g1
check "the guest goes on" grows g1
has "QEMU's log" "$(qemu_log g1)" "came without records"
check "it has records now, and they are right" xen-physmap check g1

# As xendomains: the config is the one in the file.
check "xl save" xl save g1 /tmp/g1.save
check "the file has the records" xen-physmap verify /tmp/g1.save
check "xl restore, with the config in the file" xl restore /tmp/g1.save
has "it was checked" "$(qemu_log g1)" "the layout is the one it was saved with"

# A target without the launcher.
mv /usr/libexec/xen-physmap /usr/libexec/elsewhere
fails "xl migrate to a host without it fails" 1 local_migrate g1
check "the source goes on" grows g1
check "xl migrate there with another config" xl migrate -C /tmp/old.cfg -s /tmp/local-migrate g1 localhost
check "the guest goes on there" grows g1
has "the records went with it" "$(xen-physmap list g1)" "vga.vram"
mv /usr/libexec/elsewhere /usr/libexec/xen-physmap
check "and back" xl migrate -C /tmp/new.cfg -s /tmp/local-migrate g1 localhost
has "it was checked" "$(qemu_log g1)" "the layout is the one it was saved with"
check "check agrees" xen-physmap check g1

# Removed while the guest runs.
mkdir /tmp/removed
mv /usr/libexec/xen-physmap /tmp/removed/xen-physmap-dir
mv /usr/bin/xen-physmap /tmp/removed
check "removed: the guest goes on" grows g1
check "removed: xl save" xl save g1 /tmp/g1.save
fails "removed: xl restore, with the config in the file, fails" 1 xl restore /tmp/g1.save
check "removed: xl restore, without the line" xl restore /tmp/old.cfg /tmp/g1.save
check "removed: the guest goes on" grows g1
mv /tmp/removed/xen-physmap-dir /usr/libexec/xen-physmap
mv /tmp/removed/xen-physmap /usr/bin
