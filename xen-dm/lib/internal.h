/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the library's modules, and not exported. */
#ifndef XEN_PHYSMAP_INTERNAL_H
#define XEN_PHYSMAP_INTERNAL_H

#include <string.h>

#include <xen-physmap/keys.h>
#include <xen-physmap/record.h>
#include <xen-physmap/table.h>

/* The format of an address in messages. */
#define HEX "0x%" G_GINT64_MODIFIER "x"

/* Sets an error for a failed call to Xen: the message, then the cause and what to do. */
void xen_physmap_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Strict: 1 to 16 digits 0-9a-f, no sign, no blank, no 0x. FALSE otherwise. */
gboolean xen_physmap_parse_hex(const char *digits, gsize length, guint64 *value);

/* Translates an address from one space to the other. FALSE when no record contains it. Neither
 * touches the record itself, because device models translate addresses all the time. */
gboolean xen_physmap_table_to_guest(const XenPhysmapTable *table, guint64 phys_offset,
                                    guint64 *guest_addr);
gboolean xen_physmap_table_to_phys(const XenPhysmapTable *table, guint64 guest_addr,
                                   guint64 *phys_offset);

/* Whether it is a record of pages that an unplugged device left, and not of a ramblock. */
static inline gboolean xen_physmap_record_is_unplugged(const XenPhysmapRecord *record)
{
    return strcmp(record->name, XEN_PHYSMAP_UNPLUGGED_NAME) == 0;
}

/* The record that contains this guest-physical byte, or the next one above it; NULL: none. */
const XenPhysmapRecord *xen_physmap_table_next_guest(const XenPhysmapTable *table,
                                                     guint64 guest_addr);

#endif
