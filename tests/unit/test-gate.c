/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate on restore: which layouts pass, and what the report says. */
#include "expect.h"

#include <errno.h>
#include <string.h>

#include <xen-physmap/gate.h>

#include "restore-policy.h"
#include "survey.h"

#define VRAM "0000:00:03.0/vga.vram"
#define ROM4 "0000:00:04.0/e1000.rom"
#define ROM5 "0000:00:05.0/e1000.rom"

static void put(XenPhysmapTable *table, const char *name, guint64 phys_offset, guint64 start_addr,
                guint64 size)
{
    XenPhysmapRecord record;

    assert_true(xen_physmap_record_init(&record, name, phys_offset, start_addr, size, NULL));
    assert_true(xen_physmap_table_add(table, &record, NULL));
}

/* A framebuffer and two ROMs of a saved guest. */
static XenPhysmapTable *saved_layout(void)
{
    XenPhysmapTable *table = xen_physmap_table_new();

    put(table, VRAM, 0x2000000, 0xf1000000, 0x1000000);
    put(table, ROM4, 0x3040000, 0x3040000, 0x40000);
    put(table, ROM5, 0x3080000, 0x3080000, 0x40000);
    return table;
}

typedef struct Case {
    XenPhysmapTable *saved;
    Survey actual;
    GPtrArray *report;
    char *text; /* the report, after judge() */
} Case;

static int set_up(void **state)
{
    Case *c = g_new0(Case, 1);

    c->saved = saved_layout();
    c->actual.table = xen_physmap_table_new();
    c->actual.absent = xen_physmap_table_new();
    c->report = g_ptr_array_new_with_free_func(g_free);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    Case *c = *state;

    xen_physmap_table_free(c->saved);
    xen_physmap_table_free(c->actual.table);
    xen_physmap_table_free(c->actual.absent);
    g_ptr_array_unref(c->report);
    g_free(c->text);
    g_free(c);
    return 0;
}

static void keep_text(Case *c)
{
    g_ptr_array_add(c->report, NULL);
    g_free(c->text);
    c->text = g_strjoinv("\n", (char **)c->report->pdata);
    g_ptr_array_set_size(c->report, 0);
}

static gboolean passes(Case *c)
{
    gboolean result =
        xen_physmap_gate_passes(c->saved, c->actual.table, c->actual.absent, c->report);

    keep_text(c);
    return result;
}

static gboolean admits(Case *c)
{
    gboolean result = xen_physmap_gate_admits(c->saved, c->actual.table, c->report);

    keep_text(c);
    return result;
}

static void assert_says(const Case *c, const char *words)
{
    if (!strstr(c->text, words)) {
        print_error("no '%s' in:\n%s\n", words, c->text);
        fail();
    }
}

static void test_policy(void **unused)
{
    RestorePolicy policy;

    (void)unused;
    assert_true(restore_policy_parse("warn", &policy));
    assert_int_equal(policy, RESTORE_WARN);
    assert_true(restore_policy_parse("off", &policy));
    assert_int_equal(policy, RESTORE_OFF);
    assert_true(restore_policy_parse("refuse", &policy));
    assert_int_equal(policy, RESTORE_REFUSE);
    assert_string_equal(restore_policy_name(RESTORE_WARN), "warn");
    /* An unknown policy means the safe one. */
    policy = RESTORE_OFF;
    assert_false(restore_policy_parse("Warn", &policy));
    assert_int_equal(policy, RESTORE_REFUSE);
    assert_false(restore_policy_parse(NULL, &policy));
}

static void test_same(void **state)
{
    Case *c = *state;

    xen_physmap_table_free(c->actual.table);
    c->actual.table = saved_layout();
    assert_true(admits(c));
    assert_true(passes(c));
    assert_string_equal(c->text, "");
}

static void test_moved(void **state)
{
    Case *c = *state;

    put(c->actual.table, VRAM, 0x2800000, 0xf1000000, 0x1000000);
    xen_physmap_table_remove(c->saved, 0x3040000, NULL);
    xen_physmap_table_remove(c->saved, 0x3080000, NULL);
    assert_true(passes(c));
    assert_says(c, "moved (harmless): " VRAM);
}

