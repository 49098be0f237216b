/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes a file without a name, or with a temporary one, in its final folder, then gives it its
 * name. */
#include "atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "fail.h"
#include "input.h"

#define TRIES 100

struct AtomicFile {
    int fd;
    gboolean binary;   /* not for a terminal */
    gboolean borrowed; /* the descriptor isn't ours */
    gboolean fresh;    /* it replaces nothing */
    char *shown;       /* the name, safe to print */
    int folder;        /* -1: it is written directly */
    int replaces;      /* an input that the file may replace; -1: none */
    char *base;        /* its final name in the folder */
    char *temporary;   /* its name until then; NULL: it has none */
    mode_t mode;       /* its final permissions */
    gid_t group;       /* the final group */
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

static gboolean refuse(GError **error, const AtomicFile *output, const char *reason)
{
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_ACCESS, "%s: %s", output->shown,
                reason);
    return FALSE;
}

static gboolean refuse_input(GError **error, const AtomicFile *output)
{
    return refuse(error, output,
                  "the output goes into the input itself, which would be lost; write to another "
                  "file");
}

/* --- written to directly --- */

static gboolean open_descriptor(AtomicFile *output, int fd, gboolean borrowed, GError **error)
{
    struct stat st;

    output->fd = fd;
    output->borrowed = borrowed;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return set_errno(error, output, "can't open it");
    }
    if (output->binary && isatty(fd)) {
        return refuse(error, output,
                      "binary data is not for a terminal: name a file, or pipe it on");
    }
    return !input_is_open(&st) || refuse_input(error, output);
}

/* The number in a name like /dev/fd/3; -1 for other names. */
static int descriptor_number(const char *name)
{
    static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
    guint64 number;

    if (strcmp(name, "-") == 0 || strcmp(name, "/dev/stdout") == 0) {
        return STDOUT_FILENO;
    }
    if (strcmp(name, "/dev/stderr") == 0) {
        return STDERR_FILENO;
    }
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        if (g_str_has_prefix(name, folders[i]) &&
            g_ascii_string_to_unsigned(name + strlen(folders[i]), 10, 0, G_MAXINT, &number, NULL)) {
            return number;
        }
    }
    return -1;
}

/* The name isn't a regular file's. `found` pins what has the name, so that it is the same when it
 * is opened. */
static gboolean open_device(AtomicFile *output, int found, const struct stat *st, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", found);

    if (S_ISDIR(st->st_mode)) {
        errno = EISDIR;
        return set_errno(error, output, "can't write it");
    }
    if (S_ISLNK(st->st_mode)) {
        return refuse(error, output,
                      "it is a symbolic link, which isn't followed; name the file that it leads "
                      "to");
    }
    if (!S_ISCHR(st->st_mode) && st->st_uid != geteuid() && st->st_uid != 0) {
        return refuse(error, output, "it is not a regular file, and belongs to another user");
    }
    return open_descriptor(output, open(self, O_WRONLY | O_CLOEXEC), FALSE, error);
}

/* --- regular files --- */

/* An unused name in the same folder. */
static char *temporary_name(const AtomicFile *output)
{
    /* Short enough for any file system, whatever the final name's length. */
    return g_strdup_printf(".%.100s.%08x", output->base, g_random_int());
}

/*
 * A file without a name disappears when this process is killed, so that is tried first. Not every
 * file system has it.
 */
