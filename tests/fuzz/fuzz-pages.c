/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pages of a stream, as extract asks for them, and which ones verify finds missing: from a
 * file and from a pipe, which have to agree. */
#include "fuzz.h"

#include "savefile.h"
#include "page-index.h"

/* The results of one walk. */
typedef struct Walk {
    gboolean fine;
    guint sum; /* of what was named and read, in its order */
    PageIndex *set;
    guint64 last; /* the pfn that was named last */
} Walk;

static gboolean named(guint64 pfn, gboolean stored, gpointer data)
{
    Walk *walk = data;

    walk->sum = walk->sum * 31 + pfn * 2 + stored;
    walk->last = pfn;
    page_index_put(walk->set, pfn, stored);
    /* Some pages are skipped, as most are in practice. */
    return pfn % 3 != 0;
}

static gboolean page(guint64 pfn, const guint8 *bytes, gpointer data, GError **error)
{
    Walk *walk = data;

    (void)error;
    g_assert(pfn % 3 != 0);
    for (guint i = 0; i < XEN_PHYSMAP_PAGE_SIZE; i += 8) {
        walk->sum = walk->sum * 31 + bytes[i];
    }
    return TRUE;
}

static Walk try(int fd)
{
    g_autoptr(GError) error = NULL;
    Walk walk = { .set = page_index_new() };
    const StreamPages pages = { named, page, &walk };
    guint64 where;

    walk.fine = savefile_pages(fd, G_MAXUINT64, &pages, &error);
    g_assert(walk.fine == (error == NULL));
    walk.sum += page_index_missing(walk.set, walk.last & ~0xfULL, 16, &where);
    g_assert(page_index_missing(walk.set, walk.last, 1, &where) <= 1);
    page_index_free(walk.set);
    return walk;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = fuzz_file(data, size), pipe = fuzz_pipe(data, size);
    Walk from_file = try(file);

    close(file);
    if (pipe >= 0) {
        Walk from_pipe = try(pipe);

        g_assert(from_pipe.fine == from_file.fine);
        g_assert(!from_pipe.fine || from_pipe.sum == from_file.sum);
        close(pipe);
    }
    return 0;
}
