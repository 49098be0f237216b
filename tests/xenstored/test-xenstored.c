/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library with a real xenstored: complete records while others write, and when killed. */
#include "expect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen-physmap/keys.h>
#include <xen-physmap/xenstore.h>

#define DM "/local/domain/0/device-model/5"
#define PHYSMAP DM "/physmap"

static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

static XenPhysmapOps *open_ops(void)
{
    GError *error = NULL;
    XenPhysmapOps *ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error);

    if (!ops) {
        print_error("%s\n", error->message);
        abort();
    }
    return ops;
}

/* Each test begins with a device model's node and no records. */
static int setup(void **state)
{
    XenPhysmapOps *ops = open_ops();

    ops->rm(ops->opaque, 0, DM);
    ops->write(ops->opaque, 0, DM "/state", "running", 7);
    *state = ops;
    return 0;
}

static int teardown(void **state)
{
    xen_physmap_ops_close(*state);
    return 0;
}

static XenPhysmapTable *load(const XenPhysmapOps *ops)
{
    GError *error = NULL;
    XenPhysmapTable *table = xen_physmap_xenstore_load(ops, 5, 0, &error);

    expect_no_error(error);
    return table;
}

static void store(const XenPhysmapOps *ops, const XenPhysmapTable *before,
                  const XenPhysmapTable *after)
{
    GError *error = NULL;

    xen_physmap_xenstore_store(ops, 5, 0, before, after, &error);
    expect_no_error(error);
}

/* --- the real xenstored does what the mock does --- */

static void expect_text(const XenPhysmapOps *ops, guint32 transaction, const char *path,
                        const char *text)
{
    unsigned int length = 99;
    char *value = ops->read(ops->opaque, transaction, path, &length);

    if (!text) {
        assert_null(value);
        assert_int_equal(errno, ENOENT);
        return;
    }
    assert_non_null(value);
    assert_int_equal(length, strlen(text));
    assert_string_equal(value, text);
    free(value);
}

static void expect_children(const XenPhysmapOps *ops, const char *path, unsigned int n)
{
    unsigned int num = 99;
    char **names = ops->directory(ops->opaque, 0, path, &num);

    assert_non_null(names);
    assert_int_equal(num, n);
    free(names);
}

static void expect_semantics(const XenPhysmapOps *ops)
{
    gpointer host = ops->opaque;
    unsigned int num;
    guint32 a, b;

    /* A write creates the parents. They stay when the child is removed. */
    assert_true(ops->rm(host, 0, "/test") || errno == ENOENT);
    assert_true(ops->write(host, 0, "/test/a/b", "x", 1));
    expect_text(ops, 0, "/test/a", "");
    expect_children(ops, "/test/a", 1);
    assert_true(ops->rm(host, 0, "/test/a/b"));
    expect_text(ops, 0, "/test/a", "");
    expect_children(ops, "/test/a", 0);

    /* A node that doesn't exist can be removed if its parent exists. */
    assert_true(ops->rm(host, 0, "/test/none"));
    assert_false(ops->rm(host, 0, "/test/none/none"));
    assert_int_equal(errno, ENOENT);
    assert_null(ops->directory(host, 0, "/test/none", &num));
    assert_int_equal(errno, ENOENT);
    expect_text(ops, 0, "/test/none", NULL);

    /* Names, and the longest value. */
    assert_false(ops->write(host, 0, "/test/with space", "x", 1));
    assert_int_equal(errno, EINVAL);
    assert_false(ops->write(host, 0, "/test/../a", "x", 1));
    assert_int_equal(errno, EINVAL);
    g_autofree char *large = g_strnfill(5000, 'x');

    assert_false(ops->write(host, 0, "/test/large", large, 5000));
    assert_int_equal(errno, E2BIG);

    /* Others see a transaction at its end, or never. */
    a = ops->transaction_start(host);
    assert_int_not_equal(a, 0);
    assert_true(ops->write(host, a, "/test/t", "inside", 6));
    expect_text(ops, a, "/test/t", "inside");
    expect_text(ops, 0, "/test/t", NULL);
    assert_true(ops->transaction_end(host, a, TRUE));
    expect_text(ops, 0, "/test/t", NULL);
    a = ops->transaction_start(host);
    assert_true(ops->write(host, a, "/test/t", "inside", 6));
    assert_true(ops->transaction_end(host, a, FALSE));
    expect_text(ops, 0, "/test/t", "inside");
    assert_true(ops->rm(host, 0, "/test/t"));

    /* Of two that touch the same node, the second one has to run again. */
    assert_true(ops->write(host, 0, "/test/n", "0", 1));
    a = ops->transaction_start(host);
    b = ops->transaction_start(host);
    expect_text(ops, a, "/test/n", "0");
    expect_text(ops, b, "/test/n", "0");
    assert_true(ops->write(host, a, "/test/n", "a", 1));
    assert_true(ops->write(host, b, "/test/n", "b", 1));
    assert_true(ops->transaction_end(host, a, FALSE));
    assert_false(ops->transaction_end(host, b, FALSE));
    assert_int_equal(errno, EAGAIN);
    expect_text(ops, 0, "/test/n", "a");
    /* The transaction has ended anyway. */
    assert_false(ops->transaction_end(host, b, FALSE));
    assert_int_not_equal(errno, EAGAIN);
    assert_true(ops->rm(host, 0, "/test"));
}

