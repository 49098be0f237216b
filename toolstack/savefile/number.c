/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one reader of sizes and addresses on the command line. */
#include "number.h"

#include <string.h>

/* How far the unit at the end shifts, and its number of characters. */
static guint take_unit(const char *text, gsize *length)
{
    static const char units[] = "KMGT";
    gsize n = *length;
    const char *unit;

    if (n > 2 && g_ascii_strcasecmp(text + n - 2, "iB") == 0) {
        n -= 2;
    }
    unit = n > 1 ? strchr(units, g_ascii_toupper(text[n - 1])) : NULL;
    if (!unit || !*unit) {
        return 0;
    }
    *length = n - 1;
    return 10 * (unit - units + 1);
}

gboolean number_parse(const char *text, guint base, guint64 *value)
{
    gsize length = strlen(text);
    guint shift = take_unit(text, &length);
    gboolean prefix = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
    gsize skipped = prefix ? 2 : 0;
    g_autofree char *digits = g_strndup(text + skipped, length - MIN(length, skipped));

    return g_ascii_string_to_unsigned(digits,
                                      prefix  ? 16
                                      : shift ? 10
                                              : base,
                                      0, G_MAXUINT64 >> shift, value, NULL) &&
           (*value <<= shift, TRUE);
}
