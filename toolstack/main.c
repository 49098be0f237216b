/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The xen-physmap command: finds the verb and runs it. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "foreign-format.h"
#include "memory-image.h"
#include "record-file.h"
#include "record-text.h"
#include "verb.h"

static const struct {
    const char *name;
    VerbFunc func;
    const char *summary;
} verbs[] = {
    { "list", verb_list, "print the layout of running domains, from xenstore" },
    { "check", verb_check, "compare the records with the running QEMU and the domain's pages" },
    { "doctor", verb_doctor, "say whether this host is ready, and what to do" },
    { "show", verb_show, "print what is in a savefile, and its layout" },
    { "verify", verb_verify, "check a savefile against the rules of its format and of a layout" },
    { "diff", verb_diff, "compare two layouts: savefiles, JSON, running domains" },
    { "edit", verb_edit, "change records or configuration in a savefile or migration" },
    { "clone", verb_clone, "copy a savefile, for guests with names and disks of their own" },
    { "extract", verb_extract, "write a ramblock in a savefile to a file" },
#ifdef HAVE_FUSE
    { "mount", verb_mount, "show a savefile's memory and ramblocks as files" },
#endif
    { "screenshot", verb_screenshot, "make a picture of the guest's screen" },
    { "map", verb_map, "draw the layout as a bar, or as a picture in SVG or PNG" },
    { "watch", verb_watch, "print relocations as they happen" },
    { "save", verb_save, "write a domain's records to a file, for your own toolstack" },
    { "restore", verb_restore, "write records from a file to xenstore, for your own toolstack" },
    { "convert", verb_convert, "convert records between the formats of old and new Xen, and JSON" },
    { "update-dm", verb_update_dm, "start a new QEMU under a running guest" },
};

static void usage(FILE *out)
{
    fputs("Usage: xen-physmap VERB [OPTION]... [ARGUMENT]...\n"
          "Where the ramblocks of a Xen guest's device model are in its memory.\n\n",
          out);
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        fprintf(out, "  %-11s %s\n", verbs[i].name, verbs[i].summary);
    }
    fputs("\n`xen-physmap VERB --help` and `man xen-physmap-VERB` tell more.\n"
          "-V, --version prints the version, --machine-readable what this program can do.\n"
          "Exit codes: 0 fine, 1 a finding or invalid input, 2 wrong usage or an error.\n",
          out);
}

/* Prints a line for each word of the list. */
static void print_each(const char *kind, const char *list)
{
    g_auto(GStrv) words = g_strsplit(list, ", ", -1);

    for (guint i = 0; words[i]; i++) {
        printf("%s %s\n", kind, words[i]);
    }
}

/* What this program can do, for other programs: one item a line, its kind first. */
static void print_abilities(void)
{
    puts("version " XEN_PHYSMAP_VERSION);
    printf("json %d\n", RECORD_TEXT_VERSION);
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        printf("verb %s\n", verbs[i].name);
    }
    print_each("records", RECORD_FORM_NAMES);
    print_each("memory", MEMORY_FORMATS);
    print_each("compressed", FOREIGN_FORMAT_COMPRESSORS);
}

/*
 * If a standard stream is closed, the next file would get its descriptor, and would be read from or
 * written to by mistake. So an unusable descriptor takes its place.
 */
static void occupy_closed_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

/* `help VERB` is `VERB --help`. */
static char **take_help(int *argc, char **argv)
{
    static char option[] = "--help";

    if (*argc >= 3 && strcmp(argv[1], "help") == 0) {
        argv[1] = argv[2];
        argv[2] = option;
        *argc = 3;
    }
    return argv;
}

int main(int argc, char **argv)
{
    g_autofree char *shown = NULL;

    occupy_closed_streams();
    setlocale(LC_ALL, "");
    g_set_prgname("xen-physmap");
    argv = take_help(&argc, argv);
    if (argc < 2) {
        usage(stderr);
        return EXIT_TROUBLE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return verb_end(EXIT_FINE);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("xen-physmap " XEN_PHYSMAP_VERSION);
        return verb_end(EXIT_FINE);
    }
    if (strcmp(argv[1], "--machine-readable") == 0) {
        print_abilities();
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
