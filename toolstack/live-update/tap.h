/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's network interfaces on the host (tap devices). An interface exists while a process has it
 * open.
 */
#ifndef XEN_PHYSMAP_TAP_H
#define XEN_PHYSMAP_TAP_H

#include <sys/types.h>

#include <xen-physmap/error.h>

/*
 * Duplicates process `pid`'s descriptor of each interface in `args` that is in this network
 * namespace. Appends the duplicate to `fds`, an array of int, and changes the argument to fd=N,
 * where N is `first` plus the index in that array. The duplicates are close-on-exec. An interface
 * that the process doesn't have open is left alone: QEMU makes a new one. Needs Linux 5.6.
 */
gboolean tap_hand_over(pid_t pid, char **args, int first, GArray *fds, GError **error);

#endif