/* Another block's pages are at the new offset. QEMU would mistake them for this block's. */
static void test_moved_onto_another(void **state)
{
    Case *c = *state;

    put(c->actual.table, VRAM, 0x3080000, 0xf1000000, 0x1000000);
    put(c->actual.table, ROM4, 0x3040000, 0x3040000, 0x40000);
    put(c->actual.absent, ROM5, 0x5080000, 0x5080000, 0x40000);
    assert_false(passes(c));
    assert_says(c, "misplaced: " VRAM);
    assert_says(c, "misplaced: " ROM5);
    assert_says(c, "no pages in the guest");
}

static void test_swapped(void **state)
{
    Case *c = *state;

    put(c->actual.table, VRAM, 0x2000000, 0xf1000000, 0x1000000);
    put(c->actual.table, ROM5, 0x3040000, 0x3040000, 0x40000);
    put(c->actual.table, ROM4, 0x3080000, 0x3080000, 0x40000);
    /* Names and sizes are right, so only the second half can see it. */
    assert_true(admits(c));
    assert_false(passes(c));
    assert_says(c, "misplaced: " ROM4);
    assert_says(c, "saved  size 0x40000, guest address 0x3040000");
    assert_says(c, "here   size 0x40000, guest address 0x3080000");
    assert_says(c, "in the order of their offsets: 0000:00:03.0, 0000:00:04.0, 0000:00:05.0");
}

static void test_missing_and_resized(void **state)
{
    Case *c = *state;

    put(c->actual.table, VRAM, 0x2000000, 0x2000000, 0x2000000);
    put(c->actual.table, ROM4, 0x4040000, 0x4040000, 0x40000);
    assert_false(admits(c));
    assert_says(c, "resized: " VRAM);
    assert_says(c, "do: set videoram=16");
    assert_says(c, "missing: " ROM5);
    assert_says(c, "do: add the device at 0000:00:05.0");
}

/* One more card is only harmless when the guest has no pages of it. */
static void test_extra(void **state)
{
    Case *c = *state;

    xen_physmap_table_free(c->actual.table);
    c->actual.table = saved_layout();
    put(c->actual.absent, "0000:00:06.0/e1000.rom", 0x30c0000, 0x30c0000, 0x40000);
    assert_true(admits(c));
    assert_true(passes(c));
    assert_says(c, "unseen (harmless): 0000:00:06.0/e1000.rom");
    put(c->actual.table, "0000:00:07.0/e1000.rom", 0x3100000, 0x3100000, 0x40000);
    assert_false(passes(c));
    assert_says(c, "extra: 0000:00:07.0/e1000.rom");
    assert_says(c, "do: take out 0000:00:07.0");
}

/* As device models before Xen 4.10 recorded it. */
static void test_bare_names(void **state)
{
    Case *c = *state;

    xen_physmap_table_free(c->actual.table);
    c->actual.table = saved_layout();
    xen_physmap_table_free(c->saved);
    c->saved = xen_physmap_table_new();
    put(c->saved, "vga.vram", 0x2000000, 0xf1000000, 0x1000000);
    assert_true(admits(c));
    put(c->saved, "e1000.rom", 0x3040000, 0x3040000, 0x40000);
    assert_false(admits(c));
    assert_says(c, "ambiguous: e1000.rom");
}

/* The guest unplugged a card that this QEMU has again; and the advice names no such device. */
static void test_unplugged(void **state)
{
    const XenPhysmapRecord left = { XEN_PHYSMAP_UNPLUGGED_NAME, 0x9000000, 0x9000000, 0x40000 };
    const XenPhysmapRecord card = { "0000:00:09.0/e1000.rom", 0x9000000, 0x9000000, 0x40000 };
    Case *c = *state;

    xen_physmap_table_free(c->actual.table);
    c->actual.table = saved_layout();
    assert_true(xen_physmap_table_add(c->saved, &left, NULL));
    assert_true(admits(c));
    assert_true(passes(c));
    assert_string_equal(c->text, "");
    assert_true(xen_physmap_table_add(c->actual.table, &card, NULL));
    assert_true(admits(c));
    assert_true(passes(c));
    assert_says(c, "unplugged (harmless): 0000:00:09.0/e1000.rom: at 0x9000000");
    assert_true(xen_physmap_table_remove(c->actual.table,
                                         xen_physmap_table_get(c->saved, 0)->phys_offset, NULL));
    assert_false(passes(c));
    assert_null(strstr(c->text, ", unplugged"));
}

