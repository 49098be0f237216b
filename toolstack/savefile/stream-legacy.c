/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The streams of HVM guests from Xen 4.2 to 4.5: chunks, then the tail with QEMU's state. */
#include "stream-layers.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "legacy-blob.h"

#define VCPU_ID_MAX 4095

/* The largest length of Xen's context and of QEMU's state; really a few MiB at most. */
#define BLOB_MAX (128U << 20)

/* The body of most chunks: padding and one number. */
#define PARAMETER 12

/* The length of a body that starts with a field of its own length. */
#define COUNTED -1
#define REFUSED -2

/* The parts of a stream, in this order. */
enum { PART_CHUNKS, PART_MAGIC_PFNS, PART_CONTEXT, PART_QEMU };

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

static const char *chunk_name(const StreamItem *item)
{
    static const char *const others[] = {
        [LEGACY_PAGES] = "page batch",
        [LEGACY_MAGIC_PFNS] = "magic pfns",
        [LEGACY_HVM_CONTEXT] = "HVM context",
        [LEGACY_QEMU] = "QEMU state",
    };
    gint32 number = item->type;

    if (number > 0) {
        return number < (gint32)G_N_ELEMENTS(others) ? others[number] : NULL;
    }
    return number > -(gint32)G_N_ELEMENTS(chunks) ? chunks[-number].name : NULL;
}

/* Reads a u32, the length of the body after it. */
static gboolean counted(Stream *stream, StreamItem *item, GError **error)
{
    guint32 most = item->type == (guint32)LEGACY_TOOLSTACK ? LEGACY_BLOB_MAX : BLOB_MAX;
    guint8 field[4];

    if (!stream_head(stream, item, field, sizeof field, error)) {
        return FALSE;
    }
    item->length = bytes_u32(field, FALSE);
    if (item->length > most) {
        return stream_invalid(item, error, "its length is %" G_GUINT64_FORMAT "; the limit is %u",
                              item->length, most);
    }
    return TRUE;
}

/* Reads the list of pfns, since only the types in it tell how many pages follow. */
static gboolean page_batch(Stream *stream, StreamItem *item, guint count, GError **error)
{
    guint8 pfns[LEGACY_BATCH_MAX * 8];

    if (count > LEGACY_BATCH_MAX) {
        return stream_invalid(item, error, "it has %u pfns; the limit is %d", count,
                              LEGACY_BATCH_MAX);
    }
    if (!stream_head(stream, item, pfns, count * stream->word, error)) {
        return FALSE;
    }
    if (!stream->batch) {
        stream->batch = g_new(guint64, LEGACY_BATCH_MAX);
    }
    item->pages.named = count;
    for (guint i = 0; i < count; i++) {
        guint32 pfn = bytes_u32(pfns + i * stream->word, FALSE);

        if (pfn >> LEGACY_PFN_TYPE_SHIFT < PFN_TYPE_PAGELESS) {
            item->pages.stored++;
        }
        stream->batch[i] = (guint64)(pfn >> LEGACY_PFN_TYPE_SHIFT) << LIBXC_PFN_TYPE_SHIFT |
                           (pfn & LEGACY_PFN_MASK);
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
        return stream_invalid(item, error, "its highest id is %u; the limit is %d", highest,
                              VCPU_ID_MAX);
    }
    item->length = (highest / 64 + 1) * 8;
    return TRUE;
}

static gboolean qemu_next(Stream *stream, StreamItem *item, GError **error)
{
    char signature[21];

    item->type = LEGACY_QEMU;
    if (!stream_head(stream, item, signature, sizeof signature, error)) {
        return FALSE;
    }
    if (memcmp(signature, LEGACY_QEMU_SIGNATURE, sizeof signature) != 0 &&
        memcmp(signature, LEGACY_REMUS_SIGNATURE, sizeof signature) != 0) {
        return stream_invalid(item, error, "its signature is not known");
    }
    if (!counted(stream, item, error)) {
        return FALSE;
    }
    /* Remus starts again with chunks, until the sender says that this is the last checkpoint. */
    if (stream->last_checkpoint) {
        stream->layer = stream_after(stream);
    } else {
        stream->checkpoints++;
        stream->legacy_part = PART_CHUNKS;
    }
    return TRUE;
}

static gboolean context_next(Stream *stream, StreamItem *item, GError **error)
{
    item->type = LEGACY_HVM_CONTEXT;
    stream->legacy_part = PART_QEMU;
    return counted(stream, item, error);
}

static gboolean magic_pfns_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 pfns[24];

    item->type = LEGACY_MAGIC_PFNS;
    stream->legacy_part = PART_CONTEXT;
    return stream_head(stream, item, pfns, sizeof pfns, error);
}

static gboolean chunk_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[4];
    gint32 number;

    if (!stream_head(stream, item, head, sizeof head, error)) {
        return FALSE;
    }
    number = bytes_u32(head, FALSE);
    item->type = number > 0 ? LEGACY_PAGES : number;
    if (number > 0) {
        return page_batch(stream, item, number, error);
    }
    if (!chunk_name(item)) {
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
        stream->legacy_part = PART_MAGIC_PFNS;
    }
    return TRUE;
}

static gboolean part_next(Stream *stream, StreamItem *item, GError **error)
{
    static gboolean (*const parts[])(Stream * stream, StreamItem * item, GError * *error) = {
        [PART_CHUNKS] = chunk_next,
        [PART_MAGIC_PFNS] = magic_pfns_next,
        [PART_CONTEXT] = context_next,
        [PART_QEMU] = qemu_next,
    };

    return parts[stream->legacy_part](stream, item, error);
}

static gboolean header_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[8];
    const guint8 *bytes;
    gsize got;

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
    stream->layer = STREAM_LEGACY_CHUNK;
    return TRUE;
}

const StreamLayerOps stream_legacy_header_ops = { "legacy stream's", stream_header_name,
                                                  header_next };
const StreamLayerOps stream_legacy_ops = { "legacy chunk", chunk_name, part_next };
