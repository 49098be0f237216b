/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every verdict on a restored layout; and a guest's own layout always passes. */
#include "expect.h"

#include <string.h>

#include <xen-physmap/compare.h>

static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

/* "verdict name, verdict name" of what the comparison says, in its order. */
static char *verdicts(XenPhysmapTable *recorded, XenPhysmapTable *actual, XenPhysmapTable *absent,
                      gboolean *safe)
{
    g_autoptr(GArray) findings = xen_physmap_compare(recorded, actual, absent);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        const XenPhysmapRecord *record =
            finding->has_recorded ? &finding->recorded : &finding->actual;
        g_autofree char *text = xen_physmap_finding_describe(finding);

        expect_message(text);
        assert_true(strstr(text, record->name) != NULL);
        g_string_append_printf(out, "%s%s %s", out->len ? ", " : "",
                               xen_physmap_verdict_name(finding->verdict), record->name);
    }
    *safe = xen_physmap_findings_are_safe(findings);
    xen_physmap_table_free(recorded);
    xen_physmap_table_free(actual);
    xen_physmap_table_free(absent);
    return g_string_free(out, FALSE);
}

#define expect_verdicts(is_safe, text, recorded, actual, absent)                                   \
    do {                                                                                           \
        gboolean safe_;                                                                            \
        g_autofree char *verdicts_ = verdicts(recorded, actual, absent, &safe_);                   \
        assert_string_equal(verdicts_, text);                                                      \
        assert_int_equal(safe_, is_safe);                                                          \
    } while (0)

static void test_same(void **unused)
{
    (void)unused;
    expect_verdicts(TRUE, "", xen_physmap_table_new(), xen_physmap_table_new(), NULL);
    expect_verdicts(TRUE,
                    "same 0000:00:03.0/vga.vram, same 0000:00:04.0/e1000.rom, "
                    "same 0000:00:05.0/e1000.rom",
                    table_of(vram, rom4, rom5), table_of(vram, rom4, rom5), NULL);
}

static void test_moved(void **unused)
{
    XenPhysmapRecord other = vram;

    (void)unused;
    /* Its pages are at the BAR. It was allocated elsewhere, in a free place. */
    other.phys_offset = 0x8000000;
    expect_verdicts(TRUE, "moved 0000:00:03.0/vga.vram", table_of(vram), table_of(other), NULL);
    /* Another block of the saved guest is where QEMU now has this one. */
    expect_verdicts(FALSE, "misplaced 0000:00:03.0/vga.vram, missing other",
                    table_of(vram, { "other", 0x8800000, 0x8800000, 0x1000 }), table_of(other),
                    NULL);
}

/* Full tables in which every name fits every other. Forged records must not hold up the gate. */
static void test_ambiguous_most(void **unused)
{
    g_autoptr(XenPhysmapTable) bare = xen_physmap_table_new(), cards = xen_physmap_table_new();
    g_autoptr(GArray) findings = NULL;

    (void)unused;
    for (guint i = 0; i < XEN_PHYSMAP_TABLE_MAX; i++) {
        XenPhysmapRecord record = { "e1000.rom", i * 0x1000, i * 0x1000, 0x1000 };

        assert_true(xen_physmap_table_add(bare, &record, NULL));
        g_snprintf(record.name, sizeof record.name, "%u/e1000.rom", i);
        assert_true(xen_physmap_table_add(cards, &record, NULL));
    }
    findings = xen_physmap_compare(bare, cards, NULL);
    assert_int_equal(findings->len, XEN_PHYSMAP_TABLE_MAX);
    for (guint i = 0; i < findings->len; i++) {
        assert_int_equal(g_array_index(findings, XenPhysmapFinding, i).verdict,
                         XEN_PHYSMAP_AMBIGUOUS);
    }
}

static void test_swapped(void **unused)
{
    XenPhysmapRecord a = rom4, b = rom5;

    (void)unused;
    /* The failure that this project exists to end: the same cards in the other order. */
    a.phys_offset = a.start_addr = rom5.start_addr;
    b.phys_offset = b.start_addr = rom4.start_addr;
    expect_verdicts(FALSE, "misplaced 0000:00:04.0/e1000.rom, misplaced 0000:00:05.0/e1000.rom",
                    table_of(rom4, rom5), table_of(a, b), NULL);
    /* Swapped, so that each is at its recorded guest address, they are no better. */
    a = rom4;
    a.phys_offset = rom5.phys_offset;
    expect_verdicts(FALSE, "misplaced 0000:00:04.0/e1000.rom, missing 0000:00:05.0/e1000.rom",
                    table_of(rom4, rom5), table_of(a), NULL);
}

