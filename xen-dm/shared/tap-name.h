/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The name of the network interface behind a descriptor. */
#ifndef XEN_PHYSMAP_TAP_NAME_H
#define XEN_PHYSMAP_TAP_NAME_H

#include <sys/types.h>

#include <glib.h>

/*
 * The interface behind a descriptor of a process; NULL when it is no tap device, or when its name
 * would mean more than a name in QEMU's arguments.
 */
char *tap_name(pid_t pid, const char *fd);

/* The value of "name=" in "type,name=value,..." split at the commas, or NULL. */
const char *tap_property(char **parts, const char *name);

/* The parts without those that say which interface it is, and with `property`. */
char *tap_with(char **parts, const char *property);

/*
 * Has the -netdev arguments of this process that name its descriptors name the interfaces instead,
 * so that they mean the same to another process. Changes the strings of `args`.
 */
void tap_name_all(char **args);

#endif
