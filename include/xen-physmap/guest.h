/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's pages: tells which ones exist, and maps them. */
#ifndef XEN_PHYSMAP_GUEST_H
#define XEN_PHYSMAP_GUEST_H

#include <xen-physmap/ops.h>
#include <xen-physmap/record.h>

G_BEGIN_DECLS

/*
 * Maps [guest_addr, guest_addr + size) of the domain, both multiples of the page size. `prot` is
 * mmap's. NOT_FOUND, with the address, when one of the pages isn't populated. Unmap it with
 * xen_physmap_guest_unmap and the same size. Thread-safe as far as `ops` is.
 */
XEN_PHYSMAP_API void *xen_physmap_guest_map(const XenPhysmapOps *ops, guint32 domid,
                                            guint64 guest_addr, guint64 size, int prot,
                                            GError **error);

/* Unmaps what xen_physmap_guest_map mapped. */
XEN_PHYSMAP_API void xen_physmap_guest_unmap(const XenPhysmapOps *ops, void *address, guint64 size);

/* The largest number of missing pages that is counted, 1 GiB. */
#define XEN_PHYSMAP_MISSING_MAX (G_GUINT64_CONSTANT(1) << 18)

/*
 * Counts the pages of [guest_addr, guest_addr + size) that the domain doesn't have, by mapping them
 * for a moment. Stops at XEN_PHYSMAP_MISSING_MAX, so that a size that no domain has doesn't take
 * longer than the domain's memory. *missing becomes the number, and *first the address of the first
 * one if there is one; `first` may be NULL. Thread-safe as far as `ops` is.
 */
XEN_PHYSMAP_API gboolean xen_physmap_guest_missing(const XenPhysmapOps *ops, guint32 domid,
                                                   guint64 guest_addr, guint64 size,
                                                   guint64 *missing, guint64 *first,
                                                   GError **error);

G_END_DECLS

#endif
