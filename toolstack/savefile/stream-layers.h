/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the layers of a stream share with the walker in stream.c, and nobody else sees. */
#ifndef XEN_PHYSMAP_STREAM_LAYERS_H
#define XEN_PHYSMAP_STREAM_LAYERS_H

#include "bytes.h"
#include "byte-source.h"
#include "stream.h"

/* Reads the next item of one layer. */
typedef gboolean (*StreamLayerFunc)(Stream *stream, StreamItem *item, GError **error);

struct Stream {
    ByteSource *source;
    StreamLayerFunc next; /* the layer that the next item is of */
    StreamItem item;      /* the one that was given out last */
    guint64 left;         /* bytes of it, padding included, that weren't taken */
    gboolean heads_only;  /* of what is read, the source keeps an item's head */
    gboolean in_xapi;     /* after the stream, XAPI's records go on */
    gboolean xapi_stream_seen;
    guint checkpoints;

    gboolean libxl; /* the libxc stream is within a libxl one */
    gboolean libxl_big_endian;
    gboolean libxc_seen;
    gboolean in_checkpoint; /* between libxc's CHECKPOINT and libxl's CHECKPOINT_END */

    gboolean libxc_big_endian;
    guint32 libxc_version;
    guint32 guest;
    gboolean static_data_ended;
    gboolean after_checkpoint; /* a CHECKPOINT_END was the last item */

    gsize word;               /* of a legacy stream's toolstack, in bytes */
    guint64 *batch;           /* pfns of the legacy batch that was given out last */
    gboolean last_checkpoint; /* a legacy stream ends with this tail */
};

gboolean stream_wrapper_next(Stream *stream, StreamItem *item, GError **error);
gboolean stream_xapi_next(Stream *stream, StreamItem *item, GError **error);
gboolean stream_libxl_header_next(Stream *stream, StreamItem *item, GError **error);
gboolean stream_libxl_next(Stream *stream, StreamItem *item, GError **error);
gboolean stream_libxc_header_next(Stream *stream, StreamItem *item, GError **error);
gboolean stream_libxc_next(Stream *stream, StreamItem *item, GError **error);
gboolean stream_legacy_header_next(Stream *stream, StreamItem *item, GError **error);

/* Where it goes on after the END of a stream that may be within XAPI's. */
StreamLayerFunc stream_after(const Stream *stream);

/* Takes the next `length` bytes as (a further part of) the head of the item. */
gboolean stream_head(Stream *stream, StreamItem *item, void *buffer, gsize length, GError **error);

/* Reads the frame that libxl's and libxc's records have. *body gets the body's first 8 bytes when
 * it has so many and the caller wants them for this type. */
gboolean stream_record(Stream *stream, StreamItem *item, gboolean (*wants)(guint32 type),
                       guint8 body[8], GError **error);

/* Sets INVALID with the item's name and offset ahead of the reason, and returns FALSE. */
gboolean stream_invalid(const StreamItem *item, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* The names of the types, NULL for one that isn't known. */
const char *stream_libxc_name(guint32 type);
const char *stream_legacy_name(guint32 type);
const char *stream_xapi_name(guint32 type);

#endif
