/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a savefile or stream: the layers, the guest, and the records that count. */
#ifndef XEN_PHYSMAP_SAVEFILE_H
#define XEN_PHYSMAP_SAVEFILE_H

#include <xen-physmap/keys.h>

#include "completeness.h"

/* A stream record that belongs to the device model. */
typedef struct Carrier {
    StreamItem item;
    guint state;            /* the number of checkpoints that were complete before it */
    XenPhysmapTable *table; /* only with --all, and if it can hold records */
} Carrier;

typedef struct Savefile {
    const char *wrapper; /* NULL: a bare stream */
    GPtrArray *streams;
    const char *guest;     /* NULL: no libxc stream */
    char *xen;             /* NULL: unknown */
    guint64 named, stored; /* pages */
    guint checkpoints;
    gboolean cut;
    GuestConfig *config; /* NULL: none, or one that can't be read */
    Completeness completeness;
    const char *lacks; /* what the state that counts lacks; NULL: nothing */
    guint64 end;       /* what is at this offset and after it doesn't count */
    GPtrArray *carriers;
    guint in_state;           /* the number of carriers in the state that is being read */
    XenPhysmapTable *pending; /* its records */
    XenPhysmapTable *table;   /* those of the last complete state: the ones that count */
} Savefile;

/* TRUE for a stream record that can contain records of ramblocks. */
gboolean savefile_has_records(const StreamItem *item);

/* TRUE for an item that completes a state of the guest; `libxl` when the header of a libxl stream
 * came before. */
gboolean savefile_completes_state(const StreamItem *item, gboolean libxl);

/* Reads the records in the item that stream_next gave last, one of the above. The caller owns the
 * table. */
XenPhysmapTable *savefile_read_records(Stream *stream, const StreamItem *item, GError **error);

/* The same as raw pairs, see emulator_pairs and legacy_pairs. *word gets the word size of a legacy
 * blob. */
gboolean savefile_read_pairs(Stream *stream, const StreamItem *item, guint *word,
                             XenPhysmapKeysFunc func, gpointer data, GError **error);

/* Adds the records of an item to those of the same state of the guest. */
gboolean savefile_add_records(XenPhysmapTable *state, const StreamItem *item,
                              const XenPhysmapTable *table, GError **error);

/* Reads all of a stream. With `all`, keeps the carriers of every state of a checkpointed guest,
 * with their tables; otherwise those of the state that counts, without tables. */
Savefile *savefile_read(Stream *stream, gboolean all, GError **error);

/* The same for a file that will be read again. A pipe is refused, since it can't be. */
Savefile *savefile_read_file(int fd, GError **error);

/*
 * Goes through the pages of all items before `end`: the `end` of a file's contents, or G_MAXUINT64
 * for a pipe that is read only for its pages. With a pipe, INVALID when the stream is cut off after
 * a checkpoint: pages after the checkpoint don't count, but were already used.
 */
gboolean savefile_pages(int fd, guint64 end, const StreamPages *pages, GError **error);

/* The one record that `block` means: its name, its region's name, or its phys_offset. NOT_FOUND when
 * there is none, or several. */
const XenPhysmapRecord *savefile_find_block(const XenPhysmapTable *table, const char *block,
                                            GError **error);

/* INVALID when the state that counts isn't complete. */
gboolean savefile_check_whole(const Savefile *contents, GError **error);

void savefile_free(Savefile *contents);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Savefile, savefile_free)

#endif
