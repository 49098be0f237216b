/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state: guest pages, table and xenstore agree after each step and after each fault. */
#include "expect.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

#include "sweep.h"

#define DM "/local/domain/0/device-model/5"
#define PHYSMAP DM "/physmap"

/* A small framebuffer, allocated at 32 MiB, with its BAR at f1000000. */
#define VRAM_NAME "0000:00:03.0/vga.vram"
#define VRAM 0x2000000
#define BAR 0xf1000000
#define SIZE 0x10000
#define PAGES (SIZE >> 12)
#define TAG 0x7600000000

static const XenPhysmapRecord in_place = { VRAM_NAME, VRAM, VRAM, SIZE };
static const XenPhysmapRecord in_bar = { VRAM_NAME, VRAM, BAR, SIZE };
static const XenPhysmapRecord rom = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x4000 };

static FakeHost *new_host(void)
{
    FakeHost *host = fake_host_new();

    fake_host_write(host, DM "/state", "running");
    fake_host_populate(host, VRAM >> 12, PAGES, TAG);
    fake_host_populate(host, 0x3000000 >> 12, 4, TAG + 0x1000);
    return host;
}

/* The state of a new guest, with both blocks in place. */
static XenPhysmapState *new_guest(FakeHost *host)
{
    XenPhysmapState *state = xen_physmap_state_open(fake_host_ops(host), 5, 0);
    GError *error = NULL;

    xen_physmap_state_block_add(state, VRAM_NAME, VRAM, SIZE, &error);
    expect_no_error(error);
    xen_physmap_state_block_add(state, rom.name, rom.phys_offset, rom.size, &error);
    expect_no_error(error);
    return state;
}

static XenPhysmapTable *stored(FakeHost *host)
{
    GError *error = NULL;
    XenPhysmapTable *table = xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error);

    expect_no_error(error);
    return table;
}

#define expect_stored(host, ...)                                                                   \
    do {                                                                                           \
        g_autoptr(XenPhysmapTable) stored_table = stored(host);                                    \
        expect_records(stored_table, __VA_ARGS__);                                                 \
    } while (0)

/* All pages of the framebuffer are here, in order. */
static void expect_pages(FakeHost *host, guint64 guest_addr)
{
    for (guint i = 0; i < PAGES; i++) {
        assert_int_equal(fake_host_tag(host, (guest_addr >> 12) + i), TAG + i);
    }
}

static void expect_no_pages(FakeHost *host, guint64 guest_addr)
{
    for (guint i = 0; i < PAGES; i++) {
        assert_int_equal(fake_host_tag(host, (guest_addr >> 12) + i), 0);
    }
}

static void test_life(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;

    (void)unused;
    expect_records(xen_physmap_state_table(state), in_place, rom);
    expect_stored(host, in_place, rom);

    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
    expect_records(xen_physmap_state_table(state), in_bar, rom);
    expect_stored(host, in_bar, rom);
    expect_pages(host, BAR);
    expect_no_pages(host, VRAM);

    assert_true(xen_physmap_state_region_del(state, BAR, SIZE, &error));
    expect_stored(host, in_place, rom);
    expect_pages(host, VRAM);
    expect_no_pages(host, BAR);

    assert_true(xen_physmap_state_block_del(state, VRAM, &error));
    expect_records(xen_physmap_state_table(state), rom);
    expect_stored(host, rom);
    expect_no_leaks(host);
}

static void test_close_leaves_everything(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    XenPhysmapState *state = new_guest(host);

    (void)unused;
    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, NULL));
    xen_physmap_state_close(state);
    expect_stored(host, in_bar, rom);
    expect_pages(host, BAR);
    xen_physmap_state_close(NULL);
}

static void test_open_touches_nothing(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = xen_physmap_state_open(fake_host_ops(host), 5, 0);

    (void)unused;
    assert_int_equal(fake_host_calls(host, FAKE_ANY), 0);
    assert_int_equal(xen_physmap_table_size(xen_physmap_state_table(state)), 0);
}

