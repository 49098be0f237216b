/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parses the section "vga" of QEMU's state, version 2, as QEMU has written it since 2010. */
#include "vga.h"

#include <string.h>

#include "bytes.h"
#include "number.h"

/* The start of a section: its type, its number, and its name, preceded by its length. */
#define SECTION_FULL 4
#define SECTION_HEAD 6
#define SECTION_VERSION 2

/* In the section, after its name, instance and version: the PCI device, then the VGA's registers.
 * Numbers are big-endian, and nothing is aligned. */
enum {
    AT_PCI_VERSION = 0,
    AT_CONFIG = 4,
    AT_SR = AT_CONFIG + 256 + 16 + 5,
    AT_GR = AT_SR + 8 + 1,
    AT_AR_INDEX = AT_GR + 16,
    AT_AR = AT_AR_INDEX + 1,
    AT_CR = AT_AR + 21 + 5,
    AT_PALETTE = AT_CR + 256 + 11,
    AT_IS_VBE = AT_PALETTE + 768 + 4,
    AT_VBE = AT_IS_VBE + 3,
    AT_VBE_START = AT_VBE + 20,
    AT_VBE_LINE = AT_VBE_START + 4,
    SECTION_BODY = AT_VBE_LINE + 8,
};

enum { VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE };

#define VBE_ENABLED 0x01
#define VBE_8BIT_DAC 0x20

static guint vbe(const guint8 *body, guint index)
{
    return bytes_u16(body + AT_VBE + 2 * index, TRUE);
}

/* TRUE when the name is "PATH/vga", with the device's path if that is known. */
static gboolean is_vga_name(const char *name, gsize length, const char *device)
{
    gsize path = length - 4;

    return length > 4 && memcmp(name + path, "/vga", 4) == 0 &&
           (!device || (strlen(device) == path && memcmp(name, device, path) == 0));
}

/* TRUE when every field with a known value has that value. */
static gboolean is_vga_body(const guint8 *body)
{
    static const guint8 ids[] = { 0x34, 0x12, 0x11, 0x11 };
    guint32 version = bytes_u32(body + AT_PCI_VERSION, TRUE);

    return (version == 1 || version == 2) && memcmp(body + AT_CONFIG, ids, sizeof ids) == 0 &&
           body[AT_CONFIG + 0x0b] == 0x03 && body[AT_IS_VBE] == 1 &&
           (vbe(body, VBE_ID) & 0xfff0) == 0xb0c0;
}

/* Searches for the body of the only VGA section. Sections have no lengths. */
static const guint8 *find_section(const guint8 *state, gsize length, const char *device)
{
    const guint8 *found = NULL;

    for (gsize at = 0; at + SECTION_HEAD < length; at++) {
        gsize name_length = state[at + 5];
        gsize head = SECTION_HEAD + name_length + 8;
        const guint8 *name = state + at + SECTION_HEAD;

        if (state[at] == SECTION_FULL && length - at >= head + SECTION_BODY &&
            is_vga_name((const char *)name, name_length, device) &&
            bytes_u32(name + name_length, TRUE) == 0 &&
            bytes_u32(name + name_length + 4, TRUE) == SECTION_VERSION &&
            is_vga_body(state + at + head)) {
            if (found) {
                return NULL;
            }
            found = state + at + head;
        }
    }
    return found;
}

static gboolean not_known(GError **error, const char *what)
{
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                "%s; give the mode by --size WxHxBPP", what);
    return FALSE;
}

/* A palette entry, with 6 or 8 bits per colour. */
static guint32 palette_colour(const guint8 *body, guint index)
{
    const guint8 *entry = body + AT_PALETTE + 3 * index;
    gboolean wide = (vbe(body, VBE_ENABLE) & VBE_8BIT_DAC) != 0;
    guint32 colour = 0;

    for (guint i = 0; i < 3; i++) {
        guint8 value = wide ? entry[i] : (entry[i] & 0x3f) << 2 | (entry[i] & 1 ? 3 : 0);

        colour = colour << 8 | value;
    }
    return colour;
}

/* The attribute controller maps the 16 colours of text. */
static guint32 attribute_colour(const guint8 *body, guint index)
{
    const guint8 *ar = body + AT_AR;

    return palette_colour(body, ar[0x10] & 0x80 ? (ar[0x14] & 0xf) << 4 | (ar[index] & 0xf)
                                                : (ar[0x14] & 0xc) << 4 | (ar[index] & 0x3f));
}

