/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walker: reads savefiles and migration streams item by item; see docs/formats.md. */
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
 * A body that isn't asked for is skipped. In a seekable file that takes one read of 16 bytes for
 * each record, and no page data is read. In a pipe it takes bounded memory, and no byte after the
 * last item is read. Errors are XEN_PHYSMAP_ERROR. INVALID means that the format is broken, and
 * names the item, its offset and the reason. After an error, call only stream_cut and stream_close.
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
    STREAM_LEGACY_HEADER, /* header.version: 32 or 64, the toolstack's word size */
    STREAM_LEGACY_CHUNK,  /* type: a LegacyType */
    STREAM_END,           /* what is after it isn't part of the stream */
} StreamLayer;

typedef struct StreamItem {
    StreamLayer layer;
    guint32 type;
    guint64 offset;      /* of its first byte in the input */
    guint32 head;        /* the number of bytes before its body */
    guint64 length;      /* of its body, without padding */
    guint32 padding;     /* how many bytes follow the body */
    gboolean big_endian; /* the byte order in the body */
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

/* Starts at the descriptor's position. The caller keeps it. SYSTEM when it can't be read. */
Stream *stream_open(int fd, GError **error);
void stream_close(Stream *stream);

/* The same with a source, on which byte_source_peek may have been called; the stream closes it. */
Stream *stream_new(ByteSource *source);

/* A stream that takes longer than a second shows on a terminal how far it is. From now on none does. */
void stream_hide_progress(void);

/* The next item. After STREAM_END, every call returns STREAM_END. */
gboolean stream_next(Stream *stream, StreamItem *item, GError **error);

/*
 * The body of the item that stream_next returned last, without padding and with a NUL after it.
 * INVALID when it is longer than `most`. Call it once for an item. Free the body with g_free.
 */
guint8 *stream_body(Stream *stream, gsize most, GError **error);

/* The first reads the next `length` bytes of the item's body and padding, which must have as many.
 * The second skips the rest of the body. */
gboolean stream_read(Stream *stream, void *buffer, gsize length, GError **error);
gboolean stream_pass_body(Stream *stream, GError **error);

/* After the first, the second returns the item's bytes before its body; valid until the next
 * call. */
void stream_keep_heads(Stream *stream);
const guint8 *stream_head_bytes(Stream *stream);

/*
 * Makes the stream a filter: all that it takes goes to `fd` too, unchanged except by the calls
 * below. They change the item that was returned last: a libxl or libxc record or the legacy
 * toolstack chunk. Call them before or after stream_body. Without a tee they change nothing. When
 * stream_next returns the next item, the last one has gone to `fd`.
 */
void stream_tee(Stream *stream, int fd);

/* Replaces the item's body, and adjusts its length and padding. The item may also be the wrapper of
 * xl or libvirt. */
gboolean stream_replace(Stream *stream, const guint8 *body, gsize length, GError **error);

/* Leaves the item out. */
gboolean stream_remove(Stream *stream, GError **error);

/* Inserts another item of the same layer before this one, of which only the head may have been
 * read. */
void stream_insert(Stream *stream, guint32 type, const guint8 *body, gsize length);

/* After STREAM_END or a cut: sends the rest of the input to the tee. */
gboolean stream_rest(Stream *stream, GError **error);

/* The callbacks of stream_pages. */
typedef struct StreamPages {
    /* Called with each pfn of the list, in its order, and whether the item has a page for it. TRUE
     * asks for the page. */
    gboolean (*named)(guint64 pfn, gboolean stored, gpointer data);
    /* Called with each page that was asked for, in the same order. FALSE, with an error, stops. May
     * be NULL when `named` never asks. */
    gboolean (*page)(guint64 pfn, const guint8 *page, gpointer data, GError **error);
    gpointer data;
} StreamPages;

/*
 * Goes through the pages of the PAGE_DATA or LEGACY_PAGES that stream_next returned last, in
 * bounded memory. From a seekable input, only the pages asked for are read. INVALID when the list
 * contradicts itself or the item's length. Call it once for an item, and not together with
 * stream_body.
 */
gboolean stream_pages(Stream *stream, const StreamPages *pages, GError **error);

/* In the callback `page`: the output gets this page instead. */
void stream_put_page(Stream *stream, const guint8 *page);

/* TRUE when the item has pages. */
gboolean stream_has_pages(const StreamItem *item);

/* The number of complete states of a checkpointed guest so far. */
guint stream_checkpoints(const Stream *stream);

/*
 * TRUE when the last call failed because the input ended after a complete checkpoint, as a
 * checkpointed stream does when its sender dies. What came up to that checkpoint counts.
 */
gboolean stream_cut(const Stream *stream);

gboolean stream_seekable(const Stream *stream);

/* The position in the input. */
guint64 stream_offset(const Stream *stream);

/* The name of the item's type in the specifications, such as "PAGE_DATA"; otherwise "(optional)" or
 * "of unknown type". */
const char *stream_item_name(const StreamItem *item);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_close)

#endif
