/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The component inside QEMU: a thread of its own that keeps the records true. */
#ifndef XEN_PHYSMAP_RECORDER_H
#define XEN_PHYSMAP_RECORDER_H

#include <xen-physmap/error.h>

#include "restore-policy.h"

/*
 * A QEMU in standby: another one serves the guest until the updater gives the word on `fd`, a socket
 * that is taken over. `end` makes this QEMU the guest's; FALSE, with an error, when that can't be
 * done. `claim` moves what it listens on to the addresses that were meant; FALSE while one is taken.
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

/* What QEMU was about to tell the toolstack, put off until the records are in place. */
typedef void (*RecorderResume)(gpointer data);

/*
 * Connects to xenstore and to the hypervisor, while QEMU still has the right to. `qmp_fd` is a
 * connected QMP socket, taken over. `incoming` is NULL for a new guest. For a saved one it is where
 * QEMU, which was started with "-incoming defer", is to load the device state from; the guest then
 * runs only on the layout that it was saved with, as far as `policy` says so. `standby` is
 * NULL for a QEMU that has the guest for itself; it must outlive the recorder.
 */
void recorder_init(guint32 domid, int qmp_fd, const char *incoming, RestorePolicy policy,
                   const RecorderStandby *standby, RecorderAdopt *adopt);

/* QEMU exits: removes what it may leave behind. Before recorder_init: nothing. */
void recorder_end(void);

/* Something about the layout may have changed. Returns at once. Before recorder_init: nothing. */
void recorder_poke(void);

/* The same, when it is rather unlikely and can happen often. */
void recorder_nudge(void);

/*
 * QEMU reports that it is running. Takes over to call `resume` with `data` from the component's
 * thread once the records are in xenstore, or have failed to get there. FALSE when the component
 * isn't at work, and the caller has to go on by itself. Returns at once. A saved guest that must
 * not run ends here: `resume` is never called, and QEMU exits.
 */
gboolean recorder_running(RecorderResume resume, gpointer data);

/*
 * For a QEMU that restores a saved guest: the only block of this size that the guest had moved was at
 * *start_addr. FALSE when there is none, or several.
 */
gboolean recorder_saved_place(guint64 size, guint64 *start_addr);

/*
 * Until QEMU loads a saved state: the saved guest had moved a block onto one of these pages, so what
 * QEMU allocated there has none, and must not write to them.
 */
gboolean recorder_saved_over(guint64 start_addr, guint64 size);

/* The pages that a saved guest had at the one address were moved to the other, where QEMU looks for
 * them. */
void recorder_moved(guint64 from, guint64 to);

#endif
