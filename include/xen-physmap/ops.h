/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations that the library needs from its host, as a table; and the table of a real Xen. */
#ifndef XEN_PHYSMAP_OPS_H
#define XEN_PHYSMAP_OPS_H

#include <stddef.h>

#include <xen-physmap/error.h>

G_BEGIN_DECLS

/*
 * Each operation takes `opaque` first, and otherwise behaves like the call of the Xen libraries
 * that its comment names: same results, same errno. A program or a test may fill the table with its
 * own functions. The library calls them in the thread that called it, doesn't keep a result after
 * the call, and frees what they return with free().
 */
typedef struct XenPhysmapOps {
    void *opaque;

    /* xs_transaction_start: 0 on failure. */
    guint32 (*transaction_start)(void *opaque);
    /* xs_transaction_end: FALSE with EAGAIN means that the whole transaction has to run again. */
    gboolean (*transaction_end)(void *opaque, guint32 transaction, gboolean abort);
    /* xs_directory: a malloc'ed block, NULL on failure. */
    char **(*directory)(void *opaque, guint32 transaction, const char *path, unsigned int *num);
    /* xs_read: malloc'ed, with a NUL after its *length bytes; NULL on failure. */
    void *(*read)(void *opaque, guint32 transaction, const char *path, unsigned int *length);
    /* xs_write. */
    gboolean (*write)(void *opaque, guint32 transaction, const char *path, const void *data,
                      unsigned int length);
    /* xs_rm: removing a node that doesn't exist succeeds if its parent exists. */
    gboolean (*rm)(void *opaque, guint32 transaction, const char *path);

    /* xendevicemodel_relocate_memory: moves nr_pages pages of the guest from src_gfn to dst_gfn. */
    int (*relocate_memory)(void *opaque, guint32 domid, guint32 nr_pages, guint64 src_gfn,
                           guint64 dst_gfn);
    /* xendevicemodel_pin_memory_cacheattr with write-back, gfns [start_gfn, end_gfn]. */
    int (*pin_cacheattr)(void *opaque, guint32 domid, guint64 start_gfn, guint64 end_gfn);
    /*
     * xenforeignmemory_map: maps `num` gfns, one after the other. errors[i] becomes 0, or an errno
     * (of either sign) for a gfn that isn't populated; NULL with errno when nothing was mapped.
     */
    void *(*map)(void *opaque, guint32 domid, int prot, size_t num, const guint64 *gfns,
                 int *errors);
    /* xenforeignmemory_unmap. */
    int (*unmap)(void *opaque, void *address, size_t num);
} XenPhysmapOps;

typedef enum {
    /* Only xenstore; the hypervisor's operations fail with ENOSYS. */
    XEN_PHYSMAP_OPS_XENSTORE = 0,
    /* The hypervisor's operations too. */
    XEN_PHYSMAP_OPS_HYPERVISOR = 1 << 0,
} XenPhysmapOpsFlags;

/*
 * Connects to this machine's Xen: libxenstore (through XENSTORED_PATH or XENSTORED_RUNDIR if set,
 * as every client does), and with XEN_PHYSMAP_OPS_HYPERVISOR libxendevicemodel and
 * libxenforeignmemory. UNAVAILABLE or ACCESS when that fails. Close it with xen_physmap_ops_close.
 * Operations may be called from several threads. The connections don't survive fork: open them
 * again in a child.
 */
XEN_PHYSMAP_API XenPhysmapOps *xen_physmap_ops_open(XenPhysmapOpsFlags flags, GError **error);

/* Closes what xen_physmap_ops_open opened. NULL is allowed. */
XEN_PHYSMAP_API void xen_physmap_ops_close(XenPhysmapOps *ops);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(XenPhysmapOps, xen_physmap_ops_close)

G_END_DECLS

#endif
