/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate on restore: decides whether a saved guest may run on this QEMU, and writes a report. */
#ifndef XEN_PHYSMAP_GATE_H
#define XEN_PHYSMAP_GATE_H

#include <xen-physmap/table.h>

#include "survey.h"

/*
 * The first half of the gate, before QEMU loads the saved device state: TRUE when there is a block
 * with the same name and size for each record. `blocks` are QEMU's, wherever their pages are.
 * Appends to `report` as gate_passes does.
 */
gboolean gate_admits(const XenPhysmapTable *saved, const XenPhysmapTable *blocks,
                     GPtrArray *report);

/*
 * The second half, when the state is loaded and before the guest runs: compares the records that
 * came with the guest with the layout here. Appends lines for the log to `report`, without
 * newlines: what is harmless, and when it returns FALSE, what was saved, what is here and what to
 * change in the config.
 */
gboolean gate_passes(const XenPhysmapTable *saved, const Survey *actual, GPtrArray *report);

/*
 * The survey only found the first page of each block. If the guest lacks other pages of one,
 * appends to `report` and sets *passed to FALSE. FALSE with an error when Xen can't be asked.
 */
gboolean gate_finds_pages(const Survey *actual, const XenPhysmapOps *ops, guint32 domid,
                          GPtrArray *report, gboolean *passed, GError **error);

#endif
