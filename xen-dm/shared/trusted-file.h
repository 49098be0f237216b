/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files and folders that only root can change: what root may execute, load, and write to. */
#ifndef XEN_PHYSMAP_TRUSTED_FILE_H
#define XEN_PHYSMAP_TRUSTED_FILE_H

#include <xen-physmap/error.h>

/*
 * A regular file that was looked up folder by folder, from "/" on. Each folder, each link on the way
 * and the file belong to root (for an ordinary user, to root or to this user), nobody else may write
 * to them, and none lies on a file system that an ordinary user serves (FUSE). A folder that others
 * may write to is fine if its sticky bit is set: they can't remove or rename what is root's in it.
 *
 * The descriptors are of the file and the folder that were checked. Nobody can redirect to another
 * file what is done through them.
 */
typedef struct TrustedFile {
    char *path; /* with no link in it */
    int fd;     /* O_PATH, close-on-exec */
    int folder; /* O_PATH, close-on-exec */
} TrustedFile;

TrustedFile *trusted_file_open(const char *path, GError **error);

/* NULL is allowed. */
void trusted_file_free(TrustedFile *file);

/*
 * Whether the file begins with "#!", so that the kernel runs an interpreter with the file's path.
 */
gboolean trusted_file_is_script(const TrustedFile *file);

/*
 * Executes the file. Returns only on failure, with errno. It executes the name in the folder's
 * descriptor, not the file's descriptor, so that the process gets the file's name as its own, as
 * with execve.
 */
void trusted_file_exec(const TrustedFile *file, char *const *argv, char *const *env);

/*
 * A descriptor (O_RDONLY, close-on-exec) of such a folder; nobody else may write to it, not even
 * with the sticky bit. With `make`, missing folders are created with mode 0700. -1 with an error.
 */
int trusted_folder_open(const char *path, gboolean make, GError **error);

/*
 * What tells a file from any other, as text: device, inode, size, owner, mode, and the times of the
 * last write and of birth. Only root can give a file of root's a size and a time of writing, and an
 * inode number that is used again comes with another time of birth. The time of the inode's last
 * change isn't included, because an upgrade that removes a file's last name changes it. NULL with
 * errno.
 */
char *file_identity(int fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TrustedFile, trusted_file_free)

#endif
