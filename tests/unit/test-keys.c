/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pairs to records and back; and each way in which a bad pair is refused, with its reason. */
#include "expect.h"

#include <string.h>

#include <xen-physmap/keys.h>

/* One pair; -1 as a length is strlen. */
typedef struct Pair {
    const char *key, *value;
    gssize key_length, value_length;
} Pair;

#define PAIR(key, value)                                                                           \
    {                                                                                              \
        key, value, -1, -1                                                                         \
    }
#define BYTES(key, value)                                                                          \
    {                                                                                              \
        key, value, sizeof(key) - 1, sizeof(value) - 1                                             \
    }
#define RECORD(offset, start, length, label)                                                       \
    PAIR("physmap/" offset "/start_addr", start), PAIR("physmap/" offset "/size", length),         \
        PAIR("physmap/" offset "/name", label)

static gboolean add(XenPhysmapKeys *keys, const Pair *pair, GError **error)
{
    return xen_physmap_keys_add(
        keys, pair->key, pair->key_length < 0 ? strlen(pair->key) : (gsize)pair->key_length,
        pair->value, pair->value_length < 0 ? strlen(pair->value) : (gsize)pair->value_length,
        error);
}

static const Pair good[] = { RECORD("2000000", "f1000000", "1000000", "vga.vram") };
static const XenPhysmapRecord good_record = { "vga.vram", 0x2000000, 0xf1000000, 0x1000000 };

static void test_any_order(void **unused)
{
    static const Pair pairs[] = {
        PAIR("physmap/3000000/name", "0000:00:04.0/e1000.rom"),
        PAIR("physmap/2000000/size", "1000000"),
        PAIR("physmap/3000000/start_addr", "3000000"),
        PAIR("physmap/2000000/name", "vga.vram"),
        PAIR("physmap/2000000/start_addr", "f1000000"),
        PAIR("physmap/3000000/size", "40000"),
    };
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autoptr(XenPhysmapTable) table = NULL;
    GError *error = NULL;

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        assert_true(add(keys, &pairs[i], &error));
    }
    table = xen_physmap_keys_table(keys, &error);
    expect_records(table, good_record, { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 });
}

static void test_none(void **unused)
{
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autoptr(XenPhysmapTable) table = xen_physmap_keys_table(keys, NULL);

    (void)unused;
    assert_non_null(table);
    assert_int_equal(xen_physmap_table_size(table), 0);
    xen_physmap_keys_free(NULL);
}

static void test_lengths_count_not_the_nul(void **unused)
{
    /* As in a savefile: one pair after the other. */
    static const char packed[] = "physmap/2000000/start_addr\0f1000000\0physmap/2000000/size\0"
                                 "1000000physmap/2000000/nameXvga.vramX";
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autoptr(XenPhysmapTable) table = NULL;

    (void)unused;
    assert_true(xen_physmap_keys_add(keys, packed, 26, packed + 27, 8, NULL));
    assert_true(xen_physmap_keys_add(keys, packed + 36, 20, packed + 57, 7, NULL));
    assert_true(xen_physmap_keys_add(keys, packed + 64, 20, packed + 85, 8, NULL));
    table = xen_physmap_keys_table(keys, NULL);
    expect_records(table, good_record);
}

