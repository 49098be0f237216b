/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The live update on a model of a guest and its QEMUs: each operation fails, stalls, is the last before
 * the updater is killed, or finds a QEMU dead or hung; in the preflight and in each step, also while
 * that is undone or resumed.
 */
#include "expect.h"

#include <stdio.h>
#include <string.h>

#include "fake-world.h"
#include "update.h"

/* Ends of an updater that aren't outcomes: killed, couldn't begin, refused, nothing to resume. */
enum { ENDED_CUT = 100, ENDED_UNABLE, ENDED_REFUSED, ENDED_NOTHING };

/* Primes, so that every operation gets its turn. Sanitizers make each sequence slow. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 307
#else
#define STRIDE 61
#endif

typedef struct Fault {
    FaultKind kind;
    guint at;
} Fault;

/* The guest of the sequences that follow. */
typedef struct Guest {
    gboolean connected, replaced;
    Refusal refusal;
    const char *program; /* the new one; NULL: WORLD_NEW */
    char **set_args;
} Guest;

static Guest guest;

/* As update-dm does it. */
static int run_new_update(FakeWorld *world, Update *update, GError **error)
{
    const UpdateOptions options = { .qemu = guest.program ? guest.program : WORLD_NEW,
                                    .set_args = guest.set_args,
                                    .timeout_s = 60 };
    g_autoptr(GPtrArray) reasons = update_ready(update, &options, error);

    if (reasons && !reasons->len) {
        return update_run(update, error);
    }
    if (!world_is_cut(world)) {
        expect_message(reasons ? g_ptr_array_index(reasons, 0) : (*error)->message);
    }
    return ENDED_REFUSED;
}

static int run_updater(FakeWorld *world, gboolean resume)
{
    Domain domain = { .domid = WORLD_DOMID, .dm_domid = 0, .name = (char *)"g1" };
    g_autoptr(GError) error = NULL;
    g_autoptr(Update) update = update_new(world_ops(world), &domain, &error);
    int end;

    if (!update) {
        assert_non_null(error);
        return world_is_cut(world) ? ENDED_CUT : ENDED_UNABLE;
    }
    if (resume && !update_is_unfinished(update)) {
        return ENDED_NOTHING;
    }
    end = resume ? (int)update_resume(update, &error) : run_new_update(world, update, &error);
    world_decide(world);
    if (world_is_cut(world)) {
        return ENDED_CUT;
    }
    /* A bad end is reported. */
    if (end == UPDATE_STUCK || end == UPDATE_LOST) {
        g_autofree char *left = update_left(update);

        expect_message(error->message);
        expect_message(left);
    } else if (end == UPDATE_BACK) {
        expect_message(update->reason);
    }
    return end;
}

static gboolean goes_on(int end)
{
    return end == ENDED_CUT || end == ENDED_UNABLE || end == UPDATE_STUCK;
}

/* A refused preflight leaves the guest and the world as they were. */
static char *judge_refused(FakeWorld *world)
{
    g_autofree char *trouble = world_trouble(world, WORLD_OLD);
    const char *touched = world_touched(world);

    return touched ? g_strdup_printf("refused, but %s came before", touched)
           /* A QEMU that died and a domain that was destroyed aren't as they were. */
           : world_lost_qemu(world) || !world_has_domain(world) ? g_strdup(world_violation(world))
                                                                : g_steal_pointer(&trouble);
}

/* What is wrong with an end that is one, or NULL. */
static char *judge(FakeWorld *world, int end)
{
    g_autofree char *as_new = world_trouble(world, WORLD_NEW);
    g_autofree char *as_old = world_trouble(world, WORLD_OLD);
    g_autofree char *as_none = world_trouble(world, NULL);

    if (guest.refusal && end != ENDED_REFUSED) {
        return world_lost_qemu(world) || end == ENDED_NOTHING || end == UPDATE_GONE
                   ? NULL
                   : g_strdup("it isn't refused");
    }
    /* A good end may no longer be true, as at any time later. */
    if ((end == UPDATE_DONE || end == UPDATE_BACK) && world_changed_since(world)) {
        return g_strdup(world_violation(world));
    }
    switch (end) {
    case UPDATE_DONE:
        return g_steal_pointer(&as_new);
    case UPDATE_BACK:
        return g_steal_pointer(&as_old);
    case UPDATE_LOST:
        return world_lost_qemu(world) ? g_steal_pointer(&as_none)
                                      : g_strdup("given up, though no QEMU died");
    case UPDATE_GONE:
        return world_has_domain(world) ? g_strdup("the domain is there")
                                       : g_steal_pointer(&as_none);
    case ENDED_REFUSED:
        return judge_refused(world);
    case ENDED_NOTHING:
        return !as_new || !as_old || (!world_has_domain(world) && !as_none) ||
                       world_lost_qemu(world)
                   ? g_strdup(world_violation(world))
                   : g_strdup_printf("nothing to resume, but %s; %s", as_new, as_old);
    default:
        return g_strdup("it doesn't end");
    }
}

