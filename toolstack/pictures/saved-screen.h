/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The screen of a saved guest: where it is, and in which mode. */
#ifndef XEN_PHYSMAP_SAVED_SCREEN_H
#define XEN_PHYSMAP_SAVED_SCREEN_H

#include "savefile.h"
#include "vga.h"

/* The limit for a picture, videoram included: 3840x2160 with 32 bits takes 32 MiB. */
#define SCREEN_MEMORY_MAX (48U << 20)

/* The one record of a framebuffer. NOT_FOUND when there is none, or several. */
const XenPhysmapRecord *saved_screen_videoram(const XenPhysmapTable *table, GError **error);

/* The mode that the device model's state in the savefile `fd` says. Errors as vga_find_mode. */
gboolean saved_screen_mode(int fd, const Savefile *contents, const XenPhysmapRecord *videoram,
                           VgaMode *mode, GError **error);

/* The bytes of videoram that the screen needs, as vga_extent. INVALID too when a picture of them takes
 * more than SCREEN_MEMORY_MAX. */
gboolean saved_screen_extent(const VgaMode *mode, guint64 size, guint64 *first, guint64 *length,
                             GError **error);

#endif
