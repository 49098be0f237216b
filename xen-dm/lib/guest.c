/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps guest pages, and finds out which of them exist, through the operations of the host. */
#include <xen-physmap/guest.h>

#include <errno.h>
#include <sys/mman.h>

#include "internal.h"

/* The number of pages to ask about at once. */
#define BATCH 1024

static void *map(const XenPhysmapOps *ops, guint32 domid, guint64 guest_addr, gsize num, int prot,
                 int *errors, GError **error)
{
    g_autofree guint64 *gfns = g_try_new(guint64, num);
    void *address;

    if (!gfns || !errors) {
        xen_physmap_set_errno(error, ENOMEM, "can't map %zu pages of domain %u", num, domid);
        return NULL;
    }
    for (gsize i = 0; i < num; i++) {
        gfns[i] = (guest_addr >> XEN_PHYSMAP_PAGE_SHIFT) + i;
    }
    address = ops->map(ops->opaque, domid, prot, num, gfns, errors);
    if (!address) {
        xen_physmap_set_errno(error, errno,
                              "can't map guest address 0x%" G_GINT64_MODIFIER "x of domain %u",
                              guest_addr, domid);
    }
    return address;
}

void *xen_physmap_guest_map(const XenPhysmapOps *ops, guint32 domid, guint64 guest_addr,
                            guint64 size, int prot, GError **error)
{
    gsize num = size >> XEN_PHYSMAP_PAGE_SHIFT;
    g_autofree int *errors = g_try_new0(int, num);
    void *address = map(ops, domid, guest_addr, num, prot, errors, error);

    for (gsize i = 0; address && i < num; i++) {
        if (errors[i]) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                        "domain %u has no page at guest address 0x%" G_GINT64_MODIFIER "x", domid,
                        guest_addr + ((guint64)i << XEN_PHYSMAP_PAGE_SHIFT));
            xen_physmap_guest_unmap(ops, address, size);
            return NULL;
        }
    }
    return address;
}

void xen_physmap_guest_unmap(const XenPhysmapOps *ops, void *address, guint64 size)
{
    ops->unmap(ops->opaque, address, size >> XEN_PHYSMAP_PAGE_SHIFT);
}

gboolean xen_physmap_guest_missing(const XenPhysmapOps *ops, guint32 domid, guint64 guest_addr,
                                   guint64 size, guint64 *missing, guint64 *first, GError **error)
{
    guint64 left = size >> XEN_PHYSMAP_PAGE_SHIFT;

    *missing = 0;
    while (left > 0 && *missing < XEN_PHYSMAP_MISSING_MAX) {
        gsize num = MIN(left, BATCH);
        int errors[BATCH] = { 0 };
        void *address = map(ops, domid, guest_addr, num, PROT_READ, errors, error);

        if (!address) {
            return FALSE;
        }
        for (gsize i = 0; i < num; i++) {
            if (errors[i] && (*missing)++ == 0 && first) {
                *first = guest_addr + ((guint64)i << XEN_PHYSMAP_PAGE_SHIFT);
            }
        }
        ops->unmap(ops->opaque, address, num);
        guest_addr += num << XEN_PHYSMAP_PAGE_SHIFT;
        left -= num;
    }
    return TRUE;
}
