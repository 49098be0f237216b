/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The complete component, with a real xenstored that is killed and restarted, empty. A line of QEMU's
 * that can't be parsed costs no other block its record, and is reported once.
 */
#include "expect.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xendevicemodel.h>
#include <xenforeignmemory.h>

#include <xen-physmap/xenstore.h>

#include "recorder.h"
#include "fake-qmp.h"

#define DM "/local/domain/0/device-model/5"
#define PATIENCE_US (30 * G_TIME_SPAN_SECOND)
#define SURVEYS 2000

static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0x2000000, 0x1000000 };
static const XenPhysmapRecord in_bar = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000,
                                         0x1000000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

static const char ramblocks[] =
    "            Block Name    PSize              Offset               Used              Total\r\n"
    " 0000:00:03.0/vga.vram    4 KiB  0x0000000002000000 0x0000000001000000 0x0000000001000000\r\n"
    "  0000:00:06.0/odd.rom    4 KiB  0x00000000030800G0 0x0000000000040000 0x0000000000040000\r\n"
    "0000:00:04.0/e1000.rom    4 KiB  0x0000000003000000 0x0000000000040000 0x0000000000040000\r\n"
    "0000:00:05.0/e1000.rom    4 KiB  0x0000000003040000 0x0000000000040000 0x0000000000040000\r\n";
static const char mtree[] = "FlatView #1\r\n"
                            " AS \"memory\", root: system\r\n"
                            " Root memory region: system\r\n"
                            "  00000000f1000000-00000000f1ffffff (prio 1, ram): vga.vram\r\n";

/* --- the hypervisor: which of the blocks' first pages the domain has --- */

static atomic_bool vram_moved, rom5_there;

static gboolean has_page(guint64 gfn)
{
    return gfn == rom4.start_addr >> 12 || (gfn == rom5.start_addr >> 12 && rom5_there) ||
           gfn == (vram_moved ? in_bar : vram).start_addr >> 12;
}

static char handle;

xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return (xendevicemodel_handle *)&handle;
}

int xendevicemodel_close(xendevicemodel_handle *dmod)
{
    (void)dmod;
    return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return (xenforeignmemory_handle *)&handle;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    (void)fmem;
    return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t arr[], int err[])
{
    (void)fmem;
    (void)dom;
    for (size_t i = 0; i < pages; i++) {
        err[i] = has_page(arr[i]) ? 0 : -EINVAL;
    }
    return mmap(NULL, pages << 12, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem;
    return munmap(addr, pages << 12);
}

/* --- xenstored --- */

static pid_t daemon_pid;

static void kill_daemon(void)
{
    kill(daemon_pid, SIGKILL);
    /* The first one isn't a child of this process. */
    if (waitpid(daemon_pid, NULL, 0) != daemon_pid) {
        g_usleep(200 * G_TIME_SPAN_MILLISECOND);
    }
}

static void start_daemon(void)
{
    g_autofree char *start = g_build_filename(getenv("XENSTORED_RUNDIR"), "start", NULL);

    daemon_pid = fork();
    if (daemon_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/bin/sh", "sh", start, NULL);
        _exit(127);
    }
}

/* Connects as soon as that is possible. */
static XenPhysmapOps *connect_anew(void)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_US;
    XenPhysmapOps *ops;

    while (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, NULL))) {
        assert_true(g_get_monotonic_time() < end);
        g_usleep(10000);
    }
    return ops;
}

static void expect_soon(const XenPhysmapOps *ops, const XenPhysmapTable *wanted)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_US;

    for (;;) {
        g_autoptr(XenPhysmapTable) now = xen_physmap_xenstore_load(ops, 5, 0, NULL);

        if (now && xen_physmap_table_equal(now, wanted)) {
            return;
        }
        if (g_get_monotonic_time() > end) {
            fail_msg("%u records, and not the %u that were awaited",
                     now ? xen_physmap_table_size(now) : 0, xen_physmap_table_size(wanted));
        }
        g_usleep(10000);
    }
}

