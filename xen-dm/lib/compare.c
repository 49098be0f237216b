/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decides, block by block, whether a device model has what the records say. */
#include <xen-physmap/compare.h>

#include <string.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* The device model's blocks, in the guest or absent from it. */
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

static gboolean is_bare(const char *name)
{
    return strchr(name, '/') == NULL;
}

static const XenPhysmapRecord *find_block(const Blocks *blocks, const char *name)
{
    const XenPhysmapRecord *block = xen_physmap_table_find_name(blocks->actual, name);

    return block || !blocks->absent ? block : xen_physmap_table_find_name(blocks->absent, name);
}

/*
 * Whether the record can stand for the block. A bare name fits any block of that region, unless
 * the name is itself a block's (of an ISA card, say), or the block's id is itself a record's.
 */
static gboolean fits(const XenPhysmapTable *recorded, const Blocks *blocks, const char *record,
                     const char *block)
{
    return strcmp(record, block) == 0 ||
           (is_bare(record) && strcmp(record, xen_physmap_region_name(block)) == 0 &&
            !find_block(blocks, record) && !xen_physmap_table_find_name(recorded, block));
}

/* Whether the record fits no block, one, or two and perhaps more; *found is the last of them. */
static guint find_blocks(const XenPhysmapTable *recorded, const Blocks *blocks, const char *name,
                         guint *found)
{
    guint n = 0;

    for (guint i = 0; i < n_blocks(blocks) && n < 2; i++) {
        gboolean absent;

        if (fits(recorded, blocks, name, get_block(blocks, i, &absent)->name)) {
            *found = i;
            n++;
        }
    }
    return n;
}

/* Whether no record fits the block, one, or two and perhaps more. */
static guint count_records(const XenPhysmapTable *recorded, const Blocks *blocks, const char *block)
{
    guint n = 0;

    for (guint i = 0; i < xen_physmap_table_size(recorded) && n < 2; i++) {
        n += fits(recorded, blocks, xen_physmap_table_get(recorded, i)->name, block);
    }
    return n;
}

/* Whether pages of another recorded block are where this one was allocated now. */
static gboolean offset_is_taken(const XenPhysmapTable *recorded, const XenPhysmapRecord *record,
                                const XenPhysmapRecord *actual)
{
    const XenPhysmapRecord *other;

    for (guint i = 0; (other = xen_physmap_table_get(recorded, i)); i++) {
        if (other != record && other->start_addr < actual->phys_offset + actual->size &&
            actual->phys_offset < other->start_addr + other->size) {
            return TRUE;
        }
    }
    return FALSE;
}

static XenPhysmapVerdict judge(const XenPhysmapTable *recorded, const XenPhysmapRecord *record,
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
    return offset_is_taken(recorded, record, actual) ? XEN_PHYSMAP_MISPLACED : XEN_PHYSMAP_MOVED;
}

GArray *xen_physmap_compare(const XenPhysmapTable *recorded, const XenPhysmapTable *actual,
                            const XenPhysmapTable *absent)
{
    GArray *findings = g_array_new(FALSE, FALSE, sizeof(XenPhysmapFinding));
    const Blocks blocks = { actual, absent };
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(recorded, i)); i++) {
        XenPhysmapFinding finding = { .has_recorded = TRUE, .recorded = *record };
        guint found = 0, n = find_blocks(recorded, &blocks, record->name, &found);

        if (n == 0) {
            finding.verdict = XEN_PHYSMAP_MISSING;
        } else {
            gboolean is_absent;
            const XenPhysmapRecord *block = get_block(&blocks, found, &is_absent);

            finding.has_actual = TRUE;
            finding.actual = *block;
            finding.verdict = n > 1 || count_records(recorded, &blocks, block->name) > 1
                                  ? XEN_PHYSMAP_AMBIGUOUS
                                  : judge(recorded, record, block, is_absent);
        }
        g_array_append_val(findings, finding);
    }
    for (guint i = 0; i < n_blocks(&blocks); i++) {
        gboolean is_absent;
        const XenPhysmapRecord *block = get_block(&blocks, i, &is_absent);

        if (count_records(recorded, &blocks, block->name) == 0) {
            XenPhysmapFinding finding = {
                .verdict = is_absent ? XEN_PHYSMAP_UNSEEN : XEN_PHYSMAP_EXTRA,
                .has_actual = TRUE,
                .actual = *block,
            };

            g_array_append_val(findings, finding);
        }
    }
    return findings;
}

gboolean xen_physmap_verdict_is_safe(XenPhysmapVerdict verdict)
{
    return verdict == XEN_PHYSMAP_SAME || verdict == XEN_PHYSMAP_MOVED ||
           verdict == XEN_PHYSMAP_UNSEEN;
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
    }
    return g_strdup("unknown verdict");
}