static guint32 font_place(guint map)
{
    return map * 8192 * 4;
}

/* The number of scan lines. Several in a row can show the same line of memory. */
static guint scan_lines(const guint8 *cr)
{
    return (cr[0x12] | (cr[7] & 0x02) << 7 | (cr[7] & 0x40) << 3) + 1;
}

static guint64 start_address(const guint8 *cr)
{
    return (guint64)(cr[0x0c] << 8 | cr[0x0d]) * 4;
}

/* The 16 colours of planes, of which some can be off. */
static void plane_colours(const guint8 *body, VgaMode *mode)
{
    for (guint i = 0; i < 16; i++) {
        mode->colours[i] = attribute_colour(body, i & body[AT_AR + 0x12]);
    }
}

/* Modes such as 12h, in four planes, and 13h, with a byte for each pixel, which is two dots wide. */
static gboolean graphics_mode(const guint8 *body, VgaMode *mode, GError **error)
{
    const guint8 *cr = body + AT_CR, *gr = body + AT_GR;
    guint repeated = ((cr[9] & 0x1f) + 1) << (cr[9] >> 7);

    if ((cr[0x17] & 3) != 3 || (gr[5] >> 5 & 3) == 1) {
        return not_known(error, "the VGA is in a graphics mode of CGA, which isn't known");
    }
    mode->bpp = gr[5] & 0x40 ? 8 : 4;
    mode->width = (cr[1] + 1) * 8 / (mode->bpp == 8 ? 2 : 1);
    mode->height = scan_lines(cr) / repeated;
    mode->stride = cr[0x13] << 3;
    mode->offset = start_address(cr);
    for (guint i = 0; mode->bpp == 8 && i < 256; i++) {
        mode->colours[i] = palette_colour(body, i);
    }
    if (mode->bpp == 4) {
        plane_colours(body, mode);
    }
    return TRUE;
}

static gboolean text_mode(const guint8 *body, VgaMode *mode, GError **error)
{
    const guint8 *cr = body + AT_CR, *sr = body + AT_SR, *ar = body + AT_AR;

    mode->text = TRUE;
    mode->cell_width = sr[1] & 8 ? 16 : sr[1] & 1 ? 8 : 9;
    mode->cell_height = (cr[9] & 0x1f) + 1;
    mode->width = cr[1] + 1;
    mode->height = scan_lines(cr) / mode->cell_height;
    mode->stride = cr[0x13] << 3;
    mode->offset = start_address(cr);
    mode->line_graphics = (ar[0x10] & 4) != 0;
    mode->fonts[0] = font_place((sr[3] >> 4 & 1) | (sr[3] << 1 & 6));
    mode->fonts[1] = font_place((sr[3] >> 5 & 1) | (sr[3] >> 1 & 6));
    for (guint i = 0; i < 16; i++) {
        mode->colours[i] = attribute_colour(body, i);
    }
    if (mode->cell_width == 16 || mode->height == 0) {
        return not_known(error, "the VGA is in a text mode of a size that isn't known");
    }
    return TRUE;
}

static gboolean vbe_mode(const guint8 *body, VgaMode *mode, GError **error)
{
    mode->width = vbe(body, VBE_XRES);
    mode->height = vbe(body, VBE_YRES);
    mode->bpp = vbe(body, VBE_BPP);
    mode->stride = bytes_u32(body + AT_VBE_LINE, TRUE);
    mode->offset = (guint64)bytes_u32(body + AT_VBE_START, TRUE) * 4;
    for (guint i = 0; i < 256; i++) {
        mode->colours[i] = palette_colour(body, i);
    }
    switch (mode->bpp) {
    case 4:
        plane_colours(body, mode);
        return TRUE;
    case 8:
    case 15:
    case 16:
    case 24:
    case 32:
        return TRUE;
    default:
        return not_known(error, "the VGA is in a mode whose number of bits a pixel isn't known");
    }
}

