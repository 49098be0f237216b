/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's "info mtree -f". */
#include "fuzz.h"

#include "survey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GPtrArray) ranges = survey_parse_mtree(text);

    for (guint i = 0; i < ranges->len; i++) {
        const SurveyRange *range = g_ptr_array_index(ranges, i);

        g_assert(range->region);
    }
    return 0;
}
