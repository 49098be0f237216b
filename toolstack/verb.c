/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options and exit codes, the same for every verb. */
#include "verb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "stream.h"
#include "xen-log.h"

int verb_end(int end)
{
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "%s: can't write to standard output\n", g_get_prgname());
        return EXIT_TROUBLE;
    }
    return end;
}

static gboolean quiet, verbose;

FILE *verb_words(gboolean output_is_data)
{
    return output_is_data && !quiet ? stderr : stdout;
}

/* The largest width of a line of --help. */
#define COLUMNS 80

/* Where the description of an option begins in its line; 0 when the line has none. */
static gsize description_column(const char *line)
{
    const char *gap = g_str_has_prefix(line, "  -") ? strstr(line + 2, "  ") : NULL;

    return gap ? gap - line + strspn(gap, " ") : 0;
}

/* GLib writes the description of an option into one line, however long it is. */
static void add_wrapped(GString *text, const char *line)
{
    gsize column = description_column(line), first = column, room = COLUMNS;

    while (column > 0 && strlen(line) > room) {
        const char *end = g_strrstr_len(line, room + 1, " ");

        if (!end || end <= line + first) {
            break;
        }
        g_string_append_len(text, line, end - line);
        g_string_append_printf(text, "\n%*s", (int)column, "");
        line = end + 1;
        first = 0;
        room = COLUMNS - column;
    }
    g_string_append(text, line);
    g_string_append_c(text, '\n');
}

/* GLib's own --help exits with 0 even when it couldn't be written. */
static gboolean print_help(const char *option, const char *value, gpointer data, GError **error)
{
    g_autofree char *help = g_option_context_get_help(data, TRUE, NULL);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(help), "\n", -1);
    g_autoptr(GString) text = g_string_new(NULL);

    (void)option;
    (void)value;
    (void)error;
    for (guint i = 0; lines[i]; i++) {
        add_wrapped(text, lines[i]);
    }
    fputs(text->str, stdout);
    /* Doesn't run what is to run at an exit, because GLib is in the middle of the arguments. */
    _exit(verb_end(EXIT_FINE));
}

/* The options that every verb has. */
static void add_common(GOptionContext *context)
{
    const GOptionEntry entries[] = {
        { "help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, print_help, "show this help",
          NULL },
        { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "print only errors, and data for OUT -",
          NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "print what Xen's libraries report, too",
          NULL },
        { 0 },
    };
    GOptionGroup *group = g_option_group_new("help", "", "", context, NULL);

    g_option_group_add_entries(group, entries);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_main_group(context, group);
}

/* Data for "-" is written to the descriptor, everything else to `stdout`. */
static gboolean be_quiet(void)
{
    FILE *nowhere = fopen("/dev/null", "we");

    if (nowhere) {
        stdout = nowhere;
    } else {
        fprintf(stderr, "%s: can't open /dev/null: %s\n", g_get_prgname(), g_strerror(errno));
    }
    stream_hide_progress();
    return nowhere != NULL;
}

gboolean verb_options(int *argc, char ***argv, const GOptionEntry *entries, const char *synopsis,
                      const char *description, int least, int most)
{
    g_autoptr(GOptionContext) context = g_option_context_new(synopsis);
    g_autofree char *name = g_strdup_printf("xen-physmap %s", (*argv)[0]);
    g_autoptr(GError) error = NULL;

    g_set_prgname(name);
    g_option_context_set_summary(context, description);
    add_common(context);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        /* GLib's messages have typographic quotation marks, and arguments may contain any bytes. */
        g_autofree char *valid = g_utf8_make_valid(error->message, -1);
        g_autofree char *ascii = g_str_to_ascii(valid, "C");
        g_autofree char *shown = xen_physmap_escape(ascii, -1);

        fprintf(stderr, "%s: %s; see %s --help\n", name, shown, name);
        return FALSE;
    }
    /* GLib leaves "--" in place. */
    for (int i = 1; i < *argc; i++) {
        if (strcmp((*argv)[i], "--") == 0) {
            memmove(*argv + i, *argv + i + 1, (*argc - i) * sizeof **argv);
            (*argc)--;
            break;
        }
    }
    if (*argc - 1 < least || *argc - 1 > most) {
        fprintf(stderr, "%s: wrong number of arguments; usage: %s %s\n", name, name, synopsis);
        return FALSE;
    }
    xen_log_hide(!verbose);
    return !quiet || be_quiet();
}

int verb_fail(GError *error)
{
    int end = g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID) ? EXIT_FINDING
                                                                                   : EXIT_TROUBLE;

    fprintf(stderr, "%s: %s\n", g_get_prgname(), error->message);
    g_error_free(error);
    return end;
}

int verb_misused(GError *error)
{
    verb_fail(error);
    return EXIT_TROUBLE;
}
