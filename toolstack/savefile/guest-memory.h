/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where in a savefile each page of the guest is, and what is at a guest-physical address. */
#ifndef XEN_PHYSMAP_GUEST_MEMORY_H
#define XEN_PHYSMAP_GUEST_MEMORY_H

#include "stream.h"

/*
 * An index from pfns to offsets in the file. It keeps stretches of pages that follow each other in
 * both, so a 64 GiB guest takes about a MiB. A page that the stream sends again is where it was sent
 * last. One thread at a time.
 */
typedef struct GuestMemory GuestMemory;

GuestMemory *guest_memory_new(void);

/* NULL is allowed. */
void guest_memory_free(GuestMemory *memory);

/* What one item of a stream says about pages. */
typedef struct GuestPages GuestPages;

/*
 * Reads the list of the item that stream_next gave last, one that stream_has_pages is TRUE for; the
 * pages themselves stay in the stream. Errors as stream_pages. Free it with guest_pages_free.
 */
GuestPages *guest_pages_read(Stream *stream, const StreamItem *item, GError **error);
void guest_pages_free(GuestPages *pages);

/* INVALID when the pages so far are in so many pieces that the index gets too large. */
gboolean guest_memory_add(GuestMemory *memory, const GuestPages *pages, GError **error);

/* Half-open, in bytes. */
typedef struct GuestRange {
    guint64 start, end;
} GuestRange;

/*
 * The first range of guest-physical memory at or after `address` that the savefile has, in whole
 * pages. FALSE when there is none.
 */
gboolean guest_memory_next(const GuestMemory *memory, guint64 address, GuestRange *range);

/* The end of the last page, in bytes. */
guint64 guest_memory_end(const GuestMemory *memory);

/* How many pages of [start, end) the savefile has. */
guint64 guest_memory_pages(const GuestMemory *memory, guint64 start, guint64 end);

/*
 * Reads `length` bytes at `address` from the file `fd`. What the savefile doesn't have is read as
 * zeros. SYSTEM when the file can't be read, INVALID when it ends too early.
 */
gboolean guest_memory_read(const GuestMemory *memory, int fd, guint64 address, void *buffer,
                           gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestMemory, guest_memory_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestPages, guest_pages_free)

#endif
