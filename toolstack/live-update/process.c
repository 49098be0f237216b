/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a QEMU's launch record, starts another like it through the launcher, and ends one. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "fail.h"
#include "launch-settings.h"
#include "names.h"
#include "qemu-args.h"
#include "restore-policy.h"
#include "tap.h"
#include "trusted-file.h"

/* The descriptors that a new QEMU gets, followed by its network interfaces. */
#define STATE_FD 3
#define HOLD_FD 4

#define STATE_PIPE_SIZE (1024 * 1024)

#define END_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define ASK_TIMEOUT_US (30 * G_TIME_SPAN_SECOND)

gboolean process_signal(const ProcessId *id, int number)
{
    int fd = id->pid > 0 ? (int)syscall(SYS_pidfd_open, id->pid, 0) : -1;
    gboolean sent = TRUE;
    int errnum = 0;

    if (fd < 0) {
        return id->pid <= 0 || errno == ESRCH || errno == EINVAL;
    }
    /*
     * A pidfd stays with the process that it was opened for. That may be a later process, so
     * compare.
     */
    if (process_is_alive(id)) {
        sent = syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) == 0 || errno == ESRCH;
        errnum = errno;
    }
    close(fd);
    errno = errnum;
    return sent;
}

gboolean process_end(const ProcessId *id, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + END_TIMEOUT_US;

    /*
     * Kills it instead of asking it to end. It stopped and flushed its images when its state was
     * saved, and what it does at its end, such as removing its backends from xenstore, isn't
     * wanted.
     */
    if (!process_signal(id, SIGKILL)) {
        return fail(error, XEN_PHYSMAP_ERROR_ACCESS, "can't end process %d: %s", (int)id->pid,
                    g_strerror(errno));
    }
    while (process_is_alive(id)) {
        if (g_get_monotonic_time() > deadline) {
            return fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "process %d was killed, but doesn't end",
                        (int)id->pid);
        }
        waitpid(id->pid, NULL, WNOHANG);
        g_usleep(1000);
    }
    return TRUE;
}

char *process_ending(const ProcessId *id)
{
    int status;

    if (id->pid <= 0 || waitpid(id->pid, &status, WNOHANG) != id->pid) {
        return NULL;
    }
    return WIFSIGNALED(status)
               ? g_strdup_printf("was killed by signal %d (%s)", WTERMSIG(status),
                                 strsignal(WTERMSIG(status)))
               : g_strdup_printf("ended by itself with exit code %d", WEXITSTATUS(status));
}

static gboolean is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(text, *list) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* QEMU's arguments without those that were only for this start. */
static GStrv arguments_again(char **recorded)
{
    GPtrArray *args = g_ptr_array_new();

    for (guint i = 0; recorded[i]; i++) {
        const char *option = g_str_has_prefix(recorded[i], "--") ? recorded[i] + 1 : recorded[i];

        if (recorded[i + 1] && strcmp(option, "-incoming") == 0) {
            i++;
        } else if (strcmp(option, "-S") != 0) {
            g_ptr_array_add(args, g_strdup(recorded[i]));
        }
    }
    g_ptr_array_add(args, NULL);
    return (GStrv)g_ptr_array_free(args, FALSE);
}

/* A line is "0::/path" for the unified hierarchy, and "4:memory:/path" for an older one. */
static GStrv control_groups(char **lines)
{
    GPtrArray *folders = g_ptr_array_new();

    for (; *lines; lines++) {
        g_auto(GStrv) part = g_strsplit(*lines, ":", 3);

        if (g_strv_length(part) == 3 && strcmp(part[2], "/") != 0) {
            const char *hierarchy = g_str_has_prefix(part[1], "name=") ? part[1] + 5 : part[1];

            g_ptr_array_add(folders, g_strconcat("/sys/fs/cgroup/", hierarchy, part[2], NULL));
        }
    }
    g_ptr_array_add(folders, NULL);
    return (GStrv)g_ptr_array_free(folders, FALSE);
}

void process_set_argument(GStrv *args, const char *option, const char *value)
{
    /* Options that can be given several times. */
    static const char *const additive[] = {
        "-L",   "-chardev", "-device",   "-drive",  "-global", "-mon",   "-net", "-netdev",
        "-nic", "-object",  "-parallel", "-serial", "-set",    "-trace", NULL,
    };
    guint n = g_strv_length(*args);

    for (guint i = 0; value && !is_one_of(option, additive) && i + 1 < n; i++) {
        if (strcmp((*args)[i], option) == 0) {
            g_free((*args)[i + 1]);
            (*args)[i + 1] = g_strdup(value);
            return;
        }
    }
    *args = g_renew(char *, *args, n + 3);
    (*args)[n] = g_strdup(option);
    (*args)[n + 1] = g_strdup(value);
    (*args)[n + 2] = NULL;
}

