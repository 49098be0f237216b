/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as a file has them, right or wrong: what edit changes. */
#ifndef XEN_PHYSMAP_RAW_RECORDS_H
#define XEN_PHYSMAP_RAW_RECORDS_H

#include <xen-physmap/table.h>

/*
 * The pairs of an item of a savefile. What is under one offset is one record, however the offset is
 * spelt and whichever nodes there are; only raw_records_table demands that they make a valid layout.
 *
 * A block is named as a person would: by its record's name; by its region's name; by "@" and its
 * offset, as it is spelt in the file or as a number. An exact name or spelling comes before the
 * others.
 */
typedef struct RawRecords RawRecords;

RawRecords *raw_records_new(void);

/* NULL is allowed. */
void raw_records_free(RawRecords *loose);

/* Takes any pair, as a XenPhysmapKeysFunc; `loose` is a RawRecords. */
gboolean raw_records_add(const char *key, const char *value, gpointer loose, GError **error);

/* Drops the records, and takes those of the table. */
void raw_records_replace(RawRecords *loose, const XenPhysmapTable *table);

/* What the records come to; INVALID, with the key or the record, if that is no valid layout. */
XenPhysmapTable *raw_records_table(const RawRecords *loose, GError **error);

/* The pairs that are not under physmap/: key, value, key, value. They stay the records'. */
GPtrArray *raw_records_others(const RawRecords *loose);

/* Takes a record out; or a node of one, for "@OFFSET/NODE". *found stays as it was when there is no
 * such block. INVALID when several fit. */
gboolean raw_records_remove(RawRecords *loose, const char *block, gboolean *found, GError **error);

/* Gives a record this value as its phys_offset, start_addr, size or name, whatever it had there. */
gboolean raw_records_set(RawRecords *loose, const char *block, const char *field, const char *value,
                         gboolean *found, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RawRecords, raw_records_free)

#endif
