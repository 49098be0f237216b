/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Savefile wrappers: xl's and libvirt's headers, XAPI's records. */
#include "stream-layers.h"

#include <string.h>

#include "fail.h"
#include "foreign-format.h"

/* A longer configuration must be forged. */
#define CONFIG_MAX (64U << 20)

/* The length of a string literal that has NULs within. */
#define LENGTH(literal) (sizeof(literal) - 1)

static gboolean check_config(const StreamItem *item, GError **error)
{
    return item->length <= CONFIG_MAX ||
           stream_invalid(item, error,
                          "its configuration is %" G_GUINT64_FORMAT " bytes long, and more than "
                          "%u is refused",
                          item->length, CONFIG_MAX);
}

/* Reads a head that starts with a magic. */
static gboolean magic_head(Stream *stream, StreamItem *item, guint8 *head, gsize length,
                           const char *magic, gsize magic_length, GError **error)
{
    if (!stream_head(stream, item, head, length, error)) {
        return FALSE;
    }
    if (memcmp(head, magic, magic_length) != 0) {
        return stream_invalid(item, error, "its magic is damaged");
    }
    return TRUE;
}

static gboolean xl_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[48];
    guint32 mandatory;

    item->type = WRAPPER_XL;
    if (!magic_head(stream, item, head, sizeof head, XL_MAGIC, LENGTH(XL_MAGIC), error)) {
        return FALSE;
    }
    item->big_endian = bytes_u32(head + 32, TRUE) == XL_BYTEORDER;
    if (bytes_u32(head + 32, item->big_endian) != XL_BYTEORDER) {
        return stream_invalid(item, error,
                              "its byteorder is 0x%08x, not 0x%08x in either byte order",
                              bytes_u32(head + 32, FALSE), XL_BYTEORDER);
    }
    mandatory = bytes_u32(head + 36, item->big_endian);
    if (mandatory & ~XL_FLAGS_KNOWN) {
        return stream_invalid(item, error, "it has mandatory flags 0x%x that are not known",
                              mandatory & ~XL_FLAGS_KNOWN);
    }
    item->flags.mandatory = mandatory;
    item->flags.optional = bytes_u32(head + 40, item->big_endian);
    item->length = bytes_u32(head + 44, item->big_endian);
    stream->layer = mandatory & XL_FLAG_STREAM_V2 ? STREAM_LIBXL_HEADER : STREAM_LEGACY_HEADER;
    return check_config(item, error);
}

static gboolean libvirt_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[64];
    guint32 version;

    item->type = WRAPPER_LIBVIRT;
    if (!magic_head(stream, item, head, sizeof head, LIBVIRT_MAGIC, LENGTH(LIBVIRT_MAGIC), error)) {
        return FALSE;
    }
    version = bytes_u32(head + 16, FALSE);
    if (version > 0xffff) {
        item->big_endian = TRUE;
        version = bytes_u32(head + 16, TRUE);
    }
    if (version < 1 || version > 2) {
        return stream_invalid(item, error, "version %u; only 1 and 2 are known", version);
    }
    item->length = bytes_u32(head + 20, item->big_endian);
    stream->layer = version == LIBVIRT_STREAM_V2 ? STREAM_LIBXL_HEADER : STREAM_LEGACY_HEADER;
    return check_config(item, error);
}

static gboolean xapi_magic_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[LENGTH(XAPI_MAGIC)];

    item->type = WRAPPER_XAPI;
    if (!magic_head(stream, item, head, sizeof head, XAPI_MAGIC, LENGTH(XAPI_MAGIC), error)) {
        return FALSE;
    }
    stream->in_xapi = TRUE;
    stream->layer = STREAM_XAPI_RECORD;
    return TRUE;
}

static const char *wrapper_name(const StreamItem *item)
{
    return item->type == WRAPPER_XL ? "xl" : item->type == WRAPPER_LIBVIRT ? "libvirt" : "xapi";
}

static gboolean libxl_next(Stream *stream, StreamItem *item, GError **error)
{
    return stream_next_of(stream, STREAM_LIBXL_HEADER, item, error);
}

static gboolean libxc_next(Stream *stream, StreamItem *item, GError **error)
{
    return stream_next_of(stream, STREAM_LIBXC_HEADER, item, error);
}

