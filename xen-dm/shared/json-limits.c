/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts what is open and what there is, outside of strings. */
#include "json-limits.h"

#include <string.h>

#define DEPTH_MAX 32

/* A full table has 4 times 4096. */
#define VALUES_MAX 65536

const char *json_refusal(const char *text, gsize length)
{
    gboolean in_string = FALSE, begun = FALSE, ended = FALSE;
    guint depth = 0, values = 0;

    for (gsize i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                if (length - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0) {
                    return "a string has a NUL";
                }
                i++;
            } else if (text[i] == '"') {
                in_string = FALSE;
            }
            continue;
        }
        if (depth == 0 && !g_ascii_isspace(text[i])) {
            if (ended || (begun && (text[i] == '[' || text[i] == '{'))) {
                return "it is more than one value";
            }
            begun = TRUE;
        }
        switch (text[i]) {
        case '"':
            in_string = TRUE;
            break;
        case '[':
        case '{':
            if (++depth > DEPTH_MAX) {
                return "it is nested more than " G_STRINGIFY(DEPTH_MAX) " deep";
            }
            break;
        case ',':
            if (++values > VALUES_MAX) {
                return "it has more than " G_STRINGIFY(VALUES_MAX) " values";
            }
            break;
        case ']':
        case '}':
            depth -= depth > 0;
            ended = depth == 0;
            break;
        case '\'':
            return "it has a single quote, which JSON doesn't know";
        case '/':
            /* A quote in one would hide from us what json-glib, which passes over it, finds. */
            return "it has a comment, which JSON doesn't know";
        default:
            break;
        }
    }
    return NULL;
}
