/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What cairo draws, as a file: whole, or not at all. */
#ifndef XEN_PHYSMAP_PICTURE_H
#define XEN_PHYSMAP_PICTURE_H

#include <cairo.h>

#include "atomic-file.h"

typedef struct Picture {
    AtomicFile *output;
    GError *error;
} Picture;

/* A cairo_write_func_t; `picture` is a Picture without an error. */
cairo_status_t picture_write(void *picture, const unsigned char *bytes, unsigned int length);

/* Takes the surface, on which drawing ended with this status and which is to be written if it is
 * one for a `png`; commits the output. */
gboolean picture_finish(Picture *picture, cairo_surface_t *surface, cairo_status_t status,
                        gboolean png, GError **error);

#endif