static void test_missing_and_extra(void **unused)
{
    (void)unused;
    expect_verdicts(FALSE, "same 0000:00:04.0/e1000.rom, missing 0000:00:05.0/e1000.rom",
                    table_of(rom4, rom5), table_of(rom4), NULL);
    expect_verdicts(FALSE, "same 0000:00:04.0/e1000.rom, extra 0000:00:05.0/e1000.rom",
                    table_of(rom4), table_of(rom4, rom5), NULL);
    expect_verdicts(FALSE, "missing 0000:00:04.0/e1000.rom", table_of(rom4),
                    xen_physmap_table_new(), xen_physmap_table_new());
}

static void test_unseen(void **unused)
{
    (void)unused;
    expect_verdicts(TRUE, "same 0000:00:04.0/e1000.rom, unseen 0000:00:05.0/e1000.rom",
                    table_of(rom4), table_of(rom4), table_of(rom5));
    /* Recorded, and its pages are gone. */
    expect_verdicts(FALSE, "same 0000:00:04.0/e1000.rom, misplaced 0000:00:05.0/e1000.rom",
                    table_of(rom4, rom5), table_of(rom4), table_of(rom5));
}

static void test_resized(void **unused)
{
    XenPhysmapRecord bigger = vram, smaller = vram;

    (void)unused;
    bigger.size = 0x2000000;
    smaller.size = 0x800000;
    expect_verdicts(FALSE, "resized 0000:00:03.0/vga.vram", table_of(vram), table_of(bigger), NULL);
    expect_verdicts(FALSE, "resized 0000:00:03.0/vga.vram", table_of(vram), table_of(smaller),
                    NULL);
    /* The size comes first: it is what the config has to change. */
    bigger.start_addr = 0x10000000;
    expect_verdicts(FALSE, "resized 0000:00:03.0/vga.vram", table_of(vram), table_of(bigger), NULL);
    expect_verdicts(FALSE, "resized 0000:00:03.0/vga.vram", table_of(vram), xen_physmap_table_new(),
                    table_of(bigger));
}

static void test_misplaced(void **unused)
{
    XenPhysmapRecord other = vram;

    (void)unused;
    other.start_addr = 0xe0000000;
    expect_verdicts(FALSE, "misplaced 0000:00:03.0/vga.vram", table_of(vram), table_of(other),
                    NULL);
}

