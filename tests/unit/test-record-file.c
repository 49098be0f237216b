/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in every format: each is detected, and what was written is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "record-file.h"
#include "record-text.h"

static XenPhysmapTable *make_table(guint n)
{
    XenPhysmapTable *table = xen_physmap_table_new();
    XenPhysmapRecord record;

    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("0000:00:%02x.0/e1000.rom", i);
        guint64 at = 0x3000000 + i * 0x40000;

        assert_true(xen_physmap_record_init(&record, name, at, at, 0x40000, NULL));
        assert_true(xen_physmap_table_add(table, &record, NULL));
    }
    return table;
}

static XenPhysmapTable *read_bytes(const void *bytes, gsize length, RecordForm format,
                                   GError **error)
{
    Maker maker = MAKER_INIT;
    XenPhysmapTable *table;
    pid_t writer;
    int fd;

    maker_put(&maker, bytes, length);
    fd = maker_pipe(&maker, &writer);
    table = record_file_read(fd, format, error);
    maker_pipe_end(fd, writer);
    maker_clear(&maker);
    return table;
}

static void test_round_trip(void **unused)
{
    (void)unused;
    for (guint n = 0; n <= 300; n += n < 3 ? 1 : 99) {
        g_autoptr(XenPhysmapTable) table = make_table(n);

        for (RecordForm format = RECORD_FORM_JSON; format <= RECORD_FORM_LEGACY32; format++) {
            g_autoptr(GError) error = NULL;
            g_autoptr(GByteArray) bytes = record_file_encode(table, format, 7, "xenstore", &error);
            g_autoptr(XenPhysmapTable) guessed = NULL, told = NULL;

            assert_non_null(bytes);
            guessed = read_bytes(bytes->data, bytes->len, RECORD_FORM_UNKNOWN, &error);
            told = read_bytes(bytes->data, bytes->len, format, &error);
            assert_null(error);
            assert_true(xen_physmap_table_equal(guessed, table));
            assert_true(xen_physmap_table_equal(told, table));
        }
    }
}

