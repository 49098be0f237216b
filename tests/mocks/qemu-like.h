/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for QEMU's headers, so that the code in docs/qemu.md can be compiled. */
#ifndef QEMU_LIKE_H
#define QEMU_LIKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen-physmap/compare.h>
#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

/* QEMU's own type, so that a type of ours with the same name doesn't compile. */
typedef struct XenIOState XenIOState;
typedef uint64_t hwaddr;
typedef uint64_t ram_addr_t;
typedef unsigned __int128 Int128;
typedef struct RAMBlock RAMBlock;
typedef struct Notifier Notifier;
typedef struct MemoryRegion MemoryRegion;
typedef struct MemoryListener MemoryListener;
typedef struct MemoryRegionSection {
    MemoryRegion *mr;
    hwaddr offset_within_region, offset_within_address_space;
    Int128 size;
} MemoryRegionSection;
typedef enum { RUN_STATE_INMIGRATE } RunState;

extern MemoryRegion *framebuffer;
bool runstate_check(RunState state);
void error_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
void warn_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
uint64_t int128_get64(Int128 a);
uint64_t memory_region_size(MemoryRegion *mr);
ram_addr_t memory_region_get_ram_addr(MemoryRegion *mr);
const char *qemu_ram_get_idstr(RAMBlock *rb);
ram_addr_t qemu_ram_get_offset(RAMBlock *rb);
ram_addr_t qemu_ram_get_used_length(RAMBlock *rb);
int qemu_ram_foreach_block(int (*func)(RAMBlock *rb, void *opaque), void *opaque);

#endif
