/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A saved framebuffer whose pages are not where QEMU, loading the state, looks for them. */
#ifndef XEN_PHYSMAP_FETCH_PAGES_H
#define XEN_PHYSMAP_FETCH_PAGES_H

#include <glib.h>
#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenforeignmemory.h>

/* QEMU's own connections, seen in its calls. */
void fetch_pages_by(xendevicemodel_handle *dmod);
void fetch_pages_from(xenforeignmemory_handle *fmem);

/*
 * QEMU is about to map these pages in place of others. If QEMU loads a saved state, the guest has
 * none of these pages, and there are as many as in the only block that the saved guest had moved,
 * then this moves that block's pages there: the guest mapped it there last. QEMU leaves pages
 * behind when a BAR is moved while it logs what the guest draws. Without this, a restore of that
 * guest would end QEMU with a failed assertion.
 */
void fetch_pages(xenforeignmemory_handle *fmem, uint32_t domid, size_t num, const xen_pfn_t *gfns);

/*
 * QEMU has loaded the state, and the block whose pages start here is mapped nowhere. While it was
 * created there were no pages where it was allocated, so QEMU has a dummy for it, anonymous memory
 * that it shares with nobody. If exactly one such mapping has this size, the guest's pages take its
 * place. FALSE otherwise.
 */
gboolean fetch_pages_adopt(guint32 domid, guint64 start_addr, guint64 size);

/*
 * QEMU, which restores a saved guest, is about to map a block's pages where the guest had moved
 * another block. With much memory, that can be the framebuffer, at the address where its ROM was
 * allocated. QEMU would write the ROM's file into the picture. So it gets pages of its own, which
 * the guest doesn't see.
 */
gboolean fetch_pages_are_anothers(size_t num, const xen_pfn_t *gfns);

/* `num` such pages, and no error for any of them. NULL with errno. */
void *fetch_pages_private(size_t num, int *errors);

/* The only mapping of anonymous shared memory of this size in the text of a /proc/PID/maps; NULL
 * when there is none, or several. For tests. */
void *fetch_pages_find_dummy(const char *maps, guint64 size);

#endif
