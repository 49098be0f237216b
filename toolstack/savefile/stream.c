/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walker: returns each item, and skips what isn't wanted. The layers do the rest. */
#include "stream-layers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "number.h"

static const char *end_name(const StreamItem *item)
{
    (void)item;
    return "end";
}

static gboolean end_next(Stream *stream, StreamItem *item, GError **error)
{
    (void)stream;
    (void)item;
    (void)error;
    return TRUE;
}

static const StreamLayerOps end_ops = { "the stream's", end_name, end_next };

static const StreamLayerOps *const layers[] = {
    [STREAM_WRAPPER] = &stream_wrapper_ops,
    [STREAM_XAPI_RECORD] = &stream_xapi_ops,
    [STREAM_LIBXL_HEADER] = &stream_libxl_header_ops,
    [STREAM_LIBXL_RECORD] = &stream_libxl_ops,
    [STREAM_LIBXC_HEADER] = &stream_libxc_header_ops,
    [STREAM_DOMAIN_HEADER] = &stream_domain_header_ops,
    [STREAM_LIBXC_RECORD] = &stream_libxc_ops,
    [STREAM_LEGACY_HEADER] = &stream_legacy_header_ops,
    [STREAM_LEGACY_CHUNK] = &stream_legacy_ops,
    [STREAM_END] = &end_ops,
};

Stream *stream_open(int fd, GError **error)
{
    ByteSource *source = byte_source_open(fd, error);

    return source ? stream_new(source) : NULL;
}

static gboolean progress_hidden;

void stream_hide_progress(void)
{
    progress_hidden = TRUE;
}

Stream *stream_new(ByteSource *source)
{
    Stream *stream = g_new0(Stream, 1);

    stream->source = source;
    stream->layer = STREAM_WRAPPER;
    stream->shown_at = !progress_hidden && isatty(STDERR_FILENO) ? g_get_monotonic_time() : 0;
    return stream;
}

/* Shows how far it is, once a second. */
static void show_progress(Stream *stream)
{
    gint64 now = g_get_monotonic_time();

    if (now - stream->shown_at >= G_USEC_PER_SEC) {
        guint64 done = byte_source_offset(stream->source), size = byte_source_size(stream->source);

        fprintf(stderr, "\r%" G_GUINT64_FORMAT " MiB read", done >> 20);
        if (size > 0) {
            fprintf(stderr, ", %d %%", (int)(100.0 * done / size));
        }
        stream->shown_at = now;
        stream->shown = TRUE;
    }
}

static void clear_progress(Stream *stream)
{
    if (stream->shown) {
        fputs("\r\033[K", stderr);
        stream->shown = FALSE;
    }
}

void stream_close(Stream *stream)
{
    if (stream) {
        clear_progress(stream);
        byte_source_close(stream->source);
        g_free(stream->batch);
        g_free(stream);
    }
}

guint stream_checkpoints(const Stream *stream)
{
    return stream->checkpoints;
}

gboolean stream_cut(const Stream *stream)
{
    return stream->checkpoints > 0 && byte_source_ended(stream->source);
}

gboolean stream_seekable(const Stream *stream)
{
    return byte_source_seekable(stream->source);
}

guint64 stream_offset(const Stream *stream)
{
    return byte_source_offset(stream->source);
}

const char *stream_header_name(const StreamItem *item)
{
    (void)item;
    return "header";
}

const char *stream_item_name(const StreamItem *item)
{
    const char *name = layers[item->layer]->name(item);

    if (name) {
        return name;
    }
    return (item->layer == STREAM_LIBXL_RECORD || item->layer == STREAM_LIBXC_RECORD) &&
                   item->type & STREAM_OPTIONAL
               ? "(optional)"
               : "of unknown type";
}

/* The item's name for messages, such as "libxc record PAGE_DATA at 0x1000". */
static char *describe(const StreamItem *item)
{
    return g_strdup_printf("%s %s at " HEX, layers[item->layer]->title, stream_item_name(item),
                           item->offset);
}

