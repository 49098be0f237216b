/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xen-physmap diff: compares two layouts, and says whether a restore from one to the other is safe.
 */
#include <stdio.h>
#include <string.h>

#include <xen-physmap/compare.h>

#include "number.h"
#include "record-file.h"
#include "domain.h"
#include "input.h"
#include "record-text.h"
#include "verb.h"

/* The records of a file, or of a running domain if there is no such file. */
static XenPhysmapTable *read_side(const char *side, GError **error)
{
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;

    if (input_is_file(side)) {
        return record_file_load(side, RECORD_FORM_UNKNOWN, error);
    }
    domain = domain_open(side, XEN_PHYSMAP_OPS_XENSTORE, &ops, error);
    return domain ? domain_records(ops, domain, error) : NULL;
}

/* The names in a table, or those of the regions, with a record of each; which ones are there twice. */
static void list_names(const XenPhysmapTable *table, gboolean regions, GHashTable *names,
                       GHashTable *repeated)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        const char *name = regions ? xen_physmap_region_name(record->name) : record->name;

        if (!g_hash_table_insert(names, (gpointer)name, (gpointer)record)) {
            g_hash_table_add(repeated, (gpointer)name);
        }
    }
}

static GHashTable *new_names(void)
{
    return g_hash_table_new(g_str_hash, g_str_equal);
}

/*
 * xen_physmap_compare takes bare names only in the records. So this returns B with A's ids in place of
 * its bare names: for a name that B has once, and that is the region of one block of A, if B doesn't
 * have that block under its id.
 */
static XenPhysmapTable *with_names_of(const XenPhysmapTable *b, const XenPhysmapTable *a)
{
    g_autoptr(GHashTable) names_a = new_names(), names_b = new_names(), regions_a = new_names();
    g_autoptr(GHashTable) repeated_a = new_names(), repeated_b = new_names();
    g_autoptr(GHashTable) repeated_regions = new_names();
    XenPhysmapTable *table = xen_physmap_table_new();
    const XenPhysmapRecord *record;

    list_names(a, FALSE, names_a, repeated_a);
    list_names(a, TRUE, regions_a, repeated_regions);
    list_names(b, FALSE, names_b, repeated_b);
    for (guint i = 0; (record = xen_physmap_table_get(b, i)); i++) {
        const XenPhysmapRecord *meant = g_hash_table_lookup(regions_a, record->name);
        XenPhysmapRecord copy = *record;

        if (meant && !g_hash_table_contains(repeated_b, record->name) &&
            !g_hash_table_contains(names_a, record->name) &&
            !g_hash_table_contains(repeated_regions, record->name) &&
            !g_hash_table_contains(names_b, meant->name)) {
            g_strlcpy(copy.name, meant->name, sizeof copy.name);
        }
        xen_physmap_table_add(table, &copy, NULL);
    }
    return table;
}

/* Neither side has to be a device model: both are records. */
static char *describe(const XenPhysmapFinding *finding)
{
    const XenPhysmapRecord *a = &finding->recorded, *b = &finding->actual;

    switch (finding->verdict) {
    case XEN_PHYSMAP_SAME:
        return g_strdup_printf("%s: at " HEX ", size " HEX, a->name, a->start_addr, a->size);
    case XEN_PHYSMAP_MOVED:
        return g_strdup_printf("%s: at " HEX ", size " HEX "; offset " HEX " in A, " HEX " in B",
                               a->name, a->start_addr, a->size, a->phys_offset, b->phys_offset);
    case XEN_PHYSMAP_MISSING:
        return g_strdup_printf("%s: at " HEX ", size " HEX " in A, not in B", a->name,
                               a->start_addr, a->size);
    case XEN_PHYSMAP_UNPLUGGED:
        a = finding->has_recorded ? a : b;
        return g_strdup_printf("%s: at " HEX ", size " HEX " in %s; left by a device that was "
                               "unplugged",
                               a->name, a->start_addr, a->size, finding->has_recorded ? "A" : "B");
    case XEN_PHYSMAP_EXTRA:
    case XEN_PHYSMAP_UNSEEN:
    case XEN_PHYSMAP_UNRECORDED:
        return g_strdup_printf("%s: at " HEX ", size " HEX " in B, not in A", b->name,
                               b->start_addr, b->size);
    case XEN_PHYSMAP_RESIZED:
        return g_strdup_printf("%s: size " HEX " in A, " HEX " in B", a->name, a->size, b->size);
    case XEN_PHYSMAP_MISPLACED:
        return g_strdup_printf(
            "%s: at " HEX " (offset " HEX ") in A, at " HEX " (offset " HEX ") in B", a->name,
            a->start_addr, a->phys_offset, b->start_addr, b->phys_offset);
    case XEN_PHYSMAP_AMBIGUOUS:
        return g_strdup_printf("%s: at " HEX " in A; the name fits several blocks, %s for one",
                               a->name, a->start_addr, b->name);
    }
    return g_strdup(a->name);
}

