#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The launcher, with a script in QEMU's place that tells which arguments and environment it got.
. "$(dirname "$0")/shell.sh"
shown=output

launcher=$command-qemu
unset XEN_PHYSMAP_POLICY LD_PRELOAD

cat >"$work/qemu" <<'Q'
#!/bin/sh
for argument; do echo "argument $argument"; done
env | grep -e '^XEN_PHYSMAP' -e '^LD_PRELOAD'
Q
chmod +x "$work/qemu"
export XEN_PHYSMAP_QEMU="$work/qemu"

# has TEXT PATTERN, lacks TEXT PATTERN: a whole line of the output.
has() { check "$1" grep -qx -- "$2" "$work/output"; }
lacks() { check "$1" no "$2"; }
no() { ! grep -x -- "$1" "$work/output"; }
run() { "$@" >"$work/output" 2>&1; code=$?; }
code() { check "$1" is "$code" "$2"; }

run "$launcher" -xen-domid 7 -name 'a b' -m 64
has "arguments pass through" 'argument a b'
has "a monitor of the component's own" 'argument socket,id=xen-physmap-component,fd=[0-9]*'
has "a monitor for tools" 'argument socket,id=xen-physmap-tools,path=/run/xen/qmp-physmap-7,server=on,wait=off'
has "the component knows the domain" 'XEN_PHYSMAP_DOMID=7'
has "the component is preloaded" 'LD_PRELOAD=.*/xen-physmap-qemu.so'
has "the policy is to refuse" 'XEN_PHYSMAP_POLICY=refuse'
lacks "nothing is incoming" 'XEN_PHYSMAP_INCOMING=.*'

run "$launcher" -xen-domid 7 -incoming fd:9
has "a restore waits for the component" 'argument defer'
lacks "and not for QEMU" 'argument fd:9'
has "which knows where the state is" 'XEN_PHYSMAP_INCOMING=fd:9'

run "$launcher" -xen-domid 7 -incoming fd:8 -incoming fd:9
lacks "of two places QEMU takes the last" 'argument fd:9'
has "and so does the component" 'XEN_PHYSMAP_INCOMING=fd:9'

run env XEN_PHYSMAP_POLICY=off "$launcher" -xen-domid 7 -incoming fd:9
has "policy off leaves the restore alone" 'argument fd:9'

run env XEN_PHYSMAP_POLICY=whatever "$launcher" -xen-domid 7
has "an unknown policy is reported" 'xen-physmap-qemu: XEN_PHYSMAP_POLICY is .whatever., not .*'
has "and means to refuse" 'XEN_PHYSMAP_POLICY=refuse'
run env XEN_PHYSMAP_POLICY="$(printf 'a\033[2J')" "$launcher" -xen-domid 7
has "without its control characters" 'xen-physmap-qemu: XEN_PHYSMAP_POLICY is .a.x1b.2J., .*'

run env LD_PRELOAD=/nonexistent/other.so "$launcher" -xen-domid 7
has "another preload is kept" 'LD_PRELOAD=.*/xen-physmap-qemu.so:/nonexistent/other.so'

run "$launcher" -version
has "without a domain QEMU is run" 'argument -version'
lacks "as it is" 'XEN_PHYSMAP_DOMID=.*'

run env XEN_PHYSMAP_QEMU="$work/none" "$launcher" -xen-domid 7
code "no QEMU is an error" 127
has "that says so" ".*can't run .*/none: No such file or directory"
run env XEN_PHYSMAP_QEMU="$(printf '/none\033[2J')" "$launcher" -version
has "without its control characters" ".*can't run /none.x1b.2J: No such file or directory"

# Alone in a folder, the launcher has no component.
cp "$launcher" "$work/launcher"
run "$work/launcher" -xen-domid 7
has "without the component a new guest runs" 'argument 7'
has "and its log says what is missing" 'xen-physmap-qemu: no xen-physmap-qemu.so beside this program; .*'
run "$work/launcher" -xen-domid 7 -incoming fd:9
code "without the component a saved guest doesn't" 1
run env XEN_PHYSMAP_POLICY=warn "$work/launcher" -xen-domid 7 -incoming fd:9
has "unless the policy says so" 'argument fd:9'

