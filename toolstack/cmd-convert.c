/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap convert: converts records to another format. */
#include "record-file.h"
#include "record-text.h"
#include "verb.h"

int verb_convert(int argc, char **argv)
{
    g_autofree char *from_name = NULL, *to_name = NULL;
    RecordForm from = RECORD_FORM_UNKNOWN, to = RECORD_FORM_JSON;
    const GOptionEntry entries[] = {
        { "to", 't', 0, G_OPTION_ARG_STRING, &to_name,
          "one of " RECORD_FORM_NAMES "; the first is the default", "FORMAT" },
        { "from", 'f', 0, G_OPTION_ARG_STRING, &from_name, "the same; detected by default",
          "FORMAT" },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;

    if (!verb_options(
            &argc, &argv, entries, "IN|- OUT|-",
            "Reads records in any format, also from a whole savefile or stream of an old Xen\n"
            "or a new one, and writes them in another format. Nothing else in the input is\n"
            "converted.\n"
            "\n"
            "  xen-physmap convert --to libxl-record xen-4.4.save records",
            2, 2)) {
        return EXIT_TROUBLE;
    }
    if (!record_file_format(from_name, &from, &error) ||
        !record_file_format(to_name, &to, &error)) {
        return verb_misused(g_steal_pointer(&error));
    }
    if (!(table = record_file_load(argv[1], from, &error)) ||
        !record_file_save(argv[2], table, to, RECORD_TEXT_NO_DOMID, argv[1], &error)) {
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}