static void test_semantics(void **state)
{
    expect_semantics(*state);
}

static void test_semantics_of_the_mock(void **state)
{
    g_autoptr(FakeHost) host = fake_host_new();

    (void)state;
    expect_semantics(fake_host_ops(host));
    expect_no_leaks(host);
}

/* --- one client --- */

static void test_round_trip(void **state)
{
    const XenPhysmapOps *ops = *state;
    const XenPhysmapRecord last = { "/rom@etc/table-loader ~", 0xffffffffffff0000, 0, 0x1000 };
    g_autoptr(XenPhysmapTable) none = load(ops);
    g_autoptr(XenPhysmapTable) first = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) second = table_of(vram, rom5, last);
    g_autoptr(XenPhysmapTable) loaded = NULL;

    assert_int_equal(xen_physmap_table_size(none), 0);
    store(ops, NULL, first);
    store(ops, first, second);
    loaded = load(ops);
    expect_records(loaded, vram, rom5, last);
    expect_text(ops, 0, PHYSMAP "/2000000/start_addr", "f1000000");
    expect_text(ops, 0, PHYSMAP "/2000000/size", "1000000");
    expect_text(ops, 0, PHYSMAP "/2000000/name", vram.name);
    expect_text(ops, 0, PHYSMAP "/3000000", NULL);
    expect_children(ops, PHYSMAP "/2000000", 3);
}

static void test_many_records(void **state)
{
    const XenPhysmapOps *ops = *state;
    g_autoptr(XenPhysmapTable) many = xen_physmap_table_new();
    g_autoptr(XenPhysmapTable) none = xen_physmap_table_new();
    g_autoptr(XenPhysmapTable) loaded = NULL;
    XenPhysmapRecord record = { "rom", 0, 0, 0x1000 };

    /* Longer than one answer of the daemon; oxenstored can't send it in parts. */
    guint n = strcmp(getenv("XENSTORED_NAME"), "oxenstored") == 0 ? 400 : 1000;

    for (guint i = 0; i < n; i++) {
        record.phys_offset = record.start_addr = 0x123456000 + ((guint64)i << 12);
        assert_true(xen_physmap_table_add(many, &record, NULL));
    }
    store(ops, NULL, many);
    loaded = load(ops);
    assert_true(xen_physmap_table_equal(loaded, many));
    store(ops, many, none);
    expect_children(ops, PHYSMAP, 0);
}