# On an incoming migration, what may mean another thing to QEMU is no way round the component.
refused() {
    run "$launcher" "$@"
    code "refused: $*" 1
    lacks "and QEMU isn't run" 'argument .*'
    run env XEN_PHYSMAP_POLICY=off "$launcher" "$@"
    has "but with policy off: $*" 'argument .*'
}
run "$launcher" --xen-domid 7 --incoming fd:9
has "two dashes are as good as one" 'XEN_PHYSMAP_INCOMING=fd:9'
run "$launcher" -xen-domid 7 -no-shutdown -incoming fd:9
has "an option without a value may be in front" 'XEN_PHYSMAP_INCOMING=fd:9'
run "$launcher" -xen-domid 7 -name incoming -incoming fd:9
has "and so may any value" 'XEN_PHYSMAP_INCOMING=fd:9'
refused -xen-domid 7x -incoming fd:9
refused -xen-domid '' -incoming fd:9
refused -xen-domid -7 -incoming fd:9
refused -xen-domid 0x7 -incoming fd:9
refused -xen-domid 32752 -incoming fd:9
refused -xen-domid 99999999999999999999 -incoming fd:9
refused -incoming fd:9
refused -xen-domid 7 -name -incoming fd:9
refused -xen-domid 7 -name --incoming fd:9
refused -xen-domid 7 -incoming -incoming fd:9
refused -name -xen-domid 7 -incoming fd:9
refused -xen-domid 7 -name -runas 0:0 -incoming fd:9

# What our programs tell each other isn't taken from outside.
run env XEN_PHYSMAP_PROBE=1 XEN_PHYSMAP_HOLD_FD=5 XEN_PHYSMAP_INCOMING=fd:5 XEN_PHYSMAP_QMP_FD=0 \
    XEN_PHYSMAP_DOMID=9 "$launcher" -xen-domid 7
lacks "no probe" 'XEN_PHYSMAP_PROBE=.*'
lacks "no standby" 'XEN_PHYSMAP_HOLD_FD=.*'
lacks "no state to load" 'XEN_PHYSMAP_INCOMING=.*'
lacks "no descriptor of a monitor" 'XEN_PHYSMAP_QMP_FD=0'
has "no other domain" 'XEN_PHYSMAP_DOMID=7'
run env XEN_PHYSMAP_DOMID=9 XEN_PHYSMAP_PROBE=1 "$launcher" -version
lacks "without a domain neither" 'XEN_PHYSMAP.*=[0-9]'

# The updater's word comes first, and is no argument of QEMU's. Then the program has to be root's.
mkdir "$work/open" && cp "$work/qemu" "$work/open/" && chmod 777 "$work/open"
run "$launcher" --xen-physmap-hold=4 -xen-domid 7 -incoming fd:3
has "the updater has it held" 'XEN_PHYSMAP_HOLD_FD=4'
lacks "which QEMU isn't told" 'argument --xen-physmap-hold=4'
run "$launcher" -xen-domid 7 --xen-physmap-hold=4
has "elsewhere it is any argument" 'argument --xen-physmap-hold=4'
lacks "and holds nothing" 'XEN_PHYSMAP_HOLD_FD=4'
run env XEN_PHYSMAP_QEMU="$work/open/qemu" "$launcher" --xen-physmap-hold=4 -xen-domid 7 -incoming fd:3
code "an update runs no QEMU that others may write to" 127
has "and says why" "xen-physmap-qemu: can't run .*/open/qemu: .*/open: others than root may write to it"
run "$work/launcher" --xen-physmap-hold=4 -xen-domid 7 -incoming fd:3
code "nor one without the component" 1

# What the updater asks a new QEMU first. A shell in front of it, preloaded too, isn't meant.
cp "$(command -v env)" "$work/qemu-env"
cp "$(command -v env)" "$work/device-model"
printf '#!/bin/sh\nexec "$0-env"\n' >"$work/qemu"
probe() { run env LD_PRELOAD="$launcher.so" XEN_PHYSMAP_PROBE=1 "$1"; }
probe "$work/qemu-env"
has "the component says that it is in QEMU" 'xen-physmap: loaded'
probe "$work/qemu"
has "behind a script too" 'xen-physmap: loaded'
probe "$work/device-model"
lacks "and not in another program" 'xen-physmap: loaded'

