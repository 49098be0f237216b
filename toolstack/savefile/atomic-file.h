/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a verb writes, completely or not at all. */
#ifndef XEN_PHYSMAP_ATOMIC_FILE_H
#define XEN_PHYSMAP_ATOMIC_FILE_H

#include <xen-physmap/error.h>

/*
 * atomic_file_commit gives a regular file its name, once its contents are on the disk. Until then,
 * an old file with this name stays as it was. The folder may belong to another user: a symbolic
 * link is refused, and another user's file is replaced by a new one of this user. When a file of
 * this user is replaced, the new one gets its permissions, without set-user-ID and set-group-ID,
 * unless others can write to the folder.
 *
 * "-" is standard output. Standard output, another descriptor (/dev/stdout, /dev/fd/3) and anything
 * that isn't a regular file are written to directly. A file that input_open has opened is never
 * written to.
 */
typedef struct AtomicFile AtomicFile;

typedef enum {
    /* Only the owner can read a new file: it may contain the guest's memory. */
    ATOMIC_FILE_PRIVATE,
    /* A new file gets the permissions that the umask allows. */
    ATOMIC_FILE_PUBLIC,
    /* As private, and text: the only kind that a terminal gets. */
    ATOMIC_FILE_TEXT,
} AtomicFileKind;

/* SYSTEM or ACCESS when it can't be created. */
AtomicFile *atomic_file_open(const char *name, AtomicFileKind kind, GError **error);

/* The same of a file directly in this folder; the descriptor stays the caller's. `shown` is its
 * name in messages. */
AtomicFile *atomic_file_open_in(int folder, const char *base, const char *shown,
                                AtomicFileKind kind, GError **error);

/* A private file in this folder, which never replaces another: when the name is there,
 * atomic_file_commit is INVALID. */
AtomicFile *atomic_file_create_in(int folder, const char *base, const char *shown, GError **error);

/* A private file. It may have the name of the file that `input` is, and then replaces it. */
AtomicFile *atomic_file_replace(const char *name, int input, GError **error);

/* The descriptor to write to. It belongs to the AtomicFile. */
int atomic_file_fd(const AtomicFile *output);

/* TRUE when data is written directly, in order. */
gboolean atomic_file_is_direct(const AtomicFile *output);

/* Writes all of the bytes. */
gboolean atomic_file_write(AtomicFile *output, const void *bytes, gsize length, GError **error);

/* Ends the writing: the file is complete. */
gboolean atomic_file_commit(AtomicFile *output, GError **error);

/* Discards a file that wasn't committed. NULL is allowed. */
void atomic_file_close(AtomicFile *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AtomicFile, atomic_file_close)

#endif
