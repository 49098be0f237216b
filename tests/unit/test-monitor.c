/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an update asks of QEMU's monitor, and answers that are not what QEMU documents. */
#include "expect.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fake-qmp.h"
#include "monitor.h"
#include "update.h"

/* Sends one command's answer, and gives the result of `ask`. */
#define with_monitor(ask, ...)                                                                     \
    do {                                                                                           \
        static const FakeQmpStep steps[] = { QMP_HELLO, __VA_ARGS__, { QMP_AWAIT_CLOSE, NULL } };  \
        int fd;                                                                                    \
        FakeQmp *fake = fake_qmp_start(steps, G_N_ELEMENTS(steps), &fd);                           \
        QmpClient *qmp = qmp_client_new(fd);                                                       \
        g_autofree char *problem = NULL;                                                           \
                                                                                                   \
        ask;                                                                                       \
        qmp_client_free(qmp);                                                                      \
        problem = fake_qmp_finish(fake);                                                           \
        if (problem) {                                                                             \
            fail_msg("%s", problem);                                                               \
        }                                                                                          \
    } while (0)

static void test_blocked_reasons(void **unused)
{
    GPtrArray *reasons = NULL;
    GError *error = NULL;

    (void)unused;
    with_monitor(reasons = monitor_blocked_reasons(qmp, &error), { QMP_AWAIT, "query-migrate" },
                 { QMP_ANSWER, "{}" });
    expect_no_error(error);
    assert_int_equal(reasons->len, 0);
    g_ptr_array_unref(reasons);
    with_monitor(reasons = monitor_blocked_reasons(qmp, &error), { QMP_AWAIT, "query-migrate" },
                 { QMP_ANSWER, "{\"blocked-reasons\": [\"State blocked by non-migratable device "
                               "'0000:00:06.0/nvme'\", \"two\\nlines\", 3]}" });
    expect_no_error(error);
    assert_int_equal(reasons->len, 3);
    for (guint i = 0; i < reasons->len; i++) {
        expect_message(g_ptr_array_index(reasons, i));
    }
    assert_non_null(strstr(g_ptr_array_index(reasons, 0), "non-migratable device"));
    g_ptr_array_unref(reasons);
    with_monitor(reasons = monitor_blocked_reasons(qmp, &error), { QMP_AWAIT, "query-migrate" },
                 { QMP_ANSWER, "{\"blocked-reasons\": true}" });
    assert_null(reasons);
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "query-migrate");
}

/* What it says of its images differs: the one in standby has none to give up. */
static void test_save(void **unused)
{
    GError *error = NULL;
    gboolean saved = FALSE;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)unused;
    with_monitor(saved = monitor_save(qmp, null, &error), { QMP_AWAIT, "\"stop\"" },
                 { QMP_ANSWER, "{}" }, { QMP_AWAIT, "add-fd" },
                 { QMP_ANSWER, "{\"fdset-id\": 3, \"fd\": 29}" },
                 { QMP_AWAIT, "{\"filename\":\"/proc/self/fd/29\",\"live\":true}" },
                 { QMP_ANSWER, "{}" }, { QMP_AWAIT, "\"fdset-id\":3" }, { QMP_ANSWER, "{}" });
    expect_no_error(error);
    assert_true(saved);
    with_monitor(saved = monitor_try_save(qmp, null, &error), { QMP_AWAIT, "add-fd" },
                 { QMP_ANSWER, "{\"fdset-id\": 3, \"fd\": 29}" }, { QMP_AWAIT, "\"live\":false" },
                 { QMP_REFUSE, "no" }, { QMP_AWAIT, "remove-fd" }, { QMP_ANSWER, "{}" });
    assert_false(saved);
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "QEMU refused xen-save-devices-state: no");
    with_monitor(saved = monitor_try_save(qmp, null, &error), { QMP_AWAIT, "add-fd" },
                 { QMP_ANSWER, "{\"fdset-id\": 3}" });
    assert_false(saved);
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "add-fd");
    close(null);
}

