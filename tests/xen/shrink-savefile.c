/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shrink-savefile IN OUT: writes the savefile with hardly any page; see tests/data/README.md. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "stream.h"

#define FULL 1024 /* pfns in a record of Xen's, unless it is the last of a round */
#define PAGE 4096
#define CONTEXT 4096 /* what is kept of the device model's state */
#define BODY_MAX (8U << 20)

/* Keeps the list's first pfn, with a page of zeros if it has a page. */
static gboolean shrink_pages(Stream *stream, const StreamItem *item, GError **error)
{
    static const guint8 zeros[PAGE] = { 0 };
    g_autofree guint8 *body = stream_body(stream, BODY_MAX, error);
    g_autoptr(GByteArray) kept = g_byte_array_new();
    guint32 count = GUINT32_TO_LE(1);

    if (!body) {
        return FALSE;
    }
    g_byte_array_append(kept, (const guint8 *)&count, sizeof count);
    g_byte_array_append(kept, body + 4, 12);
    if (bytes_u64(body + 8, item->big_endian) >> 60 < 13) {
        g_byte_array_append(kept, zeros, PAGE);
    }
    return stream_replace(stream, kept->data, kept->len, error);
}

static gboolean shrink(Stream *stream, GError **error)
{
    gboolean first = TRUE;
    StreamItem item;

    while (stream_next(stream, &item, error)) {
        if (item.layer == STREAM_END) {
            return TRUE;
        }
        if (stream_has_pages(&item)) {
            gboolean keep = first || item.pages.named < FULL;

            first = FALSE;
            if (!(keep ? shrink_pages(stream, &item, error) : stream_remove(stream, error))) {
                return FALSE;
            }
        } else if (item.layer == STREAM_LIBXL_RECORD && item.type == LIBXL_EMULATOR_CONTEXT) {
            g_autofree guint8 *body = stream_body(stream, BODY_MAX, error);

            if (!body || !stream_replace(stream, body, MIN(item.length, CONTEXT), error)) {
                return FALSE;
            }
        }
    }
    return FALSE;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = NULL;
    int in = argc == 3 ? open(argv[1], O_RDONLY) : -1;
    int out = in >= 0 ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;

    if (out < 0) {
        fputs("usage: shrink-savefile IN OUT\n", stderr);
        return 2;
    }
    stream = stream_open(in, &error);
    if (stream) {
        stream_tee(stream, out);
    }
    if (!stream || !shrink(stream, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    return 0;
}
