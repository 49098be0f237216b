/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bench-lookup compares with: a linked list of blocks, searched from its head, as QEMU does.
 */
#ifndef LIST_H
#define LIST_H

#include <xen-physmap/record.h>

typedef struct ListEntry {
    guint64 start_addr, size, phys_offset;
    const char *name;
    struct ListEntry *next;
} ListEntry;

void list_insert(ListEntry **head, const XenPhysmapRecord *record);
gboolean list_phys_to_guest(const ListEntry *const *head, guint64 phys_offset, guint64 *guest_addr);

#endif
