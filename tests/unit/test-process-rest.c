/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing of an old QEMU is left; what the new one started is, and so are others' processes. */
#include "expect.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process-rest.h"
#include "trusted-file.h"

/* Users that nobody else has: not even another run of this test on the same machine. */
#define USER (234567 + 2 * (uid_t)getpid())

/* A QEMU with a child, a grandchild that left its parent, and one that left the session too. */
enum { QEMU, CHILD, ORPHAN, STRAY, NUM };

typedef struct Family {
    ProcessId ids[NUM];
} Family;

static void tell_and_wait(int out, int who)
{
    const pid_t told[2] = { who, getpid() };

    alarm(60); /* when the test fails, nobody ends it */
    if (write(out, told, sizeof told) != sizeof told) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

/* Forks twice; the one in between ends at once, so the parent becomes init. */
static void fork_away(int out, int who)
{
    if (fork() == 0) {
        if (fork() == 0) {
            if (who == STRAY) {
                setsid();
            }
            tell_and_wait(out, who);
        }
        _exit(0);
    }
    wait(NULL);
}

static void begin(Family *family, uid_t user)
{
    int out[2];
    pid_t told[2];

    assert_int_equal(pipe(out), 0);
    if (fork() == 0) {
        setsid();
        if (user && (setgid(user) || setuid(user))) {
            _exit(1);
        }
        if (fork() == 0) {
            tell_and_wait(out[1], CHILD);
        }
        fork_away(out[1], ORPHAN);
        fork_away(out[1], STRAY);
        tell_and_wait(out[1], QEMU);
    }
    close(out[1]);
    for (int i = 0; i < NUM; i++) {
        assert_int_equal(read(out[0], told, sizeof told), sizeof told);
        family->ids[told[0]] = process_identify(told[1]);
    }
    close(out[0]);
}

static void expect_alive(const Family *family, const char *who)
{
    for (int i = 0; i < NUM; i++) {
        assert_int_equal(process_is_alive(&family->ids[i]), who[i] == '+');
    }
}

static void end(const Family *family)
{
    for (int i = 0; i < NUM; i++) {
        process_signal(&family->ids[i], SIGKILL);
    }
    process_end(&family->ids[QEMU], NULL);
}

static GPtrArray *end_old(const Family *old, uid_t user, gboolean own, const Family *new)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    process_end_all(&old->ids[QEMU], user, own, &new->ids[QEMU], notes, &error);
    expect_no_error(error);
    return notes;
}

static void test_own_user(void **state)
{
    Family old, new, other;
    g_autoptr(GPtrArray) notes = NULL;
    g_autoptr(GError) error = NULL;
    int folder;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    /* Without it nobody knows whose processes these are. */
    folder = trusted_folder_open(LAUNCH_FOLDER, TRUE, &error);
    expect_no_error(error);
    close(folder);
    begin(&old, USER);
    begin(&new, USER);
    begin(&other, USER + 1);
    /* It became an orphan of the new one's that is no longer in its session: nothing tells it apart. */
    notes = end_old(&old, USER, TRUE, &new);
    expect_alive(&old, "----");
    expect_alive(&new, "+++-");
    expect_alive(&other, "++++");
    assert_int_equal(notes->len, 0);
    end(&new);
    end(&other);
}

static void test_shared_user(void **state)
{
    Family old, new;
    g_autoptr(GPtrArray) notes = NULL;
    g_autofree char *expected = NULL;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    begin(&old, USER);
    begin(&new, USER);
    notes = end_old(&old, USER, FALSE, &new);
    expect_alive(&old, "---+");
    expect_alive(&new, "++++");
    assert_int_equal(notes->len, 1);
    expect_message(notes->pdata[0]);
    expected = g_strdup_printf("2 other processes of user %u were left alone", USER);
    assert_non_null(strstr(notes->pdata[0], expected));
    end(&old);
    end(&new);
}

/* As root, or as the user who runs this test. */
static void test_no_user(void **state)
{
    Family old, new;
    g_autoptr(GPtrArray) notes = NULL;

    (void)state;
    begin(&old, 0);
    begin(&new, 0);
    notes = end_old(&old, 0, FALSE, &new);
    expect_alive(&old, "---+");
    expect_alive(&new, "++++");
    assert_int_equal(notes->len, 0);
    end(&old);
    end(&new);
}

/* Processes that start others all the time. */
static void test_many(void **state)
{
    int out[2];
    pid_t told[2];
    ProcessId old;
    ProcessId none = { 0 };
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    char byte;

    (void)state;
    assert_int_equal(pipe(out), 0);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            for (;;) {
                if (fork() == 0) {
                    usleep(20000);
                    _exit(0);
                }
                usleep(1000);
                while (waitpid(-1, NULL, WNOHANG) > 0) {
                }
            }
        }
        tell_and_wait(out[1], QEMU);
    }
    close(out[1]);
    assert_int_equal(read(out[0], told, sizeof told), sizeof told);
    old = process_identify(told[1]);
    process_end_all(&old, 0, FALSE, &none, notes, &error);
    expect_no_error(error);
    assert_int_equal(notes->len, 0);
    /* Each of them had the pipe open. */
    assert_int_equal(read(out[0], &byte, 1), 0);
    close(out[0]);
}

static void *live_on(void *unused)
{
    (void)unused;
    for (;;) {
        pause();
    }
    return NULL;
}

/* A process whose first thread has ended, but not the others. */
static void test_thread(void **state)
{
    ProcessId id = { 0 };
    g_autofree char *path = NULL, *text = NULL;
    g_autoptr(GError) error = NULL;
    pid_t child = fork();
    int status = 0;

    (void)state;
    if (child == 0) {
        pthread_t thread;

        alarm(60);
        pthread_create(&thread, NULL, live_on, NULL);
        pthread_exit(NULL);
    }
    path = g_strdup_printf("/proc/%d/stat", (int)child);
    do {
        g_clear_pointer(&text, g_free);
        assert_true(g_file_get_contents(path, &text, NULL, NULL));
    } while (!strstr(text, ") Z "));
    id = process_identify(child);
    assert_int_equal(id.pid, child);
    process_end(&id, &error);
    expect_no_error(error);
    assert_int_equal(process_identify(child).pid, 0);
    waitpid(child, &status, 0); /* if process_end hasn't */
    assert_true(!status || WTERMSIG(status) == SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_user), cmocka_unit_test(test_shared_user),
        cmocka_unit_test(test_no_user),  cmocka_unit_test(test_many),
        cmocka_unit_test(test_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
