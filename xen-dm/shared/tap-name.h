/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The name of the network interface that a descriptor is of. */
#ifndef XEN_PHYSMAP_TAP_NAME_H
#define XEN_PHYSMAP_TAP_NAME_H

#include <sys/types.h>

#include <glib.h>

/*
 * The interface of a process's descriptor. NULL when it isn't a tap device, or when the name would
 * be more than a name in QEMU's arguments.
 */
char *tap_name(pid_t pid, const char *fd);

/*
 * The value of "name=" among the parts of "type,name=value,...", which was split at its commas; or
 * NULL.
 */
const char *tap_property(char **parts, const char *name);

/* The parts without those that name the interface, and with `property` added. */
char *tap_with(char **parts, const char *property);

/*
 * Rewrites -netdev arguments that name descriptors of this process so that they name the
 * interfaces, and mean the same to another process. Changes the strings of `args`.
 */
void tap_name_all(char **args);

#endif
