/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's pages: counted, mapped, and unmapped whatever fails. */
#include "expect.h"

#include <errno.h>
#include <sys/mman.h>

#include <xen-physmap/guest.h>

static void test_map(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0x100, 3, 0x11000);
    guint64 *words =
        xen_physmap_guest_map(fake_host_ops(host), 5, 0x101000, 0x2000, PROT_READ, &error);

    assert_non_null(words);
    assert_int_equal(words[0], 0x11001);
    assert_int_equal(words[512], 0x11002);
    xen_physmap_guest_unmap(fake_host_ops(host), words, 0x2000);
    expect_no_leaks(host);
}

static void test_map_with_a_hole(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0x100, 8, 0x11000);
    fake_host_depopulate(host, 0x105);
    assert_null(xen_physmap_guest_map(fake_host_ops(host), 5, 0x100000, 0x8000, PROT_READ, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND,
                 "domain 5 has no page at guest address 0x105000");
    expect_no_leaks(host);
}

static void test_map_refused(void **unused)
{
    static const struct {
        int errnum;
        XenPhysmapError code;
    } cases[] = {
        { EACCES, XEN_PHYSMAP_ERROR_ACCESS },   { EPERM, XEN_PHYSMAP_ERROR_ACCESS },
        { ESRCH, XEN_PHYSMAP_ERROR_NOT_FOUND }, { ENOSYS, XEN_PHYSMAP_ERROR_SYSTEM },
        { ENOMEM, XEN_PHYSMAP_ERROR_SYSTEM },   { ENODEV, XEN_PHYSMAP_ERROR_UNAVAILABLE },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        guint64 missing = 0;
        GError *error = NULL;

        fake_host_populate(host, 0x100, 1, 1);
        fake_host_fail_from(host, FAKE_MAP, 1, cases[i].errnum);
        assert_null(
            xen_physmap_guest_map(fake_host_ops(host), 5, 0x100000, 0x1000, PROT_READ, &error));
        expect_error(&error, cases[i].code, "can't map guest address 0x100000 of domain 5");
        assert_false(xen_physmap_guest_missing(fake_host_ops(host), 5, 0x100000, 0x1000, &missing,
                                               NULL, &error));
        expect_error(&error, cases[i].code, g_strerror(cases[i].errnum));
        expect_no_leaks(host);
    }
}

/* Far more than one call asks about, with holes in every kind of place. */
static void test_missing(void **unused)
{
    const guint n = 5000;
    const guint holes[] = { 0, 1, 1023, 1024, 2047, 2048, 4999 };
    g_autoptr(FakeHost) host = fake_host_new();
    guint64 missing = 99, first = 99;
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0x100, n, 1);
    assert_true(xen_physmap_guest_missing(fake_host_ops(host), 5, 0x100000, (guint64)n << 12,
                                          &missing, &first, &error));
    assert_int_equal(missing, 0);
    assert_int_equal(first, 99);
    for (guint i = G_N_ELEMENTS(holes); i-- > 0;) {
        fake_host_depopulate(host, 0x100 + holes[i]);
        assert_true(xen_physmap_guest_missing(fake_host_ops(host), 5, 0x100000, (guint64)n << 12,
                                              &missing, &first, &error));
        assert_int_equal(missing, G_N_ELEMENTS(holes) - i);
        assert_int_equal(first, 0x100000 + ((guint64)holes[i] << 12));
    }
    expect_no_leaks(host);
}

static void test_missing_of_nothing(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    guint64 missing = 99;

    (void)unused;
    assert_true(
        xen_physmap_guest_missing(fake_host_ops(host), 5, 0x100000, 0, &missing, NULL, NULL));
    assert_int_equal(missing, 0);
    assert_true(
        xen_physmap_guest_missing(fake_host_ops(host), 5, 0x100000, 0x1000, &missing, NULL, NULL));
    assert_int_equal(missing, 1);
}

/* A failure half-way unmaps what was mapped before. */
static void test_missing_fails_later(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    guint64 missing;
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0x100, 3000, 1);
    fake_host_fail(host, FAKE_MAP, 3, ENOMEM);
    assert_false(xen_physmap_guest_missing(fake_host_ops(host), 5, 0x100000, 3000 << 12, &missing,
                                           NULL, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_SYSTEM, "can't map guest address 0x900000");
    expect_no_leaks(host);
}

/*
 * For a size that no domain has, the cost depends on the pages that exist, up to a limit, not on
 * the size.
 */
static void test_missing_bounded(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    guint64 missing, first;
    GError *error = NULL;

    (void)unused;
    fake_host_populate(host, 0, 5000, 1);
    assert_true(xen_physmap_guest_missing(fake_host_ops(host), 5, 0, G_GUINT64_CONSTANT(1) << 62,
                                          &missing, &first, &error));
    expect_no_error(error);
    assert_int_equal(first, 5000 << 12);
    assert_in_range(missing, XEN_PHYSMAP_MISSING_MAX, XEN_PHYSMAP_MISSING_MAX + 1024);
    expect_no_leaks(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_with_a_hole),
        cmocka_unit_test(test_map_refused),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_missing_of_nothing),
        cmocka_unit_test(test_missing_bounded),
        cmocka_unit_test(test_missing_fails_later),
    };

    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
