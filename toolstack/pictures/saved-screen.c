/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the record of the framebuffer, and the mode in the device model's state. */
#include "saved-screen.h"

#include <string.h>
#include <unistd.h>

#include "screen.h"

/* The memory region of the framebuffer, for all cards but one that QEMU offers a Xen guest. */
#define VIDEORAM "vga.vram"

/* QEMU's state has less than a MiB, or more with many CPUs. A longer one isn't read. */
#define STATE_MAX (16U << 20)

const XenPhysmapRecord *saved_screen_videoram(const XenPhysmapTable *table, GError **error)
{
    const XenPhysmapRecord *record, *found = NULL;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        if (strcmp(xen_physmap_region_name(record->name), VIDEORAM) == 0) {
            if (found) {
                g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                                    "there are several records of " VIDEORAM
                                    "; take one out by xen-physmap extract");
                return NULL;
            }
            found = record;
        }
    }
    if (!found) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                            "there is no record of " VIDEORAM
                            ", so nothing tells where the screen is");
    }
    return found;
}

gboolean saved_screen_mode(int fd, const Savefile *contents, const XenPhysmapRecord *record,
                           VgaMode *mode, GError **error)
{
    const char *slash = strrchr(record->name, '/');
    g_autofree char *device = slash ? g_strndup(record->name, slash - record->name) : NULL;
    g_autofree guint8 *state = NULL;
    gsize length = 0;

    for (guint i = 0; i < contents->carriers->len && !state; i++) {
        const StreamItem *item = &((const Carrier *)contents->carriers->pdata[i])->item;

        if (item->layer == STREAM_LIBXL_RECORD && item->type == LIBXL_EMULATOR_CONTEXT &&
            item->length <= STATE_MAX) {
            length = item->length;
            state = g_malloc(length);
            if (pread(fd, state, length, item->offset + item->head) != (gssize)length) {
                length = 0;
            }
        }
    }
    return vga_find_mode(state, length, device, mode, error);
}

gboolean saved_screen_extent(const VgaMode *mode, guint64 size, guint64 *first, guint64 *length,
                             GError **error)
{
    guint64 memory;

    if (!vga_extent(mode, size, first, length, error)) {
        return FALSE;
    }
    memory = *length + screen_memory(mode);
    if (memory > SCREEN_MEMORY_MAX) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "a picture of %ux%u with %u bits per pixel and lines of %u bytes takes "
                    "%" G_GUINT64_FORMAT " MiB of memory, and more than %u is refused; take the "
                    "videoram out by xen-physmap extract",
                    mode->width, mode->height, mode->bpp, mode->stride, memory >> 20,
                    SCREEN_MEMORY_MAX >> 20);
        return FALSE;
    }
    return TRUE;
}
