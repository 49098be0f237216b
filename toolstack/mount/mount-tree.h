/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A savefile as a tree of files: which files there are, and their contents. Knows nothing of FUSE.
 */
#ifndef XEN_PHYSMAP_MOUNT_TREE_H
#define XEN_PHYSMAP_MOUNT_TREE_H

#include <xen-physmap/error.h>

/*
 * A thread reads the savefile into the tree. The tree is complete when the thread has read the
 * stream's end; until then it only has `memory` and `status`. All functions may be called from any
 * thread.
 */
typedef struct MountTree MountTree;

/* A file or folder. The root is 1; 0 means none. */
typedef guint64 MountNode;
#define MOUNT_ROOT 1

/* Called from the tree's thread when more can be read, and when the tree is complete. */
typedef void (*MountChanged)(gpointer data);

/*
 * For a complete savefile in a file. Takes ownership of `fd`. Reads the headers of all stream
 * records, as `show` does, so the tree has all files at once. The thread makes the index of the
 * pages.
 */
MountTree *mount_tree_open(int fd, const char *name, GError **error);

/*
 * For a stream that is still arriving, through a pipe or in a file that grows. Takes ownership of
 * `fd`. The bytes from a pipe are kept in an unnamed file in TMPDIR.
 */
MountTree *mount_tree_follow(int fd, const char *name, GError **error);

/* Starts the thread. `func` may be called from now on. */
void mount_tree_start(MountTree *tree, MountChanged func, gpointer data);

/* Ends the thread. `func` isn't called after that. */
void mount_tree_stop(MountTree *tree);

/* NULL is allowed. */
void mount_tree_free(MountTree *tree);

/* TRUE when nothing changes any more: the stream's end was read, or the stream broke off. */
gboolean mount_tree_is_complete(MountTree *tree);

/* TRUE for a tree that mount_tree_follow made. */
gboolean mount_tree_follows(const MountTree *tree);

/* 0 when there is none with this name. */
MountNode mount_tree_lookup(MountTree *tree, MountNode folder, const char *name);

gboolean mount_tree_is_folder(MountTree *tree, MountNode node);

MountNode mount_tree_parent(MountTree *tree, MountNode node);

/* The entry with this index of a folder; 0 after the last. *name belongs to the tree. */
MountNode mount_tree_entry(MountTree *tree, MountNode folder, guint index, const char **name);

typedef enum {
    MOUNT_DONE,
    MOUNT_WAIT,   /* it hasn't arrived yet: try again when MountChanged was called */
    MOUNT_FAILED, /* the savefile can't be read; each cause is reported once, on stderr */
} MountResult;

/* MOUNT_WAIT when the size isn't known yet. A folder's size is 0. */
MountResult mount_tree_size(MountTree *tree, MountNode node, guint64 *size);

/*
 * Reads at most `*length` bytes. *length becomes how many were read: fewer at the end of the file.
 */
MountResult mount_tree_read(MountTree *tree, MountNode node, guint64 offset, void *buffer,
                            gsize *length);

/*
 * The next offset from `offset` on that has data, or that is in a hole; the size if there is none.
 */
MountResult mount_tree_seek(MountTree *tree, MountNode node, guint64 offset, gboolean data,
                            guint64 *found);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MountTree, mount_tree_free)

#endif
