/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations of a real Xen: libxenstore, libxendevicemodel, libxenforeignmemory. */
#include <xen-physmap/ops.h>

#include <errno.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include "internal.h"

/* Handles that aren't needed are NULL. */
typedef struct Host {
    XenPhysmapOps ops;
    struct xs_handle *xs;
    xendevicemodel_handle *dmod;
    xenforeignmemory_handle *fmem;
} Host;

static guint32 host_transaction_start(void *opaque)
{
    return xs_transaction_start(((Host *)opaque)->xs);
}

static gboolean host_transaction_end(void *opaque, guint32 transaction, gboolean abort)
{
    return xs_transaction_end(((Host *)opaque)->xs, transaction, abort);
}

static char **host_directory(void *opaque, guint32 transaction, const char *path, unsigned int *num)
{
    return xs_directory(((Host *)opaque)->xs, transaction, path, num);
}

static void *host_read(void *opaque, guint32 transaction, const char *path, unsigned int *length)
{
    return xs_read(((Host *)opaque)->xs, transaction, path, length);
}

static gboolean host_write(void *opaque, guint32 transaction, const char *path, const void *data,
                           unsigned int length)
{
    return xs_write(((Host *)opaque)->xs, transaction, path, data, length);
}

static gboolean host_rm(void *opaque, guint32 transaction, const char *path)
{
    return xs_rm(((Host *)opaque)->xs, transaction, path);
}

static int host_relocate(void *opaque, guint32 domid, guint32 nr_pages, guint64 src_gfn,
                         guint64 dst_gfn)
{
    Host *host = opaque;

    if (!host->dmod) {
        errno = ENOSYS;
        return -1;
    }
    return xendevicemodel_relocate_memory(host->dmod, domid, nr_pages, src_gfn, dst_gfn);
}

static int host_pin_cacheattr(void *opaque, guint32 domid, guint64 start_gfn, guint64 end_gfn)
{
    Host *host = opaque;

    if (!host->dmod) {
        errno = ENOSYS;
        return -1;
    }
    return xendevicemodel_pin_memory_cacheattr(host->dmod, domid, start_gfn, end_gfn,
                                               XEN_DOMCTL_MEM_CACHEATTR_WB);
}

static void *host_map(void *opaque, guint32 domid, int prot, size_t num, const guint64 *gfns,
                      int *errors)
{
    Host *host = opaque;

    G_STATIC_ASSERT(sizeof(xen_pfn_t) == sizeof *gfns);
    if (!host->fmem) {
        errno = ENOSYS;
        return NULL;
    }
    return xenforeignmemory_map(host->fmem, domid, prot, num, (const xen_pfn_t *)gfns, errors);
}

static int host_unmap(void *opaque, void *address, size_t num)
{
    return xenforeignmemory_unmap(((Host *)opaque)->fmem, address, num);
}

/* Makes an error of NULL and errno, which the Xen libraries leave at 0 for some failures. */
static gboolean opened(const void *handle, const char *what, GError **error)
{
    if (!handle) {
        int errnum = errno ? errno : EIO;

        if (errnum == ENOENT) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                        "can't reach %s: this machine doesn't run under Xen, or its Xen services "
                        "are not started",
                        what);
        } else {
            xen_physmap_set_errno(error, errnum, "can't reach %s", what);
        }
    }
    return handle != NULL;
}

static gboolean open_hypervisor(Host *host, GError **error)
{
    /* Suppresses the messages of Xen's libraries; the error says more. */
    errno = 0;
    return opened(host->dmod = xendevicemodel_open(NULL, 0), "the hypervisor (libxendevicemodel)",
                  error) &&
           opened(host->fmem = xenforeignmemory_open(NULL, 0),
                  "the hypervisor (libxenforeignmemory)", error);
}

XenPhysmapOps *xen_physmap_ops_open(XenPhysmapOpsFlags flags, GError **error)
{
    Host *host = g_new0(Host, 1);

    host->ops = (XenPhysmapOps){
        .opaque = host,
        .transaction_start = host_transaction_start,
        .transaction_end = host_transaction_end,
        .directory = host_directory,
        .read = host_read,
        .write = host_write,
        .rm = host_rm,
        .relocate_memory = host_relocate,
        .pin_cacheattr = host_pin_cacheattr,
        .map = host_map,
        .unmap = host_unmap,
    };
    errno = 0;
    if (!opened(host->xs = xs_open(0), "xenstored", error) ||
        ((flags & XEN_PHYSMAP_OPS_HYPERVISOR) && !open_hypervisor(host, error))) {
        xen_physmap_ops_close(&host->ops);
        return NULL;
    }
    return &host->ops;
}

void xen_physmap_ops_close(XenPhysmapOps *ops)
{
    if (ops) {
        Host *host = ops->opaque;

        g_clear_pointer(&host->xs, xs_close);
        g_clear_pointer(&host->dmod, xendevicemodel_close);
        g_clear_pointer(&host->fmem, xenforeignmemory_close);
        g_free(host);
    }
}
