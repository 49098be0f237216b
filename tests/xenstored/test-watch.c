/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb watch with a real xenstored: what it prints about changes, and how it ends. */
#include "expect.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen-physmap/xenstore.h>

#include "verb.h"

#define DM "/local/domain/0/device-model/5"
#define PATIENCE_MS 10000

static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0x2000000, 0x1000000 };
static const XenPhysmapRecord moved = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 };

/* A running watch. */
typedef struct Watcher {
    pid_t pid;
    int out;
} Watcher;

static XenPhysmapOps *ops;

static void put(const char *path, const char *value)
{
    assert_true(ops->write(ops->opaque, 0, path, value, strlen(value)));
}

static void add_domain(void)
{
    put("/local/domain/5/name", "guest");
    put(DM "/state", "running");
}

static int setup(void **state)
{
    GError *error = NULL;

    (void)state;
    ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error);
    if (!ops) {
        print_error("%s\n", error->message);
        return -1;
    }
    put("/local/domain/0/name", "Domain-0");
    put("/local/domain/0/device-model", "");
    ops->rm(ops->opaque, 0, "/local/domain/5");
    ops->rm(ops->opaque, 0, DM);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xen_physmap_ops_close(ops);
    return 0;
}

/* Makes `record` the domain's only record, or removes it. */
static void store(const XenPhysmapRecord *record)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    GError *error = NULL;

    assert_true(!record || xen_physmap_table_add(table, record, NULL));
    xen_physmap_xenstore_store(ops, 5, 0, NULL, table, &error);
    expect_no_error(error);
}

static Watcher start(const char *domain, const char *option)
{
    char *args[] = { "watch", (char *)domain, (char *)option, NULL };
    Watcher watcher;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    watcher.pid = fork();
    if (watcher.pid == 0) {
        int end;

        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        end = verb_watch(option ? 3 : domain ? 2 : 1, args);
        _exit(fflush(stdout) ? EXIT_TROUBLE : end);
    }
    close(fds[1]);
    watcher.out = fds[0];
    return watcher;
}

/* The next line contains this. */
static void expect_line(const Watcher *watcher, const char *wanted)
{
    struct pollfd ready = { .fd = watcher->out, .events = POLLIN };
    g_autoptr(GString) line = g_string_new(NULL);
    char byte = '\0';

    while (byte != '\n' && poll(&ready, 1, PATIENCE_MS) == 1 && read(watcher->out, &byte, 1) == 1) {
        g_string_append_c(line, byte);
    }
    if (!strstr(line->str, wanted)) {
        fail_msg("wanted '%s', got '%s'", wanted, line->str);
    }
}

static void expect_silence(const Watcher *watcher, int ms)
{
    struct pollfd ready = { .fd = watcher->out, .events = POLLIN };

    assert_int_equal(poll(&ready, 1, ms), 0);
}

static void expect_end(Watcher *watcher)
{
    int status;

    assert_int_equal(waitpid(watcher->pid, &status, 0), watcher->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FINE);
    if (watcher->out >= 0) {
        close(watcher->out);
    }
}

static void test_life(void **state)
{
    Watcher watcher;

    (void)state;
    add_domain();
    store(&vram);
    watcher = start("guest", NULL);
    expect_line(&watcher, " 5 (guest) present 0000:00:03.0/vga.vram, 16 MiB, 0x2000000\n");
    store(&moved);
    expect_line(&watcher,
                " 5 (guest) moved 0000:00:03.0/vga.vram, 16 MiB, 0x2000000 -> 0xf1000000\n");
    /* Writing the same again isn't a change. */
    store(&moved);
    expect_silence(&watcher, 300);
    ops->rm(ops->opaque, 0, "/local/domain/5");
    ops->rm(ops->opaque, 0, DM);
    expect_line(&watcher, " gone 0000:00:03.0/vga.vram, 16 MiB, 0xf1000000\n");
    put("/local/domain/5/name", "guest--incoming");
    put(DM "/state", "running");
    store(&moved);
    expect_line(&watcher, " 5 (guest--incoming) appeared ");
    kill(watcher.pid, SIGINT);
    expect_end(&watcher);
}

static void test_json(void **state)
{
    Watcher watcher;

    (void)state;
    add_domain();
    watcher = start("5", "--json");
    /* When it reports a change, it has started. */
    expect_silence(&watcher, 300);
    store(&vram);
    expect_line(&watcher, "\"domid\":5,\"name\":\"guest\",\"event\":\"appeared\",\"record\":{"
                          "\"name\":\"0000:00:03.0/vga.vram\",\"phys_offset\":33554432,"
                          "\"phys_offset_hex\":\"0x2000000\",\"start_addr\":33554432,"
                          "\"start_addr_hex\":\"0x2000000\",\"size\":16777216,"
                          "\"size_hex\":\"0x1000000\"},\"from\":null,\"from_hex\":null,"
                          "\"to\":33554432,\"to_hex\":\"0x2000000\"}\n");
    store(NULL);
    expect_line(&watcher, "\"size_hex\":\"0x1000000\"},\"from\":33554432,"
                          "\"from_hex\":\"0x2000000\",\"to\":null,\"to_hex\":null}\n");
    /* With a domid, it ends when the domain is gone. */
    ops->rm(ops->opaque, 0, "/local/domain/5");
    ops->rm(ops->opaque, 0, DM);
    expect_end(&watcher);
}

/* An old QEMU writes node by node; a broken record doesn't end it either. */
static void test_incomplete(void **state)
{
    Watcher watcher;

    (void)state;
    add_domain();
    watcher = start(NULL, NULL);
    expect_silence(&watcher, 300);
    put(DM "/physmap/2000000/start_addr", "f1000000");
    put(DM "/physmap/2000000/size", "1000000");
    g_usleep(50000);
    put(DM "/physmap/2000000/name", "vga.vram");
    expect_line(&watcher, " appeared vga.vram, 16 MiB, 0xf1000000\n");
    put(DM "/physmap/2000000/size", "nonsense");
    expect_silence(&watcher, 600);
    put(DM "/physmap/2000000/size", "1000000");
    put(DM "/physmap/2000000/start_addr", "f2000000");
    expect_line(&watcher, " moved vga.vram, 16 MiB, 0xf1000000 -> 0xf2000000\n");
    kill(watcher.pid, SIGTERM);
    expect_end(&watcher);
}

static void test_nobody_reads(void **state)
{
    Watcher watcher;

    (void)state;
    add_domain();
    watcher = start(NULL, NULL);
    expect_silence(&watcher, 200);
    close(watcher.out);
    watcher.out = -1;
    expect_end(&watcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_incomplete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_reads, setup, teardown),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
