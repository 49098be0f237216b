/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The byte source: uses pread on seekable input, and read and splice, never too far, on other
 * input. Skipped bytes go to the tee within the kernel, where both ends allow it. */
#include "byte-source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "number.h"

/* The size of a read when bytes are skipped without splice. */
#define CHUNK (256 * 1024)

/* With a larger pipe its writer can go on while a record is read here. */
#define PIPE_SIZE (1024 * 1024)

/* How skipped bytes get from the input to the tee. */
typedef enum { COPY_SPLICE, COPY_RANGE, COPY_PLAIN } CopyMode;

struct ByteSource {
    int fd;
    gboolean seekable;
    guint64 size;               /* of a seekable input */
    guint64 offset;             /* of the first byte that isn't taken */
    guint8 ahead[SOURCE_AHEAD]; /* bytes from `offset` on that were peeked at */
    gsize n_ahead;
    gboolean ended;
    int null_fd; /* splice discards bytes into it; -1 when it can't be used */
    guint8 *chunk;
    GByteArray *held; /* what was taken since the last flush; NULL: not kept */
    int tee_fd;       /* where it is sent; -1: nowhere */
    CopyMode copy_mode;
    gboolean holes;         /* both are regular files: a hole stays one */
    guint64 data, data_end; /* the input's next bytes that are no hole, as far as is known */
};

static gboolean set_errno(GError **error, int errnum, const char *what)
{
    g_set_error(error, XEN_PHYSMAP_ERROR,
                errnum == EIO ? XEN_PHYSMAP_ERROR_UNAVAILABLE : XEN_PHYSMAP_ERROR_SYSTEM, "%s: %s",
                what, g_strerror(errnum));
    return FALSE;
}

static gboolean truncated(ByteSource *source, guint64 end, guint64 missing, GError **error)
{
    source->ended = TRUE;
    return invalid(error, "the input ends at " HEX ", %" G_GUINT64_FORMAT " bytes too early", end,
                   missing);
}

ByteSource *byte_source_open(int fd, GError **error)
{
    ByteSource *source;
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
    source = g_new0(ByteSource, 1);
    source->fd = fd;
    source->null_fd = -1;
    source->tee_fd = -1;
    here = lseek(fd, 0, SEEK_CUR);
    if (here >= 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
        off_t end = S_ISREG(st.st_mode) ? st.st_size : lseek(fd, 0, SEEK_END);

        source->seekable = TRUE;
        source->offset = here;
        source->size = MAX(end, here);
        lseek(fd, here, SEEK_SET);
        /* Reads are far apart. Reading ahead would fetch page data that nobody needs. */
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    } else if (S_ISFIFO(st.st_mode)) {
        if (fcntl(fd, F_GETPIPE_SZ) < PIPE_SIZE) {
            fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE); /* may be refused; it only helps the speed */
        }
        source->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    return source;
}

void byte_source_close(ByteSource *source)
{
    if (source) {
        if (source->null_fd >= 0) {
            close(source->null_fd);
        }
        g_clear_pointer(&source->held, g_byte_array_unref);
        g_free(source->chunk);
        g_free(source);
    }
}

gboolean byte_source_seekable(const ByteSource *source)
{
    return source->seekable;
}

guint64 byte_source_offset(const ByteSource *source)
{
    return source->offset;
}

guint64 byte_source_size(const ByteSource *source)
{
    return source->seekable ? source->size : 0;
}

gboolean byte_source_ended(const ByteSource *source)
{
    return source->ended;
}

/* TRUE when a failed read or splice should be tried again. A descriptor from another program may
 * be non-blocking; then waits for it. */
static gboolean try_again(ByteSource *source)
{
    struct pollfd wait = { .fd = source->fd, .events = POLLIN };

    if (errno == EAGAIN) {
        return poll(&wait, 1, -1) >= 0 || errno == EINTR;
    }
    return errno == EINTR;
}

/*
 * Waits for input that will go to the tee. Fails at once when nobody reads the tee any more;
 * otherwise the two ends of a migration would wait forever: the sender for an answer, and the
 * filter for more from the sender.
 */
static gboolean wait_for_input(ByteSource *source, GError **error)
{
    struct pollfd fds[] = { { .fd = source->fd, .events = POLLIN }, { .fd = source->tee_fd } };

    if (source->seekable || source->tee_fd < 0) {
        return TRUE;
    }
    while (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno == EINTR) {
    }
    return !(fds[1].revents & (POLLERR | POLLHUP)) ||
           set_errno(error, EPIPE, "can't write the output");
}

