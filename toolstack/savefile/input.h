/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb reads, by the name that a person gave. */
#ifndef XEN_PHYSMAP_INPUT_H
#define XEN_PHYSMAP_INPUT_H

#include <sys/stat.h>

#include <xen-physmap/error.h>

/*
 * A descriptor of the file, or standard input for "-". SYSTEM, and -1, when it can't be opened, or
 * when standard output goes into it. What was opened is remembered, also when it was closed, so
 * that no verb destroys what it reads. To be called by one thread.
 */
int input_open(const char *name, GError **error);

/* TRUE for a regular file or a disk that input_open has opened, by whatever name. */
gboolean input_is_open(const struct stat *st);

/* Where a domain could be meant as well: TRUE for "-", for a path, and for a file that is there. */
gboolean input_is_file(const char *word);

#endif
