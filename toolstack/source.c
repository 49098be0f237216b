/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The byte source: pread on what is seekable; read and splice, never too far, on what is not. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* What one read takes when bytes are passed over without splice. */
#define CHUNK (256 * 1024)

/* A larger pipe lets its writer run ahead while we look at a record. */
#define PIPE_SIZE (1024 * 1024)

struct Source {
    int fd;
    gboolean seekable;
    guint64 size;                   /* of a seekable input */
    guint64 offset;                 /* of the first byte that wasn't taken */
    guint8 ahead[SOURCE_AHEAD];     /* bytes from `offset` on, looked at and not taken */
    gsize n_ahead;
    gboolean ended;
    int null_fd;                    /* where splice drops bytes; -1 when it can't be used */
    guint8 *chunk;
};

static gboolean set_errno(GError **error, int errnum, const char *what)
{
    g_set_error(error, XEN_PHYSMAP_ERROR,
                errnum == EIO ? XEN_PHYSMAP_ERROR_UNAVAILABLE : XEN_PHYSMAP_ERROR_SYSTEM, "%s: %s",
                what, g_strerror(errnum));
    return FALSE;
}

static gboolean truncated(Source *source, guint64 end, guint64 missing, GError **error)
{
    source->ended = TRUE;
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                "the input ends at " HEX ", %" G_GUINT64_FORMAT " bytes too early", end, missing);
    return FALSE;
}

Source *source_open(int fd, GError **error)
{
    Source *source;
    struct stat st;
    off_t here;

    if (fstat(fd, &st) < 0) {
        set_errno(error, errno, "can't read the input");
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        set_errno(error, EISDIR, "can't read the input");
        return NULL;
    }
    source = g_new0(Source, 1);
    source->fd = fd;
    source->null_fd = -1;
    here = lseek(fd, 0, SEEK_CUR);
    if (here >= 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
        off_t end = S_ISREG(st.st_mode) ? st.st_size : lseek(fd, 0, SEEK_END);

        source->seekable = TRUE;
        source->offset = here;
        source->size = MAX(end, here);
        lseek(fd, here, SEEK_SET);
        /* Reads are far apart; reading ahead would fetch page data that nobody looks at. */
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    } else if (S_ISFIFO(st.st_mode)) {
        if (fcntl(fd, F_GETPIPE_SZ) < PIPE_SIZE) {
            fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);     /* may be refused; it only helps the speed */
        }
        source->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    return source;
}

void source_close(Source *source)
{
    if (source) {
        if (source->null_fd >= 0) {
            close(source->null_fd);
        }
        g_free(source->chunk);
        g_free(source);
    }
}

gboolean source_seekable(const Source *source)
{
    return source->seekable;
}

guint64 source_offset(const Source *source)
{
    return source->offset;
}

gboolean source_ended(const Source *source)
{
    return source->ended;
}

/* TRUE when a failed read or splice is worth another try. A descriptor that was handed to us may
 * be non-blocking, which is then waited for. */
static gboolean try_again(Source *source)
{
    struct pollfd wait = { .fd = source->fd, .events = POLLIN };

    if (errno == EAGAIN) {
        return poll(&wait, 1, -1) >= 0 || errno == EINTR;
    }
    return errno == EINTR;
}

/* Up to `length` bytes from `offset`, which a pipe is at already: 0 at the end, -1 on an error. */
static gssize read_some(Source *source, void *buffer, gsize length, guint64 offset,
                        GError **error)
{
    gssize got;

    do {
        got = source->seekable ? pread(source->fd, buffer, length, offset)
                               : read(source->fd, buffer, length);
    } while (got < 0 && try_again(source));
    if (got < 0) {
        g_autofree char *what = g_strdup_printf("can't read the input at " HEX, offset);

        set_errno(error, errno, what);
    }
    return got;
}

gboolean source_peek(Source *source, gsize least, const guint8 **bytes, gsize *got,
                     GError **error)
{
    gsize most = source->seekable ? sizeof source->ahead : least;

    g_assert(least <= sizeof source->ahead);
    while (source->n_ahead < least) {
        gssize n = read_some(source, source->ahead + source->n_ahead, most - source->n_ahead,
                             source->offset + source->n_ahead, error);

        if (n < 0) {
            return FALSE;
        }
        if (n == 0) {
            break;
        }
        source->n_ahead += n;
    }
    *bytes = source->ahead;
    *got = source->n_ahead;
    return TRUE;
}

/* Takes up to `length` bytes of those that were looked at, into `buffer` unless that is NULL. */
static gsize take_ahead(Source *source, guint8 *buffer, guint64 length)
{
    gsize n = MIN(length, source->n_ahead);

    if (buffer) {
        memcpy(buffer, source->ahead, n);
    }
    source->n_ahead -= n;
    memmove(source->ahead, source->ahead + n, source->n_ahead);
    source->offset += n;
    return n;
}

gboolean source_read(Source *source, void *buffer, gsize length, GError **error)
{
    gsize done = take_ahead(source, buffer, length);

    while (done < length) {
        gssize n = read_some(source, (guint8 *)buffer + done, length - done, source->offset,
                             error);

        if (n < 0) {
            return FALSE;
        }
        if (n == 0) {
            return truncated(source, source->offset, length - done, error);
        }
        done += n;
        source->offset += n;
    }
    return TRUE;
}

gboolean source_check(Source *source, guint64 length, GError **error)
{
    guint64 left = source->size - source->offset;

    if (source->seekable && length > left) {
        return truncated(source, source->size, length - left, error);
    }
    return TRUE;
}

/* Drops up to `length` bytes of a pipe: 0 at the end, -1 on an error. */
static gssize drop_some(Source *source, guint64 length, GError **error)
{
    while (source->null_fd >= 0) {
        gssize n = splice(source->fd, NULL, source->null_fd, NULL, MIN(length, PIPE_SIZE),
                          SPLICE_F_MOVE);

        if (n >= 0) {
            return n;
        }
        if (!try_again(source)) {
            close(source->null_fd);     /* read will do, or say what is wrong */
            source->null_fd = -1;
        }
    }
    if (!source->chunk) {
        source->chunk = g_malloc(CHUNK);
    }
    return read_some(source, source->chunk, MIN(length, CHUNK), source->offset, error);
}

gboolean source_skip(Source *source, guint64 length, GError **error)
{
    if (!source_check(source, length, error)) {
        return FALSE;
    }
    length -= take_ahead(source, NULL, length);
    if (source->seekable) {
        source->offset += length;
        return TRUE;
    }
    while (length > 0) {
        gssize n = drop_some(source, length, error);

        if (n < 0) {
            return FALSE;
        }
        if (n == 0) {
            return truncated(source, source->offset, length, error);
        }
        length -= n;
        source->offset += n;
    }
    return TRUE;
}
