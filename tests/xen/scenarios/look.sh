# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest's memory seen from outside: extract, screenshot, map and watch, running and saved.

# The picture of guests/picture.S, 800x600 pixels of 32 bits.
PICTURE=fa7b26d7b34cd2e5a6045c4f39e40fc6
sum() { md5sum | cut -d' ' -f1; }
# The size of a PNG picture, as in "0000032000000258".
png_size() { od -An -tx1 -j16 -N8 "$1" | tr -d ' \n'; }

xen-physmap watch --json g1 >/out/watch.json 2>/tmp/watch.err &
watch=$!
guest_config /tmp/g1.cfg g1 picture "$(cards 4 5)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 240 says g1 "picture drawn"
check "check as JSON, with hashes" eval 'xen-physmap check --json --hash g1 >/out/check.json'
check "list as JSON" eval 'xen-physmap list --json >/out/list.json'
check "map of a running domain" xen-physmap map g1
has "map names the framebuffer" "$(xen-physmap map g1)" \
    '0000:00:03.0/vga.vram, 16 MiB at 0xf1000000, allocated at 0x2000000'
fails "screenshot of a running domain wants its size" 2 xen-physmap screenshot g1 /tmp/live.png
check "screenshot of a running domain" \
    xen-physmap screenshot --size 800x600x32 g1 /tmp/live.png
check "xl save" xl save g1 /tmp/g1.save

check "extract" xen-physmap extract /tmp/g1.save vga.vram /tmp/vram
is "extract gives back the picture" "$(head -c 1920000 /tmp/vram | sum)" $PICTURE
is "so it does out of a pipe" \
    "$(cat /tmp/g1.save | xen-physmap extract --at 0xf1000000,0x1000000 - - | head -c 1920000 | sum)" \
    $PICTURE
check "screenshot as the guest meant it" \
    xen-physmap screenshot --size 800x600x32 /tmp/g1.save /tmp/saved.png
check "it is the running domain's" cmp /tmp/live.png /tmp/saved.png
check "screenshot in the card's own mode" xen-physmap screenshot /tmp/g1.save /tmp/mode.png
is "which is 800x600" "$(png_size /tmp/mode.png)" 0000032000000258
check "map of a savefile" xen-physmap map --svg /tmp/map.svg --png /tmp/map.png /tmp/g1.save
cp /tmp/live.png /tmp/mode.png /tmp/map.png /out/

check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
check "watch saw the second life" wait_for 60 eval \
    '[ $(grep -c "\"event\":\"appeared\",\"record\":{\"name\":\"0000:00:03.0/vga.vram\"" /out/watch.json) = 2 ]'
check "xl destroy" xl destroy g1
check "watch saw it go" wait_for 60 eval \
    '[ $(grep -c "\"event\":\"gone\",\"record\":{\"name\":\"0000:00:03.0/vga.vram\"" /out/watch.json) = 2 ]'
check "watch saw the relocation" grep -q \
    '"event":"moved",.*vga.vram.*"from_hex":"0x2000000",.*"to_hex":"0xf1000000"' \
    /out/watch.json
# Not by SIGINT, which a shell has its background jobs ignore.
kill -TERM $watch
wait $watch
is "watch ends by SIGTERM" $? 0
