/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU is started again with: its launch record and nothing that it says of itself. A child of
 * the test plays QEMU, and the test program itself the launcher. In a /run of its own, as root.
 */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "launch-settings.h"
#include "names.h"
#include "process.h"
#include "trusted-file.h"

#define DOMID 7

/* Of this process, when it plays the launcher. */
#define ANSWER "/run/answer"

static const char *const plain[] = { "-xen-domid", "7",    "-S",         "-name", "a\nb",
                                     "-incoming",  "fd:9", "--incoming", "fd:8",  NULL };
static const char *const gives_up[] = { "-xen-domid", "7", "-runas", "12345:12345", NULL };

/* What the launcher would write down, with these arguments. */
static LaunchRecord *record_of(const char *const *args)
{
    LaunchRecord *record = g_new0(LaunchRecord, 1);
    g_auto(GStrv) env = g_strdupv((char *[]){ (char *)"PLACE=record", (char *)"N=a\nb", NULL });
    int fd = open("/run/qemu", O_PATH);

    record->uid = geteuid();
    record->gid = getegid();
    record->user = record->group = args == gives_up ? 12345 : 0;
    record->launcher = g_strdup("/run/launcher");
    record->program = g_strdup("/run/qemu");
    record->identity = file_identity(fd);
    record->folder = g_strdup("/run");
    record->log = g_strdup("/run/log");
    record->args = g_strdupv((char **)args);
    record->env = g_steal_pointer(&env);
    record->settings = launch_settings_read();
    record->cgroups = g_new0(char *, 1);
    close(fd);
    return record;
}

/* Like QEMU: its launcher has written what it is started with; then it becomes `uid`. */
typedef struct Actor {
    const char *const *args; /* NULL: there is no record */
    uid_t real, effective, saved;
    const char *const *executes; /* NULL: it only waits */
    ProcessId id;
} Actor;

static void play(const Actor *actor, int ready)
{
    g_autoptr(LaunchRecord) record = actor->args ? record_of(actor->args) : NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (record && !launch_record_write(record, NULL)) {
        _exit(1);
    }
    if (setresgid(actor->real, actor->effective, actor->saved) ||
        setresuid(actor->real, actor->effective, actor->saved)) {
        _exit(2);
    }
    if (actor->executes) {
        fcntl(ready, F_SETFD, FD_CLOEXEC); /* closed when the other program runs */
        execve(actor->executes[0], (char **)actor->executes,
               (char *[]){ (char *)"LD_PRELOAD=/tmp/evil/xen-physmap-qemu.so", NULL });
        _exit(3);
    }
    close(ready);
    for (;;) {
        pause();
    }
}

static void begin(Actor *actor)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        close(ready[0]);
        play(actor, ready[1]);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    actor->id = process_identify(child);
    assert_int_equal(actor->id.pid, child);
}

static void end(Actor *actor)
{
    g_autoptr(GError) error = NULL;

    process_end(&actor->id, &error);
    expect_no_error(error);
    assert_false(process_is_alive(&actor->id));
}

static Process *read_of(Actor *actor)
{
    g_autoptr(GError) error = NULL;
    Process *process;

    begin(actor);
    process = process_read(actor->id.pid, DOMID, &error);
    expect_no_error(error);
    return process;
}

static void expect_distrust(Actor actor, const char *text)
{
    g_autoptr(Process) process = read_of(&actor);

    assert_non_null(process->distrust);
    assert_non_null(strstr(process->distrust, text));
    expect_message(process->distrust);
    /* There is nothing that could be started. */
    assert_null(process->exe);
    assert_null(process->args);
    assert_null(process->env);
    assert_null(process->launcher);
    end(&actor);
}

static int put_program(void **state)
{
    (void)state;
    assert_true(g_file_set_contents("/run/qemu", "#!/bin/sh\nexec cat /run/fifo\n", -1, NULL));
    assert_int_equal(g_chmod("/run/qemu", 0755), 0);
    return 0;
}

