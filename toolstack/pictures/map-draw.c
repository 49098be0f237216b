/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The layout as a picture: two columns on one axis that is longer where there is something. */
#include <math.h>

#include "map.h"
#include "record-text.h"

#define HEX "0x%" G_GINT64_MODIFIER "x"

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

typedef struct Colour {
    double red, green, blue;
} Colour;

static const Colour kinds[] = {
    [MAP_EMPTY] = { 1, 1, 1 },
    [MAP_RAM] = { 0.78, 0.85, 0.93 },
    [MAP_HOLE] = { 0.92, 0.92, 0.90 },
    [MAP_SPECIAL] = { 0.62, 0.62, 0.60 },
    [MAP_UNCLAIMED] = { 0.95, 0.80, 0.55 },
};

/* Hues go round by the golden angle, so that neighbours differ. */
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

/* A line of text fits into every cell; a large one is larger, by the logarithm of its size. */
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

static void set_colour(cairo_t *cr, Colour colour, double alpha)
{
    cairo_set_source_rgba(cr, colour.red, colour.green, colour.blue, alpha);
}

static void text_at(cairo_t *cr, double x, double y, const char *text)
{
    cairo_move_to(cr, x, y);
    cairo_show_text(cr, text);
}

static void right_text_at(cairo_t *cr, double x, double y, const char *text)
{
    cairo_text_extents_t extents;

    cairo_text_extents(cr, text, &extents);
    text_at(cr, x - extents.x_advance, y, text);
}

static void box(cairo_t *cr, double x, double y, double height, Colour colour, double alpha)
{
    cairo_rectangle(cr, x, y, COLUMN_WIDTH, height);
    set_colour(cr, colour, alpha);
    cairo_fill_preserve(cr);
    cairo_set_source_rgb(cr, 0.35, 0.35, 0.35);
    cairo_set_line_width(cr, 0.6);
    cairo_stroke(cr);
}

/* A stretch with nothing in it: dots, since its length means nothing. */
static void dots(cairo_t *cr, double x, double y, double height)
{
    cairo_set_source_rgb(cr, 0.6, 0.6, 0.6);
    for (int i = -1; i <= 1; i++) {
        cairo_arc(cr, x + COLUMN_WIDTH / 2.0, y + height / 2 + 5 * i, 1.2, 0, 2 * G_PI);
        cairo_fill(cr);
    }
}

/* From where a block was allocated to where it is. */
static void ribbon(cairo_t *cr, double from, double from_height, double to, double to_height,
                   Colour colour)
{
    double left = ALLOCATED_X + COLUMN_WIDTH, right = NOW_X, middle = (left + right) / 2;

    cairo_move_to(cr, left, from);
    cairo_curve_to(cr, middle, from, middle, to, right, to);
    cairo_line_to(cr, right, to + to_height);
    cairo_curve_to(cr, middle, to + to_height, middle, from + from_height, left,
                   from + from_height);
    cairo_close_path(cr);
    set_colour(cr, colour, 0.35);
    cairo_fill(cr);
}

/* Where a block begins on the axis, and how long it is there: its cells follow one another. */
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

static void draw_axis(cairo_t *cr, const GArray *cells)
{
    double y = HEAD;

    for (guint i = 0; i < cells->len; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);
        double height = cell_height(cell);
        g_autofree char *address = g_strdup_printf(HEX, cell->start);

        cairo_set_source_rgb(cr, 0.3, 0.3, 0.3);
        right_text_at(cr, ALLOCATED_X - 10, y + TEXT_SIZE, address);
        cairo_move_to(cr, ALLOCATED_X - 6, y);
        cairo_line_to(cr, ALLOCATED_X, y);
        cairo_set_line_width(cr, 0.6);
        cairo_stroke(cr);
        if (cell->kind == MAP_EMPTY) {
            dots(cr, NOW_X, y, height);
        } else if (cell->kind != MAP_BLOCK) {
            box(cr, NOW_X, y, height, kinds[cell->kind], 1);
        }
        y += height;
    }
}

static void draw_label(cairo_t *cr, double y, double height, const char *text)
{
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    text_at(cr, LABEL_X, y + height / 2 + TEXT_SIZE / 3.0, text);
}

static void draw_kinds(cairo_t *cr, const GArray *cells)
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

            draw_label(cr, y, height, label);
        }
        y += height;
    }
}

static void draw_blocks(cairo_t *cr, const XenPhysmapTable *table, const GArray *cells)
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
        ribbon(cr, from, from_height, to, to_height, colour);
        box(cr, ALLOCATED_X, from, from_height, colour, moved ? 0.4 : 1);
        box(cr, NOW_X, to, to_height, colour, 1);
        draw_label(cr, to, to_height, label);
    }
}

static void draw_legend(cairo_t *cr, double y)
{
    static const struct {
        MapKind kind;
        const char *text;
    } legend[] = {
        { MAP_RAM, "RAM" },
        { MAP_HOLE, "MMIO hole" },
        { MAP_SPECIAL, "pages of Xen and firmware" },
        { MAP_UNCLAIMED, "pages without a record" },
        { MAP_BLOCK, "a ramblock" },
    };
    double x = ALLOCATED_X;

    for (guint i = 0; i < G_N_ELEMENTS(legend); i++) {
        cairo_text_extents_t extents;

        cairo_rectangle(cr, x, y, 14, 14);
        set_colour(cr, legend[i].kind == MAP_BLOCK ? block_colour(0) : kinds[legend[i].kind], 1);
        cairo_fill_preserve(cr);
        cairo_set_source_rgb(cr, 0.35, 0.35, 0.35);
        cairo_stroke(cr);
        cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
        text_at(cr, x + 20, y + 11, legend[i].text);
        cairo_text_extents(cr, legend[i].text, &extents);
        x += extents.x_advance + 48;
    }
    cairo_set_source_rgb(cr, 0.4, 0.4, 0.4);
    text_at(cr, ALLOCATED_X, y + 35, "dots: nothing; lengths grow with the logarithm of sizes");
}

void map_draw(cairo_t *cr, const char *title, const XenPhysmapTable *table, const GArray *cells)
{
    guint width, height;

    map_picture_size(cells, &width, &height);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cr, 16);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    text_at(cr, MARGIN, MARGIN + 8, title);
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, TEXT_SIZE);
    text_at(cr, ALLOCATED_X, HEAD - 10, "allocated");
    text_at(cr, NOW_X, HEAD - 10, "now");
    draw_axis(cr, cells);
    draw_blocks(cr, table, cells);
    draw_kinds(cr, cells);
    draw_legend(cr, height - FOOT + 24);
}