/* What the config has to have: the memory by the lowest offset; and a videoram that the card has
 * rounded up, which shows in the memory too. */
static void test_advice(void **state)
{
    Case *c = *state;

    /* 16 MiB more memory, and all else the same. */
    put(c->actual.table, VRAM, 0x3000000, 0xf1000000, 0x1000000);
    put(c->actual.table, ROM4, 0x4040000, 0x4040000, 0x40000);
    put(c->actual.table, ROM5, 0x4080000, 0x4080000, 0x40000);
    assert_true(admits(c));
    assert_false(passes(c));
    assert_says(c, "had 32 MiB of memory besides its videoram, and this one has 48");
    assert_says(c, "do: set maxmem=48 (32 and the videoram), and memory to no more");
    /* Saved with videoram 20, which became 32; here it is 16, and the memory the same. */
    xen_physmap_table_free(c->saved);
    xen_physmap_table_free(c->actual.table);
    c->saved = xen_physmap_table_new();
    c->actual.table = xen_physmap_table_new();
    put(c->saved, VRAM, 0x1c00000, 0xf0000000, 0x2000000);
    put(c->actual.table, VRAM, 0x2000000, 0xf0000000, 0x1000000);
    assert_false(admits(c));
    assert_says(c, "do: set videoram=20");
    assert_null(strstr(c->text, "maxmem"));
    /* With other memory too, nothing is known of the rounding. */
    xen_physmap_table_free(c->actual.table);
    c->actual.table = xen_physmap_table_new();
    put(c->actual.table, VRAM, 0x8000000, 0xf0000000, 0x1000000);
    assert_false(admits(c));
    assert_says(c, "do: set videoram=32");
    /* The ROM's size. */
    xen_physmap_table_free(c->saved);
    xen_physmap_table_free(c->actual.table);
    c->saved = saved_layout();
    c->actual.table = xen_physmap_table_new();
    put(c->actual.table, VRAM, 0x2000000, 0xf1000000, 0x1000000);
    put(c->actual.table, ROM4, 0x3040000, 0x3040000, 0x10000);
    put(c->actual.table, ROM5, 0x3080000, 0x3080000, 0x40000);
    assert_false(admits(c));
    assert_says(c, "xen-physmap-qemu(8), OPTION ROMS");
}

/* Every page of every block is checked. An error from Xen is an error here. */
static void test_pages(void **state)
{
    const XenPhysmapRecord left = { XEN_PHYSMAP_UNPLUGGED_NAME, 0x9000000, 0x9000000, 0x40000 };
    const XenPhysmapRecord card = { "0000:00:08.0/e1000.rom", 0x8000000, 0x8000000, 0x40000 };
    g_autoptr(FakeHost) host = fake_host_new();
    Case *c = *state;
    gboolean passed = TRUE;
    GError *error = NULL;

    assert_true(xen_physmap_table_add(c->actual.table, &left, NULL));
    assert_true(xen_physmap_table_add(c->actual.table, &card, NULL));
    fake_host_populate(host, 0x8000, 64, 1);
    assert_true(xen_physmap_gate_finds_pages(fake_host_ops(host), 5, c->actual.table, c->report,
                                             &passed, NULL));
    assert_true(passed);
    assert_int_equal(c->report->len, 0);
    fake_host_depopulate(host, 0x803f);
    assert_true(xen_physmap_gate_finds_pages(fake_host_ops(host), 5, c->actual.table, c->report,
                                             &passed, NULL));
    assert_false(passed);
    keep_text(c);
    assert_says(c, "0000:00:08.0/e1000.rom: only partly in the guest: it has no page at 0x803f000");
    assert_says(c, "do: see what xen-physmap verify says about the savefile");
    fake_host_fail(host, FAKE_MAP, 1, EACCES);
    assert_false(xen_physmap_gate_finds_pages(fake_host_ops(host), 5, c->actual.table, c->report,
                                              &passed, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "can't map guest address");
    expect_no_leaks(host);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),
        CASE(test_same),
        CASE(test_unplugged),
        CASE(test_pages),
        CASE(test_advice),
        CASE(test_moved),
        CASE(test_moved_onto_another),
        CASE(test_swapped),
        CASE(test_missing_and_resized),
        CASE(test_extra),
        CASE(test_bare_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
