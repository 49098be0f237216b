/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real command against a hostile QEMU: it ends, and root neither runs nor writes what it chose. */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include <xen-physmap/xenstore.h>

#include "attack.h"
#include "launch-record.h"
#include "run-verb.h"

/* No case measures time, but one that hangs must be ended. */
#define PATIENCE_US (60 * G_TIME_SPAN_SECOND)
#define POLL_US (5 * G_TIME_SPAN_MILLISECOND)

static const XenPhysmapRecord huge = { "0000:00:02.0/vga.vram", 0, 0, 0x4000000000000000 };
static const XenPhysmapRecord vram = { "0000:00:02.0/vga.vram", 0x4000000, 0xf1000000, 0x1000000 };

/* Where the command and the launcher are; another build can be attacked. */
static const char *build;
static XenPhysmapOps *ops;
static AttackCounts *counts;

/* The guest of this case, the QEMU's process group, what the command said and how much memory it had. */
static guint domid = 6;
static pid_t qemu;
static char *said;
static glong peak_kib;

static void must(gboolean done, const char *what)
{
    if (!done) {
        fail_msg("%s: %s", what, g_strerror(errno));
    }
}

static void put(const char *value, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void put(const char *value, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *path = g_strdup_vprintf(format, args);
    va_end(args);
    must(ops->write(ops->opaque, 0, path, value, strlen(value)), path);
}

static void copy_file(const char *from, const char *to, uid_t owner)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;

    if (!g_file_get_contents(from, &data, &length, &error) ||
        !g_file_set_contents_full(to, data, length, G_FILE_SET_CONTENTS_CONSISTENT, 0755, &error)) {
        fail_msg("%s", error->message);
    }
    must(chmod(to, 0755) == 0 && chown(to, owner, owner) == 0, to);
}

static gboolean there_is(const char *path)
{
    return access(path, F_OK) == 0;
}

static int set_up(void **state)
{
    static const char *const folders[] = { ATTACK_BIN, "/run/xen", "/var/lib/xen-physmap" };
    GError *error = NULL;
    int fd;

    (void)state;
    build = getenv("ATTACK_BUILD") ? getenv("ATTACK_BUILD") : "build";
    ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error);
    expect_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        must(g_mkdir_with_parents(folders[i], 0755) == 0, folders[i]);
    }
    fd = open(ATTACK_COUNTS, O_RDWR | O_CREAT, 0600);
    must(fd >= 0 && fchmod(fd, 0666) == 0 && ftruncate(fd, sizeof *counts) == 0, ATTACK_COUNTS);
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(counts != MAP_FAILED, ATTACK_COUNTS);
    return close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    xen_physmap_ops_close(ops);
    return munmap(counts, sizeof *counts);
}

/* Programs and folders as they are before anybody attacks. */
static int begin(void **state)
{
    static const char *const ours[] = { "xen-physmap-qemu", "xen-physmap-qemu.so" };

    (void)state;
    domid++;
    memset(counts, 0, sizeof *counts);
    unlink(ATTACK_MARK);
    must(system("rm -rf " ATTACK_EVIL) == 0, ATTACK_EVIL);
    must(mkdir(ATTACK_EVIL, 0755) == 0 && chown(ATTACK_EVIL, ATTACK_UID, ATTACK_UID) == 0,
         ATTACK_EVIL);
    for (guint i = 0; i < G_N_ELEMENTS(ours); i++) {
        g_autofree char *from = g_build_filename(build, ours[i], NULL);
        g_autofree char *to = g_build_filename(ATTACK_BIN, ours[i], NULL);

        copy_file(from, to, 0);
    }
    copy_file("build/tests/attack/hostile-qemu", ATTACK_QEMU, 0);
    copy_file("build/tests/attack/hypervisor.so", ATTACK_BIN "/hypervisor.so", 0);
    copy_file("build/tests/attack/payload", ATTACK_EVIL "/payload", ATTACK_UID);
    copy_file("build/tests/attack/payload", ATTACK_EVIL "/xen-physmap-qemu", ATTACK_UID);
    copy_file("build/tests/attack/payload.so", ATTACK_EVIL "/xen-physmap-qemu.so", ATTACK_UID);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    if (qemu > 0) {
        kill(-qemu, SIGKILL);
        waitpid(qemu, NULL, 0);
        qemu = 0;
    }
    g_clear_pointer(&said, g_free);
    return 0;
}

