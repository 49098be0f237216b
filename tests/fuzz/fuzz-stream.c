/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walker and all behind it, on a file and on a pipe, which have to agree. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contents.h"

/* What a pipe takes without a reader. */
#define PIPE_LENGTH 65536

/* Reads it as show does; FALSE when it is refused. */
static gboolean try(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = stream_open(fd, &error);
    g_autoptr(Contents) contents = stream ? contents_read(stream, TRUE, &error) : NULL;

    g_assert((contents == NULL) == (error != NULL));
    g_assert(!error || error->domain == XEN_PHYSMAP_ERROR);
    return contents != NULL;
}

/* As edit does when there is nothing to change: what it let through is what came in. */
static void try_tee(int in, const uint8_t *data, size_t size)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = stream_open(in, &error);
    g_autofree uint8_t *copy = g_malloc(size + 1);
    StreamItem item = { 0 };
    gboolean ok = TRUE;

    stream_tee(stream, out);
    while (item.layer != STREAM_END && ok) {
        ok = stream_next(stream, &item, &error);
    }
    if (ok && stream_rest(stream, &error)) {
        g_assert_cmpint(pread(out, copy, size + 1, 0), ==, size);
        g_assert_cmpmem(copy, size, data, size);
    }
    close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = memfd_create("in", MFD_CLOEXEC), fds[2];
    gboolean fine;

    g_assert_cmpint(write(file, data, size), ==, size);
    lseek(file, 0, SEEK_SET);
    fine = try(file);
    try_tee(file, data, size);
    close(file);
    if (size <= PIPE_LENGTH && pipe(fds) == 0) {
        g_assert_cmpint(write(fds[1], data, size), ==, size);
        close(fds[1]);
        g_assert(try(fds[0]) == fine);
        close(fds[0]);
    }
    return 0;
}
