/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb reads, by the name that a person gave. */
#ifndef XEN_PHYSMAP_INPUT_H
#define XEN_PHYSMAP_INPUT_H

#include <xen-physmap/error.h>

/* A descriptor of the file, or standard input for "-". SYSTEM, and -1, when it can't be opened. */
int input_open(const char *name, GError **error);

/* Where a domain could be meant as well: TRUE for "-", for a path, and for a file that is there. */
gboolean input_is_file(const char *word);

#endif
