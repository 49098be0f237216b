/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a running domain's records, its QEMU and its pages agree. */
#ifndef XEN_PHYSMAP_LAYOUT_CHECK_H
#define XEN_PHYSMAP_LAYOUT_CHECK_H

#include <xen-physmap/compare.h>

#include "domain.h"

/*
 * All differences, one line each. `notes` is emptied first, and gets what is worth a remark but
 * harmless. *table becomes the records that were compared; the caller frees it.
 */
GPtrArray *layout_check(const XenPhysmapOps *ops, const Domain *domain, XenPhysmapTable **table,
                        GPtrArray *notes, GError **error);

/*
 * Appends a line for each record with pages that the domain doesn't have. A record with another
 * size than QEMU's block is left out: it was reported before. QEMU and the records may agree on any
 * size, so pages are only mapped up to the domain's limit, and a record that goes beyond it gets a
 * line too.
 */
gboolean layout_check_pages(const XenPhysmapOps *ops, guint32 domid, guint64 page_limit,
                            const GArray *findings, GPtrArray *lines, GError **error);

#endif
