/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monitor that a guest has taken over: what is refused, and that every wait ends. */
#include "expect.h"

#include <stdio.h>
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
        /* So that a read after the end is noticed. */
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

/* "fd:N" of a descriptor: what QEMU is asked, and the error. */
static char *migrate_incoming(int file, const FakeQmpStep *steps, guint n)
{
    g_autofree char *uri = g_strdup_printf("fd:%d", file);
    g_autoptr(GError) error = NULL;
    int fd;
    FakeQmp *qmp = fake_qmp_start(steps, n, &fd);
    QmpClient *client = qmp_client_new(fd);
    gboolean loading = qmp_client_migrate_incoming(client, uri, ENOUGH_MS, &error);

    qmp_client_free(client);
    assert_null(fake_qmp_finish(qmp));
    assert_int_equal(loading, error == NULL);
    return error ? g_strdup(error->message) : NULL;
}

/* libxl passes a file by its descriptor, which QEMU 11 refuses. */
static void test_incoming_file(void **state)
{
    static const FakeQmpStep taken[] = {
        QMP_HELLO,
        { QMP_AWAIT, "\"fd:" },
        { QMP_ANSWER, "{}" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    static const FakeQmpStep newer[] = {
        QMP_HELLO,
        { QMP_AWAIT, "\"fd:" },
        { QMP_REFUSE, "fd: migration to a file is not supported" },
        { QMP_AWAIT, "add-fd" },
        { QMP_ANSWER, "{\"fdset-id\": 3, \"fd\": 20}" },
        { QMP_AWAIT, "\"file:/dev/fdset/3\"" },
        { QMP_ANSWER, "{}" },
        { QMP_AWAIT, "remove-fd" },
        { QMP_ANSWER, "{}" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    static const FakeQmpStep neither[] = {
        QMP_HELLO,
        { QMP_AWAIT, "\"fd:" },
        { QMP_REFUSE, "the first reason" },
        { QMP_AWAIT, "add-fd" },
        { QMP_ANSWER, "{\"fdset-id\": 3, \"fd\": 20}" },
        { QMP_AWAIT, "\"file:/dev/fdset/3\"" },
        { QMP_REFUSE, "unknown migration protocol" },
        { QMP_AWAIT, "remove-fd" },
        { QMP_ANSWER, "{}" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    static const FakeQmpStep no_set[] = {
        QMP_HELLO,
        { QMP_AWAIT, "\"fd:" },
        { QMP_REFUSE, "the first reason" },
        { QMP_AWAIT, "add-fd" },
        { QMP_ANSWER, "{\"fdset-id\": \"x\"}" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    FILE *file = tmpfile();
    g_autofree char *reason = NULL, *no_reason = NULL;

    (void)state;
    assert_null(migrate_incoming(fileno(file), taken, G_N_ELEMENTS(taken)));
    assert_null(migrate_incoming(fileno(file), newer, G_N_ELEMENTS(newer)));
    reason = migrate_incoming(fileno(file), neither, G_N_ELEMENTS(neither));
    assert_non_null(strstr(reason, "the first reason"));
    no_reason = migrate_incoming(fileno(file), no_set, G_N_ELEMENTS(no_set));
    assert_non_null(strstr(no_reason, "the first reason"));
    fclose(file);
}

/* A pipe has no other name. */
static void test_incoming_pipe(void **state)
{
    static const FakeQmpStep refused[] = {
        QMP_HELLO,
        { QMP_AWAIT, "\"fd:" },
        { QMP_REFUSE, "the only reason" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    int fds[2];
    g_autofree char *reason = NULL;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    reason = migrate_incoming(fds[0], refused, G_N_ELEMENTS(refused));
    assert_non_null(strstr(reason, "the only reason"));
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),          cmocka_unit_test(test_nul),
        cmocka_unit_test(test_duplicate),     cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_incoming_file), cmocka_unit_test(test_incoming_pipe),
    };

    return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
