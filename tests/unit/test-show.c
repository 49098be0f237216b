/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb show: what it prints, and its exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <json-glib/json-glib.h>

#include "../mocks/run-verb.h"
#include "record-text.h"

/* Runs show on what was made. */
static Run show_made(const Maker *maker, const char *option)
{
    return run_made(verb_show, maker, (const char *[]){ "show", "-", option, NULL });
}

static void test_text(void **unused)
{
    Maker maker = MAKER_INIT;
    Run run;

    (void)unused;
    maker_xl(&maker, 3, "{}");
    maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
    run = show_made(&maker, NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_string_equal(run.err, "");
    assert_string_equal(run.out, "-: xl savefile, libxl v2, libxc v3\n"
                                 "x86 HVM guest, saved by Xen 4.17, 3 pages (5 pfns named)\n"
                                 "EMULATOR_XENSTORE_DATA at 0x3177, 103 bytes, QEMU, index 0\n"
                                 "EMULATOR_CONTEXT at 0x31e7, 17 bytes, QEMU, index 0\n"
                                 "\n"
                                 "NAME           SIZE  GUEST ADDRESS   OFFSET          STATE\n"
                                 "vga.vram     16 MiB  0xf1000000      0x2000000       moved\n");
    run_clear(&run);
    maker_clear(&maker);
}

static void test_no_records(void **unused)
{
    Maker maker = MAKER_INIT;
    Run run;

    (void)unused;
    maker_libxl(&maker, NULL, 0);
    run = show_made(&maker, NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "no records"));
    run_clear(&run);
    run = show_made(&maker, "--json");
    assert_non_null(strstr(run.out, "\"records\" : []"));
    assert_null(strstr(run.out, "no records"));
    run_clear(&run);
    maker_clear(&maker);
}

/* One string member of a record in the JSON. */
static const char *member(JsonArray *records, guint i, const char *name)
{
    return json_object_get_string_member(json_array_get_object_element(records, i), name);
}

static void test_json(void **unused)
{
    Maker maker = MAKER_INIT;
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *object, *record;
    JsonArray *array;
    Run run;

    (void)unused;
    maker_xl(&maker, 3, "{}");
    maker_libxl(&maker, MAKER_LITERAL(MAKER_ROM_PAIRS MAKER_PAIRS));
    run = show_made(&maker, "--json");
    assert_int_equal(run.end, EXIT_FINE);
    assert_true(json_parser_load_from_data(parser, run.out, -1, NULL));
    object = json_node_get_object(json_parser_get_root(parser));
    assert_int_equal(json_object_get_int_member(object, "version"), RECORD_TEXT_VERSION);
    assert_string_equal(json_object_get_string_member(object, "source"), "-");
    array = json_object_get_array_member(object, "records");
    assert_int_equal(json_array_get_length(array), 2);
    assert_string_equal(member(array, 0, "name"), "vga.vram");
    assert_string_equal(member(array, 0, "phys_offset_hex"), "0x2000000");
    assert_string_equal(member(array, 0, "start_addr_hex"), "0xf1000000");
    record = json_array_get_object_element(array, 0);
    assert_int_equal(json_object_get_int_member(record, "start_addr"), 0xf1000000);
    assert_int_equal(json_object_get_int_member(record, "size"), 0x1000000);
    assert_string_equal(member(array, 1, "name"), "0000:00:04.0/e1000.rom");
    assert_string_equal(json_object_get_string_member(object, "wrapper"), "xl");
    assert_string_equal(json_object_get_string_member(object, "xen"), "4.17");
    assert_int_equal(json_array_get_length(json_object_get_array_member(object, "emulators")), 2);
    run_clear(&run);
    maker_clear(&maker);
}

