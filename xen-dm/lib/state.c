/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XenPhysmapState: changes guest pages, the table and xenstore together, in this order. */
#include <xen-physmap/state.h>

#include <errno.h>

#include <xen-physmap/guest.h>
#include <xen-physmap/xenstore.h>

#include "internal.h"

struct XenPhysmapState {
    const XenPhysmapOps *ops;
    guint32 domid, dm_domid;
    XenPhysmapTable *table;
    /* What xenstore holds, as far as we know; NULL when we don't know. */
    XenPhysmapTable *stored;
};

XenPhysmapState *xen_physmap_state_open(const XenPhysmapOps *ops, guint32 domid, guint32 dm_domid)
{
    XenPhysmapState *state = g_new0(XenPhysmapState, 1);

    state->ops = ops;
    state->domid = domid;
    state->dm_domid = dm_domid;
    state->table = xen_physmap_table_new();
    return state;
}

void xen_physmap_state_close(XenPhysmapState *state)
{
    if (state) {
        xen_physmap_table_free(state->table);
        xen_physmap_table_free(state->stored);
        g_free(state);
    }
}

const XenPhysmapTable *xen_physmap_state_table(const XenPhysmapState *state)
{
    return state->table;
}

static void replace(XenPhysmapTable **place, const XenPhysmapTable *table)
{
    XenPhysmapTable *copy = xen_physmap_table_copy(table);

    xen_physmap_table_free(*place);
    *place = copy;
}

gboolean xen_physmap_state_load(XenPhysmapState *state, GError **error)
{
    XenPhysmapTable *table =
        xen_physmap_xenstore_load(state->ops, state->domid, state->dm_domid, error);

    if (!table) {
        return FALSE;
    }
    xen_physmap_table_free(state->table);
    state->table = table;
    replace(&state->stored, table);
    return TRUE;
}

/* Writes to xenstore what differs between what it holds and the table. */
static gboolean store(XenPhysmapState *state, GError **error)
{
    if (!xen_physmap_xenstore_store(state->ops, state->domid, state->dm_domid, state->stored,
                                    state->table, error)) {
        /* The change may have been made, with only the answer lost. */
        g_clear_pointer(&state->stored, xen_physmap_table_free);
        return FALSE;
    }
    replace(&state->stored, state->table);
    return TRUE;
}

gboolean xen_physmap_state_publish(XenPhysmapState *state, GError **error)
{
    g_clear_pointer(&state->stored, xen_physmap_table_free);
    return store(state, error);
}

gboolean xen_physmap_state_update(XenPhysmapState *state, const XenPhysmapTable *actual,
                                  GError **error)
{
    replace(&state->table, actual);
    return store(state, error);
}

gboolean xen_physmap_state_block_add(XenPhysmapState *state, const char *name, guint64 phys_offset,
                                     guint64 size, GError **error)
{
    XenPhysmapRecord record;

    return xen_physmap_record_init(&record, name, phys_offset, phys_offset, size, error) &&
           xen_physmap_table_add(state->table, &record, error) && store(state, error);
}

gboolean xen_physmap_state_block_del(XenPhysmapState *state, guint64 phys_offset, GError **error)
{
    return xen_physmap_table_remove(state->table, phys_offset, error) && store(state, error);
}

/* Moves the guest's pages from one address to the other. */
static gboolean relocate(XenPhysmapState *state, const char *name, guint64 from, guint64 to,
                         guint64 size, GError **error)
{
    const XenPhysmapOps *ops = state->ops;
    guint64 nr_pages = size >> XEN_PHYSMAP_PAGE_SHIFT;
    guint64 src = from >> XEN_PHYSMAP_PAGE_SHIFT, dst = to >> XEN_PHYSMAP_PAGE_SHIFT;

    /* Xen moves page by page. If the ranges overlap, it would move some pages twice. */
    if (from < to + size && to < from + size) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s can't be moved from 0x%" G_GINT64_MODIFIER "x to 0x%" G_GINT64_MODIFIER
                    "x, which it overlaps",
                    name, from, to);
        return FALSE;
    }
    if (nr_pages > G_MAXUINT32) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s is too large to be moved", name);
        return FALSE;
    }
    if (ops->relocate_memory(ops->opaque, state->domid, nr_pages, src, dst)) {
        xen_physmap_set_errno(error, errno,
                              "can't move %s from 0x%" G_GINT64_MODIFIER
                              "x to 0x%" G_GINT64_MODIFIER "x in domain %u",
                              name, from, to, state->domid);
        return FALSE;
    }
    /* Older hypervisors refuse this. Only speed is lost. */
    ops->pin_cacheattr(ops->opaque, state->domid, dst, dst + nr_pages - 1);
    return TRUE;
}

