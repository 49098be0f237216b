/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's screen as a picture, or as the characters on it. */
#ifndef XEN_PHYSMAP_SCREEN_H
#define XEN_PHYSMAP_SCREEN_H

#include <cairo.h>

#include "vga.h"

/* The number of bytes that screen_draw allocates. */
guint64 screen_memory(const VgaMode *mode);

/* Both take the bytes that vga_extent asked for. If cairo can read them directly, the surface isn't
 * a copy of them. Destroy it with cairo_surface_destroy. */
cairo_surface_t *screen_draw(const VgaMode *mode, const guint8 *bytes);

/* The lines of a text mode in UTF-8, without trailing blanks. Free it with g_free. */
char *screen_text(const VgaMode *mode, const guint8 *bytes);

#endif
