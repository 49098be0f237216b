/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as nodes in xenstore: read and written whole, in one transaction each. */
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
 * see keys.h and docs/formats.md. No function here keeps anything; `ops` is the caller's.
 */

/*
 * The domain that runs domid's device model: its stub domain, or 0. Read where libxl writes it,
 * /local/domain/$domid/image/device-model-domid. Use it to look from outside; a device model finds
 * its own domain with xen_physmap_xenstore_own_domid.
 */
XEN_PHYSMAP_API gboolean xen_physmap_xenstore_dm_domid(const XenPhysmapOps *ops, guint32 domid,
                                                       guint32 *dm_domid, GError **error);

/* The domain that this program runs in, which is 0 when xenstore doesn't say. */
XEN_PHYSMAP_API gboolean xen_physmap_xenstore_own_domid(const XenPhysmapOps *ops, guint32 *domid,
                                                        GError **error);

/*
 * All records of the domain; an empty table when there are none. One that breaks a rule is an
 * INVALID error that names its node, and then there is no table. The caller owns the table.
 */
XEN_PHYSMAP_API XenPhysmapTable *xen_physmap_xenstore_load(const XenPhysmapOps *ops, guint32 domid,
                                                           guint32 dm_domid, GError **error);

/*
 * Makes the nodes follow a change from `before` to `after`: what left is removed whole, what
 * differs is written node by node, what stays is not touched, so that writers of different records
 * don't undo each other. A record of `before` that isn't there any more is written whole. `before`
 * NULL means that it isn't known, and everything under physmap is replaced.
 * NOT_FOUND when device-model/$domid isn't there, since it goes with the domain and must not come
 * back. The store holds the old records or the new ones, whatever fails. CONFLICT after
 * XEN_PHYSMAP_XENSTORE_TRIES, between which it sleeps for up to 10 ms.
 */
XEN_PHYSMAP_API gboolean xen_physmap_xenstore_store(const XenPhysmapOps *ops, guint32 domid,
                                                    guint32 dm_domid, const XenPhysmapTable *before,
                                                    const XenPhysmapTable *after, GError **error);

/* How often a transaction that others got in the way of is run before it is given up. */
#define XEN_PHYSMAP_XENSTORE_TRIES 32

G_END_DECLS

#endif
