/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens the files that a verb reads. */
#ifndef XEN_PHYSMAP_INPUT_H
#define XEN_PHYSMAP_INPUT_H

#include <sys/stat.h>

#include <xen-physmap/error.h>

/*
 * Opens the file, or standard input for "-". SYSTEM, and -1, when it can't be opened, or when
 * standard output goes to the same file. Remembers every file, even after it was closed, so that no
 * verb overwrites what it reads. Call it from one thread.
 */
int input_open(const char *name, GError **error);

/* The same for one who can't wait for the first bytes of a pipe. A compressed input isn't uncompressed. */
int input_open_plain(const char *name, GError **error);

/* As input_open, for a file that the caller has opened. Takes ownership of the descriptor. */
int input_take(int fd, GError **error);

/* The program that uncompresses what this descriptor reads; NULL when it is read as it is. A file
 * or pipe that gzip, xz, zstd or lz4 has compressed is read through one, and is a pipe then. */
const char *input_compressor(int fd);

/* TRUE for a regular file or a disk that input_open has opened, under any name. */
gboolean input_is_open(const struct stat *st);

/* INVALID when the file was written or replaced since `before`, its state before it was read. */
gboolean input_check_unchanged(int fd, const struct stat *before, GError **error);

/* For an argument that can be a file or a domain. TRUE for "-", a path, and a file that exists. */
gboolean input_is_file(const char *word);

#endif
