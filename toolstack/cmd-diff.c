/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap diff: two layouts, block by block, and whether a restore from one to the other is
 * safe. */
#include <stdio.h>

#include <xen-physmap/compare.h>

#include "record-file.h"
#include "domain.h"
#include "input.h"
#include "record-text.h"
#include "verb.h"

/* The records of a file, or of a running domain where there is no file of that name. */
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

static void print_text(const GArray *findings, gboolean safe)
{
    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        g_autofree char *line = xen_physmap_finding_describe(finding);

        printf("%s: %s\n", xen_physmap_verdict_name(finding->verdict), line);
    }
    puts(safe ? "safe: a guest of the first layout can be restored into the second"
              : "not safe: a guest of the first layout would find its memory wrong in the second");
}

static void add_side(JsonObject *object, const char *member, gboolean has,
                     const XenPhysmapRecord *record)
{
    if (has) {
        json_object_set_object_member(object, member, record_text_record_json(record));
    } else {
        json_object_set_null_member(object, member);
    }
}

static void print_json(const GArray *findings, gboolean safe, char **sides)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *root = json_object_new();
    JsonArray *blocks = json_array_new();

    for (guint i = 0; i < 2; i++) {
        g_autofree char *utf8 = g_utf8_make_valid(sides[i], -1);

        json_object_set_string_member(root, i ? "b" : "a", utf8);
    }
    json_object_set_boolean_member(root, "safe", safe);
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
    json_node_take_object(node, root);
    record_text_print_json(stdout, node);
}

int verb_diff(int argc, char **argv)
{
    gboolean json = FALSE, safe;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) a = NULL, b = NULL;
    g_autoptr(GArray) findings = NULL;

    if (!verb_options(&argc, &argv, entries, "A B",
                      "Compares two layouts block by block. Each is a savefile, a file of records "
                      "(JSON or\nany form that convert reads), - for standard input, or the DOMID "
                      "or NAME of a running\ndomain; a file of that name goes first.\n"
                      "\n"
                      "same, moved, unseen: harmless\n"
                      "missing, extra, resized, misplaced, ambiguous: a restore from A to B is not "
                      "safe\n"
                      "\n"
                      "Exit code 0 when a restore from A to B is safe, otherwise 1.",
                      2, 2)) {
        return EXIT_TROUBLE;
    }
    if (!(a = read_side(argv[1], &error)) || !(b = read_side(argv[2], &error))) {
        return verb_fail(g_steal_pointer(&error));
    }
    findings = xen_physmap_compare(a, b, NULL);
    safe = xen_physmap_findings_are_safe(findings);
    if (json) {
        print_json(findings, safe, argv + 1);
    } else {
        print_text(findings, safe);
    }
    return safe ? EXIT_FINE : EXIT_FINDING;
}
