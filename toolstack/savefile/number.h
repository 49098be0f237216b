/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes and addresses as people type them, and as messages have them. */
#ifndef XEN_PHYSMAP_NUMBER_H
#define XEN_PHYSMAP_NUMBER_H

#include <glib.h>

/* The format of an address in messages. */
#define HEX "0x%" G_GINT64_MODIFIER "x"

/* What is accepted, for messages. */
#define NUMBER_FORMS "0x and hexadecimal, decimal, or with K, M, G or T at the end"

/*
 * Reads all of the text: 0x1000000, 16M (also MiB), or digits alone in `base`, which is 10 or, where
 * that has always been so, 16. FALSE when it is no number, or doesn't fit.
 */
gboolean number_parse(const char *text, guint base, guint64 *value);

#endif