gboolean stream_invalid(const StreamItem *item, GError **error, const char *format, ...)
{
    g_autofree char *where = describe(item);
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    return invalid(error, "%s: %s", where, reason);
}

/* Puts the item's name before an error of the source. */
static gboolean prefixed(const StreamItem *item, gboolean ok, GError **error)
{
    if (!ok) {
        g_autofree char *where = describe(item);

        g_prefix_error(error, "%s: ", where);
    }
    return ok;
}

gboolean stream_head(Stream *stream, StreamItem *item, void *buffer, gsize length, GError **error)
{
    item->head += length;
    return prefixed(item, byte_source_read(stream->source, buffer, length, error), error);
}

StreamLayer stream_after(const Stream *stream)
{
    return stream->in_xapi ? STREAM_XAPI_RECORD : STREAM_END;
}

gboolean stream_record(Stream *stream, StreamItem *item, gboolean (*wants)(guint32 type),
                       guint8 body[8], GError **error)
{
    const guint8 *bytes;
    guint8 head[8];
    gsize got;

    if (!byte_source_peek(stream->source, sizeof head, &bytes, &got, error)) {
        return FALSE;
    }
    if (got < sizeof head) {
        /* There is no type yet to name in the message. */
        g_autofree char *where =
            g_strdup_printf("%s at " HEX, layers[item->layer]->title, item->offset);

        byte_source_read(stream->source, head, sizeof head, error);
        g_prefix_error(error, "%s: ", where);
        return FALSE;
    }
    item->type = bytes_u32(bytes, item->big_endian);
    item->length = bytes_u32(bytes + 4, item->big_endian);
    item->padding = -item->length & 7;
    if (item->length < 8 || !wants(item->type)) {
        return stream_head(stream, item, head, sizeof head, error);
    }
    if (!byte_source_peek(stream->source, sizeof head + 8, &bytes, &got, error)) {
        return FALSE;
    }
    if (got < sizeof head + 8) {
        return stream_head(stream, item, head, sizeof head, error) &&
               stream_head(stream, item, head, sizeof head, error);
    }
    memcpy(body, bytes + sizeof head, 8);
    return stream_head(stream, item, head, sizeof head, error);
}

/* Skips the rest of the item that was returned last, and sends the item to the tee. */
static gboolean finish_item(Stream *stream, GError **error)
{
    guint64 left = stream->left;

    stream->left = 0;
    return prefixed(&stream->item,
                    byte_source_skip(stream->source, left, error) &&
                        byte_source_flush(stream->source, error),
                    error);
}

gboolean stream_next_of(Stream *stream, StreamLayer layer, StreamItem *item, GError **error)
{
    item->layer = layer;
    return layers[layer]->next(stream, item, error);
}

static gboolean next_item(Stream *stream, StreamItem *item, GError **error)
{
    if (!finish_item(stream, error)) {
        return FALSE;
    }
    memset(item, 0, sizeof *item);
    item->offset = byte_source_offset(stream->source);
    if (!stream_next_of(stream, stream->layer, item, error) ||
        !prefixed(item, byte_source_check(stream->source, item->length + item->padding, error),
                  error)) {
        return FALSE;
    }
    stream->left = item->length + item->padding;
    stream->item = *item;
    return TRUE;
}

gboolean stream_next(Stream *stream, StreamItem *item, GError **error)
{
    gboolean ok = next_item(stream, item, error);

    if (!ok || item->layer == STREAM_END) {
        clear_progress(stream);
    } else if (stream->shown_at) {
        show_progress(stream);
    }
    return ok;
}

