/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's vcpus stopped between two I/O requests, and the servers that Xen sends those to. */
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

/* Destroys those of the set that are there. */
gboolean control_destroy_servers(Control *control, guint servers, GError **error);

/* Asked now and then; TRUE gives up. */
typedef gboolean (*ControlGiveUp)(gpointer data);

/*
 * Pauses the domain at a moment when none of its vcpus waits for an answer to an I/O request or has
 * one that it didn't take yet, and no buffered request is left. `set` are the servers of the old
 * QEMU, which has to run. A vcpu that is paused in between would find no server to take its answer
 * from. Lets the domain run for moments until it works out. *tries is how often it was paused. The
 * domain runs when this fails.
 */
gboolean control_quiesce(Control *control, guint set, ControlGiveUp give_up, gpointer data,
                         guint *tries, GError **error);

gboolean control_unpause(Control *control, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Control, control_close)

#endif
