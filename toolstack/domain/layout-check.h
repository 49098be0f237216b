/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a running domain's records, its QEMU and its pages agree. */
#ifndef XEN_PHYSMAP_LAYOUT_CHECK_H
#define XEN_PHYSMAP_LAYOUT_CHECK_H

#include <xen-physmap/compare.h>

#include "domain.h"

/* All that doesn't agree, one line each, and in `notes` what is remarkable but harmless. */
GPtrArray *layout_check(const XenPhysmapOps *ops, const Domain *domain,
                        const XenPhysmapTable *table, GPtrArray *notes, GError **error);

/* Appends a line for each record with pages that the domain hasn't. Only records whose size is that
 * of QEMU's block are looked through: others can be of any size, and were told about before. */
gboolean layout_check_pages(const XenPhysmapOps *ops, guint32 domid, const GArray *findings,
                            GPtrArray *lines, GError **error);

#endif
