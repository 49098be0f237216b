/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connects cairo's byte stream, which only knows success or failure, to a file with its errors. */
#include "picture.h"

/* A cairo_write_func_t; `closure` is a Picture without an error. */
static cairo_status_t write_bytes(void *closure, const unsigned char *bytes, unsigned int length)
{
    Picture *picture = closure;

    return !picture->error && atomic_file_write(picture->output, bytes, length, &picture->error)
               ? CAIRO_STATUS_SUCCESS
               : CAIRO_STATUS_WRITE_ERROR;
}

gboolean picture_finish(Picture *picture, cairo_surface_t *surface, cairo_status_t status,
                        GError **error)
{
    if (status == CAIRO_STATUS_SUCCESS) {
        status = cairo_surface_write_to_png_stream(surface, write_bytes, picture);
    }
    cairo_surface_finish(surface);
    status = status ? status : cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (picture->error) {
        g_propagate_error(error, picture->error);
        return FALSE;
    }
    if (status != CAIRO_STATUS_SUCCESS) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't make the picture: %s", cairo_status_to_string(status));
        return FALSE;
    }
    return atomic_file_commit(picture->output, error);
}
