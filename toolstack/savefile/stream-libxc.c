/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The libxc layer of a stream: headers and records, checked against the specification. */
#include "stream-layers.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "legacy-blob.h"

/* The same limit as in libxc. */
#define LENGTH_MAX (128U << 20)

/* The guests that may have a record. */
#define PV (1U << GUEST_X86_PV)
#define HVM (1U << GUEST_X86_HVM)
#define BOTH (PV | HVM)

/* A body has `least` bytes, and with `each` any multiple of it more. */
static const struct {
    const char *name;
    guint guests;
    guint version; /* the first version that has it */
    guint32 least;
    guint32 each;
} records[] = {
    [LIBXC_END] = { "END", BOTH, 2, 0, 0 },
    [LIBXC_PAGE_DATA] = { "PAGE_DATA", BOTH, 2, 16, 1 },
    [LIBXC_X86_PV_INFO] = { "X86_PV_INFO", PV, 2, 8, 0 },
    [LIBXC_X86_PV_P2M_FRAMES] = { "X86_PV_P2M_FRAMES", PV, 2, 8, 8 },
    [LIBXC_X86_PV_VCPU_BASIC] = { "X86_PV_VCPU_BASIC", PV, 2, 8, 1 },
    [LIBXC_X86_PV_VCPU_EXTENDED] = { "X86_PV_VCPU_EXTENDED", PV, 2, 8, 1 },
    [LIBXC_X86_PV_VCPU_XSAVE] = { "X86_PV_VCPU_XSAVE", PV, 2, 8, 1 },
    [LIBXC_SHARED_INFO] = { "SHARED_INFO", PV, 2, 4096, 0 },
    [LIBXC_X86_TSC_INFO] = { "X86_TSC_INFO", BOTH, 2, 24, 0 },
    [LIBXC_HVM_CONTEXT] = { "HVM_CONTEXT", HVM, 2, 1, 1 },
    [LIBXC_HVM_PARAMS] = { "HVM_PARAMS", HVM, 2, 8, 16 },
    [LIBXC_TOOLSTACK] = { "TOOLSTACK", BOTH, 2, 0, 1 },
    [LIBXC_X86_PV_VCPU_MSRS] = { "X86_PV_VCPU_MSRS", PV, 2, 8, 1 },
    [LIBXC_VERIFY] = { "VERIFY", BOTH, 2, 0, 0 },
    [LIBXC_CHECKPOINT] = { "CHECKPOINT", BOTH, 2, 0, 0 },
    /* It is sent to the sender, so it can't be in a file. */
    [LIBXC_CHECKPOINT_DIRTY_PFN_LIST] = { "CHECKPOINT_DIRTY_PFN_LIST", 0, 2, 0, 8 },
    [LIBXC_STATIC_DATA_END] = { "STATIC_DATA_END", BOTH, 3, 0, 0 },
    [LIBXC_X86_CPUID_POLICY] = { "X86_CPUID_POLICY", BOTH, 3, 24, 24 },
    [LIBXC_X86_MSR_POLICY] = { "X86_MSR_POLICY", BOTH, 3, 16, 16 },
};

static const char *record_name(const StreamItem *item)
{
    return item->type < G_N_ELEMENTS(records) ? records[item->type].name : NULL;
}

static const char *domain_header_name(const StreamItem *item)
{
    (void)item;
    return "domain header";
}

static gboolean domain_header_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[16];

    item->big_endian = stream->libxc_big_endian;
    if (!stream_head(stream, item, head, sizeof head, error)) {
        return FALSE;
    }
    item->domain.guest = bytes_u32(head, item->big_endian);
    item->domain.page_shift = bytes_u16(head + 4, item->big_endian);
    item->domain.xen_major = bytes_u32(head + 8, item->big_endian);
    item->domain.xen_minor = bytes_u32(head + 12, item->big_endian);
    if (item->domain.guest != GUEST_X86_PV && item->domain.guest != GUEST_X86_HVM) {
        return stream_invalid(item, error, "guest type %u; only 1 and 2 are known",
                              item->domain.guest);
    }
    if (item->domain.page_shift != XEN_PHYSMAP_PAGE_SHIFT) {
        return stream_invalid(item, error, "page_shift %u; only %d is known",
                              item->domain.page_shift, XEN_PHYSMAP_PAGE_SHIFT);
    }
    stream->guest = item->domain.guest;
    stream->layer = STREAM_LIBXC_RECORD;
    return TRUE;
}

static gboolean header_next(Stream *stream, StreamItem *item, GError **error)
{
    guint8 head[24];

    if (!stream_head(stream, item, head, sizeof head, error)) {
        return FALSE;
    }
    item->header.version = bytes_u32(head + 12, TRUE);
    item->header.options = bytes_u16(head + 16, TRUE);
    if (bytes_u64(head, TRUE) != G_MAXUINT64 || memcmp(head + 8, LIBXC_MAGIC, 4) != 0) {
        return stream_invalid(item, error, "it doesn't start with eight ff and \"XENF\"");
    }
    if (item->header.version < LIBXC_VERSION_LEAST || item->header.version > LIBXC_VERSION_MOST) {
        return stream_invalid(item, error, "version %u; only 2 and 3 are known",
                              item->header.version);
    }
    stream->libxc_version = item->header.version;
    stream->libxc_big_endian = (item->header.options & LIBXC_OPTION_BIG_ENDIAN) != 0;
    stream->layer = STREAM_DOMAIN_HEADER;
    return TRUE;
}

