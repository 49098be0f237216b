/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups pairs by the offset in their key. keys.h validates them. */
#include "raw-records.h"

#include <string.h>

#include <xen-physmap/keys.h>

#include "fail.h"

#define PREFIX "physmap/"

typedef struct Node {
    char *name; /* what follows the offset in the key: "/size", or nothing */
    char *value;
} Node;

typedef struct RawRecord {
    char *offset; /* as in the file */
    GArray *nodes;
} RawRecord;

struct RawRecords {
    GPtrArray *records;
    GHashTable *by_offset; /* as they were read; raw_records_set doesn't change them */
    GPtrArray *others;
};

static void clear_node(gpointer data)
{
    Node *node = data;

    g_free(node->name);
    g_free(node->value);
}

static void free_record(gpointer data)
{
    RawRecord *record = data;

    g_free(record->offset);
    g_array_unref(record->nodes);
    g_free(record);
}

RawRecords *raw_records_new(void)
{
    RawRecords *raw = g_new0(RawRecords, 1);

    raw->records = g_ptr_array_new_with_free_func(free_record);
    raw->by_offset = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    raw->others = g_ptr_array_new_with_free_func(g_free);
    return raw;
}

void raw_records_free(RawRecords *raw)
{
    if (raw) {
        g_ptr_array_unref(raw->records);
        g_hash_table_unref(raw->by_offset);
        g_ptr_array_unref(raw->others);
        g_free(raw);
    }
}

/* The record with this offset; created when there is none. */
static RawRecord *get_record(RawRecords *raw, const char *offset, gsize length)
{
    g_autofree char *key = g_strndup(offset, length);
    RawRecord *record = g_hash_table_lookup(raw->by_offset, key);

    if (!record) {
        record = g_new0(RawRecord, 1);
        record->offset = g_strdup(key);
        record->nodes = g_array_new(FALSE, FALSE, sizeof(Node));
        g_array_set_clear_func(record->nodes, clear_node);
        g_ptr_array_add(raw->records, record);
        g_hash_table_insert(raw->by_offset, g_steal_pointer(&key), record);
    }
    return record;
}

static void add_node(RawRecord *record, const char *name, const char *value)
{
    Node node = { g_strdup(name), g_strdup(value) };

    g_array_append_val(record->nodes, node);
}

gboolean raw_records_add(const char *key, const char *value, gpointer data, GError **error)
{
    RawRecords *raw = data;
    const char *offset = key + strlen(PREFIX);
    gsize length;

    (void)error;
    if (g_str_has_prefix(key, PREFIX)) {
        length = strcspn(offset, "/");
        add_node(get_record(raw, offset, length), offset + length, value);
    } else {
        g_ptr_array_add(raw->others, g_strdup(key));
        g_ptr_array_add(raw->others, g_strdup(value));
    }
    return TRUE;
}

void raw_records_replace(RawRecords *raw, const XenPhysmapTable *table)
{
    const XenPhysmapRecord *record;

    g_ptr_array_set_size(raw->records, 0);
    g_hash_table_remove_all(raw->by_offset);
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        xen_physmap_keys_foreach(record, raw_records_add, raw, NULL);
    }
}

static gboolean add_keys(XenPhysmapKeys *keys, const RawRecord *record, GError **error)
{
    for (guint i = 0; i < record->nodes->len; i++) {
        const Node *node = &g_array_index(record->nodes, Node, i);
        g_autofree char *key = g_strconcat(PREFIX, record->offset, node->name, NULL);

        if (!xen_physmap_keys_add(keys, key, strlen(key), node->value, strlen(node->value),
                                  error)) {
            return FALSE;
        }
    }
    return TRUE;
}

XenPhysmapTable *raw_records_table(const RawRecords *raw, GError **error)
{
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();

    for (guint i = 0; i < raw->records->len; i++) {
        if (!add_keys(keys, raw->records->pdata[i], error)) {
            return NULL;
        }
    }
    return xen_physmap_keys_table(keys, error);
}

