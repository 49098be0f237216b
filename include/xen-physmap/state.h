/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state: a device model's ramblocks, and where the pages of each are in the guest. */
#ifndef XEN_PHYSMAP_STATE_H
#define XEN_PHYSMAP_STATE_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

G_BEGIN_DECLS

/*
 * It holds what QEMU's XenIOState holds of the physmap; xen_physmap_state_load is QEMU's
 * xen_read_physmap. The names differ, so that both can be used in one file.
 *
 * The life of a device model with one framebuffer:
 *
 *     state = xen_physmap_state_open(ops, domid, own_domid, &error);
 *     new guest:  xen_physmap_state_block_add(state, "0000:00:03.0/vga.vram", 0x2000000, ...)
 *     restore:    xen_physmap_state_load(state, ...), then create the blocks where the table says
 *     BAR mapped: xen_physmap_state_region_add(state, 0x2000000, 0xf1000000, 0x1000000, ...)
 *     unmapped:   xen_physmap_state_region_del(state, 0xf1000000, 0x1000000, ...)
 *     unplugged:  xen_physmap_state_block_del(state, 0x2000000, ...)
 *     running:    xen_physmap_state_publish(state, ...)   (after a restore: records again)
 *     xen_physmap_state_close(state)
 *
 * A state has no lock: use it in one thread at a time. It doesn't survive fork.
 *
 * A call that changes something changes the guest's pages first, then the table, then xenstore in
 * one transaction. If only xenstore fails, the table is right and the error says so. The next call
 * that succeeds, or xen_physmap_state_publish, brings xenstore up to date.
 */
typedef struct XenPhysmapState XenPhysmapState;

/*
 * A state with an empty table. Changes nothing outside. `ops` must outlive it. dm_domid is the
 * domain that this device model runs in (xen_physmap_xenstore_own_domid). xen_physmap_state_close
 * frees it.
 */
XEN_PHYSMAP_API XenPhysmapState *xen_physmap_state_open(const XenPhysmapOps *ops, guint32 domid,
                                                        guint32 dm_domid);

/* Frees the state; the guest and xenstore stay as they are. NULL is allowed. */
XEN_PHYSMAP_API void xen_physmap_state_close(XenPhysmapState *state);

/*
 * Rebuilds the table from the domain's records, as QEMU's xen_read_physmap does. On an error (see
 * xen_physmap_xenstore_load) the state is unchanged.
 */
XEN_PHYSMAP_API gboolean xen_physmap_state_load(XenPhysmapState *state, GError **error);

/* The records. The table belongs to the state; don't change it. */
XEN_PHYSMAP_API const XenPhysmapTable *xen_physmap_state_table(const XenPhysmapState *state);

/* A ramblock was created, in place: its pages are at phys_offset. */
XEN_PHYSMAP_API gboolean xen_physmap_state_block_add(XenPhysmapState *state, const char *name,
                                                     guint64 phys_offset, guint64 size,
                                                     GError **error);

/* The ramblock at phys_offset was removed. Removes its record. */
XEN_PHYSMAP_API gboolean xen_physmap_state_block_del(XenPhysmapState *state, guint64 phys_offset,
                                                     GError **error);

/*
 * The whole ramblock at phys_offset is mapped at start_addr. Moves its pages there, write-back
 * cached, unless they are there already, as after a restore. `size` is the block's, in bytes.
 * INVALID when another block is there or the two ranges overlap; then nothing has changed. SYSTEM
 * or ACCESS when the hypervisor refuses. It moves page by page, so if a page doesn't exist, those
 * before it may have been moved.
 */
XEN_PHYSMAP_API gboolean xen_physmap_state_region_add(XenPhysmapState *state, guint64 phys_offset,
                                                      guint64 start_addr, guint64 size,
                                                      GError **error);

/* The ramblock at start_addr is unmapped. Moves its pages back to its phys_offset. */
XEN_PHYSMAP_API gboolean xen_physmap_state_region_del(XenPhysmapState *state, guint64 start_addr,
                                                      guint64 size, GError **error);

/*
 * For a program that watches a device model which moves the pages itself: copies `actual` into the
 * state, and writes to xenstore what differs from the records that it last read or wrote there.
 */
XEN_PHYSMAP_API gboolean xen_physmap_state_update(XenPhysmapState *state,
                                                  const XenPhysmapTable *actual, GError **error);

/* Replaces all of the domain's records in xenstore by the table, whatever was there. */
XEN_PHYSMAP_API gboolean xen_physmap_state_publish(XenPhysmapState *state, GError **error);

/* Where the byte at phys_offset is in guest-physical space. FALSE when no block holds it. */
XEN_PHYSMAP_API gboolean xen_physmap_state_phys_to_guest(const XenPhysmapState *state,
                                                         guint64 phys_offset, guint64 *guest_addr);

/* The other way. FALSE when no recorded block is there. */
XEN_PHYSMAP_API gboolean xen_physmap_state_guest_to_phys(const XenPhysmapState *state,
                                                         guint64 guest_addr, guint64 *phys_offset);

/*
 * Maps the ramblock at phys_offset, all of it, from where its pages are. `prot` is mmap's. *size
 * becomes its length in bytes. NOT_FOUND when a page isn't populated; then nothing stays mapped.
 * Unmap it with xen_physmap_state_unmap.
 */
XEN_PHYSMAP_API void *xen_physmap_state_map(const XenPhysmapState *state, guint64 phys_offset,
                                            int prot, gsize *size, GError **error);

/* Takes back what xen_physmap_state_map gave, with the same size. */
XEN_PHYSMAP_API void xen_physmap_state_unmap(const XenPhysmapState *state, void *address,
                                             gsize size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(XenPhysmapState, xen_physmap_state_close)

G_END_DECLS

#endif