static gboolean make_file(AtomicFile *output, GError **error)
{
    output->fd = openat(output->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    for (guint i = 0; output->fd < 0 && i < TRIES; i++) {
        g_free(output->temporary);
        output->temporary = temporary_name(output);
        output->fd = openat(output->folder, output->temporary,
                            O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
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

/* TRUE when only root and this user can rename files in this folder. */
static gboolean folder_is_safe(int folder)
{
    struct stat st;

    return fstat(folder, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) &&
           (!(st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_mode & S_ISVTX);
}

static gboolean may_be_replaced(const AtomicFile *output, const struct stat *st)
{
    struct stat input;

    return !input_is_open(st) || (output->replaces >= 0 && fstat(output->replaces, &input) == 0 &&
                                  input.st_dev == st->st_dev && input.st_ino == st->st_ino);
}

/* Looks at the file with the final name: if it belongs to this user, its permissions are used. */
static gboolean look_at_name(AtomicFile *output, gboolean *direct, GError **error)
{
    int found = openat(output->folder, output->base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    gboolean ok = TRUE;

    *direct = FALSE;
    if (found < 0) {
        return errno == ENOENT || set_errno(error, output, "can't write it");
    }
    if (fstat(found, &st) < 0) {
        ok = set_errno(error, output, "can't write it");
    } else if (!S_ISREG(st.st_mode)) {
        *direct = TRUE;
        ok = open_device(output, found, &st, error);
    } else if (!may_be_replaced(output, &st)) {
        ok = refuse_input(error, output);
    } else if (st.st_uid == geteuid() && st.st_nlink == 1 && folder_is_safe(output->folder)) {
        output->mode = st.st_mode & 0777;
        output->group = st.st_gid;
    }
    close(found);
    return ok;
}

/* Takes the folder, which is -1 with errno when it can't be opened. */
static AtomicFile *open_in(int folder, const char *base, const char *shown, AtomicFileKind kind,
                           int replaces, GError **error)
{
    g_autoptr(AtomicFile) output = g_new0(AtomicFile, 1);
    gboolean direct = FALSE;
    mode_t mask = umask(0);

    umask(mask);
    output->fd = -1;
    output->folder = folder;
    output->shown = xen_physmap_escape(shown, -1);
    output->base = g_strdup(base);
    output->replaces = replaces;
    output->binary = kind != ATOMIC_FILE_TEXT;
    output->mode = kind == ATOMIC_FILE_PUBLIC ? 0666 & ~mask : 0600;
    output->group = (gid_t)-1;
    if (folder < 0) {
        set_errno(error, output, "can't open its folder");
        return NULL;
    }
    if (!look_at_name(output, &direct, error) || (!direct && !make_file(output, error))) {
        return NULL;
    }
    if (direct) {
        close(output->folder);
        output->folder = -1;
    }
    return g_steal_pointer(&output);
}

/* Needed for fsync, unless the folder can be written but not read. */
static int open_folder(const char *name)
{
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 && errno == EACCES ? open(name, O_PATH | O_DIRECTORY | O_CLOEXEC) : fd;
}

static AtomicFile *open_name(const char *name, AtomicFileKind kind, int replaces, GError **error)
{
    int descriptor = descriptor_number(name);
    g_autofree char *folder = NULL, *base = NULL;

    if (descriptor >= 0) {
        g_autoptr(AtomicFile) output = g_new0(AtomicFile, 1);

        output->folder = -1;
        output->binary = kind != ATOMIC_FILE_TEXT;
        output->shown = xen_physmap_escape(name, -1);
        return open_descriptor(output, descriptor, TRUE, error) ? g_steal_pointer(&output) : NULL;
    }
    folder = g_path_get_dirname(name);
    /* "folder/" doesn't name a file, nor does "". */
    base = *name && !g_str_has_suffix(name, "/") ? g_path_get_basename(name) : g_strdup(".");
    return open_in(open_folder(folder), base, name, kind, replaces, error);
}

AtomicFile *atomic_file_open(const char *name, AtomicFileKind kind, GError **error)
{
    return open_name(name, kind, -1, error);
}

AtomicFile *atomic_file_replace(const char *name, int input, GError **error)
{
    return open_name(name, ATOMIC_FILE_PRIVATE, input, error);
}

AtomicFile *atomic_file_open_in(int folder, const char *base, const char *shown,
                                AtomicFileKind kind, GError **error)
{
    return open_in(fcntl(folder, F_DUPFD_CLOEXEC, 0), base, shown, kind, -1, error);
}

AtomicFile *atomic_file_create_in(int folder, const char *base, const char *shown, GError **error)
{
    g_autoptr(AtomicFile) output = g_new0(AtomicFile, 1);

    output->fd = -1;
    output->folder = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    output->shown = xen_physmap_escape(shown, -1);
    output->base = g_strdup(base);
    output->fresh = TRUE;
    output->mode = 0600;
    output->group = (gid_t)-1;
    if (output->folder < 0) {
        set_errno(error, output, "can't open its folder");
        return NULL;
    }
    return make_file(output, error) ? g_steal_pointer(&output) : NULL;
}

int atomic_file_fd(const AtomicFile *output)
{
    return output->fd;
}

gboolean atomic_file_is_direct(const AtomicFile *output)
{
    return output->folder < 0;
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

/* Gives the file a name first, because rename can replace a file and link can't. */
static gboolean name_file(AtomicFile *output, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", output->fd);

    for (guint i = 0; i < TRIES && !output->temporary; i++) {
        g_autofree char *name = temporary_name(output);

        if (linkat(AT_FDCWD, self, output->folder, name, AT_SYMLINK_FOLLOW) == 0) {
            output->temporary = g_steal_pointer(&name);
        } else if (errno != EEXIST) {
            break;
        }
    }
    return output->temporary || set_errno(error, output, "can't name it");
}

/* Gives the file its final name, unless something has it. */
static gboolean link_file(AtomicFile *output, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", output->fd);

    if (linkat(AT_FDCWD, self, output->folder, output->base, AT_SYMLINK_FOLLOW) == 0) {
        return TRUE;
    }
    /* Not every file system has links. */
    if (errno != EEXIST && output->temporary &&
        renameat2(output->folder, output->temporary, output->folder, output->base,
                  RENAME_NOREPLACE) == 0) {
        g_clear_pointer(&output->temporary, g_free);
        return TRUE;
    }
    if (errno == EEXIST) {
        return invalid(error, "%s exists already; remove it, or name another --directory",
                       output->shown);
    }
    return set_errno(error, output, "can't name it");
}

/* Gives the file its final name, in place of what has it. */
static gboolean rename_file(AtomicFile *output, GError **error)
{
    if (!output->temporary && !name_file(output, error)) {
        return FALSE;
    }
    if (renameat(output->folder, output->temporary, output->folder, output->base) != 0) {
        return set_errno(error, output, "can't rename it");
    }
    g_clear_pointer(&output->temporary, g_free);
    return TRUE;
}

gboolean atomic_file_commit(AtomicFile *output, GError **error)
{
    if (output->folder < 0) {
        return TRUE;
    }
    /* A group that this user isn't in can't be set. Then the group gets no permissions. */
    if (output->group != (gid_t)-1 && fchown(output->fd, -1, output->group) != 0) {
        output->mode &= 0700;
    }
    if (fchmod(output->fd, output->mode) != 0) {
        return set_errno(error, output, "can't set its permissions");
    }
    if (fsync(output->fd) != 0) {
        return set_errno(error, output, "can't bring it to the disk");
    }
    if (!(output->fresh ? link_file(output, error) : rename_file(output, error))) {
        return FALSE;
    }
    /* EINVAL: the file system doesn't support it; EBADF: see open_folder. */
    return fsync(output->folder) == 0 || errno == EINVAL || errno == EBADF ||
           set_errno(error, output, "can't bring its folder to the disk");
}

void atomic_file_close(AtomicFile *output)
{
    if (output) {
        if (output->temporary) {
            unlinkat(output->folder, output->temporary, 0);
        }
        if (output->fd >= 0 && !output->borrowed) {
            close(output->fd);
        }
        if (output->folder >= 0) {
            close(output->folder);
        }
        g_free(output->temporary);
        g_free(output->base);
        g_free(output->shown);
        g_free(output);
    }
}