/* --- what the component says --- */

static int log_fd, real_stderr;

static int divert_stderr(void **state)
{
    (void)state;
    log_fd = memfd_create("log", MFD_CLOEXEC);
    real_stderr = dup(STDERR_FILENO);
    return dup2(log_fd, STDERR_FILENO) < 0;
}

static char *said(void)
{
    char text[8192];
    ssize_t n = pread(log_fd, text, sizeof text - 1, 0);

    return g_strndup(text, MAX(n, 0));
}

static int show_stderr(void **state)
{
    g_autofree char *all = said();

    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    fputs(all, stderr);
    return 0;
}

static void expect_said(const char *text)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_US;

    for (;;) {
        g_autofree char *all = said();

        if (strstr(all, text)) {
            return;
        }
        if (g_get_monotonic_time() > end) {
            fail_msg("'%s' wasn't said", text);
        }
        g_usleep(10000);
    }
}

static guint count_said(const char *text)
{
    g_autofree char *all = said();
    guint n = 0;

    for (const char *at = all; (at = strstr(at, text)); at += strlen(text)) {
        n++;
    }
    return n;
}

static atomic_bool running;

static void resume(gpointer data)
{
    (void)data;
    running = TRUE;
}

static void test_restart(void **state)
{
    static FakeQmpStep steps[3 + 4 * SURVEYS] = { QMP_HELLO };
    const FakeQmpStep survey[] = {
        { QMP_AWAIT, "info ramblock" },
        { QMP_TEXT, ramblocks },
        { QMP_AWAIT, "info mtree -f" },
        { QMP_TEXT, mtree },
    };
    g_autoptr(XenPhysmapTable) first = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) second = table_of(in_bar, rom4);
    g_autoptr(XenPhysmapTable) third = table_of(in_bar, rom4, rom5);
    XenPhysmapOps *ops = connect_anew();
    int qmp;

    (void)state;
    for (guint i = 0; i < SURVEYS; i++) {
        memcpy(&steps[3 + 4 * i], survey, sizeof survey);
    }
    fake_qmp_start(steps, G_N_ELEMENTS(steps), &qmp);
    ops->write(ops->opaque, 0, DM "/state", "", 0);
    recorder_init(5, qmp, NULL, RESTORE_REFUSE, NULL, NULL);
    assert_true(recorder_running(resume, NULL));
    expect_soon(ops, first);
    vram_moved = TRUE;
    recorder_poke();
    expect_soon(ops, second);
    assert_true(running);
    xen_physmap_ops_close(ops);

    /* xenstored ends, and the layout changes: that is reported, and QEMU doesn't wait. */
    kill_daemon();
    rom5_there = TRUE;
    recorder_poke();
    expect_said("is xenstored running?; the guest runs on, and this is tried again");
    /* It is back and knows no domain. For an unknown domain, nothing may be recorded. */
    start_daemon();
    ops = connect_anew();
    expect_said(DM ": No such file or directory; the guest runs on, and this is tried again");
    ops->write(ops->opaque, 0, DM "/state", "running", 7);
    expect_soon(ops, third);
    expect_said("the records are up to date again");
    xen_physmap_ops_close(ops);

    /* Nothing changes while it is gone, and then something does: no record is incomplete. */
    kill_daemon();
    start_daemon();
    ops = connect_anew();
    ops->write(ops->opaque, 0, DM "/state", "running", 7);
    rom5_there = FALSE;
    recorder_poke();
    expect_soon(ops, second);
    assert_int_equal(count_said("odd.rom"), 1);
    assert_int_equal(count_said("that block alone isn't recorded"), 1);
    xen_physmap_ops_close(ops);
    kill_daemon();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restart, divert_stderr, show_stderr),
    };

    if (!getenv("XENSTORED_PID")) {
        printf("1..0 # SKIP run it by tests/xenstored/with-xenstored\n");
        return 77;
    }
    daemon_pid = atoi(getenv("XENSTORED_PID"));
    return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
