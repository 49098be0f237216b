#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The verb clone: what differs between clones, and what is refused. qemu-img, xl and virsh are scripts
# that say how they were called.
. "$(dirname "$0")/shell.sh"

clone() { timeout 60 "$command" clone "$@" >printed 2>error; }

mkdir bin
for program in xl virsh; do
    printf '#!/bin/sh\necho %s "$@" >>%s/calls\n[ ! -e %s/fail ]\n' $program "$work" "$work" >bin/$program
done
# What it writes is what it was told.
cat >bin/qemu-img <<'S'
#!/bin/sh
[ ! -e fail ] || exit 1
echo "$1 $2 $3 $4 $5 $6 $7 $8" >"$9"
S
chmod +x bin/*
PATH=$work/bin:$PATH

# put_savefile NAME WRAPPER CONFIG: a real savefile with another configuration.
cp "$savefile" whole.save || exit
stream=$(grep -abo LibxlFmt whole.save | head -n 1 | cut -d: -f1)
u32() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\0"; }
put_savefile() {
    {
        if [ "$2" = xl ]; then
            printf 'Xen saved domain, xl format\n \0 \r'
            u32 0x020304 | head -c 3; printf '\1'
            u32 3; u32 0; u32 $((${#3} + 5)); u32 $((${#3} + 1))
        else
            printf 'libvirt-xml\n \0 \r'
            u32 2; u32 $((${#3} + 1))
            head -c 40 /dev/zero
        fi
        printf '%s\0' "$3"
        tail -c +$((stream + 1)) whole.save
    } >"$1"
}

json='{"c_info":{"type":"hvm","name":"g1","uuid":"0ab3f4a0-5a04-4be0-8fa1-1d4d5b7a1c01"},
"b_info":{"max_memkb":49152,"video_memkb":16384,"extra":["-chardev","socket,id=s,path=/run/g1.sock"],
"type.hvm":{"vga":{"kind":"std"},"serial":"file:/var/log/g1.log"}},
"disks":[{"pdev_path":"/d/g1.img","vdev":"xvda","format":"raw","backend":"phy","readwrite":1},
{"pdev_path":"/d/cd.iso","vdev":"hdc","format":"raw","is_cdrom":1},
{"pdev_path":"/d/ro","vdev":"hdd","format":"raw","readwrite":0}],
"nics":[{"mac":"00:16:3e:1a:2b:3c"},{"mac":"00:16:3e:1a:2b:3d"}]}'
xml="<domain type='xen'><name>g1</name><uuid>0ab3f4a0-5a04-4be0-8fa1-1d4d5b7a1c01</uuid>
<memory>49152</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d/g1.img'/><target dev='hda'/></disk>
<disk type='file' device='disk'><driver type='raw'/><source file='/d/ro'/><target dev='hdb'/><readonly/></disk>
<disk type='file' device='cdrom'><source file='/d/cd.iso'/><target dev='hdc'/></disk>
<interface type='bridge'><mac address='00:16:3e:1a:2b:3c'/><target dev='vif1.0'/></interface>
<serial type='pty'><source path='/dev/pts/3'/></serial>
<channel type='unix'><source mode='bind' path='/run/g1/agent'/></channel>
<graphics type='vnc' port='5901' autoport='yes'/><video><model type='vga' vram='16384'/></video></devices></domain>"
put_savefile xl.save xl "$json"
put_savefile libvirt.save libvirt "$xml"
whole() { "$command" show "$1" >shown && ! grep -q "not complete" shown; }
changed() { "$command" verify "$1" | grep disk-changed; }
check "the template is whole" whole xl.save
config() { "$command" show --config "$1"; }

for kind in xl libvirt; do
    program=xl
    [ $kind = xl ] || program=virsh
    check "$kind: three clones" clone --overlays $kind.save a b c-d
    check "$kind: the commands" is "$(cat printed)" "$(printf "$program restore $work/%s.save\n" a b c-d)"
    check "$kind: each is whole" eval 'for n in a b c-d; do whole $n.save || exit; done'
    rest=$(($(stat -c %s whole.save) - stream))
    check "$kind: the rest of the stream is the template's" eval \
        'for n in a b c-d; do cmp <(tail -c $rest $n.save) <(tail -c $rest whole.save) || exit; done'
    check "$kind: names" is "$(for n in a b c-d; do "$command" show $n.save | head -n 1 | cut -d, -f1; done)" \
        "$(printf 'name %s\n' a b c-d)"
    check "$kind: different UUIDs" is \
        "$(for n in $kind a b c-d; do "$command" show $n.save | head -n 1 | cut -d, -f2; done | sort -u | wc -l)" 4
    cards=$(for n in $kind a b c-d; do config $n.save | grep -oE '00:16:3e:..:..:..'; done)
    check "$kind: different addresses" is "$(sort -u <<<"$cards" | wc -l)" "$(wc -l <<<"$cards")"
    check "$kind: the disk is an overlay" grep -q "$work/b-0.qcow2" <(config b.save)
    check "$kind: of its format, as its name says" is "$(config b.save | grep -oE 'qcow2' | wc -l)" 2
    check "$kind: over the template's" is "$(cat b-0.qcow2)" "create -q -f qcow2 -b /d/g1.img -F raw"
    check "$kind: which only its owner can read" is "$(stat -c %a b-0.qcow2 b.save | sort -u)" 600
    check "$kind: what is only read stays" eval \
        'config b.save | grep -q /d/cd.iso && config b.save | grep -q /d/ro && ! ls *-1.qcow2'
    check "$kind: its sockets have its name" eval \
        'config c-d.save | grep -qE "/run/c-d(.sock|/agent)" && ! config c-d.save | grep -q "[/]g1[./]"'
    check "$kind: an existing savefile is refused" eval 'clone --overlays $kind.save a; [ $? = 1 ]'
    rm a.save
    check "$kind: an existing overlay is refused" eval 'clone --overlays $kind.save a; [ $? = 1 ]'
    check "$kind: and says which" grep -q 'a-0.qcow2 exists already' error
    rm -f ./*-0.qcow2 a.save b.save c-d.save calls
    check "$kind: --run" clone --run --disk /d/g1.img=/d/{name}.img $kind.save a b
    check "$kind: runs each" is "$(cat calls)" "$(printf "$program restore $work/%s.save\n" a b)"
    check "$kind: with its disk" grep -q /d/b.img <(config b.save)
    rm -f a.save b.save calls
done
check "a backend that reads qcow2" eval 'clone --overlays xl.save a && config a.save | grep -q "\"backend\":\"qdisk\""'
rm -f a.save a-0.qcow2

# What two guests can't share, with nothing written.
refused() {   # TEXT WANTED ARGUMENT...
    local text=$1 wanted=$2
    shift 2
    clone "$@"
    check "$text: is refused" is $? 1
    check "$text: with its reason" grep -q -- "$wanted" error
    check "$text: nothing is written" eval '! ls a* b* 2>/dev/null'
}
refused "a disk" "two guests would write to the disk /d/g1.img" xl.save a
refused "a disk of all clones" "two guests would write to the disk /d/n" --disk /d/g1.img=/d/n xl.save a b
check "one that is meant to be shared" clone --disk /d/g1.img=/d/g1.img xl.save a b
rm -f a.save b.save
refused "a disk that isn't there" "has no disk /none" --disk /none=/x xl.save a
own() {   # TEXT WANTED FROM TO: the template with something else in it
    put_savefile other.save xl "${json/"$3"/"$4"}"
    [ "${json/"$3"/"$4"}" != "$json" ] || echo "not ok - $1: the configuration is the same"
    refused "$1" "$2" --disk /d/g1.img=/d/{name}.img other.save a b
}
own "a serial port without the name" "the path file:/s" file:/var/log/g1.log file:/s
own "a serial port with a longer name" "the path file:/g12" file:/var/log/g1.log file:/g12
own "a socket of an argument" "path=/run/s" path=/run/g1.sock path=/run/s
own "a PCI device" "a PCI device of the host" '"nics"' '"pcidevs":[{"dev":3}],"nics"'
own "a TPM" "a virtual TPM" '"nics"' '"vtpms":[{"devid":0}],"nics"'
own "a display" "the display 5" '"serial"' '"vnc":{"display":5},"serial"'
own "an interface's name" "the network interface tap7" '"mac":"00:16:3e:1a:2b:3c"' '"mac":"00:16:3e:1a:2b:3c","ifname":"tap7"'
own "an argument with a file" "filename=/x" socket,id=s,path=/run/g1.sock driver=file,filename=/x
nic='"mac":"00:16:3e:1a:2b:3c"'
socket=socket,id=s,path=/run/g1.sock
own "an argument with a path" "an argument of QEMU, /x" $socket /x
own "an argument with a second path" "an argument of QEMU, path=/run/a,log=/x" $socket path=/run/g1,log=/x
own "JSON" 'an argument of QEMU, {' $socket '{\"path\":\"/run/g1\"}'
own "JSON without a path" 'an argument of QEMU, {' $socket '{\"a\":1}'
own "a host's port" "an argument of QEMU, user,hostfwd" $socket user,hostfwd=x
own "a host's device" "an argument of QEMU, usb,hostdev=x" $socket usb,hostdev=x
own "a device of VFIO" "an argument of QEMU, vfio-pci" $socket vfio-pci,id=x
own "a second disk in an argument" "file=y" $socket file=/g1.img,file=y
own "an argument with two commas" "two commas" $socket id=a,,b
own "an argument of a PV guest" "an argument of QEMU, /y" '"max_memkb"' '"extra_pv":["/y"],"max_memkb"'
own "a USB device of the host" "the USB device host:1" '"serial"' '"usbdevice":"host:1","serial"'
own "USB devices" "the USB device host:2" '"serial"' '"usbdevice_list":["tablet","host:2"],"serial"'
own "a port of SPICE" "the display 5900" '"serial"' '"spice":{"port":5900},"serial"'
own "a TLS port of SPICE" "the display 5901" '"serial"' '"spice":{"tls_port":5901},"serial"'
own "I/O ports" "a device of the host" '"max_memkb"' '"ioports":[{"first":1}],"max_memkb"'
own "a device that isn't known" "clone doesn't know (p9s" '"nics"' '"p9s":[{"path":"/x"}],"nics"'
own "a disk without a path" "may write to the disk disks\[3\]" ',"readwrite":0}' ',"readwrite":0},{"vdev":"hde"}'
own "a name twice" "the same key twice" '"nics"' '"nics":[],"nics"'
own "a disk that is read-only by a second name" "the same key twice" '"readwrite":1' '"readwrite":1,"readwrite":0'
own "a bracket in a name" "a bracket" '"nics"' '"disks[0]":{"readwrite":0},"nics"'
own "one path by two ways" "the same path" '"nics"' '"a":{"type.b":1,"type":{"b":2}},"nics"'
own "a dot in a name" "a dot" '"nics"' '"b_info.x":1,"nics"'
fine='"usbdevice":"tablet","spice":{"port":0},"serial"'
put_savefile other.save xl "${json/'"serial"'/$fine}"
check "an emulated USB device is fine" clone --disk /d/g1.img=/d/{name}.img other.save a
rm -f a.save
refused "a set argument with a part for all clones" "an argument of QEMU, id=b,path=/t" --disk /d/g1.img=/d/{name}.img \
    --set-config 'b_info.extra[1]=id={name},path=/t' xl.save a b
refused "the template's own name" "has this name" --disk /d/g1.img=/d/{name}.img xl.save g1
put_savefile other.save xl "${json/$socket/file=\/d\/arg,format=raw}"
refused "a comma in the disk of an argument" "has a comma" --disk /d/g1.img=/d/{name}.img \
    --disk /d/arg=/d/a,readonly=on other.save a
mkdir x,y
refused "a comma in the folder of an argument's overlay" "has a comma" -d x,y --overlays other.save c
rmdir x,y
check "an argument's overlay" clone --overlays other.save a
check "is in the argument" eval 'config a.save | grep -qF "file=$work/a-1.qcow2,format=qcow2" || config a.save | grep -qF "file=$work/a-0.qcow2,format=qcow2"'
rm -f a.save a-?.qcow2
cards=$(printf '{"mac":"00:16:3e:00:00:01"},%.0s' {1..255})
put_savefile other.save xl "${json/\"nics\":[/\"nics\":[$cards}"
refused "more cards than addresses" "more than 256 network cards" --disk /d/g1.img=/d/{name}.img other.save a
put_savefile other.save xl "${json/file:\/var\/log\/g1.log/file:\/s}"
check "what was set is its own" clone --disk /d/g1.img=/d/{name}.img \
    --set-config 'b_info.type.hvm.serial=file:/s-{name}' other.save a b
check "by its name" grep -q 'file:/s-b' <(config b.save)
rm -f a.save b.save
refused "one for all clones" "the path file:/t" --disk /d/g1.img=/d/{name}.img \
    --set-config 'b_info.type.hvm.serial=file:/t' other.save a b
put_savefile other.save libvirt "${xml/<video>/<hostdev mode=\'x\'\/><video>}"
refused "libvirt: a device of the host" "a device of the host" --overlays other.save a
put_savefile other.save libvirt "${xml/ autoport=\'yes\'/}"
refused "libvirt: a display" "the display 5901" --overlays other.save a
put_savefile other.save libvirt "${xml/<os>/<os><nvram>\/n<\/nvram>}"
refused "libvirt: UEFI's variables" "UEFI's variables, /n" --overlays other.save a
lv() {   # TEXT WANTED FROM TO: the same of libvirt's
    put_savefile other.save libvirt "${xml/"$3"/"$4"}"
    [ "${xml/"$3"/"$4"}" != "$xml" ] || echo "not ok - $1: the configuration is the same"
    refused "libvirt: $1" "$2" --disk /d/g1.img=/d/{name}.img other.save a b
}
cd="<disk type='file' device='cdrom'>"
for source in "type='network'><source protocol='nbd' name='x'/>" "type='volume'><source pool='p' volume='v'/>" \
    "type='network'><source protocol='nbd' name='x' file='/d/g1.img'/>" "type='block'><source file='/d/g1.img'/>"; do
    lv "a disk $source" "may write to the disk domain\[1\]/devices\[1\]/disk\[3\]" "$cd" "<disk $source</disk>$cd"
done
lv "a disk's mirror" "the path /m" "<target dev='hda'/>" "<target dev='hda'/><mirror><source file='/m'/></mirror>"
lv "a card of the host" "a network card of the type hostdev" "type='bridge'" "type='hostdev'"
lv "a card with a socket" "a network card of the type vhostuser" "type='bridge'" "type='vhostuser'"
lv "a service" "the port 4555" "<serial type='pty'>" \
    "<serial type='tcp'><source mode='bind' host='::' service='4555'/></serial><serial type='pty'>"
lv "a TLS port" "the display 5999" "<video>" "<graphics type='spice' tlsPort='5999'/><video>"
lv "a device that isn't known" "clone doesn't know" "<video>" "<filesystem><source dir='/x'/></filesystem><video>"
lv "a device in a second list" "a device of the host" "</devices>" "</devices><devices><hostdev mode='x'/></devices>"
lv "a log" "the path /log" "<source path='/dev/pts/3'/>" "<source path='/dev/pts/3'/><log file='/log'/>"
lv "an argument" "an argument of QEMU, /x" "</domain>" "<xen:commandline><xen:arg value='/x'/></xen:commandline></domain>"
lv "an argument of QEMU's" "an argument of QEMU, /x" "</domain>" "<qemu:commandline><qemu:arg value='/x'/></qemu:commandline></domain>"
lv "an argument by another prefix" "another namespace" "</domain>" "<x:commandline><x:arg value='/x'/></x:commandline></domain>"
lv "an argument by no prefix" "another namespace" "</domain>" "<commandline xmlns='http://libvirt.org/schemas/domain/xen/1.0'><arg value='/x'/></commandline></domain>"
lv "an entity" "an entity" "<os>" "<os><nvram>&#47;n</nvram>"
lv "a CDATA section" "CDATA" "<os>" "<os><nvram><![CDATA[/n]]></nvram>"
lv "a comment in a text" "a text and something else" "<os>" "<os><nvram>/n<!-- --></nvram>"
put_savefile other.save libvirt "${xml/<os>/<metadata><x:y xmlns:x=\'urn:x\' x:z=\'1\'\/><\/metadata><os>}"
check "libvirt: metadata of others is fine" clone --disk /d/g1.img=/d/{name}.img other.save a
rm -f a.save
put_savefile other.save libvirt "${xml/<serial type=\'pty\'>/<serial type=\'tcp\'><source mode=\'connect\' service=\'1\'\/><\/serial><serial type=\'pty\'>}"
check "libvirt: a port that is connected to is fine" clone --disk /d/g1.img=/d/{name}.img other.save a
rm -f a.save
put_savefile other.save xl "${json/\"format\":\"raw\",\"backend\"/\"format\":\"vhd\",\"backend\"}"
refused "an overlay over vhd" "neither the format raw nor qcow2" --overlays other.save a
put_savefile other.save xl "${json/\/d\/g1.img/json:g1}"
refused "an overlay over a protocol" "not named from / on" --overlays other.save a
put_savefile other.save xl '{"c_info":{}}'
refused "a guest without a name" "no name of a guest" other.save a
head -c 15000 xl.save >cut.save
refused "a savefile that is cut" "" cut.save a
tail -c +$((stream + 1)) whole.save >bare.save
refused "a bare stream" "a bare stream has no configuration" bare.save a
cat xl.save | clone - a
check "a pipe is refused" is $? 2
for names in 'a a' 'a/b' 7 ''; do
    clone xl.save ${names:-''}
    check "the names '$names' are wrong usage" is $? 2
done
clone -d /none xl.save a
check "a folder that isn't there" is $? 2

# Links and what is in the way.
mkdir -m 700 out
ln -s ../precious out/a.save
ln -s ../precious out/b-0.qcow2
: >precious
refused "a link as a savefile" "exists already" -d out --overlays xl.save a
refused "a link as an overlay" "exists already" -d out --overlays xl.save b
check "a link isn't followed" test ! -s precious
rm -rf out

# The commands, whatever the folder's name.
odd="it's \$(touch evil) ; touch evil #$(printf 'ü%.0s' {1..100})"
mkdir "$odd"
check "a folder that a shell would interpret" clone -d "$odd" --disk /d/g1.img=/d/{name}.img xl.save a
check "its command" sh -c "$(cat printed)"
check "restores that file" is "$(cat calls)" "xl restore $work/$odd/a.save"
check "and does nothing else" test ! -e evil
rm -rf "$odd" calls
for name in '-x' '.x' "a'b" 'a;b' 'a$b' 'a b' ü $'a\tb'; do
    clone --disk /d/g1.img=/d/{name}.img xl.save -- "$name"
    check "the name '$name' is wrong usage" is $? 2
    check "with its reason" grep -q "can't be a guest's name" error
done
for name in $'a\033[2J' $'a\nb' $'a\xff' $'a\xc2\x9b' $'a\xe2\x80\xae'; do
    mkdir "$name"
    clone -d "$name" --disk /d/g1.img=/d/{name}.img xl.save a
    check "a folder with an unprintable name" is $? 2
    check "is refused" grep -q "printable UTF-8" error
    check "with nothing printed or written" eval 'test ! -s printed && rmdir "$name"'
done
for unsafe in "chmod 777 out" "chmod 770 out" "chmod 1777 out" "chmod 777 out/.."; do
    mkdir -p -m 700 top/out
    (cd top && $unsafe)
    for option in --run --overlays; do
        clone $option -d top/out --disk /d/g1.img=/d/{name}.img xl.save a
        check "$unsafe: $option is refused" is $? 2
        check "$unsafe: and what to do" grep -q "chmod go-w, or name another" error
        check "$unsafe: nothing is written or run" eval 'rmdir top/out && test ! -e calls && mkdir -m 700 top/out'
        (cd top && $unsafe)
    done
    check "$unsafe: the commands alone are printed" clone -d top/out --disk /d/g1.img=/d/{name}.img xl.save a
    rm -rf top
done

# What appears or changes while a clone is made. qemu-img does it.
cp bin/qemu-img qemu-img.good
meanwhile() { { cat qemu-img.good; echo "$1"; } >bin/qemu-img; }
meanwhile 'echo precious >a.save'
clone --overlays xl.save a
check "a savefile that appears is refused" is $? 1
check "with the same reason" grep -q "a.save exists already; remove it" error
check "it stays, and the overlay doesn't" is "$(cat a*)" precious
rm a.save
meanwhile 'echo precious >a-0.qcow2'
clone --overlays xl.save a
check "an overlay that appears is refused" is $? 1
check "it stays, and there is no savefile" is "$(cat a*)" precious
rm a-0.qcow2
meanwhile 'ln -s precious-2 a.save'
clone --overlays xl.save a
check "a link that appears is refused" is $? 1
check "and isn't followed" eval 'test ! -e precious-2 && rm a.save && ! ls a* 2>/dev/null'
for change in 'printf X 1<>xl.save' 'printf X >>xl.save' 'cp -p xl.save t; mv t xl.save' 'touch -r whole.save xl.save'; do
    meanwhile "sleep 0.1; $change"
    clone --overlays xl.save a
    check "$change: a template that changes is refused" is $? 1
    check "$change: with its reason" grep -q "it changed while it was read" error
    check "$change: nothing is left" eval '! ls a* 2>/dev/null'
    put_savefile xl.save xl "$json"
done
cp qemu-img.good bin/qemu-img
# edit opens the pipe once it has read the file the first time.
mkfifo pipe
"$command" edit --name n xl.save pipe 2>error &
edit=$!
for _ in {1..500}; do
    [[ $(readlink /proc/$edit/fd/*) = */pipe* ]] && break
    sleep 0.02
