/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers in a file, in either byte order, and not aligned. */
#ifndef XEN_PHYSMAP_BYTES_H
#define XEN_PHYSMAP_BYTES_H

#include <string.h>

#include <glib.h>

static inline guint16 bytes_u16(const void *bytes, gboolean big_endian)
{
    guint16 value;

    memcpy(&value, bytes, sizeof value);
    return big_endian ? GUINT16_FROM_BE(value) : GUINT16_FROM_LE(value);
}

static inline guint32 bytes_u32(const void *bytes, gboolean big_endian)
{
    guint32 value;

    memcpy(&value, bytes, sizeof value);
    return big_endian ? GUINT32_FROM_BE(value) : GUINT32_FROM_LE(value);
}

static inline guint64 bytes_u64(const void *bytes, gboolean big_endian)
{
    guint64 value;

    memcpy(&value, bytes, sizeof value);
    return big_endian ? GUINT64_FROM_BE(value) : GUINT64_FROM_LE(value);
}

static inline void bytes_put_u32(void *bytes, guint32 value, gboolean big_endian)
{
    value = big_endian ? GUINT32_TO_BE(value) : GUINT32_TO_LE(value);
    memcpy(bytes, &value, sizeof value);
}

static inline gboolean bytes_are_zero(const guint8 *bytes, gsize length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

#endif
