# SPDX-License-Identifier: LGPL-2.1-or-later
# The updater is killed before and after each step, and while it goes back; --resume completes it.
# limit: 1200

hammer_config /tmp/g1.cfg g1
check "xl create" xl create /tmp/g1.cfg
check "the guest hammers" wait_for 120 says g1 "ABC"

resumed() {   # CASE
    fails "$1: another update is refused" 1 xen-physmap update-dm g1
    check "$1: resumed" xen-physmap update-dm --resume g1
    check "$1: the guest goes on" grows g1
    check "$1: check agrees" xen-physmap check g1
    is "$1: one QEMU" "$(ps | grep -c '[x]en-qemu-system')" 1
    is "$1: nothing is left" "$(left_over)" ""
}

# Killed while the new QEMU sets itself up, and resumed at once: it would go on for a while.
delays="0 1" whens="kill killed" backs="start save pause prepare"
[ -z "$QUICK" ] || delays=0 whens=killed backs=save
for delay in $delays; do
    xen-physmap update-dm g1 >/tmp/out 2>&1 &
    updater=$!
    check "the new QEMU starts" wait_for 60 test -e "/run/xen-physmap/$(domid g1)/journal"
    sleep $delay
    kill -9 $updater
    wait $updater || true
    resumed "killed $delay s after the start"
    sleep 5
    check "killed $delay s after the start: no server is left" xen-physmap update-dm --dry-run g1
done

for step in prepare pause save start unpause end tidy retire; do
    for when in $whens; do
        XEN_PHYSMAP_FAULT=$when:$step xen-physmap update-dm g1 >/tmp/out 2>&1
        is "$when $step: it was killed" $? 137
        resumed "$when $step"
    done
done
# On the way back, from a new QEMU that never reports to run; with QUICK, which doesn't wait for that, from
# one that does.
printf '#!/bin/sh\ncase "$*" in *-incoming*) set -- "$@" -S ;; esac\nexec /usr/libexec/xen-qemu-system-i386 "$@"\n' >/tmp/qemu-stops
chmod +x /tmp/qemu-stops
fails= options="--qemu /tmp/qemu-stops --timeout 40"
[ -z "$QUICK" ] || fails=fail:unpause options=
for step in $backs; do
    XEN_PHYSMAP_FAULT=$fails,unkill:$step xen-physmap update-dm g1 $options >/tmp/out 2>&1
    is "going back, killed at $step" $? 137
    resumed "going back, killed at $step"
done
# Killed when the guest ran on the new QEMU already, whose state is the only one that's true now.
XEN_PHYSMAP_FAULT=killed:unpause xen-physmap update-dm g1 >/tmp/out 2>&1
serving=$(xenstore-read "/local/domain/$(domid g1)/image/device-model-pid")
check "killed behind unpause: the guest goes on" grows g1
fails "resuming it fails" 1 env XEN_PHYSMAP_FAULT=fail:unpause xen-physmap update-dm --resume g1
has "and doesn't go back" "$OUTPUT" "unfinished"
resumed "killed behind unpause"
is "it is the new QEMU still" "$(xenstore-read "/local/domain/$(domid g1)/image/device-model-pid")" "$serving"
# Paused by somebody else by then, the guest can't take its answer from the old QEMU's server.
XEN_PHYSMAP_FAULT=killed:start xen-physmap update-dm g1 >/tmp/out 2>&1
check "xl pause" xl pause g1
rc=0
OUTPUT=$(xen-physmap update-dm --resume g1 2>&1) || rc=$?
case $rc in
0) has "paused by another: it says so" "$OUTPUT" "the guest is paused" ;;
*) has "paused by another: it says what to do" "$OUTPUT" "'xl unpause' it" ;;
esac
xl unpause g1
check "paused by another: resumed" xen-physmap update-dm --resume g1
check "paused by another: the guest goes on" grows g1
check "paused by another: one server is left" xen-physmap update-dm --dry-run g1
check "nothing to resume" xen-physmap update-dm --resume g1
is "the guest counted without a gap" "$(sequence g1)" "whole"

# Destroyed before anybody resumes: the QEMU that libxl doesn't know of would keep its pages for ever.
XEN_PHYSMAP_FAULT=killed:start xen-physmap update-dm g1 >/tmp/out 2>&1
id=$(domid g1)
check "left unfinished: xl destroy" xl destroy g1
fails "resumed, when it was destroyed: exit 1" 1 xen-physmap update-dm --resume "$id"
has "it says so" "$OUTPUT" "was destroyed meanwhile"
is "no QEMU is left" "$(ps | grep -c '[x]en-qemu-system')" 0
is "nothing is left" "$(left_over)" ""