# What earlier QEMUs left behind, in a /run of its own.
cat >"$work/leftovers" <<'S'
mount -t tmpfs none /run && mkdir /run/xen && cd /run/xen || exit
touch qmp-physmap-3
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $_, Listen => 1) for @ARGV' \
    qmp-physmap-1 qmp-physmap-22 qmp-libxl-1 qmp-physmap-x
perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => "qmp-physmap-4", Listen => 1);
    close STDOUT; sleep 60' &
until [ -S qmp-physmap-4 ]; do sleep 0.01; done
"$1" -xen-domid 7 >/dev/null
echo left: *
kill $!
rm -f *
"$1" -xen-domid 7 -runas 1:1 >/dev/null
XEN_PHYSMAP_HOLD_FD=9 "$1" -xen-domid 7 -runas 2:3 >/dev/null
user_of() {
    cat /run/xen-physmap/launch/* | tr '\0' ' ' |
        sed "s/.* \\(user=[0-9]* group=[0-9]*\\) .*/$*: \\1/"
    echo
}
user_of by number
"$1" -xen-domid 7 -runas nobody >/dev/null
user_of by name
"$1" -xen-domid 7 -run-with chroot=/x,user=2:3 >/dev/null
user_of by property
"$1" -xen-domid 7 >/dev/null
user_of root
XEN_PHYSMAP_HOLD_FD=9 "$1" -xen-domid 7 -runas 2:3 >/dev/null
cd xen-physmap/launch || cd ../xen-physmap/launch
ls -ld --time-style=+ . | sed 's/^\([^ ]*\).*/folder: \1/'
for file in *; do
    echo "started: $(stat -c %a "$file") $(tr '\0' ' ' <"$file")"
done
chmod 777 .
"$1" -xen-domid 7 >/dev/null
chmod 700 .
rm -f *
touch /run/target
ln -s /run/target new-1 && ln -s /run/target 1
"$1" -xen-domid 7 >/dev/null
echo "target: $(cat /run/target)"
S
if unshare --user --map-root-user --mount mount -t tmpfs none /run 2>/dev/null; then
    run unshare --user --map-root-user --mount sh "$work/leftovers" "$launcher"
    has "sockets at which nobody listens are removed, and nothing else" \
        'left: qmp-libxl-1 qmp-physmap-3 qmp-physmap-4 qmp-physmap-x'
    if [ "$(unshare --user --map-root-user stat -c %u /)" = 0 ]; then
        has "launch records are in a folder of root's" 'folder: drwx------'
        has "for root to read" \
            'started: 600 xen-physmap-launch=1 .* program=/.*/qemu .* argument=-runas argument=2:3 environment=.*'
        has "they say where it was started" 'started: .* folder=/run/xen .*'
        has "they say which user QEMU becomes" "by number: user=2 group=3"
        has "by a name" "by name: user=$(id -u nobody) group=$(id -g nobody)"
        has "by a property" "by property: user=2 group=3"
        has "or that it stays root" "root: user=0 group=0"
        lacks "but not what the launcher adds" 'started: .*xen-physmap-component.*'
        lacks "nor what is between our programs" 'started: .*HOLD_FD.*'
        lacks "and they go with the process" 'started: .* argument=1:1 .*'
        has "a folder that others may write to isn't used" \
            "xen-physmap-qemu: can't write down .*/launch: others than root may write to it"
        has "no link is followed" 'target: '
    else
        skip "launch records" "only root can have /run of its own under root's /"
    fi
else
    skip "sockets at which nobody listens are removed" "no user namespaces here"
fi

run "$launcher" --help
code "--help" 0
run "$launcher"
code "no argument is a wrong use" 2
run "$launcher" --where
has "--where: QEMU" "qemu $work/qemu"
XEN_PHYSMAP_POLICY=warn run "$launcher" --where
has "--where: the policy, and where it is from" 'policy warn (XEN_PHYSMAP_POLICY)'
for option in --help --where; do
    "$launcher" $option >/dev/full 2>"$work/output"
    code=$?
    code "$option to a full disk" 2
done

echo "1..$number"