static FakeWorld *new_world(void)
{
    FakeWorld *world = world_new();

    if (guest.connected) {
        world_connect(world);
    }
    if (guest.replaced) {
        world_replace_program(world);
    }
    world_refuse(world, guest.refusal);
    return world;
}

/* An update with the first fault; as long as it isn't ended, another updater with the next. */
static char *finish(FakeWorld *world, const Fault *faults, guint n, char **story)
{
    char *trouble = NULL;
    int end = ENDED_CUT;

    for (guint i = 0; i < n && goes_on(end); i++) {
        if (i > 0) {
            world_revive(world);
        }
        world_order(world, faults[i].kind, faults[i].at);
        end = run_updater(world, i > 0);
    }
    /* A copy of the program that couldn't be removed: the next updater removes it. */
    if (end == ENDED_REFUSED && g_strcmp0(world_at(world), "unlink") == 0) {
        world_revive(world);
        run_updater(world, TRUE);
    }
    for (guint i = 0; i < 2 && goes_on(end); i++) {
        world_revive(world);
        world_end_hangs(world);
        end = run_updater(world, TRUE);
    }
    world_revive(world);
    world_end_hangs(world);
    world_settle(world);
    trouble = judge(world, end);
    if (trouble) {
        g_autofree char *told = world_story(world);

        *story = g_strdup_printf("%s\n   end %d: %s", told, end, trouble);
    }
    world_free(world);
    return trouble;
}

static char *sequence(const Fault *faults, guint n, char **story)
{
    return finish(new_world(), faults, n, story);
}

/* The same with two faults in the first update. */
static char *both(const Fault *faults, guint n, char **story)
{
    FakeWorld *world = new_world();
    char *trouble;

    world_order_next(world, faults[1].kind, faults[1].at);
    trouble = finish(world, faults, 1, story);
    (void)n;
    return trouble;
}

/* How many operations an updater makes; with a fault, the one after it, as it resumes. */
static guint count_after(const Fault *fault, int *end)
{
    FakeWorld *world = new_world();
    guint count;

    world_order(world, fault->kind, fault->at);
    *end = run_updater(world, FALSE);
    count = world_happened(world) || fault->kind == FAULT_NONE ? world_count(world) : 0;
    if (fault->kind != FAULT_NONE && goes_on(*end) && count) {
        guint before;

        world_revive(world);
        before = world_count(world);
        run_updater(world, TRUE);
        count = world_count(world) - before;
    }
    world_free(world);
    return count;
}

typedef struct Tally {
    guint sequences, troubles;
} Tally;

static void try_by(Tally *tally, char *(*run)(const Fault *faults, guint n, char **story),
                   const Fault *faults, guint n)
{
    g_autofree char *story = NULL;
    g_autofree char *trouble = run(faults, n, &story);

    tally->sequences++;
    if (trouble && tally->troubles++ % 40 == 0) {
        /* cmocka's own would cut it short. */
        fprintf(stderr, "# after");
        for (guint i = 0; i < n; i++) {
            fprintf(stderr, " fault %d at operation %u,", faults[i].kind, faults[i].at);
        }
        fprintf(stderr, " %s\n%s\n", trouble, story);
    }
}

static void try(Tally *tally, const Fault *faults, guint n)
{
    try_by(tally, sequence, faults, n);
}

static void conclude(const Tally *tally)
{
    print_message("# %u sequences\n", tally->sequences);
    assert_int_equal(tally->troubles, 0);
}

static void test_plain(void **unused)
{
    const Fault none = { FAULT_NONE, 0 };
    Tally tally = { 0 };

    (void)unused;
    try(&tally, &none, 1);
    conclude(&tally);
}

