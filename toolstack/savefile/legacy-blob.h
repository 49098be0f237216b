/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The toolstack blob of Xen 4.2 to 4.5, in which libxl carried the records then. */
#ifndef XEN_PHYSMAP_LEGACY_BLOB_H
#define XEN_PHYSMAP_LEGACY_BLOB_H

#include <xen-physmap/keys.h>

/* No blob longer than this is to be read. */
#define LEGACY_BLOB_MAX (4U << 20)

/*
 * The records of a blob. *word becomes 32 or 64, the layout that it is in, or 0 for one without
 * records, which is the same in both. INVALID, with the offset in the input where the blob starts
 * at `offset`, when it fits neither layout. The caller owns the table.
 */
XenPhysmapTable *legacy_parse(const guint8 *blob, gsize length, guint64 offset, guint *word,
                              GError **error);

/* Calls `func` with the records of a blob as pairs, whatever they are worth; only the layout and
 * the names' length are checked. INVALID as above, or what `func` set. */
gboolean legacy_pairs(const guint8 *blob, gsize length, guint64 offset, guint *word,
                      XenPhysmapKeysFunc func, gpointer data, GError **error);

/* Makes a blob in the layout of a toolstack of this word, 32 or 64; what a 64-bit one leaked is
 * zeros. */
GByteArray *legacy_blob(const XenPhysmapTable *table, guint word);

#endif
