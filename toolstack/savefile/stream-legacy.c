/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The streams of Xen 4.2 to 4.5, of a HVM guest: chunks, then the tail with QEMU's state. */
#include "stream-layers.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "legacy-blob.h"

#define BATCH_MAX 1024
#define VCPU_ID_MAX 4095
#define PAGELESS 13 /* types from here on have no page in the stream */

/* The lengths of Xen's context and QEMU's state: a few MiB at most. */
#define BLOB_MAX (128U << 20)

/* What the bodies of most chunks are: padding and one number. */
#define PARAMETER 12

/* The length of a body that starts with a field of its own length. */
#define COUNTED -1
#define REFUSED -2

static const struct {
    const char *name;
    int length;
} chunks[] = {
    [0] = { "end", 0 },
    [1] = { "verify mode", 0 },
    [2] = { "VCPU info", COUNTED },
    [3] = { "HVM ident_pt", PARAMETER },
    [4] = { "HVM vm86_tss", PARAMETER },
    [5] = { "tmem", REFUSED },
    [6] = { "tmem extra", REFUSED },
    [7] = { "TSC info", 20 },
    [8] = { "HVM console pfn", PARAMETER },
    [9] = { "last checkpoint", 0 },
    [10] = { "HVM ACPI ioports", PARAMETER },
    [11] = { "HVM viridian", PARAMETER },
    [12] = { "compressed data", REFUSED },
    [13] = { "enable compression", REFUSED },
    [14] = { "HVM generation id", PARAMETER },
    [15] = { "HVM paging ring", PARAMETER },
    [16] = { "HVM monitor ring", PARAMETER },
    [17] = { "HVM sharing ring", PARAMETER },
    [18] = { "TOOLSTACK", COUNTED },
    [19] = { "HVM ioreq server pfn", PARAMETER },
    [20] = { "HVM ioreq server pages", PARAMETER },
};

const char *stream_legacy_name(guint32 type)
{
    static const char *const others[] = {
        [LEGACY_PAGES] = "page batch",
        [LEGACY_MAGIC_PFNS] = "magic pfns",
        [LEGACY_HVM_CONTEXT] = "HVM context",
        [LEGACY_QEMU] = "QEMU state",
    };
    gint32 number = type;

    if (number > 0) {
        return number < (gint32)G_N_ELEMENTS(others) ? others[number] : NULL;
    }
    return number > -(gint32)G_N_ELEMENTS(chunks) ? chunks[-number].name : NULL;
}

/* Reads a u32 that tells how long the body is which follows it. */
static gboolean counted(Stream *stream, StreamItem *item, GError **error)
{
    guint32 most = item->type == (guint32)LEGACY_TOOLSTACK ? LEGACY_BLOB_MAX : BLOB_MAX;
    guint8 field[4];

    if (!stream_head(stream, item, field, sizeof field, error)) {
        return FALSE;
    }
    item->length = bytes_u32(field, FALSE);
    if (item->length > most) {
        return stream_invalid(item, error,
                              "its length is %" G_GUINT64_FORMAT ", and %u is the most",
                              item->length, most);
    }
    return TRUE;
}

/* Reads the list of pfns, since only the types in it tell how many pages follow. */
static gboolean page_batch(Stream *stream, StreamItem *item, guint count, GError **error)
{
    guint8 pfns[BATCH_MAX * 8];

    if (count > BATCH_MAX) {
        return stream_invalid(item, error, "it has %u pfns, and %d is the most", count, BATCH_MAX);
    }
    if (!stream_head(stream, item, pfns, count * stream->word, error)) {
        return FALSE;
    }
    if (!stream->batch) {
        stream->batch = g_new(guint64, BATCH_MAX);
    }
    item->pages.named = count;
    for (guint i = 0; i < count; i++) {
        guint32 pfn = bytes_u32(pfns + i * stream->word, FALSE);

        if (pfn >> 28 < PAGELESS) {
            item->pages.stored++;
        }
        stream->batch[i] = (guint64)(pfn >> 28) << 60 | (pfn & 0x0fffffff);
    }
    item->length = item->pages.stored * XEN_PHYSMAP_PAGE_SIZE;
    return TRUE;
}

