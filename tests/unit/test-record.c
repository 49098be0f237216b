/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules for one record, and text from outside made safe to print. */
#include "expect.h"

#include <string.h>

#include <xen-physmap/record.h>

static void test_init(void **unused)
{
    XenPhysmapRecord record;
    GError *error = NULL;

    (void)unused;
    assert_true(xen_physmap_record_init(&record, "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000,
                                        0x1000000, &error));
    assert_string_equal(record.name, "0000:00:03.0/vga.vram");
    assert_int_equal(record.phys_offset, 0x2000000);
    assert_int_equal(record.start_addr, 0xf1000000);
    assert_int_equal(record.size, 0x1000000);
}

static void test_init_from_itself(void **unused)
{
    XenPhysmapRecord record = { "vga.vram", 0x1000, 0x1000, 0x1000 };

    (void)unused;
    assert_true(xen_physmap_record_init(&record, record.name, 0x1000, 0x5000, record.size, NULL));
    assert_string_equal(record.name, "vga.vram");
    assert_int_equal(record.start_addr, 0x5000);
}

static void test_limits(void **unused)
{
    char longest[XEN_PHYSMAP_NAME_MAX + 1] = "";
    XenPhysmapRecord record;

    (void)unused;
    memset(longest, 'n', XEN_PHYSMAP_NAME_MAX);
    assert_true(xen_physmap_record_init(&record, longest, 0, 0, 0x1000, NULL));
    assert_string_equal(record.name, longest);
    /* The last page that a half-open range can have. */
    assert_true(xen_physmap_record_init(&record, " ~", 0xffffffffffffe000, 0xffffffffffffe000,
                                        0x1000, NULL));
    assert_true(xen_physmap_record_init(&record, "all", 0, 0, 0xfffffffffffff000, NULL));
}

static void test_broken_rules(void **unused)
{
    char too_long[XEN_PHYSMAP_NAME_MAX + 2] = "";
    const struct {
        const char *name;
        guint64 phys_offset, start_addr, size;
        const char *reason;
    } broken[] = {
        { "", 0, 0, 0x1000, "is empty" },
        { too_long, 0, 0, 0x1000, "is longer than 255 bytes" },
        { "a\033[2Jb", 0, 0, 0x1000, "'a\\x1b[2Jb' has a byte that is not printable" },
        { "caf\xc3\xa9", 0, 0, 0x1000, "'caf\\xc3\\xa9' has a byte that is not printable" },
        { "del\x7f", 0, 0, 0x1000, "not printable" },
        { "x", 0x1001, 0, 0x1000, "phys_offset 0x1001 is not a multiple of the page size" },
        { "x", 0, 0xfff, 0x1000, "start_addr 0xfff is not a multiple of the page size" },
        { "x", 0, 0, 0x800, "size 0x800 is not a multiple of the page size" },
        { "x", 0, 0, 0, "size is 0" },
        { "x", 0xfffffffffffff000, 0, 0x1000, "phys_offset 0xfffffffffffff000 with size 0x1000" },
        { "x", 0, 0xfffffffffffff000, 0x1000, "start_addr 0xfffffffffffff000 with size 0x1000" },
        { "x", 0x1000, 0, 0xfffffffffffff000, "runs past the end of the address space" },
    };

    (void)unused;
    memset(too_long, 'n', XEN_PHYSMAP_NAME_MAX + 1);
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        XenPhysmapRecord record, before;
        GError *error = NULL;

        memset(&record, 0x5a, sizeof record);
        before = record;
        assert_false(xen_physmap_record_init(&record, broken[i].name, broken[i].phys_offset,
                                             broken[i].start_addr, broken[i].size, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, broken[i].reason);
        assert_memory_equal(&record, &before, sizeof record);
    }
}