/* Xen restored the pages where the records say; the new device model maps the BAR again. */
static void test_restore(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    GError *error = NULL;

    (void)unused;
    xen_physmap_state_close(new_guest(host));
    {
        g_autoptr(XenPhysmapState) state = xen_physmap_state_open(fake_host_ops(host), 5, 0);

        assert_true(xen_physmap_state_load(state, &error));
        assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
    }
    g_autoptr(XenPhysmapState) restored = xen_physmap_state_open(fake_host_ops(host), 5, 0);

    assert_true(xen_physmap_state_load(restored, &error));
    expect_records(xen_physmap_state_table(restored), in_bar, rom);
    fake_host_behave(host);
    assert_true(xen_physmap_state_region_add(restored, VRAM, BAR, SIZE, &error));
    assert_int_equal(fake_host_calls(host, FAKE_RELOCATE), 0);
    expect_pages(host, BAR);
    assert_true(xen_physmap_state_publish(restored, &error));
    expect_stored(host, in_bar, rom);
    /* Then the guest moves it again. */
    assert_true(xen_physmap_state_region_del(restored, BAR, SIZE, &error));
    expect_pages(host, VRAM);
    expect_stored(host, in_place, rom);
}

static void test_publish_replaces(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);

    (void)unused;
    fake_host_rm(host, PHYSMAP "/2000000/size");
    fake_host_write(host, PHYSMAP "/9000/junk", "x");
    assert_true(xen_physmap_state_publish(state, NULL));
    expect_stored(host, in_place, rom);
}

