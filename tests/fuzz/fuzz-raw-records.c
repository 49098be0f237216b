/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EMULATOR_XENSTORE_DATA with records that may be invalid, as edit repairs them. */
#include "fuzz.h"

#include <string.h>

#include "emulator-data.h"
#include "raw-records.h"

/* "@OFFSET" of each record, once, spelt as in the input. */
static gboolean collect(const char *key, const char *value, gpointer blocks, GError **error)
{
    const char *offset = key + strlen("physmap/");

    (void)value;
    (void)error;
    if (g_str_has_prefix(key, "physmap/")) {
        g_autofree char *spelt = g_strndup(offset, strcspn(offset, "/"));

        g_autofree char *block = g_strconcat("@", spelt, NULL);

        if (!g_ptr_array_find_with_equal_func(blocks, block, g_str_equal, NULL)) {
            g_ptr_array_add(blocks, g_steal_pointer(&block));
        }
    }
    return TRUE;
}

/* Both readers must read the same from what is valid. */
static void expect_same(const uint8_t *data, size_t size, const RawRecords *raw)
{
    g_autoptr(EmulatorData) strict = emulator_parse(data, size, FALSE, 0, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapTable) table = raw_records_table(raw, &error);

    g_assert((table == NULL) == (error != NULL));
    if (strict) {
        g_assert(table && xen_physmap_table_equal(table, strict->table));
        g_assert(raw_records_others(raw)->len == strict->others->len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const fields[] = { "phys_offset", "start_addr", "size", "name" };
    g_autoptr(RawRecords) raw = raw_records_new(), again = raw_records_new();
    g_autoptr(GPtrArray) blocks = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(XenPhysmapTable) rest = NULL;

    if (!emulator_pairs(data, size, 0, raw_records_add, raw, NULL)) {
        return 0;
    }
    expect_same(data, size, raw);
    emulator_pairs(data, size, 0, collect, blocks, NULL);
    for (guint i = 0; i < blocks->len; i++) {
        gboolean found = FALSE;

        /* Setting an offset may make it another record, which the next edits don't find. */
        raw_records_set(raw, blocks->pdata[i], fields[i % G_N_ELEMENTS(fields)], "1000", &found,
                        NULL);
    }
    emulator_pairs(data, size, 0, raw_records_add, again, NULL);
    for (guint i = 0; i < blocks->len; i++) {
        gboolean found = FALSE;

        g_assert(raw_records_remove(again, blocks->pdata[i], &found, NULL));
    }
    rest = raw_records_table(again, NULL);
    g_assert(rest && xen_physmap_table_size(rest) == 0);
    return 0;
}