static gboolean move(XenPhysmapState *state, const XenPhysmapRecord *record, guint64 start_addr,
                     GError **error)
{
    guint64 phys_offset = record->phys_offset, from = record->start_addr;

    if (from == start_addr) {
        return store(state, error);
    }
    /* The table comes first: it knows whether the place is free, and can be changed back. */
    if (!xen_physmap_table_move(state->table, phys_offset, start_addr, error)) {
        return FALSE;
    }
    if (!relocate(state, record->name, from, start_addr, record->size, error)) {
        xen_physmap_table_move(state->table, phys_offset, from, NULL);
        return FALSE;
    }
    return store(state, error);
}

/* The record with exactly this range, or NULL with an error. */
static const XenPhysmapRecord *whole(const XenPhysmapRecord *record, gboolean at_start,
                                     const char *where, guint64 address, guint64 size,
                                     GError **error)
{
    if (!record || !at_start || record->size != size) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "no ramblock of size 0x%" G_GINT64_MODIFIER "x is at %s 0x%" G_GINT64_MODIFIER
                    "x",
                    size, where, address);
        return NULL;
    }
    return record;
}

gboolean xen_physmap_state_region_add(XenPhysmapState *state, guint64 phys_offset,
                                      guint64 start_addr, guint64 size, GError **error)
{
    const XenPhysmapRecord *record = xen_physmap_table_find_phys(state->table, phys_offset);

    record = whole(record, record && record->phys_offset == phys_offset, "phys_offset", phys_offset,
                   size, error);
    return record && move(state, record, start_addr, error);
}

gboolean xen_physmap_state_region_del(XenPhysmapState *state, guint64 start_addr, guint64 size,
                                      GError **error)
{
    const XenPhysmapRecord *record = xen_physmap_table_find_guest(state->table, start_addr);

    record = whole(record, record && record->start_addr == start_addr, "guest address", start_addr,
                   size, error);
    return record && move(state, record, record->phys_offset, error);
}

gboolean xen_physmap_state_phys_to_guest(const XenPhysmapState *state, guint64 phys_offset,
                                         guint64 *guest_addr)
{
    return xen_physmap_table_to_guest(state->table, phys_offset, guest_addr);
}

gboolean xen_physmap_state_guest_to_phys(const XenPhysmapState *state, guint64 guest_addr,
                                         guint64 *phys_offset)
{
    return xen_physmap_table_to_phys(state->table, guest_addr, phys_offset);
}

void *xen_physmap_state_map(const XenPhysmapState *state, guint64 phys_offset, int prot,
                            gsize *size, GError **error)
{
    const XenPhysmapRecord *record = xen_physmap_table_find_phys(state->table, phys_offset);
    void *address;

    if (!record) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "no ramblock holds phys_offset 0x%" G_GINT64_MODIFIER "x", phys_offset);
        return NULL;
    }
    address = xen_physmap_guest_map(state->ops, state->domid, record->start_addr, record->size,
                                    prot, error);
    if (!address) {
        g_prefix_error(error, "%s: ", record->name);
        return NULL;
    }
    *size = record->size;
    return address;
}

void xen_physmap_state_unmap(const XenPhysmapState *state, void *address, gsize size)
{
    xen_physmap_guest_unmap(state->ops, address, size);
}
