/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process has from who started it, beside its arguments and environment. */
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
 * Gives this process all of them. What the kernel refuses is said on standard error, and the rest is
 * set. FALSE when it isn't a list as above.
 */
gboolean launch_settings_apply(char **settings);

#endif
