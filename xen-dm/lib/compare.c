/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decides, block by block, whether a device model has what the records say. */
#include <xen-physmap/compare.h>

#include <string.h>

#include "internal.h"

/* The device model's blocks, in the guest or absent. */
typedef struct Blocks {
    const XenPhysmapTable *actual, *absent;
} Blocks;

static guint n_blocks(const Blocks *blocks)
{
    return xen_physmap_table_size(blocks->actual) +
           (blocks->absent ? xen_physmap_table_size(blocks->absent) : 0);
}

static const XenPhysmapRecord *get_block(const Blocks *blocks, guint index, gboolean *absent)
{
    guint first = xen_physmap_table_size(blocks->actual);

    *absent = index >= first;
    return *absent ? xen_physmap_table_get(blocks->absent, index - first)
                   : xen_physmap_table_get(blocks->actual, index);
}

/* How often a name occurs, and where it occurred last. */
typedef struct Count {
    guint n, last;
} Count;

/* A comparison in progress. Hash tables from names to a Count make searches unnecessary. */
typedef struct Comparison {
    const XenPhysmapTable *recorded;
    Blocks blocks;
    GHashTable *record_names, *block_names;
    GHashTable *regions; /* of blocks whose id isn't a record's name */
    gboolean videoram_only;
} Comparison;

static void count_name(GHashTable *counts, const char *name, guint index)
{
    Count *count = g_hash_table_lookup(counts, name);

    if (!count) {
        count = g_new0(Count, 1);
        g_hash_table_insert(counts, (gpointer)name, count);
    }
    count->n++;
    count->last = index;
}

static Count get_count(GHashTable *counts, const char *name)
{
    const Count *count = g_hash_table_lookup(counts, name);

    return count ? *count : (Count){ 0 };
}

static gboolean is_bare(const char *name)
{
    return strchr(name, '/') == NULL;
}

/*
 * The blocks that the record fits: those with its name. A bare name that no block has (an ISA
 * card's id is bare) fits each block of that region whose id isn't a record's name.
 */
static Count find_blocks(const Comparison *c, const char *name)
{
    Count exact = get_count(c->block_names, name);

    return exact.n || !is_bare(name) ? exact : get_count(c->regions, name);
}

/* The number of records that fit the block. */
static guint count_records(const Comparison *c, const char *block)
{
    const char *region = xen_physmap_region_name(block);
    guint exact = get_count(c->record_names, block).n;

    if (exact || is_bare(block) || get_count(c->block_names, region).n) {
        return exact;
    }
    return get_count(c->record_names, region).n;
}

/* The first record with a byte from this guest-physical address on and below `end`. */
static const XenPhysmapRecord *next_below(const Comparison *c, guint64 start, guint64 end)
{
    const XenPhysmapRecord *record = xen_physmap_table_next_guest(c->recorded, start);

    return record && record->start_addr < end ? record : NULL;
}

/* Whether pages of another recorded block are in this range. */
static gboolean is_taken(const Comparison *c, const XenPhysmapRecord *but, guint64 start,
                         guint64 size)
{
    const XenPhysmapRecord *record = next_below(c, start, start + size);

    while (record && (xen_physmap_record_is_unplugged(record) ||
                      (but && record->phys_offset == but->phys_offset))) {
        record = next_below(c, record->start_addr + record->size, start + size);
    }
    return record != NULL;
}

/* Whether unplugged devices left all of the block's pages. */
static gboolean is_left(const Comparison *c, const XenPhysmapRecord *block)
{
    guint64 place = block->start_addr, end = block->start_addr + block->size;

    while (place < end) {
        const XenPhysmapRecord *record = next_below(c, place, end);

        if (!record || record->start_addr > place || !xen_physmap_record_is_unplugged(record)) {
            return FALSE;
        }
        place = record->start_addr + record->size;
    }
    return TRUE;
}

/*
 * Whether the records are from a QEMU built for Xen before 4.10. It only recorded the framebuffer
 * that it had moved, by its region's name.
 */
static gboolean is_videoram_only(const XenPhysmapTable *recorded)
{
    const XenPhysmapRecord *record = xen_physmap_table_get(recorded, 0);

    return xen_physmap_table_size(recorded) == 1 && is_bare(record->name) &&
           g_str_has_suffix(record->name, "vram") && record->start_addr != record->phys_offset;
}

