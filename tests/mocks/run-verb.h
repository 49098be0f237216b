/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a verb of the command in a child, as a shell would, and keeps its output. */
#ifndef RUN_VERB_H
#define RUN_VERB_H

#include "savefile-maker.h"
#include "verb.h"

typedef struct Run {
    int end;           /* the exit code; -1: it died */
    GByteArray *bytes; /* its standard output, and a NUL after it that isn't counted */
    char *out;         /* the same, as text */
    char *err;
    long memory; /* its largest memory, in KiB */
} Run;

/* FALSE under AddressSanitizer, which takes memory of its own and keeps what was freed. */
#ifdef __SANITIZE_ADDRESS__
#define RUN_MEMORY_COUNTS FALSE
#else
#define RUN_MEMORY_COUNTS TRUE
#endif

/* Runs `verb` with a NULL-terminated list of arguments, itself first, and with `input` as its
 * standard input, or without one when that is negative. */
Run run_verb(VerbFunc verb, int input, const char *const *args);

/* Runs it on what was made, as a file and as a pipe on standard input, which have to end alike and
 * print the same. */
Run run_made(VerbFunc verb, const Maker *maker, const char *const *args);

void run_clear(Run *run);

#endif
