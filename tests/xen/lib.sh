# SPDX-License-Identifier: LGPL-2.1-or-later
# What scenarios use, in dom0: results in TAP on descriptor 3, guests and their configs.

# The log also has the time, in seconds since boot.
result() {
    local uptime rest
    echo "$*" >&3
    read -r uptime rest </proc/uptime
    echo "$uptime $*"
}
ok() { result ok "$@"; }
not_ok() { result not ok "$@"; }
diag() { sed 's/^/# /' >&3; }
skip() { echo "ok $1 # SKIP $2" >&3; }

# check TEXT COMMAND...: passes if the command does; otherwise prints its output.
check() {
    local text=$1 output rc=0
    shift
    output=$("$@" 2>&1) || rc=$?
    if [ $rc = 0 ]; then
        ok "$text"
    else
        not_ok "$text"
        printf '%s: exit %s\n%s\n' "$*" $rc "$output" | diag
    fi
}

# fails TEXT EXIT COMMAND...: passes if the command ends with this code, which may be 0; OUTPUT is what it
# printed.
fails() {
    local text=$1 expected=$2 rc=0
    shift 2
    OUTPUT=$("$@" 2>&1) || rc=$?
    if [ $rc = "$expected" ]; then
        ok "$text"
    else
        not_ok "$text"
        printf '%s: exit %s, not %s\n%s\n' "$*" $rc "$expected" "$OUTPUT" | diag
    fi
}

# is TEXT GOT EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        not_ok "$1"
        printf 'got:\n%s\nexpected:\n%s\n' "$2" "$3" | diag
    fi
}

# has TEXT HAYSTACK NEEDLE
has() {
    case $2 in
    *"$3"*) ok "$1" ;;
    *)
        not_ok "$1"
        printf 'no "%s" in:\n%s\n' "$3" "$2" | diag
        ;;
    esac
}

# wait_for SECONDS COMMAND...: waits until it succeeds. QEMU needs dom0's CPU too, so this tries only
# now and then, and sleeps without starting a process.
exec {never}<> <(:)
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        read -rt 0.3 -u "$never" || true
    done
}

LAUNCHER=/usr/libexec/xen-physmap/xen-physmap-qemu
QEMU=/usr/libexec/xen-qemu-system-i386

# With `make check-qemu` there is a QEMU that has the component built in, and takes the launcher's place.
BUILT_IN=/usr/libexec/xen-qemu-built-in
if [ -e $BUILT_IN ]; then
    QEMU=$BUILT_IN
    LAUNCHER=/usr/libexec/xen-built-in
    printf '#!/bin/sh\nexec "${XEN_PHYSMAP_QEMU:-%s}" "$@"\n' $BUILT_IN >$LAUNCHER
    chmod +x $LAUNCHER
fi

# guest_config FILE NAME IMAGE [SETTING...]: an xl.cfg; `args` adds arguments of QEMU, and a setting
# "key=value" replaces the one below.
guest_config() {
    local file=$1 name=$2 image=$3 setting key
    shift 3
    cat >"$file" <<C
type="hvm"
name="$name"
memory=48
vcpus=1
vga="stdvga"
videoram=16
vnc=0
serial="file:/tmp/$name.serial"
boot="c"
on_crash="preserve"
device_model_override="$LAUNCHER"
C
    for setting; do
        key=${setting%%=*}
        sed -i "/^$key=/d" "$file"
        echo "$setting" >>"$file"
    done
    sed -i '/^args=/d' "$file"
    local list="\"-drive\",\"file=/guests/$image.img,format=raw,if=ide,index=0\""
    for setting; do
        [ "${setting%%=*}" != args ] || list="$list,${setting#args=}"
    done
    echo "device_model_args=[$list]" >>"$file"
}

# cards SLOT...: e1000 cards for guest_config's args.
cards() {
    local slot list=
    for slot; do list="$list,\"-device\",\"e1000,addr=$slot\""; done
    echo "args=${list#,}"
}

domid() { xl domid "$1"; }

# says NAME TEXT: the guest has written it to its serial port.
says() { grep -q -- "$2" "/tmp/$1.serial"; }

