/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that reprograms its cards' BARs at random: compares the state with flat arrays. */
#include "expect.h"

#include <errno.h>
#include <string.h>

#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

#define DOMID 5
#define DM "/local/domain/0/device-model/5"

/* In pages, from address 0 on; small, so that the BARs often meet. */
#define SPACE 160
#define BLOCK_MAX 12

#define DEVICES 8
#define BARS 3

typedef struct Bar {
    guint phys, pages; /* its ramblock, in pages */
    guint address;     /* what the guest wrote into it, in pages */
} Bar;

typedef struct Device {
    gboolean decoding;
    Bar bars[BARS];
    guint n; /* 0: it isn't plugged in */
} Device;

/* What else is about to fail. */
typedef enum { NO_FAULT, PAGES_FAULT, STORE_FAULT } Fault;

typedef struct Test {
    GRand *rand;
    FakeHost *host;
    XenPhysmapOps ops;
    XenPhysmapState *state;
    Device devices[DEVICES];
    /* The model: for each page of either space, 1 + the page in the other one; 0 for none. */
    guint16 guest_of[SPACE], phys_of[SPACE];
    gboolean stale; /* xenstore failed, and isn't up to date */
    guint64 steps, allowed, refused, faults;
} Test;

/* The guest's memory: for each page, 1 + the page of its ramblock. In the model it is phys_of. */
static guint16 memory[SPACE];
static gboolean memory_fails;

static int relocate(void *opaque, guint32 domid, guint32 nr_pages, guint64 src, guint64 dst)
{
    (void)opaque;
    assert_int_equal(domid, DOMID);
    if (memory_fails) {
        errno = EINVAL;
        return -1;
    }
    for (guint32 i = 0; i < nr_pages; i++) {
        assert_true(src + i < SPACE && dst + i < SPACE);
        assert_int_not_equal(memory[src + i], 0);
        /* Xen would drop the page that is there. */
        assert_int_equal(memory[dst + i], 0);
        memory[dst + i] = memory[src + i];
        memory[src + i] = 0;
    }
    return 0;
}

static guint64 address_of(guint page)
{
    return (guint64)page << XEN_PHYSMAP_PAGE_SHIFT;
}

static guint place_of(const Test *test, const Bar *bar)
{
    return test->guest_of[bar->phys] - 1;
}

static gboolean is_free(const guint16 *space, guint first, guint n)
{
    for (guint i = first; i < first + n; i++) {
        if (i >= SPACE || space[i]) {
            return FALSE;
        }
    }
    return TRUE;
}

static void name_bar(const Test *test, const Device *device, const Bar *bar, char name[32])
{
    g_snprintf(name, 32, "0000:00:%02x.0/bar%d", (int)(device - test->devices),
               (int)(bar - device->bars));
}

/* --- what is compared after each step --- */

static void look_up(const Test *test, guint page)
{
    guint64 address = address_of(page) + page, other;
    gboolean found = xen_physmap_state_phys_to_guest(test->state, address, &other);

    assert_int_equal(found, test->guest_of[page] != 0);
    if (found) {
        assert_int_equal(other, address_of(test->guest_of[page] - 1) + page);
    }
    found = xen_physmap_state_guest_to_phys(test->state, address, &other);
    assert_int_equal(found, test->phys_of[page] != 0);
    if (found) {
        assert_int_equal(other, address_of(test->phys_of[page] - 1) + page);
    }
}

static void expect_records_of(const Test *test, const XenPhysmapTable *table)
{
    g_autoptr(XenPhysmapTable) wanted = xen_physmap_table_new();

    for (guint i = 0; i < DEVICES; i++) {
        const Device *device = &test->devices[i];

        for (guint j = 0; j < device->n; j++) {
            const Bar *bar = &device->bars[j];
            XenPhysmapRecord record = { "", address_of(bar->phys), address_of(place_of(test, bar)),
                                        address_of(bar->pages) };

            name_bar(test, device, bar, record.name);
            assert_true(xen_physmap_table_add(wanted, &record, NULL));
        }
    }
    assert_true(xen_physmap_table_equal(table, wanted));
}

