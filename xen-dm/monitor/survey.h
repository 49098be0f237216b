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

/* A stretch of QEMU's RAM space. */
typedef struct SurveyStretch {
    guint64 phys_offset, size;
} SurveyStretch;

/* What QEMU lists, but for the guest's own RAM. */
typedef struct SurveyBlocks {
    /* Each as if its pages were at its phys_offset. */
    XenPhysmapTable *named;
    /* Of SurveyStretch: blocks that have no name any more, since their device was unplugged. */
    GArray *nameless;
    /* Of messages: lines that can't be understood. Each costs its own block alone. */
    GPtrArray *problems;
    gboolean understood; /* a line was */
} SurveyBlocks;

/* The device model's blocks but for the guest's own RAM. */
typedef struct Survey {
    /* Those with pages in the guest, and where the first of them is; and, under the name
     * XEN_PHYSMAP_UNPLUGGED_NAME, the pages that unplugged devices left. */
    XenPhysmapTable *table;
    /* Those without, at their phys_offset: devices that the saved guest didn't have, and blocks
     * whose pages another block has taken. */
    XenPhysmapTable *absent;
    /* Those of `table` that were moved, and that QEMU doesn't show where they are. */
    XenPhysmapTable *hidden;
    /* As in SurveyBlocks. */
    GPtrArray *problems;
} Survey;

/* What the layout known so far is worth for a block that QEMU doesn't show. */
typedef enum {
    /* It was found by surveys of this QEMU: the block is where it was, or else where it was
     * allocated. */
    SURVEY_OWN,
    /* It is what records claim: the block is where it was allocated, if the guest has pages there,
     * or else where its record says. */
    SURVEY_CLAIMED,
} SurveyTrust;

/*
 * Asks QEMU, for up to timeout_ms, and Xen. `known` is the layout that was known so far, and may be
 * NULL. The time it takes grows with the size of QEMU's answers, not with the numbers in them. Free
 * the survey with survey_free.
 */
Survey *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid,
                    const XenPhysmapTable *known, SurveyTrust trust, int timeout_ms,
                    GError **error);

/* QEMU's blocks alone. Free them with survey_blocks_free. */
SurveyBlocks *survey_blocks(QmpClient *qmp, int timeout_ms, GError **error);

/* NULL is allowed. */
void survey_free(Survey *survey);
void survey_blocks_free(SurveyBlocks *blocks);

/* The two parsers, for tests and fuzzing: QEMU's text is outside data as well. */

/* "info ramblock". Fails when not one line can be understood. */
SurveyBlocks *survey_parse_ramblocks(const char *text, GError **error);

/* "info mtree -f": a GPtrArray of SurveyRange, RAM in the system's address space. */
GPtrArray *survey_parse_mtree(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Survey, survey_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SurveyBlocks, survey_blocks_free)

#endif