# hammer_config FILE NAME [SLOT...]: the guest that hammers its devices, with cards at 6 and the
# slots. Its serial file goes on when QEMU is started again.
hammer_config() {
    local file=$1 name=$2
    shift 2
    guest_config "$file" "$name" hammer \
        "$(cards 6 "$@"),\"-chardev\",\"file,id=s,path=/tmp/$name.serial,append=on\",\"-serial\",\"chardev:s\""
    sed -i '/^serial=/d' "$file"
}

# sequence NAME: whether the guest of hammer_config counted without a gap.
sequence() {
    tail -n +2 "/tmp/$1.serial" | awk '{
        for (i = 1; i <= length($0); i++) {
            if (index("ABCDEFGHIJKLMNOPQRSTUVWXYZ", substr($0, i, 1)) - 1 != n % 26) {
                print "wrong at " n ": " substr($0, i - 30 > 0 ? i - 30 : 1, 60)
                bad = 1
                exit
            }
            n++
        }
    }
    END { if (!bad) print (n > 10 ? "whole" : "short: " n) }'
}

# grows NAME: the guest writes to its serial port.
grows() {
    local size
    size=$(wc -c <"/tmp/$1.serial")
    wait_for 60 grown "$1" "$size"
}
grown() { [ "$(wc -c <"/tmp/$1.serial")" -gt "$2" ] && ! says "$1" BAD; }

# The checksums of the option ROMs, which lie where they were allocated.
rom_hashes() {
    local address size
    xenstore-ls "/local/domain/0/device-model/$(domid "$1")/physmap" |
        sed -n 's/^ *start_addr = "\(3[0-9a-f]*\)"/\1/p' | while read -r address; do
        qmp "$1" "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":$((0x$address)),\"size\":65536,\"filename\":\"/tmp/rom\"}}" >/dev/null
        echo "$address $(md5sum </tmp/rom)"
    done
}

# The checksum of the picture in guest-physical memory at ADDRESS.
picture_sum() {   # NAME ADDRESS
    rm -f /tmp/picture
    qmp "$1" "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":$(($2)),\"size\":1920000,\"filename\":\"/tmp/picture\"}}" >/dev/null
    md5sum </tmp/picture | cut -d' ' -f1
}

# qmp NAME COMMAND-JSON: prints QEMU's answer.
qmp() {
    local line answers=0
    local socket
    socket=/run/xen/qmp-physmap-$(domid "$1")
    [ -e "$socket" ] || socket=${socket/physmap/libxl}
    coproc SOCKET { timeout 20 socat - "UNIX-CONNECT:$socket"; }
    printf '%s\n' '{"execute":"qmp_capabilities"}' "$2" >&"${SOCKET[1]}"
    while [ $answers -lt 2 ] && read -r line <&"${SOCKET[0]}"; do
        case $line in
        '{"return"'* | '{"error"'*) answers=$((answers + 1)) ;;
        esac
    done
    exec {SOCKET[1]}>&-
    wait "$SOCKET_PID" 2>/dev/null || true
    printf '%s\n' "${line%$'\r'}"
}

# The files that an update left, without locks and launch records.
left_over() {
    find /run/xen-physmap -mindepth 1 ! -name '*.lock' ! -path '/run/xen-physmap/launch*'
}

# The newest log of a guest's QEMU.
qemu_log() { cat "/var/log/xen/qemu-dm-$1.log"; }

# A script for xl migrate -s: "HOST COMMAND..." runs the command here.
local_migrate() {
    printf '#!/bin/sh\nshift\nexec "$@"\n' >/tmp/local-migrate
    chmod +x /tmp/local-migrate
    xl migrate -s /tmp/local-migrate "$1" localhost
}

physmap() { xenstore-ls "/local/domain/0/device-model/$(domid "$1")/physmap"; }

# The processes that the scenario started, with all that they started: its name is in their
# environment, and dom0's own daemons don't have it.
strays() {
    local process value
    for process in /proc/[0-9]*; do
        [ "$process" != "/proc/$$" ] || continue
        while IFS= read -r -d '' value; do
            [ "$value" != "SCENARIO=$SCENARIO" ] || echo "${process#/proc/}"
        done 2>/dev/null <"$process/environ"
    done 2>/dev/null
}

# What a scenario has left when its guests are gone.
remains() {
    xenstore-ls -f /local/domain/0/device-model 2>/dev/null | grep '/device-model/[0-9]'
    ps | grep '[x]en-qemu-system'
    ls /run/xen | grep '^qmp-'
}

