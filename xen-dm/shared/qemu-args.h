/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks options up in QEMU's arguments, the way QEMU reads them. */
#ifndef XEN_PHYSMAP_QEMU_ARGS_H
#define XEN_PHYSMAP_QEMU_ARGS_H

#include <glib.h>

/*
 * The index of the value of `option` ("-incoming") in a NULL-ended list, with or without the
 * program's name; 0 when the option isn't there. QEMU accepts one dash or two, and uses the last of
 * several.
 */
guint qemu_args_find(const char *const *args, const char *option);

/* The value itself; NULL when the option isn't there. */
const char *qemu_args_value(const char *const *args, const char *option);

/* Whether a word of the list is this option or looks like it, including the last word. */
gboolean qemu_args_mention(const char *const *args, const char *option);

/*
 * Whether QEMU reads each word that looks like `option` as that option. A word that is the value of
 * the option before it isn't one, and which options have a value depends on the version. So this is
 * FALSE when the word before begins with a dash and isn't a known option without a value.
 */
gboolean qemu_args_is_clear(const char *const *args, const char *option);

#endif
