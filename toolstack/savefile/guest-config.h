/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's configuration, which its toolstack put into the savefile. */
#ifndef XEN_PHYSMAP_GUEST_CONFIG_H
#define XEN_PHYSMAP_GUEST_CONFIG_H

#include <xen-physmap/table.h>

#include "stream.h"

/* A longer one is not parsed; those that toolstacks write have a few KiB. */
#define GUEST_CONFIG_MAX (1U << 20)

typedef enum { CONFIG_UNKNOWN, CONFIG_PV, CONFIG_HVM, CONFIG_PVH } GuestConfigType;

/* What isn't known is NULL, 0 or UNKNOWN. Strings are as they are in the file: escape them. */
typedef struct GuestConfig {
    GuestConfigType type;
    char *name, *uuid;
    guint64 memory; /* the most that the guest may have, videoram included; all in bytes */
    guint64 target; /* its current target */
    guint64 video;
    guint64 low_ram_end; /* where RAM below 4 GiB ends, if it has that much */
    char *vga;           /* "std", "cirrus", "qxl", "none" */
    GPtrArray *disks;    /* of strings: device, then what it is */
    GPtrArray *cards;    /* of strings: network cards, by MAC address */
    const char *format;  /* of the text: "json" or "xml" */
    char *text;          /* the whole text */
} GuestConfig;

/*
 * Reads the body of the STREAM_WRAPPER that stream_next gave last. *config is NULL when the wrapper
 * has none that can be read here; *problem says what is wrong with one that is invalid, and is an
 * error of its own. FALSE when the stream can't be read.
 */
gboolean guest_config_read(Stream *stream, const StreamItem *item, GuestConfig **config,
                           GError **problem, GError **error);

/* The same of the text alone, of this wrapper; NULL when it is invalid. */
GuestConfig *guest_config_parse(StreamWrapper wrapper, const char *text, gsize length,
                                GError **error);

/* Where RAM ends below 4 GiB, and above (4 GiB: there is none); 0 when it isn't known. */
guint64 guest_config_low_ram(const GuestConfig *config);
guint64 guest_config_high_ram(const GuestConfig *config);

/*
 * The same with these records: QEMU allocates the first block where RAM ends, and what the
 * configuration says may have been changed since. Without a configuration nothing is known.
 */
void guest_config_find_ram(const GuestConfig *config, const XenPhysmapTable *table, guint64 *low,
                           guint64 *high);

void guest_config_free(GuestConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestConfig, guest_config_free)

#endif
