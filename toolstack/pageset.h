/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pfns of a stream have a page, in bounded memory. */
#ifndef XEN_PHYSMAP_PAGESET_H
#define XEN_PHYSMAP_PAGESET_H

#include <glib.h>

typedef struct PageSet PageSet;

PageSet *pageset_new(void);
void pageset_free(PageSet *set);

/* The pfn has a page from now on, or has none. */
void pageset_put(PageSet *set, guint64 pfn, gboolean page);

/* FALSE when there were pfns so far apart that not all of them could be kept. */
gboolean pageset_is_whole(const PageSet *set);

/* How many of the `n` pfns from `first` on have no page; *where becomes the first such. */
guint64 pageset_missing(const PageSet *set, guint64 first, guint64 n, guint64 *where);

#endif
