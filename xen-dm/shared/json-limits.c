/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scans the text once, and keeps: what is open, how many values there are, and each open object's
 * keys.
 */
#include "json-limits.h"

#include <string.h>

#define DEPTH_MAX 32

/* A full table has 4 * 4096 values. */
#define VALUES_MAX 65536

typedef struct Scan {
    const char *at, *end;
    GPtrArray *open;  /* for each open object its keys, for each open array NULL */
    gboolean key_due; /* the next string is a key */
    gboolean begun, ended;
    guint values;
} Scan;

static void free_keys(gpointer keys)
{
    if (keys) {
        g_hash_table_unref(keys);
    }
}

static const char *open_value(Scan *scan, gboolean object)
{
    if (scan->open->len == DEPTH_MAX) {
        return "it is nested more than " G_STRINGIFY(DEPTH_MAX) " deep";
    }
    scan->key_due = object;
    g_ptr_array_add(scan->open,
                    object ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL);
    return NULL;
}

static void close_value(Scan *scan)
{
    if (scan->open->len) {
        g_ptr_array_set_size(scan->open, scan->open->len - 1);
    }
    scan->key_due = FALSE;
    scan->ended = scan->open->len == 0;
}

static const char *next_value(Scan *scan)
{
    if (++scan->values > VALUES_MAX) {
        return "it has more than " G_STRINGIFY(VALUES_MAX) " values";
    }
    scan->key_due = scan->open->len && scan->open->pdata[scan->open->len - 1];
    return NULL;
}

/* Keys are compared as they are written: one with an escape could equal one without. */
static const char *take_key(Scan *scan, const char *key, gsize length)
{
    GHashTable *keys = scan->open->pdata[scan->open->len - 1];

    scan->key_due = FALSE;
    if (memchr(key, '\\', length)) {
        return "a key has an escape in it";
    }
    return g_hash_table_add(keys, g_strndup(key, length)) ? NULL
                                                          : "an object has the same key twice";
}

/* Called after the opening quote. Reads the closing one too. */
static const char *take_string(Scan *scan)
{
    const char *first = scan->at, *last;

    for (; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        if (*scan->at == '\\' && scan->at + 1 < scan->end) {
            scan->at++;
            if (scan->end - scan->at >= 5 && memcmp(scan->at, "u0000", 5) == 0) {
                return "a string has a NUL";
            }
        }
    }
    last = scan->at;
    scan->at += scan->at < scan->end;
    return scan->key_due ? take_key(scan, first, last - first) : NULL;
}

static const char *take(Scan *scan, char c)
{
    if (scan->open->len == 0 && !g_ascii_isspace(c)) {
        if (scan->ended || (scan->begun && (c == '[' || c == '{'))) {
            return "it is more than one value";
        }
        scan->begun = TRUE;
    }
    switch (c) {
    case '"':
        return take_string(scan);
    case '[':
    case '{':
        return open_value(scan, c == '{');
    case ',':
        return next_value(scan);
    case ']':
    case '}':
        close_value(scan);
        return NULL;
    case '\'':
        return "it has a single quote, which JSON doesn't know";
    case '/':
        /* json-glib skips comments. A quote in one would make this scan and json-glib disagree. */
        return "it has a comment, which JSON doesn't know";
    default:
        return NULL;
    }
}

const char *json_refusal(const char *text, gsize length)
{
    Scan scan = { .at = text,
                  .end = text + length,
                  .open = g_ptr_array_new_with_free_func(free_keys) };
    const char *refusal = memchr(text, '\0', length) ? "it has a NUL" : NULL;

    while (!refusal && scan.at < scan.end) {
        refusal = take(&scan, *scan.at++);
    }
    g_ptr_array_unref(scan.open);
    return refusal;
}
