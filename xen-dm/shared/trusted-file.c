/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks a path up folder by folder, and checks each descriptor before it goes on from there. */
#include "trusted-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <xen-physmap/record.h>

#define MAX_LINKS 40

/* A lookup in progress. */
typedef struct Walk {
    int folder;    /* the last folder that was checked */
    int at;        /* what was found in it; -1: nothing yet */
    GString *path; /* of `at`, or of `folder` */
    char *rest;    /* the rest of the path */
    guint links;
    gboolean make; /* number of folders that don't exist */
} Walk;

static gboolean refuse(GError **error, int errnum, const Walk *walk, const char *why)
{
    g_autofree char *shown = xen_physmap_escape(walk->path->len ? walk->path->str : "/", -1);

    g_set_error(error, XEN_PHYSMAP_ERROR,
                errnum == ENOENT ? XEN_PHYSMAP_ERROR_NOT_FOUND : XEN_PHYSMAP_ERROR_ACCESS, "%s: %s",
                shown, why);
    return FALSE;
}

static gboolean is_of_fuse(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) || fs.f_type == FUSE_SUPER_MAGIC;
}

/* Whether only root can change the file of this descriptor. */
static gboolean check(const Walk *walk, int fd, struct stat *status, GError **error)
{
    if (fstat(fd, status)) {
        return refuse(error, errno, walk, g_strerror(errno));
    }
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        return refuse(error, EACCES, walk, "it doesn't belong to root");
    }
    /* A link has no mode of its own. */
    if (!S_ISLNK(status->st_mode) && (status->st_mode & 022) &&
        !(S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX))) {
        return refuse(error, EACCES, walk, "others than root may write to it");
    }
    return !is_of_fuse(fd) ||
           refuse(error, EACCES, walk, "it is on a file system that a user may serve (FUSE)");
}

static void move_to(int *fd, int to)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = to;
}

static gboolean start_at_root(Walk *walk, GError **error)
{
    struct stat status;

    g_string_truncate(walk->path, 0);
    move_to(&walk->folder, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return walk->folder >= 0 ? check(walk, walk->folder, &status, error)
                             : refuse(error, errno, walk, g_strerror(errno));
}

/* The next component of the path, which may be the last; NULL at the end. */
static char *next_word(Walk *walk)
{
    const char *begin = walk->rest + strspn(walk->rest, "/");
    gsize length = strcspn(begin, "/");
    char *word = length ? g_strndup(begin, length) : NULL;
    char *rest = g_strdup(begin + length);

    g_free(walk->rest);
    walk->rest = rest;
    return word;
}

static gboolean is_last(const Walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == '\0';
}

static gboolean follow_link(Walk *walk, GError **error)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(walk->at, "", target, sizeof target - 1);
    char *rest;

    if (n < 0 || ++walk->links > MAX_LINKS) {
        return refuse(error, n < 0 ? errno : ELOOP, walk, g_strerror(n < 0 ? errno : ELOOP));
    }
    target[n] = '\0';
    rest = g_strconcat(target, "/", walk->rest, NULL);
    g_free(walk->rest);
    walk->rest = rest;
    move_to(&walk->at, -1);
    g_string_truncate(walk->path, strrchr(walk->path->str, '/') - walk->path->str);
    return *target != '/' || start_at_root(walk, error);
}