GPtrArray *raw_records_others(const RawRecords *raw)
{
    return raw->others;
}

/* How well the record's offset matches what follows the "@": 2 exactly, 1 as a number. */
static guint fit_offset(const RawRecord *record, const char *offset)
{
    const char *digits = offset + (g_str_has_prefix(offset, "0x") ? 2 : 0);
    guint64 wanted, has;

    if (strcmp(record->offset, offset) == 0) {
        return 2;
    }
    return g_ascii_string_to_unsigned(digits, 16, 0, G_MAXUINT64, &wanted, NULL) &&
           g_ascii_string_to_unsigned(record->offset, 16, 0, G_MAXUINT64, &has, NULL) &&
           wanted == has;
}

/* The same for a name: 2 the whole name, 1 the name of its region. */
static guint fit_name(const RawRecord *record, const char *block)
{
    guint best = 0;

    for (guint i = 0; i < record->nodes->len && best < 2; i++) {
        const Node *node = &g_array_index(record->nodes, Node, i);

        if (strcmp(node->name, "/name") == 0) {
            best = strcmp(node->value, block) == 0                            ? 2
                   : strcmp(xen_physmap_region_name(node->value), block) == 0 ? 1
                                                                              : best;
        }
    }
    return best;
}

/* Finds the record for a block. *record is NULL when there is none. FALSE when there are
 * several. */
static gboolean find(const RawRecords *raw, const char *block, RawRecord **record, GError **error)
{
    g_autofree char *shown = NULL, *offset = NULL;
    guint best = 0, n = 0;

    *record = NULL;
    for (guint i = 0; i < raw->records->len; i++) {
        RawRecord *candidate = raw->records->pdata[i];
        guint fits = *block == '@' ? fit_offset(candidate, block + 1) : fit_name(candidate, block);

        if (fits > best) {
            n = 0;
            best = fits;
        }
        if (fits > 0 && fits == best && n++ == 0) {
            *record = candidate;
        }
    }
    if (n <= 1) {
        return TRUE;
    }
    shown = xen_physmap_escape(block, -1);
    offset = xen_physmap_escape((*record)->offset, -1);
    return invalid(error, "'%s' fits %u records; name one of them by its offset, as in @%s", shown,
                   n, offset);
}

/* Removes all nodes with this name; FALSE when there is none. */
static gboolean drop_nodes(RawRecord *record, const char *name)
{
    guint before = record->nodes->len;

    for (guint i = before; i-- > 0;) {
        if (strcmp(g_array_index(record->nodes, Node, i).name, name) == 0) {
            g_array_remove_index(record->nodes, i);
        }
    }
    return record->nodes->len < before;
}

gboolean raw_records_remove(RawRecords *raw, const char *block, gboolean *found, GError **error)
{
    const char *node = *block == '@' ? strchr(block, '/') : NULL;
    g_autofree char *name = node ? g_strndup(block, node - block) : g_strdup(block);
    RawRecord *record;

    if (!find(raw, name, &record, error)) {
        return FALSE;
    }
    if (record && node) {
        *found |= drop_nodes(record, node);
    } else if (record) {
        *found = g_ptr_array_remove(raw->records, record);
    }
    return TRUE;
}

gboolean raw_records_set(RawRecords *raw, const char *block, const char *field, const char *value,
                         gboolean *found, GError **error)
{
    g_autofree char *name = g_strconcat("/", field, NULL);
    RawRecord *record;

    if (!find(raw, block, &record, error)) {
        return FALSE;
    }
    if (!record) {
        return TRUE;
    }
    *found = TRUE;
    if (strcmp(field, "phys_offset") == 0) {
        g_free(record->offset);
        record->offset = g_strdup(value);
        return TRUE;
    }
    drop_nodes(record, name);
    add_node(record, name, value);
    return TRUE;
}