static XenPhysmapVerdict judge_record(const Comparison *c, const XenPhysmapRecord *record,
                                      const XenPhysmapRecord *actual, gboolean absent)
{
    if (record->size != actual->size) {
        return XEN_PHYSMAP_RESIZED;
    }
    if (absent || record->start_addr != actual->start_addr) {
        return XEN_PHYSMAP_MISPLACED;
    }
    if (record->phys_offset == actual->phys_offset) {
        return XEN_PHYSMAP_SAME;
    }
    /* With one record, only its offset shows whether the other blocks are where they were. */
    return c->videoram_only || is_taken(c, record, actual->phys_offset, actual->size)
               ? XEN_PHYSMAP_MISPLACED
               : XEN_PHYSMAP_MOVED;
}

static XenPhysmapVerdict judge_unrecorded(const Comparison *c, const XenPhysmapRecord *block,
                                          gboolean absent)
{
    if (absent) {
        return XEN_PHYSMAP_UNSEEN;
    }
    if (is_left(c, block)) {
        return XEN_PHYSMAP_UNPLUGGED;
    }
    return c->videoram_only && block->start_addr == block->phys_offset &&
                   !is_taken(c, NULL, block->start_addr, block->size)
               ? XEN_PHYSMAP_UNRECORDED
               : XEN_PHYSMAP_EXTRA;
}

static void compare_record(const Comparison *c, const XenPhysmapRecord *record, GArray *findings)
{
    XenPhysmapFinding finding = { .has_recorded = TRUE, .recorded = *record };
    Count found = find_blocks(c, record->name);

    if (xen_physmap_record_is_unplugged(record)) {
        finding.verdict = XEN_PHYSMAP_UNPLUGGED;
    } else if (found.n == 0) {
        finding.verdict = XEN_PHYSMAP_MISSING;
    } else {
        gboolean absent;
        const XenPhysmapRecord *block = get_block(&c->blocks, found.last, &absent);

        finding.has_actual = TRUE;
        finding.actual = *block;
        finding.verdict = found.n > 1 || count_records(c, block->name) > 1
                              ? XEN_PHYSMAP_AMBIGUOUS
                              : judge_record(c, record, block, absent);
    }
    g_array_append_val(findings, finding);
}

static void compare_block(const Comparison *c, const XenPhysmapRecord *block, gboolean absent,
                          GArray *findings)
{
    if (!xen_physmap_record_is_unplugged(block) && count_records(c, block->name) == 0) {
        XenPhysmapFinding finding = {
            .verdict = judge_unrecorded(c, block, absent),
            .has_actual = TRUE,
            .actual = *block,
        };

        g_array_append_val(findings, finding);
    }
}

static void count_names(const Comparison *c)
{
    const XenPhysmapRecord *record;
    gboolean absent;

    for (guint i = 0; (record = xen_physmap_table_get(c->recorded, i)); i++) {
        count_name(c->record_names, record->name, i);
    }
    for (guint i = 0; i < n_blocks(&c->blocks); i++) {
        const char *name = get_block(&c->blocks, i, &absent)->name;

        count_name(c->block_names, name, i);
        if (!g_hash_table_contains(c->record_names, name)) {
            count_name(c->regions, xen_physmap_region_name(name), i);
        }
    }
}

static GHashTable *new_counts(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
}

GArray *xen_physmap_compare(const XenPhysmapTable *recorded, const XenPhysmapTable *actual,
                            const XenPhysmapTable *absent)
{
    GArray *findings = g_array_new(FALSE, FALSE, sizeof(XenPhysmapFinding));
    g_autoptr(GHashTable) record_names = new_counts(), block_names = new_counts();
    g_autoptr(GHashTable) regions = new_counts();
    const Comparison c = { recorded, { actual, absent },        record_names, block_names,
                           regions,  is_videoram_only(recorded) };
    const XenPhysmapRecord *record;

    count_names(&c);
    for (guint i = 0; (record = xen_physmap_table_get(recorded, i)); i++) {
        compare_record(&c, record, findings);
    }
    for (guint i = 0; i < n_blocks(&c.blocks); i++) {
        gboolean is_absent;
        const XenPhysmapRecord *block = get_block(&c.blocks, i, &is_absent);

        compare_block(&c, block, is_absent, findings);
    }
    return findings;
}

