/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes records from physmap/<hex>/{start_addr,size,name} pairs, and pairs from records. */
#include "internal.h"

#include <string.h>

#define PREFIX "physmap/"

typedef enum { START_ADDR, SIZE, NAME, N_LEAVES } Leaf;

static const char *const leaf_name[N_LEAVES] = { "start_addr", "size", "name" };

/* The parts of one record that have been added so far. */
typedef struct Partial {
    guint64 number[NAME]; /* START_ADDR and SIZE */
    char name[XEN_PHYSMAP_NAME_MAX + 1];
    gboolean seen[N_LEAVES];
} Partial;

struct XenPhysmapKeys {
    GTree *partials; /* by phys_offset */
};

static int compare_offsets(gconstpointer a, gconstpointer b, gpointer data)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    (void)data;
    return (x > y) - (x < y);
}

XenPhysmapKeys *xen_physmap_keys_new(void)
{
    XenPhysmapKeys *keys = g_new0(XenPhysmapKeys, 1);

    keys->partials = g_tree_new_full(compare_offsets, NULL, g_free, g_free);
    return keys;
}

void xen_physmap_keys_free(XenPhysmapKeys *keys)
{
    if (keys) {
        g_tree_unref(keys->partials);
        g_free(keys);
    }
}

static gboolean invalid(GError **error, const char *key, gsize key_length, const char *reason)
{
    g_autofree char *shown = xen_physmap_escape(key, key_length);

    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "%s: %s", shown, reason);
    return FALSE;
}

/* Splits physmap/<hex>/<leaf>. Returns NULL, or the reason why the key isn't valid. */
static const char *split_key(const char *key, gsize length, guint64 *phys_offset, Leaf *leaf)
{
    const char *end = key + length, *digits = key + strlen(PREFIX), *slash;

    if (length < strlen(PREFIX) || memcmp(key, PREFIX, strlen(PREFIX)) != 0) {
        return "not a key under physmap/";
    }
    slash = memchr(digits, '/', end - digits);
    if (!slash) {
        return "not a key of the form physmap/<phys_offset>/<node>";
    }
    /* Each offset has one spelling, so that two records can't have the same offset. */
    if (!xen_physmap_parse_hex(digits, slash - digits, phys_offset) ||
        (*digits == '0' && slash - digits > 1)) {
        return "the phys_offset in the key is not a number of 1 to 16 lower-case hexadecimal "
               "digits without leading zeros";
    }
    for (Leaf i = 0; i < N_LEAVES; i++) {
        if ((gsize)(end - slash - 1) == strlen(leaf_name[i]) &&
            memcmp(slash + 1, leaf_name[i], strlen(leaf_name[i])) == 0) {
            *leaf = i;
            return NULL;
        }
    }
    return "the node is none of start_addr, size, name";
}

/* What is wrong with the value of such a node; NULL when it is good. *number becomes its number. */
static char *check_value(Leaf leaf, const char *value, gsize length, guint64 *number)
{
    g_autofree char *shown = NULL;

    if (leaf == NAME) {
        return length > XEN_PHYSMAP_NAME_MAX ? g_strdup("the name is longer than 255 bytes")
               : memchr(value, '\0', length) ? g_strdup("the name has a NUL in it")
                                             : NULL;
    }
    if (xen_physmap_parse_hex(value, length, number)) {
        return NULL;
    }
    shown = xen_physmap_escape(value, length);
    return g_strdup_printf("'%s' is not a number of 1 to 16 lower-case hexadecimal digits", shown);
}

gboolean xen_physmap_keys_add(XenPhysmapKeys *keys, const char *key, gsize key_length,
                              const char *value, gsize value_length, GError **error)
{
    guint64 phys_offset, number = 0;
    g_autofree char *problem = NULL;
    Leaf leaf;
    const char *reason = split_key(key, key_length, &phys_offset, &leaf);
    Partial *partial;

    if (reason) {
        return invalid(error, key, key_length, reason);
    }
    partial = g_tree_lookup(keys->partials, &phys_offset);
    if (partial && partial->seen[leaf]) {
        return invalid(error, key, key_length, "the key occurs twice");
    }
    problem = check_value(leaf, value, value_length, &number);
    if (problem) {
        return invalid(error, key, key_length, problem);
    }
    if (!partial) {
        if (g_tree_nnodes(keys->partials) >= XEN_PHYSMAP_TABLE_MAX) {
            return invalid(error, key, key_length, "too many records");
        }
        partial = g_new0(Partial, 1);
        g_tree_insert(keys->partials, g_memdup2(&phys_offset, sizeof phys_offset), partial);
    }
    partial->seen[leaf] = TRUE;
    if (leaf == NAME) {
        memcpy(partial->name, value, value_length);
    } else {
        partial->number[leaf] = number;
    }
    return TRUE;
}

static gboolean add_record(XenPhysmapTable *table, guint64 phys_offset, const Partial *partial,
                           GError **error)
{
    XenPhysmapRecord record;

    for (Leaf leaf = 0; leaf < N_LEAVES; leaf++) {
        if (!partial->seen[leaf]) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                        PREFIX "%" G_GINT64_MODIFIER "x: the record lacks its %s", phys_offset,
                        leaf_name[leaf]);
            return FALSE;
        }
    }
    if (!xen_physmap_record_init(&record, partial->name, phys_offset, partial->number[START_ADDR],
                                 partial->number[SIZE], error) ||
        !xen_physmap_record_check_place(&record, error) ||
        !xen_physmap_table_add(table, &record, error)) {
        g_prefix_error(error, PREFIX "%" G_GINT64_MODIFIER "x: ", phys_offset);
        return FALSE;
    }
    return TRUE;
}

XenPhysmapTable *xen_physmap_keys_table(const XenPhysmapKeys *keys, GError **error)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();

    for (GTreeNode *node = g_tree_node_first(keys->partials); node; node = g_tree_node_next(node)) {
        if (!add_record(table, *(const guint64 *)g_tree_node_key(node), g_tree_node_value(node),
                        error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&table);
}

gboolean xen_physmap_keys_foreach(const XenPhysmapRecord *record, XenPhysmapKeysFunc func,
                                  gpointer data, GError **error)
{
    guint64 number[] = { record->start_addr, record->size };

    for (Leaf leaf = 0; leaf < N_LEAVES; leaf++) {
        g_autofree char *key = g_strdup_printf(PREFIX "%" G_GINT64_MODIFIER "x/%s",
                                               record->phys_offset, leaf_name[leaf]);
        g_autofree char *value = leaf == NAME
                                     ? g_strdup(record->name)
                                     : g_strdup_printf("%" G_GINT64_MODIFIER "x", number[leaf]);

        if (!func(key, value, data, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
