# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands of docs/install.md, word for word and in their order, on a host with a running guest. Only
# names are filled in. What builds and installs the program was done on the machine that made this box.

document=/usr/share/doc/xen-physmap/install.md
mkdir /tmp/install
cd /tmp/install
# In the place of ssh to this host, which has no sshd.
printf '#!/bin/sh\nshift\nexec "$@"\n' >/usr/bin/ssh
chmod +x /usr/bin/ssh
mkdir -p /root

# The lines of a section, ready to run.
section() {
    sed -n "/^## $1\$/,/^## /s/^    //p" "$document" | sed 's/GUEST/g1/g; s/HOST/localhost/g'
}

# Runs the commands of a section that begin with one of the words.
follow() {   # SECTION WORD...
    local name=$1 line word
    shift
    while IFS= read -r line; do
        for word; do
            case $line in
            "$word "*)
                ran=$((ran + 1))
                check "$name: $line" bash -c "$line"
                ! xl domid g1 >/dev/null 2>&1 || check "$name: the guest goes on" grows g1
                ;;
            esac
        done
    done < <(section "$name")
}
ran=0

follow "On Debian" xen-physmap
is "the host is ready" $ran 1

# A guest without the line, and then its config with it.
guest_config g1.cfg g1 counter "$(cards 6)"
sed -i '/device_model_override/d' g1.cfg
cp g1.cfg before.cfg
check "a guest from before" xl create g1.cfg
check "it counts" grows g1
line=$(section "A new guest" | grep '^device_model_override')
has "the document has the line" "$line" /xen-physmap-qemu
echo "$line" >>g1.cfg
fails "doctor names the guest" 1 xen-physmap doctor
has "as the document says" "$OUTPUT" "(g1) runs without xen-physmap-qemu"
ran=0
follow "A host with running guests" xl xen-physmap printf
is "all commands were run" $ran 6
# The second migration began another log.
has "the log is where the document says" "$(cat /var/log/xen/qemu-dm-g1--incoming.log*)" "came without records"

# A new guest.
check "xl destroy" xl destroy g1
check "xl create, with the line" xl create g1.cfg
ran=0
follow "A new guest" xen-physmap
is "check was run" $ran 1

# Removed, and the guest restored and migrated with the config from before.
check "xl save" xl save g1 g1.save
mv /usr/libexec/xen-physmap /usr/libexec/elsewhere
fails "the config in the file names what was removed" 1 xl restore g1.save
cp before.cfg g1.cfg
ran=0
follow "Removing it" xl
is "both ways were tried" $ran 2
mv /usr/libexec/elsewhere /usr/libexec/xen-physmap
check "xen-physmap update-dm --resume, with nothing to finish" xen-physmap update-dm --resume g1

rm /usr/bin/ssh
# libxl leaves the records of a restore whose device model it couldn't start.
for id in $(xenstore-list /local/domain/0/device-model); do
    xl domname "$id" >/dev/null 2>&1 || xenstore-rm "/local/domain/0/device-model/$id"
done
