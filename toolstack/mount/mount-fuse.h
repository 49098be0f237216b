/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serves a tree as a file system, through libfuse3. */
#ifndef XEN_PHYSMAP_MOUNT_FUSE_H
#define XEN_PHYSMAP_MOUNT_FUSE_H

#include "mount-tree.h"

typedef struct MountOptions {
    const char *folder;  /* where to mount */
    const char *options; /* options of mount(8), comma-separated; may be NULL */
    gboolean foreground; /* FALSE: returns once it is mounted, and serves in a process of its own */
} MountOptions;

/*
 * Mounts, and serves until it is unmounted or gets SIGINT, SIGTERM or SIGHUP. Starts the tree.
 * SYSTEM when it can't be mounted.
 */
gboolean mount_fuse_serve(MountTree *tree, const MountOptions *options, GError **error);

#endif
