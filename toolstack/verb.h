/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs of the xen-physmap command share: how they end and how they take options. */
#ifndef XEN_PHYSMAP_VERB_H
#define XEN_PHYSMAP_VERB_H

#include <glib.h>

#include <xen-physmap/error.h>

/* How every verb ends. */
enum {
    EXIT_FINE = 0,
    EXIT_FINDING = 1, /* a finding, or invalid input */
    EXIT_TROUBLE = 2, /* wrong usage, or something can't be read or reached */
};

/* A verb gets its own arguments, itself first, and returns how it ended. */
typedef int (*VerbFunc)(int argc, char **argv);

int verb_list(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_convert(int argc, char **argv);
int verb_diff(int argc, char **argv);
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

/* Brings what was printed to standard output. Returns `end`, or EXIT_TROUBLE, said on stderr, when
 * that can't be written. */
int verb_end(int end);

/*
 * Takes the options out of argv, which keeps the positional arguments behind argv[0]. FALSE, said
 * on stderr, when one is unknown or when there are fewer positional arguments than `least` or more
 * than `most`. `synopsis` names the arguments and `description` says what the verb is for; both
 * appear in --help, which is printed and ends the program.
 */
gboolean verb_options(int *argc, char ***argv, const GOptionEntry *entries, const char *synopsis,
                      const char *description, int least, int most);

/* Says the error on stderr, frees it, and returns the exit code that goes with its kind. */
int verb_fail(GError *error);

/* The same of arguments that can't be meant so. */
int verb_misused(GError *error);

#endif
