/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that a verb writes: it comes to be whole or not at all. */
#ifndef XEN_PHYSMAP_OUTPUT_H
#define XEN_PHYSMAP_OUTPUT_H

#include <xen-physmap/error.h>

/*
 * What is written is in a file beside the final one, or in an unnamed one when the final one is a
 * pipe or a device; so it can be written in any order, and sparsely. Only its owner can read it,
 * since it may hold a guest's memory.
 */
typedef struct Output Output;

/* "-" is standard output. SYSTEM when nothing can be written there. */
Output *output_open(const char *path, GError **error);

/* Where to write; seekable, and the output's own. */
int output_fd(const Output *output);

/* Puts the file in its place, behind an fsync, or copies it to the pipe. */
gboolean output_finish(Output *output, GError **error);

/* Drops what wasn't finished. NULL is allowed. */
void output_free(Output *output);

/* Writes all of it at the offset. */
gboolean output_write(const Output *output, const void *bytes, gsize length, guint64 offset,
                      GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Output, output_free)

#endif
