/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walker and all that uses it, on a file and on a pipe, which must agree. */
#include "fuzz.h"

#include "savefile.h"

/* Reads it as show does; FALSE when it is refused. */
static gboolean try(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = stream_open(fd, &error);
    g_autoptr(Savefile) contents = stream ? savefile_read(stream, TRUE, &error) : NULL;

    g_assert((contents == NULL) == (error != NULL));
    g_assert(!error || error->domain == XEN_PHYSMAP_ERROR);
    return contents != NULL;
}

/* As edit does when there is nothing to change: the output is the input. */
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
    int file = fuzz_file(data, size), pipe = fuzz_pipe(data, size);
    gboolean fine = try(file);

    try_tee(file, data, size);
    close(file);
    if (pipe >= 0) {
        g_assert(try(pipe) == fine);
        close(pipe);
    }
    return 0;
}
