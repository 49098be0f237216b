/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pfns of a stream have a page, in bounded memory. */
#ifndef XEN_PHYSMAP_PAGE_INDEX_H
#define XEN_PHYSMAP_PAGE_INDEX_H

#include <glib.h>

typedef struct PageIndex PageIndex;

PageIndex *page_index_new(void);
void page_index_free(PageIndex *set);

/* The pfn has a page from now on, or has none. */
void page_index_put(PageIndex *set, guint64 pfn, gboolean page);

/* FALSE when there were pfns so far apart that not all of them could be kept. */
gboolean page_index_is_whole(const PageIndex *set);

/* How many of the `n` pfns from `first` on have no page; *where becomes the first such. */
guint64 page_index_missing(const PageIndex *set, guint64 first, guint64 n, guint64 *where);

#endif
