/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and writes the toolstack blob, in which libxl of Xen 4.2 to 4.5 carried the records. */
#ifndef XEN_PHYSMAP_LEGACY_BLOB_H
#define XEN_PHYSMAP_LEGACY_BLOB_H

#include <xen-physmap/keys.h>

/* The longest blob that is read. */
#define LEGACY_BLOB_MAX (4U << 20)

/*
 * The records of a blob, which is at `offset` in the input. *word is the word size of the toolstack
 * that wrote it, 32 or 64; 0 for a blob without records, which is the same in both. INVALID, with
 * the offset in the input, when it fits neither. The caller owns the table.
 */
XenPhysmapTable *legacy_parse(const guint8 *blob, gsize length, guint64 offset, guint *word,
                              GError **error);

/* Calls `func` with the records of a blob as raw pairs. Only the framing and the length of the
 * names are checked. INVALID as above, or what `func` set. */
gboolean legacy_pairs(const guint8 *blob, gsize length, guint64 offset, guint *word,
                      XenPhysmapKeysFunc func, gpointer data, GError **error);

/* Makes a blob as a toolstack of this word size, 32 or 64, would. The bytes that a 64-bit one
 * leaked are zeros. */
GByteArray *legacy_blob(const XenPhysmapTable *table, guint word);

#endif
