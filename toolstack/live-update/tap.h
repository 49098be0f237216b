/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's network interfaces of a QEMU (tap devices), which last as long as a process has them. */
#ifndef XEN_PHYSMAP_TAP_H
#define XEN_PHYSMAP_TAP_H

#include <sys/types.h>

#include <xen-physmap/error.h>

/*
 * For each interface of this network namespace in `args` that process `pid` has open, a copy of the
 * descriptor is added to `fds`, an array of int, and its argument becomes fd= with `first` and the
 * place in that array. The copy is close-on-exec. An interface that the process doesn't have stays as
 * it is: QEMU makes a new one. Linux 5.6.
 */
gboolean tap_hand_over(pid_t pid, char **args, int first, GArray *fds, GError **error);

#endif
