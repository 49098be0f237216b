# SPDX-License-Identifier: LGPL-2.1-or-later
# The cost of the component: the same guest with it and without it, by turns, in ms and KiB; a small
# guest and a larger one.
# limit: 1400
rounds=5

# timed FILE COMMAND...: adds what it took.
timed() {
    local file=$1 start=${EPOCHREALTIME/./}
    shift
    "$@" || return
    echo $(((${EPOCHREALTIME/./} - start) / 1000)) >>"$file"
}

# Also how long the guest stood still, from xl's having it suspended to xl's end.
save() {   # FILE
    local line suspended=
    exec {log}< <(exec xl -vvv save g1 /tmp/g1.save 2>&1)
    while IFS= read -ru "$log" line; do
        echo "$line"
        [[ $line != *"wait for the guest to suspend"* ]] || suspended=${EPOCHREALTIME/./}
    done
    exec {log}<&-
    wait $! && echo $(((${EPOCHREALTIME/./} - suspended) / 1000)) >>"$1"
}

# What QEMU takes of memory, and what of it is nobody else's.
memory() {   # PREFIX
    local pid field
    pid=$(xenstore-read "/local/domain/$(domid g1)/image/device-model-pid")
    for field in Rss Pss Private_Dirty; do
        sed -n "s/^$field: *\([0-9]*\) kB/\1/p" "/proc/$pid/smaps_rollup" >>"$1-$field"
    done
}

# cycle KIND: one life of the guest.
cycle() {
    local to=/tmp/$1
    check "$1: xl create" timed "$to-create" xl create "/tmp/$1.cfg"
    check "$1: the guest draws" wait_for 120 says g1 "picture drawn"
    memory "$to-created"
    check "$1: xl save" timed "$to-save" save "$to-downtime"
    check "$1: xl restore" timed "$to-restore" xl restore "/tmp/$1.cfg" /tmp/g1.save
    memory "$to-restored"
    xl destroy g1
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

rm -f /tmp/measured
# The savefile lies there, beside what else takes dom0's memory.
mount -o remount,size=80% /tmp
for memory in 48 512; do
    guest_config /tmp/with.cfg g1 picture memory=$memory
    sed '/device_model_override/d' /tmp/with.cfg >/tmp/without.cfg
    # Files that were never read are read from the initramfs for everybody by then.
    cycle without
    cycle with
    rm -f /tmp/with-* /tmp/without-*
    for round in $(seq $rounds); do
        # Each is first as often as the other.
        if [ $((round % 2)) = 1 ]; then
            cycle with
            cycle without
        else
            cycle without
            cycle with
        fi
    done
    for what in create save downtime restore {created,restored}-{Rss,Pss,Private_Dirty}; do
        with=$(median "/tmp/with-$what") without=$(median "/tmp/without-$what")
        echo "$memory MiB: $what: with $with, without $without," \
            "ratio $(awk "BEGIN { printf \"%.3f\", $with / $without }");" \
            "with: $(sort -n "/tmp/with-$what" | xargs), without: $(sort -n "/tmp/without-$what" | xargs)"
    done | tee -a /tmp/measured
done
cp /tmp/measured /out/measure.txt
is "all was measured" "$(grep -c ratio /out/measure.txt)" 20