gboolean vga_find_mode(const guint8 *state, gsize length, const char *device, VgaMode *mode,
                       GError **error)
{
    const guint8 *body = find_section(state, length, device);

    memset(mode, 0, sizeof *mode);
    if (!body) {
        return not_known(error, "the device state has no registers of a standard VGA that can be "
                                "read for certain");
    }
    if (vbe(body, VBE_ENABLE) & VBE_ENABLED) {
        return vbe_mode(body, mode, error);
    }
    if (!(body[AT_AR_INDEX] & 0x20)) {
        return not_known(error, "the guest had its screen off");
    }
    if (body[AT_GR + 6] & 1) {
        return graphics_mode(body, mode, error);
    }
    return text_mode(body, mode, error);
}

/* Grey, or the default 16 colours of text. */
static void default_colours(VgaMode *mode)
{
    for (guint i = 0; i < 256; i++) {
        mode->colours[i] = i * 0x010101;
    }
    for (guint i = 0; mode->text && i < 16; i++) {
        guint32 high = i & 8 ? 0x555555 : 0;

        mode->colours[i] =
            high + (i & 4 ? 0xaa0000 : 0) + (i & 2 ? 0x00aa00 : 0) + (i & 1 ? 0x0000aa : 0);
    }
    if (mode->text) {
        mode->colours[6] = 0xaa5500;
    }
}

/* WIDTHxHEIGHTxBPP, of which the last can be "text". */
static gboolean parse_dimensions(const char *text, VgaMode *mode)
{
    g_auto(GStrv) parts = g_strsplit(text, "x", 3);
    guint64 width, height, bpp = 0;

    if (g_strv_length(parts) != 3 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 1, VGA_PIXELS_MAX, &width, NULL) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 1, VGA_PIXELS_MAX, &height, NULL)) {
        return FALSE;
    }
    mode->text = strcmp(parts[2], "text") == 0;
    if (!mode->text && (!g_ascii_string_to_unsigned(parts[2], 10, 8, 32, &bpp, NULL) ||
                        (bpp != 8 && bpp != 15 && bpp != 16 && bpp != 24 && bpp != 32))) {
        return FALSE;
    }
    mode->width = width;
    mode->height = height;
    mode->bpp = bpp;
    return TRUE;
}

gboolean vga_parse_mode(const char *text, VgaMode *mode, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    guint n = g_strv_length(parts);
    guint64 stride = 0, offset = 0;
    gboolean ok;

    memset(mode, 0, sizeof *mode);
    ok = n >= 1 && n <= 3 && parse_dimensions(parts[0], mode) &&
         (n < 2 || (number_parse(parts[1], 10, &stride) && stride <= G_MAXUINT32)) &&
         (n < 3 || (number_parse(parts[2], 10, &offset) && offset <= G_MAXUINT32));
    if (ok && n < 2) {
        stride = (guint64)mode->width * (mode->text ? 4 : (mode->bpp + 7) / 8);
    }
    if (!ok) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                            "--size wants WIDTHxHEIGHTxBPP[,STRIDE[,OFFSET]] with a BPP of 8, 15, "
                            "16, 24, 32 or text, e.g. 1024x768x32 or 80x25xtext");
        return FALSE;
    }
    mode->stride = stride;
    mode->offset = offset;
    mode->cell_width = 9;
    mode->cell_height = 16;
    mode->line_graphics = TRUE;
    default_colours(mode);
    return TRUE;
}

gboolean vga_extent(const VgaMode *mode, guint64 size, guint64 *first, guint64 *length,
                    GError **error)
{
    guint64 line = mode->bpp == 4 ? ((guint64)mode->width + 7) / 8 * 4
                                  : (guint64)mode->width * (mode->text ? 4 : (mode->bpp + 7) / 8);
    guint64 bytes = (guint64)mode->stride * (mode->height - 1) + line;
    guint64 room = mode->text ? MIN(size, VGA_TEXT_BYTES) : size;

    if (mode->width == 0 || mode->height == 0 || mode->width > VGA_PIXELS_MAX ||
        mode->height > VGA_PIXELS_MAX || line > mode->stride ||
        (mode->text && size < VGA_TEXT_BYTES) || mode->offset > room ||
        bytes > room - mode->offset) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "a screen of %ux%u with lines of %u bytes from 0x%" G_GINT64_MODIFIER
                    "x on is not in a videoram of 0x%" G_GINT64_MODIFIER "x bytes",
                    mode->width, mode->height, mode->stride, mode->offset, size);
        return FALSE;
    }
    *first = mode->text ? 0 : mode->offset;
    *length = mode->text ? room : bytes;
    return TRUE;
}
