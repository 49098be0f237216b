/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The recorder: the component's thread inside QEMU, which keeps the records up to date. */
#ifndef XEN_PHYSMAP_RECORDER_H
#define XEN_PHYSMAP_RECORDER_H

#include <xen-physmap/error.h>

#include "restore-policy.h"

/*
 * A QEMU in standby: another one serves the guest until the updater sends a byte on the socket
 * `fd`, which the recorder takes. `end` ends the standby; FALSE, with an error, when that can't be
 * done. `claim` moves listening sockets to the addresses that QEMU asked for; FALSE while one is in
 * use.
 */
typedef struct RecorderStandby {
    int fd;
    gboolean (*end)(GError **error);
    gboolean (*claim)(void);
} RecorderStandby;

/*
 * QEMU has loaded a saved state in which the block that starts here is mapped nowhere, since the
 * guest had switched its BAR off: maps the guest's pages where QEMU has a dummy for them. FALSE
 * when it isn't certain where that is.
 */
typedef gboolean RecorderAdopt(guint32 domid, guint64 start_addr, guint64 size);

/* What QEMU was about to tell the toolstack, held back until the records are in xenstore. */
typedef void (*RecorderResume)(gpointer data);

/*
 * Connects to xenstore and to the hypervisor, while QEMU still has the permission. Takes `qmp_fd`,
 * a connected QMP socket. `incoming` is NULL for a new guest. For a saved one it is where QEMU,
 * which was started with "-incoming defer", will load the device state from; the guest then only
 * runs on the layout that it was saved with, if `policy` says so. `standby` is NULL for a QEMU that
 * serves the guest alone; it must outlive the recorder.
 */
void recorder_init(guint32 domid, int qmp_fd, const char *incoming, RestorePolicy policy,
                   const RecorderStandby *standby, RecorderAdopt *adopt);

/* QEMU exits: removes its socket. Does nothing before recorder_init. */
void recorder_end(void);

/* The layout may have changed. Returns at once. Does nothing before recorder_init. */
void recorder_poke(void);

/* The same for events that are frequent and rarely change the layout. */
void recorder_nudge(void);

/*
 * QEMU reports that it is running. The recorder calls `resume` with `data` from its thread once the
 * records are in xenstore, or couldn't be written. FALSE when the recorder doesn't run, and the
 * caller has to go on itself. Returns at once. If a saved guest must not run, `resume` is never
 * called, and QEMU exits.
 */
gboolean recorder_running(RecorderResume resume, gpointer data);

/*
 * For a QEMU that restores a saved guest: the only block of this size that the guest had moved was
 * at *start_addr. FALSE when there is none, or several.
 */
gboolean recorder_saved_place(guint64 size, guint64 *start_addr);

/*
 * Until QEMU loads a saved state: the saved guest had moved a block onto one of these pages, so
 * what QEMU allocated there has none, and must not write to them.
 */
gboolean recorder_saved_over(guint64 start_addr, guint64 size);

/* The pages that a saved guest had at the one address were moved to the other, where QEMU looks for
 * them. */
void recorder_moved(guint64 from, guint64 to);

#endif
