/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pfns of a stream have a page, in bounded memory. */
#ifndef XEN_PHYSMAP_PAGE_INDEX_H
#define XEN_PHYSMAP_PAGE_INDEX_H

#include <xen-physmap/table.h>

#define PAGE_INDEX_4GIB (G_GUINT64_CONSTANT(4) << 30)

/* From here up to 4 GiB are pages of the firmware and of Xen itself. */
#define PAGE_INDEX_SPECIAL G_GUINT64_CONSTANT(0xfc000000)

typedef struct PageIndex PageIndex;

PageIndex *page_index_new(void);
void page_index_free(PageIndex *set);

/* Notes that the pfn has a page, or has none. The last call for a pfn counts. */
void page_index_put(PageIndex *set, guint64 pfn, gboolean page);

/* FALSE when the pfns were so far apart that not all of them could be kept. */
gboolean page_index_is_whole(const PageIndex *set);

/* How many of the `n` pfns from `first` on have no page. *where becomes the first of them. */
guint64 page_index_missing(const PageIndex *set, guint64 first, guint64 n, guint64 *where);

/*
 * How many pages are neither RAM, which ends at the address `low` and above 4 GiB at `high`, nor of
 * a record, nor of Xen or the firmware; *where becomes the address of the first one. RAM that the
 * firmware moved from below 4 GiB to above is not counted.
 */
guint64 page_index_unclaimed(const PageIndex *set, const XenPhysmapTable *table, guint64 low,
                             guint64 high, guint64 *where);

#endif
