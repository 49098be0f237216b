/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shapes of a map, drawn by cairo or written as elements of an SVG. cairo's own SVG has
 * outlines instead of text, which can't be searched or copied.
 */
#include "canvas.h"

#include <locale.h>

#define FONT "sans-serif"
#define LINE_WIDTH 0.6
#define LINE GREY(0.35)

struct Canvas {
    cairo_t *cr;
    GString *svg;
    locale_t plain, previous; /* a number in an SVG has a decimal point in every locale */
};

static int byte_of(double part)
{
    return (int)(part * 255 + 0.5);
}

/* Begins an element; the caller completes it. */
static void put(Canvas *canvas, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void put(Canvas *canvas, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(canvas->svg, format, args);
    va_end(args);
}

static void put_colour(Canvas *canvas, const char *attribute, Colour colour)
{
    put(canvas, " %s=\"#%02x%02x%02x\"", attribute, byte_of(colour.red), byte_of(colour.green),
        byte_of(colour.blue));
}

static void set_colour(Canvas *canvas, Colour colour, double alpha)
{
    cairo_set_source_rgba(canvas->cr, colour.red, colour.green, colour.blue, alpha);
}

Canvas *canvas_new(cairo_t *cr, GString *svg, guint width, guint height)
{
    Canvas *canvas = g_new0(Canvas, 1);

    canvas->cr = cr;
    canvas->svg = svg;
    if (svg) {
        canvas->plain = newlocale(LC_NUMERIC_MASK, "C", NULL);
        canvas->previous = uselocale(canvas->plain);
        put(canvas,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
            "viewBox=\"0 0 %u %u\" font-family=\"" FONT "\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            width, height, width, height);
    } else {
        set_colour(canvas, GREY(1), 1);
        cairo_paint(cr);
    }
    return canvas;
}

void canvas_free(Canvas *canvas)
{
    if (canvas && canvas->svg) {
        put(canvas, "</svg>\n");
        uselocale(canvas->previous);
        freelocale(canvas->plain);
    }
    g_free(canvas);
}

void canvas_box(Canvas *canvas, double x, double y, double width, double height, Colour colour,
                double alpha)
{
    if (canvas->svg) {
        put(canvas, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", x, y, width,
            height);
        put_colour(canvas, "fill", colour);
        put(canvas, " fill-opacity=\"%.2f\" stroke-width=\"%.1f\"", alpha, LINE_WIDTH);
        put_colour(canvas, "stroke", LINE);
        put(canvas, "/>\n");
    } else {
        cairo_rectangle(canvas->cr, x, y, width, height);
        set_colour(canvas, colour, alpha);
        cairo_fill_preserve(canvas->cr);
        set_colour(canvas, LINE, 1);
        cairo_set_line_width(canvas->cr, LINE_WIDTH);
        cairo_stroke(canvas->cr);
    }
}

void canvas_dot(Canvas *canvas, double x, double y, double radius, Colour colour)
{
    if (canvas->svg) {
        put(canvas, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", x, y, radius);
        put_colour(canvas, "fill", colour);
        put(canvas, "/>\n");
    } else {
        cairo_arc(canvas->cr, x, y, radius, 0, 2 * G_PI);
        set_colour(canvas, colour, 1);
        cairo_fill(canvas->cr);
    }
}

void canvas_line(Canvas *canvas, double x1, double y1, double x2, double y2)
{
    if (canvas->svg) {
        put(canvas, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-width=\"%.1f\"",
            x1, y1, x2, y2, LINE_WIDTH);
        put_colour(canvas, "stroke", LINE);
        put(canvas, "/>\n");
    } else {
        cairo_move_to(canvas->cr, x1, y1);
        cairo_line_to(canvas->cr, x2, y2);
        set_colour(canvas, LINE, 1);
        cairo_set_line_width(canvas->cr, LINE_WIDTH);
        cairo_stroke(canvas->cr);
    }
}

void canvas_ribbon(Canvas *canvas, double left, double from, double from_height, double right,
                   double to, double to_height, Colour colour, double alpha)
{
    double middle = (left + right) / 2, from_end = from + from_height, to_end = to + to_height;

    if (canvas->svg) {
        put(canvas,
            "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fL%.1f %.1fC%.1f %.1f %.1f %.1f "
            "%.1f %.1fZ\"",
            left, from, middle, from, middle, to, right, to, right, to_end, middle, to_end, middle,
            from_end, left, from_end);
        put_colour(canvas, "fill", colour);
        put(canvas, " fill-opacity=\"%.2f\"/>\n", alpha);
    } else {
        cairo_move_to(canvas->cr, left, from);
        cairo_curve_to(canvas->cr, middle, from, middle, to, right, to);
        cairo_line_to(canvas->cr, right, to_end);
        cairo_curve_to(canvas->cr, middle, to_end, middle, from_end, left, from_end);
        cairo_close_path(canvas->cr);
        set_colour(canvas, colour, alpha);
        cairo_fill(canvas->cr);
    }
}

void canvas_text(Canvas *canvas, double x, double y, TextSide side, double size, gboolean bold,
                 Colour colour, const char *text)
{
    cairo_text_extents_t extents;

    if (canvas->svg) {
        g_autofree char *escaped = g_markup_escape_text(text, -1);

        put(canvas, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\"%s%s", x, y, size,
            side == TEXT_RIGHT ? " text-anchor=\"end\"" : "", bold ? " font-weight=\"bold\"" : "");
        put_colour(canvas, "fill", colour);
        put(canvas, ">%s</text>\n", escaped);
        return;
    }
    cairo_select_font_face(canvas->cr, FONT, CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(canvas->cr, size);
    cairo_text_extents(canvas->cr, text, &extents);
    set_colour(canvas, colour, 1);
    cairo_move_to(canvas->cr, side == TEXT_RIGHT ? x - extents.x_advance : x, y);
    cairo_show_text(canvas->cr, text);
}
