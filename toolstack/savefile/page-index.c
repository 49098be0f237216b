/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitmaps, one for each 128 MiB of guest memory, allocated when needed. */
#include "page-index.h"

#define BLOCK_SHIFT 15
#define BLOCK_BITS (1U << BLOCK_SHIFT)

/* 1 TiB of guest memory takes 32 MiB. A guest's memory is contiguous; a forged one may not be. */
#define BLOCKS_MAX 8192

struct PageIndex {
    GHashTable *blocks; /* number of the block to its guint64[BLOCK_BITS / 64] */
    gboolean overflowed;
};

PageIndex *page_index_new(void)
{
    PageIndex *set = g_new0(PageIndex, 1);

    set->blocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return set;
}

void page_index_free(PageIndex *set)
{
    g_hash_table_unref(set->blocks);
    g_free(set);
}

void page_index_put(PageIndex *set, guint64 pfn, gboolean page)
{
    guint64 number = pfn >> BLOCK_SHIFT, bit = G_GUINT64_CONSTANT(1) << pfn % 64;
    guint64 *block = g_hash_table_lookup(set->blocks, &number);

    if (!block && !page) {
        return;
    }
    if (!block) {
        if (g_hash_table_size(set->blocks) >= BLOCKS_MAX) {
            set->overflowed = TRUE;
            return;
        }
        block = g_new0(guint64, BLOCK_BITS / 64);
        g_hash_table_insert(set->blocks, g_memdup2(&number, sizeof number), block);
    }
    block += pfn % BLOCK_BITS / 64;
    *block = page ? *block | bit : *block & ~bit;
}

gboolean page_index_is_whole(const PageIndex *set)
{
    return !set->overflowed;
}

static gboolean has(const guint64 *block, guint64 pfn)
{
    return block && block[pfn % BLOCK_BITS / 64] >> pfn % 64 & 1;
}

static int by_number(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    return (x > y) - (x < y);
}

/* The pages from `start` up to `end` that are in no record. */
static guint64 count_unclaimed(const PageIndex *set, const XenPhysmapTable *table, guint64 start,
                               guint64 end, guint64 *where)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(set->blocks), by_number);
    guint64 n = 0;

    for (GList *key = keys; key; key = key->next) {
        const guint64 *block = g_hash_table_lookup(set->blocks, key->data);
        guint64 from = *(guint64 *)key->data << BLOCK_SHIFT;

        for (guint64 pfn = MAX(from, start >> XEN_PHYSMAP_PAGE_SHIFT);
             pfn < MIN(from + BLOCK_BITS, end >> XEN_PHYSMAP_PAGE_SHIFT); pfn++) {
            guint64 address = pfn << XEN_PHYSMAP_PAGE_SHIFT;

            if (has(block, pfn) && !xen_physmap_table_find_guest(table, address)) {
                *where = n++ == 0 ? address : *where;
            }
        }
    }
    return n;
}

guint64 page_index_unclaimed(const PageIndex *set, const XenPhysmapTable *table, guint64 low,
                             guint64 high, guint64 *where)
{
    guint64 above_at = 0, moved_at;
    guint64 below = count_unclaimed(set, table, low, PAGE_INDEX_SPECIAL, where);
    guint64 above = count_unclaimed(set, table, MAX(high, PAGE_INDEX_4GIB), G_MAXUINT64, &above_at);

    /* RAM that the firmware moved is missing below 4 GiB. */
    if (above <= page_index_missing(set, 0, low >> XEN_PHYSMAP_PAGE_SHIFT, &moved_at)) {
        above = 0;
    }
    *where = below > 0 ? *where : above_at;
    return below + above;
}

guint64 page_index_missing(const PageIndex *set, guint64 first, guint64 n, guint64 *where)
{
    GHashTableIter iter;
    gpointer key, value;
    guint64 there = 0;

    /*
     * Counts the pages that exist. With a forged size, checking each page of an empty range would
     * take too long.
     */
    g_hash_table_iter_init(&iter, set->blocks);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        guint64 from = *(guint64 *)key << BLOCK_SHIFT;

        for (guint64 pfn = MAX(from, first); pfn < MIN(from + BLOCK_BITS, first + n); pfn++) {
            there += has(value, pfn);
        }
    }
    *where = first;
    while (there < n) {
        guint64 number = *where >> BLOCK_SHIFT;

        if (!has(g_hash_table_lookup(set->blocks, &number), *where)) {
            break;
        }
        ++*where;
    }
    return n - there;
}
