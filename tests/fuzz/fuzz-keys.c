/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EMULATOR_XENSTORE_DATA: what was read, written and read again is the same. */
#include "fuzz.h"

#include "emulator-data.h"

static void try(const uint8_t *data, size_t size, gboolean big_endian)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmulatorData) read = emulator_parse(data, size, big_endian, 0, &error), again = NULL;
    g_autoptr(GByteArray) body = NULL;

    g_assert((read == NULL) == (error != NULL));
    if (!read || !(body = emulator_body(read, big_endian, NULL))) {
        return;
    }
    again = emulator_parse(body->data, body->len, big_endian, 0, NULL);
    g_assert(again && again->id == read->id && again->index == read->index);
    g_assert(xen_physmap_table_equal(again->table, read->table));
    g_assert(again->others->len == read->others->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try(data, size, FALSE);
    try(data, size, TRUE);
    return 0;
}
