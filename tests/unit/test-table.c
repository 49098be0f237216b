/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table: each of its rules, and a million random changes compared with a small model. */
#include "expect.h"

#include <string.h>

#include <xen-physmap/table.h>

/* Two cards of the same kind, and a framebuffer that was moved to its BAR. */
static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

static void test_add_and_find(void **unused)
{
    g_autoptr(XenPhysmapTable) table = table_of(rom5, vram, rom4);

    (void)unused;
    expect_records(table, vram, rom4, rom5);
    assert_int_equal(xen_physmap_table_size(table), 3);
    assert_null(xen_physmap_table_get(table, 3));

    assert_string_equal(xen_physmap_table_find_phys(table, 0x2000000)->name, vram.name);
    assert_string_equal(xen_physmap_table_find_phys(table, 0x2ffffff)->name, vram.name);
    assert_string_equal(xen_physmap_table_find_phys(table, 0x3000000)->name, rom4.name);
    assert_null(xen_physmap_table_find_phys(table, 0x1ffffff));
    assert_null(xen_physmap_table_find_phys(table, 0x3080000));
    assert_null(xen_physmap_table_find_phys(table, G_MAXUINT64));

    assert_string_equal(xen_physmap_table_find_guest(table, 0xf1ffffff)->name, vram.name);
    assert_null(xen_physmap_table_find_guest(table, 0xf2000000));
    assert_null(xen_physmap_table_find_guest(table, 0x2000000));

    assert_int_equal(xen_physmap_table_find_name(table, rom5.name)->phys_offset, 0x3040000);
    assert_null(xen_physmap_table_find_name(table, "e1000.rom"));
}

static void test_empty(void **unused)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    g_autoptr(XenPhysmapTable) other = xen_physmap_table_new();
    GError *error = NULL;

    (void)unused;
    assert_int_equal(xen_physmap_table_size(table), 0);
    assert_null(xen_physmap_table_get(table, 0));
    assert_null(xen_physmap_table_find_phys(table, 0));
    assert_null(xen_physmap_table_find_guest(table, 0));
    assert_null(xen_physmap_table_find_name(table, ""));
    assert_true(xen_physmap_table_equal(table, other));
    assert_false(xen_physmap_table_remove(table, 0x1000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "0x1000");
    assert_false(xen_physmap_table_move(table, 0x1000, 0, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "0x1000");
    xen_physmap_table_free(NULL);
}

static void test_refused_additions(void **unused)
{
    static const struct {
        XenPhysmapRecord record;
        const char *reasons[2];
    } cases[] = {
        { { "in", 0x2fff000, 0x80000000, 0x1000 },
          { "in at phys_offset 0x2fff000", "overlaps 0000:00:03.0/vga.vram at 0x2000000" } },
        { { "over", 0x1fff000, 0x80000000, 0x2000 }, { "over", "vga.vram" } },
        { { "same", 0x2000000, 0x80000000, 0x1000000 }, { "same", "vga.vram" } },
        { { "around", 0x1000000, 0x80000000, 0x8000000 }, { "around", "vga.vram" } },
        { { "in", 0x8000000, 0xf1fff000, 0x1000 },
          { "in at start_addr 0xf1fff000", "overlaps 0000:00:03.0/vga.vram at 0xf1000000" } },
        { { "over", 0x8000000, 0xf0fff000, 0x2000 }, { "over", "vga.vram" } },
        { { "unmoved", 0x8000000, 0x3000000, 0x1000 }, { "unmoved", "0000:00:04.0/e1000.rom" } },
        { { "0000:00:04.0/e1000.rom", 0x8000000, 0x8000000, 0x1000 },
          { "two records are named 0000:00:04.0/e1000.rom", "0x3000000 and 0x8000000" } },
        { { "odd", 0x8000001, 0x8000000, 0x1000 }, { "odd", "not a multiple" } },
        { { "nothing", 0x8000000, 0x8000000, 0 }, { "nothing", "size is 0" } },
        { { "wrap", 0xfffffffffffff000, 0x8000000, 0x1000 }, { "wrap", "runs past the end" } },
        { { "\033[31m", 0x8000000, 0x8000000, 0x1000 }, { "'\\x1b[31m'", "not printable" } },
    };
    g_autoptr(XenPhysmapTable) table = table_of(vram, rom4);

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        g_autoptr(GError) again = NULL;

        assert_false(xen_physmap_table_add(table, &cases[i].record, &error));
        again = g_error_copy(error);
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, cases[i].reasons[0]);
        expect_error(&again, XEN_PHYSMAP_ERROR_INVALID, cases[i].reasons[1]);
        expect_records(table, vram, rom4);
    }
}

