/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files and folders that nobody but root can change: what root may execute, load, and write into. */
#ifndef XEN_PHYSMAP_TRUSTED_FILE_H
#define XEN_PHYSMAP_TRUSTED_FILE_H

#include <xen-physmap/error.h>

/*
 * A regular file that was looked up folder by folder, from "/" on. Each folder, each link on the way
 * and the file belong to root (for an ordinary user, to root or to this user), nobody else may write
 * to them, and none lies on a file system that an ordinary user serves (FUSE). A folder that others
 * may write to is fine if its sticky bit is set: they can't remove or rename what is root's in it.
 *
 * The descriptors are of the file and the folder that were checked. What is done by them can't be led
 * to another file.
 */
typedef struct TrustedFile {
    char *path; /* with no link in it */
    int fd;     /* O_PATH, close-on-exec */
    int folder; /* O_PATH, close-on-exec */
} TrustedFile;

TrustedFile *trusted_file_open(const char *path, GError **error);

/* NULL is allowed. */
void trusted_file_free(TrustedFile *file);

/* Whether it begins with "#!", so that the kernel gives it to another program by its path. */
gboolean trusted_file_is_script(const TrustedFile *file);

/*
 * Executes the file. Returns only when that fails, with errno. The process gets the file's own name,
 * as it does from execve, because the folder's descriptor is used and not the file's.
 */
void trusted_file_exec(const TrustedFile *file, char *const *argv, char *const *env);

/*
 * A descriptor (O_RDONLY, close-on-exec) of a folder of this kind, that nobody else may write to,
 * sticky or not. With `make`, folders that aren't there are made, with mode 0700. -1 with an error.
 */
int trusted_folder_open(const char *path, gboolean make, GError **error);

/*
 * What tells a file from any other, in words: device, inode, size, owner, mode, times of the last
 * write and of its birth. Only root can give a file of root's a size and a time, and an inode number
 * that was freed comes back with another time of birth. The time of the last change of the inode
 * isn't in it: an upgrade that takes a file's last name away sets that. NULL with errno.
 */
char *file_identity(int fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TrustedFile, trusted_file_free)

#endif
