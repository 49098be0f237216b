/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pages of a PAGE_DATA record or a legacy batch: reads the pfns, then the wanted pages. */
#include "stream-layers.h"

#include <string.h>

#include <xen-physmap/record.h>

/* The number of pfns read at a time. */
#define PIECE 512

/* A page that was asked for, by its number in the item. */
typedef struct Wanted {
    guint64 pfn;
    guint32 index;
} Wanted;

typedef struct Walk {
    Stream *stream;
    const StreamPages *pages;
    guint32 stored; /* pages that the list names so far */
    GArray *wanted; /* of Wanted; no longer than the item has pages */
} Walk;

gboolean stream_has_pages(const StreamItem *item)
{
    return (item->layer == STREAM_LIBXC_RECORD && item->type == LIBXC_PAGE_DATA) ||
           (item->layer == STREAM_LEGACY_CHUNK && item->type == LEGACY_PAGES);
}

/* Skips a part of the body. */
static gboolean pass(Stream *stream, guint64 length, GError **error)
{
    stream->left -= length;
    if (!byte_source_skip(stream->source, length, error)) {
        g_prefix_error(error, "%s at 0x%" G_GINT64_MODIFIER "x: ", stream_item_name(&stream->item),
                       stream->item.offset);
        return FALSE;
    }
    return TRUE;
}

static gboolean take_pfn(Walk *walk, guint64 entry, GError **error)
{
    const StreamItem *item = &walk->stream->item;
    guint type = entry >> LIBXC_PFN_TYPE_SHIFT;
    guint64 pfn = entry & LIBXC_PFN_MASK;
    gboolean stored = type < PFN_TYPE_PAGELESS;

    /* The legacy format doesn't have these types either, but old readers didn't check. */
    if (!PFN_TYPE_EXISTS(type) && item->layer == STREAM_LIBXC_RECORD) {
        return stream_invalid(item, error, "pfn 0x%" G_GINT64_MODIFIER "x is of type %u", pfn,
                              type);
    }
    if (stored && walk->stored == item->pages.stored) {
        return stream_invalid(item, error, "its pfns have more pages than the %u that follow",
                              item->pages.stored);
    }
    if (walk->pages->named(pfn, stored, walk->pages->data) && stored) {
        Wanted wanted = { pfn, walk->stored };

        g_array_append_val(walk->wanted, wanted);
    }
    walk->stored += stored;
    return TRUE;
}

static gboolean take_list(Walk *walk, GError **error)
{
    Stream *stream = walk->stream;
    guint32 named = stream->item.pages.named;

    if (stream->item.layer == STREAM_LEGACY_CHUNK) {
        for (guint32 i = 0; i < named; i++) {
            if (!take_pfn(walk, stream->batch[i], error)) {
                return FALSE;
            }
        }
        return TRUE;
    }
    if (!pass(stream, 8, error)) {
        return FALSE;
    }
    for (guint32 done = 0; done < named;) {
        guint64 piece[PIECE];
        guint32 count = MIN(named - done, PIECE);

        if (!stream_read(stream, piece, count * sizeof *piece, error)) {
            return FALSE;
        }
        for (guint32 i = 0; i < count; i++) {
            if (!take_pfn(walk, bytes_u64(&piece[i], stream->item.big_endian), error)) {
                return FALSE;
            }
        }
        done += count;
    }
    if (walk->stored != stream->item.pages.stored) {
        return stream_invalid(&stream->item, error, "its pfns have %u pages, and %u follow",
                              walk->stored, stream->item.pages.stored);
    }
    return TRUE;
}

void stream_put_page(Stream *stream, const guint8 *page)
{
    GByteArray *held = byte_source_held(stream->source);

    /* It was read last. */
    if (held && held->len >= XEN_PHYSMAP_PAGE_SIZE) {
        memcpy(held->data + held->len - XEN_PHYSMAP_PAGE_SIZE, page, XEN_PHYSMAP_PAGE_SIZE);
    }
}

gboolean stream_pages(Stream *stream, const StreamPages *pages, GError **error)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(Wanted));
    Walk walk = { stream, pages, 0, wanted };
    guint32 at = 0;

    g_return_val_if_fail(stream_has_pages(&stream->item), FALSE);
    if (!take_list(&walk, error)) {
        return FALSE;
    }
    for (guint i = 0; i < wanted->len; i++) {
        const Wanted *next = &g_array_index(wanted, Wanted, i);
        guint8 page[XEN_PHYSMAP_PAGE_SIZE];

        if (!pass(stream, (guint64)(next->index - at) * sizeof page, error) ||
            !stream_read(stream, page, sizeof page, error) ||
            !pages->page(next->pfn, page, pages->data, error)) {
            return FALSE;
        }
        at = next->index + 1;
    }
    return TRUE;
}
