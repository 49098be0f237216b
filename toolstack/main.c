/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The xen-physmap command: finds the verb and runs it. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "verb.h"

static const struct {
    const char *name;
    VerbFunc func;
    const char *summary;
} verbs[] = {
    { "list", verb_list, "the layout of running domains, from xenstore" },
    { "check", verb_check, "the records against the running QEMU and the domain's pages" },
    { "show", verb_show, "what is in a savefile, and its layout" },
    { "verify", verb_verify, "a savefile against every rule of its format and its layout" },
    { "diff", verb_diff, "two layouts: savefiles, JSON, running domains" },
    { "edit", verb_edit, "the records in a savefile changed, also in the pipe of a migration" },
    { "extract", verb_extract, "a ramblock's contents, out of a savefile" },
    { "screenshot", verb_screenshot, "the guest's screen, out of its videoram" },
    { "map", verb_map, "the layout as a bar, or a picture in SVG or PNG" },
    { "watch", verb_watch, "relocations as they happen" },
    { "save", verb_save, "a domain's records to a file, for a toolstack of one's own" },
    { "restore", verb_restore, "records from a file into xenstore, likewise" },
    { "convert", verb_convert, "records between the forms of old and new toolstacks, and JSON" },
    { "update-dm", verb_update_dm, "a new QEMU under a running guest" },
};

static void usage(FILE *out)
{
    fputs("Usage: xen-physmap VERB [OPTION]... [ARGUMENT]...\n"
          "Where the ramblocks of a Xen guest's device model are in its memory.\n\n",
          out);
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        fprintf(out, "  %-11s %s\n", verbs[i].name, verbs[i].summary);
    }
    fputs("\n`xen-physmap VERB --help` and `man xen-physmap-VERB` tell more of one. Exit codes:\n"
          "0 fine, 1 a finding or invalid input, 2 wrong usage or something can't be read.\n",
          out);
}

/* A file would be opened as the standard stream that is closed, and be printed to or read from. What
 * takes its place here can't be used either. */
static void occupy_closed_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv)
{
    g_autofree char *shown = NULL;

    occupy_closed_streams();
    setlocale(LC_ALL, "");
    g_set_prgname("xen-physmap");
    if (argc < 2) {
        usage(stderr);
        return EXIT_TROUBLE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return verb_end(EXIT_FINE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("xen-physmap " XEN_PHYSMAP_VERSION);
        return verb_end(EXIT_FINE);
    }
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return verb_end(verbs[i].func(argc - 1, argv + 1));
        }
    }
    shown = xen_physmap_escape(argv[1], -1);
    fprintf(stderr, "xen-physmap: no verb '%s'; see xen-physmap --help\n", shown);
    return EXIT_TROUBLE;
}