static void test_one_fault(void **unused)
{
    const Fault none = { FAULT_NONE, 0 };
    Tally tally = { 0 };
    int end;
    guint count = count_after(&none, &end);

    (void)unused;
    assert_int_equal(end, UPDATE_DONE);
    assert_true(count > 50);
    for (int kind = FAULT_FAIL; kind < FAULT_KINDS; kind++) {
        for (guint at = 0; at < count; at++) {
            try(&tally, &(Fault){ kind, at }, 1);
        }
    }
    conclude(&tally);
}

/*
 * Every fault, and then another of the next updater's, who finishes or goes back: by default one of
 * STRIDE sequences.
 */
static void test_two_faults(void **unused)
{
    const guint stride = environment_number("XEN_PHYSMAP_TEST_STRIDE", STRIDE);
    guint turn = 0;
    const Fault none = { FAULT_NONE, 0 };
    Tally tally = { 0 };
    int end;
    guint count = count_after(&none, &end);

    (void)unused;
    for (int kind = FAULT_FAIL; kind < FAULT_KINDS; kind++) {
        for (guint at = 0; at < count; at++) {
            Fault faults[2] = { { kind, at } };
            guint more = count_after(&faults[0], &end);

            for (int second = FAULT_FAIL; goes_on(end) && second < FAULT_KINDS; second++) {
                for (guint after = 0; after < more; after++) {
                    faults[1] = (Fault){ second, after };
                    if (turn++ % stride == 0) {
                        try(&tally, faults, 2);
                    }
                }
            }
        }
    }
    conclude(&tally);
}

/* As when the cause that ends the old QEMU makes the new one fail too. */
static void test_both(void **unused)
{
    const guint stride = environment_number("XEN_PHYSMAP_TEST_STRIDE", STRIDE);
    const Fault none = { FAULT_NONE, 0 };
    Tally tally = { 0 };
    guint turn = 0;
    int end;
    guint count = count_after(&none, &end);

    (void)unused;
    for (int kind = FAULT_FAIL; kind < FAULT_KINDS; kind++) {
        for (guint at = 0; at < count; at++) {
            for (int second = FAULT_FAIL; second < FAULT_KINDS; second++) {
                for (guint after = 0; after < count; after++) {
                    if (turn++ % (10 * stride) == 0) {
                        try_by(&tally, both, (Fault[]){ { kind, at }, { second, after } }, 2);
                    }
                }
            }
        }
    }
    conclude(&tally);
}

/* The old QEMU dies while it is stopped, and then the new one: no --resume is needed to go back. */
static void test_old_again(void **unused)
{
    const Fault none = { FAULT_NONE, 0 };
    int end;
    guint count = count_after(&none, &end);

    (void)unused;
    for (guint at = count / 3; at < count; at++) {
        for (guint after = 0; after < 12; after++) {
            FakeWorld *world = new_world();

            world_order(world, FAULT_OLD_DIES, at);
            world_order_next(world, FAULT_NEW_DIES, after);
            end = run_updater(world, FALSE);
            assert_true(end == UPDATE_BACK || end == UPDATE_LOST || end == UPDATE_DONE);
            assert_null(world_violation(world));
            world_free(world);
        }
    }
}

/* The same for a guest that uses its paravirtual keyboard. */
static void test_connected(void **unused)
{
    guest = (Guest){ .connected = TRUE };
    test_plain(unused);
    test_one_fault(unused);
    test_two_faults(unused);
    guest = (Guest){ 0 };
}

/* The program to go back to is a copy. */
static void test_replaced(void **unused)
{
    guest = (Guest){ .replaced = TRUE };
    test_plain(unused);
    test_one_fault(unused);
    test_old_again(unused);
    guest = (Guest){ 0 };
}

/* Each guest that can't be updated, with each fault in the preflight that has to find that. */
static void test_refused(void **unused)
{
    const Fault none = { FAULT_NONE, 0 };
    Tally tally = { 0 };
    int end;

    (void)unused;
    for (int refusal = REFUSAL_NONE + 1; refusal < REFUSAL_KINDS; refusal++) {
        guint count;

        guest = (Guest){ .replaced = TRUE, .refusal = refusal };
        count = count_after(&none, &end);
        assert_int_equal(end, ENDED_REFUSED);
        for (int kind = FAULT_FAIL; kind < FAULT_KINDS; kind++) {
            for (guint at = 0; at < count; at++) {
                try(&tally, &(Fault){ kind, at }, 1);
            }
        }
    }
    guest = (Guest){ 0 };
    conclude(&tally);
}

