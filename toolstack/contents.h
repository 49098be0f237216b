/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a savefile or stream holds: its records, and where in it the device model's are. */
#ifndef XEN_PHYSMAP_CONTENTS_H
#define XEN_PHYSMAP_CONTENTS_H

#include <xen-physmap/table.h>

#include "stream.h"

/* A record that belongs to the device model. */
typedef struct Carrier {
    StreamItem item;
    guint state;                /* how many checkpoints were complete when it came */
    XenPhysmapTable *table;     /* only with --all, and if it can hold records */
} Carrier;

typedef struct Contents {
    const char *wrapper;        /* NULL: a bare stream */
    GPtrArray *streams;
    const char *guest;          /* NULL: no libxc stream */
    char *xen;                  /* NULL: not told */
    guint64 named, stored;      /* pages */
    guint checkpoints;
    gboolean cut;
    guint64 end;                /* what is at this offset and behind it doesn't count */
    GPtrArray *carriers;
    guint in_state;             /* how many carriers the state that is being read has */
    XenPhysmapTable *pending;   /* its records */
    XenPhysmapTable *table;     /* those of the last complete state: the ones that count */
} Contents;

/* A descriptor of the file, or standard input for "-"; -1 with SYSTEM. */
int contents_open(const char *source, GError **error);

/*
 * Reads all items. `all` keeps the carriers of every checkpoint with their tables, and not only of
 * the last complete one. A pipe that takes long is told about on a terminal.
 */
Contents *contents_read(int fd, gboolean all, GError **error);

/*
 * Goes once more through the pages of all items ahead of `end`, which is the `end` of the file's
 * contents, or G_MAXUINT64 in a pipe that is read for its pages alone. INVALID then, when the
 * stream is cut behind a checkpoint: what came behind that can't be taken back.
 */
gboolean contents_pages(int fd, guint64 end, const StreamPages *pages, GError **error);

void contents_free(Contents *contents);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Contents, contents_free)

#endif
