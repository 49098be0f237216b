/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets an error and returns FALSE. */
#include "fail.h"

gboolean fail(GError **error, XenPhysmapError code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, XEN_PHYSMAP_ERROR, code, text);
    return FALSE;
}