static void distrust(Process *process, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void distrust(Process *process, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_free(process->distrust);
    process->distrust = g_strdup_vprintf(format, args);
    va_end(args);
}

static gboolean is_same_file(const char *path, const char *identity)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    g_autofree char *found = fd < 0 ? NULL : file_identity(fd);

    if (fd >= 0) {
        close(fd);
    }
    return g_strcmp0(found, identity) == 0;
}

static void take_record(Process *process, LaunchRecord *record)
{
    process->exe = g_steal_pointer(&record->program);
    process->identity = g_steal_pointer(&record->identity);
    process->replaced = !is_same_file(process->exe, process->identity);
    process->folder = g_steal_pointer(&record->folder);
    if (g_path_is_absolute(record->log)) {
        g_free(process->log);
        process->log = g_steal_pointer(&record->log);
    }
    process->launcher = g_steal_pointer(&record->launcher);
    process->args = arguments_again(record->args);
    /* Whatever the host's policy for restores is: here another layout is always wrong. */
    process->env = g_environ_setenv(g_steal_pointer(&record->env), ENV_POLICY,
                                    restore_policy_name(RESTORE_REFUSE), TRUE);
    process->cgroups = control_groups(record->cgroups);
    process->settings = g_steal_pointer(&record->settings);
}

Process *process_read(pid_t pid, guint32 domid, GError **error)
{
    g_autoptr(Process) process = g_new0(Process, 1);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LaunchRecord) record = NULL;
    g_autoptr(TrustedFile) program = NULL;
    g_autofree char *number = g_strdup_printf("%u", domid);

    process->id = process_identify(pid);
    process->log = g_strdup("/dev/null");
    if (process->id.pid && !(record = launch_record_read(&process->id, &problem))) {
        distrust(process,
                 "its QEMU has no launch record (%s): it wasn't started through %s, or through an "
                 "older version of it; set device_model_override to it, and restart or migrate the "
                 "guest once",
                 problem->message, LAUNCHER_FILE);
        return g_steal_pointer(&process);
    }
    if (!record ||
        g_strcmp0(qemu_args_value((const char *const *)record->args, "-xen-domid"), number) != 0) {
        fail(error, XEN_PHYSMAP_ERROR_NOT_FOUND,
             "process %d is not the QEMU of domain %u (any more)", (int)pid, domid);
        return NULL;
    }
    process->uid = record->user;
    process->gid = record->group;
    if (record->uid != geteuid()) {
        distrust(process,
                 "its QEMU was started by user %u, and an update starts the new one as "
                 "user %u",
                 record->uid, geteuid());
    } else if (!process_has_ids(pid, "Uid", process->uid) ||
               !process_has_ids(pid, "Gid", process->gid)) {
        distrust(process,
                 "process %d doesn't have user %u and group %u for all of its ids, as its QEMU "
                 "would: it runs something other than QEMU; migrate the guest once, or destroy it",
                 (int)pid, process->uid, process->gid);
    } else if (is_same_file(record->program, record->identity) &&
               !(program = trusted_file_open(record->program, &problem))) {
        distrust(process, "the program of its QEMU couldn't be started again: %s",
                 problem->message);
    } else {
        take_record(process, record);
    }
    return g_steal_pointer(&process);
}

void process_free(Process *process)
{
    if (process) {
        g_free(process->exe);
        g_free(process->identity);
        g_free(process->folder);
        g_free(process->log);
        g_free(process->launcher);
        g_strfreev(process->args);
        g_strfreev(process->env);
        g_strfreev(process->cgroups);
        g_strfreev(process->settings);
        g_free(process->distrust);
        g_free(process);
    }
}

