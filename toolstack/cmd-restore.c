/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap restore: records from a file or pipe into xenstore, for a toolstack's restore. */
#include <xen-physmap/xenstore.h>

#include "fail.h"
#include "record-file.h"
#include "domain.h"
#include "verb.h"

/* A toolstack restores before the device model starts, when there are no records yet. */
static gboolean check_unused(const XenPhysmapOps *ops, const Domain *domain,
                             const XenPhysmapTable *table, GError **error)
{
    g_autoptr(XenPhysmapTable) before = domain_records(ops, domain, error);

    if (!before) {
        return FALSE;
    }
    if (xen_physmap_table_size(before) == 0 || xen_physmap_table_equal(before, table)) {
        return TRUE;
    }
    return invalid(error,
                   "domain %u (%s) has %u records, which its device model may be using; --force "
                   "replaces them",
                   domain->domid, domain->name, xen_physmap_table_size(before));
}

int verb_restore(int argc, char **argv)
{
    g_autofree char *name = NULL;
    RecordForm format = RECORD_FORM_UNKNOWN;
    gboolean force = FALSE;
    const GOptionEntry entries[] = {
        { "format", 'f', 0, G_OPTION_ARG_STRING, &name,
          "one of " RECORD_FORM_NAMES "; detected by default", "FORMAT" },
        { "force", 0, 0, G_OPTION_ARG_NONE, &force, "replace the domain's records", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;

    if (!verb_options(
            &argc, &argv, entries, "DOMID|NAME [FILE|-]",
            "Writes records to xenstore, all or none. A domain that has other records is\n"
            "refused. Call it after the domain's device-model node was created and before its\n"
            "device model is started. It reads what save wrote, and whole savefiles. It\n"
            "doesn't restore a guest; xl restore does that.",
            1, 2)) {
        return EXIT_TROUBLE;
    }
    if (!record_file_format(name, &format, &error)) {
        return verb_misused(g_steal_pointer(&error));
    }
    if (!(table = record_file_load(argc > 2 ? argv[2] : "-", format, &error)) ||
        !(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error)) ||
        !(domain = domain_find(ops, argv[1], &error)) ||
        (!force && !check_unused(ops, domain, table, &error)) ||
        !xen_physmap_xenstore_store(ops, domain->domid, domain->dm_domid, NULL, table, &error)) {
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}