static void test_no_vnc(void **unused)
{
    MonitorVnc *vnc = NULL;
    GError *error = NULL;

    (void)unused;
    with_monitor(vnc = monitor_vnc(qmp, &error), { QMP_AWAIT, "query-vnc" },
                 { QMP_UNKNOWN, "The command query-vnc has not been found" });
    expect_no_error(error);
    assert_null(vnc->host);
    assert_int_equal(vnc->clients->len, 0);
    monitor_vnc_free(vnc);
    with_monitor(vnc = monitor_vnc(qmp, &error), { QMP_AWAIT, "query-vnc" }, { QMP_REFUSE, "no" });
    assert_null(vnc);
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "QEMU refused query-vnc: no");
}

static void test_parts(void **unused)
{
    MonitorParts *parts = NULL;
    GError *error = NULL;

    (void)unused;
    with_monitor(parts = monitor_parts(qmp, &error), { QMP_AWAIT, "query-cpus-fast" },
                 { QMP_ANSWER, "[{\"cpu-index\": 1}, {\"cpu-index\": 0}]" },
                 { QMP_AWAIT, "query-pci" },
                 { QMP_ANSWER, "[{\"bus\": 0, \"devices\": [{\"bus\": 0, \"slot\": 4, "
                               "\"function\": 0, \"qdev_id\": \"nic0\", "
                               "\"id\": {\"vendor\": 4332, \"device\": 33081}}, {}]}, 7]" },
                 { QMP_AWAIT, "query-block" },
                 { QMP_ANSWER, "[{\"device\": \"ide0-hd0\", \"inserted\": {\"file\": \"/a\"}}, "
                               "{\"device\": \"\", \"qdev\": \"/x\\n\"}, "
                               "{\"device\": \"\", \"qdev\": \"/machine/unattached/device[31]\", "
                               "\"inserted\": {\"file\": \"/b\"}}]" });
    expect_no_error(error);
    assert_int_equal(parts->lines->len, 7);
    assert_string_equal(parts->lines->pdata[0], "PCI device 00:04.0 (10ec:8139)");
    assert_string_equal(parts->lines->pdata[3], "drive ide0-hd0 with /a");
    assert_string_equal(parts->lines->pdata[4], MONITOR_UNNAMED_DRIVE " with /b");
    assert_string_equal(parts->lines->pdata[5], "vcpu 0");
    for (guint i = 0; i < parts->lines->len; i++) {
        expect_message(parts->lines->pdata[i]);
    }
    assert_int_equal(parts->names->len, 2);
    assert_int_equal(parts->vcpus, 2);
    assert_int_equal(parts->empty->len, 0);
    monitor_parts_free(parts);
    with_monitor(parts = monitor_parts(qmp, &error), { QMP_AWAIT, "query-cpus-fast" },
                 { QMP_ANSWER, "{}" });
    assert_null(parts);
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "query-cpus-fast");
}

/* As libxl has them: the first card and the first disk are unplugged. */
static void test_unplugged(void **unused)
{
    g_auto(GStrv) args = g_strsplit(
        "-S -device rtl8139,id=nic0,netdev=net0,mac=00:16 -netdev type=tap,id=net0,ifname=a "
        "-device e1000,id=nic1,netdev=net1 -netdev type=tap,id=net1 "
        "-drive file=/a,if=ide,index=0,media=disk,format=raw "
        "-drive file=/b,if=ide,index=1,media=disk "
        "-drive if=ide,index=2,media=cdrom,id=ide-5632 -m 64",
        " ", -1);
    g_autoptr(GPtrArray) names = g_ptr_array_new(), notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *left = NULL;

    (void)unused;
    g_ptr_array_add(names, (gpointer) "nic1");
    g_ptr_array_add(names, (gpointer) "ide0-hd1");
    update_drop_unplugged(&args, names, notes);
    left = g_strjoinv(" ", args);
    assert_string_equal(left, "-S -device e1000,id=nic1,netdev=net1 -netdev type=tap,id=net1 "
                              "-drive file=/b,if=ide,index=1,media=disk "
                              "-drive if=ide,index=2,media=cdrom,id=ide-5632 -m 64");
    assert_int_equal(notes->len, 2);
    expect_message(notes->pdata[0]);
    assert_non_null(strstr(notes->pdata[1], "disk ide0-hd0"));
}

static void expect_machine(const char *type, const char *old, const char *new, const char *wanted)
{
    GError *error = NULL;
    g_autofree char *found = update_machine_type(type, old, new, &error);

    if (wanted) {
        expect_no_error(error);
        assert_string_equal(found, wanted);
    } else {
        assert_null(found);
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "doesn't know the machine type");
    }
}

