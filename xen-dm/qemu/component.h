/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The component inside QEMU: a thread of its own that keeps the records true. */
#ifndef XEN_PHYSMAP_COMPONENT_H
#define XEN_PHYSMAP_COMPONENT_H

#include <glib.h>

#include "gate.h"

/* How the launcher tells the component what it needs; both programs read these names here. */
#define COMPONENT_ENV_DOMID "XEN_PHYSMAP_DOMID"
#define COMPONENT_ENV_QMP_FD "XEN_PHYSMAP_QMP_FD"
#define COMPONENT_ENV_INCOMING "XEN_PHYSMAP_INCOMING"
#define COMPONENT_ENV_POLICY "XEN_PHYSMAP_POLICY"

/*
 * A socket. A QEMU that is to take a running guest over, with all its devices set up, writes a byte
 * to it and waits for one before it loads their state, while the old QEMU still works (early.h). It
 * exits when nobody is there.
 */
#define COMPONENT_ENV_HOLD_FD "XEN_PHYSMAP_HOLD_FD"

/*
 * Set, the component prints COMPONENT_PROBED when it is loaded into QEMU, and does nothing else. A
 * program that doesn't load it, since it is static or has capabilities say, would do to a running
 * guest what early.h prevents.
 */
#define COMPONENT_ENV_PROBE "XEN_PHYSMAP_PROBE"
#define COMPONENT_PROBED "xen-physmap: loaded\n"

/* What QEMU was about to tell the toolstack, put off until the records are in place. */
typedef void (*ComponentResume)(gpointer data);

/*
 * Connects to xenstore and to the hypervisor, while QEMU still has the right to. `qmp_fd` is a
 * connected QMP socket, taken over. `incoming` is NULL for a new guest. For a saved one it is where
 * QEMU, which was started with "-incoming defer", is to load the device state from; the guest then
 * runs only on the layout that it was saved with, as far as `policy` says so. `hold_fd` is the
 * socket of COMPONENT_ENV_HOLD_FD, taken over, or -1.
 */
void component_init(guint32 domid, int qmp_fd, const char *incoming, GatePolicy policy,
                    int hold_fd);

/* QEMU exits: removes what it may leave behind. Before component_init: nothing. */
void component_end(void);

/* Something about the layout may have changed. Returns at once. Before component_init: nothing. */
void component_poke(void);

/* The same, when it is rather unlikely and can happen often. */
void component_nudge(void);

/*
 * QEMU reports that it is running. Takes over to call `resume` with `data` from the component's
 * thread once the records are in xenstore, or have failed to get there. FALSE when the component
 * isn't at work, and the caller has to go on by itself. Returns at once. A saved guest that must
 * not run ends here: `resume` is never called, and QEMU exits.
 */
gboolean component_running(ComponentResume resume, gpointer data);

#endif
