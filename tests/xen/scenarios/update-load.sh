# SPDX-License-Identifier: LGPL-2.1-or-later
# Updates of a Linux guest that works its disk (blkback) from four processes at once and answers over its
# network card (netback): a connection that stays open, and pings. ROUNDS or 20 updates, with QUICK 1.
# limit: 2400
rounds=${ROUNDS:-20}
[ -z "$QUICK" ] || rounds=1

last() { grep '^load' /tmp/l.serial | tail -n 1 | tr -d '\r'; }
written() { last | cut -d' ' -f2; }
more() { [ "$(written)" -gt "$1" ]; }
# The longest time, in ms, that the guest stood still, from this line of its reports on.
longest() { grep '^load' /tmp/l.serial | tail -n +"$1" | awk '{ if ($4 + 0 > max) max = $4 + 0 } END { print max + 0 }'; }
reports() { grep -c '^load' /tmp/l.serial; }

# Sends a number and waits for it to come back, over and over on one connection.
converse() {
    local n=0 back
    exec {peer}<>/dev/tcp/10.0.0.2/7 || return
    while [ ! -e /tmp/enough ]; do
        n=$((n + 1))
        echo $n >&"$peer"
        read -rt 60 -u "$peer" back || { echo "lost $n"; return 1; }
        [ "$back" = $n ] || { echo "wrong $n: $back"; return 1; }
        echo $n >/tmp/answered
        read -rt 0.05 -u "$never"
    done
    echo "whole"
}

cat /guests/linux.gz /guests/load.gz >/tmp/linux-load.gz
linux_config /tmp/l.cfg l 'ramdisk="/tmp/linux-load.gz"'
check "xl create" xl create /tmp/l.cfg
check "the guest works" wait_for 400 more 100
check "its network answers" wait_for 60 says l "net answers"
converse >/tmp/conversation 2>&1 &
talker=$!
check "it converses" wait_for 60 test -e /tmp/answered
ping -q -i 0.2 -W 60 10.0.0.2 >/tmp/pings 2>&1 &
pinger=$!
from=$(reports)
read -rt 10 -u "$never"
echo "the longest gap without an update: $(longest "$from") ms"
is "the kernel serves its disk" "$(xenstore-list "/local/domain/0/backend/vbd/$(domid l)")" 51712

all=$(reports) pause=0
for i in $(seq "$rounds"); do
    from=$(reports) before=$(written) said=$(cat /tmp/answered)
    fails "update $i" 0 xen-physmap update-dm l
    paused=$(echo "$OUTPUT" | sed -n 's/.*stood still for \([0-9.]*\) ms.*/\1/p')
    check "update $i: it writes and reads" wait_for 60 more "$((before + 50))"
    check "update $i: it converses" wait_for 60 eval '[ "$(cat /tmp/answered)" -gt $((said + 5)) ]'
    echo "update $i: the guest saw a gap of $(longest "$from") ms; the updater says ${paused:-?} ms"
done
[ "$rounds" != 1 ] || echo "$OUTPUT"
check "check agrees" xen-physmap check l
touch /tmp/enough
wait $talker
is "the connection lost nothing" "$(cat /tmp/conversation)" "whole"
kill -INT $pinger
wait $pinger
is "no ping was lost" "$(grep -o '[0-9]*% packet loss' /tmp/pings)" "0% packet loss"
is "none was answered twice" "$(grep -c duplicates /tmp/pings)" 0
is "no block is lost, wrong or written twice" "$(grep BAD /tmp/l.serial)" ""
echo "$rounds updates under load: $(written) writes, the longest gap that the guest saw: $(longest "$all") ms;" \
    "$(cat /tmp/answered) answers on one connection; pings: $(grep -A1 transmitted /tmp/pings | tr '\n' ' ')" | tee /out/update-load.txt
