/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap save: writes a running domain's records to a file or pipe, for a toolstack. */
#include "record-file.h"
#include "domain.h"
#include "verb.h"

static gboolean save(const char *name, const char *file, RecordForm format, GError **error)
{
    g_autoptr(XenPhysmapOps) ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, error);
    g_autoptr(Domain) domain = ops ? domain_find(ops, name, error) : NULL;
    g_autoptr(XenPhysmapTable) table = domain ? domain_records(ops, domain, error) : NULL;

    return table && record_file_save(file, table, format, domain->domid, "xenstore", error);
}

int verb_save(int argc, char **argv)
{
    g_autofree char *name = NULL;
    RecordForm format = RECORD_FORM_JSON;
    const GOptionEntry entries[] = {
        { "format", 'f', 0, G_OPTION_ARG_STRING, &name,
          "one of " RECORD_FORM_NAMES "; the first is "
          "the default",
          "FORMAT" },
        { 0 },
    };
    g_autoptr(GError) error = NULL;

    if (!verb_options(
            &argc, &argv, entries, "DOMID|NAME [FILE|-]",
            "Writes a running domain's records to a file, completely or not at all, or to\n"
            "standard output. It doesn't save the guest's memory; xl save does that.\n"
            "\n"
            "libxl-body    the body of an EMULATOR_XENSTORE_DATA record\n"
            "libxl-record  the same with its header and padding, ready for a libxl stream\n"
            "legacy        the toolstack blob of Xen 4.2 to 4.5, 64-bit; legacy32: 32-bit",
            1, 2)) {
        return EXIT_TROUBLE;
    }
    if (!record_file_format(name, &format, &error)) {
        return verb_misused(g_steal_pointer(&error));
    }
    if (!save(argv[1], argc > 2 ? argv[2] : "-", format, &error)) {
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}