static void test_failed_load_changes_nothing(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;

    (void)unused;
    fake_host_write(host, PHYSMAP "/2000000/size", "junk");
    assert_false(xen_physmap_state_load(state, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "'junk' is not a number");
    expect_records(xen_physmap_state_table(state), in_place, rom);
}

static void test_refused(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    static const struct {
        guint64 phys_offset, start_addr, size;
        XenPhysmapError code;
        const char *reason;
    } adds[] = {
        { VRAM + 0x1000, BAR, SIZE, XEN_PHYSMAP_ERROR_NOT_FOUND, "phys_offset 0x2001000" },
        { VRAM, BAR, 0x1000, XEN_PHYSMAP_ERROR_NOT_FOUND, "no ramblock of size 0x1000" },
        { 0x5000000, BAR, SIZE, XEN_PHYSMAP_ERROR_NOT_FOUND, "phys_offset 0x5000000" },
        { VRAM, 0x3000000, SIZE, XEN_PHYSMAP_ERROR_INVALID, "overlaps 0000:00:04.0/e1000.rom" },
        { VRAM, BAR + 1, SIZE, XEN_PHYSMAP_ERROR_INVALID, "not a multiple of the page size" },
        { VRAM, 0xffffffffffff0000, SIZE, XEN_PHYSMAP_ERROR_INVALID, "runs past the end" },
        { VRAM, VRAM + 0x1000, SIZE, XEN_PHYSMAP_ERROR_INVALID, "which it overlaps" },
        { VRAM, VRAM - SIZE + 0x1000, SIZE, XEN_PHYSMAP_ERROR_INVALID, "which it overlaps" },
    };
    GError *error = NULL;

    (void)unused;
    g_autofree char *before = fake_host_dump(host, "/");

    for (guint i = 0; i < G_N_ELEMENTS(adds); i++) {
        assert_false(xen_physmap_state_region_add(state, adds[i].phys_offset, adds[i].start_addr,
                                                  adds[i].size, &error));
        expect_error(&error, adds[i].code, adds[i].reason);
    }
    assert_false(xen_physmap_state_region_del(state, BAR, SIZE, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "guest address 0xf1000000");
    assert_false(xen_physmap_state_region_del(state, VRAM, 0x1000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "size 0x1000");
    assert_false(xen_physmap_state_block_add(state, "other", VRAM, 0x1000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "overlaps");
    assert_false(xen_physmap_state_block_add(state, "", 0x9000000, 0x1000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "is empty");
    assert_false(xen_physmap_state_block_del(state, VRAM + 0x1000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "0x2001000");

    g_autofree char *after = fake_host_dump(host, "/");

    assert_string_equal(before, after);
    expect_records(xen_physmap_state_table(state), in_place, rom);
    expect_pages(host, VRAM);
    expect_no_leaks(host);
}

static void test_hypervisor_refuses(void **unused)
{
    static const struct {
        int errnum;
        XenPhysmapError code;
    } cases[] = {
        { EACCES, XEN_PHYSMAP_ERROR_ACCESS }, { EPERM, XEN_PHYSMAP_ERROR_ACCESS },
        { EINVAL, XEN_PHYSMAP_ERROR_SYSTEM }, { ENOSYS, XEN_PHYSMAP_ERROR_SYSTEM },
        { ENOMEM, XEN_PHYSMAP_ERROR_SYSTEM },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapState) state = new_guest(host);
        GError *error = NULL;

        fake_host_fail(host, FAKE_RELOCATE, 1, cases[i].errnum);
        assert_false(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
        expect_error(&error, cases[i].code,
                     "can't move " VRAM_NAME " from 0x2000000 to 0xf1000000 in domain 5");
        expect_records(xen_physmap_state_table(state), in_place, rom);
        expect_stored(host, in_place, rom);
        expect_pages(host, VRAM);
        /* The fault was only for one call. */
        assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
        expect_stored(host, in_bar, rom);
    }
}

static void test_pin(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);

    (void)unused;
    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, NULL));
    for (guint64 gfn = BAR >> 12; gfn < (BAR + SIZE) >> 12; gfn++) {
        assert_true(fake_host_is_pinned(host, gfn));
    }
    assert_false(fake_host_is_pinned(host, (BAR >> 12) - 1));
    assert_false(fake_host_is_pinned(host, (BAR + SIZE) >> 12));
}

/* It only affects speed. */
static void test_pin_refused(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;

    (void)unused;
    fake_host_fail(host, FAKE_PIN, 1, ENOSYS);
    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
    expect_no_error(error);
    expect_stored(host, in_bar, rom);
    expect_pages(host, BAR);
}

static void test_unpopulated_source(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;

    (void)unused;
    fake_host_depopulate(host, VRAM >> 12);
    assert_false(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_SYSTEM, "can't move");
    expect_records(xen_physmap_state_table(state), in_place, rom);
    expect_no_pages(host, BAR);
}

/* xenstore fails while the pages move: the table is true, and the next call makes it so too. */
static void test_xenstore_fails_and_recovers(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;

    (void)unused;
    fake_host_fail(host, FAKE_WRITE, 1, ENOSPC);
    assert_false(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_QUOTA, "quota");
    expect_pages(host, BAR);
    expect_records(xen_physmap_state_table(state), in_bar, rom);
    expect_stored(host, in_place, rom);

    assert_true(xen_physmap_state_block_del(state, rom.phys_offset, &error));
    expect_stored(host, in_bar);

    fake_host_fail(host, FAKE_TRANSACTION_START, 1, EIO);
    assert_false(xen_physmap_state_region_del(state, BAR, SIZE, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "is xenstored running?");
    expect_stored(host, in_bar);
    assert_true(xen_physmap_state_publish(state, &error));
    expect_stored(host, in_place);
}

/* A commit may have taken effect although its answer was lost. Its writes must not stay forever. */
static void test_lost_answer(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;

    (void)unused;
    fake_host_lose_answer(host, EIO);
    assert_false(
        xen_physmap_state_block_add(state, "0000:00:05.0/e1000.rom", 0x3040000, 0x1000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "is xenstored running?");
    assert_true(xen_physmap_state_block_del(state, 0x3040000, &error));
    expect_stored(host, in_place, rom);
}

static void test_update(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    g_autoptr(XenPhysmapTable) actual = table_of(in_bar);
    GError *error = NULL;

    (void)unused;
    fake_host_behave(host);
    assert_true(xen_physmap_state_update(state, actual, &error));
    expect_records(xen_physmap_state_table(state), in_bar);
    expect_stored(host, in_bar);
    /* xen_physmap_state_update moves no pages, and keeps a copy. */
    assert_int_equal(fake_host_calls(host, FAKE_RELOCATE), 0);
    assert_true(xen_physmap_table_remove(actual, VRAM, NULL));
    expect_records(xen_physmap_state_table(state), in_bar);
    /* The table that the state keeps is given: nothing differs. */
    assert_true(xen_physmap_state_update(state, xen_physmap_state_table(state), &error));
    expect_records(xen_physmap_state_table(state), in_bar);
}

static void test_addresses(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    guint64 address = 1;

    (void)unused;
    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, NULL));
    assert_true(xen_physmap_state_phys_to_guest(state, VRAM + 0x1234, &address));
    assert_int_equal(address, BAR + 0x1234);
    assert_true(xen_physmap_state_guest_to_phys(state, BAR + SIZE - 1, &address));
    assert_int_equal(address, VRAM + SIZE - 1);
    assert_true(xen_physmap_state_phys_to_guest(state, 0x3000000, &address));
    assert_int_equal(address, 0x3000000);
    address = 1;
    assert_false(xen_physmap_state_phys_to_guest(state, VRAM + SIZE, &address));
    assert_false(xen_physmap_state_phys_to_guest(state, BAR, &address));
    assert_false(xen_physmap_state_guest_to_phys(state, VRAM, &address));
    assert_int_equal(address, 1);
}

static void test_map(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapState) state = new_guest(host);
    GError *error = NULL;
    gsize size = 0;

    (void)unused;
    /* What was written through a mapping moves with the pages. */
    guint64 *words = xen_physmap_state_map(state, VRAM, PROT_READ | PROT_WRITE, &size, &error);

    assert_non_null(words);
    assert_int_equal(size, SIZE);
    assert_int_equal(words[0], TAG);
    assert_int_equal(words[SIZE / 8 - 512], TAG + PAGES - 1);
    words[0] = 0xd4a3;
    xen_physmap_state_unmap(state, words, size);
    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, &error));
    words = xen_physmap_state_map(state, VRAM + 0x1234, PROT_READ, &size, &error);
    assert_non_null(words);
    assert_int_equal(words[0], 0xd4a3);
    xen_physmap_state_unmap(state, words, size);

    assert_null(xen_physmap_state_map(state, 0x5000000, PROT_READ, &size, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "no ramblock holds phys_offset 0x5000000");
    fake_host_depopulate(host, (BAR >> 12) + 3);
    assert_null(xen_physmap_state_map(state, VRAM, PROT_READ, &size, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND,
                 VRAM_NAME ": domain 5 has no page at guest address 0xf1003000");
    expect_no_leaks(host);
}

/* --- the sweep --- */

static gpointer setup(FakeHost *host)
{
    XenPhysmapState *state;

    fake_host_write(host, DM "/state", "running");
    fake_host_populate(host, VRAM >> 12, PAGES, TAG);
    fake_host_populate(host, 0x3000000 >> 12, 4, TAG + 0x1000);
    state = new_guest(host);
    return state;
}

static gpointer setup_in_bar(FakeHost *host)
{
    XenPhysmapState *state = setup(host);

    assert_true(xen_physmap_state_region_add(state, VRAM, BAR, SIZE, NULL));
    return state;
}

static gpointer setup_junk(FakeHost *host)
{
    XenPhysmapState *state = setup(host);

    fake_host_rm(host, PHYSMAP "/2000000");
    fake_host_write(host, PHYSMAP "/junk", "x");
    return state;
}

static gboolean run_block_add(FakeHost *host, gpointer state, GError **error)
{
    (void)host;
    return xen_physmap_state_block_add(state, "0000:00:05.0/e1000.rom", 0x3040000, 0x4000, error);
}

static gboolean run_block_del(FakeHost *host, gpointer state, GError **error)
{
    (void)host;
    return xen_physmap_state_block_del(state, VRAM, error);
}

static gboolean run_region_add(FakeHost *host, gpointer state, GError **error)
{
    (void)host;
    return xen_physmap_state_region_add(state, VRAM, BAR, SIZE, error);
}

static gboolean run_region_del(FakeHost *host, gpointer state, GError **error)
{
    (void)host;
    return xen_physmap_state_region_del(state, BAR, SIZE, error);
}

static gboolean run_update(FakeHost *host, gpointer state, GError **error)
{
    g_autoptr(XenPhysmapTable) actual = table_of(in_bar);

    (void)host;
    return xen_physmap_state_update(state, actual, error);
}

static gboolean run_publish(FakeHost *host, gpointer state, GError **error)
{
    (void)host;
    return xen_physmap_state_publish(state, error);
}

static gboolean run_load(FakeHost *host, gpointer state, GError **error)
{
    (void)host;
    return xen_physmap_state_load(state, error);
}

/* Whatever failed, the pages are where the table says; after one good call xenstore says so too. */
static void check(FakeHost *host, gpointer state, gboolean done)
{
    const XenPhysmapRecord *record =
        xen_physmap_table_find_phys(xen_physmap_state_table(state), VRAM);
    g_autoptr(XenPhysmapTable) next = xen_physmap_table_copy(xen_physmap_state_table(state));
    const XenPhysmapRecord dimm = { "dimm", 0x8000000, 0x8000000, 0x1000 };
    GError *error = NULL;

    (void)done;
    if (record) {
        expect_pages(host, record->start_addr);
    }
    assert_true(xen_physmap_state_block_add(state, dimm.name, dimm.phys_offset, dimm.size, &error));
    expect_no_error(error);
    assert_true(xen_physmap_table_add(next, &dimm, NULL));
    g_autoptr(XenPhysmapTable) now = stored(host);

    assert_true(xen_physmap_table_equal(now, next));
}

/* xen_physmap_state_update doesn't touch pages. */
static void check_store(FakeHost *host, gpointer state, gboolean done)
{
    GError *error = NULL;

    (void)done;
    assert_true(xen_physmap_state_publish(state, &error));
    g_autoptr(XenPhysmapTable) now = stored(host);

    assert_true(xen_physmap_table_equal(now, xen_physmap_state_table(state)));
}

static void teardown(gpointer state)
{
    xen_physmap_state_close(state);
}

static void test_sweep(void **unused)
{
    static const SweepCase cases[] = {
        { "block_add", setup, run_block_add, check, teardown },
        { "block_del", setup, run_block_del, check, teardown },
        { "region_add", setup, run_region_add, check, teardown },
        { "region_del", setup_in_bar, run_region_del, check, teardown },
        { "update", setup, run_update, check_store, teardown },
        { "publish", setup_junk, run_publish, check_store, teardown },
        { "load", setup_in_bar, run_load, check_store, teardown },
    };

    (void)unused;
    sweep(cases, G_N_ELEMENTS(cases));
}

/* --- a guest that reprograms its BARs --- */

#define BLOCKS 4

static void test_random_life(void **unused)
{
    guint64 seed = environment_number("XEN_PHYSMAP_TEST_SEED", g_random_int());
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(XenPhysmapState) state = xen_physmap_state_open(fake_host_ops(host), 5, 0);
    guint64 where[BLOCKS];

    (void)unused;
    print_message("# XEN_PHYSMAP_TEST_SEED=%" G_GUINT64_FORMAT "\n", seed);
    fake_host_write(host, DM "/state", "running");
    for (guint i = 0; i < BLOCKS; i++) {
        g_autofree char *name = g_strdup_printf("0000:00:0%u.0/vram", i);

        where[i] = (guint64)(i + 1) << 20;
        fake_host_populate(host, where[i] >> 12, 2, (i + 1) * 0x100);
        assert_true(xen_physmap_state_block_add(state, name, where[i], 0x2000, NULL));
    }
    for (guint step = 0; step < 3000; step++) {
        guint i = g_rand_int_range(rand, 0, BLOCKS);
        guint64 home = (guint64)(i + 1) << 20;
        guint64 bar = 0xf0000000 + ((guint64)g_rand_int_range(rand, 0, 10) << 12);
        gboolean unmap = g_rand_int_range(rand, 0, 3) == 0, allowed = TRUE, done;

        if (unmap) {
            bar = home;
        }
        for (guint j = 0; j < BLOCKS; j++) {
            gboolean meets = bar < where[j] + 0x2000 && where[j] < bar + 0x2000;

            allowed = allowed && (!meets || (i == j && bar == where[j]));
        }
        if (g_rand_int_range(rand, 0, 8) == 0) {
            fake_host_fail(host, FAKE_WRITE, 1, EIO);
        }
        done = unmap ? xen_physmap_state_region_del(state, where[i], 0x2000, NULL)
                     : xen_physmap_state_region_add(state, home, bar, 0x2000, NULL);
        /* The pages move even when xenstore fails. */
        assert_true(allowed || !done);
        if (allowed) {
            where[i] = bar;
        }
        fake_host_behave(host);
        for (guint j = 0; j < BLOCKS; j++) {
            guint64 address = 0;

            assert_int_equal(fake_host_tag(host, where[j] >> 12), (j + 1) * 0x100);
            assert_int_equal(fake_host_tag(host, (where[j] >> 12) + 1), (j + 1) * 0x100 + 1);
            assert_true(xen_physmap_state_phys_to_guest(state, (guint64)(j + 1) << 20, &address));
            assert_int_equal(address, where[j]);
        }
        if (done) {
            g_autoptr(XenPhysmapTable) now = stored(host);

            assert_true(xen_physmap_table_equal(now, xen_physmap_state_table(state)));
        }
    }
    expect_no_leaks(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_close_leaves_everything),
        cmocka_unit_test(test_open_touches_nothing),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_publish_replaces),
        cmocka_unit_test(test_failed_load_changes_nothing),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hypervisor_refuses),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_pin_refused),
        cmocka_unit_test(test_unpopulated_source),
        cmocka_unit_test(test_xenstore_fails_and_recovers),
        cmocka_unit_test(test_lost_answer),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_random_life),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