static gboolean copy_data(int from, int to)
{
    char buffer[65536];
    ssize_t n;

    while ((n = read(from, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0, m; at < n; at += m) {
            if ((m = write(to, buffer + at, n - at)) < 0) {
                return FALSE;
            }
        }
    }
    return n == 0 && fsync(to) == 0;
}

/*
 * The file that the process executes, if it is the one that it was started with. -1 with an error.
 * The file has no name any more, so the process is the only way to it. A process may execute
 * another file at any time, so the opened file is compared before it is read or executed.
 */
static int open_program(const Process *process, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/exe", (int)process->id.pid);
    int found = open(path, O_PATH | O_CLOEXEC);
    g_autofree char *identity = found < 0 ? NULL : file_identity(found);
    g_autofree char *by_number = g_strdup_printf("/proc/self/fd/%d", found);
    struct stat status;
    int fd = -1;

    if (g_strcmp0(identity, process->identity) != 0 || fstat(found, &status) ||
        !S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022)) {
        fail(error, XEN_PHYSMAP_ERROR_ACCESS,
             "%s was replaced since the guest was started, and process %d doesn't run what was "
             "there, or others than root may write to it: there would be nothing to go back to; "
             "migrate the guest once",
             process->exe, (int)process->id.pid);
    } else if ((fd = open(by_number, O_RDONLY | O_CLOEXEC)) < 0) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't open %s: %s", path, g_strerror(errno));
    }
    if (found >= 0) {
        close(found);
    }
    return fd;
}

gboolean process_copy_program(const Process *process, const char *path, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int folder = trusted_folder_open(folder_path, TRUE, error);
    int from = folder < 0 ? -1 : open_program(process, error), to = -1;
    gboolean copied = FALSE;

    if (from >= 0) {
        unlinkat(folder, name, 0);
        to = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
        copied = to >= 0 && copy_data(from, to);
        if (!copied) {
            fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't copy the running QEMU to %s: %s", path,
                 g_strerror(errno));
        }
    }
    if (to >= 0 && close(to) && copied) {
        copied =
            fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't write %s: %s", path, g_strerror(errno));
    }
    if (from >= 0) {
        close(from);
    }
    if (folder >= 0) {
        close(folder);
    }
    return copied;
}

static void join_control_groups(char **folders)
{
    for (; folders && *folders; folders++) {
        g_autofree char *file = g_build_filename(*folders, "cgroup.procs", NULL);
        int fd = open(file, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "0", 1) != 1) {
            fprintf(stderr, "xen-physmap: QEMU isn't in the control group %s: %s\n", *folders,
                    g_strerror(errno));
        }
        if (fd >= 0) {
            close(fd);
        }
    }
}

/* Opens the log to append to it, if it is a regular file of our own; otherwise /dev/null. */
static int open_log(const char *path)
{
    int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644);
    struct stat status;

    if (log >= 0 && (fstat(log, &status) || !S_ISREG(status.st_mode) ||
                     status.st_uid != geteuid() || status.st_nlink != 1)) {
        close(log);
        log = -1;
    }
    if (log >= 0) {
        fcntl(log, F_SETFL, O_APPEND);
    }
    return log < 0 ? open("/dev/null", O_WRONLY) : log;
}

/*
 * In the child: sets everything to what the old QEMU had when it was started, then executes the
 * launcher, whose folder is the last of `fds`. Doesn't return.
 */
static void become(const Process *model, char **argv, char **env, const GArray *fds)
{
    int next = STATE_FD + fds->len;
    sigset_t none;
    char byte;
    int null = open("/dev/null", O_RDONLY);
    int log = open_log(model->log);

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        signal(signal_number, SIG_DFL);
    }
    signal(SIGPIPE, SIG_IGN); /* as libxl does */
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    /* First move them to numbers that don't collide. */
    for (guint i = 0; i < fds->len; i++) {
        g_array_index(fds, int, i) = fcntl(g_array_index(fds, int, i), F_DUPFD, next);
    }
    for (guint i = 0; i < fds->len; i++) {
        dup2(g_array_index(fds, int, i), STATE_FD + i);
    }
    closefrom(next);
    fcntl(next - 1, F_SETFD, FD_CLOEXEC);
    /* If the updater ends before it has written down this pid, this process ends here. */
    if (recv(HOLD_FD, &byte, 1, 0) != 1) {
        _exit(0);
    }
    join_control_groups(model->cgroups);
    if (!launch_settings_apply(model->settings)) {
        fputs("xen-physmap: a setting of the launch record isn't known\n", stderr);
        _exit(127);
    }
    if (model->folder && chdir(model->folder)) {
        fprintf(stderr, "xen-physmap: can't change to %s: %s\n", model->folder, g_strerror(errno));
    }
    execveat(next - 1, strrchr(argv[0], '/') + 1, argv, env, AT_SYMLINK_NOFOLLOW);
    fprintf(stderr, "xen-physmap: can't run %s: %s\n", argv[0], g_strerror(errno));
    _exit(127);
}

