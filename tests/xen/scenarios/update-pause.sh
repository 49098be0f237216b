# SPDX-License-Identifier: LGPL-2.1-or-later
# The guest's pause in an update, compared with xl save and xl restore of the same guest.

now() { cut -d' ' -f1 /proc/uptime; }
took() { awk "BEGIN { printf \"%.0f\", ($2 - $1) * 1000 }"; }

for memory in 48 1024; do
    guest_config /tmp/g1.cfg g1 picture memory=$memory "$(cards 6)"
    check "$memory MiB: xl create" xl create /tmp/g1.cfg
    check "$memory MiB: the guest draws" wait_for 60 says g1 "picture drawn"
    pauses=
    for round in 1 2 3; do
        xen-physmap update-dm --json g1 >/tmp/json 2>/tmp/update.err
        is "$memory MiB: update $round" "$?" 0
        cat /tmp/update.err
        pauses="$pauses $(sed -n 's/.*"pause_ms" : \([0-9]*\).*/\1/p' /tmp/json)"
    done
    pause=$(printf '%s\n' $pauses | sort -n | sed -n 2p)
    # The dom0 of the box has no room for a gigabyte: there xl save alone stands for both.
    file=/tmp/g1.save
    [ $memory = 48 ] || file=/dev/null
    start=$(now)
    check "$memory MiB: xl save" xl save g1 $file
    middle=$(now)
    what="xl save to /dev/null $(took "$start" "$middle") ms"
    if [ $memory = 48 ]; then
        check "$memory MiB: xl restore" xl restore /tmp/g1.cfg $file
        what="xl save $(took "$start" "$middle") ms, xl restore $(took "$middle" "$(now)") ms"
        end=$(now)
        xl destroy g1
    else
        end=$middle
    fi
    echo "$memory MiB: pause in ms:$pauses, median $pause; $what, ratio $(($(took "$start" "$end") / pause))"
done | tee /out/update-pause.txt
check "the pauses were measured" grep -q ratio /out/update-pause.txt
cat /out/update-pause.txt
