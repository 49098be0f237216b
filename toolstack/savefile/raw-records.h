/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of a file before they are validated: what edit changes. */
#ifndef XEN_PHYSMAP_RAW_RECORDS_H
#define XEN_PHYSMAP_RAW_RECORDS_H

#include <xen-physmap/table.h>

/*
 * The pairs of an item of a savefile. All nodes under one offset are one record, however the offset
 * is spelt and whichever nodes there are. Only raw_records_table requires a valid layout.
 *
 * A block is named by its record's name, by its region's name, or by "@" and its offset, as a
 * number or exactly as in the file. An exact match is preferred.
 */
typedef struct RawRecords RawRecords;

RawRecords *raw_records_new(void);

/* NULL is allowed. */
void raw_records_free(RawRecords *raw);

/* Adds any pair. A XenPhysmapKeysFunc; `raw` is a RawRecords. */
gboolean raw_records_add(const char *key, const char *value, gpointer raw, GError **error);

/* Replaces the records by those of the table. */
void raw_records_replace(RawRecords *raw, const XenPhysmapTable *table);

/* The table of the records. INVALID, with the key or the record, when the layout isn't valid. */
XenPhysmapTable *raw_records_table(const RawRecords *raw, GError **error);

/* The pairs that are not under physmap/: key, value, key, value. They belong to the RawRecords. */
GPtrArray *raw_records_others(const RawRecords *raw);

/* Removes a record; or a node of one, for "@OFFSET/NODE". *found is unchanged when there is no such
 * block. INVALID when several fit. */
gboolean raw_records_remove(RawRecords *raw, const char *block, gboolean *found, GError **error);

/* Sets the phys_offset, start_addr, size or name of a record, whatever the old value was. */
gboolean raw_records_set(RawRecords *raw, const char *block, const char *field, const char *value,
                         gboolean *found, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RawRecords, raw_records_free)

#endif