gboolean xen_physmap_verdict_is_safe(XenPhysmapVerdict verdict)
{
    return verdict == XEN_PHYSMAP_SAME || verdict == XEN_PHYSMAP_MOVED ||
           verdict == XEN_PHYSMAP_UNSEEN || verdict == XEN_PHYSMAP_UNPLUGGED ||
           verdict == XEN_PHYSMAP_UNRECORDED;
}

gboolean xen_physmap_findings_are_safe(const GArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        if (!xen_physmap_verdict_is_safe(g_array_index(findings, XenPhysmapFinding, i).verdict)) {
            return FALSE;
        }
    }
    return TRUE;
}

const char *xen_physmap_verdict_name(XenPhysmapVerdict verdict)
{
    static const char *const names[] = {
        [XEN_PHYSMAP_SAME] = "same",           [XEN_PHYSMAP_MOVED] = "moved",
        [XEN_PHYSMAP_MISSING] = "missing",     [XEN_PHYSMAP_EXTRA] = "extra",
        [XEN_PHYSMAP_UNSEEN] = "unseen",       [XEN_PHYSMAP_RESIZED] = "resized",
        [XEN_PHYSMAP_MISPLACED] = "misplaced", [XEN_PHYSMAP_AMBIGUOUS] = "ambiguous",
        [XEN_PHYSMAP_UNPLUGGED] = "unplugged", [XEN_PHYSMAP_UNRECORDED] = "unrecorded",
    };

    return verdict < G_N_ELEMENTS(names) ? names[verdict] : "unknown";
}

char *xen_physmap_finding_describe(const XenPhysmapFinding *finding)
{
    const XenPhysmapRecord *r = &finding->recorded, *a = &finding->actual;

    switch (finding->verdict) {
    case XEN_PHYSMAP_SAME:
        return g_strdup_printf("%s: at " HEX ", size " HEX ", as recorded", r->name, r->start_addr,
                               r->size);
    case XEN_PHYSMAP_MOVED:
        return g_strdup_printf("%s: at " HEX " as recorded, with phys_offset " HEX
                               " instead of " HEX,
                               r->name, r->start_addr, a->phys_offset, r->phys_offset);
    case XEN_PHYSMAP_MISSING:
        return g_strdup_printf("%s: recorded at " HEX ", size " HEX
                               "; the device model has no such block",
                               r->name, r->start_addr, r->size);
    case XEN_PHYSMAP_EXTRA:
        return g_strdup_printf("%s: at " HEX ", size " HEX
                               "; no record, though its pages are in the guest",
                               a->name, a->start_addr, a->size);
    case XEN_PHYSMAP_UNSEEN:
        return g_strdup_printf("%s: size " HEX "; no record and no pages in the guest, which "
                               "hasn't seen it",
                               a->name, a->size);
    case XEN_PHYSMAP_RESIZED:
        return g_strdup_printf("%s: recorded with size " HEX "; the device model has it with "
                               "size " HEX,
                               r->name, r->size, a->size);
    case XEN_PHYSMAP_MISPLACED:
        return g_strdup_printf("%s: recorded at " HEX " (phys_offset " HEX
                               "); the device model has it at " HEX " (phys_offset " HEX ")",
                               r->name, r->start_addr, r->phys_offset, a->start_addr,
                               a->phys_offset);
    case XEN_PHYSMAP_AMBIGUOUS:
        return g_strdup_printf("%s: recorded at " HEX
                               "; the name fits several blocks or records, %s for one",
                               r->name, r->start_addr, a->name);
    case XEN_PHYSMAP_UNPLUGGED:
        return finding->has_recorded
                   ? g_strdup_printf(
                         "%s: at " HEX ", size " HEX
                         "; pages that a device left when it was unplugged; no block has them now",
                         r->name, r->start_addr, r->size)
                   : g_strdup_printf("%s: at " HEX ", size " HEX "; no record, but its pages are "
                                     "ones that a device left when it was unplugged",
                                     a->name, a->start_addr, a->size);
    case XEN_PHYSMAP_UNRECORDED:
        return g_strdup_printf("%s: at " HEX ", size " HEX "; no record, as of each block but the "
                               "framebuffer: the QEMU of the saved guest recorded that alone",
                               a->name, a->start_addr, a->size);
    }
    return g_strdup("unknown verdict");
}
