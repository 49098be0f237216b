# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands of docs/troubleshooting.md: each prints something for a guest that came without records
# and has them now. The other scenarios try the commands of xen-physmap and xl.

guest_config /tmp/g1.cfg g1 picture "$(cards 6)"
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
check "xl save" xl save g1 /tmp/g1.save
check "xen-physmap edit --strip" xen-physmap edit --strip /tmp/g1.save /tmp/g1.save
check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save

# A command that watches never ends.
tells() { [ -n "$(timeout 5 bash -c "$1" 2>/dev/null </dev/null)" ]; }

tried=0
while IFS= read -r command; do
    case ${command%% *} in
    xl | xen-physmap) continue ;;
    esac
    # Neither ss nor sudo is in the box, and a line of a config is no command at all.
    command -v "${command%% *}" >/dev/null || continue
    tried=$((tried + 1))
    check "$command" tells "$command"
done < <(sed -n 's/^    //p' /usr/share/doc/xen-physmap/troubleshooting.md |
    sed "s/GUEST/g1/g; s/DOMID/$(domid g1)/g")
check "the document has commands" test $tried -ge 8
check "xl destroy" xl destroy g1
