/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A child a run, since verbs print to standard output and set the program's name. */
#include "run-verb.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *slurp(int fd, gsize *length)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    gssize n;

    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        g_string_append_len(text, buffer, n);
    }
    close(fd);
    *length = text->len;
    return g_string_free(text, FALSE);
}

/* A pipe doesn't end for the verb as long as its own process holds the end that is written to. */
static void close_write_ends(void)
{
    for (int fd = STDERR_FILENO + 1; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY) {
            close(fd);
        }
    }
}

Run run_verb(VerbFunc verb, int input, ...)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new();
    int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC), status;
    gsize err_length;
    char *arg;
    Run run;
    va_list list;
    pid_t child;

    va_start(list, input);
    while ((arg = va_arg(list, char *))) {
        g_ptr_array_add(args, arg);
    }
    va_end(list);
    g_ptr_array_add(args, NULL);
    child = fork();
    if (child == 0) {
        alarm(20);
        close_write_ends();
        if (input >= 0) {
            dup2(input, STDIN_FILENO);
        }
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        status = verb(args->len - 1, (char **)args->pdata);
        fflush(stdout);
        _exit(status);
    }
    g_assert(child > 0 && waitpid(child, &status, 0) == child);
    run.end = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    run.out = slurp(out, &run.out_length);
    run.err = slurp(err, &err_length);
    return run;
}

void run_clear(Run *run)
{
    g_free(run->out);
    g_free(run->err);
}

char *run_path(int fd)
{
    return g_strdup_printf("/proc/self/fd/%d", fd);
}
