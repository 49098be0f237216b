/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb map: the cells of a layout, the bar at any width, pictures of few and of many blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "map.h"

/* Runs a verb with the arguments that follow. */
#define RUN(verb, input, ...) run_verb(verb, input, (const char *const[]){ __VA_ARGS__ })

static void add(XenPhysmapTable *table, const char *name, guint64 offset, guint64 start,
                guint64 size)
{
    XenPhysmapRecord record;

    assert_true(xen_physmap_record_init(&record, name, offset, start, size, NULL));
    assert_true(xen_physmap_table_add(table, &record, NULL));
}

static GArray *ranges_of(guint n, const MapRange *ranges)
{
    GArray *array = g_array_new(FALSE, FALSE, sizeof(MapRange));

    g_array_append_vals(array, ranges, n);
    return array;
}

static void test_cells(void **unused)
{
    static const MapRange populated[] = { { 0xf1000000, 0xf2000000 },
                                          { 0xc0000, 0x2000000 },
                                          { 0, 0xa0000 },
                                          { 0xfeff0000, 0xff000000 } };
    static const char wanted[] = "1 0 a0000 - -\n"
                                 "0 a0000 c0000 - -\n"
                                 "1 c0000 2000000 - -\n"
                                 "0 2000000 3000000 - v\n"
                                 "4 3000000 3010000 r -\n"
                                 "0 3010000 f0000000 - -\n"
                                 "2 f0000000 f1000000 - -\n"
                                 "4 f1000000 f2000000 v -\n"
                                 "2 f2000000 feff0000 - -\n"
                                 "3 feff0000 ff000000 - -\n"
                                 "2 ff000000 100000000 - -\n";
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    g_autoptr(GArray) ranges = ranges_of(G_N_ELEMENTS(populated), populated), cells = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    (void)unused;
    add(table, "r", 0x3000000, 0x3000000, 0x10000);
    add(table, "v", 0x2000000, 0xf1000000, 0x1000000);
    cells = map_cells(table, ranges, (MapRam){ 0, 0 });
    for (guint i = 0; i < cells->len; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);

        g_string_append_printf(text, "%d %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x %s %s\n",
                               cell->kind, cell->start, cell->end,
                               cell->block ? cell->block->name : "-",
                               cell->allocated ? cell->allocated->name : "-");
    }
    assert_string_equal(text->str, wanted);
    assert_int_equal(map_number(table, xen_physmap_table_find_name(table, "v")), 0);
    assert_int_equal(map_number(table, xen_physmap_table_find_name(table, "r")), 1);
}

/* Pages of a block that has no record, in a guest whose RAM is known. */
static void test_unclaimed(void **unused)
{
    static const MapRange populated[] = { { 0, 0x2001000 },
                                          { 0x3000000, 0x3010000 },
                                          { 0xf1000000, 0xf2001000 },
                                          { 0xfc001000, 0xfc002000 },
                                          { 0x100000000, 0x100002000 } };
    static const struct {
        guint64 start;
        MapKind kind;
    } wanted[] = {
        { 0, MAP_RAM },
        { 0x2000000, MAP_UNCLAIMED },
        { 0x2001000, MAP_EMPTY },
        { 0x3000000, MAP_UNCLAIMED },
        { 0x3010000, MAP_EMPTY },
        { 0xf0000000, MAP_HOLE },
        { 0xf1000000, MAP_BLOCK },
        { 0xf2000000, MAP_UNCLAIMED },
        { 0xf2001000, MAP_HOLE },
        { 0xfc001000, MAP_SPECIAL },
        { 0xfc002000, MAP_HOLE },
        { 0x100000000, MAP_RAM },
        { 0x100001000, MAP_UNCLAIMED },
    };
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    g_autoptr(GArray) ranges = ranges_of(G_N_ELEMENTS(populated), populated), cells = NULL;

    (void)unused;
    add(table, "v", 0x200000000, 0xf1000000, 0x1000000);
    cells = map_cells(table, ranges, (MapRam){ 0x2000000, 0x100001000 });
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);

        assert_true(i < cells->len);
        if (cell->start != wanted[i].start || cell->kind != wanted[i].kind) {
            fail_msg("%u: %" G_GINT64_MODIFIER "x, %d", i, cell->start, cell->kind);
        }
    }
}

/* RAM with holes from a balloon is shown as less. */
static void test_scattered(void **unused)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(MapRange)), cells = NULL;

    (void)unused;
    for (guint64 i = 1000; i-- > 0;) {
        MapRange range = { i * 0x2000, i * 0x2000 + 0x1000 };

        g_array_append_val(ranges, range);
    }
    cells = map_cells(table, ranges, (MapRam){ 0, 0 });
    assert_in_range(cells->len, 3, 40);
}

