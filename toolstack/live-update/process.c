/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a QEMU out of /proc, starts another like it through the launcher, and ends one. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "names.h"
#include "qemu-args.h"
#include "restore-policy.h"
#include "tap.h"

#define DELETED " (deleted)"

/* The descriptors that a new QEMU is given, and its network interfaces behind them. */
#define STATE_FD 3
#define HOLD_FD 4

#define END_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define ASK_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)

static gboolean fail(GError **error, XenPhysmapError code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean fail(GError **error, XenPhysmapError code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, XEN_PHYSMAP_ERROR, code, text);
    return FALSE;
}

static char *proc_path(pid_t pid, const char *file)
{
    return g_strdup_printf("/proc/%d/%s", (int)pid, file);
}

static char *proc_link(pid_t pid, const char *file)
{
    g_autofree char *path = proc_path(pid, file);

    return g_file_read_link(path, NULL);
}

/* A file of NUL-terminated strings. */
static GStrv proc_strings(pid_t pid, const char *file, GError **error)
{
    g_autofree char *path = proc_path(pid, file);
    g_autofree char *data = NULL;
    g_autoptr(GError) problem = NULL;
    GPtrArray *strings;
    gsize length;

    if (!g_file_get_contents(path, &data, &length, &problem)) {
        fail(error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "can't read %s: %s", path, problem->message);
        return NULL;
    }
    strings = g_ptr_array_new();
    for (gsize at = 0; at < length; at += strlen(data + at) + 1) {
        g_ptr_array_add(strings, g_strdup(data + at));
    }
    g_ptr_array_add(strings, NULL);
    return (GStrv)g_ptr_array_free(strings, FALSE);
}

