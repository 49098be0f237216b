/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the verbs of the xen-physmap command: exit codes and options. */
#ifndef XEN_PHYSMAP_VERB_H
#define XEN_PHYSMAP_VERB_H

#include <stdio.h>

#include <glib.h>

#include <xen-physmap/error.h>

/* The exit codes of every verb. */
enum {
    EXIT_FINE = 0,
    EXIT_FINDING = 1, /* a finding, or invalid input */
    EXIT_TROUBLE = 2, /* wrong usage, or something can't be read or reached */
};

/* A verb gets its arguments, its own name first, and returns its exit code. */
typedef int (*VerbFunc)(int argc, char **argv);

int verb_list(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_convert(int argc, char **argv);
int verb_diff(int argc, char **argv);
int verb_clone(int argc, char **argv);
int verb_edit(int argc, char **argv);
int verb_restore(int argc, char **argv);
int verb_save(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_update_dm(int argc, char **argv);
int verb_extract(int argc, char **argv);
int verb_screenshot(int argc, char **argv);
int verb_map(int argc, char **argv);
int verb_watch(int argc, char **argv);
int verb_mount(int argc, char **argv);

/* Flushes standard output. Returns `end`, or EXIT_TROUBLE, with a message, when that fails. */
int verb_end(int end);

/* Where a verb reports on its work: standard error when standard output gets its data. */
FILE *verb_words(gboolean output_is_data);

/*
 * Parses the options and removes them from argv, which keeps argv[0] and the positional arguments.
 * FALSE, with a message, when an option is unknown, or there are fewer positional arguments than
 * `least` or more than `most`. --help prints `synopsis`, the arguments, and `description`, what the
 * verb does, and ends the program.
 */
gboolean verb_options(int *argc, char ***argv, const GOptionEntry *entries, const char *synopsis,
                      const char *description, int least, int most);

/* Prints the error on stderr, frees it, and returns the exit code for it. */
int verb_fail(GError *error);

/* The same for an error in the arguments. */
int verb_misused(GError *error);

#endif