/* --- the QEMU --- */

/* With one record in xenstore, which a QEMU may write as it likes. */
static void make_guest(const XenPhysmapRecord *record)
{
    g_autofree char *pid = g_strdup_printf("%d", (int)qemu);
    g_autofree char *name = g_strdup_printf("guest-%u", domid);
    g_autoptr(XenPhysmapTable) records = table_of(*record);
    GError *error = NULL;

    put(name, "/local/domain/%u/name", domid);
    put("/vm/1", "/local/domain/%u/vm", domid);
    put(pid, "/local/domain/%u/image/device-model-pid", domid);
    put("running", "/local/domain/0/device-model/%u/state", domid);
    xen_physmap_xenstore_store(ops, domid, 0, NULL, records, &error);
    expect_no_error(error);
}

/* By the launcher, as libxl does it; it attacks in this way as soon as it has given up root. */
static void start_qemu(const char *way, const XenPhysmapRecord *record)
{
    g_autofree char *number = g_strdup_printf("%u", domid);
    g_autofree char *log = g_strdup_printf(ATTACK_FOLDER "/log-%u", domid);
    g_autofree char *ready = g_strdup_printf(ATTACK_READY_FORMAT, domid);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_US;

    qemu = fork();
    if (qemu == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("XEN_PHYSMAP_QEMU", ATTACK_QEMU, 1);
        setenv("LD_PRELOAD", ATTACK_BIN "/hypervisor.so", 1);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execl(ATTACK_BIN "/xen-physmap-qemu", "xen-physmap-qemu", "-xen-domid", number, "-name",
              way, "-runas", "nobody", "-machine", "xenfv", (char *)NULL);
        _exit(127);
    }
    while (!there_is(ready)) {
        if (waitpid(qemu, NULL, WNOHANG) == qemu || g_get_monotonic_time() > deadline) {
            fail_msg("the hostile QEMU doesn't start; its log is %s", log);
        }
        g_usleep(POLL_US);
    }
    make_guest(record);
}

/* When this returns, everything that it shows of itself is the attacker's choice. */
static void await_program(pid_t pid, const char *program)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/exe", (int)pid);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_US;

    for (;;) {
        g_autofree char *now = g_file_read_link(link, NULL);

        if (g_strcmp0(now, program) == 0) {
            return;
        }
        if (g_get_monotonic_time() > deadline) {
            fail_msg("process %d is still %s", (int)pid, now);
        }
        g_usleep(POLL_US);
    }
}

/* --- the command --- */

static pid_t start_command(const char *output, va_list words)
{
    g_autofree char *program = g_build_filename(build, "xen-physmap", NULL);
    g_autofree char *number = g_strdup_printf("%u", domid);
    g_autoptr(GPtrArray) args = g_ptr_array_new();
    const char *word;
    pid_t pid;

    g_ptr_array_add(args, program);
    while ((word = va_arg(words, const char *))) {
        g_ptr_array_add(args, (char *)word);
    }
    if (qemu > 0) {
        g_ptr_array_add(args, number);
    }
    g_ptr_array_add(args, NULL);
    pid = fork();
    if (pid == 0) {
        int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("LD_PRELOAD", ATTACK_BIN "/hypervisor.so", 1);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execv(program, (char **)args->pdata);
        _exit(127);
    }
    return pid;
}

/*
 * Runs the command, on this case's guest if it has one, and sends it the signal, unless that is 0, as soon as the
 * trap has been touched. Returns its status as waitpid tells it; what it printed is in `said`.
 */
static int run_command(int signal_number, ...) G_GNUC_NULL_TERMINATED;