/* It is none of the above; `got` bytes of it were seen. */
static gboolean refuse(Stream *stream, gsize got, GError **error)
{
    const guint8 *bytes;
    const char *what;

    if (got == 0) {
        return invalid(error, "the input is empty");
    }
    if (!byte_source_peek(stream->source, FOREIGN_FORMAT_BYTES, &bytes, &got, error)) {
        return FALSE;
    }
    what = foreign_format_describe(bytes, got);
    if (what) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "this is not a savefile: it is %s", what);
    } else {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                            "this is not a savefile: it starts neither as one of xl, libvirt or "
                            "XAPI, nor as a libxl or libxc stream");
    }
    return FALSE;
}

static gboolean wrapper_next(Stream *stream, StreamItem *item, GError **error)
{
    /* Eight bytes are enough to tell all wrappers apart. */
    static const struct {
        char start[9];
        gboolean (*next)(Stream *stream, StreamItem *item, GError **error);
    } formats[] = {
        { "Xen save", xl_next },
        { "libvirt-", libvirt_next },
        { "XenSaved", xapi_magic_next },
        { LIBXL_MAGIC, libxl_next },
        { "\xff\xff\xff\xff\xff\xff\xff\xff", libxc_next },
    };
    const guint8 *bytes;
    gsize got;

    if (!byte_source_peek(stream->source, 8, &bytes, &got, error)) {
        return FALSE;
    }
    for (guint i = 0; got >= 8 && i < G_N_ELEMENTS(formats); i++) {
        if (memcmp(bytes, formats[i].start, 8) == 0) {
            return formats[i].next(stream, item, error);
        }
    }
    return refuse(stream, got, error);
}

static const struct {
    XapiType type;
    const char *name;
    StreamLayer stream; /* what follows it directly, instead of a body; 0: nothing */
} xapi_records[] = {
    { XAPI_XENOPS, "Xenops", 0 },
    { XAPI_LIBXC, "Libxc", STREAM_LIBXC_HEADER },
    { XAPI_LIBXL, "Libxl", STREAM_LIBXL_HEADER },
    { XAPI_LIBXC_LEGACY, "Libxc_legacy", STREAM_LEGACY_HEADER },
    { XAPI_QEMU_TRADITIONAL, "Qemu_trad", 0 },
    { XAPI_QEMU_UPSTREAM, "Qemu_xen", 0 },
    { XAPI_VGPU, "Demu", 0 },
    { XAPI_VARSTORED, "Varstored", 0 },
    { XAPI_SWTPM_OLD, "Swtpm0", 0 },
    { XAPI_SWTPM, "Swtpm", 0 },
    { XAPI_END, "End_of_image", 0 },
};

static const char *xapi_name(const StreamItem *item)
{
    for (guint i = 0; i < G_N_ELEMENTS(xapi_records); i++) {
        if (xapi_records[i].type == item->type) {
            return xapi_records[i].name;
        }
    }
    return NULL;
}

/* The stream within an XAPI image. A second one would be a second guest. */
static gboolean xapi_stream(Stream *stream, StreamItem *item, StreamLayer layer, GError **error)
{
    if (stream->xapi_stream_seen) {
        return stream_invalid(item, error, "it is the second stream");
    }
    stream->xapi_stream_seen = TRUE;
    stream->layer = layer;
    item->length = 0;
    return TRUE;
}

static gboolean xapi_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[16];
    guint64 type;

    item->type = G_MAXUINT32;
    if (!stream_head(stream, item, head, sizeof head, error)) {
        return FALSE;
    }
    type = bytes_u64(head, FALSE);
    item->length = bytes_u64(head + 8, FALSE);
    item->type = MIN(type, G_MAXUINT32);
    for (guint i = 0; i < G_N_ELEMENTS(xapi_records); i++) {
        if (xapi_records[i].type == item->type && xapi_records[i].stream) {
            return xapi_stream(stream, item, xapi_records[i].stream, error);
        }
    }
    if (!xapi_name(item)) {
        return stream_invalid(item, error, "its type is 0x%" G_GINT64_MODIFIER "x", type);
    }
    if (item->type == XAPI_END) {
        if (item->length != 0) {
            return stream_invalid(item, error, "its length is %" G_GUINT64_FORMAT ", and not 0",
                                  item->length);
        }
        stream->layer = STREAM_END;
    }
    /* A device model's state has some MiB. Larger numbers could overflow an offset. */
    if (item->length > G_MAXINT32) {
        return stream_invalid(item, error,
                              "its length is %" G_GUINT64_FORMAT ", and more than %d is refused",
                              item->length, G_MAXINT32);
    }
    return TRUE;
}

const StreamLayerOps stream_wrapper_ops = { "wrapper of", wrapper_name, wrapper_next };
const StreamLayerOps stream_xapi_ops = { "XAPI record", xapi_name, xapi_next };
