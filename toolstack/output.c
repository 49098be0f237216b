/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that are written beside their final place and renamed into it. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#define CHUNK (256 * 1024)

struct Output {
    char *shown;                /* the final path, escaped */
    char *path;                 /* NULL: `pipe` is where it goes */
    char *temporary;            /* NULL: it has no name, or no longer this one */
    int fd;
    int pipe;                   /* -1: `path` is where it goes */
};

static gboolean failed(const Output *output, const char *what, GError **error)
{
    g_set_error(error, XEN_PHYSMAP_ERROR,
                errno == EACCES || errno == EPERM ? XEN_PHYSMAP_ERROR_ACCESS
                                                  : XEN_PHYSMAP_ERROR_SYSTEM,
                "can't %s %s: %s", what, output->shown, g_strerror(errno));
    return FALSE;
}

/* An unnamed file where temporary ones belong. */
static int open_unnamed(GError **error)
{
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("xen-physmap-XXXXXX", &name, error);

    if (fd >= 0) {
        unlink(name);
    } else {
        (*error)->domain = XEN_PHYSMAP_ERROR;
        (*error)->code = XEN_PHYSMAP_ERROR_SYSTEM;
    }
    return fd;
}

Output *output_open(const char *path, GError **error)
{
    g_autoptr(Output) output = g_new0(Output, 1);
    g_autofree char *directory = g_path_get_dirname(path), *base = g_path_get_basename(path);
    g_autoptr(GError) problem = NULL;
    struct stat st;

    output->fd = output->pipe = -1;
    output->shown = xen_physmap_escape(path, -1);
    if (strcmp(path, "-") == 0) {
        output->pipe = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        if (output->pipe < 0) {
            failed(output, "write to", error);
            return NULL;
        }
    } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        output->pipe = open(path, O_WRONLY | O_CLOEXEC);
        if (output->pipe < 0) {
            failed(output, "write to", error);
            return NULL;
        }
    }
    if (output->pipe >= 0) {
        output->fd = open_unnamed(&problem);
        if (output->fd < 0) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
        return g_steal_pointer(&output);
    }
    output->path = g_strdup(path);
    /* Not the whole name, which may be as long as names can be. */
    output->temporary = g_strdup_printf("%s/.%.32s.XXXXXX", directory, base);
    output->fd = g_mkstemp_full(output->temporary, O_RDWR | O_CLOEXEC, 0600);
    if (output->fd < 0) {
        g_clear_pointer(&output->temporary, g_free);
        failed(output, "write", error);
        return NULL;
    }
    return g_steal_pointer(&output);
}

int output_fd(const Output *output)
{
    return output->fd;
}

gboolean output_write(const Output *output, const void *bytes, gsize length, guint64 offset,
                      GError **error)
{
    while (length > 0) {
        gssize n = pwrite(output->fd, bytes, length, offset);

        if (n < 0 && errno != EINTR) {
            return failed(output, "write", error);
        }
        if (n > 0) {
            bytes = (const guint8 *)bytes + n;
            length -= n;
            offset += n;
        }
    }
    return TRUE;
}

/* Copies the file to the pipe, from its start to its end. */
static gboolean copy_out(Output *output, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    gssize got;

    for (guint64 offset = 0; (got = pread(output->fd, chunk, CHUNK, offset)) > 0; offset += got) {
        for (gssize done = 0; done < got;) {
            gssize n = write(output->pipe, chunk + done, got - done);

            if (n < 0 && errno != EINTR) {
                return failed(output, "write to", error);
            }
            done += MAX(n, 0);
        }
    }
    return got == 0 || failed(output, "read back what was made for", error);
}

/* A rename is on the disk when its directory is. */
static void sync_directory(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

gboolean output_finish(Output *output, GError **error)
{
    if (output->pipe >= 0) {
        return copy_out(output, error);
    }
    if (fsync(output->fd) < 0 || rename(output->temporary, output->path) < 0) {
        return failed(output, "write", error);
    }
    g_clear_pointer(&output->temporary, g_free);
    sync_directory(output->path);
    return TRUE;
}

void output_free(Output *output)
{
    if (output) {
        if (output->temporary) {
            unlink(output->temporary);
        }
        if (output->fd >= 0) {
            close(output->fd);
        }
        if (output->pipe >= 0) {
            close(output->pipe);
        }
        g_free(output->temporary);
        g_free(output->path);
        g_free(output->shown);
        g_free(output);
    }
}
