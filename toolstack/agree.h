/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a running domain's records, its QEMU and its pages agree. */
#ifndef XEN_PHYSMAP_AGREE_H
#define XEN_PHYSMAP_AGREE_H

#include "domain.h"

/* All that doesn't agree, one line each, and in `notes` what is remarkable but harmless. */
GPtrArray *agree_check(const XenPhysmapOps *ops, const Domain *domain,
                       const XenPhysmapTable *table, GPtrArray *notes, GError **error);

#endif