static int run_command(int signal_number, ...)
{
    g_autofree char *output = g_strdup_printf(ATTACK_FOLDER "/output-%u", domid);
    g_autofree char *reached = g_strdup_printf(ATTACK_REACHED_FORMAT, domid);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
    va_list words;
    struct rusage usage;
    int status;
    pid_t pid;

    va_start(words, signal_number);
    pid = start_command(output, words);
    va_end(words);
    while (wait4(pid, &status, WNOHANG, &usage) != pid) {
        if (signal_number && there_is(reached)) {
            kill(pid, signal_number);
            signal_number = 0;
        }
        if (g_get_monotonic_time() > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            g_file_get_contents(output, &said, NULL, NULL);
            fail_msg("it doesn't end: %s", said);
        }
        g_usleep(POLL_US);
    }
    peak_kib = usage.ru_maxrss;
    g_free(said);
    must(g_file_get_contents(output, &said, NULL, NULL), output);
    if (strstr(said, "runtime error:") || strstr(said, "Sanitizer")) {
        fail_msg("%s", said);
    }
    return status;
}

static void expect_exit(int status, int code)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
        fail_msg("exit code %d was awaited; status is 0x%x: %s", code, status, said);
    }
}

static void expect_said(const char *text)
{
    if (!strstr(said, text)) {
        fail_msg("'%s' was awaited: %s", text, said);
    }
}

static void expect_unharmed(void)
{
    if (there_is(ATTACK_MARK)) {
        fail_msg("root ran what the attacker chose: %s", said);
    }
    assert_int_equal(counts->pauses, 0);
}

/* --- the cases --- */

/* Without this, the other cases would show nothing. */
static void test_honest(void **state)
{
    (void)state;
    start_qemu("honest", &vram);
    expect_exit(run_command(0, "check", NULL), EXIT_FINE);
    expect_exit(run_command(0, "update-dm", "--dry-run", NULL), EXIT_FINE);
    expect_unharmed();
}

/* A node of this guest's, "" when it isn't there. Free with g_free. */
static char *node(const char *path)
{
    g_autofree char *whole = g_strdup_printf("/local/domain/%u/%s", domid, path);
    unsigned int length;
    char *found = ops->read(ops->opaque, 0, whole, &length);
    char *value = g_strdup(found ? found : "");

    free(found);
    return value;
}

/* Processes of the QEMU that the case began with, itself and what it forked. */
static guint count_left(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir))) {
        pid_t pid = atoi(name);

        n += pid > 0 && getpgid(pid) == qemu && process_identify(pid).pid;
    }
    return n;
}

/* All of an update, without Xen. */
static void test_honest_update(void **state)
{
    g_autofree char *pid = NULL;

    (void)state;
    start_qemu("honest", &vram);
    expect_exit(run_command(0, "update-dm", NULL), EXIT_FINE);
    expect_unharmed();
    pid = node("image/device-model-pid");
    assert_int_not_equal(atoi(pid), qemu);
    assert_true(process_has_ids(atoi(pid), "Uid", ATTACK_UID));
}

/* What the toolstack takes from QEMU and acts on as root. */
static void test_forged_console(void **state)
{
    g_autofree char *tty = NULL;

    (void)state;
    start_qemu("forged-console", &vram);
    expect_exit(run_command(0, "update-dm", NULL), EXIT_FINDING);
    expect_said("no pseudo-terminal of its own");
    expect_unharmed();
    tty = node("serial/0/tty");
    assert_string_equal(tty, "");
}

static void test_forged_display(void **state)
{
    g_autofree char *listen = NULL, *port = NULL;

    (void)state;
    start_qemu("forged-display", &vram);
    run_command(0, "update-dm", NULL);
    expect_unharmed();
    listen = node("console/vnc-listen");
    port = node("console/vnc-port");
    assert_string_equal(listen, "");
    assert_string_equal(port, "");
}

/* What the QEMU forked before is the attacker's as well, and has its devices open. */
static void test_children_left(void **state)
{
    (void)state;
    start_qemu("honest", &vram);
    expect_exit(run_command(0, "update-dm", NULL), EXIT_FINE);
    if (count_left() > 0) {
        fail_msg("%u processes of the old QEMU are left: %s", count_left(), said);
    }
}

static void test_setuid_program(void **state)
{
    (void)state;
    start_qemu("setuid-program", &vram);
    await_program(qemu, ATTACK_BIN "/waits");
    run_command(0, "update-dm", "--dry-run", NULL);
    expect_unharmed();
}

static void test_program_changes(void **state)
{
    (void)state;
    start_qemu("program-changes", &vram);
    run_command(0, "update-dm", "--dry-run", NULL);
    expect_unharmed();
}

