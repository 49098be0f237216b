/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detects, by the first bytes, what isn't a savefile, and what is compressed. */
#ifndef XEN_PHYSMAP_FOREIGN_FORMAT_H
#define XEN_PHYSMAP_FOREIGN_FORMAT_H

#include <glib.h>

/* So many bytes are enough to tell. */
#define FOREIGN_FORMAT_BYTES 18

/* The programs that compressed files can be read through, for messages. */
#define FOREIGN_FORMAT_COMPRESSORS "gzip, xz, zstd, lz4"

/*
 * What the file is and what to do with it, to follow "it is" in a message; NULL when it isn't
 * known.
 */
const char *foreign_format_describe(const guint8 *bytes, gsize length);

/* The program that uncompresses it; NULL when it isn't compressed. */
const char *foreign_format_compressor(const guint8 *bytes, gsize length);

/* TRUE when more bytes would tell whether it is compressed. */
gboolean foreign_format_is_undecided(const guint8 *bytes, gsize length);

#endif