/* The formats are those of docs/formats.md, which other programs read. */
static void test_bytes(void **unused)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new(), big = NULL;
    g_autoptr(GByteArray) record = NULL, blob = NULL;
    Maker wanted = MAKER_INIT, other = { g_byte_array_new(), TRUE };
    XenPhysmapRecord vram;

    (void)unused;
    assert_true(xen_physmap_record_init(&vram, "vga.vram", 0x2000000, 0xf1000000, 0x1000000, NULL));
    assert_true(xen_physmap_table_add(table, &vram, NULL));
    maker_emulator(&wanted, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    record = record_file_encode(table, RECORD_FORM_LIBXL_RECORD, 0, "", NULL);
    assert_int_equal(record->len, wanted.bytes->len);
    assert_memory_equal(record->data, wanted.bytes->data, record->len);
    maker_clear(&wanted);

    wanted = (Maker)MAKER_INIT;
    maker_u32(&wanted, 1);
    maker_u32(&wanted, 1);
    maker_legacy_entry(&wanted, 32, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
    blob = record_file_encode(table, RECORD_FORM_LEGACY32, 0, "", NULL);
    assert_int_equal(blob->len, wanted.bytes->len);
    assert_memory_equal(blob->data, wanted.bytes->data, blob->len);
    maker_clear(&wanted);

    maker_emulator(&other, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    big = read_bytes(other.bytes->data, other.bytes->len, RECORD_FORM_UNKNOWN, NULL);
    assert_true(big && xen_physmap_table_equal(big, table));
    maker_clear(&other);
}

static void expect_invalid(const char *bytes, gsize length, RecordForm format, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) table = read_bytes(bytes, length, format, &error);

    assert_null(table);
    assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    if (!strstr(error->message, wanted)) {
        fail_msg("wanted '%s', got '%s'", wanted, error->message);
    }
}

#define JSON(text) "{\"records\":[" text "]}"
#define RECORD(size)                                                                               \
    "{\"name\":\"a\",\"phys_offset\":\"0x0\",\"start_addr\":\"0x0\",\"size\":" size "}"

static void test_json(void **unused)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        { "[]", "no array \"records\"" },
        { "{", "JSON: " },
        { "{} {}", "JSON: " },
        { "{}", "no array \"records\"" },
        { "{\"records\":{}}", "no array" },
        { "{\"domains\":[]}", "it has 0 domains" },
        { "{\"domains\":[" JSON("") "," JSON("") "]}", "it has 2 domains" },
        { "{\"domains\":[7]}", "no array \"records\"" },
        { JSON("7"), "records[0]: JSON: it is not an object" },
        { JSON("{}"), "\"name\" is missing" },
        { JSON("{\"name\":7}"), "\"name\" is missing, or is not a string" },
        { JSON("{\"name\":\"a\"}"), "\"phys_offset\" is missing" },
        { JSON(RECORD("true")), "\"size\" is missing, or is neither" },
        { JSON(RECORD("4096.0")), "\"size\" is missing, or is neither" },
        { JSON(RECORD("null")), "\"size\" is missing, or is neither" },
        { JSON(RECORD("-4096")), "\"size\" is negative" },
        { JSON(RECORD("9223372036854775808")), "size" },
        { JSON(RECORD("18446744073709547520")), "size" },
        { JSON(RECORD("4096,\"size_hex\":\"0x2000\"")), "\"size\" and \"size_hex\" differ" },
        { JSON(RECORD("4096,\"size_hex\":\"4096\"")), "\"size_hex\" is \"4096\", not 0x" },
        { JSON(RECORD("\"4096\"")), "not 0x" },
        { JSON(RECORD("\"0x\"")), "not 0x" },
        { JSON(RECORD("\"0x-1\"")), "not 0x" },
        { JSON(RECORD("\"0x10000000000001000\"")), "not 0x" },
        { JSON(RECORD("\"0x0\"")), "size" },
        { JSON(RECORD("\"0x1001\"")), "multiple" },
        { JSON(RECORD("\"0x1000\"") "," RECORD("\"0x1000\"")), "records[1]: " },
        { "{\"records\":[\"\xff\"]}", "not UTF-8" },
        { "{\"records\":[]} {\"records\":[]}", "it is more than one value" },
        { "{'records':[]}", "a single quote" },
        { JSON("{\"name\":\"a\\u0000b\",\"phys_offset\":\"0x0\",\"start_addr\":\"0x0\","
               "\"size\":\"0x1000\"}"),
          "a string has a NUL" },
        { JSON("{\"na\\u0000me\":\"a\",\"phys_offset\":\"0x0\",\"start_addr\":\"0x0\","
               "\"size\":\"0x1000\"}"),
          "a string has a NUL" },
        { JSON("{\"name\":\"b\",\"name\":\"a\",\"phys_offset\":\"0x0\",\"start_addr\":\"0x0\","
               "\"size\":\"0x1000\"}"),
          "the same key twice" },
        { "{\"records\":[],\"records\":[]}", "the same key twice" },
        { "{\"records\":[],\"other\":{\"a\":1,\"\\u0061\":1}}", "a key has an escape" },
        { JSON("{\"name\":\"a\",\"phys_offset\":\"0x0\",\"start_addr\":\"0xfec00000\","
               "\"size\":\"0x1000\"}"),
          "covers the I/O APIC" },
    };
    static const char *const fine[] = {
        JSON(RECORD("\"0x1000\"")),
        JSON(RECORD("4096")),
        JSON(RECORD("4096,\"size_hex\":\"0x1000\"")),
        JSON(RECORD("null,\"size_hex\":\"0x1000\"")),
        "{\"domains\":[" JSON(RECORD("4096")) "]}",
    };
    g_autofree char *deep = g_malloc(100001);

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        expect_invalid(cases[i].text, strlen(cases[i].text), RECORD_FORM_UNKNOWN, cases[i].wanted);
    }
    memset(deep, ',', 100000);
    deep[0] = '[';
    expect_invalid(deep, 100000, RECORD_FORM_UNKNOWN, "more than 65536 values");
    memset(deep, '[', 100000);
    deep[0] = '{';
    expect_invalid(deep, 100000, RECORD_FORM_UNKNOWN, "nested more than");
    /* For json-glib the quote is in a comment; for our scan it would be in a string. */
    memcpy(deep, "{\"records\":/*\"*/", 16);
    expect_invalid(deep, 100000, RECORD_FORM_UNKNOWN, "has a comment");
    for (guint i = 0; i < G_N_ELEMENTS(fine); i++) {
        g_autoptr(XenPhysmapTable) table = record_text_parse_json(fine[i], strlen(fine[i]), NULL);

        assert_true(table && xen_physmap_table_get(table, 0)->size == 0x1000);
    }
}

