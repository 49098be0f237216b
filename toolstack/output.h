/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb writes: whole, or not at all. */
#ifndef XEN_PHYSMAP_OUTPUT_H
#define XEN_PHYSMAP_OUTPUT_H

#include <xen-physmap/error.h>

/*
 * A regular file gets its name, and its contents reach the disk, only with output_commit; until
 * then a file that was there stays as it was. A savefile has all of the guest's memory in it, so a
 * new file is its owner's alone; one that is replaced keeps its mode and its owner, if we may.
 * "-" is standard output, and what is no regular file is written to directly.
 */
typedef struct Output Output;

/* SYSTEM or ACCESS when it can't be made. */
Output *output_open(const char *name, GError **error);

/* To be written to, and the output's. */
int output_fd(const Output *output);

/* Writes all of the bytes. */
gboolean output_write(Output *output, const void *bytes, gsize length, GError **error);

/* What was written is complete. */
gboolean output_commit(Output *output, GError **error);

/* Drops what wasn't committed. NULL is allowed. */
void output_close(Output *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Output, output_close)

#endif
