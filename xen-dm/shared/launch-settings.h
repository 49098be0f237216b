/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process inherits besides its arguments and environment. */
#ifndef XEN_PHYSMAP_LAUNCH_SETTINGS_H
#define XEN_PHYSMAP_LAUNCH_SETTINGS_H

#include <glib.h>

/*
 * Those of this process, a "NAME VALUE" each:
 * - groups: the supplementary ones; only root can set them again
 * - umask
 * - nice
 * - oom-score-adj
 * - processors: which it may run on; "all" when those are all that are online
 * - limit-N: the resource limit N (RLIMIT_*), soft and hard
 */
GStrv launch_settings_read(void);

/*
 * Applies all of them to this process. If the kernel refuses one, that is reported on standard
 * error, and the rest is applied. FALSE when the list is malformed.
 */
gboolean launch_settings_apply(char **settings);

#endif
