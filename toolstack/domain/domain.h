/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds running domains by domid or name, and their records in xenstore. */
#ifndef XEN_PHYSMAP_DOMAIN_H
#define XEN_PHYSMAP_DOMAIN_H

#include <xen-physmap/ops.h>
#include <xen-physmap/table.h>

/* A running domain that has, or could have, a device model. */
typedef struct Domain {
    guint32 domid, dm_domid;
    char *name; /* as xl list shows it; escaped, so safe to print */
} Domain;

void domain_free(Domain *domain);

/* The domain of this domid or name; NOT_FOUND when there is none. */
Domain *domain_find(const XenPhysmapOps *ops, const char *domid_or_name, GError **error);

/*
 * Opens *ops, and finds the domain of an argument for which input_is_file returned FALSE. The error
 * says that it isn't a file either.
 */
Domain *domain_open(const char *word, XenPhysmapOpsFlags flags, XenPhysmapOps **ops,
                    GError **error);

/* All domains that have a device-model directory, by domid: a GPtrArray of Domain. */
GPtrArray *domain_all(const XenPhysmapOps *ops, GError **error);

/* Its records, read from xenstore now. */
XenPhysmapTable *domain_records(const XenPhysmapOps *ops, const Domain *domain, GError **error);

/* Whether the launcher started its QEMU: it has records, or the socket for our tools. */
gboolean domain_is_recorded(const XenPhysmapOps *ops, const Domain *domain, gboolean *recorded,
                            GError **error);

/* The number of pages that it has or may have, whichever is larger. No layout has more. */
gboolean domain_page_limit(guint32 domid, guint64 *pages, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Domain, domain_free)

#endif