static void test_no_folder(void **state)
{
    const XenPhysmapOps *ops = *state;
    g_autoptr(XenPhysmapTable) one = table_of(vram);
    g_autoptr(XenPhysmapTable) two = table_of(vram, rom4);
    GError *error = NULL;

    assert_true(ops->rm(ops->opaque, 0, DM));
    assert_false(xen_physmap_xenstore_store(ops, 5, 0, NULL, one, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, DM);
    assert_false(xen_physmap_xenstore_store(ops, 5, 0, one, two, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, DM);
    expect_text(ops, 0, DM, NULL);
}

/* --- several clients, each a process --- */

/* In a child, a failed assertion ends it. The parent sees that. */
static void insist(gboolean so, const char *what)
{
    if (!so) {
        fprintf(stderr, "in a child: %s\n", what);
        _exit(1);
    }
}

static void expect_end(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Whether the parent has finished, seen by the end of its pipe. */
static gboolean told_to_stop(int fd)
{
    struct timeval now = { 0, 0 };
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &now) > 0;
}

static void test_reader_sees_whole_states(void **state)
{
    const XenPhysmapOps *ops = *state;
    g_autoptr(XenPhysmapTable) one = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) two =
        table_of({ "0000:00:03.0/vga.vram", 0x2000000, 0xe0000000, 0x1000000 }, rom5);
    int stop[2];
    pid_t reader;

    store(ops, NULL, one);
    assert_int_equal(pipe(stop), 0);
    reader = fork();
    if (reader == 0) {
        XenPhysmapOps *own = open_ops();
        guint seen[2] = { 0, 0 };

        close(stop[1]);
        while (!told_to_stop(stop[0])) {
            g_autoptr(GError) error = NULL;
            g_autoptr(XenPhysmapTable) table = xen_physmap_xenstore_load(own, 5, 0, &error);

            /* A writer that never pauses can win every time. That is an error, and is reported. */
            if (g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_CONFLICT)) {
                continue;
            }
            insist(table != NULL, error ? error->message : "no table and no error");
            insist(xen_physmap_table_equal(table, one) || xen_physmap_table_equal(table, two),
                   "a mix of two states was read");
            seen[xen_physmap_table_equal(table, two)]++;
        }
        insist(seen[0] && seen[1], "the reader never saw both states");
        _exit(0);
    }
    close(stop[0]);
    for (guint i = 0; i < 150; i++) {
        store(ops, i % 2 ? two : one, i % 2 ? one : two);
        g_usleep(500);
    }
    close(stop[1]);
    expect_end(reader);
}

#define WRITERS 3
#define RECORDS 8

/* Adds its own records one by one, and moves each as a BAR is moved. */
static void write_own(guint number)
{
    XenPhysmapOps *ops = open_ops();
    g_autoptr(XenPhysmapTable) before = xen_physmap_table_new();

    for (guint i = 0; i < 2 * RECORDS; i++) {
        g_autoptr(XenPhysmapTable) after = xen_physmap_table_copy(before);
        g_autoptr(GError) error = NULL;
        guint64 offset = ((guint64)number << 24) + ((guint64)(i / 2) << 12);
        XenPhysmapRecord record = { "", offset, offset, 0x1000 };

        g_snprintf(record.name, sizeof record.name, "writer%u/block%u", number, i / 2);
        insist(i % 2 ? xen_physmap_table_move(after, offset, offset + 0x80000000, NULL)
                     : xen_physmap_table_add(after, &record, NULL),
               "the table refused");
        while (!xen_physmap_xenstore_store(ops, 5, 0, before, after, &error)) {
            insist(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_CONFLICT),
                   error->message);
            g_clear_error(&error);
        }
        xen_physmap_table_free(before);
        before = g_steal_pointer(&after);
    }
    _exit(0);
}

/* As libxl saves: lists the entries, then reads the three nodes of each, without a transaction. */
static void save_as_libxl(int stop)
{
    static const char *const nodes[] = { "start_addr", "size", "name" };
    XenPhysmapOps *ops = open_ops();

    while (!told_to_stop(stop)) {
        unsigned int num = 0, length;
        char **entries = ops->directory(ops->opaque, 0, PHYSMAP, &num);
        g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();

        for (unsigned int i = 0; i < num; i++) {
            for (guint j = 0; j < G_N_ELEMENTS(nodes); j++) {
                g_autofree char *key = g_strdup_printf("physmap/%s/%s", entries[i], nodes[j]);
                g_autofree char *path = g_strdup_printf(DM "/%s", key);
                char *value = ops->read(ops->opaque, 0, path, &length);
                g_autoptr(GError) error = NULL;

                insist(value != NULL, "a listed record lacks a node");
                insist(xen_physmap_keys_add(keys, key, strlen(key), value, length, &error),
                       error ? error->message : "");
                free(value);
            }
        }
        free(entries);
        g_autoptr(XenPhysmapTable) table = xen_physmap_keys_table(keys, NULL);

        insist(table != NULL, "what was read is no table");
    }
    _exit(0);
}

