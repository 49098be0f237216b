/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The layout as a picture: two columns on one axis, which is stretched where blocks are. */
#include <math.h>

#include "canvas.h"
#include "map.h"
#include "number.h"
#include "record-text.h"

#define MARGIN 24
#define HEAD 72 /* the title and the columns' headings */
#define FOOT 80 /* the legend */
#define ADDRESS_WIDTH 120
#define COLUMN_WIDTH 150
#define COLUMN_GAP 110
#define LABEL_WIDTH 420
#define TEXT_SIZE 12

#define ALLOCATED_X (MARGIN + ADDRESS_WIDTH)
#define NOW_X (ALLOCATED_X + COLUMN_WIDTH + COLUMN_GAP)
#define LABEL_X (NOW_X + COLUMN_WIDTH + 12)

static const Colour kinds[] = {
    [MAP_EMPTY] = { 1, 1, 1 },
    [MAP_RAM] = { 0.78, 0.85, 0.93 },
    [MAP_HOLE] = { 0.92, 0.92, 0.90 },
    [MAP_SPECIAL] = { 0.62, 0.62, 0.60 },
    [MAP_UNCLAIMED] = { 0.95, 0.80, 0.55 },
};

/* Hues are the golden angle apart, so that neighbours differ. */
static Colour block_colour(guint number)
{
    double hue = fmod(number * 137.508 + 20, 360) / 60, rest = hue - floor(hue);
    const double low = 0.45, high = 0.92, up = low + (high - low) * rest,
                 down = high - (high - low) * rest;

    switch ((int)hue) {
    case 0:
        return (Colour){ high, up, low };
    case 1:
        return (Colour){ down, high, low };
    case 2:
        return (Colour){ low, high, up };
    case 3:
        return (Colour){ low, down, high };
    case 4:
        return (Colour){ up, low, high };
    default:
        return (Colour){ high, low, down };
    }
}

/* Every cell has room for a line of text. A larger one grows with the logarithm of its size. */
static guint cell_height(const MapCell *cell)
{
    if (cell->kind == MAP_EMPTY && !cell->allocated) {
        return 22;
    }
    return 18 + 3 * (guint)log2((double)(cell->end - cell->start) / XEN_PHYSMAP_PAGE_SIZE);
}

void map_picture_size(const GArray *cells, guint *width, guint *height)
{
    *width = LABEL_X + LABEL_WIDTH + MARGIN;
    *height = HEAD + FOOT;
    for (guint i = 0; i < cells->len; i++) {
        *height += cell_height(&g_array_index(cells, MapCell, i));
    }
}

static void box(Canvas *canvas, double x, double y, double height, Colour colour, double alpha)
{
    canvas_box(canvas, x, y, COLUMN_WIDTH, height, colour, alpha);
}

/* A range with nothing in it: dots, because its length means nothing. */
static void dots(Canvas *canvas, double x, double y, double height)
{
    for (int i = -1; i <= 1; i++) {
        canvas_dot(canvas, x + COLUMN_WIDTH / 2.0, y + height / 2 + 5 * i, 1.2, GREY(0.6));
    }
}

/* Where a block begins on the axis, and its length there: its cells follow each other. */
static gboolean place(const GArray *cells, const XenPhysmapRecord *block, gboolean now, double *y,
                      double *height)
{
    double at = HEAD;

    *height = 0;
    for (guint i = 0; i < cells->len; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);

        if ((now ? cell->block : cell->allocated) == block) {
            if (*height == 0) {
                *y = at;
            }
            *height += cell_height(cell);
        }
        at += cell_height(cell);
    }
    return *height > 0;
}

static void draw_axis(Canvas *canvas, const GArray *cells)
{
    double y = HEAD;

    for (guint i = 0; i < cells->len; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);
        double height = cell_height(cell);
        g_autofree char *address = g_strdup_printf(HEX, cell->start);

        canvas_text(canvas, ALLOCATED_X - 10, y + TEXT_SIZE, TEXT_RIGHT, TEXT_SIZE, FALSE,
                    GREY(0.3), address);
        canvas_line(canvas, ALLOCATED_X - 6, y, ALLOCATED_X, y);
        if (cell->kind == MAP_EMPTY) {
            dots(canvas, NOW_X, y, height);
        } else if (cell->kind != MAP_BLOCK) {
            box(canvas, NOW_X, y, height, kinds[cell->kind], 1);
        }
        y += height;
    }
}