static void test_neighbours_fit(void **unused)
{
    g_autoptr(XenPhysmapTable) table = table_of(vram);
    const XenPhysmapRecord below = { "below", 0x1fff000, 0xf0fff000, 0x1000 };
    const XenPhysmapRecord above = { "above", 0x3000000, 0xf2000000, 0x1000 };

    (void)unused;
    assert_true(xen_physmap_table_add(table, &below, NULL));
    assert_true(xen_physmap_table_add(table, &above, NULL));
    expect_records(table, below, vram, above);
}

static void test_bare_names_repeat(void **unused)
{
    const XenPhysmapRecord a = { "e1000.rom", 0x2000, 0x2000, 0x1000 };
    const XenPhysmapRecord b = { "e1000.rom", 0x1000, 0x1000, 0x1000 };
    const XenPhysmapRecord c = { "e1000.rom", 0x3000, 0x3000, 0x1000 };
    g_autoptr(XenPhysmapTable) table = table_of(a, b, c);

    (void)unused;
    expect_records(table, b, a, c);
    assert_int_equal(xen_physmap_table_find_name(table, "e1000.rom")->phys_offset, 0x1000);
    assert_true(xen_physmap_table_remove(table, 0x1000, NULL));
    assert_int_equal(xen_physmap_table_find_name(table, "e1000.rom")->phys_offset, 0x2000);
}

