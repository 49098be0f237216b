/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the walker in stream.c and the layers, and private to them. */
#ifndef XEN_PHYSMAP_STREAM_LAYERS_H
#define XEN_PHYSMAP_STREAM_LAYERS_H

#include "bytes.h"
#include "byte-source.h"
#include "stream.h"

/* One layer of the format. This is all that the walker knows of a layer. */
typedef struct StreamLayerOps {
    const char *title; /* precedes an item's name in messages */
    /* The name of an item; NULL when its type isn't known. */
    const char *(*name)(const StreamItem *item);
    /* Reads the next item, and sets the layer of the one after it. */
    gboolean (*next)(Stream *stream, StreamItem *item, GError **error);
} StreamLayerOps;

struct Stream {
    ByteSource *source;
    StreamLayer layer;   /* the layer of the next item */
    StreamItem item;     /* the item that was returned last */
    guint64 left;        /* bytes of it that weren't taken, padding included */
    gint64 shown_at;     /* when progress was shown last; 0: it isn't to be shown */
    gboolean shown;      /* it is on the terminal */
    gboolean heads_only; /* the source keeps the item's head after reading it */
    gboolean in_xapi;    /* after the stream, XAPI's records go on */
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

    guint legacy_part;        /* what of a legacy stream comes next */
    gsize word;               /* of a legacy stream's toolstack, in bytes */
    guint64 *batch;           /* pfns of the legacy batch that was returned last */
    gboolean last_checkpoint; /* a legacy stream ends with this tail */
};

extern const StreamLayerOps stream_wrapper_ops, stream_xapi_ops;
extern const StreamLayerOps stream_libxl_header_ops, stream_libxl_ops;
extern const StreamLayerOps stream_libxc_header_ops, stream_domain_header_ops, stream_libxc_ops;
extern const StreamLayerOps stream_legacy_header_ops, stream_legacy_ops;

/* Makes this the layer of the next item. */
gboolean stream_next_of(Stream *stream, StreamLayer layer, StreamItem *item, GError **error);

/* The layer after the END of a stream that may be within XAPI's. */
StreamLayer stream_after(const Stream *stream);

/* The name of any header item. */
const char *stream_header_name(const StreamItem *item);

/* Takes the next `length` bytes as the head of the item, or as the next part of it. */
gboolean stream_head(Stream *stream, StreamItem *item, void *buffer, gsize length, GError **error);

/* Reads the header of a libxl or libxc record. *body gets the first 8 bytes of the body, if it has
 * as many and the caller wants them for this type. */
gboolean stream_record(Stream *stream, StreamItem *item, gboolean (*wants)(guint32 type),
                       guint8 body[8], GError **error);

/* Sets INVALID, with the item's name, its offset and the reason, and returns FALSE. */
gboolean stream_invalid(const StreamItem *item, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

#endif