static int find(Walk *walk, const char *word)
{
    int fd = openat(walk->folder, word, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    /* Another process may create it at the same time. */
    if (fd < 0 && errno == ENOENT && walk->make &&
        (mkdirat(walk->folder, word, 0700) == 0 || errno == EEXIST)) {
        fd = openat(walk->folder, word, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    return fd;
}

/* One component further. */
static gboolean step(Walk *walk, const char *word, struct stat *status, GError **error)
{
    if (strcmp(word, ".") == 0) {
        return TRUE;
    }
    if (strcmp(word, "..") == 0) {
        char *slash = strrchr(walk->path->str, '/');

        /* walk->path has no links, so this is the path of the folder above. */
        g_string_truncate(walk->path, slash ? slash - walk->path->str : 0);
    } else {
        g_string_append_printf(walk->path, "/%s", word);
    }
    move_to(&walk->at, find(walk, word));
    if (walk->at < 0) {
        return refuse(error, errno, walk, g_strerror(errno));
    }
    if (!check(walk, walk->at, status, error)) {
        return FALSE;
    }
    if (S_ISLNK(status->st_mode)) {
        return follow_link(walk, error);
    }
    if (S_ISDIR(status->st_mode)) {
        move_to(&walk->folder, walk->at);
        walk->at = -1;
        return TRUE;
    }
    return is_last(walk) || refuse(error, ENOTDIR, walk, g_strerror(ENOTDIR));
}

static gboolean walk_path(Walk *walk, const char *path, struct stat *status, GError **error)
{
    char *word;
    gboolean well = TRUE;

    walk->rest = g_strdup(path);
    if (*path != '/') {
        g_string_assign(walk->path, path);
        return refuse(error, EINVAL, walk, "it is not an absolute path");
    }
    well = start_at_root(walk, error);
    while (well && (word = next_word(walk))) {
        well = step(walk, word, status, error);
        g_free(word);
    }
    return well;
}

static void end_walk(Walk *walk)
{
    move_to(&walk->folder, -1);
    move_to(&walk->at, -1);
    if (walk->path) {
        g_string_free(walk->path, TRUE);
    }
    g_free(walk->rest);
}

TrustedFile *trusted_file_open(const char *path, GError **error)
{
    Walk walk = { .folder = -1, .at = -1, .path = g_string_new(NULL) };
    TrustedFile *file = NULL;
    struct stat status = { 0 };

    if (walk_path(&walk, path, &status, error)) {
        if (walk.at < 0 || !S_ISREG(status.st_mode)) {
            refuse(error, EACCES, &walk, "it is not a regular file");
        } else {
            file = g_new0(TrustedFile, 1);
            file->path = g_string_free(g_steal_pointer(&walk.path), FALSE);
            file->fd = walk.at;
            file->folder = walk.folder;
            walk.at = walk.folder = -1;
        }
    }
    end_walk(&walk);
    return file;
}

void trusted_file_free(TrustedFile *file)
{
    if (file) {
        close(file->fd);
        close(file->folder);
        g_free(file->path);
        g_free(file);
    }
}

gboolean trusted_file_is_script(const TrustedFile *file)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char start[2];
    gboolean script = fd >= 0 && read(fd, start, 2) == 2 && memcmp(start, "#!", 2) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return script;
}

void trusted_file_exec(const TrustedFile *file, char *const *argv, char *const *env)
{
    /*
     * A script's interpreter opens the script by its path. Only root can change where that leads.
     */
    if (trusted_file_is_script(file)) {
        execve(file->path, argv, env);
    } else {
        execveat(file->folder, strrchr(file->path, '/') + 1, argv, env, AT_SYMLINK_NOFOLLOW);
    }
}

int trusted_folder_open(const char *path, gboolean make, GError **error)
{
    Walk walk = { .folder = -1, .at = -1, .path = g_string_new(NULL), .make = make };
    struct stat status = { 0 };
    int fd = -1;

    if (walk_path(&walk, path, &status, error)) {
        if (walk.at >= 0) {
            refuse(error, ENOTDIR, &walk, g_strerror(ENOTDIR));
        } else if (status.st_mode & 022) {
            refuse(error, EACCES, &walk, "others than root may write to it");
        } else if ((fd = openat(walk.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
            refuse(error, errno, &walk, g_strerror(errno));
        }
    }
    end_walk(&walk);
    return fd;
}

char *file_identity(int fd)
{
    struct statx file;

    /* Don't ask a file system that a user serves for anything. */
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME, &file)) {
        return NULL;
    }
    if (!(file.stx_mask & STATX_BTIME)) {
        memset(&file.stx_btime, 0, sizeof file.stx_btime);
    }
    return g_strdup_printf(
        "%u:%u inode %" G_GUINT64_FORMAT " size %" G_GUINT64_FORMAT
        " owner %u:%u mode %o written %" G_GINT64_FORMAT ".%09u born %" G_GINT64_FORMAT ".%09u",
        file.stx_dev_major, file.stx_dev_minor, (guint64)file.stx_ino, (guint64)file.stx_size,
        file.stx_uid, file.stx_gid, file.stx_mode, (gint64)file.stx_mtime.tv_sec,
        file.stx_mtime.tv_nsec, (gint64)file.stx_btime.tv_sec, file.stx_btime.tv_nsec);
}
