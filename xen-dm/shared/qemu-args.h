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

/* Whether a word of the list is this option or looks like it, even the last one. */
gboolean qemu_args_mention(const char *const *args, const char *option);

/*
 * Whether QEMU takes each word that looks like `option` for that option. It takes none for one that
 * is the value of the option before it, and which options have a value depends on the version. So
 * FALSE when the word before begins with a dash and isn't known to be an option without a value.
 */
gboolean qemu_args_is_clear(const char *const *args, const char *option);

#endif