static void close_fd(gpointer fd)
{
    close(*(int *)fd);
}

/* Makes the channels to the new QEMU, and puts its ends in `fds`. */
static gboolean make_channels(ProcessStart *start, GArray *fds)
{
    int state[2], hold[2];

    if (pipe2(state, O_CLOEXEC)) {
        return FALSE;
    }
    g_array_append_val(fds, state[0]);
    start->state = state[1];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hold)) {
        return FALSE;
    }
    g_array_append_val(fds, hold[1]);
    start->hold = hold[0];
    /* A usual state fits, so that all of it is there at once. A smaller pipe is no error. */
    fcntl(start->state, F_SETPIPE_SZ, STATE_PIPE_SIZE);
    return fcntl(start->state, F_SETFL, O_NONBLOCK) == 0;
}

gboolean process_prepare(const Process *model, const char *qemu, GStrv args, ProcessStart *start,
                         GError **error)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) own_args = g_strdupv(args);
    g_auto(GStrv) env = g_environ_setenv(g_strdupv(model->env), ENV_QEMU, qemu, TRUE);
    g_autoptr(TrustedFile) launcher = trusted_file_open(model->launcher, error);
    int fd;
    pid_t pid;

    if (!launcher) {
        return FALSE;
    }
    g_array_set_clear_func(fds, close_fd);
    if (!make_channels(start, fds)) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't make a pipe for QEMU: %s", g_strerror(errno));
        process_let_go(start);
        return FALSE;
    }
    if (!tap_hand_over(model->id.pid, own_args, STATE_FD, fds, error)) {
        process_let_go(start);
        return FALSE;
    }
    fd = fcntl(launcher->folder, F_DUPFD_CLOEXEC, 0);
    g_array_append_val(fds, fd);
    g_ptr_array_add(argv, launcher->path);
    g_ptr_array_add(argv, (gpointer)HOLD_OPTION G_STRINGIFY(HOLD_FD));
    for (guint i = 0; own_args[i]; i++) {
        g_ptr_array_add(argv, own_args[i]);
    }
    g_ptr_array_add(argv, (gpointer) "-incoming");
    g_ptr_array_add(argv, (gpointer) "fd:" G_STRINGIFY(STATE_FD));
    g_ptr_array_add(argv, NULL);
    pid = fork();
    if (pid == 0) {
        become(model, (char **)argv->pdata, env, fds);
    }
    if (pid < 0) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't start a process: %s", g_strerror(errno));
        process_let_go(start);
        return FALSE;
    }
    start->id = process_identify(pid);
    return TRUE;
}

static gboolean send_byte(const ProcessStart *start, GError **error)
{
    return send(start->hold, "", 1, MSG_NOSIGNAL) == 1 ||
           fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "QEMU isn't there any more: %s",
                g_strerror(errno));
}

gboolean process_begin(const ProcessStart *start, GError **error)
{
    return send_byte(start, error);
}

gboolean process_is_held(const ProcessStart *start, int timeout_ms)
{
    struct pollfd pollfd = { .fd = start->hold, .events = POLLIN };
    char byte;

    return poll(&pollfd, 1, timeout_ms) > 0 && recv(start->hold, &byte, 1, MSG_DONTWAIT) == 1;
}

gboolean process_go(ProcessStart *start, GError **error)
{
    gboolean gone = send_byte(start, error);

    close(start->hold);
    start->hold = -1;
    return gone;
}

gboolean process_feed(ProcessStart *start, const GByteArray *state, gsize *done, GError **error)
{
    while (start->state >= 0 && *done < state->len) {
        ssize_t n = write(start->state, state->data + *done, state->len - *done);

        if (n >= 0) {
            *done += n;
        } else if (errno == EAGAIN) {
            return TRUE;
        } else if (errno != EINTR) {
            return fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "QEMU doesn't take its device state: %s",
                        g_strerror(errno));
        }
    }
    if (start->state >= 0) {
        close(start->state);
        start->state = -1;
    }
    return TRUE;
}

void process_let_go(ProcessStart *start)
{
    if (start->hold >= 0) {
        close(start->hold);
    }
    if (start->state >= 0) {
        close(start->state);
    }
    start->hold = start->state = -1;
}

