/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small mutator for use without libFuzzer. It doesn't see which code an input reaches. */
#ifndef MUTATE_H
#define MUTATE_H

#include <glib.h>

/* The longest input. */
#define MUTATE_LENGTH_MAX 65536

/* One of `seeds` (of GBytes), changed in a few places, or a part of another one put into it. What
 * `rand` gives decides all of it. Free it with g_byte_array_unref. */
GByteArray *mutate(GRand *rand, const GPtrArray *seeds);

#endif
