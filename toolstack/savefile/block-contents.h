/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contents of ramblocks, from files, put into the pages of a stream. */
#ifndef XEN_PHYSMAP_BLOCK_CONTENTS_H
#define XEN_PHYSMAP_BLOCK_CONTENTS_H

#include <xen-physmap/table.h>

#include "stream.h"

typedef struct BlockContents BlockContents;

BlockContents *block_contents_new(void);

/* NULL is allowed. */
void block_contents_free(BlockContents *contents);

/* A block whose contents are to be those of the file, which is as long as the block is. Takes the
 * descriptor. `name` is for messages. INVALID when the length differs. */
gboolean block_contents_add(BlockContents *contents, const XenPhysmapRecord *block, int fd,
                            const char *name, GError **error);

/* Looks whether the stream in this file has all pages of each block. INVALID when it lacks one. */
gboolean block_contents_check(BlockContents *contents, int stream_fd, GError **error);

/* Changes the pages of the item that stream_next returned last, in the stream's output. */
gboolean block_contents_put(BlockContents *contents, Stream *stream, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockContents, block_contents_free)

#endif
