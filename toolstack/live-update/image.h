/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disk images: whether a running QEMU could open one again, as it must after its state was saved.
 */
#ifndef XEN_PHYSMAP_IMAGE_H
#define XEN_PHYSMAP_IMAGE_H

#include "process.h"

/*
 * Opens the file by the path that the process used, as the user that it was started to be and in
 * the root folder that it has now, and closes it. A child does that, because the process decides
 * what is mounted there, and may serve a file that never answers. NULL when this works and the file
 * is one that the process has open. Otherwise the reason in words, at the latest at `deadline`
 * (monotonic) or when a signal comes.
 */
char *image_trouble(const Process *process, const char *path, gboolean read_only, gint64 deadline);

#endif
