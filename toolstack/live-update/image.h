/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disk images: whether a running QEMU could open one again, as after its state was saved. */
#ifndef XEN_PHYSMAP_IMAGE_H
#define XEN_PHYSMAP_IMAGE_H

#include <sys/types.h>

#include <glib.h>

/*
 * Opens the file by the path that the process opened it by, with the rights and the root folder that
 * it has now, and closes it. NULL when that works and it is a file that the process has open;
 * otherwise the reason in words.
 */
char *image_trouble(pid_t pid, const char *path, gboolean read_only);

#endif
