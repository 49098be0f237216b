/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Children that run verbs; a verb reads and writes descriptors of its own, so a fork is enough. */
#include "run-verb.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static GByteArray *slurp(int fd)
{
    GByteArray *bytes = g_byte_array_new();
    guint8 buffer[4096];
    gssize n;

    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        g_byte_array_append(bytes, buffer, n);
    }
    close(fd);
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    g_byte_array_set_size(bytes, bytes->len - 1);
    return bytes;
}

Run run_verb(VerbFunc verb, int input, const char *const *args)
{
    g_auto(GStrv) copy = g_strdupv((char **)args);
    /* GLib takes the options out of the list that it is given. Static, so that a leak checker in
     * the child, which doesn't come back to free it, finds it. */
    static char **list;
    int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
    struct rusage usage;
    GByteArray *bytes;
    pid_t child;

    list = g_memdup2(copy, (g_strv_length(copy) + 1) * sizeof *copy);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (input >= 0) {
            dup2(input, STDIN_FILENO);
        }
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        /* Otherwise the writing end of our own pipe stays open, and the reader waits forever. */
        close_range(STDERR_FILENO + 1, ~0U, 0);
        status = verb(g_strv_length(list), list);
        fflush(stdout);
        _exit(status);
    }
    g_assert(wait4(child, &status, 0, &usage) == child);
    g_free(list);
    bytes = slurp(out);
    return (Run){ WIFEXITED(status) ? WEXITSTATUS(status) : -1, bytes, (char *)bytes->data,
                  (char *)g_byte_array_free(slurp(err), FALSE), usage.ru_maxrss };
}

Run run_made(VerbFunc verb, const Maker *maker, const char *const *args)
{
    pid_t writer;
    int file = maker_file(maker), pipe_end = maker_pipe(maker, &writer);
    Run run = run_verb(verb, file, args), piped = run_verb(verb, pipe_end, args);

    close(file);
    maker_pipe_end(pipe_end, writer);
    g_assert_cmpint(run.end, ==, piped.end);
    if (run.end == EXIT_FINE) {
        g_assert_cmpmem(run.bytes->data, run.bytes->len, piped.bytes->data, piped.bytes->len);
    }
    run_clear(&piped);
    return run;
}

void run_clear(Run *run)
{
    g_byte_array_unref(run->bytes);
    g_free(run->err);
}
