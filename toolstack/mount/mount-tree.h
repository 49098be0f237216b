/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A savefile as a tree of files: which there are, and what is in them. Knows nothing of FUSE. */
#ifndef XEN_PHYSMAP_MOUNT_TREE_H
#define XEN_PHYSMAP_MOUNT_TREE_H

#include <xen-physmap/error.h>

/*
 * The tree is read by a thread of its own. It is complete when that came to the stream's end; until
 * then it has `memory` and `status` alone. All functions may be called from any thread.
 */
typedef struct MountTree MountTree;

/* A file or folder; the root is 1, and 0 is none. */
typedef guint64 MountNode;
#define MOUNT_ROOT 1

/* Called from the tree's thread when there is more to read, and when the tree is complete. */
typedef void (*MountChanged)(gpointer data);

/*
 * For a complete savefile in a file. The tree takes `fd`. Reads the headers of all records, as `show`
 * does, so that all files are in the tree at once. The thread makes the index of the pages.
 */
MountTree *mount_tree_open(int fd, const char *name, GError **error);

/*
 * For a stream that is still arriving, by a pipe or in a file that grows. `fd` becomes the tree's. A
 * pipe's bytes are kept in an unnamed file in TMPDIR.
 */
MountTree *mount_tree_follow(int fd, const char *name, GError **error);

/* Starts the thread. `func` may be called from now on. */
void mount_tree_start(MountTree *tree, MountChanged func, gpointer data);

/* Ends the thread; `func` isn't called any more. */
void mount_tree_stop(MountTree *tree);

/* NULL is allowed. */
void mount_tree_free(MountTree *tree);

/* TRUE when nothing changes any more: the stream's end was reached, or it broke off. */
gboolean mount_tree_is_complete(MountTree *tree);

/* TRUE for one of mount_tree_follow. */
gboolean mount_tree_follows(const MountTree *tree);

/* 0 when there is none of this name. */
MountNode mount_tree_lookup(MountTree *tree, MountNode folder, const char *name);

gboolean mount_tree_is_folder(MountTree *tree, MountNode node);

MountNode mount_tree_parent(MountTree *tree, MountNode node);

/* The `index`-th entry of a folder; 0 behind the last. *name is the tree's. */
MountNode mount_tree_entry(MountTree *tree, MountNode folder, guint index, const char **name);

typedef enum {
    MOUNT_DONE,
    MOUNT_WAIT,   /* not there yet: try again when MountChanged was called */
    MOUNT_FAILED, /* the savefile can't be read; said on stderr, once a cause */
} MountResult;

/* MOUNT_WAIT when it isn't known yet. A folder's size is 0. */
MountResult mount_tree_size(MountTree *tree, MountNode node, guint64 *size);

/* At most `*length` bytes, which becomes how many were read: less at the end of the file. */
MountResult mount_tree_read(MountTree *tree, MountNode node, guint64 offset, void *buffer,
                            gsize *length);

/* The next byte at or after `offset` that is data, or one that is in a hole; the size at the end. */
MountResult mount_tree_seek(MountTree *tree, MountNode node, guint64 offset, gboolean data,
                            guint64 *found);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MountTree, mount_tree_free)

#endif
