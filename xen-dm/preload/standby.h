/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The standby: keeps a QEMU from disturbing a guest that another QEMU still serves. */
#ifndef XEN_PHYSMAP_STANDBY_H
#define XEN_PHYSMAP_STANDBY_H

#include <xen-physmap/error.h>

/*
 * Call it before QEMU's first instruction, in a QEMU that is to take over a running guest. Until
 * standby_end:
 * - when QEMU maps pages of the guest to write, it gets copies, so it doesn't write its option ROMs
 *   to the guest;
 * - what QEMU tells Xen about the guest, such as the state of interrupt lines, is dropped;
 * - a network interface of the host that both QEMUs use keeps its settings;
 * - a listening socket with a path gets the path with STANDBY_SUFFIX appended, and one with an
 *   internet address gets a temporary port.
 */
void standby_begin(void);

/*
 * Call it when the other QEMU has stopped, from another thread than QEMU's. The guest's pages take
 * the place of the copies, at the same addresses. When this returns FALSE, QEMU can't take over.
 */
gboolean standby_end(GError **error);

/*
 * Moves the sockets from the temporary ports to those that QEMU asked for. FALSE while one of them
 * is in use, because the other QEMU hasn't ended. The updater renames the paths; it has the
 * permission.
 */
gboolean standby_claim(void);

#endif
