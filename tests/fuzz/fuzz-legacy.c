/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The toolstack blob: what was read, written in the same layout and read again is the same. */
#include "fuzz.h"

#include "legacy-blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) read = NULL, again = NULL;
    g_autoptr(GByteArray) blob = NULL;
    guint word = 1, word_again = 1;

    read = legacy_parse(data, size, 0, &word, &error);
    g_assert((read == NULL) == (error != NULL));
    if (read) {
        blob = legacy_blob(read, word);
        g_assert(blob->len == size);
        again = legacy_parse(blob->data, blob->len, 0, &word_again, NULL);
        g_assert(again && word_again == word && xen_physmap_table_equal(read, again));
    }
    return 0;
}
