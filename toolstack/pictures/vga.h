/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The video mode of a guest, from the registers in QEMU's saved device state. */
#ifndef XEN_PHYSMAP_VGA_H
#define XEN_PHYSMAP_VGA_H

#include <xen-physmap/error.h>

/* The largest width and height of a screen, in pixels. */
#define VGA_PIXELS_MAX 16384

/* Text and fonts are in this much of videoram, from its start. */
#define VGA_TEXT_BYTES (256U * 1024)

/* A video mode, and where the screen is in videoram. */
typedef struct VgaMode {
    gboolean text;
    guint32 width, height; /* in pixels, or in characters */
    guint bpp;             /* 4, 8, 15, 16, 24 or 32; not in text mode. 4 are in planes */
    guint32 stride;        /* from line to line, in bytes */
    guint64 offset;        /* of the first pixel or character, in bytes */
    guint32 colours[256];  /* 0xRRGGBB; of text the first 16 */

    /* Text mode only. */
    guint cell_width, cell_height;
    gboolean line_graphics; /* of a cell 9 wide: characters c0 to df go on into the ninth */
    guint32 fonts[2];       /* their offsets; the second one is for attributes with bit 3 */
} VgaMode;

/*
 * Finds the standard VGA in QEMU's state, and its mode. `device` is its path on the PCI bus, such
 * as "0000:00:03.0", or NULL when it isn't known. NOT_FOUND when the VGA isn't there exactly once,
 * or the screen is off, or its mode isn't known. The state is untrusted.
 */
gboolean vga_find_mode(const guint8 *state, gsize length, const char *device, VgaMode *mode,
                       GError **error);

/* A mode from "WxHxBPP[,stride,offset]", BPP being "text" for characters; grey with 8. */
gboolean vga_parse_mode(const char *text, VgaMode *mode, GError **error);

/* The bytes of videoram that the screen needs: *length of them, from *first on. INVALID when a
 * videoram of `size` bytes doesn't contain them. */
gboolean vga_extent(const VgaMode *mode, guint64 size, guint64 *first, guint64 *length,
                    GError **error);

#endif
