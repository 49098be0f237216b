/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in EMULATOR_XENSTORE_DATA and in the legacy blob: read, written and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../mocks/savefile-maker.h"
#include "emulator-data.h"
#include "legacy-blob.h"

#define HEAD "\2\0\0\0\1\0\0\0"
#define BODY(pairs) (const guint8 *)(pairs), sizeof(pairs) - 1

static const XenPhysmapRecord vga = { "vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
static const XenPhysmapRecord rom = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };

static void expect_two(const XenPhysmapTable *table)
{
    assert_int_equal(xen_physmap_table_size(table), 2);
    assert_true(xen_physmap_record_equal(xen_physmap_table_get(table, 0), &vga));
    assert_true(xen_physmap_record_equal(xen_physmap_table_get(table, 1), &rom));
}

static void expect_invalid(GError **error, const char *wanted)
{
    assert_true(g_error_matches(*error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    if (!strstr((*error)->message, wanted) || strchr((*error)->message, '\n')) {
        fail_msg("wanted '%s', got '%s'", wanted, (*error)->message);
    }
    g_clear_error(error);
}

static void test_parse(void **unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmulatorData) data = emulator_parse(
        BODY(HEAD MAKER_PAIRS "some/other_key\0value\0" MAKER_ROM_PAIRS), FALSE, 0, &error);

    (void)unused;
    assert_non_null(data);
    assert_int_equal(data->id, EMULATOR_QEMU);
    assert_int_equal(data->index, 1);
    expect_two(data->table);
    assert_int_equal(data->others->len, 2);
    assert_string_equal(data->others->pdata[0], "some/other_key");
    assert_string_equal(data->others->pdata[1], "value");
}

static void test_empty(void **unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmulatorData) data = emulator_parse(BODY("\0\0\0\1\0\0\0\0"), TRUE, 0, &error);

    (void)unused;
    assert_int_equal(data->id, EMULATOR_QEMU_TRADITIONAL);
    assert_int_equal(xen_physmap_table_size(data->table), 0);
}

/* What libxl wrote is written again, byte for byte. */
static void test_round_trip(void **unused)
{
    static const char little[] = HEAD MAKER_PAIRS MAKER_ROM_PAIRS "state\0running\0empty\0\0";
    static const char big[] = "\0\0\0\2\0\0\0\1" MAKER_PAIRS;
    static const struct {
        const char *body;
        gsize length;
        gboolean big_endian;
    } cases[] = { { little, sizeof little - 1, FALSE }, { big, sizeof big - 1, TRUE } };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(EmulatorData) data = emulator_parse(
            (const guint8 *)cases[i].body, cases[i].length, cases[i].big_endian, 0, &error);
        g_autoptr(GByteArray) body = emulator_body(data, cases[i].big_endian, &error);

        assert_int_equal(body->len, cases[i].length);
        assert_memory_equal(body->data, cases[i].body, body->len);
    }
}

static void test_refused(void **unused)
{
    static const struct {
        const char *body;
        gsize length;
        const char *wanted;
    } cases[] = {
#define CASE(pairs, wanted) { HEAD pairs, sizeof(HEAD pairs) - 1, wanted }
        { HEAD, 7, "the body at 0x100 is 7 bytes" },
        CASE("a", "the pair at 0x108 has no NUL after its key"),
        CASE("a\0", "the pair at 0x108 has a key and no value"),
        CASE("a\0b", "the pair at 0x108 has no NUL after its value"),
        CASE("a\0b\0\0c\0", "the pair at 0x10c: '' is not a key"),
        CASE("/a\0b\0", "the pair at 0x108: '/a' is not a key"),
        CASE("a b\0b\0", "'a b' is not a key"),
        CASE("a\x1b[1m\0b\0", "'a\\x1b[1m' is not a key"),
        CASE("physmap/2000000/start_addr\0"
             "f1000000\0",
             "the body at 0x100: physmap/2000000"),
        CASE("physmap/2000000/start_addr\0"
             "0xf1000000\0",
             "the pair at 0x108: physmap/2000000"),
        CASE("physmap/2000000/other\0"
             "1\0",
             "the pair at 0x108: "),
        CASE("physmap/../../7/physmap/0/size\0"
             "1\0",
             "the pair at 0x108: "),
        CASE(MAKER_PAIRS MAKER_PAIRS, "the key occurs twice"),
        CASE(MAKER_PAIRS "physmap/2001000/start_addr\0"
                         "0\0physmap/2001000/size\0"
                         "1000\0"
                         "physmap/2001000/name\0x\0",
             "overlaps"),
#undef CASE
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        /* Exactly as many bytes, so that AddressSanitizer sees reads after the end. */
        g_autofree guint8 *body = g_memdup2(cases[i].body, cases[i].length);

        assert_null(emulator_parse(body, cases[i].length, FALSE, 0x100, &error));
        expect_invalid(&error, cases[i].wanted);
    }
}

