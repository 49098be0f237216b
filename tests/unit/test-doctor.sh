#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# xen-physmap doctor where there is no Xen: the launcher, QEMU, the policy and the savefiles. The
# scenario doctor of the emulated box has the rest.
. "$(dirname "$0")/shell.sh"
shown=said

unset XEN_PHYSMAP_QEMU XEN_PHYSMAP_POLICY
export LC_ALL=C

says() { grep -qF "$1" said; }

# A launcher beside the command, as in the folder of a build; "qemu" is a program that takes -version.
mkdir bin saved empty
for file in xen-physmap xen-physmap-qemu xen-physmap-qemu.so; do
    cp "$top/build/$file" bin
done
cp /bin/true bin/qemu-true
printf '#!/bin/sh\nexit 3\n' >bin/qemu-fails
chmod +x bin/qemu-fails
doctor() { bin/xen-physmap doctor "$@" >said 2>&1; }

XEN_PHYSMAP_QEMU=$work/bin/qemu-true doctor empty
check "without Xen there is something to do" [ $? = 1 ]
if [ "$(cat /sys/hypervisor/type 2>why)" != xen ]; then
    check "Xen: what to do" says "error: this system doesn't run on Xen; boot the host with Xen"
fi
check "the line for xl.cfg" says "device_model_override=\"$work/bin/xen-physmap-qemu\""
check "the component is loaded" says "ok: $work/bin/qemu-true loads the component"
check "the policy" says "ok: the policy is refuse"
check "a folder without savefiles" says "empty has no savefiles"
for policy in warn off; do
    XEN_PHYSMAP_QEMU=$work/bin/qemu-true XEN_PHYSMAP_POLICY=$policy doctor empty
    check "the policy $policy is a warning" says "warning: the policy is $policy (XEN_PHYSMAP_POLICY)"
done
XEN_PHYSMAP_QEMU=$work/bin/qemu-true XEN_PHYSMAP_POLICY=never doctor empty
check "so is a word that is none" says "warning: xen-physmap-qemu: XEN_PHYSMAP_POLICY is 'never'"
XEN_PHYSMAP_QEMU=$work/bin/qemu-fails doctor empty
check "a QEMU that fails" says "error: the component can't be tried with the QEMU $work/bin/qemu-fails"
XEN_PHYSMAP_QEMU=$work/bin/qemu-none doctor empty
check "a QEMU that isn't there" says "error: the component can't be tried with the QEMU $work/bin/qemu-none"
cp bin/qemu-true bin/other
XEN_PHYSMAP_QEMU=$work/bin/other doctor empty
check "a program without qemu in its name" says "error: $work/bin/other doesn't load the component"
chmod 777 bin
XEN_PHYSMAP_QEMU=$work/bin/qemu-true doctor empty
check "a launcher that anybody can replace" grep -q '^error: .*no guest can be started by it' said
chmod 755 bin
mv bin/xen-physmap-qemu.so elsewhere
XEN_PHYSMAP_QEMU=$work/bin/qemu-true doctor empty
check "a launcher without the component" says "no xen-physmap-qemu.so beside this program"
mv elsewhere bin/xen-physmap-qemu.so

"$command" edit "$savefile" saved/a.save 2>why
"$command" edit --strip saved/a.save saved/b.save 2>why
head -c 2000 saved/a.save >saved/c.save
echo "no savefile" >saved/d.save
gzip -c saved/a.save >saved/a.save.gz
mkfifo saved/e.save
ln -s a.save saved/f.save
echo 1 >"saved/g;id"
echo 1 >"saved/h$(printf '\033')"
XEN_PHYSMAP_QEMU=$work/bin/qemu-true doctor saved empty absent
check "a savefile with records" grep -qx 'ok: saved/a.save: [0-9]* records' said
check "a compressed one" grep -qx 'ok: saved/a.save.gz: [0-9]* records' said
check "a savefile without" says "note: saved/b.save has no records"
check "half a savefile" grep -q '^warning: saved/c.save: .*; see xen-physmap verify saved/c.save' said
check "a file that is none" says "warning: saved/d.save: "
check "a pipe is passed over" sh -c '! grep -q e.save said'
check "a link is passed over" sh -c '! grep -q f.save said'
check "a name that is no word of the shell is quoted" grep -q "; see xen-physmap verify 'saved/g;id'\$" said
check "a name that can't be typed isn't given" grep -q '^warning: saved/h.*; see xen-physmap verify$' said
check "a folder that was named and isn't there" grep -q '^warning: .*absent' said
XEN_PHYSMAP_QEMU=$work/bin/qemu-true doctor --json saved
check "the same as JSON" grep -q '"subject" : "savefile"' said
check "with what to do" grep -qF '"advice" : "see xen-physmap verify saved/c.save"' said

echo "1..$number"