static void compare_all(Test *test)
{
    for (guint page = 0; page < SPACE; page++) {
        look_up(test, page);
    }
    assert_memory_equal(memory, test->phys_of, sizeof memory);
    expect_records_of(test, xen_physmap_state_table(test->state));
    if (!test->stale) {
        g_autoptr(XenPhysmapTable) stored = xen_physmap_xenstore_load(&test->ops, DOMID, 0, NULL);

        assert_non_null(stored);
        expect_records_of(test, stored);
    }
}

static Fault order_fault(Test *test, gboolean pages)
{
    Fault fault = g_rand_int_range(test->rand, 0, 100)  ? NO_FAULT
                  : pages && g_rand_boolean(test->rand) ? PAGES_FAULT
                                                        : STORE_FAULT;

    memory_fails = fault == PAGES_FAULT;
    if (fault == STORE_FAULT) {
        fake_host_fail(test->host, FAKE_TRANSACTION_START, 1, EIO);
    }
    return fault;
}

/* A call's answer, and then some pages, including those of the call. */
static void end_step(Test *test, gboolean done, const GError *error, gboolean allowed, Fault fault,
                     guint page)
{
    memory_fails = FALSE;
    fake_host_behave(test->host);
    assert_int_equal(done, allowed && fault == NO_FAULT);
    assert_int_equal(done, error == NULL);
    if (done) {
        test->stale = FALSE;
    } else if (!allowed) {
        assert_true(error->code == XEN_PHYSMAP_ERROR_INVALID ||
                    error->code == XEN_PHYSMAP_ERROR_NOT_FOUND);
    } else {
        assert_int_equal(error->code, fault == PAGES_FAULT ? XEN_PHYSMAP_ERROR_SYSTEM
                                                           : XEN_PHYSMAP_ERROR_UNAVAILABLE);
        test->stale |= fault == STORE_FAULT;
        test->faults++;
    }
    test->allowed += allowed;
    test->refused += !allowed;
    look_up(test, page);
    look_up(test, page ? page - 1 : 0);
    look_up(test, g_rand_int_range(test->rand, 0, SPACE));
    if (test->steps++ % 64 == 0) {
        compare_all(test);
    }
}

/* --- what a device model calls --- */

static void move_in_model(Test *test, const Bar *bar, guint to)
{
    guint from = place_of(test, bar);

    for (guint i = 0; i < bar->pages; i++) {
        test->phys_of[from + i] = 0;
        test->phys_of[to + i] = bar->phys + i + 1;
        test->guest_of[bar->phys + i] = to + i + 1;
    }
}

/* What mapping and unmapping a BAR have in common. */
static void moved(Test *test, const Bar *bar, guint to, gboolean allowed, Fault fault,
                  gboolean done, GError *error)
{
    if (allowed && fault != PAGES_FAULT) {
        move_in_model(test, bar, to);
    }
    end_step(test, done, error, allowed, fault, to);
    g_clear_error(&error);
}

static gboolean may_move(const Test *test, const Bar *bar, guint to)
{
    return place_of(test, bar) == to || is_free(test->phys_of, to, bar->pages);
}

static void map(Test *test, const Bar *bar, guint to)
{
    gboolean allowed = may_move(test, bar, to);
    Fault fault = allowed && place_of(test, bar) != to ? order_fault(test, TRUE) : NO_FAULT;
    GError *error = NULL;
    gboolean done = xen_physmap_state_region_add(test->state, address_of(bar->phys), address_of(to),
                                                 address_of(bar->pages), &error);

    moved(test, bar, to, allowed, fault, done, error);
}

static void unmap(Test *test, const Bar *bar)
{
    guint from = place_of(test, bar);
    gboolean allowed = may_move(test, bar, bar->phys);
    Fault fault = allowed && from != bar->phys ? order_fault(test, TRUE) : NO_FAULT;
    GError *error = NULL;
    gboolean done =
        xen_physmap_state_region_del(test->state, address_of(from), address_of(bar->pages), &error);

    moved(test, bar, bar->phys, allowed, fault, done, error);
}