done
printf X 1<>xl.save
timeout 60 cat pipe >said || kill $edit
wait $edit
check "edit: a file that changes is refused" is $? 1
check "edit: with its reason" grep -q "it changed while it was read" error
rm pipe

# What fails half-way leaves nothing that looks whole.
: >fail
clone --overlays xl.save a
check "qemu-img fails" is $? 2
check "and is named" grep -q 'a: qemu-img failed' error
check "nothing is left" eval '! ls a* 2>/dev/null'
clone --run --disk /d/g1.img=/d/{name}.img xl.save a b
check "xl fails" is $? 2
check "the next isn't made" eval 'test -e a.save && test ! -e b.save'
rm -f fail a.save
rm bin/qemu-img
clone --overlays xl.save a
check "no qemu-img" grep -qE "qemu-img: can't start it|exists" error

# A disk that is newer than the savefile.
json=${json//\/d\/g1.img/$work/disk}
put_savefile other.save xl "$json"
: >disk
check "verify says nothing of an older disk" eval '! changed other.save'
touch -d '+1 hour' disk
check "verify warns of a newer disk" eval 'changed other.save >found'
check "by its name" grep -qE "warning: the disk $work/disk was written 3[56].. s after " found
clone --disk "$work/disk=/d/{name}" other.save a
check "clone warns, and goes on" is $? 0
check "by its name too" grep -q "warning: the disk $work/disk was written" error
check "verify of a pipe has no time" eval '! cat other.save | changed -'
touch -d '+1 hour' other.save
check "verify says nothing of a disk as old as the savefile" eval '! changed other.save'
echo "1..$number"
