# SPDX-License-Identifier: LGPL-2.1-or-later
# Where the time of an update's pause goes: QEMU's own time stamps, of the update and of the same work
# done alone. It takes no part in `make check`; docs/performance.md has the figures.
# limit: 1500

trace='"-msg","timestamp=on"'
for event in runstate_set vmstate_save qemu_loadvm_state_section_startfull qemu_loadvm_state_post_main; do
    trace="$trace,\"-trace\",\"$event\""
done

# parts FILE: the spans in a log of QEMU's, in ms. A line is "PID@SECONDS.MICROSECONDS:EVENT ...".
parts() {
    sed -n 's/^\([0-9]*\)@\([0-9]*\)\.\([0-9]*\):\([a-z_]*\) *\(.*\)/\2 \3 \4 \5/p' "$1" | awk '
        { t = ($1 % 100000) * 1000 + $2 / 1000 }
        $3 == "runstate_set" && /running/ && /paused/ { if (!stop) stop = t }
        $3 == "vmstate_save" { if (!save) save = t; saved = t }
        /section_startfull/ { if (!load) load = t }
        /post_main/ { loaded = t }
        $3 == "runstate_set" && loaded { run = t }
        END {
            if (save) printf "stop to first device %.0f, devices saved %.0f", stop ? save - stop : 0, saved - save
            if (save && load) printf ", to the first device loaded %.0f", load - saved
            if (load) printf "%sdevices loaded %.0f, to running %.0f", save ? ", " : "", loaded - load, run - loaded
            print ""
        }'
}
# new_lines COMMAND...: what the command adds to the guest's log, in /tmp/new.
new_lines() {
    local size
    size=$(wc -c </var/log/xen/qemu-dm-g1.log)
    "$@"
    tail -c "+$((size + 1))" /var/log/xen/qemu-dm-g1.log >/tmp/new
}
alone() {
    local i
    for i in stop xen-save-devices-state cont; do
        case $i in
        xen*) qmp g1 "{\"execute\":\"$i\",\"arguments\":{\"filename\":\"/tmp/state\"}}" ;;
        *) qmp g1 "{\"execute\":\"$i\"}" ;;
        esac
    done >/dev/null
}

for memory in ${MEMORIES:-48 256 1024}; do
    guest_config /tmp/g1.cfg g1 picture memory=$memory "$(cards 6),$trace"
    check "$memory MiB: xl create" xl create /tmp/g1.cfg
    check "$memory MiB: the guest draws" wait_for 120 says g1 "picture drawn"
    for round in 1 2 3; do
        new_lines xen-physmap update-dm g1 >/tmp/update.out 2>&1
        sed -n "s/.*it stood still for/$memory MiB: update $round: pause/p" /tmp/update.out
        sed -n 's/.*: \(.*\) (\([0-9]*\) ms)$/    step: \1: \2 ms/p' /tmp/update.out
        echo "    stamps: $(parts /tmp/new)"
        new_lines alone
        echo "    alone: $(parts /tmp/new)"
    done
    if [ $memory = 48 ]; then
        check "$memory MiB: xl save" xl save g1 /tmp/g1.save
        check "$memory MiB: xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
        qemu_log g1 >/tmp/new
        echo "    alone, as xl restore loads it: $(parts /tmp/new)"
    fi
    xl destroy g1
done | tee /out/update-parts.txt
check "there are figures" grep -q 'devices loaded' /out/update-parts.txt
cat /out/update-parts.txt