static gboolean vcpu_info(Stream *stream, StreamItem *item, GError **error)
{
    guint8 field[4];
    guint32 highest;

    if (!stream_head(stream, item, field, sizeof field, error)) {
        return FALSE;
    }
    highest = bytes_u32(field, FALSE);
    if (highest > VCPU_ID_MAX) {
        return stream_invalid(item, error, "its highest id is %u, and %d is the most", highest,
                              VCPU_ID_MAX);
    }
    item->length = (highest / 64 + 1) * 8;
    return TRUE;
}

static gboolean chunk_next(Stream *stream, StreamItem *item, GError **error);

static gboolean qemu_next(Stream *stream, StreamItem *item, GError **error)
{
    char signature[21];

    item->layer = STREAM_LEGACY_CHUNK;
    item->type = LEGACY_QEMU;
    if (!stream_head(stream, item, signature, sizeof signature, error)) {
        return FALSE;
    }
    if (memcmp(signature, "DeviceModelRecord0002", sizeof signature) != 0 &&
        memcmp(signature, "RemusDeviceModelState", sizeof signature) != 0) {
        return stream_invalid(item, error, "its signature is not known");
    }
    if (!counted(stream, item, error)) {
        return FALSE;
    }
    /* Remus begins again with chunks, until the sender says that it is the last time. */
    if (stream->last_checkpoint) {
        stream->next = stream_after(stream);
    } else {
        stream->checkpoints++;
        stream->next = chunk_next;
    }
    return TRUE;
}

static gboolean context_next(Stream *stream, StreamItem *item, GError **error)
{
    item->layer = STREAM_LEGACY_CHUNK;
    item->type = LEGACY_HVM_CONTEXT;
    stream->next = qemu_next;
    return counted(stream, item, error);
}

static gboolean magic_pfns_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 pfns[24];

    item->layer = STREAM_LEGACY_CHUNK;
    item->type = LEGACY_MAGIC_PFNS;
    stream->next = context_next;
    return stream_head(stream, item, pfns, sizeof pfns, error);
}

static gboolean chunk_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[4];
    gint32 number;

    item->layer = STREAM_LEGACY_CHUNK;
    if (!stream_head(stream, item, head, sizeof head, error)) {
        return FALSE;
    }
    number = bytes_u32(head, FALSE);
    item->type = number > 0 ? LEGACY_PAGES : number;
    if (number > 0) {
        return page_batch(stream, item, number, error);
    }
    if (!stream_legacy_name(item->type)) {
        return stream_invalid(item, error, "its number is %d", number);
    }
    switch (chunks[-number].length) {
    case REFUSED:
        return stream_invalid(item, error, "streams with tmem or Remus compression can't be read");
    case COUNTED:
        return item->type == (guint32)LEGACY_VCPU_INFO ? vcpu_info(stream, item, error)
                                                       : counted(stream, item, error);
    default:
        item->length = chunks[-number].length;
    }
    if (item->type == (guint32)LEGACY_LAST_CHECKPOINT) {
        stream->last_checkpoint = TRUE;
    } else if (item->type == LEGACY_END) {
        stream->next = magic_pfns_next;
    }
    return TRUE;
}

gboolean stream_legacy_header_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[8];
    const guint8 *bytes;
    gsize got;

    item->layer = STREAM_LEGACY_HEADER;
    if (!byte_source_peek(stream->source, 8, &bytes, &got, error)) {
        return FALSE;
    }
    stream->word = got >= 8 && bytes_u32(bytes + 4, FALSE) == 0 ? 8 : 4;
    if (!stream_head(stream, item, head, stream->word, error) ||
        !byte_source_peek(stream->source, stream->word, &bytes, &got, error)) {
        return FALSE;
    }
    if (got >= stream->word && (stream->word == 8 ? bytes_u64(bytes, FALSE) == G_MAXUINT64
                                                  : bytes_u32(bytes, FALSE) == G_MAXUINT32)) {
        return stream_invalid(item, error, "it is a PV guest's, which has no device model");
    }
    item->header.version = stream->word * 8;
    stream->next = chunk_next;
    return TRUE;
}