static void test_refused_pairs(void **unused)
{
    static const struct {
        Pair pair;
        const char *reason;
    } cases[] = {
#define KEY "is not a number of 1 to 16 lower-case hexadecimal digits without leading zeros"
        { PAIR("physmap/20g0000/size", "1000"), KEY },
        { PAIR("physmap/2ABC000/size", "1000"), KEY },
        { PAIR("physmap/+2000000/size", "1000"), KEY },
        { PAIR("physmap/-2000000/size", "1000"), KEY },
        { PAIR("physmap/ 2000000/size", "1000"), KEY },
        { PAIR("physmap/2000000 /size", "1000"), KEY },
        { PAIR("physmap/0x2000000/size", "1000"), KEY },
        { PAIR("physmap/02000000/size", "1000"), KEY },
        { PAIR("physmap/00/size", "1000"), KEY },
        { PAIR("physmap/12345678901234567/size", "1000"), KEY },
        { PAIR("physmap//size", "1000"), KEY },
        { PAIR("physmap/../state/size", "1000"), KEY },
        { PAIR("physmap/../../5/size", "1000"), KEY },
        { PAIR("physmap/./size", "1000"), KEY },
        { BYTES("physmap/2000\0"
                "00/size",
                "1000"),
          "physmap/2000\\x0000/size: the phys_offset" },
        { BYTES("physmap/\033[31m/size", "1000"), "physmap/\\x1b[31m/size: the phys_offset" },
        { PAIR("/physmap/2000000/size", "1000"), "not a key under physmap/" },
        { PAIR("/local/domain/0/device-model/1/physmap/2000000/size", "1000"),
          "not a key under physmap/" },
        { PAIR("", "1000"), "not a key under physmap/" },
        { PAIR("physmap", "1000"), "not a key under physmap/" },
        { PAIR("state", "running"), "state: not a key under physmap/" },
        { PAIR("Physmap/2000000/size", "1000"), "not a key under physmap/" },
        { PAIR("../physmap/2000000/size", "1000"), "not a key under physmap/" },
        { PAIR("physmap/", "1000"), "not a key of the form" },
        { PAIR("physmap/2000000", "1000"), "not a key of the form" },
        { PAIR("physmap/2000000/", "1000"), "none of start_addr, size, name" },
        { PAIR("physmap/2000000/sizes", "1000"), "none of start_addr, size, name" },
        { PAIR("physmap/2000000/Size", "1000"), "none of start_addr, size, name" },
        { PAIR("physmap/2000000/../state", "x"), "none of start_addr, size, name" },
        { PAIR("physmap/2000000/size/x", "1000"), "none of start_addr, size, name" },
        { PAIR("physmap/2000000//size", "1000"), "none of start_addr, size, name" },
        { BYTES("physmap/2000000/size\0", "1000"), "size\\x00: the node is none of" },
#undef KEY
#define VALUE "is not a number of 1 to 16 lower-case hexadecimal digits"
        { PAIR("physmap/2000000/size", ""), "'' " VALUE },
        { PAIR("physmap/2000000/size", "zz"), "'zz' " VALUE },
        { PAIR("physmap/2000000/size", "10000F000"), "'10000F000' " VALUE },
        { PAIR("physmap/2000000/size", "+1000"), "'+1000' " VALUE },
        { PAIR("physmap/2000000/size", "-1000"), "'-1000' " VALUE },
        { PAIR("physmap/2000000/size", " 1000"), "' 1000' " VALUE },
        { PAIR("physmap/2000000/size", "1000\n"), "'1000\\x0a' " VALUE },
        { PAIR("physmap/2000000/size", "0x1000"), "'0x1000' " VALUE },
        { PAIR("physmap/2000000/size", "00000000000001000"), "'00000000000001000' " VALUE },
        { BYTES("physmap/2000000/size", "1000\0"), "'1000\\x00' " VALUE },
        { PAIR("physmap/2000000/start_addr", "\033]0;x\007"), "'\\x1b]0;x\\x07' " VALUE },
#undef VALUE
        { BYTES("physmap/2000000/name", "vga\0vram"), "the name has a NUL in it" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
        g_autoptr(XenPhysmapTable) table = NULL;
        GError *error = NULL;

        assert_false(add(keys, &cases[i].pair, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, cases[i].reason);
        /* A refused pair adds nothing: a good record of the same key still fits. */
        for (guint j = 0; j < G_N_ELEMENTS(good); j++) {
            assert_true(add(keys, &good[j], &error));
        }
        table = xen_physmap_keys_table(keys, &error);
        expect_records(table, good_record);
    }
}

static void test_refused_tables(void **unused)
{
    static const struct {
        Pair pairs[6];
        const char *reason;
    } cases[] = {
        { { PAIR("physmap/2000000/size", "1000"), PAIR("physmap/2000000/name", "x") },
          "physmap/2000000: the record lacks its start_addr" },
        { { PAIR("physmap/2000000/start_addr", "1000"), PAIR("physmap/2000000/name", "x") },
          "physmap/2000000: the record lacks its size" },
        { { PAIR("physmap/2000000/start_addr", "1000"), PAIR("physmap/2000000/size", "1000") },
          "physmap/2000000: the record lacks its name" },
        { { RECORD("2000800", "1000", "1000", "x") },
          "physmap/2000800: x: phys_offset 0x2000800 is not a multiple of the page size" },
        { { RECORD("2000000", "1001", "1000", "x") }, "start_addr 0x1001 is not a multiple" },
        { { RECORD("2000000", "1000", "1", "x") }, "size 0x1 is not a multiple" },
        { { RECORD("2000000", "1000", "0", "x") }, "physmap/2000000: x: size is 0" },
        { { RECORD("2000000", "fffffffffffff000", "1000", "x") },
          "start_addr 0xfffffffffffff000 with size 0x1000 runs past the end" },
        { { RECORD("fffffffffffff000", "0", "2000", "x") },
          "phys_offset 0xfffffffffffff000 with size 0x2000 runs past the end" },
        { { RECORD("1000", "1000", "fffffffffffff000", "x") }, "runs past the end" },
        { { RECORD("2000000", "1000", "1000", "") }, "the name '' is empty" },
        { { RECORD("2000000", "1000", "1000", "a\033[2Jb") },
          "the name 'a\\x1b[2Jb' has a byte that is not printable ASCII" },
        { { RECORD("2000000", "1000", "1000", "caf\xc3\xa9") }, "'caf\\xc3\\xa9'" },
        { { RECORD("2000000", "10000", "2000", "x"), RECORD("2001000", "20000", "1000", "y") },
          "y at phys_offset 0x2001000, size 0x1000, overlaps x at 0x2000000" },
        { { RECORD("2000000", "10000", "2000", "x"), RECORD("3000000", "11000", "1000", "y") },
          "y at start_addr 0x11000, size 0x1000, overlaps x at 0x10000" },
        { { RECORD("2000000", "10000", "1000", "a/x"), RECORD("3000000", "20000", "1000", "a/x") },
          "two records are named a/x" },
        { { RECORD("2000000", "fec00000", "1000", "x") },
          "physmap/2000000: x at 0xfec00000, size 0x1000, covers the I/O APIC at 0xfec00000" },
        { { RECORD("2000000", "f0000000", "10000000", "x") }, "covers the I/O APIC" },
        { { RECORD("2000000", "fed00000", "1000", "x") }, "covers the HPET at 0xfed00000" },
        { { RECORD("2000000", "feeff000", "1000", "x") }, "covers the local APIC at 0xfee00000" },
        { { RECORD("2000000", "feffe000", "1000", "x") },
          "covers Xen's special pages at 0xfeff0000" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
        GError *error = NULL;

        for (guint j = 0; j < G_N_ELEMENTS(cases[i].pairs) && cases[i].pairs[j].key; j++) {
            assert_true(add(keys, &cases[i].pairs[j], &error));
        }
        assert_null(xen_physmap_keys_table(keys, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, cases[i].reason);
    }
}

static void test_twice(void **unused)
{
    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
        GError *error = NULL;

        assert_true(add(keys, &good[i], &error));
        assert_false(add(keys, &good[i], &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "the key occurs twice");
    }
}

static void test_long_values(void **unused)
{
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autofree char *digits = g_strnfill(4096, '1'), *name = g_strnfill(4096, 'n');
    g_autofree char *key = g_strdup_printf("physmap/%s/size", digits);
    GError *error = NULL;

    (void)unused;
    assert_false(xen_physmap_keys_add(keys, "physmap/1000/size", 17, digits, 4096, &error));
    assert_true(strlen(error->message) < 512);
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "physmap/1000/size: '1111");
    assert_false(xen_physmap_keys_add(keys, "physmap/1000/name", 17, name, 4096, &error));
    assert_true(strlen(error->message) < 512);
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "the name is longer than 255 bytes");
    assert_false(xen_physmap_keys_add(keys, "physmap/1000/name", 17, name, 256, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "the name is longer than 255 bytes");
    assert_true(xen_physmap_keys_add(keys, "physmap/1000/name", 17, name, 255, &error));
    assert_false(xen_physmap_keys_add(keys, key, strlen(key), "1000", 4, &error));
    assert_true(strlen(error->message) < 512);
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "lower-case hexadecimal");
}

static gboolean add_numbered(XenPhysmapKeys *keys, guint i, GError **error)
{
    g_autofree char *offset = g_strdup_printf("%x000", i + 1);
    g_autofree char *start = g_strdup_printf("physmap/%s/start_addr", offset);
    g_autofree char *size = g_strdup_printf("physmap/%s/size", offset);
    g_autofree char *name = g_strdup_printf("physmap/%s/name", offset);

    return xen_physmap_keys_add(keys, start, strlen(start), offset, strlen(offset), error) &&
           xen_physmap_keys_add(keys, size, strlen(size), "1000", 4, error) &&
           xen_physmap_keys_add(keys, name, strlen(name), "rom", 3, error);
}

static void test_thousands(void **unused)
{
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autoptr(XenPhysmapTable) table = NULL;
    GError *error = NULL;

    (void)unused;
    for (guint i = 0; i < XEN_PHYSMAP_TABLE_MAX; i++) {
        assert_true(add_numbered(keys, i, &error));
    }
    assert_false(add_numbered(keys, XEN_PHYSMAP_TABLE_MAX, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "physmap/1001000/start_addr: too many records");
    table = xen_physmap_keys_table(keys, &error);
    assert_int_equal(xen_physmap_table_size(table), XEN_PHYSMAP_TABLE_MAX);
}

/* --- the other way --- */

static gboolean print_pair(const char *key, const char *value, gpointer data, GError **error)
{
    GString *out = data;

    (void)error;
    g_string_append_printf(out, "%s=%s;", key, value);
    return TRUE;
}

static void test_foreach(void **unused)
{
    g_autoptr(GString) out = g_string_new(NULL);

    (void)unused;
    assert_true(xen_physmap_keys_foreach(&good_record, print_pair, out, NULL));
    assert_string_equal(out->str, "physmap/2000000/start_addr=f1000000;"
                                  "physmap/2000000/size=1000000;physmap/2000000/name=vga.vram;");
}

static gboolean refuse_second(const char *key, const char *value, gpointer data, GError **error)
{
    (void)key;
    (void)value;
    if (++*(guint *)data < 2) {
        return TRUE;
    }
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_QUOTA, "enough");
    return FALSE;
}

static void test_foreach_stops(void **unused)
{
    GError *error = NULL;
    guint calls = 0;

    (void)unused;
    assert_false(xen_physmap_keys_foreach(&good_record, refuse_second, &calls, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_QUOTA, "enough");
    assert_int_equal(calls, 2);
}

static gboolean collect(const char *key, const char *value, gpointer data, GError **error)
{
    return xen_physmap_keys_add(data, key, strlen(key), value, strlen(value), error);
}

static void test_round_trip(void **unused)
{
    const XenPhysmapRecord first = { "a", 0, 0xffffffffffffe000, 0x1000 };
    const XenPhysmapRecord last = { "0000:00:1f.7/~", 0xfffffffff0000000, 0, 0xffff000 };
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autoptr(XenPhysmapTable) table = NULL;

    (void)unused;
    assert_true(xen_physmap_keys_foreach(&first, collect, keys, NULL));
    assert_true(xen_physmap_keys_foreach(&last, collect, keys, NULL));
    table = xen_physmap_keys_table(keys, NULL);
    expect_records(table, first, last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_lengths_count_not_the_nul),
        cmocka_unit_test(test_refused_pairs),
        cmocka_unit_test(test_refused_tables),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_thousands),
        cmocka_unit_test(test_foreach),
        cmocka_unit_test(test_foreach_stops),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