/* The block of the device's next BAR. */
static void add_block(Test *test, Device *device)
{
    const Bar *bar = &device->bars[device->n];
    gboolean allowed = is_free(test->guest_of, bar->phys, bar->pages) &&
                       is_free(test->phys_of, bar->phys, bar->pages);
    Fault fault = allowed ? order_fault(test, FALSE) : NO_FAULT;
    GError *error = NULL;
    char name[32];
    gboolean done;

    name_bar(test, device, bar, name);
    done = xen_physmap_state_block_add(test->state, name, address_of(bar->phys),
                                       address_of(bar->pages), &error);
    for (guint i = bar->phys; allowed && i < bar->phys + bar->pages; i++) {
        test->guest_of[i] = test->phys_of[i] = memory[i] = i + 1;
    }
    device->n += allowed;
    end_step(test, done, error, allowed, fault, bar->phys);
    g_clear_error(&error);
}

static void del_block(Test *test, const Bar *bar)
{
    Fault fault = order_fault(test, FALSE);
    GError *error = NULL;
    gboolean done = xen_physmap_state_block_del(test->state, address_of(bar->phys), &error);
    guint place = place_of(test, bar);

    for (guint i = 0; i < bar->pages; i++) {
        test->guest_of[bar->phys + i] = test->phys_of[place + i] = memory[place + i] = 0;
    }
    end_step(test, done, error, TRUE, fault, bar->phys);
    g_clear_error(&error);
}

/* --- what a guest does --- */

static guint random_page(Test *test)
{
    return g_rand_int_range(test->rand, 0, SPACE - BLOCK_MAX);
}

static void plug(Test *test, Device *device)
{
    for (guint i = g_rand_int_range(test->rand, 1, BARS + 1); i > 0; i--) {
        device->bars[device->n] =
            (Bar){ random_page(test), g_rand_int_range(test->rand, 1, BLOCK_MAX + 1),
                   random_page(test) };
        add_block(test, device);
    }
    device->decoding = FALSE;
}

static void decode(Test *test, Device *device, gboolean on)
{
    device->decoding = on;
    for (guint i = 0; i < device->n; i++) {
        if (on) {
            map(test, &device->bars[i], device->bars[i].address);
        } else {
            unmap(test, &device->bars[i]);
        }
    }
}

static void unplug(Test *test, Device *device)
{
    decode(test, device, FALSE);
    while (device->n > 0) {
        del_block(test, &device->bars[--device->n]);
    }
}

/* Writes all ones, which maps the BAR nowhere, and then the old value. */
static void size_bar(Test *test, const Device *device, const Bar *bar)
{
    guint64 size = address_of(bar->pages);
    GError *error = NULL;

    unmap(test, bar);
    gboolean done =
        xen_physmap_state_region_add(test->state, address_of(bar->phys), -size, size, &error);

    end_step(test, done, error, FALSE, NO_FAULT, bar->phys);
    g_clear_error(&error);
    if (device->decoding) {
        map(test, bar, bar->address);
    }
}

/* A register's two halves are written one after the other, so there may be a stop on the way. */
static void program(Test *test, const Device *device, Bar *bar, guint address)
{
    gboolean unmapped = g_rand_boolean(test->rand);

    if (unmapped) {
        unmap(test, bar);
    }
    if (device->decoding && g_rand_boolean(test->rand)) {
        map(test, bar, random_page(test));
    }
    bar->address = address;
    if (device->decoding) {
        map(test, bar, address);
    }
}

/* In between, the first one covers the second one, or is next to it. */
static void swap(Test *test, const Device *a, Bar *x, const Device *b, Bar *y)
{
    guint first = x->address, second = y->address;
    guint near = second + g_rand_int_range(test->rand, 0, 3);

    program(test, a, x, MIN(near, SPACE - BLOCK_MAX));
    program(test, b, y, first);
    program(test, a, x, second);
}

