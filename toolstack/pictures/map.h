/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest-physical layout as cells with one kind of content each, for the code that draws it. */
#ifndef XEN_PHYSMAP_MAP_H
#define XEN_PHYSMAP_MAP_H

#include <cairo.h>
#include <xen-physmap/table.h>

/* Where the range of device registers and BARs begins, unless mmio_hole= enlarged it. */
#define MAP_HOLE_START G_GUINT64_CONSTANT(0xf0000000)
#define MAP_HOLE_END G_GUINT64_CONSTANT(0x100000000)

typedef enum {
    MAP_EMPTY,
    MAP_RAM,
    MAP_HOLE,
    MAP_SPECIAL, /* pages of Xen and of the firmware, in the hole */
    MAP_BLOCK,
    MAP_UNCLAIMED, /* pages that are neither RAM nor Xen's nor the firmware's, in no record */
} MapKind;

/* The half-open [start, end). */
typedef struct MapRange {
    guint64 start, end;
} MapRange;

typedef struct MapCell {
    guint64 start, end;
    MapKind kind;
    const XenPhysmapRecord *block;     /* whose pages are here; with MAP_BLOCK */
    const XenPhysmapRecord *allocated; /* one that was allocated here and moved away, or NULL */
} MapCell;

/* Where RAM ends below and above 4 GiB; 0 when it isn't known. */
typedef struct MapRam {
    guint64 low, high;
} MapRam;

/*
 * The cells from 0 to the highest address, without gaps: an array of MapCell that points into the
 * table. `populated` is an array of MapRange in any order; it is sorted, and ranges that are close
 * to each other are joined until they are few. Free it with g_array_unref.
 */
GArray *map_cells(const XenPhysmapTable *table, GArray *populated, MapRam ram);

/* Sorts ranges and joins those that touch or overlap. */
void map_join(GArray *ranges, guint64 gap);

/* The number of a block in the order of phys_offset; its letter and colour follow from it. */
guint map_number(const XenPhysmapTable *table, const XenPhysmapRecord *block);

/* The size of the picture that map_draw makes, in pixels. */
void map_picture_size(const GArray *cells, guint *width, guint *height);

/* Draws the cells from top to bottom: where blocks were allocated, where they are, and a legend. Writes
 * an SVG into `svg`, or if that is NULL, draws with `cr`. */
void map_draw(cairo_t *cr, GString *svg, const char *title, const XenPhysmapTable *table,
              const GArray *cells);

#endif
