/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes that often break parsers: numbers at their limits, parts cut, repeated or moved. */
#include "mutate.h"

#include <string.h>

#define CHANGES_MAX 6

/* Random numbers below `end`, which may be 0. */
static guint below(GRand *rand, guint end)
{
    return end > 1 ? g_rand_int_range(rand, 0, end) : 0;
}

static void take_range(GRand *rand, guint length, guint *at, guint *n)
{
    *at = below(rand, length);
    /* Short lengths are as frequent as long ones. */
    *n = 1 + below(rand, g_rand_boolean(rand) ? MIN(length - *at, 16) : length - *at);
}

static void insert(GByteArray *bytes, guint at, const guint8 *piece, guint n)
{
    g_autofree guint8 *copy = g_memdup2(piece, n);
    guint old = bytes->len;

    if (n > 0 && old + n <= MUTATE_LENGTH_MAX) {
        g_byte_array_set_size(bytes, old + n);
        memmove(bytes->data + at + n, bytes->data + at, old - at);
        memcpy(bytes->data + at, copy, n);
    }
}

static void put_number(GRand *rand, GByteArray *bytes)
{
    static const guint64 limits[] = {
        0,
        1,
        7,
        8,
        0x7f,
        0x80,
        0xff,
        0xfff,
        0x1000,
        0x7fff,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xfffff000,
        0xffffffff,
        G_GUINT64_CONSTANT(0x7fffffffffffffff),
        G_GUINT64_CONSTANT(0x8000000000000000),
        G_GUINT64_CONSTANT(0xfffffffffffff000),
        G_MAXUINT64,
    };
    guint width = 1U << below(rand, 4);
    guint at = below(rand, bytes->len);
    guint64 number = below(rand, 4) ? limits[below(rand, G_N_ELEMENTS(limits))] : bytes->len;
    gboolean big_endian = g_rand_boolean(rand);

    number += below(rand, 3) - 1;
    for (guint i = 0; i < width && at + i < bytes->len; i++) {
        bytes->data[at + i] = number >> 8 * (big_endian ? width - 1 - i : i);
    }
}

static void change(GRand *rand, GByteArray *bytes, GBytes *other)
{
    /* Separators, digits and quotes that occur in the text inputs. */
    static const char telling[] = "\0\xff\x80 \n\r/0189afAFx-:\"{}[],.\\";
    gsize other_length;
    const guint8 *other_bytes = g_bytes_get_data(other, &other_length);
    guint at, n;

    if (bytes->len == 0) {
        insert(bytes, 0, other_bytes, MIN(other_length, MUTATE_LENGTH_MAX));
        return;
    }
    take_range(rand, bytes->len, &at, &n);
    switch (below(rand, 10)) {
    case 0:
        bytes->data[at] ^= 1 << below(rand, 8);
        break;
    case 1:
        bytes->data[at] = g_rand_int(rand);
        break;
    case 2:
    case 3:
        bytes->data[at] = telling[below(rand, sizeof telling - 1)];
        break;
    case 4:
    case 5:
        put_number(rand, bytes);
        break;
    case 6:
        g_byte_array_set_size(bytes, at);
        break;
    case 7:
        g_byte_array_remove_range(bytes, at, n);
        break;
    case 8:
        insert(bytes, below(rand, bytes->len), bytes->data + at, n);
        break;
    default:
        if (other_length > 0) {
            take_range(rand, other_length, &at, &n);
            insert(bytes, below(rand, bytes->len), other_bytes + at, n);
        }
    }
}

GByteArray *mutate(GRand *rand, const GPtrArray *seeds)
{
    GByteArray *bytes = g_byte_array_new();
    GBytes *seed = g_ptr_array_index(seeds, below(rand, seeds->len));

    g_byte_array_append(bytes, g_bytes_get_data(seed, NULL),
                        MIN(g_bytes_get_size(seed), MUTATE_LENGTH_MAX));
    for (guint i = 1 + below(rand, CHANGES_MAX); i > 0; i--) {
        change(rand, bytes, g_ptr_array_index(seeds, below(rand, seeds->len)));
    }
    return bytes;
}
