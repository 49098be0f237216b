/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON: records that were read, written and read again are the same. */
#include "fuzz.h"

#include <string.h>

#include "record-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) read = record_text_parse_json((const char *)data, size, &error);
    g_autoptr(XenPhysmapTable) again = NULL;

    g_assert((read == NULL) == (error != NULL));
    if (read) {
        JsonObject *object = record_text_answer("save");
        g_autofree char *text = NULL;

        record_text_add_records(object, read);
        text = record_text_json(object, FALSE);
        again = record_text_parse_json(text, strlen(text), NULL);
        g_assert(again && xen_physmap_table_equal(read, again));
    }
    return 0;
}