gboolean process_end(const ProcessId *id, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + END_TIMEOUT_US;

    /*
     * Killed, and not asked to end: it stopped and flushed its images when its state was saved,
     * and what it would do at its end, such as to remove its backends from xenstore, isn't wanted.
     */
    while (process_is_alive(id)) {
        if (kill(id->pid, SIGKILL) && errno != ESRCH) {
            return fail(error, XEN_PHYSMAP_ERROR_ACCESS, "can't end process %d: %s", (int)id->pid,
                        g_strerror(errno));
        }
        if (g_get_monotonic_time() > deadline) {
            return fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "process %d doesn't end, though killed",
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

/* QEMU's arguments without the launcher's, and without what belongs to one start alone. */
static GStrv arguments_again(char **argv)
{
    static const char *const launchers[] = { "-chardev", "-mon", NULL };
    GPtrArray *args = g_ptr_array_new();

    for (guint i = 1; argv[0] && argv[i]; i++) {
        if (argv[i + 1] &&
            (strcmp(argv[i], "-incoming") == 0 ||
             (is_one_of(argv[i], launchers) && strstr(argv[i + 1], MONITOR_ID_PREFIX)))) {
            i++;
        } else if (strcmp(argv[i], "-S") != 0) {
            g_ptr_array_add(args, g_strdup(argv[i]));
        }
    }
    g_ptr_array_add(args, NULL);
    return (GStrv)g_ptr_array_free(args, FALSE);
}

/* The component's path is the first of LD_PRELOAD; the launcher lies beside it. */
static char *launcher_of(char **env)
{
    const char *preload = g_environ_getenv(env, "LD_PRELOAD");
    g_autofree char *first = preload ? g_strndup(preload, strcspn(preload, ":")) : NULL;
    g_autofree char *folder = first ? g_path_get_dirname(first) : NULL;

    return folder && g_str_has_suffix(first, "/" COMPONENT_FILE)
               ? g_build_filename(folder, LAUNCHER_FILE, NULL)
               : NULL;
}

static GStrv environment_again(char **env)
{
    const char *preload = g_environ_getenv(env, "LD_PRELOAD");
    const char *others = preload ? strchr(preload, ':') : NULL;
    g_auto(GStrv) again = g_strdupv(env);

    again = others ? g_environ_setenv(again, "LD_PRELOAD", others + 1, TRUE)
                   : g_environ_unsetenv(again, "LD_PRELOAD");
    again = g_environ_unsetenv(again, ENV_DOMID);
    again = g_environ_unsetenv(again, ENV_QMP_FD);
    again = g_environ_unsetenv(again, ENV_INCOMING);
    again = g_environ_unsetenv(again, ENV_HOLD_FD);
    /* A layout that differs is never right here, whatever the host's policy for restores is. */
    again = g_environ_setenv(again, ENV_POLICY, restore_policy_name(RESTORE_REFUSE), TRUE);
    return g_steal_pointer(&again);
}

/* A line is "0::/path" for the unified hierarchy and "4:memory:/path" for one of the older kind. */
static GStrv control_groups(pid_t pid)
{
    g_autofree char *path = proc_path(pid, "cgroup");
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GPtrArray *folders = g_ptr_array_new();

    if (g_file_get_contents(path, &text, NULL, NULL)) {
        lines = g_strsplit(text, "\n", -1);
    }
    for (guint i = 0; lines && lines[i]; i++) {
        g_auto(GStrv) part = g_strsplit(lines[i], ":", 3);

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
    /* Each of these is one more thing, and not another value. */
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

static gboolean is_roots_alone(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_uid == 0 && !(status.st_mode & 022);
}

/*
 * A QEMU that gave up root: what /proc tells of it is its own word, so the launcher's takes its
 * place. The program that it runs, and the file that has its name since an upgrade, are started
 * again only if nobody but root could have put them there.
 */
static void take_launchers_word(Process *process, GStrv *argv, GStrv *env)
{
    g_autofree char *program = proc_path(process->id.pid, "exe");
    g_autoptr(GError) problem = NULL;
    g_autoptr(LaunchRecord) start = launch_record_read(&process->id, &problem);

    if (!start) {
        process->distrust = g_strdup_printf(
            "its QEMU gave up root, so that what it was started with has to be told "
            "by the launcher: %s; migrate the guest once",
            problem->message);
        return;
    }
    if (!is_roots_alone(program) || !process->exe || !is_roots_alone(process->exe)) {
        g_autofree char *shown = xen_physmap_escape(process->exe ? process->exe : program, -1);

        process->distrust = g_strdup_printf("its QEMU gave up root, and its program %s is gone, or "
                                            "others than root may write to it",
                                            shown);
    }
    g_strfreev(*argv);
    g_strfreev(*env);
    *argv = g_steal_pointer(&start->args);
    *env = g_steal_pointer(&start->env);
    g_free(process->folder);
    g_free(process->log);
    process->folder = g_steal_pointer(&start->folder);
    process->log = g_steal_pointer(&start->log);
}

Process *process_read(pid_t pid, guint32 domid, GError **error)
{
    g_autoptr(Process) process = g_new0(Process, 1);
    g_auto(GStrv) argv = proc_strings(pid, "cmdline", error);
    g_auto(GStrv) env = argv ? proc_strings(pid, "environ", error) : NULL;
    g_autofree char *number = g_strdup_printf("%u", domid);
    guint64 uid = 0;

    if (!env) {
        return NULL;
    }
    process->id = process_identify(pid);
    process->exe = proc_link(pid, "exe");
    process->folder = proc_link(pid, "cwd");
    process->log = proc_link(pid, "fd/2");
    if (process->exe && g_str_has_suffix(process->exe, DELETED)) {
        process->exe[strlen(process->exe) - strlen(DELETED)] = '\0';
        process->replaced = TRUE;
    }
    if (process_effective_id(pid, "Uid", &uid) && uid != geteuid()) {
        take_launchers_word(process, &argv, &env);
    }
    if (!process->id.pid || !process->exe ||
        g_strcmp0(qemu_args_value((const char *const *)argv, "-xen-domid"), number) != 0) {
        fail(error, XEN_PHYSMAP_ERROR_NOT_FOUND,
             "process %d is not the QEMU of domain %u (any more)", (int)pid, domid);
        return NULL;
    }
    if (!process->log || !g_path_is_absolute(process->log)) {
        g_free(process->log);
        process->log = g_strdup("/dev/null");
    }
    process->launcher = launcher_of(env);
    process->args = arguments_again(argv);
    tap_name_all(pid, process->args);
    process->env = environment_again(env);
    process->cgroups = control_groups(pid);
    return g_steal_pointer(&process);
}

void process_free(Process *process)
{
    if (process) {
        g_free(process->exe);
        g_free(process->folder);
        g_free(process->log);
        g_free(process->launcher);
        g_strfreev(process->args);
        g_strfreev(process->env);
        g_strfreev(process->cgroups);
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

gboolean process_copy_program(pid_t pid, const char *path, GError **error)
{
    g_autofree char *program = proc_path(pid, "exe");
    int from = open(program, O_RDONLY | O_CLOEXEC), to = -1;
    gboolean copied;

    unlink(path);
    if (from >= 0) {
        to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    }
    copied = to >= 0 && copy_data(from, to);
    if (!copied) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't copy the running QEMU to %s: %s", path,
             g_strerror(errno));
    }
    if (to >= 0 && close(to) && copied) {
        copied =
            fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't write %s: %s", path, g_strerror(errno));
    }
    if (from >= 0) {
        close(from);
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

/* In the child: everything as the old QEMU had it, then the launcher. Doesn't return. */
static void become(const Process *model, char **argv, char **env, const GArray *fds)
{
    int next = STATE_FD + fds->len;
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);
    int log = open(model->log, O_WRONLY | O_APPEND | O_CREAT, 0644);

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        signal(signal_number, SIG_DFL);
    }
    signal(SIGPIPE, SIG_IGN); /* as libxl has it */
    if (log < 0) {
        log = open("/dev/null", O_WRONLY);
    }
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    /* Out of each other's way first. */
    for (guint i = 0; i < fds->len; i++) {
        g_array_index(fds, int, i) = fcntl(g_array_index(fds, int, i), F_DUPFD, next);
    }
    for (guint i = 0; i < fds->len; i++) {
        dup2(g_array_index(fds, int, i), STATE_FD + i);
    }
    closefrom(next);
    join_control_groups(model->cgroups);
    if (model->folder && chdir(model->folder)) {
        fprintf(stderr, "xen-physmap: can't change to %s: %s\n", model->folder, g_strerror(errno));
    }
    execve(argv[0], argv, env);
    fprintf(stderr, "xen-physmap: can't run %s: %s\n", argv[0], g_strerror(errno));
    _exit(127);
}

static void close_fd(gpointer fd)
{
    close(*(int *)fd);
}

gboolean process_prepare(const Process *model, const char *qemu, GStrv args, const char *state,
                         ProcessStart *start, GError **error)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) own_args = g_strdupv(args);
    g_auto(GStrv) env = g_environ_setenv(g_strdupv(model->env), ENV_QEMU, qemu, TRUE);
    int fd = open(state, O_RDONLY | O_CLOEXEC);
    int hold[2];
    pid_t pid;

    env = g_environ_setenv(env, ENV_HOLD_FD, G_STRINGIFY(HOLD_FD), TRUE);
    if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hold)) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't open %s: %s", state, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return FALSE;
    }
    g_array_set_clear_func(fds, close_fd);
    g_array_append_val(fds, fd);
    g_array_append_val(fds, hold[1]);
    if (!tap_hand_over(model->id.pid, own_args, STATE_FD, fds, error)) {
        close(hold[0]);
        return FALSE;
    }
    g_ptr_array_add(argv, model->launcher);
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
        close(hold[0]);
        return fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't start a process: %s",
                    g_strerror(errno));
    }
    start->id = process_identify(pid);
    start->hold = hold[0];
    return TRUE;
}

