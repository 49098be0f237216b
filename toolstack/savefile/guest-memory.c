/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps stretches of pages in a balanced tree, ordered by pfn; they never overlap. */
#include "guest-memory.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "fail.h"
#include "number.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE

/* The most that are kept. A page without neighbours needs one of its own; all take about 400 MiB. */
#define STRETCHES_MAX (4U << 20)

/* x86 has physical addresses of up to 52 bits. */
#define PFN_END (G_GUINT64_CONSTANT(1) << 40)

/* `count` pages from `pfn` on, the first one at `offset` in the file. */
typedef struct Stretch {
    guint64 pfn, count, offset;
} Stretch;

struct GuestMemory {
    GTree *stretches; /* of Stretch, which is key and value */
};

/* In the order of the list; `offset` is 0 for pages that are gone. */
struct GuestPages {
    GArray *stretches; /* of Stretch */
    guint64 next;      /* where the item's next page is */
    guint64 at;        /* the item's offset, for messages */
    guint64 beyond;    /* a pfn that no guest can have, or 0 */
};

static gint by_pfn(gconstpointer a, gconstpointer b, gpointer data)
{
    const Stretch *x = a, *y = b;

    (void)data;
    return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

GuestMemory *guest_memory_new(void)
{
    GuestMemory *memory = g_new(GuestMemory, 1);

    memory->stretches = g_tree_new_full(by_pfn, NULL, g_free, NULL);
    return memory;
}

void guest_memory_free(GuestMemory *memory)
{
    if (memory) {
        g_tree_unref(memory->stretches);
        g_free(memory);
    }
}

/* The first stretch that ends after this pfn, or NULL. */
static GTreeNode *find(const GuestMemory *memory, guint64 pfn)
{
    const Stretch key = { .pfn = pfn };
    GTreeNode *after = g_tree_upper_bound(memory->stretches, &key);
    GTreeNode *before = after ? g_tree_node_previous(after) : g_tree_node_last(memory->stretches);
    const Stretch *stretch = before ? g_tree_node_key(before) : NULL;

    return stretch && pfn - stretch->pfn < stretch->count ? before : after;
}

static void insert(GuestMemory *memory, Stretch stretch)
{
    Stretch *copy = g_memdup2(&stretch, sizeof stretch);

    g_tree_insert(memory->stretches, copy, copy);
}

/* Forgets the pages [first, end). */
static void cut(GuestMemory *memory, guint64 first, guint64 end)
{
    GTreeNode *node;

    while ((node = find(memory, first))) {
        Stretch old = *(const Stretch *)g_tree_node_key(node);
        guint64 old_end = old.pfn + old.count;

        if (old.pfn >= end) {
            return;
        }
        g_tree_remove(memory->stretches, &old);
        if (old.pfn < first) {
            insert(memory, (Stretch){ old.pfn, first - old.pfn, old.offset });
        }
        if (old_end > end) {
            insert(memory, (Stretch){ end, old_end - end, old.offset + (end - old.pfn) * PAGE });
        }
    }
}

static gboolean page_named(guint64 pfn, gboolean stored, gpointer data)
{
    GuestPages *pages = data;
    GArray *stretches = pages->stretches;
    Stretch *last = stretches->len ? &g_array_index(stretches, Stretch, stretches->len - 1) : NULL;

    if (pfn >= PFN_END) {
        pages->beyond = pfn;
    } else if (last && pfn == last->pfn + last->count && stored == (last->offset != 0)) {
        last->count++;
    } else {
        const Stretch stretch = { pfn, 1, stored ? pages->next : 0 };

        g_array_append_val(stretches, stretch);
    }
    pages->next += stored ? PAGE : 0;
    return FALSE;
}

GuestPages *guest_pages_read(Stream *stream, const StreamItem *item, GError **error)
{
    g_autoptr(GuestPages) list = g_new0(GuestPages, 1);
    const StreamPages pages = { page_named, NULL, list };

    list->stretches = g_array_new(FALSE, FALSE, sizeof(Stretch));
    list->at = item->offset;
    /* The pages are at the end of the body. */
    list->next = item->offset + item->head + item->length - (guint64)item->pages.stored * PAGE;
    if (!stream_pages(stream, &pages, error)) {
        return NULL;
    }
    if (list->beyond) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s at " HEX ": pfn " HEX " is beyond all that a guest can have",
                    stream_item_name(item), item->offset, list->beyond);
        return NULL;
    }
    return g_steal_pointer(&list);
}

