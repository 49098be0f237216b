/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a page of a file whenever the stream has that page of the block, however often that is. */
#include "block-contents.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "savefile.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE

typedef struct Block {
    XenPhysmapRecord record;
    int fd;
    char *shown;
    guint8 *seen; /* for each page, whether the stream has it */
} Block;

struct BlockContents {
    GArray *blocks; /* of Block */
};

static void block_clear(gpointer data)
{
    Block *block = data;

    close(block->fd);
    g_free(block->shown);
    g_free(block->seen);
}

BlockContents *block_contents_new(void)
{
    BlockContents *contents = g_new0(BlockContents, 1);

    contents->blocks = g_array_new(FALSE, FALSE, sizeof(Block));
    g_array_set_clear_func(contents->blocks, block_clear);
    return contents;
}

void block_contents_free(BlockContents *contents)
{
    if (contents) {
        g_array_unref(contents->blocks);
        g_free(contents);
    }
}

gboolean block_contents_add(BlockContents *contents, const XenPhysmapRecord *record, int fd,
                            const char *name, GError **error)
{
    Block block = { *record, fd, xen_physmap_escape(name, -1), NULL };
    struct stat st = { 0 };

    g_array_append_val(contents->blocks, block);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "%s: it is not a file",
                    block.shown);
        return FALSE;
    }
    for (guint i = 0; i + 1 < contents->blocks->len; i++) {
        if (strcmp(g_array_index(contents->blocks, Block, i).record.name, record->name) == 0) {
            return invalid(error, "%s: %s already gets the contents of another file", block.shown,
                           record->name);
        }
    }
    if ((guint64)st.st_size != record->size) {
        return invalid(error,
                       "%s: it has %" G_GUINT64_FORMAT " bytes, and %s has %" G_GUINT64_FORMAT,
                       block.shown, (guint64)st.st_size, record->name, record->size);
    }
    return TRUE;
}

static Block *block_of(const BlockContents *contents, guint64 pfn)
{
    for (guint i = 0; i < contents->blocks->len; i++) {
        Block *block = &g_array_index(contents->blocks, Block, i);

        if (pfn - block->record.start_addr / PAGE < block->record.size / PAGE) {
            return block;
        }
    }
    return NULL;
}

/* A page that is sent without its contents later on isn't there any more. */
static gboolean note(guint64 pfn, gboolean stored, gpointer data)
{
    Block *block = block_of(data, pfn);

    if (block) {
        block->seen[pfn - block->record.start_addr / PAGE] = stored;
    }
    return FALSE;
}

gboolean block_contents_check(BlockContents *contents, int stream_fd, GError **error)
{
    const StreamPages pages = { note, NULL, contents };

    for (guint i = 0; i < contents->blocks->len; i++) {
        Block *block = &g_array_index(contents->blocks, Block, i);

        g_free(block->seen);
        block->seen = g_malloc0(block->record.size / PAGE);
    }
    if (!savefile_pages(stream_fd, G_MAXUINT64, &pages, error)) {
        return FALSE;
    }
    for (guint i = 0; i < contents->blocks->len; i++) {
        const Block *block = &g_array_index(contents->blocks, Block, i);

        for (guint64 page = 0; page < block->record.size / PAGE; page++) {
            if (!block->seen[page]) {
                return invalid(error,
                               "%s: the page at 0x%" G_GINT64_MODIFIER
                               "x is not in the stream, so it can't get contents",
                               block->record.name, block->record.start_addr + page * PAGE);
            }
        }
    }
    return TRUE;
}

static gboolean want(guint64 pfn, gboolean stored, gpointer data)
{
    const BlockContents *contents = ((gpointer *)data)[0];

    return stored && block_of(contents, pfn);
}

static gboolean put(guint64 pfn, const guint8 *old, gpointer data, GError **error)
{
    const BlockContents *contents = ((gpointer *)data)[0];
    const Block *block = block_of(contents, pfn);
    guint8 page[PAGE];
    gssize n;

    (void)old;
    do {
        n = pread(block->fd, page, PAGE, pfn * PAGE - block->record.start_addr);
    } while (n < 0 && errno == EINTR);
    if (n != PAGE) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "%s: can't read it: %s",
                    block->shown, n < 0 ? g_strerror(errno) : "it is shorter now");
        return FALSE;
    }
    stream_put_page(((gpointer *)data)[1], page);
    return TRUE;
}

gboolean block_contents_put(BlockContents *contents, Stream *stream, GError **error)
{
    gpointer both[] = { contents, stream };
    const StreamPages pages = { want, put, both };

    return stream_pages(stream, &pages, error);
}
