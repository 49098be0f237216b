# SPDX-License-Identifier: LGPL-2.1-or-later
# Xen and xl alone, without xen-physmap: what the other scenarios rely on.
guest_config /tmp/g1.cfg g1 picture device_model_override=
sed -i /device_model_override/d /tmp/g1.cfg
check "xl create" xl create /tmp/g1.cfg
check "the guest draws" wait_for 120 says g1 "picture drawn"
check "xl save" xl save g1 /tmp/g1.save
check "xl restore" xl restore /tmp/g1.cfg /tmp/g1.save
check "xl migrate" local_migrate g1
check "xl destroy" xl destroy g1
