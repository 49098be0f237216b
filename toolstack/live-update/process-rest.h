/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What else runs of a QEMU that is to end: the processes that it started. */
#ifndef XEN_PHYSMAP_PROCESS_REST_H
#define XEN_PHYSMAP_PROCESS_REST_H

#include "process.h"

/*
 * Ends a QEMU as process_end does, and with it:
 * - the processes that it started and their children, and those of its session, if that is its own;
 * - every other process of its user, if that is this guest's alone, but for `spare`, the QEMU that
 *   follows it, and what that started.
 * A process can leave its parent and its session, but not its user. `user` is what it became by its
 * launch record; `own` is whether the toolstack says that only this guest has it
 * (device-model-kill-uid in xenstore). It isn't believed when another QEMU has that user. What can't be
 * ended, or can't be told from others' processes, is added to `notes`, which are strings. An error when
 * the QEMU itself doesn't end.
 */
gboolean process_end_all(const ProcessId *id, uid_t user, gboolean own, const ProcessId *spare,
                         GPtrArray *notes, GError **error);

#endif