/* A savefile with so many moved blocks. */
static int many_blocks(guint n)
{
    Maker maker = MAKER_INIT, pairs = MAKER_INIT;
    int file;

    for (guint i = 0; i < n; i++) {
        /* In the MMIO hole, as long as there is room. */
        guint64 address = n <= 256 ? 0xf1000000 : G_GUINT64_CONSTANT(0x200000000);
        g_autofree char *text =
            g_strdup_printf("physmap/%x/start_addr=%" G_GINT64_MODIFIER
                            "x=physmap/%x/size=40000=physmap/%x/name=0000:%02x:00.0/a.rom=",
                            0x2000000 + i * 0x40000, address + i * 0x80000, 0x2000000 + i * 0x40000,
                            0x2000000 + i * 0x40000, i);
        gsize length = strlen(text);

        g_strdelimit(text, "=", '\n');
        for (gsize j = 0; j < length; j++) {
            text[j] = text[j] == '\n' ? '\0' : text[j];
        }
        maker_put(&pairs, text, length);
    }
    maker_libxl(&maker, pairs.bytes->data, pairs.bytes->len);
    file = maker_file(&maker);
    maker_clear(&maker);
    maker_clear(&pairs);
    return file;
}

static guint longest_line(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gsize longest = 0;

    for (guint i = 0; lines[i]; i++) {
        /* The legend may be longer than the bar. */
        if (g_str_has_prefix(lines[i], "now") || g_str_has_prefix(lines[i], "allocated") ||
            g_str_has_prefix(lines[i], "   ")) {
            longest = MAX(longest, strlen(lines[i]));
        }
    }
    return longest;
}

static void test_bar(void **unused)
{
    static const char *const widths[] = { "1", "31", "80", "200", "1000" };
    static const guint blocks[] = { 0, 2, 60 };

    (void)unused;
    for (guint b = 0; b < G_N_ELEMENTS(blocks); b++) {
        int file = many_blocks(blocks[b]);

        for (guint i = 0; i < G_N_ELEMENTS(widths); i++) {
            guint width = MAX(atoi(widths[i]), 31);
            Run run;

            g_setenv("COLUMNS", widths[i], TRUE);
            run = RUN(verb_map, file, "map", "-", NULL);
            assert_int_equal(run.end, EXIT_FINE);
            assert_string_equal(run.err, "");
            assert_int_equal(longest_line(run.out), width);
            assert_null(strchr(run.out, '\033'));
            for (guint n = 0; n < blocks[b]; n++) {
                g_autofree char *name = g_strdup_printf("0000:%02x:00.0/a.rom, 256 KiB at ", n);

                assert_non_null(strstr(run.out, name));
            }
            run_clear(&run);
        }
        close(file);
    }
}

/* The memory for a picture is limited. */
static void test_memory(void **unused)
{
    static const struct {
        guint blocks;
        const char *option, *refusal;
    } cases[] = {
        { 100, "--png", NULL },
        { 800, "--png", "is refused; draw it with --svg" },
        { 1500, "--svg", NULL },
        { 4000, "--svg", "is refused; print it, without --svg and --png" },
        { 4000, "--png", "is refused; print it, without --svg and --png" },
    };
    int few = many_blocks(2);
    Run small = RUN(verb_map, few, "map", "--png", "/dev/null", "-", NULL);

    (void)unused;
    assert_int_equal(small.end, EXIT_FINE);
    close(few);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int file = many_blocks(cases[i].blocks);
        Run run = RUN(verb_map, file, "map", cases[i].option, "/dev/null", "-", NULL);

        assert_int_equal(run.end, cases[i].refusal ? EXIT_FINDING : EXIT_FINE);
        if (cases[i].refusal) {
            assert_non_null(strstr(run.err, cases[i].refusal));
        }
        assert_true(!RUN_MEMORY_COUNTS || run.memory - small.memory < 64 * 1024);
        run_clear(&run);
        close(file);
    }
    run_clear(&small);
}