static void test_equal(void **unused)
{
    const XenPhysmapRecord record = { "a", 0x1000, 0x2000, 0x3000 };
    XenPhysmapRecord other = record;

    (void)unused;
    assert_true(xen_physmap_record_equal(&record, &other));
    other.name[0] = 'b';
    assert_false(xen_physmap_record_equal(&record, &other));
    other = record;
    other.phys_offset = 0;
    assert_false(xen_physmap_record_equal(&record, &other));
    other = record;
    other.start_addr = 0;
    assert_false(xen_physmap_record_equal(&record, &other));
    other = record;
    other.size = 0x1000;
    assert_false(xen_physmap_record_equal(&record, &other));
    /* What is after the end of the name doesn't count. */
    other = record;
    other.name[5] = 'x';
    assert_true(xen_physmap_record_equal(&record, &other));
}

static void test_place(void **unused)
{
    /* Before and after the fixed pages, and in place among them. */
    static const XenPhysmapRecord fine[] = {
        { "x", 0x2000000, 0xfebff000, 0x1000 },      { "x", 0x2000000, 0xfec01000, 0xff000 },
        { "x", 0x2000000, 0xfed01000, 0xff000 },     { "x", 0x2000000, 0xfef00000, 0xf0000 },
        { "x", 0x2000000, 0xff000000, 0x1000 },      { "x", 0x2000000, 0x100000000, 0x10000000 },
        { "x", 0xf0000000, 0xf0000000, 0x10000000 },
    };
    static const XenPhysmapRecord wrong[] = {
        { "x", 0x2000000, 0xfebff000, 0x2000 }, { "x", 0x2000000, 0xfecff000, 0x2000 },
        { "x", 0x2000000, 0xfedff000, 0x2000 }, { "x", 0x2000000, 0xfefff000, 0x1000 },
        { "x", 0x2000000, 0xfefff000, 0x2000 }, { "x", 0xf0001000, 0xf0000000, 0x10000000 },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(fine); i++) {
        GError *error = NULL;

        assert_true(xen_physmap_record_check_place(&fine[i], &error));
        expect_no_error(error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        GError *error = NULL;

        assert_false(xen_physmap_record_check_place(&wrong[i], &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, " covers ");
    }
}

static void test_region_name(void **unused)
{
    (void)unused;
    assert_string_equal(xen_physmap_region_name("0000:00:04.0/e1000.rom"), "e1000.rom");
    assert_string_equal(xen_physmap_region_name("vga.vram"), "vga.vram");
    assert_string_equal(xen_physmap_region_name("/rom@etc/acpi/tables"), "tables");
    assert_string_equal(xen_physmap_region_name("odd/"), "");
}

static void test_escape(void **unused)
{
    static const struct {
        const char *bytes;
        gssize length;
        const char *escaped;
    } cases[] = {
        { "plain text ~", -1, "plain text ~" },
        { "", -1, "" },
        { "\033[2J\r\n\t", -1, "\\x1b[2J\\x0d\\x0a\\x09" },
        { "a\0b", 3, "a\\x00b" },
        { "a\0b", -1, "a" },
        { "back\\slash", -1, "back\\x5cslash" },
        { "\x7f\x80\xff\xc2\x9b", -1, "\\x7f\\x80\\xff\\xc2\\x9b" },
        { "only two", 4, "only" },
    };
    char text[200];

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *escaped = xen_physmap_escape(cases[i].bytes, cases[i].length);

        assert_string_equal(escaped, cases[i].escaped);
    }
    /* 128 bytes are printed completely; with one more, the text is cut. */
    memset(text, 'x', sizeof text);
    g_autofree char *whole = xen_physmap_escape(text, 128);
    g_autofree char *cut = xen_physmap_escape(text, 129);

    assert_int_equal(strlen(whole), 128);
    assert_int_equal(strlen(cut), 131);
    assert_true(g_str_has_suffix(cut, "x..."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),        cmocka_unit_test(test_init_from_itself),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_broken_rules),
        cmocka_unit_test(test_equal),       cmocka_unit_test(test_place),
        cmocka_unit_test(test_region_name), cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
