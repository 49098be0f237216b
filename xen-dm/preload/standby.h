/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU that starts while another still serves the guest: kept from touching what isn't its own. */
#ifndef XEN_PHYSMAP_STANDBY_H
#define XEN_PHYSMAP_STANDBY_H

#include <xen-physmap/error.h>

/*
 * From here until standby_end, in a QEMU that is to take a running guest over:
 * - the guest's pages that it maps to write are copies, so its option ROMs don't hit the guest;
 * - what it tells Xen of the guest, interrupt lines at rest for one, is dropped: Xen knows better;
 * - a network interface of the host that it shares with the other QEMU keeps its settings;
 * - a socket that it listens on at a path gets another, with this behind it, and one at an internet
 *   address a port of no importance.
 * Before QEMU's first instruction.
 */
void standby_begin(void);

/*
 * The other QEMU has stopped. What was mapped becomes the guest's pages, at the same addresses.
 * FALSE when that can't be done; then this QEMU can't take over. Another thread than QEMU's.
 */
gboolean standby_end(GError **error);

/*
 * Moves the sockets to the internet addresses that were meant. FALSE while one is taken, by the
 * QEMU that hasn't ended yet. The paths are the updater's to rename, which has the right to.
 */
gboolean standby_claim(void);

#endif
