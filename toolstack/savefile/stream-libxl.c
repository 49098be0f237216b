/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The libxl layer of a stream: its header and its records. */
#include "stream-layers.h"

#include <string.h>

#include "emulator-data.h"

/* The records of libxl, by type. */
static const struct {
    const char *name;
    guint32 least, most; /* of the body's length */
} records[] = {
    [LIBXL_END] = { "END", 0, 0 },
    [LIBXL_LIBXC_CONTEXT] = { "LIBXC_CONTEXT", 0, 0 },
    /*
     * Checked here too, not only when it is read, so that a forged length isn't reported as a
     * truncated file.
     */
    [LIBXL_EMULATOR_XENSTORE_DATA] = { "EMULATOR_XENSTORE_DATA", 8, EMULATOR_BODY_MAX },
    [LIBXL_EMULATOR_CONTEXT] = { "EMULATOR_CONTEXT", 8, G_MAXUINT32 },
    [LIBXL_CHECKPOINT_END] = { "CHECKPOINT_END", 0, 0 },
    [LIBXL_CHECKPOINT_STATE] = { "CHECKPOINT_STATE", 4, 8 },
};

static const char *record_name(const StreamItem *item)
{
    return item->type < G_N_ELEMENTS(records) ? records[item->type].name : NULL;
}

static gboolean header_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[16];

    if (!stream_head(stream, item, head, sizeof head, error)) {
        return FALSE;
    }
    item->header.version = bytes_u32(head + 8, TRUE);
    item->header.options = bytes_u32(head + 12, TRUE);
    if (memcmp(head, LIBXL_MAGIC, 8) != 0) {
        return stream_invalid(item, error, "it doesn't start with \"LibxlFmt\"");
    }
    if (item->header.version != LIBXL_VERSION) {
        return stream_invalid(item, error, "version %u; only 2 is known", item->header.version);
    }
    stream->libxl = TRUE;
    stream->libxl_big_endian = (item->header.options & LIBXL_OPTION_BIG_ENDIAN) != 0;
    stream->layer = STREAM_LIBXL_RECORD;
    return TRUE;
}

static gboolean is_emulator(guint32 type)
{
    return type == LIBXL_EMULATOR_XENSTORE_DATA || type == LIBXL_EMULATOR_CONTEXT;
}

/* Sets what may follow a libxl record. */
static gboolean follow(Stream *stream, const StreamItem *item, GError **error)
{
    switch (item->type) {
    case LIBXL_END:
        if (stream->in_checkpoint) {
            return stream_invalid(item, error, "it is within a checkpoint");
        }
        stream->layer = stream_after(stream);
        break;
    case LIBXL_LIBXC_CONTEXT:
        if (stream->libxc_seen) {
            return stream_invalid(item, error, "it is the second one");
        }
        stream->libxc_seen = TRUE;
        stream->layer = STREAM_LIBXC_HEADER;
        break;
    case LIBXL_CHECKPOINT_END:
        if (!stream->in_checkpoint) {
            return stream_invalid(item, error, "there is no checkpoint that it could end");
        }
        stream->in_checkpoint = FALSE;
        stream->after_checkpoint = TRUE;
        stream->checkpoints++;
        stream->layer = STREAM_LIBXC_RECORD;
        break;
    case LIBXL_CHECKPOINT_STATE:
        if (!stream->after_checkpoint) {
            return stream_invalid(item, error, "it does not follow a checkpoint");
        }
        stream->layer = STREAM_LIBXC_RECORD;
        break;
    default:
        break;
    }
    stream->after_checkpoint = item->type == LIBXL_CHECKPOINT_END;
    return TRUE;
}

static gboolean record_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 body[8];

    item->big_endian = stream->libxl_big_endian;
    if (!stream_record(stream, item, is_emulator, body, error)) {
        return FALSE;
    }
    if (item->type & STREAM_OPTIONAL) {
        stream->after_checkpoint = FALSE;
        return TRUE;
    }
    if (item->type >= G_N_ELEMENTS(records)) {
        return stream_invalid(item, error, "its type is 0x%x, and it isn't optional", item->type);
    }
    if (item->length < records[item->type].least || item->length > records[item->type].most) {
        return stream_invalid(item, error,
                              "its length is %" G_GUINT64_FORMAT "; %u to %u are allowed",
                              item->length, records[item->type].least, records[item->type].most);
    }
    if (is_emulator(item->type)) {
        item->emulator.id = bytes_u32(body, item->big_endian);
        item->emulator.index = bytes_u32(body + 4, item->big_endian);
    }
    return follow(stream, item, error);
}

const StreamLayerOps stream_libxl_header_ops = { "libxl", stream_header_name, header_next };
const StreamLayerOps stream_libxl_ops = { "libxl record", record_name, record_next };