guint8 *stream_body(Stream *stream, gsize most, GError **error)
{
    gsize length = stream->item.length;
    g_autofree guint8 *body = NULL;

    g_return_val_if_fail(stream->left == length + stream->item.padding, NULL);
    if (stream->item.length > most) {
        stream_invalid(&stream->item, error,
                       "its length is %" G_GUINT64_FORMAT ", and more than %" G_GSIZE_FORMAT
                       " is refused",
                       stream->item.length, most);
        return NULL;
    }
    body = g_malloc(length + 1);
    body[length] = '\0';
    return stream_read(stream, body, length, error) ? g_steal_pointer(&body) : NULL;
}

gboolean stream_read(Stream *stream, void *buffer, gsize length, GError **error)
{
    g_return_val_if_fail(length <= stream->left, FALSE);
    stream->left -= length;
    if (!prefixed(&stream->item, byte_source_read(stream->source, buffer, length, error), error)) {
        return FALSE;
    }
    if (stream->heads_only) {
        g_byte_array_set_size(byte_source_held(stream->source), stream->item.head);
    }
    return TRUE;
}

gboolean stream_pass_body(Stream *stream, GError **error)
{
    guint64 length = stream->left - stream->item.padding;

    stream->left -= length;
    return prefixed(&stream->item, byte_source_skip(stream->source, length, error), error);
}

void stream_keep_heads(Stream *stream)
{
    stream->heads_only = TRUE;
    byte_source_hold(stream->source);
}

const guint8 *stream_head_bytes(Stream *stream)
{
    return byte_source_held(stream->source)->data;
}

void stream_tee(Stream *stream, int fd)
{
    byte_source_tee(stream->source, fd);
}

gboolean stream_rest(Stream *stream, GError **error)
{
    return byte_source_rest(stream->source, error);
}

/* The header of libxl and libxc records and of the legacy toolstack chunk: type and length;
 * the chunk has no padding. */
static GByteArray *framed(const StreamItem *item, guint32 type, const guint8 *body, gsize length)
{
    GByteArray *bytes = g_byte_array_sized_new(8 + length + 8);
    guint8 head[8];

    bytes_put_u32(head, type, item->big_endian);
    bytes_put_u32(head + 4, length, item->big_endian);
    g_byte_array_append(bytes, head, sizeof head);
    g_byte_array_append(bytes, body, length);
    if (item->layer != STREAM_LEGACY_CHUNK) {
        g_byte_array_append(bytes, (const guint8 *)"\0\0\0\0\0\0\0", -length & 7);
    }
    return bytes;
}

gboolean stream_remove(Stream *stream, GError **error)
{
    GByteArray *held = byte_source_held(stream->source);
    guint64 left = stream->left;

    if (held) {
        g_byte_array_set_size(held, 0);
    }
    stream->left = 0;
    return prefixed(&stream->item, byte_source_drop(stream->source, left, error), error);
}

void stream_insert(Stream *stream, guint32 type, const guint8 *body, gsize length)
{
    GByteArray *held = byte_source_held(stream->source);

    if (held) {
        g_autoptr(GByteArray) bytes = framed(&stream->item, type, body, length);

        g_byte_array_prepend(held, bytes->data, bytes->len);
    }
}

/* The head of a wrapper has more in it than a length. */
static gboolean replace_config(Stream *stream, const guint8 *body, gsize length, GError **error)
{
    const StreamItem *item = &stream->item;
    GByteArray *held = byte_source_held(stream->source);
    guint8 *head = held ? g_memdup2(held->data, item->head) : NULL;
    gboolean ok = stream_remove(stream, error);

    if (ok && held) {
        bytes_put_u32(head + (item->type == WRAPPER_XL ? 44 : 20), length, item->big_endian);
        g_byte_array_append(held, head, item->head);
        g_byte_array_append(held, body, length);
    }
    g_free(head);
    return ok;
}

gboolean stream_replace(Stream *stream, const guint8 *body, gsize length, GError **error)
{
    if (stream->item.layer == STREAM_WRAPPER) {
        return replace_config(stream, body, length, error);
    }
    if (!stream_remove(stream, error)) {
        return FALSE;
    }
    stream_insert(stream, stream->item.type, body, length);
    return TRUE;
}