static void test_bind_mount(void **state)
{
    (void)state;
    start_qemu("bind-mount", &vram);
    await_program(qemu, ATTACK_EVIL "/d/sleep");
    run_command(0, "update-dm", "--dry-run", NULL);
    expect_unharmed();
}

static void test_silent_disk(void **state)
{
    (void)state;
    start_qemu("silent-disk", &vram);
    run_command(0, "update-dm", "--dry-run", NULL);
    expect_unharmed();
}

static guint count_processes(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir))) {
        n += g_ascii_isdigit(*name);
    }
    return n;
}

/* A process that waits for such a disk can't be killed, so there must not be one for each. */
static void test_silent_disks(void **state)
{
    guint before;

    (void)state;
    start_qemu("silent-disks", &vram);
    before = count_processes();
    run_command(0, "update-dm", "--dry-run", NULL);
    assert_true(count_processes() < before + 10);
    expect_unharmed();
}

static void test_silent_disk_and_signal(void **state)
{
    (void)state;
    start_qemu("silent-disk", &vram);
    run_command(SIGTERM, "update-dm", "--dry-run", NULL);
    expect_unharmed();
}

static void test_no_accept(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fds[2];

    (void)state;
    start_qemu("no-accept", &vram);
    snprintf(address.sun_path, sizeof address.sun_path, "/run/xen/qmp-physmap-%u", domid);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(connect(fds[i], (struct sockaddr *)&address, sizeof address) == 0, address.sun_path);
    }
    expect_exit(run_command(0, "check", NULL), EXIT_TROUBLE);
    expect_said("doesn't accept");
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        close(fds[i]);
    }
    expect_unharmed();
}

static void test_silent_monitor(void **state)
{
    (void)state;
    start_qemu("silent-monitor", &vram);
    expect_exit(run_command(SIGTERM, "update-dm", "--dry-run", NULL), EXIT_TROUBLE);
    expect_said("interrupted by a signal");
    expect_unharmed();
}

/* The guest is paused then, and has to run on. */
static void test_silent_save(void **state)
{
    (void)state;
    start_qemu("silent-save", &vram);
    expect_exit(run_command(SIGTERM, "update-dm", NULL), EXIT_FINDING);
    expect_said("goes on with the old QEMU");
    expect_said("interrupted by a signal");
    expect_unharmed();
}

static void test_dribble(void **state)
{
    (void)state;
    start_qemu("dribble", &vram);
    expect_exit(run_command(SIGINT, "update-dm", "--dry-run", NULL), EXIT_TROUBLE);
    expect_said("interrupted by a signal");
    expect_unharmed();
}

static void test_flood(void **state)
{
    (void)state;
    start_qemu("flood", &vram);
    expect_exit(run_command(0, "check", NULL), EXIT_TROUBLE);
    expect_said("didn't answer in time");
    expect_unharmed();
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    start_qemu("duplicate-keys", &vram);
    expect_exit(run_command(0, "update-dm", "--dry-run", NULL), EXIT_TROUBLE);
    expect_said("the same key twice");
    expect_unharmed();
}

static void test_many_ranges(void **state)
{
    (void)state;
    start_qemu("many-ranges", &vram);
    run_command(0, "check", NULL);
    assert_true(counts->pages < 1000 * 1000);
    expect_unharmed();
}

/* Neither /run nor root's memory is for a QEMU to fill. */
static void test_endless_state(void **state)
{
    struct statvfs before, after;

    (void)state;
    start_qemu("endless-state", &vram);
    must(statvfs("/run", &before) == 0, "/run");
    expect_exit(run_command(0, "update-dm", NULL), EXIT_FINDING);
    expect_said("goes on with the old QEMU");
    must(statvfs("/run", &after) == 0, "/run");
    assert_true(before.f_bfree - after.f_bfree < 64 * 1024 * 1024 / before.f_bsize);
    expect_unharmed();
}

static void test_many_words(void **state)
{
    (void)state;
    start_qemu("many-words", &vram);
    run_command(0, "check", NULL);
    /* A reply is 8 MiB at most, and several copies are made of it. Sanitizers take more. */
    assert_true(getenv("ASAN_OPTIONS") || peak_kib < 64 * 1024);
    expect_unharmed();
}