void guest_pages_free(GuestPages *pages)
{
    if (pages) {
        g_array_unref(pages->stretches);
        g_free(pages);
    }
}

gboolean guest_memory_add(GuestMemory *memory, const GuestPages *pages, GError **error)
{
    for (guint i = 0; i < pages->stretches->len; i++) {
        const Stretch *stretch = &g_array_index(pages->stretches, Stretch, i);

        cut(memory, stretch->pfn, stretch->pfn + stretch->count);
        if (stretch->offset) {
            insert(memory, *stretch);
        }
    }
    if (g_tree_nnodes(memory->stretches) > (gint)STRETCHES_MAX) {
        return invalid(error,
                       "the pages up to the record at " HEX " lie in more than %u pieces, too many "
                       "to keep; xen-physmap extract reads such a file without an index",
                       pages->at, STRETCHES_MAX);
    }
    return TRUE;
}

gboolean guest_memory_next(const GuestMemory *memory, guint64 address, GuestRange *range)
{
    GTreeNode *node = find(memory, address >> XEN_PHYSMAP_PAGE_SHIFT);
    const Stretch *stretch = node ? g_tree_node_key(node) : NULL;

    if (!stretch) {
        return FALSE;
    }
    range->start = stretch->pfn * PAGE;
    do {
        stretch = g_tree_node_key(node);
        range->end = (stretch->pfn + stretch->count) * PAGE;
        node = g_tree_node_next(node);
    } while (node && ((const Stretch *)g_tree_node_key(node))->pfn * PAGE == range->end);
    range->start = MAX(range->start, address / PAGE * PAGE);
    return TRUE;
}

guint64 guest_memory_end(const GuestMemory *memory)
{
    GTreeNode *node = g_tree_node_last(memory->stretches);
    const Stretch *last = node ? g_tree_node_key(node) : NULL;

    return last ? (last->pfn + last->count) * PAGE : 0;
}

guint64 guest_memory_pages(const GuestMemory *memory, guint64 start, guint64 end)
{
    guint64 pages = 0;
    GuestRange range;

    while (start < end && guest_memory_next(memory, start, &range) && range.start < end) {
        pages += (MIN(range.end, end) - range.start) / PAGE;
        start = range.end;
    }
    return pages;
}

static gboolean read_file(int fd, guint64 offset, guint8 *to, gsize length, GError **error)
{
    while (length > 0) {
        gssize n = pread(fd, to, length, offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                        "can't read the savefile at " HEX ": %s", offset, g_strerror(errno));
            return FALSE;
        }
        if (n == 0) {
            return invalid(error, "the savefile ends at " HEX " now, inside a page that it had",
                           offset);
        }
        to += n;
        offset += n;
        length -= n;
    }
    return TRUE;
}

gboolean guest_memory_read(const GuestMemory *memory, int fd, guint64 address, void *buffer,
                           gsize length, GError **error)
{
    guint64 end = address + length;
    guint8 *to = buffer;

    while (address < end) {
        GTreeNode *node = find(memory, address >> XEN_PHYSMAP_PAGE_SHIFT);
        const Stretch *stretch = node ? g_tree_node_key(node) : NULL;
        guint64 start = stretch ? stretch->pfn * PAGE : end;
        gsize n;

        if (start > address) {
            n = MIN(start, end) - address;
            memset(to, 0, n);
        } else {
            n = MIN(start + stretch->count * PAGE, end) - address;
            if (!read_file(fd, stretch->offset + (address - start), to, n, error)) {
                return FALSE;
            }
        }
        to += n;
        address += n;
    }
    return TRUE;
}
