/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets share: each is a file with this one function. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>

/* libFuzzer's entry: tries one input, and returns 0. A failure is a crash or an assertion. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What fits into a pipe that nobody reads. */
#define FUZZ_PIPE_LENGTH 65536

/* The input as a file, and as a pipe if it isn't too long. The caller closes both. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("in", MFD_CLOEXEC);

    g_assert_cmpint(write(fd, data, size), ==, size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static inline int fuzz_pipe(const uint8_t *data, size_t size)
{
    int fds[2];

    if (size > FUZZ_PIPE_LENGTH || pipe(fds) != 0) {
        return -1;
    }
    g_assert_cmpint(write(fds[1], data, size), ==, size);
    close(fds[1]);
    return fds[0];
}

#endif
