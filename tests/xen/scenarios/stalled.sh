# SPDX-License-Identifier: LGPL-2.1-or-later
# xenstored doesn't answer while the guest moves its framebuffer. The guest goes on undisturbed, and
# the records are written as soon as xenstored answers again.
guest_config /tmp/g1.cfg g1 movebar
check "xl create" xl create /tmp/g1.cfg
check "the guest moves its BAR" wait_for 120 says g1 '\.\.'
pid=$(ps | sed -n 's/^ *\([0-9]*\) .*[o]*xenstored --pid-file.*/\1/p' | head -n 1)
kill -STOP "$pid"
check "it goes on without xenstored" wait_for 120 says g1 "done"
kill -CONT "$pid"
agrees() { xen-physmap check g1 && physmap g1 | grep -q 'start_addr = "f6000000"'; }
check "and is recorded right afterwards" wait_for 30 agrees
is "QEMU's log has no complaint" "$(qemu_log g1 | grep xen-physmap)" ""
