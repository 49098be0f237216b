# SPDX-License-Identifier: LGPL-2.1-or-later
# docs/install.md on a host with a running guest: recorded without a reboot, one side without the
# launcher, saved and restored as xendomains does it, and xen-physmap removed while the guest runs.

guest_config /tmp/new.cfg g1 counter "$(cards 6)"
sed '/device_model_override/d' /tmp/new.cfg >/tmp/old.cfg
migrate() { xl migrate -C "$1" -s /tmp/local-migrate g1 localhost; }

check "a guest without xen-physmap" xl create /tmp/old.cfg
check "the guest counts" grows g1
has "it has no records" "$(xen-physmap list g1)" "no records"

# What xl config-update stores isn't what xl saves, so the config has to be named.
printf '#!/bin/sh\nshift\nexec "$@"\n' >/tmp/local-migrate
chmod +x /tmp/local-migrate
check "xl migrate to localhost, with the new config" migrate /tmp/new.cfg
check "the guest goes on" grows g1
# The domain had this name when its QEMU was started.
has "QEMU's log" "$(qemu_log g1--incoming)" "came without records"
check "it has records now, and they are right" xen-physmap check g1

# As xendomains: the config is the one in the file.
check "xl save" xl save g1 /tmp/g1.save
has "the file has the records" "$(xen-physmap verify /tmp/g1.save)" "3 records"
check "xl restore, with the config in the file" xl restore /tmp/g1.save
has "xl restore: the gate let it run" "$(qemu_log g1)" "the layout is the one it was saved with"

# A target without the launcher.
mv /usr/libexec/xen-physmap /usr/libexec/elsewhere
fails "xl migrate to a host without it fails" 1 local_migrate g1
check "the source goes on" grows g1
check "xl migrate there with the old config" migrate /tmp/old.cfg
check "the guest goes on there" grows g1
has "the records went with it" "$(xen-physmap list g1)" "vga.vram"
mv /usr/libexec/elsewhere /usr/libexec/xen-physmap
check "and back" migrate /tmp/new.cfg
has "and back: the gate let it run" "$(qemu_log g1--incoming)" "the layout is the one it was saved with"
check "check agrees" xen-physmap check g1

# Removed while the guest runs.
mkdir /tmp/removed
mv /usr/libexec/xen-physmap /tmp/removed/libexec
mv /usr/bin/xen-physmap /tmp/removed
check "removed: the guest goes on" grows g1
check "removed: xl save" xl save g1 /tmp/g1.save
fails "removed: xl restore, with the config in the file, fails" 1 xl restore /tmp/g1.save
check "removed: xl restore, with the old config" xl restore /tmp/old.cfg /tmp/g1.save
check "removed: the guest goes on" grows g1
mv /tmp/removed/libexec /usr/libexec/xen-physmap
mv /tmp/removed/xen-physmap /usr/bin

# libxl leaves the records of a restore whose device model it couldn't start.
for id in $(xenstore-list /local/domain/0/device-model); do
    xl domname "$id" >/dev/null 2>&1 || xenstore-rm "/local/domain/0/device-model/$id"
done
