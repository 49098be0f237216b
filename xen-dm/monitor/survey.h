/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The survey: the layout as it is, asked of QEMU (what there is) and of Xen (where it is). */
#ifndef XEN_PHYSMAP_SURVEY_H
#define XEN_PHYSMAP_SURVEY_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

#include "qmp.h"

/* A stretch of guest-physical space that shows a whole memory region. */
typedef struct SurveyRange {
    char *region;
    guint64 start_addr, size;
} SurveyRange;

/* The device model's blocks but for the guest's own RAM. */
typedef struct Survey {
    /* Those with pages in the guest, and where the first of them is. It is looked for where the
     * block was allocated, then where QEMU shows the whole of it, then where it was last time. */
    XenPhysmapTable *table;
    /* Those without, at their phys_offset: devices that the saved guest didn't have. */
    XenPhysmapTable *absent;
    /* What QEMU shows, of SurveyRange. */
    GPtrArray *ranges;
} Survey;

/*
 * Asks QEMU, for up to timeout_ms a question, and Xen. `before` is what was known so far, and may
 * be NULL. Free the survey with survey_free.
 */
Survey *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid,
                    const XenPhysmapTable *before, int timeout_ms, GError **error);

/*
 * Where a block that QEMU moves belongs: where QEMU shows it, or its phys_offset when it doesn't.
 * Where its pages are when that can't be told, since several cards of a kind are shown.
 */
guint64 survey_place_of(const Survey *survey, const XenPhysmapRecord *block);

/* QEMU's blocks alone, each as if its pages were at its phys_offset. The caller owns the table. */
XenPhysmapTable *survey_blocks(QmpClient *qmp, int timeout_ms, GError **error);

/* NULL is allowed. */
void survey_free(Survey *survey);

/* The two parsers, for tests and fuzzing: QEMU's text is outside data as well. */

/* "info ramblock": a table of the blocks, each in place, without xen.ram. */
XenPhysmapTable *survey_parse_ramblocks(const char *text, GError **error);

/* "info mtree -f": a GPtrArray of SurveyRange in the system's address space. */
GPtrArray *survey_parse_mtree(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Survey, survey_free)

#endif