# After a scenario: destroys its guests. Nothing may be left then. What is left is removed, so that the
# next scenario isn't affected.
clean_up() {
    local id left
    for id in $(xl list | awk 'NR > 2 { print $2 }'); do xl destroy "$id"; done
    wait_for 20 eval '[ -z "$(remains)" ]' || true
    left=$(remains)
    if [ -n "$left" ]; then
        not_ok "leaves nothing behind"
        echo "$left" | diag
    fi
    for id in $(strays); do kill -9 "$id" 2>/dev/null; done
    for id in $(xenstore-list /local/domain/0/device-model 2>/dev/null); do
        xenstore-rm "/local/domain/0/device-model/$id"
    done
    rm -f /run/xen/qmp-*
}

# A bridge for guests' network cards, with an address of dom0's that they can ask.
bridge() {
    [ -e /sys/class/net/xenbr0 ] || {
        ip link add xenbr0 type bridge
        ip addr add 10.0.0.1/24 dev xenbr0
        ip link set xenbr0 up
    }
}

# linux_config FILE NAME [SETTING...]: the guest with Linux, with xl's defaults, a disk and a network
# card. Xen would trap each reading of the time-stamp counter, and the emulator's RDTSCP confuses it.
linux_config() {
    local file=$1 name=$2 setting
    shift 2
    bridge
    [ -e "/tmp/$name.img" ] || truncate -s 32M "/tmp/$name.img"
    cat >"$file" <<C
type="hvm"
name="$name"
memory=128
vcpus=1
vnc=0
kernel="/guests/vmlinuz"
ramdisk="/guests/linux.gz"
cmdline="console=tty0 console=ttyS0 quiet panic=0"
serial="file:/tmp/$name.serial"
tsc_mode="native"
on_crash="preserve"
on_reboot="preserve"
disk=["/tmp/$name.img,raw,xvda,rw"]
vif=["bridge=xenbr0"]
device_model_override="$LAUNCHER"
C
    for setting; do
        sed -i "/^${setting%%=*}=/d" "$file"
        echo "$setting" >>"$file"
    done
}

# linux_start FILE: starts the guest of linux_config, whose name is l. Linux takes a minute to come up, so
# it does once a boot of the box, and is saved; from then on, and for other scenarios, it is restored.
LINUX=/run/linux
linux_start() {
    mkdir -p $LINUX
    if [ ! -e $LINUX/save ]; then
        check "xl create" xl create "$1"
        check "linux is up" wait_for 500 says l "linux up"
        check "it ticks" wait_for 60 says l "tick 2"
        cp /tmp/l.serial $LINUX/serial
        check "xl save, for all that needs it" xl save l $LINUX/save
        mv /tmp/l.img $LINUX/disk
    fi
    cp $LINUX/disk /tmp/l.img
    check "xl restore of the saved Linux" xl restore "$1" $LINUX/save
    check "it goes on" grows l
}

# life NAME CONFIG COMMAND...: the guest is saved, restored, migrated, saved and restored again, and
# checked each time; COMMAND shows that it goes on. Its screen is kept in /out, as QEMU shows it and as
# it is in the savefile; SCREEN has the options that tell the mode of a card other than the standard VGA.
life() {
    local name=$1 config=$2 when
    shift 2
    check "list" xen-physmap list "$name"
    check "check agrees" xen-physmap check "$name"
    qmp "$name" '{"execute":"screendump","arguments":{"filename":"/tmp/screen.ppm"}}' >/dev/null
    cp /tmp/screen.ppm "/out/$SCENARIO.ppm"
    for when in restored migrated "restored again"; do
        if [ "$when" = migrated ]; then
            check "xl migrate" local_migrate "$name"
        else
            check "xl save, to be $when" xl save "$name" "/tmp/$name.save"
            check "verify" xen-physmap verify "/tmp/$name.save"
            [ "$when" != restored ] ||
                check "screenshot" xen-physmap screenshot ${SCREEN:-} "/tmp/$name.save" "/out/$SCENARIO.png"
            check "xl restore, $when" xl restore "$config" "/tmp/$name.save"
            rm -f "/tmp/$name.save"
        fi
        check "$when: goes on" "$@"
        check "$when: check agrees" xen-physmap check "$name"
    done
}
