/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a savefile or stream: the layers, the guest, and the records that count. */
#ifndef XEN_PHYSMAP_SAVEFILE_H
#define XEN_PHYSMAP_SAVEFILE_H

#include <xen-physmap/keys.h>

#include "completeness.h"

/* A record of the stream that belongs to the device model. */
typedef struct Carrier {
    StreamItem item;
    guint state;            /* how many checkpoints were complete when it came */
    XenPhysmapTable *table; /* only with --all, and if it can hold records */
} Carrier;

typedef struct Savefile {
    const char *wrapper; /* NULL: a bare stream */
    GPtrArray *streams;
    const char *guest;     /* NULL: no libxc stream */
    char *xen;             /* NULL: not told */
    guint64 named, stored; /* pages */
    guint checkpoints;
    gboolean cut;
    GuestConfig *config; /* NULL: none, or one that can't be read */
    Completeness completeness;
    const char *lacks; /* what the state that counts lacks to be whole; NULL: nothing */
    guint64 end;       /* what is at this offset and behind it doesn't count */
    GPtrArray *carriers;
    guint in_state;           /* how many carriers the state that is being read has */
    XenPhysmapTable *pending; /* its records */
    XenPhysmapTable *table;   /* those of the last complete state: the ones that count */
} Savefile;

/* TRUE for a record of the stream that can hold records of ramblocks. */
gboolean savefile_has_records(const StreamItem *item);

/* TRUE for an item with which a state of the guest is complete; `libxl` when a libxl stream's
 * header came before. */
gboolean savefile_completes_state(const StreamItem *item, gboolean libxl);

/* Reads the records in the item that stream_next gave last, one of the above. The caller owns the
 * table. */
XenPhysmapTable *savefile_read_records(Stream *stream, const StreamItem *item, GError **error);

/* The same as pairs, valid or not, see emulator_pairs and legacy_pairs; *word gets the layout of a
 * legacy blob. */
gboolean savefile_read_pairs(Stream *stream, const StreamItem *item, guint *word,
                             XenPhysmapKeysFunc func, gpointer data, GError **error);

/* Adds the records of an item to those that its state of the guest has so far. */
gboolean savefile_add_records(XenPhysmapTable *state, const StreamItem *item,
                              const XenPhysmapTable *table, GError **error);

/* Reads all of a stream. With `all` the carriers of every state of a checkpointed guest are there,
 * and their tables; otherwise those of the state that counts, without. */
Savefile *savefile_read(Stream *stream, gboolean all, GError **error);

/* The same of a file that is to be walked again; a pipe is refused, since it can't be. */
Savefile *savefile_read_file(int fd, GError **error);

/*
 * Goes through the pages of all items ahead of `end`, which is the `end` of a file's contents, or
 * G_MAXUINT64 for a pipe that is read for its pages alone. INVALID then, when the stream is cut
 * behind a checkpoint: what came behind that can't be taken back.
 */
gboolean savefile_pages(int fd, guint64 end, const StreamPages *pages, GError **error);

/* INVALID when the state that counts isn't whole. */
gboolean savefile_check_whole(const Savefile *contents, GError **error);

void savefile_free(Savefile *contents);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Savefile, savefile_free)

#endif