static void draw_label(Canvas *canvas, double y, double height, const char *text)
{
    canvas_text(canvas, LABEL_X, y + height / 2 + TEXT_SIZE / 3.0, TEXT_LEFT, TEXT_SIZE, FALSE,
                GREY(0.1), text);
}

static void draw_kinds(Canvas *canvas, const GArray *cells)
{
    double y = HEAD;

    for (guint i = 0; i < cells->len; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);
        double height = cell_height(cell);
        const char *name = cell->kind == MAP_RAM         ? "RAM"
                           : cell->kind == MAP_HOLE      ? "MMIO hole"
                           : cell->kind == MAP_SPECIAL   ? "pages of Xen and firmware"
                           : cell->kind == MAP_UNCLAIMED ? "pages without a record"
                                                         : NULL;

        if (name) {
            g_autofree char *size = record_text_size(cell->end - cell->start);
            g_autofree char *label = g_strdup_printf("%s, %s", name, size);

            draw_label(canvas, y, height, label);
        }
        y += height;
    }
}

static void draw_blocks(Canvas *canvas, const XenPhysmapTable *table, const GArray *cells)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        gboolean moved = record->start_addr != record->phys_offset;
        Colour colour = block_colour(i);
        g_autofree char *size = record_text_size(record->size);
        g_autofree char *label =
            g_strdup_printf("%s, %s%s", record->name, size, moved ? ", moved" : "");
        double from, from_height, to, to_height;

        if (!place(cells, record, TRUE, &to, &to_height)) {
            continue;
        }
        if (!moved) {
            from = to;
            from_height = to_height;
        } else if (!place(cells, record, FALSE, &from, &from_height)) {
            continue;
        }
        canvas_ribbon(canvas, ALLOCATED_X + COLUMN_WIDTH, from, from_height, NOW_X, to, to_height,
                      colour, 0.35);
        box(canvas, ALLOCATED_X, from, from_height, colour, moved ? 0.4 : 1);
        box(canvas, NOW_X, to, to_height, colour, 1);
        draw_label(canvas, to, to_height, label);
    }
}

static void draw_legend(Canvas *canvas, double y)
{
    /* `room` is the width of the text in the widest usual font. */
    static const struct {
        MapKind kind;
        const char *text;
        guint room;
    } legend[] = {
        { MAP_RAM, "RAM", 75 },
        { MAP_HOLE, "MMIO hole", 115 },
        { MAP_SPECIAL, "pages of Xen and firmware", 210 },
        { MAP_UNCLAIMED, "pages without a record", 190 },
        { MAP_BLOCK, "a ramblock", 0 },
    };
    double x = ALLOCATED_X;

    for (guint i = 0; i < G_N_ELEMENTS(legend); i++) {
        canvas_box(canvas, x, y, 14, 14,
                   legend[i].kind == MAP_BLOCK ? block_colour(0) : kinds[legend[i].kind], 1);
        canvas_text(canvas, x + 20, y + 11, TEXT_LEFT, TEXT_SIZE, FALSE, GREY(0.1), legend[i].text);
        x += legend[i].room;
    }
    canvas_text(canvas, ALLOCATED_X, y + 35, TEXT_LEFT, TEXT_SIZE, FALSE, GREY(0.4),
                "dots: nothing; lengths grow with the logarithm of sizes");
}

void map_draw(cairo_t *cr, GString *svg, const char *title, const XenPhysmapTable *table,
              const GArray *cells)
{
    g_autoptr(Canvas) canvas = NULL;
    guint width, height;

    map_picture_size(cells, &width, &height);
    canvas = canvas_new(cr, svg, width, height);
    canvas_text(canvas, MARGIN, MARGIN + 8, TEXT_LEFT, 16, TRUE, GREY(0.1), title);
    canvas_text(canvas, ALLOCATED_X, HEAD - 10, TEXT_LEFT, TEXT_SIZE, FALSE, GREY(0.1),
                "allocated");
    canvas_text(canvas, NOW_X, HEAD - 10, TEXT_LEFT, TEXT_SIZE, FALSE, GREY(0.1), "now");
    draw_axis(canvas, cells);
    draw_blocks(canvas, table, cells);
    draw_kinds(canvas, cells);
    draw_legend(canvas, height - FOOT + 24);
}
