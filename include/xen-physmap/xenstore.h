/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as nodes in xenstore. All records of a domain are read or written in one transaction. */
#ifndef XEN_PHYSMAP_XENSTORE_H
#define XEN_PHYSMAP_XENSTORE_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

G_BEGIN_DECLS

/*
 * The records of domain $domid, whose device model runs in $dm_domid, are at
 *
 *     /local/domain/$dm_domid/device-model/$domid/physmap/$phys_offset/{start_addr,size,name}
 *
 * see keys.h and docs/formats.md. The functions keep no state; `ops` belongs to the caller.
 */

/*
 * The domain that runs domid's device model: its stub domain, or 0, from the node that libxl
 * writes, /local/domain/$domid/image/device-model-domid. A device model finds its own domain with
 * xen_physmap_xenstore_own_domid instead.
 */
XEN_PHYSMAP_API gboolean xen_physmap_xenstore_dm_domid(const XenPhysmapOps *ops, guint32 domid,
                                                       guint32 *dm_domid, GError **error);

/* The domain that this program runs in; 0 when xenstore doesn't say. */
XEN_PHYSMAP_API gboolean xen_physmap_xenstore_own_domid(const XenPhysmapOps *ops, guint32 *domid,
                                                        GError **error);

/*
 * All records of the domain; an empty table when there are none. If a record breaks a rule, the
 * error is INVALID and names its node, and there is no table. The caller owns the table.
 */
XEN_PHYSMAP_API XenPhysmapTable *xen_physmap_xenstore_load(const XenPhysmapOps *ops, guint32 domid,
                                                           guint32 dm_domid, GError **error);

/*
 * Writes the change from `before` to `after`. A record that is only in `before` is removed with all
 * its nodes. Of a record that differs, the nodes that differ are written. A record that is the same
 * isn't touched, so that writers of different records don't undo each other's changes; if it is
 * missing from xenstore, it is written again. If `before` is NULL, the old records aren't known,
 * and everything under physmap is replaced. NOT_FOUND when device-model/$domid doesn't exist: it is
 * removed with the domain and must not be created again. Whatever fails, xenstore has either the
 * old records or the new ones. CONFLICT after XEN_PHYSMAP_XENSTORE_TRIES; it sleeps for up to 10 ms
 * between two tries.
 */
XEN_PHYSMAP_API gboolean xen_physmap_xenstore_store(const XenPhysmapOps *ops, guint32 domid,
                                                    guint32 dm_domid, const XenPhysmapTable *before,
                                                    const XenPhysmapTable *after, GError **error);

/* How often a transaction is tried that conflicts with the changes of others. */
#define XEN_PHYSMAP_XENSTORE_TRIES 32

G_END_DECLS

#endif