static void test_record(void **state)
{
    static const char *const wanted_args[] = { "-xen-domid", "7", "-name", "a\nb", NULL };
    Actor actor = { .args = plain };
    g_autoptr(Process) process = read_of(&actor);
    g_autoptr(GError) error = NULL;

    (void)state;
    assert_null(process->distrust);
    assert_string_equal(process->exe, "/run/qemu");
    assert_false(process->replaced);
    assert_string_equal(process->folder, "/run");
    assert_string_equal(process->log, "/run/log");
    assert_int_equal(process->uid, 0);
    assert_true(g_strv_equal((const char *const *)process->args, wanted_args));
    assert_string_equal(g_environ_getenv(process->env, "PLACE"), "record");
    assert_string_equal(g_environ_getenv(process->env, "N"), "a\nb");
    assert_string_equal(g_environ_getenv(process->env, ENV_POLICY), "refuse");
    assert_string_equal(process->launcher, "/run/launcher");
    assert_null(process_read(actor.id.pid, DOMID + 1, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "is not the QEMU of domain 8 (any more)");
    end(&actor);
    assert_null(process_read(actor.id.pid, DOMID, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "is not the QEMU of domain 7 (any more)");
}

/* A process that gave up root, and then executed a set-user-ID program or anything else. */
static void test_users(void **state)
{
    static const char *const su[] = { "/bin/sleep", "1000", NULL };
    Actor gave_up = { gives_up, 12345, 12345, 12345, su, { 0 } };
    g_autoptr(Process) process = read_of(&gave_up);

    (void)state;
    assert_null(process->distrust);
    assert_int_equal(process->uid, 12345);
    assert_int_equal(process->gid, 12345);
    assert_string_equal(g_environ_getenv(process->env, "PLACE"), "record");
    assert_null(g_environ_getenv(process->env, "LD_PRELOAD"));
    end(&gave_up);
    expect_distrust((Actor){ gives_up, 12345, 0, 0, su, { 0 } },
                    "doesn't have user 12345 and group 12345");
    expect_distrust((Actor){ gives_up, 12345, 12345, 0, NULL, { 0 } }, "doesn't have user 12345");
    expect_distrust((Actor){ gives_up, 0, 12345, 12345, NULL, { 0 } }, "doesn't have user 12345");
    expect_distrust((Actor){ gives_up, 0, 0, 0, NULL, { 0 } }, "doesn't have user 12345");
    expect_distrust((Actor){ plain, 12345, 12345, 12345, NULL, { 0 } }, "doesn't have user 0");
    expect_distrust((Actor){ NULL, 0, 0, 0, su, { 0 } }, "has no launch record");
    expect_distrust((Actor){ NULL, 12345, 0, 0, su, { 0 } }, "migrate the guest once");
}

static char *record_path(const Actor *actor)
{
    return g_strdup_printf(LAUNCH_FOLDER "/%d", (int)actor->id.pid);
}

static void expect_no_record(const Actor *actor, int code, const char *text)
{
    g_autoptr(GError) error = NULL;

    assert_null(launch_record_read(&actor->id, &error));
    expect_error(&error, code, text);
}

/* A program that others may change is not started again, also to go back to it. */
static void test_program_of_others(void **state)
{
    (void)state;
    assert_int_equal(g_chmod("/run/qemu", 0775), 0);
    expect_distrust((Actor){ .args = plain }, "/run/qemu: others than root may write to it");
    assert_int_equal(g_chmod("/run/qemu", 0755), 0);
    assert_int_equal(chown("/run/qemu", 12345, 0), 0);
    expect_distrust((Actor){ .args = plain }, "/run/qemu: it doesn't belong to root");
    assert_int_equal(g_unlink("/run/qemu"), 0);
}

/* Only the records of QEMUs that run count. */
static void test_alone(void **state)
{
    Actor one = { gives_up, 12345, 12345, 12345, NULL, { 0 } };
    Actor other = { gives_up, 12345, 12345, 12345, NULL, { 0 } };
    Actor root = { .args = plain };
    const ProcessId none = { 0 };

    (void)state;
    begin(&one);
    begin(&other);
    begin(&root);
    assert_true(launch_record_user_is_alone(12345, &one.id, &other.id));
    assert_true(launch_record_user_is_alone(12346, &none, &none));
    assert_false(launch_record_user_is_alone(12345, &one.id, &none));
    assert_false(launch_record_user_is_alone(12345, &none, &other.id));
    end(&other);
    assert_true(launch_record_user_is_alone(12345, &one.id, &none));
    assert_int_equal(g_chmod(LAUNCH_FOLDER, 0777), 0);
    assert_false(launch_record_user_is_alone(12345, &one.id, &none));
    assert_int_equal(g_chmod(LAUNCH_FOLDER, 0700), 0);
    assert_int_equal(g_rename(LAUNCH_FOLDER, "/run/aside"), 0);
    assert_false(launch_record_user_is_alone(12345, &one.id, &none));
    assert_int_equal(g_rename("/run/aside", LAUNCH_FOLDER), 0);
    end(&one);
    end(&root);
}

/* As many launchers at once, when a host starts its guests. Nothing is there before. */
static void test_together(void **state)
{
    enum { MANY = 24, ROUNDS = 10 };
    pid_t children[MANY];

    (void)state;
    for (guint round = 0; round < ROUNDS; round++) {
        int gate[2], done[2];
        char byte;

        assert_int_equal(system("rm -rf /run/xen-physmap"), 0);
        assert_int_equal(pipe(gate), 0);
        assert_int_equal(pipe(done), 0);
        for (guint i = 0; i < MANY; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                g_autoptr(LaunchRecord) record = record_of(plain);

                close(gate[1]);
                alarm(60);
                byte = read(gate[0], &byte, 1) == 0 && launch_record_write(record, NULL);
                if (write(done[1], &byte, 1) == 1) {
                    pause();
                }
                _exit(1);
            }
        }
        close(gate[0]);
        close(gate[1]);
        for (guint i = 0; i < MANY; i++) {
            assert_int_equal(read(done[0], &byte, 1), 1);
            assert_int_equal(byte, 1);
        }
        for (guint i = 0; i < MANY; i++) {
            Actor actor = { .id = process_identify(children[i]) };
            g_autoptr(LaunchRecord) record = launch_record_read(&actor.id, NULL);

            assert_non_null(record);
            end(&actor);
        }
        close(done[0]);
        close(done[1]);
    }
}

/* Something else is in the file. */
static void test_broken_records(void **state)
{
    Actor actor = { .args = plain };
    Actor later = { 0 };
    g_autofree char *path = NULL, *data = NULL, *aside = NULL;
    gsize length;

    (void)state;
    begin(&actor);
    path = record_path(&actor);
    aside = g_strconcat(path, ".aside", NULL);
    assert_true(g_file_get_contents(path, &data, &length, NULL));
    for (gsize cut = 0; cut < length; cut++) {
        assert_true(g_file_set_contents(path, data, cut, NULL));
        expect_no_record(&actor, XEN_PHYSMAP_ERROR_INVALID, "launch record");
    }
    for (gsize at = 0; at < length; at++) {
        g_autofree char *changed = g_memdup2(data, length);
        g_autoptr(LaunchRecord) record = NULL;
        g_autoptr(GError) error = NULL;

        changed[at] ^= 0x15;
        assert_true(g_file_set_contents(path, changed, length, NULL));
        record = launch_record_read(&actor.id, &error); /* no crash, and an error or a record */
        assert_true(!record == !!error);
    }
    assert_true(g_file_set_contents(path, data, length, NULL));
    later.id = (ProcessId){ actor.id.pid, actor.id.started + 1 };
    expect_no_record(&later, XEN_PHYSMAP_ERROR_INVALID, "not the launch record of this process");
    assert_int_equal(g_rename(path, aside), 0);
    expect_no_record(&actor, XEN_PHYSMAP_ERROR_NOT_FOUND, "No such file");
    assert_int_equal(symlink(aside, path), 0);
    expect_no_record(&actor, XEN_PHYSMAP_ERROR_INVALID, "Too many levels of symbolic links");
    assert_int_equal(g_unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_no_record(&actor, XEN_PHYSMAP_ERROR_INVALID, "not a launch record");
    assert_int_equal(g_unlink(path), 0);
    assert_int_equal(g_rename(aside, path), 0);
    assert_int_equal(chown(path, 12345, 0), 0);
    expect_no_record(&actor, XEN_PHYSMAP_ERROR_INVALID, "not a launch record");
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(g_chmod(LAUNCH_FOLDER, 0777), 0);
    expect_no_record(&actor, XEN_PHYSMAP_ERROR_ACCESS, "/launch: others than root may write to it");
    assert_int_equal(g_chmod(LAUNCH_FOLDER, 0700), 0);
    assert_int_equal(chown("/run/xen-physmap", 12345, 0), 0);
    expect_no_record(&actor, XEN_PHYSMAP_ERROR_ACCESS,
                     "/run/xen-physmap: it doesn't belong to root");
    assert_int_equal(chown("/run/xen-physmap", 0, 0), 0);
    end(&actor);
}

static void copy_file(const char *from, const char *to)
{
    g_autofree char *command = g_strdup_printf("cp %s %s", from, to);

    assert_int_equal(system(command), 0);
}

static gboolean is_same(const char *a, const char *b)
{
    g_autofree char *command = g_strdup_printf("cmp -s %s %s", a, b);

    return system(command) == 0;
}

/* The program to go back to, after an upgrade replaced its file. */
static void test_replaced(void **state)
{
    static const char *const executes[] = { "/run/qemu", "1000", NULL };
    Actor actor = { gives_up, 12345, 12345, 12345, executes, { 0 } };
    g_autoptr(Process) process = NULL;
    g_autoptr(GError) error = NULL;
    struct stat status;

    (void)state;
    g_unlink("/run/qemu");
    copy_file("/bin/sleep", "/run/qemu");
    begin(&actor);
    copy_file("/bin/cat", "/run/qemu.new");
    assert_int_equal(g_rename("/run/qemu.new", "/run/qemu"), 0);
    process = process_read(actor.id.pid, DOMID, &error);
    expect_no_error(error);
    assert_true(process->replaced);
    assert_true(process_copy_program(process, "/run/kept/qemu", &error));
    expect_no_error(error);
    assert_true(is_same("/run/kept/qemu", "/bin/sleep"));
    assert_int_equal(stat("/run/kept/qemu", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    /* A file that is already there can't redirect the copy. */
    assert_int_equal(g_unlink("/run/kept/qemu"), 0);
    assert_int_equal(symlink("/run/target", "/run/kept/qemu"), 0);
    assert_true(process_copy_program(process, "/run/kept/qemu", &error));
    assert_false(g_file_test("/run/target", G_FILE_TEST_EXISTS));
    assert_int_equal(g_chmod("/run/kept", 0777), 0);
    assert_false(process_copy_program(process, "/run/kept/qemu", &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "/run/kept: others than root may write to it");
    assert_int_equal(g_chmod("/run/kept", 0700), 0);
    end(&actor);
}

/* The same for a process that now executes another file; a sibling serves its monitor. */
static void test_another_program(void **state)
{
    static const char *const executes[] = { "/run/evil", "1000", NULL };
    Actor actor = { gives_up, 12345, 12345, 12345, executes, { 0 } };
    g_autoptr(Process) process = NULL;
    g_autoptr(GError) error = NULL;

    (void)state;
    g_unlink("/run/qemu");
    copy_file("/bin/sleep", "/run/qemu");
    copy_file("/bin/sleep", "/run/evil");
    assert_int_equal(chown("/run/evil", 12345, 12345), 0);
    begin(&actor);
    copy_file("/bin/cat", "/run/qemu.new");
    assert_int_equal(g_rename("/run/qemu.new", "/run/qemu"), 0);
    process = process_read(actor.id.pid, DOMID, &error);
    expect_no_error(error);
    assert_true(process->replaced);
    assert_false(process_copy_program(process, "/run/kept/qemu", &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS,
                 "/run/qemu was replaced since the guest was "
                 "started, and process");
    assert_false(process_keep_data_folders(process, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "doesn't run what was there");
    end(&actor);
}

/* Root asks programs that only root can change. */
static void test_ask(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *answer = NULL, *script = NULL;

    (void)state;
    answer = process_ask((const char *[]){ "/bin/echo", "-version", NULL }, NULL, &error);
    expect_no_error(error);
    assert_string_equal(answer, "-version\n");
    assert_true(
        g_file_set_contents("/run/qemu", "#!/bin/sh\necho \"$1\"; touch /run/ran\n", -1, NULL));
    assert_int_equal(g_chmod("/run/qemu", 0755), 0);
    script = process_ask((const char *[]){ "/run/qemu", "-version", NULL }, NULL, &error);
    expect_no_error(error);
    assert_string_equal(script, "-version\n");
    assert_int_equal(g_unlink("/run/ran"), 0);
    assert_int_equal(chown("/run/qemu", 12345, 0), 0);
    assert_null(process_ask((const char *[]){ "/run/qemu", "-version", NULL }, NULL, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "/run/qemu: it doesn't belong to root");
    assert_false(g_file_test("/run/ran", G_FILE_TEST_EXISTS));
}

/* --- the new QEMU --- */

/* Takes the launcher's place: prints all that it was given. */
static int tell(char **argv)
{
    g_auto(GStrv) settings = launch_settings_read();
    g_autofree char *folder = g_get_current_dir();
    FILE *out = fopen(ANSWER ".new", "we");

    fprintf(out, "folder %s\nsession %d\n", folder, getsid(0) == getpid());
    for (guint i = 1; argv[i]; i++) {
        fprintf(out, "argument %s\n", argv[i]);
    }
    for (guint i = 0; environ[i]; i++) {
        fprintf(out, "environment %s\n", environ[i]);
    }
    for (guint i = 0; settings[i]; i++) {
        fprintf(out, "%s\n", settings[i]);
    }
    for (int fd = 0; fd < 100; fd++) {
        if (fd != fileno(out) && fcntl(fd, F_GETFD) >= 0) {
            fprintf(out, "descriptor %d\n", fd);
        }
    }
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
            fprintf(out, "ignored %d\n", number);
        }
    }
    fclose(out);
    fputs("logged\n", stderr);
    return rename(ANSWER ".new", ANSWER);
}

static char *start_and_hear(const Process *model)
{
    static const char *const args[] = { "-name", "x", NULL };
    g_autoptr(GError) error = NULL;
    ProcessStart start = PROCESS_START_NONE;
    char *answer = NULL;

    g_unlink(ANSWER);
    /* If it is let go before process_begin, it does nothing. */
    process_prepare(model, "/run/qemu", (GStrv)args, &start, &error);
    expect_no_error(error);
    process_let_go(&start);
    waitpid(start.id.pid, NULL, 0);
    assert_false(g_file_test(ANSWER, G_FILE_TEST_EXISTS));
    process_prepare(model, "/run/qemu", (GStrv)args, &start, &error);
    expect_no_error(error);
    process_begin(&start, &error);
    expect_no_error(error);
    waitpid(start.id.pid, NULL, 0);
    process_let_go(&start);
    g_file_get_contents(ANSWER, &answer, NULL, NULL);
    assert_non_null(answer);
    return answer;
}

static void expect_line(const char *answer, const char *line)
{
    g_auto(GStrv) lines = g_strsplit(answer, "\n", -1);

    if (!g_strv_contains((const char *const *)lines, line)) {
        print_error("no line '%s' in:\n%s", line, answer);
        fail();
    }
}

static guint count_lines(const char *answer, const char *prefix)
{
    g_auto(GStrv) lines = g_strsplit(answer, "\n", -1);
    guint n = 0;

    for (guint i = 0; lines[i]; i++) {
        n += g_str_has_prefix(lines[i], prefix);
    }
    return n;
}

/* This process has other settings than those of the record, as an operator's shell has. */
static void spoil_own(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    umask(0);
    setpriority(PRIO_PROCESS, 0, 5);
    setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){ 111, 2000 });
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 99, 4096 });
    setgroups(2, (gid_t[]){ 11, 12 });
    sched_setaffinity(0, sizeof one, &one);
    signal(SIGTERM, SIG_IGN);
    setenv("PLACE", "the operator's shell", 1);
}

static void test_settings(void **state)
{
    static const char *const wanted[] = {
        "folder /run",
        "session 1",
        "groups 33 44",
        "umask 27",
        "nice 3",
        "oom-score-adj 7",
        "processors all",
        "environment PLACE=record",
        "limit-12 1000 2000",
        "descriptor 0",
        "descriptor 1",
        "descriptor 2",
        "descriptor 3",
        "descriptor 4",
        "argument -name",
        "argument x",
        "argument -incoming",
        "argument fd:3",
        "limit-7 77 4096",
        "argument " HOLD_OPTION "4",
        "environment " ENV_QEMU "=/run/qemu",
    };
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    Process model = { .folder = (char *)"/run", .log = (char *)"/run/log", .launcher = exe };
    char *env[] = { (char *)"PLACE=record", NULL };
    char *no_groups[] = { NULL };
    char *settings[] = {
        (char *)"groups 33 44",    (char *)"umask 27",
        (char *)"nice 3",          (char *)"oom-score-adj 7",
        (char *)"processors all",  (char *)"limit-12 1000 2000",
        (char *)"limit-7 77 4096", NULL,
    };
    g_autofree char *answer = NULL, *log = NULL, *target = NULL;
    pid_t child;
    int status;

    (void)state;
    model.env = env;
    model.cgroups = no_groups;
    model.settings = settings;
    g_unlink("/run/log");
    child = fork();
    if (child == 0) {
        spoil_own();
        g_free(start_and_hear(&model));
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(g_file_get_contents(ANSWER, &answer, NULL, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        expect_line(answer, wanted[i]);
    }
    assert_int_equal(count_lines(answer, "descriptor "), 5);
    assert_int_equal(count_lines(answer, "environment "), 2);
    assert_int_equal(count_lines(answer, "ignored "), 1);
    assert_true(g_file_get_contents("/run/log", &log, NULL, NULL));
    assert_string_equal(log, "logged\n");
    /* A log that belongs to another user, or is a link, isn't written to. */
    g_unlink("/run/log");
    assert_true(g_file_set_contents("/run/target", "", -1, NULL));
    assert_int_equal(symlink("/run/target", "/run/log"), 0);
    g_free(start_and_hear(&model));
    g_unlink("/run/log");
    assert_int_equal(link("/run/target", "/run/log"), 0);
    g_free(start_and_hear(&model));
    g_unlink("/run/log");
    assert_int_equal(chown("/run/target", 12345, 0), 0);
    assert_int_equal(rename("/run/target", "/run/log"), 0);
    g_free(start_and_hear(&model));
    assert_true(g_file_get_contents("/run/log", &target, NULL, NULL));
    assert_string_equal(target, "");
    g_unlink("/run/log");
}

static void test_setting_words(void **state)
{
    static const char *const bad[] = {
        "",
        "umask",
        "umask 8",
        "umask 1000",
        "umask -1",
        "nice 20",
        "nice x",
        "oom-score-adj 1001",
        "processors ",
        "processors 0 0x1",
        "processors 8192",
        "limit-16 1 1",
        "limit-4 1",
        "limit-4 1 2 3",
        "limit- 1 1",
        "limit-x 1 1",
        "groups x",
        "groups 4294967295",
        "other 1",
    };
    g_auto(GStrv) own = launch_settings_read();

    (void)state;
    assert_true(launch_settings_apply(own));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        char *settings[] = { (char *)bad[i], NULL };

        if (launch_settings_apply(settings)) {
            fail_msg("'%s' was taken for a setting", bad[i]);
        }
    }
}

/* A /run of our own, that no other process uses. */
static gboolean make_run(void)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/run", "tmpfs", 0, "mode=755") == 0;
}

static void test_as_root_only(void **state)
{
    (void)state;
    skip();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test_setup(test_record, put_program),
        cmocka_unit_test_setup(test_users, put_program),
        cmocka_unit_test_setup(test_program_of_others, put_program),
        cmocka_unit_test_setup(test_alone, put_program),
        cmocka_unit_test_setup(test_together, put_program),
        cmocka_unit_test_setup(test_broken_records, put_program),
        cmocka_unit_test_setup(test_replaced, put_program),
        cmocka_unit_test_setup(test_another_program, put_program),
        cmocka_unit_test_setup(test_ask, put_program),
        cmocka_unit_test_setup(test_settings, put_program),
        cmocka_unit_test(test_setting_words),
    };
    const struct CMUnitTest otherwise[] = {
        cmocka_unit_test(test_as_root_only),
        cmocka_unit_test(test_setting_words),
    };

    if (argc > 1 && g_str_has_prefix(argv[1], HOLD_OPTION)) {
        return tell(argv);
    }
    return make_run() ? cmocka_run_group_tests(as_root, NULL, NULL)
                      : cmocka_run_group_tests(otherwise, NULL, NULL);
}
