/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table: the records in three sorted orders, and the rules between them. */
#include <xen-physmap/table.h>

#include <string.h>

#include "internal.h"

typedef enum { BY_PHYS, BY_GUEST, N_ADDRESSES } Order;

/* Where a record is in one of the two address spaces, for a search that touches nothing else; and
 * where it is in the other one. */
typedef struct Range {
    guint64 start, size, other;
    XenPhysmapRecord *record;
} Range;

struct XenPhysmapTable {
    GArray *ranges[N_ADDRESSES]; /* of Range, by start */
    GPtrArray *names;            /* owns them; by name, equal ones by phys_offset */
};

static inline const Range *first_of(const XenPhysmapTable *table, Order order)
{
    return (const Range *)(const void *)table->ranges[order]->data;
}

/*
 * The last range that starts at or before the address; the first one if none does, and NULL if
 * there are none. The only branch is the end of the loop, which the processor can predict.
 */
static inline const Range *last_before(const XenPhysmapTable *table, Order order, guint64 address)
{
    const Range *range = first_of(table, order);
    guint left = table->ranges[order]->len;

    if (left == 0) {
        return NULL;
    }
    while (left > 1) {
        guint half = left / 2;

        range += (range[half].start <= address) * half;
        left -= half;
    }
    return range;
}

/* The range that contains the address. An address below its start wraps to a large number. */
static inline const Range *find_range(const XenPhysmapTable *table, Order order, guint64 address)
{
    const Range *range = last_before(table, order, address);

    return range && address - range->start < range->size ? range : NULL;
}

static XenPhysmapRecord *find_address(const XenPhysmapTable *table, Order order, guint64 address)
{
    const Range *range = find_range(table, order, address);

    return range ? range->record : NULL;
}

/* The number of names that sort before this one. */
static guint count_before(const XenPhysmapTable *table, const char *name, guint64 phys_offset)
{
    guint low = 0, high = table->names->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const XenPhysmapRecord *record = g_ptr_array_index(table->names, middle);
        int order = strcmp(record->name, name);

        if (order < 0 || (order == 0 && record->phys_offset < phys_offset)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

XenPhysmapTable *xen_physmap_table_new(void)
{
    XenPhysmapTable *table = g_new0(XenPhysmapTable, 1);

    for (Order order = 0; order < N_ADDRESSES; order++) {
        table->ranges[order] = g_array_new(FALSE, FALSE, sizeof(Range));
    }
    table->names = g_ptr_array_new();
    return table;
}

void xen_physmap_table_free(XenPhysmapTable *table)
{
    if (table) {
        for (Order order = 0; order < N_ADDRESSES; order++) {
            g_array_unref(table->ranges[order]);
        }
        g_ptr_array_set_free_func(table->names, g_free);
        g_ptr_array_unref(table->names);
        g_free(table);
    }
}

guint xen_physmap_table_size(const XenPhysmapTable *table)
{
    return table->names->len;
}

const XenPhysmapRecord *xen_physmap_table_get(const XenPhysmapTable *table, guint index)
{
    return index < xen_physmap_table_size(table) ? first_of(table, BY_PHYS)[index].record : NULL;
}

/* Another record that shares bytes with [start, start + size) in one of the two address orders. */
static const XenPhysmapRecord *overlap(const XenPhysmapTable *table, Order order, guint64 start,
                                       guint64 size, const XenPhysmapRecord *except)
{
    const Range *range = last_before(table, order, start);
    const Range *end = range ? first_of(table, order) + table->ranges[order]->len : NULL;

    for (; range < end; range++) {
        gboolean behind = range->start >= start;

        if (behind && range->start - start >= size) {
            break;
        }
        if (range->record != except && (behind || start - range->start < range->size)) {
            return range->record;
        }
    }
    return NULL;
}

/* Checks *record against the other records; `except` is the one that it will replace. */
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
    if (!except && strchr(record->name, '/') &&
        (other = xen_physmap_table_find_name(table, record->name))) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "two records are named %s, at phys_offset 0x%" G_GINT64_MODIFIER
                    "x and 0x%" G_GINT64_MODIFIER "x",
                    record->name, other->phys_offset, record->phys_offset);
        return FALSE;
    }
    return TRUE;
}

/* Inserts a record into one address order. */
static void insert_range(XenPhysmapTable *table, Order order, XenPhysmapRecord *record)
{
    Range range = { record->phys_offset, record->size, record->start_addr, record };

    if (order == BY_GUEST) {
        range.start = record->start_addr;
        range.other = record->phys_offset;
    }
    const Range *before = last_before(table, order, range.start);
    guint place = before ? before - first_of(table, order) + (before->start <= range.start) : 0;

    g_array_insert_val(table->ranges[order], place, range);
}