gboolean process_is_held(const ProcessStart *start, int timeout_ms)
{
    struct pollfd pollfd = { .fd = start->hold, .events = POLLIN };
    char byte;

    return poll(&pollfd, 1, timeout_ms) > 0 && recv(start->hold, &byte, 1, MSG_DONTWAIT) == 1;
}

gboolean process_go(ProcessStart *start, GError **error)
{
    gboolean gone = send(start->hold, "", 1, MSG_NOSIGNAL) != 1;
    int errnum = errno;

    close(start->hold);
    start->hold = -1;
    return !gone || fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "QEMU isn't there any more: %s",
                         g_strerror(errnum));
}

/* Takes in what a program prints until it closes its output or the time is over. */
static gboolean collect(int fd, GString *output)
{
    gint64 deadline = g_get_monotonic_time() + ASK_TIMEOUT_US;
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };
    char buffer[4096];

    for (;;) {
        gint64 left = deadline - g_get_monotonic_time();
        int rc = left > 0 ? poll(&pollfd, 1, (left + 999) / 1000) : 0;
        ssize_t n;

        if (rc == 0) {
            return FALSE;
        }
        if (rc > 0 && (n = read(fd, buffer, sizeof buffer)) <= 0) {
            return TRUE;
        }
        if (rc > 0 && output->len < 1024 * 1024) {
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

char *process_ask(const char *const *argv, char **env, GError **error)
{
    g_autoptr(GString) output = g_string_new(NULL);
    g_autofree char *shown = xen_physmap_escape(argv[0], -1);
    g_autofree char *line = NULL;
    gboolean in_time;
    int out[2], status = 0;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) || (pid = fork()) < 0) {
        fail(error, XEN_PHYSMAP_ERROR_SYSTEM, "can't start %s: %s", shown, g_strerror(errno));
        return NULL;
    }
    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY);

        dup2(null, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        execve(argv[0], (char **)argv, env ? env : environ);
        fprintf(stderr, "%s\n", g_strerror(errno));
        _exit(127);
    }
    close(out[1]);
    in_time = collect(out[0], output);
    close(out[0]);
    if (!in_time) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    line = last_line(output->str);
    if (!in_time) {
        fail(error, XEN_PHYSMAP_ERROR_INVALID, "%s %s doesn't answer", shown, argv[1]);
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

gboolean process_probe(const Process *model, const char *qemu, gboolean *loaded, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(model->launcher);
    g_autofree char *component = g_build_filename(folder, COMPONENT_FILE, NULL);
    g_auto(GStrv) env = g_environ_setenv(g_strdupv(model->env), "LD_PRELOAD", component, TRUE);
    g_autofree char *answer = NULL;

    env = g_environ_setenv(env, ENV_PROBE, "1", TRUE);
    answer = process_ask((const char *[]){ qemu, "-version", NULL }, env, error);
    *loaded = answer && strstr(answer, PROBE_ANSWER);
    return answer != NULL;
}
