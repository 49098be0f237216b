/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of records: three sorted orders over the same records, and the rules between them. */
#include <xen-physmap/table.h>

#include <string.h>

/* The records are owned once, and each order points to all of them. */
typedef enum { BY_PHYS, BY_GUEST, BY_NAME, N_ORDERS } Order;

struct XenPhysmapTable {
    GPtrArray *order[N_ORDERS];
};

/* Sorts before, at or after a record; the addresses of a range count as "at". */
typedef int (*Compare)(const void *key, const XenPhysmapRecord *record);

static int compare_range(guint64 address, guint64 start, guint64 size)
{
    if (address < start) {
        return -1;
    }
    return address - start >= size;
}

static int compare_phys(const void *key, const XenPhysmapRecord *record)
{
    return compare_range(*(const guint64 *)key, record->phys_offset, record->size);
}

static int compare_guest(const void *key, const XenPhysmapRecord *record)
{
    return compare_range(*(const guint64 *)key, record->start_addr, record->size);
}

static int compare_name(const void *key, const XenPhysmapRecord *record)
{
    return strcmp(key, record->name);
}

static const Compare compare_in[N_ORDERS] = { compare_phys, compare_guest, compare_name };

/* The first place whose record does not sort before the key; *at tells whether it is at it. */
static guint lower_bound(const XenPhysmapTable *table, Order order, const void *key, gboolean *at)
{
    const GPtrArray *records = table->order[order];
    guint low = 0, high = records->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (compare_in[order](key, g_ptr_array_index(records, middle)) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *at = low < records->len && compare_in[order](key, g_ptr_array_index(records, low)) == 0;
    return low;
}

static XenPhysmapRecord *find(const XenPhysmapTable *table, Order order, const void *key)
{
    gboolean at;
    guint place = lower_bound(table, order, key, &at);

    return at ? g_ptr_array_index(table->order[order], place) : NULL;
}

XenPhysmapTable *xen_physmap_table_new(void)
{
    XenPhysmapTable *table = g_new0(XenPhysmapTable, 1);

    for (Order order = 0; order < N_ORDERS; order++) {
        table->order[order] = g_ptr_array_new_with_free_func(order == BY_PHYS ? g_free : NULL);
    }
    return table;
}

void xen_physmap_table_free(XenPhysmapTable *table)
{
    if (table) {
        for (Order order = 0; order < N_ORDERS; order++) {
            g_ptr_array_unref(table->order[order]);
        }
        g_free(table);
    }
}

static gpointer copy_record(gconstpointer record, gpointer data)
{
    (void)data;
    return g_memdup2(record, sizeof(XenPhysmapRecord));
}

guint xen_physmap_table_size(const XenPhysmapTable *table)
{
    return table->order[BY_PHYS]->len;
}

const XenPhysmapRecord *xen_physmap_table_get(const XenPhysmapTable *table, guint index)
{
    return index < xen_physmap_table_size(table)
               ? g_ptr_array_index(table->order[BY_PHYS], index)
               : NULL;
}

/* Another record that shares bytes with [start, start + size) in one of the two address orders. */
static const XenPhysmapRecord *overlap(const XenPhysmapTable *table, Order order, guint64 start,
                                       guint64 size, const XenPhysmapRecord *except)
{
    const GPtrArray *records = table->order[order];
    gboolean at;

    for (guint i = lower_bound(table, order, &start, &at); i < records->len; i++) {
        const XenPhysmapRecord *other = g_ptr_array_index(records, i);
        guint64 other_start = order == BY_PHYS ? other->phys_offset : other->start_addr;

        if (other_start >= start + size) {
            break;
        }
        if (other != except) {
            return other;
        }
    }
    return NULL;
}

/* The rules between *record and the rest; `except` is the record that it is to take the place of. */
static gboolean check(const XenPhysmapTable *table, const XenPhysmapRecord *record,
                      const XenPhysmapRecord *except, GError **error)
{
    const char *kind = "phys_offset";
    const XenPhysmapRecord *other =
        overlap(table, BY_PHYS, record->phys_offset, record->size, except);

    if (!other) {
        kind = "start_addr";
        other = overlap(table, BY_GUEST, record->start_addr, record->size, except);
    }
    if (other) {
        gboolean phys = strcmp(kind, "phys_offset") == 0;

        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s at %s 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER
                    "x, overlaps %s at 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER "x",
                    record->name, kind, phys ? record->phys_offset : record->start_addr,
                    record->size, other->name, phys ? other->phys_offset : other->start_addr,
                    other->size);
        return FALSE;
    }
    if (!except && strchr(record->name, '/') && (other = find(table, BY_NAME, record->name))) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "two records are named %s, at phys_offset 0x%" G_GINT64_MODIFIER
                    "x and 0x%" G_GINT64_MODIFIER "x",
                    record->name, other->phys_offset, record->phys_offset);
        return FALSE;
    }
    return TRUE;
}

