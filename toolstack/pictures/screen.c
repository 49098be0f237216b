/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns videoram into pixels. Text is drawn with the font, which is in videoram too. */
#include "screen.h"

#include <string.h>

/* Characters 80 to ff of code page 437, which a BIOS's font has. */
static const char upper_half[] = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
                                 "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

static guint32 wide5(guint value)
{
    return value << 3 | value >> 2;
}

static guint32 wide6(guint value)
{
    return value << 2 | value >> 4;
}

static guint32 pixel(const VgaMode *mode, const guint8 *bytes)
{
    guint value = mode->bpp > 8 ? bytes[0] | bytes[1] << 8 : 0;

    switch (mode->bpp) {
    case 8:
        return mode->colours[bytes[0]];
    case 15:
        return wide5(value >> 10 & 31) << 16 | wide5(value >> 5 & 31) << 8 | wide5(value & 31);
    case 16:
        return wide5(value >> 11) << 16 | wide6(value >> 5 & 63) << 8 | wide5(value & 31);
    default:
        return (guint32)bytes[2] << 16 | value;
    }
}

/* Eight pixels are in four bytes, each of which has one bit of all of them. */
static guint32 plane_pixel(const VgaMode *mode, const guint8 *line, guint x)
{
    const guint8 *planes = line + x / 8 * 4;
    guint index = 0;

    for (guint plane = 0; plane < 4; plane++) {
        index |= (planes[plane] >> (7 - x % 8) & 1) << plane;
    }
    return mode->colours[index];
}

static guint32 *line_of(guint8 *pixels, int stride, guint y)
{
    return (guint32 *)(void *)(pixels + (gsize)y * stride);
}

static void draw_pixels(const VgaMode *mode, const guint8 *bytes, guint8 *pixels, int stride)
{
    for (guint y = 0; y < mode->height; y++) {
        const guint8 *from = bytes + (gsize)y * mode->stride;
        guint32 *to = line_of(pixels, stride, y);

        for (guint x = 0; x < mode->width; x++) {
            to[x] = mode->bpp == 4 ? plane_pixel(mode, from, x)
                                   : pixel(mode, from + (gsize)x * ((mode->bpp + 7) / 8));
        }
    }
}

/* A character's cell: its code, its attribute, and one byte of each font plane. */
static const guint8 *cell(const VgaMode *mode, const guint8 *bytes, guint x, guint y)
{
    return bytes + mode->offset + (gsize)y * mode->stride + 4 * x;
}

static void draw_cell(const VgaMode *mode, const guint8 *bytes, guint x, guint y, guint8 *pixels,
                      int stride)
{
    const guint8 *at = cell(mode, bytes, x, y);
    /* Plane 2 is the third of every four bytes; each character has 32 lines. */
    const guint8 *glyph = bytes + mode->fonts[at[1] >> 3 & 1] + 2 + 4 * 32 * at[0];
    guint32 front = mode->colours[at[1] & 15], back = mode->colours[at[1] >> 4];

    for (guint line = 0; line < mode->cell_height; line++) {
        guint32 *to = line_of(pixels, stride, y * mode->cell_height + line) + x * mode->cell_width;
        guint bits = glyph[4 * line] << 1;

        if (mode->line_graphics && at[0] >= 0xc0 && at[0] <= 0xdf) {
            bits |= bits >> 1 & 1;
        }
        for (guint i = 0; i < mode->cell_width; i++) {
            to[i] = bits & 0x100 >> i ? front : back;
        }
    }
}

static guint picture_width(const VgaMode *mode)
{
    return mode->width * (mode->text ? mode->cell_width : 1);
}

static guint picture_height(const VgaMode *mode)
{
    return mode->height * (mode->text ? mode->cell_height : 1);
}

/* TRUE when cairo can read videoram directly. */
static gboolean is_as_cairo_has_it(const VgaMode *mode)
{
    return !mode->text && mode->bpp == 32 && mode->stride % 4 == 0 && mode->stride <= G_MAXINT &&
           mode->offset % 4 == 0 && G_BYTE_ORDER == G_LITTLE_ENDIAN;
}

guint64 screen_memory(const VgaMode *mode)
{
    return is_as_cairo_has_it(mode)
               ? 0
               : (guint64)picture_width(mode) * picture_height(mode) * sizeof(guint32);
}

cairo_surface_t *screen_draw(const VgaMode *mode, const guint8 *bytes)
{
    guint width = picture_width(mode), height = picture_height(mode);
    cairo_surface_t *surface;
    guint8 *pixels;
    int stride;

    if (is_as_cairo_has_it(mode)) {
        /* cairo only reads it. */
        return cairo_image_surface_create_for_data((guint8 *)bytes, CAIRO_FORMAT_RGB24, width,
                                                   height, mode->stride);
    }
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    pixels = cairo_image_surface_get_data(surface);
    stride = cairo_image_surface_get_stride(surface);

    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
        return surface;
    }
    cairo_surface_flush(surface);
    if (mode->text) {
        for (guint y = 0; y < mode->height; y++) {
            for (guint x = 0; x < mode->width; x++) {
                draw_cell(mode, bytes, x, y, pixels, stride);
            }
        }
    } else {
        draw_pixels(mode, bytes, pixels, stride);
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

char *screen_text(const VgaMode *mode, const guint8 *bytes)
{
    GString *text = g_string_new(NULL);

    for (guint y = 0; y < mode->height; y++) {
        gsize end = text->len;

        for (guint x = 0; x < mode->width; x++) {
            guint8 code = cell(mode, bytes, x, y)[0];

            if (code >= 0x80) {
                g_string_append_unichar(
                    text, g_utf8_get_char(g_utf8_offset_to_pointer(upper_half, code - 0x80)));
            } else {
                g_string_append_c(text, code >= 0x20 && code < 0x7f ? code : ' ');
            }
            if (code != ' ' && code != 0 && code != 0xff) {
                end = text->len;
            }
        }
        g_string_truncate(text, end);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}