static void test_remove(void **unused)
{
    g_autoptr(XenPhysmapTable) table = table_of(vram, rom4);
    GError *error = NULL;

    (void)unused;
    /* An address within the record isn't its phys_offset. */
    assert_false(xen_physmap_table_remove(table, 0x2001000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "0x2001000");
    assert_true(xen_physmap_table_remove(table, 0x2000000, &error));
    expect_records(table, rom4);
    assert_null(xen_physmap_table_find_phys(table, 0x2000000));
    assert_null(xen_physmap_table_find_guest(table, 0xf1000000));
    assert_null(xen_physmap_table_find_name(table, vram.name));
    /* All of its places are free again. */
    assert_true(xen_physmap_table_add(table, &vram, &error));
}

static void test_move(void **unused)
{
    g_autoptr(XenPhysmapTable) table = table_of(vram, rom4);
    XenPhysmapRecord moved = vram;
    GError *error = NULL;

    (void)unused;
    moved.start_addr = 0xe0000000;
    assert_true(xen_physmap_table_move(table, 0x2000000, 0xe0000000, &error));
    expect_records(table, moved, rom4);
    assert_null(xen_physmap_table_find_guest(table, 0xf1000000));
    assert_string_equal(xen_physmap_table_find_guest(table, 0xe0000000)->name, vram.name);

    assert_false(xen_physmap_table_move(table, 0x2000000, 0x3000000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "overlaps 0000:00:04.0/e1000.rom");
    assert_false(xen_physmap_table_move(table, 0x2000000, 0xe0000001, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "not a multiple");
    assert_false(xen_physmap_table_move(table, 0x2000000, 0xfffffffffffff000, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "runs past the end");
    expect_records(table, moved, rom4);

    /* To a place that overlaps its old one, and to the same place. */
    moved.start_addr = 0xe0001000;
    assert_true(xen_physmap_table_move(table, 0x2000000, 0xe0001000, &error));
    assert_true(xen_physmap_table_move(table, 0x2000000, 0xe0001000, &error));
    expect_records(table, moved, rom4);
}

static void test_copy_is_its_own(void **unused)
{
    g_autoptr(XenPhysmapTable) table = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) copy = xen_physmap_table_copy(table);

    (void)unused;
    assert_true(xen_physmap_table_equal(table, copy));
    assert_true(xen_physmap_table_move(copy, 0x2000000, 0xe0000000, NULL));
    assert_true(xen_physmap_table_add(copy, &rom5, NULL));
    assert_true(xen_physmap_table_remove(copy, 0x3000000, NULL));
    expect_records(table, vram, rom4);
    assert_false(xen_physmap_table_equal(table, copy));
}

static void test_full(void **unused)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    GError *error = NULL;
    XenPhysmapRecord record = { "one of many", 0, 0, 0x1000 };

    (void)unused;
    for (guint i = 0; i < XEN_PHYSMAP_TABLE_MAX; i++) {
        record.phys_offset = record.start_addr = (guint64)i << XEN_PHYSMAP_PAGE_SHIFT;
        assert_true(xen_physmap_table_add(table, &record, &error));
    }
    record.phys_offset = record.start_addr = (guint64)1 << 40;
    assert_false(xen_physmap_table_add(table, &record, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "more than 4096 records");
    assert_int_equal(xen_physmap_table_size(table), XEN_PHYSMAP_TABLE_MAX);
    assert_true(xen_physmap_table_remove(table, 0x5000, &error));
    assert_true(xen_physmap_table_add(table, &record, &error));
}

/* --- the model: unsorted records, and the rules as the header has them --- */

#define MODEL_MAX 24

typedef struct Model {
    XenPhysmapRecord records[MODEL_MAX];
    guint n;
} Model;

static gboolean shares_a_byte(guint64 a, guint64 a_size, guint64 b, guint64 b_size)
{
    return a < b + b_size && b < a + a_size;
}

static gboolean model_allows(const Model *model, const XenPhysmapRecord *record, gint except)
{
    for (gint i = 0; i < (gint)model->n; i++) {
        const XenPhysmapRecord *other = &model->records[i];

        if (i != except &&
            (shares_a_byte(record->phys_offset, record->size, other->phys_offset, other->size) ||
             shares_a_byte(record->start_addr, record->size, other->start_addr, other->size) ||
             (strchr(record->name, '/') && strcmp(record->name, other->name) == 0))) {
            return FALSE;
        }
    }
    return TRUE;
}

static gint model_index(const Model *model, guint64 phys_offset)
{
    for (guint i = 0; i < model->n; i++) {
        if (model->records[i].phys_offset == phys_offset) {
            return i;
        }
    }
    return -1;
}

static const XenPhysmapRecord *model_find(const Model *model, gboolean guest, guint64 address)
{
    for (guint i = 0; i < model->n; i++) {
        const XenPhysmapRecord *record = &model->records[i];
        guint64 start = guest ? record->start_addr : record->phys_offset;

        if (address >= start && address < start + record->size) {
            return record;
        }
    }
    return NULL;
}

static const XenPhysmapRecord *model_find_name(const Model *model, const char *name)
{
    const XenPhysmapRecord *found = NULL;

    for (guint i = 0; i < model->n; i++) {
        const XenPhysmapRecord *record = &model->records[i];

        if (strcmp(record->name, name) == 0 &&
            (!found || record->phys_offset < found->phys_offset)) {
            found = record;
        }
    }
    return found;
}

static gboolean same(const XenPhysmapRecord *a, const XenPhysmapRecord *b)
{
    return a && b ? xen_physmap_record_equal(a, b) : a == b;
}

static void expect_model(const XenPhysmapTable *table, const Model *model)
{
    guint64 last = 0;

    assert_int_equal(xen_physmap_table_size(table), model->n);
    for (guint i = 0; i < model->n; i++) {
        const XenPhysmapRecord *record = xen_physmap_table_get(table, i);
        gint at = model_index(model, record->phys_offset);

        assert_true(at >= 0 && same(record, &model->records[at]));
        assert_true(i == 0 || record->phys_offset > last);
        last = record->phys_offset;
    }
}

/* A small space, so that the records often meet. */
static guint64 random_address(GRand *rand)
{
    return (guint64)g_rand_int_range(rand, 0, 96) << XEN_PHYSMAP_PAGE_SHIFT;
}

static void random_record(GRand *rand, XenPhysmapRecord *record)
{
    memset(record, 0, sizeof *record);
    g_snprintf(record->name, sizeof record->name, "%s%d",
               g_rand_int_range(rand, 0, 4) ? "card/" : "bare", g_rand_int_range(rand, 0, 40));
    record->phys_offset = random_address(rand);
    record->start_addr = g_rand_boolean(rand) ? random_address(rand) : record->phys_offset;
    record->size = (guint64)g_rand_int_range(rand, 1, 9) << XEN_PHYSMAP_PAGE_SHIFT;
}

static void random_change(GRand *rand, XenPhysmapTable *table, Model *model)
{
    XenPhysmapRecord record;
    guint64 address = random_address(rand);
    gint at;

    switch (g_rand_int_range(rand, 0, 4)) {
    case 0:
        random_record(rand, &record);
        if (model->n < MODEL_MAX) {
            gboolean allowed = model_allows(model, &record, -1);

            assert_int_equal(xen_physmap_table_add(table, &record, NULL), allowed);
            if (allowed) {
                model->records[model->n++] = record;
            }
        }
        break;
    case 1:
        at = model_index(model, address);
        assert_int_equal(xen_physmap_table_remove(table, address, NULL), at >= 0);
        if (at >= 0) {
            model->records[at] = model->records[--model->n];
        }
        break;
    default:
        /* Mostly with an existing record, as when a guest programs its BARs. */
        if (model->n && g_rand_int_range(rand, 0, 8)) {
            address = model->records[g_rand_int_range(rand, 0, model->n)].phys_offset;
        }
        at = model_index(model, address);
        if (at >= 0) {
            record = model->records[at];
            record.start_addr =
                g_rand_int_range(rand, 0, 4) ? random_address(rand) : record.phys_offset;
        } else {
            record.start_addr = random_address(rand);
        }
        gboolean allowed = at >= 0 && model_allows(model, &record, at);

        assert_int_equal(xen_physmap_table_move(table, address, record.start_addr, NULL), allowed);
        if (allowed) {
            model->records[at] = record;
        }
    }
}

static void random_look_up(GRand *rand, const XenPhysmapTable *table, const Model *model)
{
    guint64 address = random_address(rand) + g_rand_int_range(rand, 0, 0x1000);
    XenPhysmapRecord record;

    random_record(rand, &record);
    assert_true(
        same(xen_physmap_table_find_phys(table, address), model_find(model, FALSE, address)));
    assert_true(
        same(xen_physmap_table_find_guest(table, address), model_find(model, TRUE, address)));
    assert_true(
        same(xen_physmap_table_find_name(table, record.name), model_find_name(model, record.name)));
}

static void test_against_model(void **unused)
{
    guint64 seed = environment_number("XEN_PHYSMAP_TEST_SEED", g_random_int());
    guint64 operations = environment_number("XEN_PHYSMAP_TEST_OPERATIONS", 1200000);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    Model model = { .n = 0 };
    guint most = 0;

    (void)unused;
    print_message("# XEN_PHYSMAP_TEST_SEED=%" G_GUINT64_FORMAT "\n", seed);
    for (guint64 i = 0; i < operations; i += 2) {
        random_change(rand, table, &model);
        random_look_up(rand, table, &model);
        if (i % 16 == 0) {
            expect_model(table, &model);
        }
        most = MAX(most, model.n);
    }
    /* Otherwise the tables were mostly empty. */
    assert_in_range(most, operations < 1000 ? 1 : 8, MODEL_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_find),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused_additions),
        cmocka_unit_test(test_neighbours_fit),
        cmocka_unit_test(test_bare_names_repeat),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_copy_is_its_own),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_against_model),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