/* Removes a record from one address order, which contains it. */
static void remove_range(XenPhysmapTable *table, Order order, const XenPhysmapRecord *record)
{
    guint64 start = order == BY_PHYS ? record->phys_offset : record->start_addr;

    g_array_remove_index(table->ranges[order],
                         last_before(table, order, start) - first_of(table, order));
}

/* Inserts a copy of a valid record into all orders. */
static void insert(XenPhysmapTable *table, const XenPhysmapRecord *record)
{
    XenPhysmapRecord *owned = g_memdup2(record, sizeof *record);

    g_ptr_array_insert(table->names, count_before(table, owned->name, owned->phys_offset), owned);
    for (Order order = 0; order < N_ADDRESSES; order++) {
        insert_range(table, order, owned);
    }
}

gboolean xen_physmap_table_add(XenPhysmapTable *table, const XenPhysmapRecord *record,
                               GError **error)
{
    XenPhysmapRecord checked;

    if (xen_physmap_table_size(table) >= XEN_PHYSMAP_TABLE_MAX) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "more than %d records",
                    XEN_PHYSMAP_TABLE_MAX);
        return FALSE;
    }
    /* A program may have filled in an invalid record. The searches rely on valid ones. */
    if (!xen_physmap_record_init(&checked, record->name, record->phys_offset, record->start_addr,
                                 record->size, error) ||
        !check(table, &checked, NULL, error)) {
        return FALSE;
    }
    insert(table, &checked);
    return TRUE;
}

/* The record with exactly this phys_offset. */
static XenPhysmapRecord *find_exact(const XenPhysmapTable *table, guint64 phys_offset,
                                    GError **error)
{
    XenPhysmapRecord *record = find_address(table, BY_PHYS, phys_offset);

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
    for (Order order = 0; order < N_ADDRESSES; order++) {
        remove_range(table, order, record);
    }
    g_ptr_array_remove_index(table->names, count_before(table, record->name, phys_offset));
    g_free(record);
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
    for (Order order = 0; order < N_ADDRESSES; order++) {
        remove_range(table, order, record);
    }
    record->start_addr = start_addr;
    for (Order order = 0; order < N_ADDRESSES; order++) {
        insert_range(table, order, record);
    }
    return TRUE;
}

XenPhysmapTable *xen_physmap_table_copy(const XenPhysmapTable *table)
{
    XenPhysmapTable *copy = xen_physmap_table_new();

    for (guint i = 0; i < xen_physmap_table_size(table); i++) {
        insert(copy, xen_physmap_table_get(table, i));
    }
    return copy;
}

const XenPhysmapRecord *xen_physmap_table_find_phys(const XenPhysmapTable *table,
                                                    guint64 phys_offset)
{
    return find_address(table, BY_PHYS, phys_offset);
}

const XenPhysmapRecord *xen_physmap_table_find_guest(const XenPhysmapTable *table,
                                                     guint64 guest_addr)
{
    return find_address(table, BY_GUEST, guest_addr);
}

const XenPhysmapRecord *xen_physmap_table_next_guest(const XenPhysmapTable *table,
                                                     guint64 guest_addr)
{
    const GArray *ranges = table->ranges[BY_GUEST];
    const Range *range = last_before(table, BY_GUEST, guest_addr);

    if (range && range->start <= guest_addr && guest_addr - range->start >= range->size) {
        range++;
    }
    return range && range < first_of(table, BY_GUEST) + ranges->len ? range->record : NULL;
}

const XenPhysmapRecord *xen_physmap_table_find_name(const XenPhysmapTable *table, const char *name)
{
    guint place = count_before(table, name, 0);
    const XenPhysmapRecord *record =
        place < table->names->len ? g_ptr_array_index(table->names, place) : NULL;

    return record && strcmp(record->name, name) == 0 ? record : NULL;
}

static inline gboolean translate(const XenPhysmapTable *table, Order order, guint64 address,
                                 guint64 *other)
{
    const Range *range = find_range(table, order, address);

    if (range) {
        *other = range->other + (address - range->start);
    }
    return range != NULL;
}

gboolean xen_physmap_table_to_guest(const XenPhysmapTable *table, guint64 phys_offset,
                                    guint64 *guest_addr)
{
    return translate(table, BY_PHYS, phys_offset, guest_addr);
}

gboolean xen_physmap_table_to_phys(const XenPhysmapTable *table, guint64 guest_addr,
                                   guint64 *phys_offset)
{
    return translate(table, BY_GUEST, guest_addr, phys_offset);
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
