/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an update asks of QEMU's monitor, and answers that are not what QEMU documents. */
#include "expect.h"

#include <string.h>

#include "fake-qmp.h"
#include "monitor.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocked_reasons),
        cmocka_unit_test(test_no_vnc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
