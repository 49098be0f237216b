/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's "info ramblock". */
#include "fuzz.h"

#include "survey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(SurveyBlocks) blocks = survey_parse_ramblocks(text, &error);

    g_assert((blocks == NULL) == (error != NULL));
    return 0;
}
