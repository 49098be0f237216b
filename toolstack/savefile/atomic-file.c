/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes under no name or a temporary one, in the folder of the final name, and renames. */
#include "atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#define TRIES 100

struct AtomicFile {
    int fd;
    char *shown; /* the name, safe to print */
    char *path;  /* what the file will be; NULL: it is written to directly */
    char *folder;
    char *temporary; /* its name until then; NULL: it has none */
};

static gboolean set_errno(GError **error, const AtomicFile *output, const char *what)
{
    XenPhysmapError code = errno == EACCES || errno == EPERM || errno == EROFS
                               ? XEN_PHYSMAP_ERROR_ACCESS
                               : XEN_PHYSMAP_ERROR_SYSTEM;

    g_set_error(error, XEN_PHYSMAP_ERROR, code, "%s: %s: %s", output->shown, what,
                g_strerror(errno));
    return FALSE;
}

/* A name next to the final one that nobody has. */
static char *temporary_name(const AtomicFile *output)
{
    g_autofree char *base = g_path_get_basename(output->path);

    /* Short enough for any file system, whatever the final name's length. */
    return g_strdup_printf("%s/.%.100s.%08x", output->folder, base, g_random_int());
}

/*
 * A file without a name goes by itself when we are killed, so that is tried first; not every file
 * system has it.
 */
static gboolean make_file(AtomicFile *output, GError **error)
{
    output->fd = open(output->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    for (guint i = 0; output->fd < 0 && i < TRIES; i++) {
        g_free(output->temporary);
        output->temporary = temporary_name(output);
        output->fd = open(output->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (output->fd < 0 && errno != EEXIST) {
            break;
        }
    }
    if (output->fd < 0) {
        g_clear_pointer(&output->temporary, g_free);
        return set_errno(error, output, "can't make a file in its folder");
    }
    return TRUE;
}

static gboolean open_file(AtomicFile *output, const char *name, GError **error)
{
    /* A symbolic link stays one. */
    char *real = realpath(name, NULL);
    struct stat st;

    if (!real && errno != ENOENT) {
        return set_errno(error, output, "can't write it");
    }
    output->path = g_strdup(real ? real : name);
    free(real);
    if (stat(output->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return set_errno(error, output, "can't write it");
    }
    if (stat(output->path, &st) == 0 && !S_ISREG(st.st_mode)) {
        output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
        g_clear_pointer(&output->path, g_free);
        return output->fd >= 0 || set_errno(error, output, "can't open it");
    }
    output->folder = g_path_get_dirname(output->path);
    return make_file(output, error);
}

AtomicFile *atomic_file_open(const char *name, GError **error)
{
    g_autoptr(AtomicFile) output = g_new0(AtomicFile, 1);

    output->fd = -1;
    output->shown = xen_physmap_escape(name, -1);
    if (strcmp(name, "-") != 0) {
        return open_file(output, name, error) ? g_steal_pointer(&output) : NULL;
    }
    output->fd = STDOUT_FILENO;
    return g_steal_pointer(&output);
}

int atomic_file_fd(const AtomicFile *output)
{
    return output->fd;
}

gboolean atomic_file_write(AtomicFile *output, const void *bytes, gsize length, GError **error)
{
    const char *at = bytes;

    while (length > 0) {
        gssize n = write(output->fd, at, length);

        if (n < 0 && errno != EINTR) {
            return set_errno(error, output, "can't write it");
        }
        at += MAX(n, 0);
        length -= MAX(n, 0);
    }
    return TRUE;
}

/* Gives a file without a name one, for rename can replace what is there and link can't. */
static gboolean name_file(AtomicFile *output, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", output->fd);

    for (guint i = 0; i < TRIES && !output->temporary; i++) {
        g_autofree char *name = temporary_name(output);

        if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
            output->temporary = g_steal_pointer(&name);
        } else if (errno != EEXIST) {
            break;
        }
    }
    return output->temporary || set_errno(error, output, "can't name it");
}

/* As the file that is replaced, so far as it goes. */
static void copy_mode(const AtomicFile *output)
{
    struct stat st;

    if (stat(output->path, &st) == 0 &&
        (st.st_uid == geteuid() || fchown(output->fd, st.st_uid, st.st_gid) == 0)) {
        fchmod(output->fd, st.st_mode & 07777);
    }
}

gboolean atomic_file_commit(AtomicFile *output, GError **error)
{
    gboolean ok;
    int folder;

    if (!output->path) {
        return TRUE;
    }
    copy_mode(output);
    if (fsync(output->fd) != 0) {
        return set_errno(error, output, "can't bring it to the disk");
    }
    if (!output->temporary && !name_file(output, error)) {
        return FALSE;
    }
    if (rename(output->temporary, output->path) != 0) {
        return set_errno(error, output, "can't rename it");
    }
    g_clear_pointer(&output->temporary, g_free);
    folder = open(output->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system that has no such thing. */
    ok = folder >= 0 && (fsync(folder) == 0 || errno == EINVAL);
    if (!ok) {
        set_errno(error, output, "can't bring its folder to the disk");
    }
    if (folder >= 0) {
        close(folder);
    }
    return ok;
}

void atomic_file_close(AtomicFile *output)
{
    if (output) {
        if (output->temporary) {
            unlink(output->temporary);
        }
        if (output->fd > STDERR_FILENO) {
            close(output->fd);
        }
        g_free(output->temporary);
        g_free(output->folder);
        g_free(output->path);
        g_free(output->shown);
        g_free(output);
    }
}