static gboolean check_record(const Stream *stream, const StreamItem *item, GError **error)
{
    guint32 most = item->type == LIBXC_TOOLSTACK ? LEGACY_BLOB_MAX : LENGTH_MAX;
    guint32 least, each;

    if (item->length > most) {
        return stream_invalid(item, error, "its length is %" G_GUINT64_FORMAT "; the limit is %u",
                              item->length, most);
    }
    if (item->type & STREAM_OPTIONAL) {
        return TRUE;
    }
    if (item->type >= G_N_ELEMENTS(records)) {
        return stream_invalid(item, error, "its type is 0x%x, and it isn't optional", item->type);
    }
    if (!(records[item->type].guests & 1U << stream->guest)) {
        return stream_invalid(item, error, "it has no place in the stream of %s guest",
                              stream->guest == GUEST_X86_PV ? "a PV" : "an HVM");
    }
    if (records[item->type].version > stream->libxc_version) {
        return stream_invalid(item, error, "it has no place in a stream of version %u",
                              stream->libxc_version);
    }
    least = records[item->type].least;
    each = records[item->type].each;
    if (item->length < least) {
        return stream_invalid(item, error, "its length is %" G_GUINT64_FORMAT "; the minimum is %u",
                              item->length, least);
    }
    if (each == 0 ? item->length != least : (item->length - least) % each != 0) {
        return stream_invalid(item, error,
                              "its length is %" G_GUINT64_FORMAT
                              ", which is not %u and a multiple of %u",
                              item->length, least, each);
    }
    return TRUE;
}

/* Counts the pages of PAGE_DATA. INVALID when its length and its first field disagree. */
static gboolean count_pages(StreamItem *item, const guint8 body[8], GError **error)
{
    guint64 named = bytes_u32(body, item->big_endian);
    guint64 pages_at = 8 + 8 * named, stored;

    if (named == 0 || pages_at > item->length) {
        return stream_invalid(item, error,
                              "its length is %" G_GUINT64_FORMAT
                              ", and its pfn count %" G_GUINT64_FORMAT,
                              item->length, named);
    }
    stored = (item->length - pages_at) / XEN_PHYSMAP_PAGE_SIZE;
    if ((item->length - pages_at) % XEN_PHYSMAP_PAGE_SIZE != 0 || stored > named) {
        return stream_invalid(item, error,
                              "behind %" G_GUINT64_FORMAT " pfns it has %" G_GUINT64_FORMAT
                              " bytes, which are not so many pages or fewer",
                              named, item->length - pages_at);
    }
    item->pages.named = named;
    item->pages.stored = stored;
    return TRUE;
}

/* Sets what may follow a libxc record. */
static gboolean follow(Stream *stream, const StreamItem *item, GError **error)
{
    switch (item->type) {
    case LIBXC_END:
        stream->layer = stream->libxl ? STREAM_LIBXL_RECORD : stream_after(stream);
        break;
    case LIBXC_CHECKPOINT:
        if (stream->libxl) {
            stream->in_checkpoint = TRUE;
            stream->layer = STREAM_LIBXL_RECORD;
        } else {
            stream->checkpoints++;
        }
        break;
    case LIBXC_STATIC_DATA_END:
        if (stream->static_data_ended) {
            return stream_invalid(item, error, "it is the second one");
        }
        stream->static_data_ended = TRUE;
        break;
    case LIBXC_PAGE_DATA:
    case LIBXC_X86_PV_P2M_FRAMES:
        if (stream->libxc_version >= 3 && !stream->static_data_ended) {
            return stream_invalid(item, error, "there was no STATIC_DATA_END before it");
        }
        break;
    default:
        break;
    }
    return TRUE;
}

static gboolean is_page_data(guint32 type)
{
    return type == LIBXC_PAGE_DATA;
}

/* TRUE when libxl's control record for COLO comes before libxc's records go on. */
static gboolean is_checkpoint_state(Stream *stream, gboolean *yes, GError **error)
{
    const guint8 *bytes;
    gsize got;

    *yes = FALSE;
    if (!stream->after_checkpoint || stream->guest != GUEST_X86_HVM) {
        return TRUE;
    }
    if (!byte_source_peek(stream->source, 4, &bytes, &got, error)) {
        return FALSE;
    }
    *yes = got >= 4 && bytes_u32(bytes, stream->libxl_big_endian) == LIBXL_CHECKPOINT_STATE;
    return TRUE;
}

static gboolean record_next(Stream *stream, StreamItem *item, GError **error)
{
    gboolean state;
    guint8 body[8] = { 0 };

    if (!is_checkpoint_state(stream, &state, error)) {
        return FALSE;
    }
    if (state) {
        return stream_next_of(stream, STREAM_LIBXL_RECORD, item, error);
    }
    stream->after_checkpoint = FALSE;
    item->big_endian = stream->libxc_big_endian;
    return stream_record(stream, item, is_page_data, body, error) &&
           check_record(stream, item, error) &&
           (!is_page_data(item->type) || count_pages(item, body, error)) &&
           follow(stream, item, error);
}

const StreamLayerOps stream_libxc_header_ops = { "libxc image", stream_header_name, header_next };
const StreamLayerOps stream_domain_header_ops = { "libxc", domain_header_name, domain_header_next };
const StreamLayerOps stream_libxc_ops = { "libxc record", record_name, record_next };
