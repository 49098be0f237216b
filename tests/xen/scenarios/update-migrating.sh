# SPDX-License-Identifier: LGPL-2.1-or-later
# Saves, migrations and other updates of the same guest: before an update and at each of its steps.
# limit: 1500
steps="prepare pause save start unpause end tidy retire"
[ -z "$QUICK" ] || steps="prepare start tidy"

helpers() { ps | grep '[l]ibxl-save-helper --save-domain'; }
is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }
dm_pid() { xenstore-read "/local/domain/$(domid g1)/image/device-model-pid"; }

# One that stops in the middle of the guest's memory until /tmp/on is there.
printf '#!/bin/sh\nshift\n{ dd bs=65536 count=16 iflag=fullblock 2>/dev/null; touch /tmp/held; while [ ! -e /tmp/on ]; do sleep 0.2; done; cat; } | "$@"\n' >/tmp/slow-migrate
chmod +x /tmp/slow-migrate
held_migrate() {
    rm -f /tmp/held /tmp/on
    xl migrate -s /tmp/slow-migrate g1 localhost
}

hammer_config /tmp/g1.cfg g1
check "xl create" xl create /tmp/g1.cfg
check "the guest hammers" wait_for 120 says g1 "ABC"

# A migration that is on its way when the update begins.
held_migrate >/tmp/migrate.out 2>&1 &
migration=$!
check "a migration is half done" wait_for 60 test -e /tmp/held
old=$(dm_pid)
for option in "" --dry-run; do
    fails "an update${option:+ ($option)} beside it" 1 xen-physmap update-dm $option g1
    has "who is at work" "$OUTPUT" "libxl-save-helper, process"
    has "what to do" "$OUTPUT" "wait until"
done
is "QEMU wasn't touched" "$(dm_pid)" "$old"
touch /tmp/on
rc=0
wait $migration || rc=$?
is "the migration ends well" $rc 0
check "the guest goes on" grows g1
check "check agrees" xen-physmap check g1

# at STEP COMMAND...: the command begins while an update of g1 is stopped at the step.
at() {
    local step=$1 text=$2 updater other rc
    shift 2
    XEN_PHYSMAP_FAULT=stop:$step xen-physmap update-dm --timeout 100 g1 >/tmp/update.out 2>&1 &
    updater=$!
    check "$text at $step: the update is there" wait_for 90 is_stopped $updater
    "$@" >/tmp/other.out 2>&1 &
    other=$!
    read -rt 3 -u "$never"
    is "$text at $step: it waits" "$([ -e /proc/$other ] && echo yes; helpers)" yes
    kill -CONT $updater
    rc=0
    wait $updater || rc=$?
    is "$text at $step: the update ends well" $rc 0
    [ $rc = 0 ] || diag </tmp/update.out
    rc=0
    wait $other || rc=$?
    is "$text at $step: it ends well" $rc 0
    [ $rc = 0 ] || diag </tmp/other.out
    check "$text at $step: the guest goes on" grows g1
    check "$text at $step: check agrees" xen-physmap check g1
    is "$text at $step: nothing is left" "$(left_over)" ""
}

restored() { xl save g1 /tmp/g1.save && xl restore /tmp/g1.cfg /tmp/g1.save; }

another() {
    local updater
    XEN_PHYSMAP_FAULT=stop:$1 xen-physmap update-dm --timeout 100 g1 >/tmp/update.out 2>&1 &
    updater=$!
    check "an update at $1: the first is there" wait_for 90 is_stopped $updater
    fails "an update at $1: exit 2" 2 xen-physmap update-dm g1
    has "an update at $1: it says so" "$OUTPUT" "another update of domain $(domid g1) is at work"
    fails "a resume at $1: exit 2" 2 xen-physmap update-dm --resume g1
    kill -CONT $updater
    rc=0
    wait $updater || rc=$?
    is "an update at $1: the first ends well" $rc 0
    check "an update at $1: the guest goes on" grows g1
}

for step in $steps; do at $step "xl migrate" local_migrate g1; done
at "$([ -n "$QUICK" ] && echo save || echo prepare)" "xl save" restored
[ -n "$QUICK" ] || for step in pause save start unpause; do at $step "xl save" restored; done
for step in $([ -n "$QUICK" ] && echo start || echo $steps); do another $step; done
is "the guest counted without a gap" "$(sequence g1)" "whole"