/* Whether a restore from A to B is safe. If a side has no records, nobody knows. */
typedef enum { SAFE, UNSAFE, UNKNOWN } Safety;

static void print_text(const GArray *findings, Safety safety)
{
    static const char *const lines[] = {
        [SAFE] = "safe: a guest with the layout A can be restored onto B",
        [UNSAFE] = "not safe: a guest with the layout A gets wrong memory on B",
    };

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        g_autofree char *line = describe(finding);

        printf("%s: %s\n", xen_physmap_verdict_name(finding->verdict), line);
    }
    puts(lines[safety]);
}

/* Says which side has no records; then there is nothing to compare. */
static void print_unknown(const XenPhysmapTable *a, const XenPhysmapTable *b, char **sides)
{
    const XenPhysmapTable *const tables[] = { a, b };

    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *shown = xen_physmap_escape(sides[i], -1);

        if (xen_physmap_table_size(tables[i]) == 0) {
            printf("%s: %s has no records, so nothing tells where its blocks are\n", i ? "B" : "A",
                   shown);
        }
    }
    puts("unknown: there is nothing to compare");
}

static void add_side(JsonObject *object, const char *member, gboolean has,
                     const XenPhysmapRecord *record)
{
    if (has) {
        json_object_set_object_member(object, member, record_text_record(record));
    } else {
        json_object_set_null_member(object, member);
    }
}

static void print_json(const GArray *findings, Safety safety, char **sides)
{
    JsonObject *root = record_text_answer("diff");
    JsonArray *blocks = json_array_new();

    for (guint i = 0; i < 2; i++) {
        record_text_add_bytes(root, i ? "b" : "a", sides[i]);
    }
    if (safety == UNKNOWN) {
        json_object_set_null_member(root, "safe");
    } else {
        json_object_set_boolean_member(root, "safe", safety == SAFE);
    }
    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        JsonObject *block = json_object_new();

        json_object_set_string_member(block, "verdict", xen_physmap_verdict_name(finding->verdict));
        json_object_set_boolean_member(block, "safe",
                                       xen_physmap_verdict_is_safe(finding->verdict));
        add_side(block, "a", finding->has_recorded, &finding->recorded);
        add_side(block, "b", finding->has_actual, &finding->actual);
        json_array_add_object_element(blocks, block);
    }
    json_object_set_array_member(root, "blocks", blocks);
    record_text_print_json(stdout, root);
}

int verb_diff(int argc, char **argv)
{
    gboolean json = FALSE;
    Safety safety = UNKNOWN;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) a = NULL, b = NULL, named = NULL;
    g_autoptr(GArray) findings = NULL;

    if (!verb_options(
            &argc, &argv, entries, "A B",
            "Compares two layouts block by block. Each is a savefile, a file of records in\n"
            "any format that convert reads, - for standard input, or the DOMID or NAME of a\n"
            "running domain. If a file has the given name, the file is meant.\n"
            "\n"
            "same, moved, unseen: harmless\n"
            "missing, extra, resized, misplaced, ambiguous: a restore from A to B isn't safe\n"
            "\n"
            "Exit code 0 when a restore from A to B is safe; 1 when it isn't, or when one of\n"
            "them has no records, so that it isn't known.",
            2, 2)) {
        return EXIT_TROUBLE;
    }
    if (!(a = read_side(argv[1], &error)) || !(b = read_side(argv[2], &error))) {
        return verb_fail(g_steal_pointer(&error));
    }
    named = with_names_of(b, a);
    if (xen_physmap_table_size(a) > 0 && xen_physmap_table_size(b) > 0) {
        findings = xen_physmap_compare(a, named, NULL);
        safety = xen_physmap_findings_are_safe(findings) ? SAFE : UNSAFE;
    } else {
        findings = g_array_new(FALSE, FALSE, sizeof(XenPhysmapFinding));
    }
    if (json) {
        print_json(findings, safety, argv + 1);
    } else if (safety == UNKNOWN) {
        print_unknown(a, b, argv + 1);
    } else {
        print_text(findings, safety);
    }
    return safety == SAFE ? EXIT_FINE : EXIT_FINDING;
}
