/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What check says about a domain's pages; a forged size doesn't delay it. */
#include "expect.h"

#include <string.h>

#include "layout-check.h"

static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

static void test_pages(void **unused)
{
    const XenPhysmapRecord forged = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000,
                                      G_GUINT64_CONSTANT(1) << 62 };
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(XenPhysmapTable) recorded = table_of(rom4, forged), actual = table_of(rom4, rom5);
    g_autoptr(GArray) findings = xen_physmap_compare(recorded, actual, NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0x3000, 63, 1);
    assert_true(layout_check_pages(fake_host_ops(host), 5, G_MAXUINT64, findings, lines, &error));
    expect_no_error(error);
    assert_int_equal(lines->len, 1);
    assert_string_equal(lines->pdata[0], "0000:00:04.0/e1000.rom: 1 of 64 pages are not in the "
                                         "domain, the first at 0x303f000");
    expect_no_leaks(host);
}

/* QEMU and the record agree on a size that no domain has, or on more of them than it has. */
static void test_page_limit(void **unused)
{
    const XenPhysmapRecord huge = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000,
                                    G_GUINT64_CONSTANT(1) << 62 };
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(XenPhysmapTable) one = table_of(rom4, huge), two = table_of(rom4, rom5);
    g_autoptr(GArray) of_one = xen_physmap_compare(one, one, NULL);
    g_autoptr(GArray) of_two = xen_physmap_compare(two, two, NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0x3000, 128, 1);
    assert_true(layout_check_pages(fake_host_ops(host), 5, 128, of_two, lines, &error));
    assert_int_equal(lines->len, 0);
    assert_true(layout_check_pages(fake_host_ops(host), 5, 128, of_one, lines, &error));
    assert_int_equal(lines->len, 1);
    expect_message(lines->pdata[0]);
    assert_non_null(strstr(lines->pdata[0], "e1000.rom: its size 0x4000000000000000 is more than"));
    assert_true(layout_check_pages(fake_host_ops(host), 5, 127, of_two, lines, &error));
    assert_int_equal(lines->len, 2);
    expect_no_leaks(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_page_limit),
    };

    return cmocka_run_group_tests_name("layout-check", tests, NULL, NULL);
}