/* Above 2^63 - 1 the number is null, and the string has it. */
static void test_high_address(void **unused)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new(), again = NULL;
    g_autoptr(GByteArray) bytes = NULL;
    XenPhysmapRecord record;

    (void)unused;
    assert_true(xen_physmap_record_init(&record, "a", 0x1000, 1ULL << 63, 0x1000, NULL));
    assert_true(xen_physmap_table_add(table, &record, NULL));
    bytes = record_file_encode(table, RECORD_FORM_JSON, 7, "xenstore", NULL);
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    assert_non_null(strstr((char *)bytes->data, "\"start_addr\" : null,"));
    assert_non_null(strstr((char *)bytes->data, "\"start_addr_hex\" : \"0x8000000000000000\""));
    again = record_text_parse_json((char *)bytes->data, bytes->len - 1, NULL);
    assert_true(again && xen_physmap_table_equal(again, table));
}

static void test_damaged(void **unused)
{
    g_autofree char *long_one = g_malloc0((8 << 20) + 1);

    (void)unused;
    expect_invalid("", 0, RECORD_FORM_UNKNOWN, "it is empty");
    expect_invalid("\2\0\0\0", 4, RECORD_FORM_UNKNOWN, "too short");
    expect_invalid(MAKER_LITERAL("\2\0\0\0\xff\0\0\0\0\0\0\0\0\0\0\0"), RECORD_FORM_LIBXL_RECORD,
                   "not as long as it says");
    expect_invalid(MAKER_LITERAL("\3\0\0\0\0\0\0\0"), RECORD_FORM_LIBXL_RECORD,
                   "not an EMULATOR_XENSTORE");
    expect_invalid(MAKER_LITERAL("\1\0\0\0\1\0\0\0\0\0\0\0"), RECORD_FORM_UNKNOWN,
                   "neither layout");
    expect_invalid(long_one, (8 << 20) + 1, RECORD_FORM_UNKNOWN, "longer than");
}

