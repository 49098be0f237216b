/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loops of the fault sweep, and what must be true after each fault. */
#include "sweep.h"

#include <errno.h>
#include <string.h>

#include "expect.h"

static const int errnums[] = {
    EACCES, EPERM,  EAGAIN, E2BIG, ENOSPC, EDQUOT, EIO,        EINVAL, ENOENT, ENOMEM,
    EBUSY,  EEXIST, EISDIR, EINTR, ENOSYS, EROFS,  ECONNRESET, EPIPE,  EBADF,  ESRCH,
};

/* The state after one run. */
typedef struct Outcome {
    gboolean done;
    char *before, *after;
    guint calls, commits;
    GError *error;
} Outcome;

static void clear(Outcome *outcome)
{
    g_free(outcome->before);
    g_free(outcome->after);
    g_clear_error(&outcome->error);
}

/* `number` 0: no fault. `lost`: the answer to the commit is lost. */
static Outcome run(const SweepCase *item, guint number, int errnum, gboolean lost)
{
    g_autoptr(FakeHost) host = fake_host_new();
    gpointer subject = item->setup(host);
    Outcome outcome = { .before = fake_host_dump(host, "/") };

    fake_host_behave(host);
    if (number) {
        fake_host_fail(host, FAKE_ANY, number, errnum);
    }
    if (lost) {
        fake_host_lose_answer(host, errnum);
    }
    outcome.done = item->run(host, subject, &outcome.error);
    outcome.after = fake_host_dump(host, "/");
    outcome.calls = fake_host_calls(host, FAKE_ANY);
    outcome.commits = fake_host_calls(host, FAKE_TRANSACTION_END);
    expect_no_leaks(host);
    fake_host_behave(host);
    if (item->check) {
        item->check(host, subject, outcome.done);
    }
    if (item->teardown) {
        item->teardown(subject);
    }
    return outcome;
}

static void expect_outcome(const SweepCase *item, const Outcome *outcome, const Outcome *good,
                           guint number, int errnum, gboolean lost)
{
    const char *store = outcome->done || lost ? good->after : good->before;
    const char *problem = NULL;

    if (outcome->done != (outcome->error == NULL)) {
        problem = "an error is set if and only if it failed: not so";
    } else if (lost && outcome->done) {
        problem = "the answer was lost, and no error says so";
    } else if (strcmp(outcome->after, store) != 0) {
        problem = outcome->done ? "it succeeded, but the store is not the new one"
                                : "it failed, but the store is not the old one";
    } else if (outcome->error && errnum != ENOENT &&
               !strstr(outcome->error->message, g_strerror(errnum))) {
        problem = "the message doesn't name the cause";
    }
    if (problem) {
        print_error("%s, call %u of %u failing with %s: %s; error: %s\nstore:\n%s", item->name,
                    number, good->calls, g_strerror(errnum), problem,
                    outcome->error ? outcome->error->message : "none", outcome->after);
        fail();
    }
    if (outcome->error) {
        expect_message(outcome->error->message);
    }
}

void sweep(const SweepCase *cases, guint n)
{
    for (guint i = 0; i < n; i++) {
        const SweepCase *item = &cases[i];
        Outcome good = run(item, 0, 0, FALSE);
        guint faults = 0;

        expect_no_error(good.error);
        assert_true(good.done);
        assert_true(good.calls > 0);
        for (guint e = 0; e < G_N_ELEMENTS(errnums); e++) {
            for (guint number = 1; number <= good.calls; number++) {
                Outcome outcome = run(item, number, errnums[e], FALSE);

                expect_outcome(item, &outcome, &good, number, errnums[e], FALSE);
                clear(&outcome);
                faults++;
            }
        }
        if (good.commits) {
            Outcome outcome = run(item, 0, EIO, TRUE);

            expect_outcome(item, &outcome, &good, 0, EIO, TRUE);
            clear(&outcome);
            faults++;
        }
        print_message("# %s: %u faults in %u calls\n", item->name, faults, good.calls);
        clear(&good);
    }
}
