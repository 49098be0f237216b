/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monitor that a guest has taken over: what is refused, and that no wait has no end. */
#include "expect.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-qmp.h"
#include "json-limits.h"
#include "qmp.h"

#define ENOUGH_MS 10000

#define EVENT "{\"event\": \"RESUME\"}\r\n"

static void test_json(void **state)
{
    static const struct {
        const char *text, *refusal;
    } cases[] = {
        { "{}", NULL },
        { "{\"a\": 1, \"b\": {\"a\": 2}, \"c\": [{\"a\": 3}, {\"a\": 4}]}", NULL },
        { "[\"a\", \"a\"]", NULL },
        { "{\"a\": \"a\", \"b\": \"a\"}", NULL },
        { "{\"a\": [], \"b\": {}, \"a\": 1}", "the same key twice" },
        { "{\"x\": {\"a\": 1, \"a\": 2}}", "the same key twice" },
        { "[{\"x\": [1, {\"a\": 1, \"a\": 2}]}]", "the same key twice" },
        { "{\"a\": 1, \"\\u0061\": 2}", "a key has an escape" },
        { "{\"a\\\"\": 1}", "a key has an escape" },
        { "{\"a\": \"\\\"a\\\": 1, \\\"a\\\"\"}", NULL },
        { "{\"a\": \"x\\u0000y\"}", "a string has a NUL" },
        { "{\"a\": \"x\\\\u0000y\"}", NULL },
        { "{\"a\": \"x\\u000", NULL },
        { "{\"a\": \"x\\", NULL },
        { "}{", "more than one value" },
        { "]", NULL },
        { "\"", NULL },
        { "", NULL },
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        /* So that a look behind the end is seen. */
        gsize length = strlen(cases[i].text);
        g_autofree char *text = g_memdup2(cases[i].text, length ? length : 1);
        const char *refusal = json_refusal(text, length);

        if (cases[i].refusal ? !refusal || !strstr(refusal, cases[i].refusal) : refusal != NULL) {
            fail_msg("%s: %s", cases[i].text, refusal ? refusal : "taken");
        }
    }
    assert_non_null(strstr(json_refusal("{\0}", 3), "a NUL"));
}

static void test_nul(void **state)
{
    static const char line[] = "{\"QMP\": {}}\0{}\n";
    g_autoptr(QmpClient) client = NULL;
    GError *error = NULL;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client = qmp_client_new(fds[0]);
    assert_int_equal(write(fds[1], line, sizeof line - 1), sizeof line - 1);
    assert_null(qmp_client_execute(client, "stop", NULL, ENOUGH_MS, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "a line with a NUL");
    close(fds[1]);
}

static void test_duplicate(void **state)
{
    static const FakeQmpStep steps[] = {
        QMP_HELLO,
        { QMP_AWAIT, "query-status" },
        { QMP_ANSWER, "{\"status\": \"paused\", \"status\": \"running\"}" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    GError *error = NULL;
    int fd;
    FakeQmp *qmp = fake_qmp_start(steps, G_N_ELEMENTS(steps), &fd);
    QmpClient *client = qmp_client_new(fd);

    (void)state;
    assert_null(qmp_client_execute(client, "query-status", NULL, ENOUGH_MS, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "the same key twice");
    qmp_client_free(client);
    assert_null(fake_qmp_finish(qmp));
}

/* There is always something to read, and the time of one answer isn't over. */
static void test_conversation(void **state)
{
    static const FakeQmpStep steps[] = {
        { QMP_SEND, QMP_GREETING },
        { QMP_FLOOD, EVENT },
    };
    GError *error = NULL;
    int fd;
    FakeQmp *qmp = fake_qmp_start(steps, G_N_ELEMENTS(steps), &fd);
    QmpClient *client = qmp_client_new(fd);

    (void)state;
    qmp_client_limit(client, 50);
    assert_null(qmp_client_execute(client, "stop", NULL, G_MAXINT, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "didn't answer in time");
    assert_null(qmp_client_execute(client, "stop", NULL, G_MAXINT, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "didn't answer in time");
    qmp_client_free(client);
    assert_null(fake_qmp_finish(qmp));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_conversation),
    };

    return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
