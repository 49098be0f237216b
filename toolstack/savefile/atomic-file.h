/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb writes: whole, or not at all. */
#ifndef XEN_PHYSMAP_ATOMIC_FILE_H
#define XEN_PHYSMAP_ATOMIC_FILE_H

#include <xen-physmap/error.h>

/*
 * A regular file gets its name, and its contents reach the disk, only with atomic_file_commit; until
 * then a file that was there stays as it was. The folder may belong to somebody else: a symbolic
 * link is refused, and another user's file is replaced by a new one of ours. A file of our own that
 * is replaced keeps its permissions, without set-user-ID and set-group-ID, unless others can write
 * to the folder.
 *
 * "-" is standard output. That, another descriptor (/dev/stdout, /dev/fd/3) and what is no regular
 * file are written to directly. A file that input_open has opened is never written to.
 */
typedef struct AtomicFile AtomicFile;

typedef enum {
    /* A new file is its owner's alone: it may have the guest's memory in it. */
    ATOMIC_FILE_PRIVATE,
    /* A new file's permissions are those that the umask leaves. */
    ATOMIC_FILE_PUBLIC,
} AtomicFileKind;

/* SYSTEM or ACCESS when it can't be made. */
AtomicFile *atomic_file_open(const char *name, AtomicFileKind kind, GError **error);

/* The same of a file directly in this folder; the descriptor stays the caller's. `shown` is its
 * name in messages. */
AtomicFile *atomic_file_open_in(int folder, const char *base, const char *shown,
                                AtomicFileKind kind, GError **error);

/* A private file which may have the name of the file behind `input`, which it then replaces. */
AtomicFile *atomic_file_replace(const char *name, int input, GError **error);

/* To be written to, and the output's. */
int atomic_file_fd(const AtomicFile *output);

/* TRUE when it is written to directly: in order, and at once. */
gboolean atomic_file_is_direct(const AtomicFile *output);

/* Writes all of the bytes. */
gboolean atomic_file_write(AtomicFile *output, const void *bytes, gsize length, GError **error);

/* What was written is complete. */
gboolean atomic_file_commit(AtomicFile *output, GError **error);

/* Drops what wasn't committed. NULL is allowed. */
void atomic_file_close(AtomicFile *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AtomicFile, atomic_file_close)

#endif
