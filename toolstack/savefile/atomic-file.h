/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb writes: whole, or not at all. */
#ifndef XEN_PHYSMAP_ATOMIC_FILE_H
#define XEN_PHYSMAP_ATOMIC_FILE_H

#include <xen-physmap/error.h>

/*
 * A regular file gets its name, and its contents reach the disk, only with atomic_file_commit; until
 * then a file that was there stays as it was. A savefile has all of the guest's memory in it, so a
 * new file is its owner's alone; one that is replaced keeps its mode and its owner, if we may.
 * "-" is standard output, and what is no regular file is written to directly.
 */
typedef struct AtomicFile AtomicFile;

/* SYSTEM or ACCESS when it can't be made. */
AtomicFile *atomic_file_open(const char *name, GError **error);

/* To be written to, and the output's. */
int atomic_file_fd(const AtomicFile *output);

/* Writes all of the bytes. */
gboolean atomic_file_write(AtomicFile *output, const void *bytes, gsize length, GError **error);

/* What was written is complete. */
gboolean atomic_file_commit(AtomicFile *output, GError **error);

/* Drops what wasn't committed. NULL is allowed. */
void atomic_file_close(AtomicFile *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AtomicFile, atomic_file_close)

#endif