/* Reads what a program prints, until it closes its output or the time is over. */
static gboolean collect(int fd, GString *output)
{
    gint64 deadline = g_get_monotonic_time() + ASK_TIMEOUT_US;
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };
    char buffer[4096];

    for (;;) {
        gint64 left = deadline - g_get_monotonic_time();
        int rc = left > 0 ? poll(&pollfd, 1, (left + 999) / 1000) : 0;
        ssize_t n;

        /* Without a handler, a signal ends this process. With one, the signal must end the wait. */
        if (rc <= 0) {
            return FALSE;
        }
        if ((n = read(fd, buffer, sizeof buffer)) <= 0) {
            return TRUE;
        }
        if (output->len < 1024 * 1024) {
            g_string_append_len(output, buffer, n);
        }
    }
}

static char *last_line(const char *text)
{
    g_autofree char *all = g_strchomp(g_strdup(text));
    const char *end = strrchr(all, '\n');

    return xen_physmap_escape(end ? end + 1 : all, -1);
}

/* In the child. Doesn't return. */
static void answer(int file, const char *const *argv, char **env, int out)
{
    int null = open("/dev/null", O_RDONLY);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    fexecve(file, (char **)argv, env);
    fprintf(stderr, "%s\n", g_strerror(errno));
    _exit(127);
}

/* Kills the program if it still runs, and tells how it ended. */
static int finish(pid_t pid, gboolean in_time)
{
    int status = 0;

    if (!in_time) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Runs the file of the descriptor, which was checked before. */
static char *ask_file(int file, const char *const *argv, char **env, GError **error)
{
    g_autoptr(GString) output = g_string_new(NULL);
    g_autofree char *shown = xen_physmap_escape(argv[0], -1);
    g_autofree char *line = NULL;
    gboolean in_time;
    int out[2], status;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC)) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't start %s: %s", shown, g_strerror(errno));
        return NULL;
    }
    pid = fork();
    if (pid == 0) {
        answer(file, argv, env ? env : environ, out[1]);
    }
    close(out[1]);
    if (pid < 0) {
        close(out[0]);
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't start %s: %s", shown, g_strerror(errno));
        return NULL;
    }
    in_time = collect(out[0], output);
    close(out[0]);
    status = finish(pid, in_time);
    line = last_line(output->str);
    if (!in_time) {
        fail(error, XEN_PHYSMAP_ERROR_INVALID, "%s %s doesn't answer in time, or a signal came",
             shown, argv[1]);
        return NULL;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fail(error, XEN_PHYSMAP_ERROR_INVALID, "%s %s fails: %s", shown, argv[1],
             *line                 ? line
             : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                   : "without a word");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&output), FALSE);
}

char *process_ask(const char *const *argv, char **env, GError **error)
{
    g_autoptr(TrustedFile) file = trusted_file_open(argv[0], error);

    /* The kernel makes a script's interpreter open the script as /dev/fd/N. */
    if (file && trusted_file_is_script(file)) {
        fcntl(file->fd, F_SETFD, 0);
    }
    return file ? ask_file(file->fd, argv, env, error) : NULL;
}

gboolean process_keep_data_folders(Process *process, GError **error)
{
    int program = open_program(process, error);
    g_autofree char *text =
        program < 0
            ? NULL
            : ask_file(program, (const char *[]){ process->exe, "-L", "help", NULL }, NULL, error);
    g_auto(GStrv) folders = text ? g_strsplit(text, "\n", -1) : NULL;

    if (program >= 0) {
        close(program);
    }
    for (guint i = 0; folders && folders[i]; i++) {
        if (*folders[i] == '/') {
            process_set_argument(&process->args, "-L", folders[i]);
        }
    }
    return text != NULL;
}

gboolean process_probe(const char *launcher, char **env, const char *qemu, gboolean *loaded,
                       GError **error)
{
    g_autofree char *folder = g_path_get_dirname(launcher);
    g_autofree char *path = g_build_filename(folder, COMPONENT_FILE, NULL);
    g_autoptr(TrustedFile) component = trusted_file_open(path, error);
    g_auto(GStrv) probing = NULL;
    g_autofree char *answer = NULL;

    if (!component) {
        return FALSE;
    }
    probing = g_environ_setenv(g_strdupv(env), "LD_PRELOAD", component->path, TRUE);
    probing = g_environ_setenv(probing, ENV_PROBE, "1", TRUE);
    answer = process_ask((const char *[]){ qemu, "-version", NULL }, probing, error);
    *loaded = answer && strstr(answer, PROBE_ANSWER);
    return answer != NULL;
}
