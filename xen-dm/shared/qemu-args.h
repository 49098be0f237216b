/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options looked up in QEMU's arguments, as QEMU itself reads them. */
#ifndef XEN_PHYSMAP_QEMU_ARGS_H
#define XEN_PHYSMAP_QEMU_ARGS_H

#include <glib.h>

/*
 * The index of the value of `option` ("-incoming") in a NULL-ended list, with the program or
 * without it; 0 when the option isn't there. QEMU takes one dash or two, and of several the last.
 */
guint qemu_args_find(const char *const *args, const char *option);

/* The value itself; NULL when the option isn't there. */
const char *qemu_args_value(const char *const *args, const char *option);

#endif
