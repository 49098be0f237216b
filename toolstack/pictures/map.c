/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cuts the guest-physical space at every address where something begins or ends. */
#include "map.h"

#include "page-index.h"

/* At most so many ranges of RAM are shown. What a balloon left is not worth more. */
#define RANGES_MAX 16

static int by_start(gconstpointer a, gconstpointer b)
{
    guint64 x = ((const MapRange *)a)->start, y = ((const MapRange *)b)->start;

    return (x > y) - (x < y);
}

void map_join(GArray *ranges, guint64 gap)
{
    guint kept = 0;

    g_array_sort(ranges, by_start);
    for (guint i = 0; i < ranges->len; i++) {
        const MapRange *range = &g_array_index(ranges, MapRange, i);
        MapRange *last = kept ? &g_array_index(ranges, MapRange, kept - 1) : NULL;

        if (last && (range->start <= last->end || range->start - last->end <= gap)) {
            last->end = MAX(last->end, range->end);
        } else {
            g_array_index(ranges, MapRange, kept++) = *range;
        }
    }
    g_array_set_size(ranges, kept);
}

static int compare_addresses(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    return (x > y) - (x < y);
}

/* Every address at which something begins or ends. */
static GArray *boundaries(const XenPhysmapTable *table, const GArray *populated, MapRam ram)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(guint64));
    const guint64 fixed[] = { 0, MAP_HOLE_START, MAP_HOLE_END };
    const XenPhysmapRecord *record;

    g_array_append_vals(all, fixed, G_N_ELEMENTS(fixed));
    if (ram.low > 0) {
        const guint64 ends[] = { ram.low, PAGE_INDEX_SPECIAL, ram.high };

        g_array_append_vals(all, ends, G_N_ELEMENTS(ends));
    }
    for (guint i = 0; i < populated->len; i++) {
        g_array_append_vals(all, &g_array_index(populated, MapRange, i), 2);
    }
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        const guint64 ends[] = { record->start_addr, record->start_addr + record->size,
                                 record->phys_offset, record->phys_offset + record->size };

        g_array_append_vals(all, ends, G_N_ELEMENTS(ends));
    }
    g_array_sort(all, compare_addresses);
    return all;
}

static gboolean same_content(const MapCell *a, const MapCell *b)
{
    return a->kind == b->kind && a->block == b->block && a->allocated == b->allocated;
}

/* What the pages at this address are, if they belong to no block. */
static MapKind kind_of_pages(guint64 address, MapRam ram)
{
    gboolean in_hole = address >= MAP_HOLE_START && address < MAP_HOLE_END;

    if (ram.low == 0) {
        return in_hole ? MAP_SPECIAL : MAP_RAM;
    }
    if (address < ram.low || (address >= MAP_HOLE_END && address < ram.high)) {
        return MAP_RAM;
    }
    return address >= PAGE_INDEX_SPECIAL && address < MAP_HOLE_END ? MAP_SPECIAL : MAP_UNCLAIMED;
}

/* What is at cell->start. *range is the populated range that the last cell was compared with. */
static void fill(MapCell *cell, const XenPhysmapTable *table, const GArray *populated, MapRam ram,
                 guint *range)
{
    gboolean in_hole = cell->start >= MAP_HOLE_START && cell->start < MAP_HOLE_END;
    const MapRange *here;

    while (*range < populated->len &&
           g_array_index(populated, MapRange, *range).end <= cell->start) {
        (*range)++;
    }
    here = *range < populated->len ? &g_array_index(populated, MapRange, *range) : NULL;
    cell->block = xen_physmap_table_find_guest(table, cell->start);
    cell->allocated = xen_physmap_table_find_phys(table, cell->start);
    if (cell->allocated && cell->allocated->start_addr == cell->allocated->phys_offset) {
        cell->allocated = NULL;
    }
    if (cell->block) {
        cell->kind = MAP_BLOCK;
    } else if (here && here->start <= cell->start) {
        cell->kind = kind_of_pages(cell->start, ram);
    } else {
        cell->kind = in_hole ? MAP_HOLE : MAP_EMPTY;
    }
}

GArray *map_cells(const XenPhysmapTable *table, GArray *populated, MapRam ram)
{
    GArray *cells = g_array_new(FALSE, FALSE, sizeof(MapCell));
    g_autoptr(GArray) cuts = NULL;
    guint range = 0;

    for (guint64 gap = 0; gap == 0 || populated->len > RANGES_MAX; gap = gap ? gap * 2 : 4096) {
        map_join(populated, gap);
    }
    cuts = boundaries(table, populated, ram);
    for (guint i = 0; i + 1 < cuts->len; i++) {
        MapCell cell = { .start = g_array_index(cuts, guint64, i),
                         .end = g_array_index(cuts, guint64, i + 1) };
        MapCell *last = cells->len ? &g_array_index(cells, MapCell, cells->len - 1) : NULL;

        if (cell.start == cell.end) {
            continue;
        }
        fill(&cell, table, populated, ram, &range);
        if (last && same_content(last, &cell)) {
            last->end = cell.end;
        } else {
            g_array_append_val(cells, cell);
        }
    }
    return cells;
}

guint map_number(const XenPhysmapTable *table, const XenPhysmapRecord *block)
{
    guint low = 0, high = xen_physmap_table_size(table);

    while (low + 1 < high) {
        guint middle = low + (high - low) / 2;

        if (xen_physmap_table_get(table, middle)->phys_offset <= block->phys_offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
