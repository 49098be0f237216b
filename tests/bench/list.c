/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In its own file, so that the compiler can't inline more than from a library. */
#include "list.h"

void list_insert(ListEntry **head, const XenPhysmapRecord *record)
{
    ListEntry *entry = g_new(ListEntry, 1);

    *entry =
        (ListEntry){ record->start_addr, record->size, record->phys_offset, record->name, *head };
    *head = entry;
}

gboolean list_phys_to_guest(const ListEntry *const *head, guint64 phys_offset, guint64 *guest_addr)
{
    for (const ListEntry *entry = *head; entry; entry = entry->next) {
        if (phys_offset >= entry->phys_offset && phys_offset - entry->phys_offset < entry->size) {
            *guest_addr = entry->start_addr + (phys_offset - entry->phys_offset);
            return TRUE;
        }
    }
    return FALSE;
}