/* As QEMU 7.2, 10 and 11 have them. */
static void test_machine_types(void **unused)
{
    static const char old[] = "xenfv                Xen Fully-virtualized PC (alias of xenfv-3.1)\n"
                              "xenfv-4.2            Xen Fully-virtualized PC\n"
                              "xenfv-3.1            Xen Fully-virtualized PC\n"
                              "pc                   Standard PC (alias of pc-i440fx-7.2)\n"
                              "pc-i440fx-7.2        Standard PC\n";
    static const char middle[] = "xenfv             Xen Fully-virtualized PC (alias of xenfv-4.2)\n"
                                 "xenfv-4.2         Xen Fully-virtualized PC\n"
                                 "xenfv-3.1         Xen Fully-virtualized PC (deprecated)\n"
                                 "pc                Standard PC (alias of pc-i440fx-10.0)\n"
                                 "pc-i440fx-7.2     Standard PC\n";
    static const char new[] = "xenfv                Xen Fully-virtualized PC (alias of xenfv-4.2)\n"
                              "xenfv-4.2            Xen Fully-virtualized PC\n";

    (void)unused;
    expect_machine("xenfv", old, old, "xenfv");
    expect_machine("xenfv", old, middle, "xenfv-3.1");
    expect_machine("pc", old, middle, "pc-i440fx-7.2");
    expect_machine("xenfv-4.2", old, middle, "xenfv-4.2");
    expect_machine("xenfv", middle, new, "xenfv");
    expect_machine("xenfv", old, new, NULL);
    expect_machine("pc", middle, new, NULL);
    expect_machine("xenfv", "", new, "xenfv");
}

static void test_changes(void **unused)
{
    g_auto(GStrv) args = g_strsplit(
        "-smp 1,maxcpus=4 -drive file=/a,,b,format=raw,if=ide,index=2,media=cdrom,id=ide-5632 "
        "-drive if=ide,index=3,media=cdrom,file=/c,id=ide-5696 "
        "-drive if=none,readonly=on,id=ide-832,file=/d,format=raw -m 64",
        " ", -1);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    MonitorParts parts = { .empty = g_ptr_array_new(), .vcpus = 3 };
    g_autofree char *left = NULL;

    (void)unused;
    g_ptr_array_add(parts.empty, (gpointer) "ide-5632");
    g_ptr_array_add(parts.empty, (gpointer) "ide-832"); /* as libxl 4.17 has it */
    update_carry_changes(&args, &parts, notes);
    left = g_strjoinv(" ", args);
    assert_string_equal(left, "-smp 3,maxcpus=4 -drive if=ide,index=2,media=cdrom,id=ide-5632 "
                              "-drive if=ide,index=3,media=cdrom,file=/c,id=ide-5696 "
                              "-drive if=none,readonly=on,id=ide-832 -m 64");
    assert_int_equal(notes->len, 3);
    for (guint i = 0; i < notes->len; i++) {
        expect_message(notes->pdata[i]);
    }
    /* Vcpus that went offline stay in QEMU. */
    parts.vcpus = 2;
    update_carry_changes(&args, &parts, notes);
    assert_string_equal(args[1], "3,maxcpus=4");
    g_ptr_array_unref(parts.empty);
}

static void test_version(void **unused)
{
    g_autofree char *version = NULL, *none = NULL;
    GError *error = NULL;

    (void)unused;
    with_monitor(version = monitor_version(qmp, &error), { QMP_AWAIT, "query-version" },
                 { QMP_ANSWER, "{\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": 22}, "
                               "\"package\": \"x\"}" });
    expect_no_error(error);
    assert_string_equal(version, "7.2.22");
    with_monitor(none = monitor_version(qmp, &error), { QMP_AWAIT, "query-version" },
                 { QMP_ANSWER, "{\"qemu\": 7}" });
    assert_null(none);
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "query-version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocked_reasons), cmocka_unit_test(test_no_vnc),
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_changes),
        cmocka_unit_test(test_version),         cmocka_unit_test(test_unplugged),
        cmocka_unit_test(test_machine_types),   cmocka_unit_test(test_save),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
