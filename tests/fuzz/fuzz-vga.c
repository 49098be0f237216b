/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's device state: finds the video mode, and draws a screen with it. */
#include "fuzz.h"

#include "screen.h"

#define VIDEORAM (1U << 20)

/* A larger one takes longer, and shows nothing new. */
#define PIXELS_MAX (1U << 16)

static void try_screen(const VgaMode *mode)
{
    guint cell = mode->text ? mode->cell_width * mode->cell_height : 1;
    guint64 first, length;

    if (!vga_extent(mode, VIDEORAM, &first, &length, NULL)) {
        return;
    }
    g_assert(first + length <= VIDEORAM);
    if ((guint64)mode->width * mode->height * cell <= PIXELS_MAX) {
        g_autofree guint8 *bytes = g_malloc(length);

        for (guint64 i = 0; i < length; i++) {
            bytes[i] = (i >> 2) * 7 + i;
        }
        cairo_surface_destroy(screen_draw(mode, bytes));
        if (mode->text) {
            g_autofree char *text = screen_text(mode, bytes);

            g_assert(g_utf8_validate(text, -1, NULL));
        }
    }
}

static void try(const uint8_t *data, size_t size, const char *device)
{
    g_autoptr(GError) error = NULL;
    VgaMode mode;
    gboolean found = vga_find_mode(data, size, device, &mode, &error);

    g_assert(found == (error == NULL));
    if (found) {
        try_screen(&mode);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try(data, size, NULL);
    try(data, size, "0000:00:03.0");
    return 0;
}