static void test_most(void **unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmulatorData) data = emulator_parse(BODY(HEAD), FALSE, 0, &error);
    g_autoptr(GByteArray) body = NULL;

    (void)unused;
    for (guint i = 0; i < XEN_PHYSMAP_TABLE_MAX; i++) {
        XenPhysmapRecord record = { "", (G_MAXUINT64 - i * 0x2000 - 0xfff) & ~0xfffULL, 0, 0x1000 };

        memset(record.name, 'x', XEN_PHYSMAP_NAME_MAX);
        record.phys_offset -= 0x1000;
        record.start_addr = record.phys_offset;
        assert_true(xen_physmap_table_add(data->table, &record, &error));
    }
    body = emulator_body(data, FALSE, &error);
    assert_non_null(body);
    g_ptr_array_add(data->others, g_strdup("key"));
    g_ptr_array_add(data->others, g_strnfill(EMULATOR_BODY_MAX, 'x'));
    assert_null(emulator_body(data, FALSE, &error));
    expect_invalid(&error, "the limit is 4194304");
    /* A body of many small pairs would come to dozens of MiB. */
    g_byte_array_set_size(body, 8);
    for (guint i = 0; i <= 4 * XEN_PHYSMAP_TABLE_MAX; i++) {
        g_byte_array_append(body, (const guint8 *)"a\0", 3);
    }
    assert_null(emulator_parse(body->data, body->len, FALSE, 0, &error));
    expect_invalid(&error, "the pair at 0xc008 exceeds the limit of 16384");
}

/* A blob of the two records. */
static void put_blob(Maker *maker, guint word)
{
    maker_u32(maker, 1);
    maker_u32(maker, 2);
    maker_legacy_entry(maker, word, vga.phys_offset, vga.start_addr, vga.size, vga.name);
    maker_legacy_entry(maker, word, rom.phys_offset, rom.start_addr, rom.size, rom.name);
}

static void test_legacy(void **unused)
{
    (void)unused;
    for (guint wanted = 32; wanted <= 64; wanted += 32) {
        g_autoptr(GError) error = NULL;
        g_autoptr(XenPhysmapTable) table = NULL;
        Maker maker = MAKER_INIT;
        guint word = 0;

        put_blob(&maker, wanted);
        table = legacy_parse(maker.bytes->data, maker.bytes->len, 0, &word, &error);
        assert_non_null(table);
        assert_int_equal(word, wanted);
        expect_two(table);
        /* With one byte less or more it isn't a blob. */
        for (gsize length = maker.bytes->len; length-- > 0;) {
            g_autofree guint8 *blob = g_memdup2(maker.bytes->data, length);

            assert_null(legacy_parse(blob, length, 0x100, &word, &error));
            expect_invalid(&error, "the toolstack blob at 0x100 ");
        }
        maker_put(&maker, "", 1);
        assert_null(legacy_parse(maker.bytes->data, maker.bytes->len, 0, &word, &error));
        expect_invalid(&error, "has neither layout");
        maker_clear(&maker);
    }
}

static void test_legacy_empty(void **unused)
{
    static const guint8 blob[8] = { 1 };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    guint word = 7;

    (void)unused;
    table = legacy_parse(blob, sizeof blob, 0, &word, &error);
    assert_non_null(table);
    assert_int_equal(word, 0);
}

static void test_legacy_refused(void **unused)
{
    static const struct {
        guint32 at, value;
        const char *wanted;
    } cases[] = {
        { 0, 2, "is not of version 1" },
        { 4, 0xffffffff, "has 4294967295 records" },
        { 4, 3, "has neither layout" },
        { 4, 1, "has neither layout: a 32-bit one breaks at 0x12d" },
        { 32, 0xffffffff, "a 32-bit one breaks at 0x108" },
        { 32, 0, "has neither layout" },
        { 36, 0, "has neither layout" },
        { 8, 1, "the record at 0x108: vga.vram: phys_offset 0x1 is not a multiple" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Maker maker = MAKER_INIT;
        guint word;

        put_blob(&maker, 32);
        maker_patch(&maker, cases[i].at, cases[i].value);
        assert_null(legacy_parse(maker.bytes->data, maker.bytes->len, 0x100, &word, &error));
        expect_invalid(&error, cases[i].wanted);
        maker_clear(&maker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_most),         cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_legacy_empty), cmocka_unit_test(test_legacy_refused),
    };

    return cmocka_run_group_tests_name("emulator-data", tests, NULL, NULL);
}