/* The verbs that do little more than this. */
static void test_verbs(void **unused)
{
    Maker maker = MAKER_INIT, same = MAKER_INIT, other = MAKER_INIT;
    Run run;

    (void)unused;
    maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
    maker_emulator(&same, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_libxl(&other, MAKER_LITERAL(MAKER_ROM_PAIRS));

    run = run_made(verb_convert, &maker,
                   (const char *[]){ "convert", "--to", "libxl-record", "-", "-", NULL });
    assert_int_equal(run.end, EXIT_FINE);
    assert_int_equal(run.bytes->len, same.bytes->len);
    assert_memory_equal(run.bytes->data, same.bytes->data, run.bytes->len);
    run_clear(&run);

    run = run_verb(verb_convert, -1, (const char *[]){ "convert", "--to", "x", "-", "-", NULL });
    assert_int_equal(run.end, EXIT_TROUBLE);
    run_clear(&run);
    for (guint i = 0; i < 2; i++) {
        g_autofree char *name = NULL;
        int fd = g_file_open_tmp("xen-physmap-XXXXXX", &name, NULL);
        const Maker *file = i ? &other : &same;

        assert_int_equal(write(fd, file->bytes->data, file->bytes->len), file->bytes->len);
        close(fd);
        run = run_made(verb_diff, &maker, (const char *[]){ "diff", "-", name, NULL });
        assert_int_equal(run.end, i ? EXIT_FINDING : EXIT_FINE);
        assert_non_null(strstr(run.out, i ? "missing: vga.vram" : "same: vga.vram"));
        assert_non_null(strstr(run.out, i ? "\nnot safe: " : "\nsafe: "));
        run_clear(&run);
        run = run_made(verb_diff, &maker, (const char *[]){ "diff", "--json", "-", name, NULL });
        assert_non_null(strstr(run.out, i ? "\"safe\" : false" : "\"safe\" : true"));
        run_clear(&run);
        unlink(name);
    }
    run = run_verb(verb_diff, -1, (const char *[]){ "diff", "/nonexistent", "x", NULL });
    assert_int_equal(run.end, EXIT_TROUBLE);
    run_clear(&run);
    maker_clear(&maker);
    maker_clear(&same);
    maker_clear(&other);
}

/* What diff prints of two layouts in JSON, each a list of records. */
static Run diff_of(const char *a, const char *b)
{
    const char *const texts[] = { a, b };
    char *names[2];
    Run run;

    for (guint i = 0; i < 2; i++) {
        g_autofree char *text = g_strdup_printf("{\"records\":[%s]}", texts[i]);

        close(g_file_open_tmp("xen-physmap-XXXXXX", &names[i], NULL));
        assert_true(g_file_set_contents(names[i], text, -1, NULL));
    }
    run = run_verb(verb_diff, -1, (const char *[]){ "diff", names[0], names[1], NULL });
    for (guint i = 0; i < 2; i++) {
        unlink(names[i]);
        g_free(names[i]);
    }
    return run;
}

#define AT(name, at, size)                                                                         \
    "{\"name\":\"" name "\",\"phys_offset\":\"" at "\",\"start_addr\":\"" at "\",\"size\":\"" size \
    "\"}"

static void test_diff(void **unused)
{
    static const struct {
        const char *a, *b, *wanted;
        int end;
    } cases[] = {
        { "", AT("a", "0x1000000", "0x1000"), "A: /", EXIT_FINDING },
        { AT("a", "0x1000000", "0x1000"), "", "has no records, so nothing tells", EXIT_FINDING },
        { "", "", "unknown: there is nothing to compare", EXIT_FINDING },
        /* A bare name means a block on either side. */
        { AT("0000:00:04.0/e1000.rom", "0x1000000", "0x1000"),
          AT("e1000.rom", "0x1000000", "0x1000"), "same: 0000:00:04.0/e1000.rom", EXIT_FINE },
        { AT("e1000.rom", "0x1000000", "0x1000"),
          AT("0000:00:04.0/e1000.rom", "0x1000000", "0x1000"), "same: e1000.rom", EXIT_FINE },
        { AT("0000:00:04.0/e1000.rom", "0x1000000", "0x1000"),
          AT("e1000.rom", "0x1000000", "0x1000") "," AT("e1000.rom", "0x2000000", "0x1000"),
          "missing: 0000:00:04.0/e1000.rom", EXIT_FINDING },
        { AT("0000:00:04.0/e1000.rom", "0x1000000", "0x1000") "," AT("0000:00:05.0/e1000.rom",
                                                                     "0x2000000", "0x1000"),
          AT("e1000.rom", "0x1000000", "0x1000"), "extra: e1000.rom", EXIT_FINDING },
        { AT("a", "0x1000000", "0x1000"), AT("a", "0x2000000", "0x1000"),
          "misplaced: a: at 0x1000000 (offset 0x1000000) in A, at 0x2000000", EXIT_FINDING },
        { AT("a", "0x1000000", "0x1000"), AT("a", "0x1000000", "0x2000"),
          "resized: a: size 0x1000 in A, 0x2000 in B", EXIT_FINDING },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Run run = diff_of(cases[i].a, cases[i].b);

        if (!strstr(run.out, cases[i].wanted) || run.end != cases[i].end) {
            fail_msg("%u: %d, %s%s", i, run.end, run.out, run.err);
        }
        assert_null(strstr(run.out, "device model"));
        run_clear(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_json),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_verbs),        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_high_address),
    };

    return cmocka_run_group_tests_name("record-file", tests, NULL, NULL);
}