/* A new device model takes over, and knows only what is in xenstore. */
static void reload(Test *test)
{
    if (test->stale) {
        assert_true(xen_physmap_state_publish(test->state, NULL));
        test->stale = FALSE;
    }
    xen_physmap_state_close(test->state);
    test->state = xen_physmap_state_open(&test->ops, DOMID, 0);
    assert_true(xen_physmap_state_load(test->state, NULL));
    compare_all(test);
}

/* A call that doesn't fit any ramblock. */
static void stray_call(Test *test, const Bar *bar)
{
    guint64 phys = address_of(bar->phys), size = address_of(bar->pages);
    GError *error = NULL;
    gboolean done;

    switch (g_rand_int_range(test->rand, 0, 4)) {
    case 0:
        done = xen_physmap_state_region_add(test->state, phys, address_of(random_page(test)),
                                            size + XEN_PHYSMAP_PAGE_SIZE, &error);
        break;
    case 1:
        done = xen_physmap_state_region_add(test->state, phys,
                                            address_of(random_page(test)) + 0x800, size, &error);
        break;
    case 2:
        done = xen_physmap_state_region_del(test->state, address_of(place_of(test, bar)),
                                            size + XEN_PHYSMAP_PAGE_SIZE, &error);
        break;
    default:
        done = xen_physmap_state_block_del(test->state, phys + 0x800, &error);
    }
    end_step(test, done, error, FALSE, NO_FAULT, bar->phys);
    g_clear_error(&error);
}

static void random_step(Test *test)
{
    Device *device = &test->devices[g_rand_int_range(test->rand, 0, DEVICES)];
    Device *other = &test->devices[g_rand_int_range(test->rand, 0, DEVICES)];
    Bar *bar;

    if (device->n == 0) {
        plug(test, device);
        return;
    }
    bar = &device->bars[g_rand_int_range(test->rand, 0, device->n)];
    switch (g_rand_int_range(test->rand, 0, 16)) {
    case 0:
        unplug(test, device);
        break;
    case 1:
    case 2:
    case 3:
        decode(test, device, !device->decoding);
        break;
    case 4:
    case 5:
        stray_call(test, bar);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        if (other->n > 0) {
            swap(test, device, bar, other, &other->bars[g_rand_int_range(test->rand, 0, other->n)]);
        }
        break;
    case 10:
    case 11:
    case 12:
        program(test, device, bar, random_page(test));
        break;
    case 13:
        if (g_rand_int_range(test->rand, 0, 16) == 0) {
            reload(test);
        }
        break;
    default:
        size_bar(test, device, bar);
    }
}

/* With AddressSanitizer each takes six times as long. */
#ifdef __SANITIZE_ADDRESS__
#define OPERATIONS 100000
#else
#define OPERATIONS 1000000
#endif

static void test_against_model(void **unused)
{
    guint64 seed = environment_number("XEN_PHYSMAP_TEST_SEED", g_random_int());
    guint64 operations = environment_number("XEN_PHYSMAP_TEST_OPERATIONS", OPERATIONS);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(FakeHost) host = fake_host_new();
    Test test = { .rand = rand, .host = host, .ops = *fake_host_ops(host) };

    (void)unused;
    print_message("# XEN_PHYSMAP_TEST_SEED=%" G_GUINT64_FORMAT "\n", seed);
    memset(memory, 0, sizeof memory);
    fake_host_write(host, DM "/state", "running");
    test.ops.relocate_memory = relocate;
    test.state = xen_physmap_state_open(&test.ops, DOMID, 0);
    while (test.steps < operations) {
        random_step(&test);
    }
    reload(&test);
    xen_physmap_state_close(test.state);
    expect_no_leaks(host);
    print_message("# %" G_GUINT64_FORMAT " calls: %" G_GUINT64_FORMAT " allowed, %" G_GUINT64_FORMAT
                  " refused, %" G_GUINT64_FORMAT " of the allowed with a fault\n",
                  test.steps, test.allowed, test.refused, test.faults);
    /* Otherwise the space is too large or too small for the BARs to meet. */
    if (operations >= 10000) {
        assert_true(test.allowed > operations / 4 && test.refused > operations / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
    };

    return cmocka_run_group_tests_name("bars", tests, NULL, NULL);
}
