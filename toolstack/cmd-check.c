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

static JsonObject *domain_json(const Domain *domain, const XenPhysmapTable *table,
                               const GPtrArray *findings, const GPtrArray *notes,
                               const GPtrArray *hashes)
{
    JsonObject *object = record_text_domain(domain->domid, domain->name);
    JsonArray *found = json_array_new();

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
    return object;
}

static void print_text(const Domain *domain, const char *prefix, const XenPhysmapTable *table,
                       const GPtrArray *findings, const GPtrArray *notes, const GPtrArray *hashes)
{
    for (guint i = 0; i < hashes->len; i++) {
        printf("%s%s  %s\n", prefix, (char *)g_ptr_array_index(hashes, i),
               xen_physmap_table_get(table, i)->name);
    }
    for (guint i = 0; i < findings->len; i++) {
        printf("%s%s\n", prefix, (char *)g_ptr_array_index(findings, i));
    }
    for (guint i = 0; i < notes->len; i++) {
        printf("note: %s%s\n", prefix, (char *)g_ptr_array_index(notes, i));
    }
    if (findings->len == 0) {
        printf("domain %u (%s): QEMU, the domain and %u record%s agree\n", domain->domid,
               domain->name, xen_physmap_table_size(table),
               xen_physmap_table_size(table) == 1 ? "" : "s");
    }
}

/* Checks one domain. Prints what was found, or adds it to `domains` unless that is NULL. With
 * `prefix` the lines say which domain they are of. */
static int check(const XenPhysmapOps *ops, const Domain *domain, const char *prefix, gboolean hash,
                 JsonArray *domains)
{
    g_autoptr(XenPhysmapTable) table = NULL;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) findings = NULL;
    GError *error = NULL;

    if (!(findings = layout_check(ops, domain, &table, notes, &error)) ||
        (hash && findings->len == 0 && !hash_blocks(ops, domain->domid, table, hashes, &error))) {
        g_prefix_error(&error, "%s", prefix);
        return verb_fail(error);
    }
    if (domains) {
        json_array_add_object_element(domains, domain_json(domain, table, findings, notes, hashes));
    } else {
        print_text(domain, prefix, table, findings, notes, hashes);
    }
    return findings->len ? EXIT_FINDING : EXIT_FINE;
}

/* Every domain whose QEMU was started by the launcher. The others have nothing to be compared with;
 * xen-physmap doctor names them. */
static int check_all(const XenPhysmapOps *ops, gboolean hash, JsonArray *domains)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) all = domain_all(ops, &error);
    int end = EXIT_FINE;
    guint checked = 0;

    if (!all) {
        return verb_fail(error);
    }
    for (guint i = 0; i < all->len; i++) {
        const Domain *domain = g_ptr_array_index(all, i);
        g_autofree char *prefix = g_strdup_printf("domain %u (%s): ", domain->domid, domain->name);
        gboolean recorded;
        int one;

        if (!domain_is_recorded(ops, domain, &recorded, &error)) {
            one = verb_fail(g_steal_pointer(&error));
        } else if (recorded) {
            checked++;
            one = check(ops, domain, prefix, hash, domains);
        } else {
            continue;
        }
        end = MAX(end, one);
    }
    if (!domains && end == EXIT_FINE && checked == 0) {
        puts("no domain's QEMU was started by xen-physmap-qemu; see xen-physmap doctor");
    }
    return end;
}

int verb_check(int argc, char **argv)
{
    gboolean all = FALSE, json = FALSE, hash = FALSE;
    const GOptionEntry entries[] = {
        { "all", 'a', 0, G_OPTION_ARG_NONE, &all,
          "every domain whose QEMU xen-physmap-qemu started", NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { "hash", 0, 0, G_OPTION_ARG_NONE, &hash,
          "print the SHA-256 of each block's pages; pause the guest first", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;
    g_autoptr(JsonArray) domains = NULL;
    int end;

    if (!verb_options(
            &argc, &argv, entries, "DOMID|NAME|--all",
            "Compares a domain's records with its running QEMU and with the pages that the\n"
            "domain has. Prints a line for each block that is wrong.",
            0, 1)) {
        return EXIT_TROUBLE;
    }
    if (all != (argc == 1)) {
        g_printerr("%s: name a domain or give --all\n", g_get_prgname());
        return EXIT_TROUBLE;
    }
    if (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error)) ||
        (!all && !(domain = domain_find(ops, argv[1], &error)))) {
        return verb_fail(g_steal_pointer(&error));
    }
    domains = json ? json_array_new() : NULL;
    end = all ? check_all(ops, hash, domains) : check(ops, domain, "", hash, domains);
    /* For a single domain that can't be checked, there is nothing to print. */
    if (json && (all || json_array_get_length(domains) > 0)) {
        JsonObject *answer = record_text_answer("check");

        json_object_set_array_member(answer, "domains", g_steal_pointer(&domains));
        record_text_print_json(stdout, answer);
    }
    return end;
}
