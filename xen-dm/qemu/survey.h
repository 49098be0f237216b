/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The survey: the layout as it is, asked of QEMU (what there is) and of Xen (where it is). */
#ifndef XEN_PHYSMAP_SURVEY_H
#define XEN_PHYSMAP_SURVEY_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

#include "qmp.h"

/* The device model's blocks but for the guest's own RAM. */
typedef struct Survey {
    /* Those with pages in the guest: where they were allocated, if the domain has the first page
     * there; otherwise where QEMU shows the whole of them and the domain has that page. */
    XenPhysmapTable *table;
    /* Those without, at their phys_offset: devices that the saved guest didn't have. */
    XenPhysmapTable *absent;
} Survey;

/* Asks QEMU, for up to timeout_ms a question, and Xen. Free it with survey_free. */
Survey *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid, int timeout_ms,
                    GError **error);

/* QEMU's blocks alone, each as if its pages were at its phys_offset. The caller owns the table. */
XenPhysmapTable *survey_blocks(QmpClient *qmp, int timeout_ms, GError **error);

/* NULL is allowed. */
void survey_free(Survey *survey);

/* A stretch of guest-physical space that shows a whole memory region. */
typedef struct SurveyRange {
    char *region;
    guint64 start_addr, size;
} SurveyRange;

/* The two parsers, for tests and fuzzing: QEMU's text is outside data as well. */

/* "info ramblock": a table of the blocks, each in place, without xen.ram. */
XenPhysmapTable *survey_parse_ramblocks(const char *text, GError **error);

/* "info mtree -f": a GPtrArray of SurveyRange in the system's address space. */
GPtrArray *survey_parse_mtree(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Survey, survey_free)

#endif
