/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's vcpus stopped with all I/O requests answered; the servers that Xen sends those to. */
#ifndef XEN_PHYSMAP_CONTROL_H
#define XEN_PHYSMAP_CONTROL_H

#include <xen-physmap/error.h>

/* Wants the rights of a toolstack. One thread at a time. */
typedef struct Control Control;

Control *control_open(guint32 domid, GError **error);

/* NULL is allowed. */
void control_close(Control *control);

typedef struct ControlInfo {
    gboolean hvm, paused, shutdown, dying;
} ControlInfo;

gboolean control_info(Control *control, ControlInfo *info, GError **error);

/*
 * The I/O request servers of this domain (dom0) that the guest has, a bit for each id. A QEMU has
 * one, and one that was killed leaves it behind; Xen has room for eight.
 */
guint control_servers(Control *control);

/* Destroys those of the set that are there: never asked, or of a domain that is gone. */
gboolean control_destroy_servers(Control *control, guint servers, GError **error);

/* Asked now and then; TRUE, with an error that says why, gives up. */
typedef gboolean (*ControlGiveUp)(gpointer data, GError **error);

/*
 * Pauses the domain and waits until no vcpu has a request that isn't answered, and no buffered
 * request is left. `set` are the servers of the old QEMU, which has to run. A vcpu may have an
 * answer that it didn't take yet: it finds it in the old server's page when it runs again, whoever
 * serves it by then, as long as that server is there. The domain runs when this fails.
 */
gboolean control_quiesce(Control *control, guint set, ControlGiveUp give_up, gpointer data,
                         GError **error);

/* Has Xen send nothing to those of the set that are there. */
gboolean control_switch_off(Control *control, guint set, GError **error);

/*
 * Destroys those of the set that are there, once the vcpus have taken their answers from them. They
 * are switched off, no QEMU serves them any more, and the domain runs.
 */
gboolean control_retire_servers(Control *control, guint set, GError **error);

gboolean control_unpause(Control *control, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Control, control_close)

#endif
