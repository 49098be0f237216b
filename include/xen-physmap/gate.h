/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate on restore: decides whether a saved guest may run on this device model, and why not. */
#ifndef XEN_PHYSMAP_GATE_H
#define XEN_PHYSMAP_GATE_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

G_BEGIN_DECLS

/*
 * The functions append lines for a log to `report`, an array of char *, without newlines: what is
 * harmless; and for what isn't, what was saved, what is here and what to change in the guest's
 * config. The array gets ownership of the lines: make it with g_free as the function that frees an
 * element. It isn't locked: don't give one array to two threads at a time.
 *
 * Records of pages that unplugged devices left (xen_physmap_record_is_unplugged) need no block,
 * and their pages aren't looked for.
 */

/*
 * The first half of the gate, before the saved device state is loaded: TRUE when there is a block
 * with the same name and size for each record. `blocks` has those of the device model, wherever
 * their pages are. Thread-safe, but for `report`.
 */
XEN_PHYSMAP_API gboolean xen_physmap_gate_admits(const XenPhysmapTable *saved,
                                                 const XenPhysmapTable *blocks, GPtrArray *report);

/*
 * The second half, when the state is loaded and before the guest runs: compares the records that
 * came with the guest with the layout here (see xen_physmap_compare). TRUE when the guest can run.
 * `absent` has the blocks of the device model that have no pages in the guest; NULL: there are
 * none. Thread-safe, but for `report`.
 */
XEN_PHYSMAP_API gboolean xen_physmap_gate_passes(const XenPhysmapTable *saved,
                                                 const XenPhysmapTable *actual,
                                                 const XenPhysmapTable *absent, GPtrArray *report);

/*
 * Looks for each page of each block of `actual`. If the guest lacks some, sets *passed to FALSE;
 * otherwise leaves it as it is, so the caller sets it to TRUE first. FALSE when the pages can't be
 * mapped, and then *passed says nothing: ACCESS without the rights, NOT_FOUND for no such domain,
 * UNAVAILABLE when Xen can't be reached, otherwise SYSTEM. Thread-safe as far as `ops` is, but for
 * `report`.
 */
XEN_PHYSMAP_API gboolean xen_physmap_gate_finds_pages(const XenPhysmapOps *ops, guint32 domid,
                                                      const XenPhysmapTable *actual,
                                                      GPtrArray *report, gboolean *passed,
                                                      GError **error);

G_END_DECLS

#endif
