/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads who a process is in /proc; writes and reads a file in /run/xen of what it was started with. */
#include "launch-record.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/run/xen"
#define FILE_PREFIX FOLDER "/physmap-start-"

/* Of the words in the file, which NULs end: these come before the arguments and the environment. */
enum { STARTED, WORKING_FOLDER, LOG, ARGUMENTS, FIRST };

ProcessId process_identify(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *behind_name;
    char state;
    guint64 started;

    if (pid <= 0 || !g_file_get_contents(path, &text, NULL, NULL) ||
        !(behind_name = strrchr(text, ')')) ||
        sscanf(behind_name,
               ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
               "%" G_GINT64_MODIFIER "u",
               &state, &started) != 2 ||
        state == 'Z' || state == 'X') {
        return (ProcessId){ 0 };
    }
    return (ProcessId){ pid, started };
}

gboolean process_is_alive(const ProcessId *id)
{
    return id->pid > 0 && process_identify(id->pid).started == id->started;
}

gboolean process_effective_id(pid_t pid, const char *label, guint64 *id)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *line = g_strdup_printf("\n%s:\t", label);
    g_autofree char *status = NULL;
    const char *at = g_file_get_contents(path, &status, NULL, NULL) ? strstr(status, line) : NULL;
    g_auto(GStrv) part = at ? g_strsplit(at, "\t", 4) : NULL;

    /* The real one comes first. */
    return part && g_strv_length(part) == 4 &&
           g_ascii_string_to_unsigned(part[2], 10, 0, G_MAXUINT32, id, NULL);
}

static void drop_old(void)
{
    glob_t found = { 0 };

    glob(FILE_PREFIX "[0-9]*", 0, NULL, &found);
    for (gsize i = 0; i < found.gl_pathc; i++) {
        guint64 pid;

        if (g_ascii_string_to_unsigned(found.gl_pathv[i] + strlen(FILE_PREFIX), 10, 1, G_MAXINT,
                                       &pid, NULL) &&
            !process_identify(pid).pid) {
            unlink(found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

static void add_word(GByteArray *words, const char *word)
{
    g_byte_array_append(words, (const guint8 *)word, strlen(word) + 1);
}

gboolean launch_record_write(const char *const *args, const char *const *env)
{
    g_autofree char *path = g_strdup_printf(FILE_PREFIX "%d", (int)getpid());
    g_autofree char *started =
        g_strdup_printf("%" G_GUINT64_FORMAT, process_identify(getpid()).started);
    g_autofree char *folder = g_get_current_dir();
    g_autofree char *log = g_file_read_link("/proc/self/fd/2", NULL);
    g_autofree char *n = g_strdup_printf("%u", g_strv_length((GStrv)args));
    g_autoptr(GByteArray) words = g_byte_array_new();
    gboolean written;
    int fd;

    drop_old();
    add_word(words, started);
    add_word(words, folder);
    add_word(words, log ? log : "");
    add_word(words, n);
    for (; *args; args++) {
        add_word(words, *args);
    }
    for (; *env; env++) {
        add_word(words, *env);
    }
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return FALSE;
    }
    errno = ENOSPC; /* of a write that is cut short */
    written = write(fd, words->data, words->len) == (ssize_t)words->len;
    if (close(fd) || !written) {
        int errnum = errno;

        unlink(path);
        errno = errnum;
        return FALSE;
    }
    return TRUE;
}

static GStrv copy_words(GPtrArray *words, guint first, guint end)
{
    GPtrArray *copy = g_ptr_array_new();

    for (guint i = first; i < end; i++) {
        g_ptr_array_add(copy, g_strdup(words->pdata[i]));
    }
    g_ptr_array_add(copy, NULL);
    return (GStrv)g_ptr_array_free(copy, FALSE);
}

LaunchRecord *launch_record_read(const ProcessId *id, GError **error)
{
    g_autofree char *path = g_strdup_printf(FILE_PREFIX "%d", (int)id->pid);
    g_autofree char *data = NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GError) problem = NULL;
    guint64 started, args;
    LaunchRecord *start;
    gsize length;

    if (!g_file_get_contents(path, &data, &length, &problem)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND, "%s", problem->message);
        return NULL;
    }
    for (gsize at = 0; at < length; at += strlen(data + at) + 1) {
        g_ptr_array_add(words, data + at);
    }
    if (words->len <= FIRST ||
        !g_ascii_string_to_unsigned(words->pdata[STARTED], 10, 1, G_MAXUINT64, &started, NULL) ||
        started != id->started ||
        !g_ascii_string_to_unsigned(words->pdata[ARGUMENTS], 10, 1, words->len - FIRST, &args,
                                    NULL)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s is not of this process", path);
        return NULL;
    }
    start = g_new0(LaunchRecord, 1);
    start->folder = g_strdup(words->pdata[WORKING_FOLDER]);
    start->log = g_strdup(words->pdata[LOG]);
    start->args = copy_words(words, FIRST, FIRST + args);
    start->env = copy_words(words, FIRST + args, words->len);
    return start;
}

void launch_record_free(LaunchRecord *start)
{
    if (start) {
        g_free(start->folder);
        g_free(start->log);
        g_strfreev(start->args);
        g_strfreev(start->env);
        g_free(start);
    }
}