/* Reads up to `length` bytes at `offset`, where a pipe is already: 0 at the end, -1 on an error. */
static gssize read_some(ByteSource *source, void *buffer, gsize length, guint64 offset,
                        GError **error)
{
    gssize got;

    if (!wait_for_input(source, error)) {
        return -1;
    }
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

gboolean byte_source_peek(ByteSource *source, gsize least, const guint8 **bytes, gsize *got,
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

static void hold(ByteSource *source, const guint8 *bytes, gsize length)
{
    if (source->held) {
        g_byte_array_append(source->held, bytes, length);
    }
}

/* Takes up to `length` of the bytes that were peeked at, into `buffer` unless it is NULL. */
static gsize take_ahead(ByteSource *source, guint8 *buffer, guint64 length)
{
    gsize n = MIN(length, source->n_ahead);

    hold(source, source->ahead, n);
    if (buffer) {
        memcpy(buffer, source->ahead, n);
    }
    source->n_ahead -= n;
    memmove(source->ahead, source->ahead + n, source->n_ahead);
    source->offset += n;
    return n;
}

gboolean byte_source_read(ByteSource *source, void *buffer, gsize length, GError **error)
{
    gsize done = take_ahead(source, buffer, length);

    while (done < length) {
        gssize n = read_some(source, (guint8 *)buffer + done, length - done, source->offset, error);

        if (n < 0) {
            return FALSE;
        }
        if (n == 0) {
            return truncated(source, source->offset, length - done, error);
        }
        hold(source, (guint8 *)buffer + done, n);
        done += n;
        source->offset += n;
    }
    return TRUE;
}

gboolean byte_source_check(ByteSource *source, guint64 length, GError **error)
{
    guint64 left = source->size - source->offset;

    if (source->seekable && length > left) {
        return truncated(source, source->size, length - left, error);
    }
    return TRUE;
}

static guint8 *chunk(ByteSource *source)
{
    if (!source->chunk) {
        source->chunk = g_malloc(CHUNK);
    }
    return source->chunk;
}

/* Discards up to `length` bytes of a pipe: 0 at the end, -1 on an error. */
static gssize drop_some(ByteSource *source, guint64 length, GError **error)
{
    while (source->null_fd >= 0) {
        gssize n =
            splice(source->fd, NULL, source->null_fd, NULL, MIN(length, PIPE_SIZE), SPLICE_F_MOVE);

        if (n >= 0) {
            return n;
        }
        if (!try_again(source)) {
            close(source->null_fd); /* read works, or reports what is wrong */
            source->null_fd = -1;
        }
    }
    return read_some(source, chunk(source), MIN(length, CHUNK), source->offset, error);
}

static gboolean tee_write(ByteSource *source, const guint8 *bytes, gsize length, GError **error)
{
    while (length > 0) {
        gssize n = write(source->tee_fd, bytes, length);

        if (n >= 0) {
            bytes += n;
            length -= n;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){ .fd = source->tee_fd, .events = POLLOUT }, 1, -1);
        } else if (errno != EINTR) {
            return set_errno(error, errno, "can't write the output");
        }
    }
    return TRUE;
}

/* Whether the input is still as long as it was. After its end there is no hole, but nothing. */
static gboolean is_whole(const ByteSource *source)
{
    struct stat st;

    return fstat(source->fd, &st) == 0 && (guint64)st.st_size >= source->size;
}

/* Looks for the next bytes that are no hole. The input's position stays. */
static void find_data(ByteSource *source)
{
    off_t here = lseek(source->fd, 0, SEEK_CUR), data, end;

    data = lseek(source->fd, source->offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO && is_whole(source)) {
        data = MAX(source->size, source->offset); /* all that is left is a hole */
    }
    end = data >= 0 ? lseek(source->fd, data, SEEK_HOLE) : -1;
    lseek(source->fd, here, SEEK_SET);
    source->data = data < 0 ? source->offset : (guint64)data;
    source->data_end = end > data ? (guint64)end : G_MAXUINT64;
}

/* Makes a hole of this length in the tee: at the end of a file, where there is nothing yet. */
static gboolean make_hole(const ByteSource *source, guint64 length)
{
    off_t here = lseek(source->tee_fd, 0, SEEK_CUR);
    struct stat st;

    return here >= 0 && fstat(source->tee_fd, &st) == 0 && st.st_size == here &&
           ftruncate(source->tee_fd, here + length) == 0 &&
           lseek(source->tee_fd, length, SEEK_CUR) >= 0;
}

/* Copies a hole, if one is next: its length, or 0. Otherwise shortens *length to what comes before the
 * next one. Most of a large guest's memory may never have been touched. */
