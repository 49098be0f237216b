/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library's own modules share and nobody else sees. */
#ifndef XEN_PHYSMAP_INTERNAL_H
#define XEN_PHYSMAP_INTERNAL_H

#include <xen-physmap/keys.h>
#include <xen-physmap/record.h>
#include <xen-physmap/table.h>

/* Sets an error for a failed call into Xen: the message, then the errno's cause and advice. */
void xen_physmap_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Strict: 1 to 16 digits 0-9a-f, no sign, no blank, no 0x. FALSE otherwise. */
gboolean xen_physmap_parse_hex(const char *digits, gsize length, guint64 *value);

/* An address in one of the two spaces to that in the other. FALSE when no record holds it. Neither
 * touches the record itself: device models translate addresses all the time. */
gboolean xen_physmap_table_to_guest(const XenPhysmapTable *table, guint64 phys_offset,
                                    guint64 *guest_addr);
gboolean xen_physmap_table_to_phys(const XenPhysmapTable *table, guint64 guest_addr,
                                   guint64 *phys_offset);

#endif
