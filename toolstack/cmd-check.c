/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap check: a running domain's records against its QEMU and its pages. */
#include <stdio.h>

#include <xen-physmap/compare.h>
#include <xen-physmap/guest.h>

#include "domain.h"
#include "present.h"
#include "survey.h"
#include "verb.h"

#define QMP_TIMEOUT_MS 10000

/* Appends a line for each record that has pages missing in the domain. */
static gboolean check_pages(const XenPhysmapOps *ops, guint32 domid, const XenPhysmapTable *table,
                            GPtrArray *lines, GError **error)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        guint64 missing, first;

        if (!xen_physmap_guest_missing(ops, domid, record->start_addr, record->size, &missing,
                                       &first, error)) {
            return FALSE;
        }
        if (missing) {
            g_ptr_array_add(lines,
                            g_strdup_printf("%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                                            " pages are not in the domain, the first at 0x%"
                                            G_GINT64_MODIFIER "x",
                                            record->name, missing,
                                            record->size >> XEN_PHYSMAP_PAGE_SHIFT, first));
        }
    }
    return TRUE;
}

/* All that doesn't agree, one line each, and in *notes what is remarkable but harmless. */
static GPtrArray *check(const XenPhysmapOps *ops, const Domain *domain,
                        const XenPhysmapTable *table, GPtrArray *notes, GError **error)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(QmpClient) qmp = qmp_client_connect(domain->domid, error);
    g_autoptr(Survey) actual =
        qmp ? survey_take(qmp, ops, domain->domid, NULL, QMP_TIMEOUT_MS, error) : NULL;
    g_autoptr(GArray) findings = NULL;

    if (!actual) {
        return NULL;
    }
    findings = xen_physmap_compare(table, actual->table, actual->absent);
    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        gboolean harmless = finding->verdict == XEN_PHYSMAP_UNSEEN;

        if (finding->verdict != XEN_PHYSMAP_SAME) {
            g_ptr_array_add(harmless ? notes : lines, xen_physmap_finding_describe(finding));
        }
    }
    if (!check_pages(ops, domain->domid, table, lines, error)) {
        return NULL;
    }
    return g_steal_pointer(&lines);
}

static void add_strings(JsonObject *object, const char *member, const GPtrArray *lines)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < lines->len; i++) {
        json_array_add_string_element(array, g_ptr_array_index(lines, i));
    }
    json_object_set_array_member(object, member, array);
}

static void print_json(const Domain *domain, const XenPhysmapTable *table,
                       const GPtrArray *findings, const GPtrArray *notes)
{
    JsonNode *node = present_json(table, domain->domid, "xenstore");

    add_strings(json_node_get_object(node), "findings", findings);
    add_strings(json_node_get_object(node), "notes", notes);
    present_print_json(stdout, node);
}

static void print_text(const Domain *domain, const XenPhysmapTable *table,
                       const GPtrArray *findings, const GPtrArray *notes)
{
    for (guint i = 0; i < findings->len; i++) {
        printf("%s\n", (char *)g_ptr_array_index(findings, i));
    }
    for (guint i = 0; i < notes->len; i++) {
        printf("note: %s\n", (char *)g_ptr_array_index(notes, i));
    }
    if (findings->len == 0) {
        printf("domain %u (%s): QEMU, the domain and %u record%s agree\n", domain->domid,
               domain->name, xen_physmap_table_size(table),
               xen_physmap_table_size(table) == 1 ? "" : "s");
    }
}

int verb_check(int argc, char **argv)
{
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    g_autoptr(GPtrArray) findings = NULL, notes = g_ptr_array_new_with_free_func(g_free);

    if (!verb_options(&argc, &argv, entries, "DOMID|NAME",
                      "Holds a domain's records against its running QEMU, and looks whether the "
                      "domain has the pages that they name.", 1, 1)) {
        return EXIT_TROUBLE;
    }
    if (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error)) ||
        !(domain = domain_find(ops, argv[1], &error)) ||
        !(table = domain_records(ops, domain, &error)) ||
        !(findings = check(ops, domain, table, notes, &error))) {
        return verb_fail(g_steal_pointer(&error));
    }
    (json ? print_json : print_text)(domain, table, findings, notes);
    return findings->len ? EXIT_FINDING : EXIT_FINE;
}
