/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap restore: records from a file or pipe into xenstore, for a toolstack's restore. */
#include <xen-physmap/xenstore.h>

#include "record-file.h"
#include "domain.h"
#include "verb.h"

int verb_restore(int argc, char **argv)
{
    g_autofree char *name = NULL;
    RecordForm format = RECORD_FORM_UNKNOWN;
    const GOptionEntry entries[] = {
        { "format", 'f', 0, G_OPTION_ARG_STRING, &name,
          "one of " RECORD_FORM_NAMES "; found out when "
          "it isn't given",
          "FORMAT" },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;

    if (!verb_options(&argc, &argv, entries, "DOMID|NAME [FILE|-]",
                      "Puts records into xenstore in place of those that the domain has, all or "
                      "none. To be\ncalled between the creation of the domain's device-model node "
                      "and the start of its\ndevice model. Reads what save wrote, and whole "
                      "savefiles.\nIt restores no guest; that is for xl restore.",
                      1, 2)) {
        return EXIT_TROUBLE;
    }
    if (!record_file_format(name, &format, &error)) {
        return verb_misused(g_steal_pointer(&error));
    }
    if (!(table = record_file_load(argc > 2 ? argv[2] : "-", format, &error)) ||
        !(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error)) ||
        !(domain = domain_find(ops, argv[1], &error)) ||
        !xen_physmap_xenstore_store(ops, domain->domid, domain->dm_domid, NULL, table, &error)) {
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}
