/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into relocate-qemu: replaces the hypervisor, and does at once what it is asked. */
#include <errno.h>
#include <sys/mman.h>

#include "xen-handles.h"

static char page[XC_PAGE_SIZE];

/* Where the one block's pages are. */
static uint64_t first_gfn, end_gfn;

EXPORT int xendevicemodel_relocate_memory(xendevicemodel_handle *dmod, domid_t domid, uint32_t size,
                                          uint64_t src_gfn, uint64_t dst_gfn)
{
    (void)dmod;
    (void)domid;
    (void)src_gfn;
    first_gfn = dst_gfn;
    end_gfn = dst_gfn + size;
    return 0;
}

EXPORT int xendevicemodel_pin_memory_cacheattr(xendevicemodel_handle *dmod, domid_t domid,
                                               uint64_t start, uint64_t end, uint32_t type)
{
    (void)dmod;
    (void)domid;
    (void)start;
    (void)end;
    (void)type;
    return 0;
}

/* Called for one page at a time, whose contents nobody reads. */
EXPORT void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot,
                                  size_t pages, const xen_pfn_t arr[], int err[])
{
    (void)fmem;
    (void)dom;
    (void)prot;
    for (size_t i = 0; i < pages; i++) {
        err[i] = arr[i] >= first_gfn && arr[i] < end_gfn ? 0 : -EINVAL;
    }
    return page;
}

EXPORT int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem;
    (void)addr;
    (void)pages;
    return 0;
}
