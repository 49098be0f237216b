/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Savefiles and migration streams, item by item; docs/formats.md says what they consist of. */
#ifndef XEN_PHYSMAP_STREAM_H
#define XEN_PHYSMAP_STREAM_H

#include "byte-source.h"
#include "stream-format.h"

/*
 * A pull parser over a file or a pipe:
 *
 *     g_autoptr(Stream) stream = stream_open(fd, &error);
 *     StreamItem item;
 *
 *     while (stream_next(stream, &item, &error) && item.layer != STREAM_END) {
 *         if (item.layer == STREAM_LIBXL_RECORD && item.type == LIBXL_EMULATOR_XENSTORE_DATA) {
 *             g_autofree guint8 *body = stream_body(stream, EMULATOR_BODY_MAX, &error);
 *             ...
 *
 * A body that isn't asked for is passed over: by arithmetic in a seekable file, with one read of 16
 * bytes a record and none of page data, and in bounded memory in a pipe. No byte behind the last
 * item is taken from a pipe. Every error is one of XEN_PHYSMAP_ERROR; INVALID, for what breaks the
 * format, names the item, its offset and the reason. After an error only stream_cut and
 * stream_close make sense.
 */
typedef struct Stream Stream;

typedef enum {
    STREAM_WRAPPER,       /* type: a StreamWrapper; body: the toolstack's configuration */
    STREAM_XAPI_RECORD,   /* type: a XapiType */
    STREAM_LIBXL_HEADER,  /* header */
    STREAM_LIBXL_RECORD,  /* type: a LibxlType */
    STREAM_LIBXC_HEADER,  /* header */
    STREAM_DOMAIN_HEADER, /* domain */
    STREAM_LIBXC_RECORD,  /* type: a LibxcType */
    STREAM_LEGACY_HEADER, /* header.version: 32 or 64, the toolstack's word */
    STREAM_LEGACY_CHUNK,  /* type: a LegacyType */
    STREAM_END,           /* what is behind it belongs to others */
} StreamLayer;

typedef struct StreamItem {
    StreamLayer layer;
    guint32 type;
    guint64 offset;      /* of its first byte in the input */
    guint32 head;        /* how many bytes are ahead of its body */
    guint64 length;      /* of its body, without padding */
    guint32 padding;     /* how many bytes follow the body */
    gboolean big_endian; /* the order of the numbers in the body */
    union {
        struct {
            guint32 mandatory;
            guint32 optional;
        } flags; /* of xl's wrapper */
        struct {
            guint32 version;
            guint32 options;
        } header;
        struct {
            guint32 guest; /* a StreamGuest */
            guint32 page_shift;
            guint32 xen_major;
            guint32 xen_minor;
        } domain;
        struct {
            guint32 named;  /* pfns in the record */
            guint32 stored; /* pages in the record */
        } pages;            /* of PAGE_DATA and LEGACY_PAGES */
        struct {
            guint32 id;
            guint32 index;
        } emulator; /* of the EMULATOR records; they are in the body too */
    };
} StreamItem;

/* Starts where the descriptor is now, which stays the caller's. SYSTEM when it can't be read. */
Stream *stream_open(int fd, GError **error);
void stream_close(Stream *stream);

/* The same with a source that may have been looked at; the stream closes it. */
Stream *stream_new(ByteSource *source);

/* The next item. Behind STREAM_END there are only further ones of it. */
gboolean stream_next(Stream *stream, StreamItem *item, GError **error);

/*
 * The body of the item that stream_next gave last, with its padding left out and a NUL behind it.
 * INVALID when it is longer than `most`. To be called once for an item. Free it with g_free.
 */
guint8 *stream_body(Stream *stream, gsize most, GError **error);

/* The next `length` bytes of the item's body and padding, and no more than there are; and all of
 * the body that wasn't read. */
gboolean stream_read(Stream *stream, void *buffer, gsize length, GError **error);
gboolean stream_pass_body(Stream *stream, GError **error);

/* Makes stream_head_bytes usable, which gives the item's bytes ahead of its body, until the next
 * call. */
void stream_keep_heads(Stream *stream);
const guint8 *stream_head_bytes(Stream *stream);

/*
 * A filter: all that the stream takes goes to `fd` as well, unchanged but for what the calls below
 * do to the item that was given out last. They may be made before or after stream_body, are for
 * records of libxl and libxc and the legacy toolstack chunk, and without a tee change nothing. An
 * item has gone to `fd` when stream_next gives the next one.
 */
void stream_tee(Stream *stream, int fd);

/* Gives the item another body; its length and padding follow. */
gboolean stream_replace(Stream *stream, const guint8 *body, gsize length, GError **error);

/* Leaves the item out. */
gboolean stream_remove(Stream *stream, GError **error);

/* Puts another item of the same layer ahead of this one, of which no more than its head may have
 * been read. */
void stream_insert(Stream *stream, guint32 type, const guint8 *body, gsize length);

/* Behind STREAM_END or a cut: sends all that is left of the input to the tee. */
gboolean stream_rest(Stream *stream, GError **error);

/* What a caller of stream_pages wants. */
typedef struct StreamPages {
    /* Called with each pfn of the list, in its order, and whether the item has a page of it. TRUE
     * asks for the page. */
    gboolean (*named)(guint64 pfn, gboolean stored, gpointer data);
    /* Called with each page that was asked for, in the same order; FALSE with an error stops. May
     * be NULL when `named` never asks. */
    gboolean (*page)(guint64 pfn, const guint8 *page, gpointer data, GError **error);
    gpointer data;
} StreamPages;

/*
 * Goes through the pages of the PAGE_DATA or LEGACY_PAGES that stream_next gave last, in bounded
 * memory; only pages that are asked for are read from a seekable input. INVALID when the list
 * contradicts itself or the item's length. To be called once for an item, and not with stream_body.
 */
gboolean stream_pages(Stream *stream, const StreamPages *pages, GError **error);

/* TRUE when the item has pages. */
gboolean stream_has_pages(const StreamItem *item);

/* How many of a checkpointed guest's states were complete so far. */
guint stream_checkpoints(const Stream *stream);

/*
 * TRUE when the last call failed because the input ended behind a complete checkpoint, which is how
 * a checkpointed stream ends when its sender dies. What came up to that checkpoint counts.
 */
gboolean stream_cut(const Stream *stream);

gboolean stream_seekable(const Stream *stream);

/* How many bytes of the input are behind us. */
guint64 stream_offset(const Stream *stream);

/* The item's type as the specifications call it, e.g. "PAGE_DATA"; when they don't, "(optional)"
 * or "of unknown type". */
const char *stream_item_name(const StreamItem *item);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_close)

#endif
