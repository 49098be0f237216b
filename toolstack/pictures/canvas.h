/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the map is drawn on: pixels, by cairo; or an SVG, in which text stays text. */
#ifndef XEN_PHYSMAP_CANVAS_H
#define XEN_PHYSMAP_CANVAS_H

#include <cairo.h>
#include <glib.h>

typedef struct Colour {
    double red, green, blue;
} Colour;

#define GREY(level) ((Colour){ level, level, level })

typedef enum { TEXT_LEFT, TEXT_RIGHT } TextSide; /* on which side of the text `x` is */

typedef struct Canvas Canvas;

/* A white canvas. With `svg` it is written there; otherwise drawn with `cr`. Both stay the caller's. */
Canvas *canvas_new(cairo_t *cr, GString *svg, guint width, guint height);

/* Completes the SVG. */
void canvas_free(Canvas *canvas);

/* A filled rectangle with a thin border. */
void canvas_box(Canvas *canvas, double x, double y, double width, double height, Colour colour,
                double alpha);

void canvas_dot(Canvas *canvas, double x, double y, double radius, Colour colour);
void canvas_line(Canvas *canvas, double x1, double y1, double x2, double y2);

/* A filled band from the height at `left` to that at `right`. */
void canvas_ribbon(Canvas *canvas, double left, double from, double from_height, double right,
                   double to, double to_height, Colour colour, double alpha);

void canvas_text(Canvas *canvas, double x, double y, TextSide side, double size, gboolean bold,
                 Colour colour, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Canvas, canvas_free)

#endif
