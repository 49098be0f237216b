/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The comparison of two layouts: what was recorded, and what a device model really has. */
#ifndef XEN_PHYSMAP_COMPARE_H
#define XEN_PHYSMAP_COMPARE_H

#include <xen-physmap/table.h>

G_BEGIN_DECLS

/* What the comparison says of one ramblock. */
typedef enum {
    /* Same name, size and addresses. */
    XEN_PHYSMAP_SAME,
    /* Its pages are where the record says, but it was allocated at another phys_offset, at which
     * no other recorded block has its pages. Harmless: only the device model sees phys_offset. */
    XEN_PHYSMAP_MOVED,
    /* Recorded, and the device model has no such block. */
    XEN_PHYSMAP_MISSING,
    /* Not recorded, and its pages are in the guest, which therefore can have used them. */
    XEN_PHYSMAP_EXTRA,
    /* Not recorded, and the guest has no pages of it: it can't have seen the block. */
    XEN_PHYSMAP_UNSEEN,
    /* The device model's block has another size. */
    XEN_PHYSMAP_RESIZED,
    /* The device model's block is at other guest pages, or has none in the guest. */
    XEN_PHYSMAP_MISPLACED,
    /* The record's bare name fits several blocks, or the block several records. */
    XEN_PHYSMAP_AMBIGUOUS,
    /* A record of pages that an unplugged device left, or a block without a record of its own
     * whose pages are all such ones. Harmless: nothing has used them since. */
    XEN_PHYSMAP_UNPLUGGED,
    /* Not recorded, with its pages in the guest, where it was allocated and no record has its
     * own; and the only record is of a moved framebuffer, by its bare name. A QEMU built for a
     * Xen before 4.10 records that alone. */
    XEN_PHYSMAP_UNRECORDED,
} XenPhysmapVerdict;

typedef struct XenPhysmapFinding {
    XenPhysmapVerdict verdict;
    gboolean has_recorded, has_actual;
    /* Copies; `recorded` counts only if has_recorded, `actual` only if has_actual. */
    XenPhysmapRecord recorded, actual;
} XenPhysmapFinding;

/*
 * Compares block by block and returns an array of XenPhysmapFinding: first the records in the
 * order of phys_offset, then the blocks that have none. A record stands for the block of its name;
 * a bare region name that is no block's, for the one block whose id ends in it and is no other
 * record's name. `absent` holds the device model's blocks that have no
 * pages in the guest, and may be NULL. Free the array with g_array_unref. Thread-safe.
 */
XEN_PHYSMAP_API GArray *xen_physmap_compare(const XenPhysmapTable *recorded,
                                            const XenPhysmapTable *actual,
                                            const XenPhysmapTable *absent);

/* TRUE for the verdicts with which a guest can run: same, moved, unseen, unplugged, unrecorded. */
XEN_PHYSMAP_API gboolean xen_physmap_verdict_is_safe(XenPhysmapVerdict verdict);

/* The verdict in one lower-case word, for tables and JSON; static. */
XEN_PHYSMAP_API const char *xen_physmap_verdict_name(XenPhysmapVerdict verdict);

/* TRUE when every finding of the array is safe. */
XEN_PHYSMAP_API gboolean xen_physmap_findings_are_safe(const GArray *findings);

/* One line on the finding: the block, what was recorded and what there is. Free with g_free. */
XEN_PHYSMAP_API char *xen_physmap_finding_describe(const XenPhysmapFinding *finding);

G_END_DECLS

#endif
