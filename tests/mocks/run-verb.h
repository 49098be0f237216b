/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a verb as the command would, in a child, and keeps what it printed. */
#ifndef RUN_VERB_H
#define RUN_VERB_H

#include "verb.h"

typedef struct Run {
    int end;
    char *out;
    gsize out_length;
    char *err;
} Run;

/* `input` is its standard input, or negative for none. The arguments follow, the verb's name first
 * and NULL last. */
Run run_verb(VerbFunc verb, int input, ...) G_GNUC_NULL_TERMINATED;
void run_clear(Run *run);

/* A path under which the child can open the descriptor. Free it with g_free. */
char *run_path(int fd);

#endif
