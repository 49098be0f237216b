/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes what cairo draws to a file, completely or not at all. */
#ifndef XEN_PHYSMAP_PICTURE_H
#define XEN_PHYSMAP_PICTURE_H

#include <cairo.h>

#include "atomic-file.h"

typedef struct Picture {
    AtomicFile *output;
    GError *error;
} Picture;

/* Takes the surface, and the status with which drawing ended. Writes it as a PNG, and commits the
 * output. */
gboolean picture_finish(Picture *picture, cairo_surface_t *surface, cairo_status_t status,
                        GError **error);

#endif