static void test_writers_and_a_toolstack(void **state)
{
    const XenPhysmapOps *ops = *state;
    g_autoptr(XenPhysmapTable) loaded = NULL;
    pid_t writers[WRITERS], toolstack;
    int stop[2];

    assert_int_equal(pipe(stop), 0);
    toolstack = fork();
    if (toolstack == 0) {
        close(stop[1]);
        save_as_libxl(stop[0]);
    }
    for (guint i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            close(stop[1]);
            write_own(i + 1);
        }
    }
    for (guint i = 0; i < WRITERS; i++) {
        expect_end(writers[i]);
    }
    close(stop[0]);
    close(stop[1]);
    expect_end(toolstack);

    loaded = load(ops);
    assert_int_equal(xen_physmap_table_size(loaded), WRITERS * RECORDS);
    for (guint i = 0; i < WRITERS * RECORDS; i++) {
        const XenPhysmapRecord *record = xen_physmap_table_get(loaded, i);

        assert_int_equal(record->start_addr, record->phys_offset + 0x80000000);
    }
}

/* --- killed at any point --- */

static XenPhysmapTable *old_table(void)
{
    return table_of(vram, rom4);
}

static XenPhysmapTable *new_table(void)
{
    return table_of({ "0000:00:03.0/vga.vram", 0x2000000, 0xe0000000, 0x1000000 }, rom5);
}

/* One update, from connecting to disconnecting, traced by the parent. */
static void update_once(void)
{
    g_autoptr(XenPhysmapTable) before = old_table();
    g_autoptr(XenPhysmapTable) after = new_table();

    insist(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "this machine doesn't allow ptrace");
    raise(SIGSTOP);
    XenPhysmapOps *ops = open_ops();

    insist(xen_physmap_xenstore_store(ops, 5, 0, before, after, NULL), "the update failed");
    xen_physmap_ops_close(ops);
    _exit(0);
}

/* Lets the update run up to its n-th system call and kills it there. FALSE when it ended before. */
static gboolean kill_at(guint n)
{
    pid_t child = fork();
    gboolean entering = FALSE;
    guint calls = 0;
    int status;

    if (child == 0) {
        update_once();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        int signal = WSTOPSIG(status);

        ptrace(PTRACE_SYSCALL, child, NULL, signal == SIGSTOP || signal & 0x80 ? 0 : signal);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return FALSE;
        }
        assert_true(WIFSTOPPED(status));
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            entering = !entering;
            if (entering && ++calls == n) {
                break;
            }
        }
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return TRUE;
}

static void test_killed_at_any_point(void **state)
{
    const XenPhysmapOps *ops = *state;
    g_autoptr(XenPhysmapTable) before = old_table();
    g_autoptr(XenPhysmapTable) after = new_table();
    guint n_old = 0, n_new = 0;
    gboolean killed = TRUE;

    for (guint n = 1; killed; n++) {
        g_autoptr(XenPhysmapTable) now = NULL;

        /* A commit that is still on its way when the record is reset meets a conflict. */
        store(ops, NULL, before);
        killed = kill_at(n);
        now = load(ops);
        if (xen_physmap_table_equal(now, before)) {
            n_old++;
        } else {
            assert_true(xen_physmap_table_equal(now, after));
            n_new++;
        }
    }
    print_message("# killed at %u system calls: %u times the old records, %u times the new\n",
                  n_old + n_new - 1, n_old, n_new);
    assert_true(n_old > 10);
    assert_true(n_new > 1);
}

/* --- the daemon goes; nothing can come after this test --- */

static void test_daemon_gone(void **state)
{
    const XenPhysmapOps *ops = *state;
    g_autoptr(XenPhysmapTable) one = table_of(vram);
    GError *error = NULL;

    kill(atoi(getenv("XENSTORED_PID")), SIGKILL);
    assert_null(xen_physmap_xenstore_load(ops, 5, 0, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "is xenstored running?");
    assert_false(xen_physmap_xenstore_store(ops, 5, 0, NULL, one, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "is xenstored running?");
    /* The kernel closes its connections first and its socket somewhat later. */
    for (guint i = 0; i < 500 && !error; i++) {
        xen_physmap_ops_close(xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error));
        g_usleep(10000);
    }
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "can't reach xenstored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_semantics, setup, teardown),
        cmocka_unit_test(test_semantics_of_the_mock),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_sees_whole_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writers_and_a_toolstack, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_at_any_point, setup, teardown),
        cmocka_unit_test_setup_teardown(test_daemon_gone, setup, teardown),
    };

    if (!getenv("XENSTORED_PID")) {
        printf("1..0 # SKIP run it by tests/xenstored/with-xenstored\n");
        return 77;
    }
    return cmocka_run_group_tests_name("xenstored", tests, NULL, NULL);
}