static void test_ejected(void **unused)
{
    FakeWorld *world = world_new();
    g_autofree char *trouble = NULL;

    (void)unused;
    world_eject(world);
    assert_int_equal(run_updater(world, FALSE), UPDATE_DONE);
    trouble = world_trouble(world, WORLD_NEW);
    assert_null(trouble);
    world_free(world);
}

/* The preflight couldn't know; the new QEMU would do the disk's requests twice. */
static void test_connects(void **unused)
{
    FakeWorld *world = world_new();
    g_autofree char *trouble = NULL, *story = NULL;

    (void)unused;
    world_connect_disk(world);
    assert_int_equal(run_updater(world, FALSE), UPDATE_BACK);
    trouble = world_trouble(world, WORLD_OLD);
    assert_null(trouble);
    story = world_story(world);
    assert_non_null(strstr(story, "meanwhile the guest connected to"));
    world_free(world);
}

/* A keyboard that the old QEMU has set up again since the new one was started is the new one's too. */
static void test_keyboard_anew(void **unused)
{
    FakeWorld *world = world_new();
    g_autofree char *trouble = NULL;

    (void)unused;
    world_connect(world);
    world_reconnect_keyboard(world);
    assert_int_equal(run_updater(world, FALSE), UPDATE_DONE);
    trouble = world_trouble(world, WORLD_NEW);
    assert_null(trouble);
    world_free(world);
}

/* An ejected CD explains one missing drive, not two. */
static void test_missing_drive(void **unused)
{
    FakeWorld *world = world_new();
    g_autofree char *trouble = NULL;

    (void)unused;
    world_eject(world);
    world_add_drive(world);
    assert_int_equal(run_updater(world, FALSE), UPDATE_BACK);
    trouble = world_trouble(world, WORLD_OLD);
    assert_null(trouble);
    world_free(world);
}

/* Found before the guest is paused, by a QEMU that serves nobody. */
static void crash(void (*order)(FakeWorld *world, const char *program), const char *program,
                  const char *said)
{
    FakeWorld *world = world_new();
    g_autofree char *trouble = NULL, *story = NULL;

    order(world, program);
    assert_int_equal(run_updater(world, FALSE), UPDATE_BACK);
    trouble = world_trouble(world, WORLD_OLD);
    assert_null(trouble);
    story = world_story(world);
    assert_non_null(strstr(story, said));
    world_free(world);
}

static void test_old_crashes(void **unused)
{
    (void)unused;
    crash(world_crash_in_save, WORLD_OLD,
          "the old program with the guest's devices was killed by signal 9");
}

static void test_new_crashes(void **unused)
{
    (void)unused;
    crash(world_crash_in_save, WORLD_NEW,
          "the new program with the guest's devices was killed by signal 9");
}

/* The new QEMU is of the same program, but its trial says nothing of the old one's devices. */
static void test_other_arguments(void **unused)
{
    char *set_args[] = { (char *)WORLD_SAFE_ARG, NULL };

    (void)unused;
    guest = (Guest){ .program = WORLD_OLD, .set_args = set_args };
    crash(world_crash_in_save, WORLD_OLD,
          "the old program with the guest's devices was killed by signal 9");
    guest = (Guest){ 0 };
}

/* It couldn't be started again to go back. */
static void test_old_is_broken(void **unused)
{
    (void)unused;
    crash(world_crash_in_setup, WORLD_OLD,
          "the old program, on trial: QEMU was killed by signal 9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),         cmocka_unit_test(test_one_fault),
        cmocka_unit_test(test_two_faults),    cmocka_unit_test(test_both),
        cmocka_unit_test(test_old_again),     cmocka_unit_test(test_connected),
        cmocka_unit_test(test_replaced),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_old_crashes),   cmocka_unit_test(test_new_crashes),
        cmocka_unit_test(test_ejected),       cmocka_unit_test(test_other_arguments),
        cmocka_unit_test(test_old_is_broken), cmocka_unit_test(test_missing_drive),
        cmocka_unit_test(test_keyboard_anew), cmocka_unit_test(test_connects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
