/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into the real command: guests with few pages, and a count of what is done to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attack.h"
#include "xen-handles.h"

static AttackCounts *counts(void)
{
    static AttackCounts *mapped;

    if (!mapped) {
        int fd = open(ATTACK_COUNTS, O_RDWR | O_CLOEXEC);

        mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED) {
            abort();
        }
        close(fd);
    }
    return mapped;
}

/* --- libxenctrl --- */

EXPORT int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
                                 xc_domaininfo_t *info)
{
    (void)xch;
    (void)max_domains;
    memset(info, 0, sizeof *info);
    info->domain = first_domain;
    info->flags = XEN_DOMINF_hvm_guest;
    info->tot_pages = info->max_pages = ATTACK_RAM_PAGES + ATTACK_VRAM_PAGES;
    info->flags |= counts()->pauses > 0 ? XEN_DOMINF_paused : 0;
    return 1;
}

EXPORT int xc_domain_pause(xc_interface *xch, uint32_t domid)
{
    (void)xch;
    (void)domid;
    __atomic_add_fetch(&counts()->pauses, 1, __ATOMIC_SEQ_CST);
    return 0;
}

EXPORT int xc_domain_unpause(xc_interface *xch, uint32_t domid)
{
    (void)xch;
    (void)domid;
    __atomic_sub_fetch(&counts()->pauses, 1, __ATOMIC_SEQ_CST);
    return 0;
}

EXPORT int xc_vcpu_getinfo(xc_interface *xch, uint32_t domid, uint32_t vcpu, xc_vcpuinfo_t *info)
{
    (void)xch;
    (void)domid;
    (void)vcpu;
    memset(info, 0, sizeof *info);
    return 0;
}

/* --- libxendevicemodel --- */

EXPORT int xendevicemodel_get_ioreq_server_info(xendevicemodel_handle *dmod, domid_t domid,
                                                ioservid_t id, xen_pfn_t *ioreq_gfn,
                                                xen_pfn_t *bufioreq_gfn, evtchn_port_t *port)
{
    (void)dmod;
    (void)domid;
    (void)ioreq_gfn;
    (void)bufioreq_gfn;
    (void)port;
    errno = ENOENT;
    return id == 0 ? 0 : -1;
}

EXPORT int xendevicemodel_set_ioreq_server_state(xendevicemodel_handle *dmod, domid_t domid,
                                                 ioservid_t id, int enabled)
{
    (void)dmod;
    (void)domid;
    (void)id;
    (void)enabled;
    return 0;
}

EXPORT int xendevicemodel_destroy_ioreq_server(xendevicemodel_handle *dmod, domid_t domid,
                                               ioservid_t id)
{
    (void)dmod;
    (void)domid;
    (void)id;
    return 0;
}

EXPORT int xendevicemodel_relocate_memory(xendevicemodel_handle *dmod, domid_t domid, uint32_t size,
                                          uint64_t src_gfn, uint64_t dst_gfn)
{
    (void)dmod;
    (void)domid;
    (void)size;
    (void)src_gfn;
    (void)dst_gfn;
    errno = EPERM;
    return -1;
}

/* --- libxenforeignmemory --- */

static void *zeros(size_t num)
{
    void *pages = mmap(NULL, num * XC_PAGE_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

EXPORT void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t num,
                                  const xen_pfn_t arr[], int err[])
{
    (void)fmem;
    (void)dom;
    (void)prot;
    __atomic_add_fetch(&counts()->pages, num, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < num; i++) {
        err[i] =
            arr[i] < ATTACK_RAM_PAGES || arr[i] - ATTACK_VRAM_GFN < ATTACK_VRAM_PAGES ? 0 : -EINVAL;
    }
    return zeros(num);
}

EXPORT int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t num)
{
    (void)fmem;
    return munmap(addr, num * XC_PAGE_SIZE);
}

/* The pages of an I/O request server, on which nothing is ever asked. */
EXPORT xenforeignmemory_resource_handle *xenforeignmemory_map_resource(
    xenforeignmemory_handle *fmem, domid_t domid, unsigned int type, unsigned int id,
    unsigned long frame, unsigned long nr_frames, void **paddr, int prot, int flags)
{
    (void)fmem;
    (void)domid;
    (void)type;
    (void)id;
    (void)frame;
    (void)prot;
    (void)flags;
    *paddr = zeros(nr_frames);
    return (xenforeignmemory_resource_handle *)&handle;
}

EXPORT int xenforeignmemory_unmap_resource(xenforeignmemory_handle *fmem,
                                           xenforeignmemory_resource_handle *fres)
{
    (void)fmem;
    (void)fres;
    return 0;
}