static void test_huge_block(void **state)
{
    (void)state;
    start_qemu("huge-block", &huge);
    expect_exit(run_command(0, "check", NULL), EXIT_FINDING);
    expect_said("more than the domain can have");
    expect_unharmed();
}

/* --- another user of dom0 --- */

#define SAVEFILE "tests/data/stream/real-stdvga"
#define VICTIM ATTACK_FOLDER "/victim"
#define OUTPUT ATTACK_EVIL "/output"

static void make_file(const char *path, uid_t owner, mode_t mode)
{
    must(g_file_set_contents(path, "precious", -1, NULL), path);
    must(chown(path, owner, owner) == 0 && chmod(path, mode) == 0, path);
}

static void expect_victim_whole(void)
{
    g_autofree char *data = NULL;

    must(g_file_get_contents(VICTIM, &data, NULL, NULL), VICTIM);
    assert_string_equal(data, "precious");
}

/* A process of another user has the command line of a save. An update doesn't wait for it. */
static void test_false_save(void **state)
{
    g_autofree char *number = g_strdup_printf("%u", domid);
    pid_t pid;

    (void)state;
    start_qemu("honest", &vram);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        must(setresuid(ATTACK_UID, ATTACK_UID, ATTACK_UID) == 0, "setresuid");
        execl(ATTACK_EVIL "/payload", "libxl-save-helper", "--save-domain", "3", "4", number, "0",
              (char *)NULL);
        _exit(127);
    }
    await_program(pid, ATTACK_EVIL "/payload");
    expect_exit(run_command(0, "update-dm", "--dry-run", NULL), EXIT_FINE);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* In a folder of the attacker's there is a file with the name that the verb will write. */
static void test_link_in_folder(void **state)
{
    (void)state;
    make_file(VICTIM, 0, 0600);
    must(symlink(VICTIM, ATTACK_EVIL "/0000_00_03.0_vga.vram") == 0, "symlink");
    must(symlink(VICTIM, OUTPUT) == 0, "symlink");
    run_command(0, "extract", "--all", ATTACK_EVIL, SAVEFILE, NULL);
    expect_victim_whole();
    run_command(0, "extract", SAVEFILE, "vga.rom", OUTPUT, NULL);
    expect_victim_whole();
    run_command(0, "edit", "--strip", SAVEFILE, OUTPUT, NULL);
    expect_victim_whole();
}

/* A guest's memory isn't for others to read, or to write to, because a file of theirs was there. */
static void test_file_of_others(void **state)
{
    static const mode_t modes[] = { 0666, 04755 };
    struct stat status;

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        make_file(OUTPUT, ATTACK_UID, modes[i]);
        if (run_command(0, "edit", "--strip", SAVEFILE, OUTPUT, NULL) == 0) {
            must(stat(OUTPUT, &status) == 0, OUTPUT);
            assert_int_equal(status.st_uid, 0);
            assert_int_equal(status.st_mode & 07077, 0);
        }
    }
}

#define ATTACK(name)                                                                               \
    {                                                                                              \
#name, test_##name, begin, finish, NULL                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATTACK(honest),          ATTACK(honest_update),
        ATTACK(children_left),   ATTACK(setuid_program),
        ATTACK(program_changes), ATTACK(bind_mount),
        ATTACK(silent_disk),     ATTACK(silent_disk_and_signal),
        ATTACK(silent_disks),    ATTACK(no_accept),
        ATTACK(silent_monitor),  ATTACK(silent_save),
        ATTACK(dribble),         ATTACK(flood),
        ATTACK(huge_block),      ATTACK(many_ranges),
        ATTACK(many_words),      ATTACK(duplicate_keys),
        ATTACK(endless_state),   ATTACK(forged_console),
        ATTACK(forged_display),  ATTACK(false_save),
        ATTACK(link_in_folder),  ATTACK(file_of_others),
    };

    if (!getenv("XENSTORED_PID") || !there_is(ATTACK_FOLDER)) {
        printf("1..0 # SKIP run it by tests/attack/attacks\n");
        return 77;
    }
    if (mkdir(ATTACK_EVIL, 0755) || chown(ATTACK_EVIL, ATTACK_UID, ATTACK_UID)) {
        printf("1..0 # SKIP there is no other user to attack as; run it as root\n");
        return 77;
    }
    return cmocka_run_group_tests_name("attack", tests, set_up, tear_down);
}
