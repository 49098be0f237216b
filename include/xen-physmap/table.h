/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table: all records of one domain, sorted, and always free of contradictions. */
#ifndef XEN_PHYSMAP_TABLE_H
#define XEN_PHYSMAP_TABLE_H

#include <xen-physmap/record.h>

G_BEGIN_DECLS

/* More records than this in one domain are refused. */
#define XEN_PHYSMAP_TABLE_MAX 4096

/*
 * No two records of a table share a byte of [phys_offset, phys_offset + size), nor a byte of
 * [start_addr, start_addr + size), nor a ramblock id. (Bare region names, those without a '/', may
 * repeat: four equal cards share them.) A change that would break this fails, and the table stays
 * as it was. A lookup takes O(log n).
 *
 * A table has no lock: use it in one thread at a time.
 */
typedef struct XenPhysmapTable XenPhysmapTable;

/* An empty table. Free it with xen_physmap_table_free. */
XEN_PHYSMAP_API XenPhysmapTable *xen_physmap_table_new(void);

/* NULL is allowed. Pointers to the records of the table are invalid afterwards. */
XEN_PHYSMAP_API void xen_physmap_table_free(XenPhysmapTable *table);

/* A new table with the same records. */
XEN_PHYSMAP_API XenPhysmapTable *xen_physmap_table_copy(const XenPhysmapTable *table);

/* The number of records. */
XEN_PHYSMAP_API guint xen_physmap_table_size(const XenPhysmapTable *table);

/* Record number `index` in the order of phys_offset, from 0; NULL after the last one. It belongs to
 * the table, and is valid until the table is changed. */
XEN_PHYSMAP_API const XenPhysmapRecord *xen_physmap_table_get(const XenPhysmapTable *table,
                                                              guint index);

/*
 * Adds a copy of *record. INVALID when the record is malformed, overlaps another one or has the
 * same id, and when the table is full; the message names both records.
 */
XEN_PHYSMAP_API gboolean xen_physmap_table_add(XenPhysmapTable *table,
                                               const XenPhysmapRecord *record, GError **error);

/* Removes the record with exactly this phys_offset; NOT_FOUND when there is none. */
XEN_PHYSMAP_API gboolean xen_physmap_table_remove(XenPhysmapTable *table, guint64 phys_offset,
                                                  GError **error);

/* Changes the start_addr of the record with exactly this phys_offset, under the rules of
 * xen_physmap_table_add; NOT_FOUND when there is none. */
XEN_PHYSMAP_API gboolean xen_physmap_table_move(XenPhysmapTable *table, guint64 phys_offset,
                                                guint64 start_addr, GError **error);

/* The record that contains this byte of RAM space, or NULL. */
XEN_PHYSMAP_API const XenPhysmapRecord *xen_physmap_table_find_phys(const XenPhysmapTable *table,
                                                                    guint64 phys_offset);

/* The record that contains this guest-physical byte, or NULL. */
XEN_PHYSMAP_API const XenPhysmapRecord *xen_physmap_table_find_guest(const XenPhysmapTable *table,
                                                                     guint64 guest_addr);

/* The record with exactly this name, or NULL. If a bare name is repeated, the one with the lowest
 * phys_offset. */
XEN_PHYSMAP_API const XenPhysmapRecord *xen_physmap_table_find_name(const XenPhysmapTable *table,
                                                                    const char *name);

/* TRUE when both have the same records. */
XEN_PHYSMAP_API gboolean xen_physmap_table_equal(const XenPhysmapTable *a,
                                                 const XenPhysmapTable *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(XenPhysmapTable, xen_physmap_table_free)

G_END_DECLS

#endif
