/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap list: prints the records of running domains, from xenstore, and which QEMU each has. */
#include <string.h>

#include "domain.h"
#include "record-text.h"
#include "update.h"
#include "verb.h"

/* The heading of a domain's table, and the reason if it is empty. */
static void print_text(XenPhysmapOps *ops, const Domain *domain, const XenPhysmapTable *table)
{
    g_autoptr(UpdateOps) host = update_host_new(ops);
    g_autofree char *version = update_host_version(domain);
    gboolean outdated;

    printf("domain %u (%s), device model in domain %u%s%s\n", domain->domid, domain->name,
           domain->dm_domid, version ? ", QEMU " : "", version ? version : "");
    if (update_is_outdated(host, domain, &outdated, NULL) && outdated) {
        printf("its QEMU's program was replaced since it started: xen-physmap update-dm %u\n",
               domain->domid);
    }
    if (xen_physmap_table_size(table) == 0) {
        puts("no records: its QEMU was started without xen-physmap-qemu, or has no ramblocks");
    } else {
        record_text_text(stdout, table);
    }
}

/* What can't be found out is left out. */
static void add_qemu(XenPhysmapOps *ops, const Domain *domain, JsonObject *object)
{
    g_autoptr(UpdateOps) host = update_host_new(ops);
    g_autofree char *version = update_host_version(domain);
    gboolean outdated;

    if (version) {
        json_object_set_string_member(object, "qemu_version", version);
    }
    if (update_is_outdated(host, domain, &outdated, NULL)) {
        json_object_set_boolean_member(object, "qemu_outdated", outdated);
    }
}

/* The records of each domain. Those that can't be read are reported, and removed from `domains`. */
static GPtrArray *read_all(XenPhysmapOps *ops, GPtrArray *domains, int *end)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func((GDestroyNotify)xen_physmap_table_free);

    for (guint i = 0; i < domains->len;) {
        GError *error = NULL;
        XenPhysmapTable *table = domain_records(ops, g_ptr_array_index(domains, i), &error);

        if (table) {
            g_ptr_array_add(tables, table);
            i++;
        } else {
            int failed = verb_fail(error);

            *end = MAX(*end, failed);
            g_ptr_array_remove_index(domains, i);
        }
    }
    return tables;
}

/* Prints the domains that can be read, and an error for each of the others. */
static int list(XenPhysmapOps *ops, GPtrArray *domains, gboolean one, gboolean json)
{
    int end = EXIT_FINE;
    g_autoptr(GPtrArray) tables = read_all(ops, domains, &end);
    g_autoptr(JsonArray) array = json_array_new();

    if (one && end != EXIT_FINE) {
        return end;
    }
    for (guint i = 0; i < domains->len; i++) {
        const Domain *domain = g_ptr_array_index(domains, i);
        const XenPhysmapTable *table = g_ptr_array_index(tables, i);

        if (json) {
            JsonObject *object = record_text_domain(domain->domid, domain->name);

            add_qemu(ops, domain, object);
            record_text_add_records(object, table);
            json_array_add_object_element(array, object);
        } else {
            if (i > 0) {
                putchar('\n');
            }
            print_text(ops, domain, table);
        }
    }
    if (json) {
        JsonObject *answer = record_text_answer("list");

        json_object_set_array_member(answer, "domains", json_array_ref(array));
        record_text_print_json(stdout, answer);
    } else if (domains->len == 0 && end == EXIT_FINE) {
        puts("no domain has a device model");
    }
    return end;
}

int verb_list(int argc, char **argv)
{
    gboolean all = FALSE, json = FALSE;
    const GOptionEntry entries[] = {
        { "all", 'a', 0, G_OPTION_ARG_NONE, &all, "every domain (the default)", NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(GPtrArray) domains = NULL;

    if (!verb_options(
            &argc, &argv, entries, "[DOMID|NAME|--all]",
            "Prints where the ramblocks of running domains are, according to their records in\n"
            "xenstore, and which QEMU each domain has.",
            0, 1)) {
        return EXIT_TROUBLE;
    }
    if (all && argc > 1) {
        g_printerr("%s: name a domain or give --all, not both\n", g_get_prgname());
        return EXIT_TROUBLE;
    }
    if (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error))) {
        return verb_fail(g_steal_pointer(&error));
    }
    if (argc > 1) {
        Domain *domain = domain_find(ops, argv[1], &error);

        if (domain) {
            domains = g_ptr_array_new_with_free_func((GDestroyNotify)domain_free);
            g_ptr_array_add(domains, domain);
        }
    } else {
        domains = domain_all(ops, &error);
    }
    return domains ? list(ops, domains, argc > 1, json) : verb_fail(g_steal_pointer(&error));
}
