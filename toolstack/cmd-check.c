/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap check: compares a running domain's records with its QEMU and its pages. */
#include <stdio.h>
#include <sys/mman.h>

#include <xen-physmap/guest.h>

#include "layout-check.h"
#include "record-text.h"
#include "verb.h"

/* Appends the SHA-256 of each block's pages in the domain, in the order of the table. */
static gboolean hash_blocks(const XenPhysmapOps *ops, guint32 domid, const XenPhysmapTable *table,
                            GPtrArray *hashes, GError **error)
{
    const XenPhysmapRecord *block;

    for (guint i = 0; (block = xen_physmap_table_get(table, i)); i++) {
        void *pages =
            xen_physmap_guest_map(ops, domid, block->start_addr, block->size, PROT_READ, error);

        if (!pages) {
            return FALSE;
        }
        g_ptr_array_add(hashes, g_compute_checksum_for_data(G_CHECKSUM_SHA256, pages, block->size));
        xen_physmap_guest_unmap(ops, pages, block->size);
    }
    return TRUE;
}

static void print_json(const Domain *domain, const XenPhysmapTable *table,
                       const GPtrArray *findings, const GPtrArray *notes, const GPtrArray *hashes)
{
    JsonObject *answer = record_text_answer("check");
    JsonObject *object = record_text_domain(domain->domid, domain->name);
    JsonArray *domains = json_array_new(), *found = json_array_new();

    record_text_add_records(object, table);
    for (guint i = 0; i < hashes->len; i++) {
        json_object_set_string_member(
            json_array_get_object_element(json_object_get_array_member(object, "records"), i),
            "sha256", hashes->pdata[i]);
    }
    for (guint i = 0; i < findings->len; i++) {
        json_array_add_object_element(found, record_text_finding("error", findings->pdata[i]));
    }
    json_object_set_array_member(object, "findings", found);
    json_object_set_array_member(object, "notes", record_text_strings(notes));
    json_array_add_object_element(domains, object);
    json_object_set_array_member(answer, "domains", domains);
    record_text_print_json(stdout, answer);
}

static void print_text(const Domain *domain, const XenPhysmapTable *table,
                       const GPtrArray *findings, const GPtrArray *notes, const GPtrArray *hashes)
{
    for (guint i = 0; i < hashes->len; i++) {
        printf("%s  %s\n", (char *)g_ptr_array_index(hashes, i),
               xen_physmap_table_get(table, i)->name);
    }
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
    gboolean json = FALSE, hash = FALSE;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { "hash", 0, 0, G_OPTION_ARG_NONE, &hash,
          "print the SHA-256 of each block's pages; pause the guest first", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    g_autoptr(GPtrArray) findings = NULL, notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);

    if (!verb_options(
            &argc, &argv, entries, "DOMID|NAME",
            "Compares a domain's records with its running QEMU and with the pages that the\n"
            "domain has. Prints a line for each block that is wrong.",
            1, 1)) {
        return EXIT_TROUBLE;
    }
    if (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error)) ||
        !(domain = domain_find(ops, argv[1], &error)) ||
        !(findings = layout_check(ops, domain, &table, notes, &error)) ||
        (hash && findings->len == 0 && !hash_blocks(ops, domain->domid, table, hashes, &error))) {
        return verb_fail(g_steal_pointer(&error));
    }
    (json ? print_json : print_text)(domain, table, findings, notes, hashes);
    return findings->len ? EXIT_FINDING : EXIT_FINE;
}