static gssize copy_hole(ByteSource *source, guint64 *length)
{
    guint64 hole;

    if (!source->holes) {
        return 0;
    }
    if (source->offset >= source->data_end) {
        find_data(source);
    }
    hole = source->data > source->offset ? MIN(source->data - source->offset, *length) : 0;
    if (hole > 0 && make_hole(source, hole)) {
        return hole;
    }
    *length = MIN(*length, source->data_end - source->offset);
    return 0;
}

/* Copies up to `length` bytes to the tee: 0 at the end, -1 on an error. */
static gssize copy_some(ByteSource *source, guint64 length, GError **error)
{
    gssize n = copy_hole(source, &length);

    if (n > 0) {
        return n;
    }
    while (source->copy_mode != COPY_PLAIN) {
        loff_t at = source->offset, *in = source->seekable ? &at : NULL;

        if (!wait_for_input(source, error)) {
            return -1;
        }
        n = source->copy_mode == COPY_SPLICE
                ? splice(source->fd, in, source->tee_fd, NULL, MIN(length, PIPE_SIZE),
                         SPLICE_F_MOVE)
                : copy_file_range(source->fd, in, source->tee_fd, NULL, MIN(length, G_MAXINT32), 0);
        if (n > 0) {
            return n;
        }
        if (n < 0 && errno == EAGAIN) {
            /* Either side may be non-blocking. The error doesn't say which. */
            poll(&(struct pollfd){ .fd = source->fd, .events = POLLIN }, 1, -1);
            poll(&(struct pollfd){ .fd = source->tee_fd, .events = POLLOUT }, 1, -1);
        } else if (n == 0 || errno != EINTR) {
            source->copy_mode = COPY_PLAIN; /* it works, or reports what is wrong */
        }
    }
    n = read_some(source, chunk(source), MIN(length, CHUNK), source->offset, error);
    return n > 0 && !tee_write(source, source->chunk, n, error) ? -1 : n;
}

/* Skips `length` bytes in the given way. */
static gboolean pass(ByteSource *source, guint64 length,
                     gssize (*some)(ByteSource *source, guint64 length, GError **error),
                     GError **error)
{
    while (length > 0) {
        gssize n = some(source, length, error);

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

gboolean byte_source_skip(ByteSource *source, guint64 length, GError **error)
{
    if (source->tee_fd < 0) {
        return byte_source_drop(source, length, error);
    }
    if (!byte_source_check(source, length, error)) {
        return FALSE;
    }
    length -= take_ahead(source, NULL, length);
    return length == 0 ||
           (byte_source_flush(source, error) && pass(source, length, copy_some, error));
}

gboolean byte_source_drop(ByteSource *source, guint64 length, GError **error)
{
    gsize held = source->held ? source->held->len : 0;

    if (!byte_source_check(source, length, error)) {
        return FALSE;
    }
    length -= take_ahead(source, NULL, length);
    if (source->held) {
        g_byte_array_set_size(source->held, held);
    }
    if (source->seekable) {
        source->offset += length;
        return TRUE;
    }
    return pass(source, length, drop_some, error);
}

void byte_source_hold(ByteSource *source)
{
    if (!source->held) {
        source->held = g_byte_array_new();
    }
}

void byte_source_tee(ByteSource *source, int fd)
{
    struct stat in = { 0 }, out = { 0 };

    byte_source_hold(source);
    source->tee_fd = fd;
    fstat(source->fd, &in);
    fstat(fd, &out);
    source->copy_mode = S_ISFIFO(in.st_mode) || S_ISFIFO(out.st_mode) ? COPY_SPLICE
                        : S_ISREG(in.st_mode) && S_ISREG(out.st_mode) ? COPY_RANGE
                                                                      : COPY_PLAIN;
    source->holes = source->seekable && S_ISREG(in.st_mode) && S_ISREG(out.st_mode);
    if (S_ISFIFO(out.st_mode) && fcntl(fd, F_GETPIPE_SZ) < PIPE_SIZE) {
        fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE); /* may be refused; it only helps the speed */
    }
    if (source->seekable) {
        posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* all of it is wanted now */
    }
}

GByteArray *byte_source_held(ByteSource *source)
{
    return source->held;
}

gboolean byte_source_flush(ByteSource *source, GError **error)
{
    if (!source->held) {
        return TRUE;
    }
    if (source->tee_fd >= 0 && !tee_write(source, source->held->data, source->held->len, error)) {
        return FALSE;
    }
    g_byte_array_set_size(source->held, 0);
    return TRUE;
}

gboolean byte_source_rest(ByteSource *source, GError **error)
{
    gssize n;

    take_ahead(source, NULL, source->n_ahead);
    if (!byte_source_flush(source, error)) {
        return FALSE;
    }
    while ((n = copy_some(source, PIPE_SIZE, error)) > 0) {
        source->offset += n;
    }
    return n == 0;
}
