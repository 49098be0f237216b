/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate on restore: whether a saved guest may run on this QEMU, and what to tell its owner. */
#ifndef XEN_PHYSMAP_GATE_H
#define XEN_PHYSMAP_GATE_H

#include <xen-physmap/table.h>

#include "survey.h"

/*
 * The gate's first half, before QEMU loads the saved device state: whether there is a block of the
 * same name and size for each record. `blocks` are QEMU's, wherever their pages are. Appends to
 * `report` as gate_passes does.
 */
gboolean gate_admits(const XenPhysmapTable *saved, const XenPhysmapTable *blocks,
                     GPtrArray *report);

/*
 * The second half, with the state loaded and before the guest runs: where the pages are.
 * Holds what came with the guest against what is here. Appends lines to `report`, without ends and
 * for the log: what is harmless, and when the answer is FALSE, what was saved, what is here and
 * what to change in the config.
 */
gboolean gate_passes(const XenPhysmapTable *saved, const Survey *actual, GPtrArray *report);

/*
 * Whether the guest has all pages of the blocks that the survey found the first page of. If not,
 * appends to `report` and sets *passed to FALSE. FALSE with an error when Xen can't be asked.
 */
gboolean gate_finds_pages(const Survey *actual, const XenPhysmapOps *ops, guint32 domid,
                          GPtrArray *report, gboolean *passed, GError **error);

#endif
