/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in xenstore of where the ramblocks of a Xen guest are. */
#ifndef HW_XEN_PHYSMAP_H
#define HW_XEN_PHYSMAP_H

#include "exec/cpu-common.h"

/* Where the memory listener has put the block; phys_offset if nowhere. */
typedef hwaddr XenPhysmapPlace(hwaddr phys_offset);
/* Called for each block that the saved guest had moved. */
typedef void XenPhysmapRestore(hwaddr phys_offset, hwaddr start_addr,
                               ram_addr_t size);

#ifdef CONFIG_XEN_PHYSMAP

/* Before the first block of RAM exists. On a restore it reads the records. */
void xen_physmap_init(XenPhysmapPlace *place, XenPhysmapRestore *restore);

/* Whether this guest has records. */
bool xen_physmap_active(void);

/* The memory listener has moved a block; the records follow. */
void xen_physmap_changed(void);

/* Moves the pages of a block from one place to another. */
bool xen_physmap_relocate(hwaddr from, hwaddr to, ram_addr_t size);

/*
 * For the map cache: where the pages of a block are that the saved guest had
 * moved. *dummy becomes true for a block whose pages belong to another one now.
 */
hwaddr xen_physmap_to_guest(hwaddr phys_offset, bool *dummy);
ram_addr_t xen_physmap_from_guest(ram_addr_t addr);

/* A saved guest's state is loaded; ends QEMU if the layout differs. */
void xen_physmap_loaded(CPUState *cpu);

#else

static inline void xen_physmap_init(XenPhysmapPlace *place,
                                    XenPhysmapRestore *restore)
{
}

static inline bool xen_physmap_active(void)
{
    return false;
}

static inline void xen_physmap_changed(void)
{
}

static inline bool xen_physmap_relocate(hwaddr from, hwaddr to, ram_addr_t size)
{
    return false;
}

static inline hwaddr xen_physmap_to_guest(hwaddr phys_offset, bool *dummy)
{
    return phys_offset;
}

static inline ram_addr_t xen_physmap_from_guest(ram_addr_t addr)
{
    return addr;
}

#endif

#endif
