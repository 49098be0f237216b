/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The survey: the real layout. QEMU tells which blocks exist, Xen tells where they are. */
#ifndef XEN_PHYSMAP_SURVEY_H
#define XEN_PHYSMAP_SURVEY_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

#include "qmp.h"

/* A range of guest-physical space where QEMU shows a whole memory region. */
typedef struct SurveyRange {
    char *region;
    guint64 start_addr, size;
} SurveyRange;

/* A range of QEMU's RAM space. */
typedef struct SurveyStretch {
    guint64 phys_offset, size;
} SurveyStretch;

/* The blocks that QEMU lists, except the guest's own RAM. */
typedef struct SurveyBlocks {
    /* Each as if its pages were at its phys_offset. */
    XenPhysmapTable *named;
    /* Of SurveyStretch: blocks that have no name any more, because their device was unplugged. */
    GArray *nameless;
    /* Of messages: the lines that can't be parsed. Only the blocks of these lines are missing. */
    GPtrArray *problems;
    gboolean understood; /* at least one line could be parsed */
} SurveyBlocks;

/* The device model's blocks, except the guest's own RAM. */
typedef struct Survey {
    /*
     * The blocks with pages in the guest, and where the first page of each is; and, under the name
     * XEN_PHYSMAP_UNPLUGGED_NAME, the pages that unplugged devices left.
     */
    XenPhysmapTable *table;
    /*
     * The blocks without pages, at their phys_offset: devices that the saved guest didn't have, and
     * blocks whose pages another block has.
     */
    XenPhysmapTable *absent;
    /* The blocks of `table` that were moved, and that QEMU shows elsewhere or not at all. */
    XenPhysmapTable *hidden;
    /* As in SurveyBlocks. */
    GPtrArray *problems;
} Survey;

/* How to use the known layout for a block that QEMU doesn't show. */
typedef enum {
    /*
     * It is from surveys of this QEMU: the block is where it was; otherwise where it was allocated.
     */
    SURVEY_OWN,
    /* It is from records: the block is where it was allocated if the guest has pages there,
     * otherwise where its record says. */
    SURVEY_CLAIMED,
} SurveyTrust;

/*
 * Asks QEMU, for up to timeout_ms, and Xen. `known` is the layout known so far, and may be NULL.
 * The time that this takes depends on the length of QEMU's answers, not on the numbers in them.
 * Free the survey with survey_free.
 */
Survey *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid,
                    const XenPhysmapTable *known, SurveyTrust trust, int timeout_ms,
                    GError **error);

/* Only QEMU's blocks. Free them with survey_blocks_free. */
SurveyBlocks *survey_blocks(QmpClient *qmp, int timeout_ms, GError **error);

/* NULL is allowed. */
void survey_free(Survey *survey);
void survey_blocks_free(SurveyBlocks *blocks);

/* The two parsers, here for tests and fuzzing: QEMU's answers are untrusted. */

/* "info ramblock". Fails when no line can be parsed. */
SurveyBlocks *survey_parse_ramblocks(const char *text, GError **error);

/* "info mtree -f": returns a GPtrArray of SurveyRange with the RAM in the guest's address space. */
GPtrArray *survey_parse_mtree(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Survey, survey_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SurveyBlocks, survey_blocks_free)

#endif
