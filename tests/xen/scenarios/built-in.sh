# SPDX-License-Identifier: LGPL-2.1-or-later
# A QEMU that has the component built in, beside one that has it preloaded: savefiles, migrations and
# updates from one to the other and back. For `make check-qemu`.
# limit: 900

preloaded=/usr/libexec/xen-physmap/xen-physmap-qemu
with() {   # LAUNCHER: the guest's config
    LAUNCHER=$1 guest_config /tmp/g1.cfg g1 counter "$(cards 6 7)"
}
agree() {   # WHEN
    check "$1: the guest goes on" grows g1
    check "$1: check agrees" xen-physmap check g1
    is "$1: the records are the same" "$(physmap g1)" "$records"
}

with "$preloaded"
check "xl create, preloaded" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
records=$(physmap g1)
for to in "$LAUNCHER" "$preloaded"; do
    case $to in "$preloaded") name=preloaded ;; *) name=built-in ;; esac
    check "to be $name: xl save" xl save g1 /tmp/g1.save
    with "$to"
    check "$name: xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
    agree "$name"
    has "$name: it was compared" "$(qemu_log g1)" "the layout is the one it was saved with"
done

# An update keeps the launcher, and with it the preload, to which the built-in component leaves all.
check "an update to the built-in QEMU" xen-physmap update-dm g1 --qemu "$QEMU"
agree "updated"
check "and back" xen-physmap update-dm g1 --qemu /usr/libexec/xen-qemu-system-i386
agree "updated back"
xl destroy g1

with "$LAUNCHER"
check "xl create, built in" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
is "built in: the records are those of the preload" "$(physmap g1)" "$records"
check "xl migrate" local_migrate g1
agree "migrated"
