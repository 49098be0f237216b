/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's vcpus stopped with all I/O requests answered; the servers that Xen sends those to. */
#ifndef XEN_PHYSMAP_IOREQ_SERVER_H
#define XEN_PHYSMAP_IOREQ_SERVER_H

#include "update-ops.h"

gboolean ioreq_info(const UpdateOps *ops, guint32 domid, IoreqInfo *info, GError **error);

/*
 * The I/O request servers of this domain (dom0) that the guest has, a bit for each id. A QEMU has
 * one, and one that was killed leaves it behind; Xen has room for eight.
 */
gboolean ioreq_servers(const UpdateOps *ops, guint32 domid, guint *servers, GError **error);

/* Destroys those of the set that are there: never asked, or of a domain that is gone. */
gboolean ioreq_destroy_servers(const UpdateOps *ops, guint32 domid, guint servers, GError **error);

/* Asked now and then; TRUE, with an error that says why, gives up. */
typedef gboolean (*IoreqGiveUp)(gpointer data, GError **error);

/*
 * Pauses the domain and waits until no vcpu has a request that isn't answered, and no buffered
 * request is left. `set` are the servers of the old QEMU, which has to run. A vcpu may have an
 * answer that it didn't take yet: it finds it in the old server's page when it runs again, whoever
 * serves it by then, as long as that server is there. The domain runs when this fails.
 */
gboolean ioreq_quiesce(const UpdateOps *ops, guint32 domid, guint set, IoreqGiveUp give_up,
                       gpointer data, GError **error);

/* Has Xen send nothing to those of the set that are there. */
gboolean ioreq_switch_off(const UpdateOps *ops, guint32 domid, guint set, GError **error);

/*
 * Destroys those of the set that are there, once the vcpus have taken their answers from them. They
 * are switched off, no QEMU serves them any more, and the domain runs.
 */
gboolean ioreq_retire_servers(const UpdateOps *ops, guint32 domid, guint set, GError **error);

gboolean ioreq_unpause(const UpdateOps *ops, guint32 domid, GError **error);

#endif
