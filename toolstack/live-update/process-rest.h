/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other processes of a QEMU that is to end: those that it started. */
#ifndef XEN_PHYSMAP_PROCESS_REST_H
#define XEN_PHYSMAP_PROCESS_REST_H

#include "process.h"

/*
 * Ends a QEMU as process_end does, and with it:
 * - the processes that it started and their children, and its session, if the session is its own;
 * - every other process of its user, if only this guest has that user. Not `spare`, the QEMU that
 *   follows it, and what that one started.
 * A process can leave its parent and its session, but not its user. `user` is the user in the launch
 * record. `own` is whether the toolstack says that only this guest has it (device-model-kill-uid in
 * xenstore); that is ignored when another QEMU has that user. `notes`, an array of strings, gets what
 * can't be ended, or can't be told from others' processes. An error when the QEMU itself doesn't end.
 */
gboolean process_end_all(const ProcessId *id, uid_t user, gboolean own, const ProcessId *spare,
                         GPtrArray *notes, GError **error);

#endif