/* Every other page of a guest, 240,000 of them, whose contents are a hole in the file. */
static int scattered_file(void)
{
    const guint32 named = 30000, records = 8;
    Maker maker = MAKER_INIT;
    off_t at;
    int file;

    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 2, 2);
    at = maker.bytes->len;
    file = maker_file(&maker);
    for (guint i = 0; i < records; i++) {
        g_byte_array_set_size(maker.bytes, 0);
        maker_u32(&maker, 1);
        maker_u32(&maker, 8 + named * (8 + 4096));
        maker_u32(&maker, named);
        maker_u32(&maker, 0);
        for (guint n = 0; n < named; n++) {
            maker_u64(&maker, 2 * (i * named + n));
        }
        g_assert_cmpint(pwrite(file, maker.bytes->data, maker.bytes->len, at), ==,
                        maker.bytes->len);
        at += maker.bytes->len + (off_t)named * 4096;
    }
    g_byte_array_set_size(maker.bytes, 0);
    maker_record(&maker, 0, NULL, 0);
    maker_record(&maker, 0, NULL, 0);
    g_assert_cmpint(pwrite(file, maker.bytes->data, maker.bytes->len, at), ==, maker.bytes->len);
    maker_clear(&maker);
    return file;
}

static void test_too_scattered(void **unused)
{
    struct rlimit before, limit;
    int file = scattered_file();
    Run run;

    (void)unused;
    getrlimit(RLIMIT_CPU, &before);
    limit = before;
    limit.rlim_cur = 20;
    setrlimit(RLIMIT_CPU, &limit);
    run = RUN(verb_map, file, "map", "-", NULL);
    setrlimit(RLIMIT_CPU, &before);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.err, "its pages are scattered over too many places"));
    run_clear(&run);
    close(file);
}

static void test_pictures(void **unused)
{
    int file = many_blocks(60);
    Run run = RUN(verb_map, file, "map", "--svg=-", "-", NULL);

    (void)unused;
    assert_int_equal(run.end, EXIT_FINE);
    assert_true(g_str_has_prefix(run.out, "<?xml"));
    run_clear(&run);
    run = RUN(verb_map, file, "map", "--png=-", "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_memory_equal(run.out, "\x89PNG", 4);
    run_clear(&run);
    run = RUN(verb_map, file, "map", "--png=/nonexistent/x", "-", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "/nonexistent/x: "));
    run_clear(&run);
    close(file);
}

static void keep_text(GMarkupParseContext *context, const char *text, gsize length, gpointer lines,
                      GError **error)
{
    (void)error;
    if (strcmp(g_markup_parse_context_get_element(context), "text") == 0) {
        g_ptr_array_add(lines, g_strndup(text, length));
    }
}

/* Text in an SVG can be searched and copied, whatever is in it, and its numbers have a point. */
static void test_svg(void **unused)
{
    const GMarkupParser parser = { .text = keep_text };
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, lines, NULL);
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    g_autoptr(GArray) ranges = ranges_of(0, NULL), cells = NULL;
    g_autoptr(GString) svg = g_string_new(NULL);
    g_autofree char *language = g_strdup(setlocale(LC_NUMERIC, NULL));

    (void)unused;
    add(table, "0000:00:02.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000);
    cells = map_cells(table, ranges, (MapRam){ 0x2000000, 0 });
    setlocale(LC_NUMERIC, "de_DE.UTF-8");
    map_draw(NULL, svg, "<g1> & \"g2\"", table, cells);
    setlocale(LC_NUMERIC, language);
    assert_true(g_markup_parse_context_parse(context, svg->str, svg->len, NULL));
    assert_true(g_markup_parse_context_end_parse(context, NULL));
    assert_string_equal(lines->pdata[0], "<g1> & \"g2\"");
    assert_true(g_ptr_array_find_with_equal_func(lines, "0000:00:02.0/vga.vram, 16 MiB, moved",
                                                 g_str_equal, NULL));
    assert_true(g_ptr_array_find_with_equal_func(lines, "0xf1000000", g_str_equal, NULL));
    assert_null(strstr(svg->str, "x=\"134,"));
    assert_non_null(strstr(svg->str, "x=\"134.0\""));
}

/* The message for a misspelt file name doesn't only blame Xen. A path is never a domain's name. */
static void test_no_file(void **unused)
{
    Run run = RUN(verb_map, -1, "map", "absent.save", NULL);

    (void)unused;
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "map: 'absent.save' is neither a file nor a domain: "));
    run_clear(&run);
    run = RUN(verb_map, -1, "map", "/nonexistent/g1.save", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "map: /nonexistent/g1.save: can't open it: "));
    run_clear(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),     cmocka_unit_test(test_scattered),
        cmocka_unit_test(test_bar),       cmocka_unit_test(test_too_scattered),
        cmocka_unit_test(test_pictures),  cmocka_unit_test(test_svg),
        cmocka_unit_test(test_no_file),   cmocka_unit_test(test_memory),
        cmocka_unit_test(test_unclaimed),
    };

    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