static void test_legacy(void **unused)
{
    (void)unused;
    for (guint word = 32; word <= 64; word += 32) {
        Maker maker = MAKER_INIT, blob = MAKER_INIT;
        Run run;

        maker_u32(&blob, 1);
        maker_u32(&blob, 1);
        maker_legacy_entry(&blob, word, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
        maker_libvirt(&maker, 1, "<domain/>");
        maker_legacy(&maker, word, blob.bytes);
        run = show_made(&maker, NULL);
        assert_int_equal(run.end, EXIT_FINE);
        assert_non_null(strstr(run.out, word == 32 ? "-: libvirt savefile, legacy 32-bit\n"
                                                   : "-: libvirt savefile, legacy 64-bit\n"));
        assert_non_null(strstr(run.out, "vga.vram     16 MiB  0xf1000000      0x2000000"));
        run_clear(&run);
        maker_clear(&maker);
        maker_clear(&blob);
    }
}

/* Three states. In each, the framebuffer has another address. */
static gsize put_checkpoints(Maker *maker)
{
    static const char pairs[] = MAKER_PAIRS;
    gsize start = 0;

    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc(maker, 3, 0x0e);
    for (guint i = 0; i < 3; i++) {
        g_autofree char *moved = g_memdup2(pairs, sizeof pairs);

        moved[strlen("physmap/2000000/start_addr") + 2] = '1' + i;
        start = maker->bytes->len;
        maker_emulator(maker, 2, 2, moved, sizeof pairs - 1);
        maker_record(maker, 4, NULL, 0);
        maker_pages(maker, 0, 1, 1);
        maker_record(maker, 0x0e, NULL, 0);
    }
    return start;
}

static void test_checkpoints(void **unused)
{
    Maker maker = MAKER_INIT;
    gsize last = put_checkpoints(&maker);
    Run run = show_made(&maker, NULL);

    (void)unused;
    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "3 checkpoints, and the input ends after the last one\n"));
    assert_non_null(strstr(run.out, "0xf3000000"));
    assert_null(strstr(run.out, "0xf2000000"));
    run_clear(&run);

    run = show_made(&maker, "--all");
    assert_non_null(strstr(run.out, "0xf1000000"));
    assert_non_null(strstr(run.out, "0xf2000000"));
    run_clear(&run);

    /* The third one isn't complete: the second one counts. */
    maker.bytes->len = last + 110;
    run = show_made(&maker, NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "2 checkpoints, "));
    assert_non_null(strstr(run.out, "0xf2000000"));
    assert_null(strstr(run.out, "0xf3000000"));
    run_clear(&run);

    /* A forged length isn't a cut, neither in a file nor in a pipe. */
    maker_patch(&maker, last + 4, 0xffffff23);
    run = show_made(&maker, NULL);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.err, "its length is 4294967075"));
    run_clear(&run);
    maker_clear(&maker);
}

/* Two stream records of one state make one layout. */
static void test_several_emulators(void **unused)
{
    Maker maker = MAKER_INIT;
    Run run;

    (void)unused;
    maker_libxl_header(&maker);
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(MAKER_ROM_PAIRS));
    maker_record(&maker, 0, NULL, 0);
    run = show_made(&maker, NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "vga.vram"));
    assert_non_null(strstr(run.out, "e1000.rom"));
    run_clear(&run);
    maker_clear(&maker);
}

/* Nothing on stdout, one line on stderr with the cause, exit 1. */
static void expect_corrupt(const Maker *maker, const char *wanted)
{
    Run run = show_made(maker, "--json");

    assert_int_equal(run.end, EXIT_FINDING);
    assert_string_equal(run.out, "");
    assert_true(g_str_has_prefix(run.err, "xen-physmap show: -: "));
    assert_non_null(strstr(run.err, wanted));
    assert_ptr_equal(strchr(run.err, '\n'), run.err + strlen(run.err) - 1);
    run_clear(&run);
}

static void test_corrupt(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_xl(&maker, 3, "{}");
    expect_corrupt(&maker, "libxl header at 0x37: the input ends at 0x37, 16 bytes too early");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl(&maker, MAKER_LITERAL("physmap/2000000/start_addr\0"
                                      "f1000000"));
    expect_corrupt(&maker, "has no NUL after its value");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl_header(&maker);
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_record(&maker, 0, NULL, 0);
    expect_corrupt(&maker, "EMULATOR_XENSTORE_DATA at 0x80, with what came before it");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl_header(&maker);
    for (guint i = 0; i < 257; i++) {
        maker_emulator(&maker, 3, 2, NULL, 0);
    }
    expect_corrupt(&maker, "more than 256 records of device models");
    maker_clear(&maker);
}

static void test_unreadable(void **unused)
{
    Run run = run_verb(verb_show, -1, (const char *[]){ "show", "/nonexistent/a\x1b[1m", NULL });

    (void)unused;
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_string_equal(run.err, "xen-physmap show: /nonexistent/a\\x1b[1m: can't open it: No such "
                                 "file or directory\n");
    run_clear(&run);
    run = run_verb(verb_show, -1, (const char *[]){ "show", "/", NULL });
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "Is a directory"));
    run_clear(&run);
    run = run_verb(verb_show, -1, (const char *[]){ "show", "--nonsense", "-", NULL });
    assert_int_equal(run.end, EXIT_TROUBLE);
    run_clear(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),        cmocka_unit_test(test_no_records),
        cmocka_unit_test(test_json),        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_several_emulators),
        cmocka_unit_test(test_corrupt),     cmocka_unit_test(test_unreadable),
    };

    return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