static void test_bare_names(void **unused)
{
    const XenPhysmapRecord bare = { "vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
    const XenPhysmapRecord bare_rom = { "e1000.rom", 0x3000000, 0x3000000, 0x40000 };
    const XenPhysmapRecord bare_rom5 = { "e1000.rom", 0x3040000, 0x3040000, 0x40000 };
    const XenPhysmapRecord odd = { "0000:00:09.0/notvga.vram", 0x9000000, 0x9000000, 0x1000 };

    (void)unused;
    expect_verdicts(TRUE, "same vga.vram", table_of(bare), table_of(vram), NULL);
    expect_verdicts(FALSE, "same e1000.rom, extra 0000:00:09.0/notvga.vram", table_of(bare_rom),
                    table_of(rom4, odd), NULL);
    /* One name, two cards; two names, one card; two of each. */
    expect_verdicts(FALSE, "ambiguous e1000.rom", table_of(bare_rom), table_of(rom4, rom5), NULL);
    expect_verdicts(FALSE, "ambiguous e1000.rom, ambiguous e1000.rom",
                    table_of(bare_rom, bare_rom5), table_of(rom4), NULL);
    expect_verdicts(FALSE, "ambiguous e1000.rom, ambiguous e1000.rom",
                    table_of(bare_rom, bare_rom5), table_of(rom4, rom5), NULL);
    expect_verdicts(FALSE, "ambiguous e1000.rom", table_of(bare_rom), table_of(rom4),
                    table_of(rom5));
    /* A full id only fits itself. */
    expect_verdicts(FALSE, "missing 0000:00:03.0/vga.vram, extra vga.vram", table_of(vram),
                    table_of(bare), NULL);
}

/* The block of an ISA card has a bare id, which doesn't make a PCI card's ambiguous. */
static void test_exact_names_first(void **unused)
{
    const XenPhysmapRecord isa = { "vga.vram", 0x8000000, 0x8000000, 0x1000000 };

    (void)unused;
    expect_verdicts(TRUE, "same 0000:00:03.0/vga.vram, same vga.vram", table_of(vram, isa),
                    table_of(vram, isa), NULL);
    expect_verdicts(FALSE, "same 0000:00:03.0/vga.vram, missing vga.vram", table_of(vram, isa),
                    table_of(vram), NULL);
    expect_verdicts(FALSE, "same vga.vram, extra 0000:00:03.0/vga.vram", table_of(isa),
                    table_of(vram, isa), NULL);
}

/* What an unplugged device left: its own card again, another one, one of another size, none; and
 * never the pages of a block that is recorded, nor ones that nothing is known of. */
static void test_unplugged(void **unused)
{
    const XenPhysmapRecord left4 = { "unplugged", 0x3000000, 0x3000000, 0x40000 };
    const XenPhysmapRecord left5 = { "unplugged", 0x3040000, 0x3040000, 0x40000 };
    const XenPhysmapRecord both = { "0000:00:09.0/big.rom", 0x3000000, 0x3000000, 0x80000 };
    const XenPhysmapRecord beyond = { "0000:00:09.0/big.rom", 0x3000000, 0x3000000, 0x81000 };
    const XenPhysmapRecord before = { "0000:00:09.0/rom", 0x2fff000, 0x2fff000, 0x41000 };
    XenPhysmapRecord moved = rom5;

    (void)unused;
    moved.phys_offset = 0x3000000;
    expect_verdicts(TRUE,
                    "same 0000:00:03.0/vga.vram, unplugged unplugged, unplugged unplugged, "
                    "unplugged 0000:00:04.0/e1000.rom, unplugged 0000:00:05.0/e1000.rom",
                    table_of(vram, left4, left5), table_of(vram, rom4, rom5), NULL);
    expect_verdicts(TRUE, "unplugged unplugged, same 0000:00:05.0/e1000.rom", table_of(left4, rom5),
                    table_of(left4, rom5), NULL);
    expect_verdicts(TRUE,
                    "unplugged unplugged, unplugged unplugged, unplugged "
                    "0000:00:09.0/big.rom",
                    table_of(left4, left5), table_of(both), NULL);
    expect_verdicts(FALSE, "unplugged unplugged, unplugged unplugged, extra 0000:00:09.0/big.rom",
                    table_of(left4, left5), table_of(beyond), NULL);
    expect_verdicts(FALSE, "unplugged unplugged, extra 0000:00:09.0/rom", table_of(left4),
                    table_of(before), NULL);
    expect_verdicts(FALSE,
                    "unplugged unplugged, missing 0000:00:05.0/e1000.rom, "
                    "extra 0000:00:09.0/big.rom",
                    table_of(left4, rom5), table_of(both), NULL);
    expect_verdicts(FALSE, "unplugged unplugged, extra 0000:00:05.0/e1000.rom", table_of(left4),
                    table_of(rom5), NULL);
    /* A block may be allocated where only such pages are. */
    expect_verdicts(TRUE, "unplugged unplugged, moved 0000:00:05.0/e1000.rom",
                    table_of(left4, rom5), table_of(moved), NULL);
}

/* The records of a QEMU before 4.10: the moved framebuffer alone, by its region's name. */
static void test_videoram_only(void **unused)
{
    const XenPhysmapRecord bare = { "vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
    const XenPhysmapRecord in_place = { "vga.vram", 0x2000000, 0x2000000, 0x1000000 };
    XenPhysmapRecord other = vram, over = rom4, away = rom4, unmoved = vram;

    (void)unused;
    expect_verdicts(TRUE,
                    "same vga.vram, unrecorded 0000:00:04.0/e1000.rom, "
                    "unrecorded 0000:00:05.0/e1000.rom",
                    table_of(bare), table_of(vram, rom4, rom5), NULL);
    expect_verdicts(TRUE, "same vga.vram, unseen 0000:00:05.0/e1000.rom", table_of(bare),
                    table_of(vram), table_of(rom5));
    /* Another amount of memory, or a card in front, shows in the offset; another size; no card. */
    other.phys_offset = 0x4000000;
    expect_verdicts(FALSE, "misplaced vga.vram, unrecorded 0000:00:04.0/e1000.rom", table_of(bare),
                    table_of(other, rom4), NULL);
    other.size = 0x2000000;
    expect_verdicts(FALSE, "resized vga.vram", table_of(bare), table_of(other), NULL);
    expect_verdicts(FALSE, "missing vga.vram, unrecorded 0000:00:04.0/e1000.rom", table_of(bare),
                    table_of(rom4), NULL);
    /* Onto the framebuffer's pages; not where it was allocated. */
    over.phys_offset = over.start_addr = 0xf1000000;
    unmoved.start_addr = unmoved.phys_offset;
    expect_verdicts(FALSE, "misplaced vga.vram, extra 0000:00:04.0/e1000.rom", table_of(bare),
                    table_of(unmoved, over), NULL);
    away.start_addr = 0xe0000000;
    expect_verdicts(FALSE, "same vga.vram, extra 0000:00:04.0/e1000.rom", table_of(bare),
                    table_of(vram, away), NULL);
    /* No such set: one that wasn't moved, a full id, a second record. */
    expect_verdicts(FALSE, "misplaced vga.vram, extra 0000:00:04.0/e1000.rom", table_of(in_place),
                    table_of(vram, rom4), NULL);
    expect_verdicts(FALSE, "same 0000:00:03.0/vga.vram, extra 0000:00:04.0/e1000.rom",
                    table_of(vram), table_of(vram, rom4), NULL);
    expect_verdicts(FALSE,
                    "same vga.vram, same 0000:00:05.0/e1000.rom, "
                    "extra 0000:00:04.0/e1000.rom",
                    table_of(bare, rom5), table_of(vram, rom4, rom5), NULL);
}

/* Whatever blocks a QEMU has (their ids are unique), it matches its own records. */
static void test_own_layout_passes(void **unused)
{
    guint64 seed = environment_number("XEN_PHYSMAP_TEST_SEED", g_random_int());
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

    (void)unused;
    print_message("# XEN_PHYSMAP_TEST_SEED=%" G_GUINT64_FORMAT "\n", seed);
    for (guint round = 0; round < 300; round++) {
        g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
        g_autoptr(GArray) findings = NULL;
        guint n = g_rand_int_range(rand, 1, 20);

        for (guint i = 0; i < n; i++) {
            XenPhysmapRecord record = { .size = 0x1000 };

            g_snprintf(record.name, sizeof record.name, "%s%d.ram",
                       g_rand_boolean(rand) ? "0000:00:03.0/" : "", g_rand_int_range(rand, 0, 6));
            record.phys_offset = (guint64)g_rand_int_range(rand, 0, 64) << 12;
            record.start_addr = g_rand_boolean(rand) ? (guint64)g_rand_int_range(rand, 0, 64) << 12
                                                     : record.phys_offset;
            if (!xen_physmap_table_find_name(table, record.name)) {
                xen_physmap_table_add(table, &record, NULL);
            }
        }
        findings = xen_physmap_compare(table, table, NULL);
        assert_int_equal(findings->len, xen_physmap_table_size(table));
        for (guint i = 0; i < findings->len; i++) {
            assert_int_equal(g_array_index(findings, XenPhysmapFinding, i).verdict,
                             XEN_PHYSMAP_SAME);
        }
    }
}

static void test_words(void **unused)
{
    static const struct {
        XenPhysmapVerdict verdict;
        const char *name;
        gboolean safe;
    } words[] = {
        { XEN_PHYSMAP_SAME, "same", TRUE },
        { XEN_PHYSMAP_MOVED, "moved", TRUE },
        { XEN_PHYSMAP_UNSEEN, "unseen", TRUE },
        { XEN_PHYSMAP_MISSING, "missing", FALSE },
        { XEN_PHYSMAP_EXTRA, "extra", FALSE },
        { XEN_PHYSMAP_RESIZED, "resized", FALSE },
        { XEN_PHYSMAP_MISPLACED, "misplaced", FALSE },
        { XEN_PHYSMAP_AMBIGUOUS, "ambiguous", FALSE },
        { XEN_PHYSMAP_UNPLUGGED, "unplugged", TRUE },
        { XEN_PHYSMAP_UNRECORDED, "unrecorded", TRUE },
        { (XenPhysmapVerdict)99, "unknown", FALSE },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        assert_string_equal(xen_physmap_verdict_name(words[i].verdict), words[i].name);
        assert_int_equal(xen_physmap_verdict_is_safe(words[i].verdict), words[i].safe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_ambiguous_most),
        cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_missing_and_extra),
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_resized),
        cmocka_unit_test(test_misplaced),
        cmocka_unit_test(test_bare_names),
        cmocka_unit_test(test_exact_names_first),
        cmocka_unit_test(test_unplugged),
        cmocka_unit_test(test_videoram_only),
        cmocka_unit_test(test_own_layout_passes),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
