/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compares two layouts: the recorded one, and the one that a device model really has. */
#ifndef XEN_PHYSMAP_COMPARE_H
#define XEN_PHYSMAP_COMPARE_H

#include <xen-physmap/table.h>

G_BEGIN_DECLS

/* The result of the comparison for one ramblock. */
typedef enum {
    /* Same name, size and addresses. */
    XEN_PHYSMAP_SAME,
    /* Its pages are where the record says, but it was allocated at another phys_offset, where no
     * other recorded block has its pages. Harmless: only the device model sees phys_offset. */
    XEN_PHYSMAP_MOVED,
    /* There is a record, but the device model has no such block. */
    XEN_PHYSMAP_MISSING,
    /* There is no record, but its pages are in the guest, which may have used them. */
    XEN_PHYSMAP_EXTRA,
    /* There is no record, and its pages aren't in the guest, which can't have used the block. */
    XEN_PHYSMAP_UNSEEN,
    /* The device model's block has another size. */
    XEN_PHYSMAP_RESIZED,
    /* The block's pages are elsewhere, or aren't in the guest. */
    XEN_PHYSMAP_MISPLACED,
    /* The record's bare name fits several blocks, or several records fit the block. */
    XEN_PHYSMAP_AMBIGUOUS,
    /* A record of pages that an unplugged device left; or a block without a record, all of whose
     * pages are such pages. Harmless: nothing has used them since. */
    XEN_PHYSMAP_UNPLUGGED,
    /* There is no record, and its pages are where it was allocated, where no record has pages; and
     * the only record is of a moved framebuffer, by its bare name. A QEMU built for Xen before 4.10
     * records nothing else. */
    XEN_PHYSMAP_UNRECORDED,
} XenPhysmapVerdict;

typedef struct XenPhysmapFinding {
    XenPhysmapVerdict verdict;
    gboolean has_recorded, has_actual;
    /* Copies; `recorded` counts only if has_recorded, `actual` only if has_actual. */
    XenPhysmapRecord recorded, actual;
} XenPhysmapFinding;

/*
 * Compares block by block, and returns an array of XenPhysmapFinding: first the records in the
 * order of phys_offset, then the blocks without a record. A record belongs to the block with its
 * name. If its name is a bare region name that no block has, it belongs to the only block whose id
 * ends in it and isn't another record's name. `absent` has the device model's blocks without pages
 * in the guest, and may be NULL. Free the array with g_array_unref. Thread-safe.
 */
XEN_PHYSMAP_API GArray *xen_physmap_compare(const XenPhysmapTable *recorded,
                                            const XenPhysmapTable *actual,
                                            const XenPhysmapTable *absent);

/* TRUE for the verdicts with which a guest can run: same, moved, unseen, unplugged, unrecorded. */
XEN_PHYSMAP_API gboolean xen_physmap_verdict_is_safe(XenPhysmapVerdict verdict);

/* The verdict as a lower-case word, for tables and JSON; static. */
XEN_PHYSMAP_API const char *xen_physmap_verdict_name(XenPhysmapVerdict verdict);

/* TRUE when every finding of the array is safe. */
XEN_PHYSMAP_API gboolean xen_physmap_findings_are_safe(const GArray *findings);

/* The finding as one line: the block, the record and what there is. Free it with g_free. */
XEN_PHYSMAP_API char *xen_physmap_finding_describe(const XenPhysmapFinding *finding);

G_END_DECLS

#endif
