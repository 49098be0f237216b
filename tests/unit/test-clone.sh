#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The verb clone: what differs between clones, and what is refused. qemu-img, xl and virsh are scripts
# that say how they were called.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
command=$top/build/xen-physmap
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
number=0

check() {   # TEXT COMMAND...: succeeds when the command does
    number=$((number + 1))
    local text=$1
    shift
    if "$@" >said 2>&1; then
        echo "ok $number - $text"
    else
        echo "not ok $number - $text"
        sed 's/^/# /' said
    fi
}
is() { [ "$1" = "$2" ] || { printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"; false; }; }
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
cp "$top/tests/data/stream/real-stdvga" whole.save || exit
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
mkdir -m 777 out
ln -s ../precious out/a.save
ln -s ../precious out/b-0.qcow2
: >precious
refused "a link as a savefile" "exists already" -d out --overlays xl.save a
refused "a link as an overlay" "exists already" -d out --overlays xl.save b
check "a link isn't followed" test ! -s precious
rm -rf out

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
