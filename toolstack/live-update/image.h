/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disk images: whether a running QEMU could open one again, as after its state was saved. */
#ifndef XEN_PHYSMAP_IMAGE_H
#define XEN_PHYSMAP_IMAGE_H

#include "process.h"

/*
 * Opens the file by the path that the process opened it by, as the user that it was started to be and
 * in the root folder that it has now, and closes it. A child of ours does that: the process decides
 * what is mounted there, and a file of its own may never answer. NULL when it works and it is a file
 * that the process has open; otherwise the reason in words, and at the latest at `deadline`
 * (monotonic) or when a signal comes.
 */
char *image_trouble(const Process *process, const char *path, gboolean read_only, gint64 deadline);

#endif
