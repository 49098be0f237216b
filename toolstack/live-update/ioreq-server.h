/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pauses a domain's vcpus when all I/O requests are answered; the servers that Xen sends them to.
 */
#ifndef XEN_PHYSMAP_IOREQ_SERVER_H
#define XEN_PHYSMAP_IOREQ_SERVER_H

#include "update-ops.h"

gboolean ioreq_info(const UpdateOps *ops, guint32 domid, IoreqInfo *info, GError **error);

/*
 * The I/O request servers that the guest has in this domain (dom0), a bit for each id. A QEMU has
 * one, which remains when QEMU is killed. Xen has room for eight.
 */
gboolean ioreq_servers(const UpdateOps *ops, guint32 domid, guint *servers, GError **error);

/*
 * Destroys those of the set that exist. Only for servers that Xen never sent a request to, or of a
 * domain that is gone.
 */
gboolean ioreq_destroy_servers(const UpdateOps *ops, guint32 domid, guint servers, GError **error);

/* Called now and then while waiting. TRUE, with an error that says why, ends the wait. */
typedef gboolean (*IoreqGiveUp)(gpointer data, GError **error);

/*
 * Pauses the domain, and waits until every request of a vcpu is answered and no buffered request is
 * left. `set` are the servers of the old QEMU, which must run. A vcpu may not have taken its answer
 * yet. It finds the answer in the old server's page when it runs again, whichever QEMU serves it
 * then, as long as that server exists. When this fails, the domain runs.
 */
gboolean ioreq_quiesce(const UpdateOps *ops, guint32 domid, guint set, IoreqGiveUp give_up,
                       gpointer data, GError **error);

/* Makes Xen send no requests to those of the set that exist. */
gboolean ioreq_switch_off(const UpdateOps *ops, guint32 domid, guint set, GError **error);

/*
 * Destroys those of the set that exist, once the vcpus have taken their answers from them. The
 * servers must be disabled and served by no QEMU, and the domain must run.
 */
gboolean ioreq_retire_servers(const UpdateOps *ops, guint32 domid, guint set, GError **error);

gboolean ioreq_unpause(const UpdateOps *ops, guint32 domid, GError **error);

#endif