/* Puts a record where it belongs in one order. */
static void insert(XenPhysmapTable *table, Order order, XenPhysmapRecord *record)
{
    const void *keys[N_ORDERS] = { &record->phys_offset, &record->start_addr, record->name };
    gboolean at;
    guint place = lower_bound(table, order, keys[order], &at);

    /* Equal (bare) names stay in the order of phys_offset. */
    while (order == BY_NAME && at && place < table->order[BY_NAME]->len) {
        const XenPhysmapRecord *other = g_ptr_array_index(table->order[BY_NAME], place);

        if (strcmp(other->name, record->name) != 0 || other->phys_offset > record->phys_offset) {
            break;
        }
        place++;
    }
    g_ptr_array_insert(table->order[order], place, record);
}

gboolean xen_physmap_table_add(XenPhysmapTable *table, const XenPhysmapRecord *record,
                               GError **error)
{
    XenPhysmapRecord checked;

    if (xen_physmap_table_size(table) >= XEN_PHYSMAP_TABLE_MAX) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "more than %d records", XEN_PHYSMAP_TABLE_MAX);
        return FALSE;
    }
    /* Filled by hand, a record may break its own rules; the searches here rely on them. */
    if (!xen_physmap_record_init(&checked, record->name, record->phys_offset, record->start_addr,
                                 record->size, error) ||
        !check(table, &checked, NULL, error)) {
        return FALSE;
    }
    XenPhysmapRecord *owned = copy_record(&checked, NULL);

    for (Order order = 0; order < N_ORDERS; order++) {
        insert(table, order, owned);
    }
    return TRUE;
}

/* The record whose phys_offset is exactly this, not only a byte within. */
static XenPhysmapRecord *find_exact(const XenPhysmapTable *table, guint64 phys_offset,
                                    GError **error)
{
    XenPhysmapRecord *record = find(table, BY_PHYS, &phys_offset);

    if (!record || record->phys_offset != phys_offset) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "no record has the phys_offset 0x%" G_GINT64_MODIFIER "x", phys_offset);
        return NULL;
    }
    return record;
}

gboolean xen_physmap_table_remove(XenPhysmapTable *table, guint64 phys_offset, GError **error)
{
    XenPhysmapRecord *record = find_exact(table, phys_offset, error);

    if (!record) {
        return FALSE;
    }
    for (Order order = N_ORDERS; order-- > 0;) {   /* BY_PHYS, which owns it, last */
        g_ptr_array_remove(table->order[order], record);
    }
    return TRUE;
}

gboolean xen_physmap_table_move(XenPhysmapTable *table, guint64 phys_offset, guint64 start_addr,
                                GError **error)
{
    XenPhysmapRecord *record = find_exact(table, phys_offset, error);
    XenPhysmapRecord moved;

    if (!record ||
        !xen_physmap_record_init(&moved, record->name, phys_offset, start_addr, record->size,
                                 error) ||
        !check(table, &moved, record, error)) {
        return FALSE;
    }
    g_ptr_array_remove(table->order[BY_GUEST], record);
    record->start_addr = start_addr;
    insert(table, BY_GUEST, record);
    return TRUE;
}

XenPhysmapTable *xen_physmap_table_copy(const XenPhysmapTable *table)
{
    XenPhysmapTable *copy = xen_physmap_table_new();

    for (guint i = 0; i < xen_physmap_table_size(table); i++) {
        XenPhysmapRecord *owned = copy_record(xen_physmap_table_get(table, i), NULL);

        for (Order order = 0; order < N_ORDERS; order++) {
            insert(copy, order, owned);
        }
    }
    return copy;
}

const XenPhysmapRecord *xen_physmap_table_find_phys(const XenPhysmapTable *table,
                                                    guint64 phys_offset)
{
    return find(table, BY_PHYS, &phys_offset);
}

const XenPhysmapRecord *xen_physmap_table_find_guest(const XenPhysmapTable *table,
                                                     guint64 guest_addr)
{
    return find(table, BY_GUEST, &guest_addr);
}

const XenPhysmapRecord *xen_physmap_table_find_name(const XenPhysmapTable *table,
                                                    const char *name)
{
    return find(table, BY_NAME, name);
}

gboolean xen_physmap_table_equal(const XenPhysmapTable *a, const XenPhysmapTable *b)
{
    if (xen_physmap_table_size(a) != xen_physmap_table_size(b)) {
        return FALSE;
    }
    for (guint i = 0; i < xen_physmap_table_size(a); i++) {
        if (!xen_physmap_record_equal(xen_physmap_table_get(a, i), xen_physmap_table_get(b, i))) {
            return FALSE;
        }
    }
    return TRUE;
}
