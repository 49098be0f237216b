/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The survey: the layout as it is, asked of QEMU (what there is) and of Xen (where it is). */
#ifndef XEN_PHYSMAP_SURVEY_H
#define XEN_PHYSMAP_SURVEY_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

#include "qmp.h"

/*
 * A table of every ramblock but the guest's own RAM. A block is where it was allocated if the
 * domain has its first page there; otherwise it was moved, to where QEMU shows the whole of it
 * and the domain has that page. The caller owns the table.
 */
XenPhysmapTable *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid,
                             int timeout_ms, GError **error);

/* A stretch of guest-physical space that shows a whole memory region. */
typedef struct SurveyRange {
    char *region;
    guint64 start_addr, size;
} SurveyRange;

/* The two parsers, for tests and fuzzing: QEMU's text is outside data as well. */

/* "info ramblock": a GArray of XenPhysmapRecord, each in place, without xen.ram. */
GArray *survey_parse_ramblocks(const char *text, GError **error);

/* "info mtree -f": a GPtrArray of SurveyRange in the system's address space. */
GPtrArray *survey_parse_mtree(const char *text);

#endif
