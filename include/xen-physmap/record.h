/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record: which guest pages belong to which ramblock. */
#ifndef XEN_PHYSMAP_RECORD_H
#define XEN_PHYSMAP_RECORD_H

#include <xen-physmap/error.h>

G_BEGIN_DECLS

/* All addresses and sizes are in bytes and multiples of this, Xen's page size on x86. */
#define XEN_PHYSMAP_PAGE_SHIFT 12
#define XEN_PHYSMAP_PAGE_SIZE (G_GUINT64_CONSTANT(1) << XEN_PHYSMAP_PAGE_SHIFT)

/* The longest name in bytes, without its NUL, and the longest ramblock id of QEMU. */
#define XEN_PHYSMAP_NAME_MAX 255

/* The name in a record of pages that belong to no ramblock any more: an unplugged device left them
 * in the guest. No ramblock has this id: it has no '/', and QEMU has no region with this name. */
#define XEN_PHYSMAP_UNPLUGGED_NAME "unplugged"

/*
 * One ramblock of a device model. A plain value: copy it by assignment.
 *
 * Example, a 16 MiB framebuffer allocated at 32 MiB and moved to its PCI BAR at 0xf1000000:
 *
 *     { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 }
 */
typedef struct XenPhysmapRecord {
    /* QEMU's ramblock id, e.g. "0000:00:04.0/e1000.rom", or a bare memory region name, as a
     * QEMU built for Xen before 4.10 wrote it, e.g. "vga.vram". Printable ASCII, not empty. */
    char name[XEN_PHYSMAP_NAME_MAX + 1];
    /* The block's offset in the device model's RAM space (QEMU's ram_addr_t). */
    guint64 phys_offset;
    /* Where its pages are in guest-physical space; equal to phys_offset until it is moved. */
    guint64 start_addr;
    /* Half-open: the block is [phys_offset, phys_offset + size). Never 0. */
    guint64 size;
} XenPhysmapRecord;

/*
 * Fills *record, and checks the name's length and characters, the alignment, that the size isn't 0,
 * and that nothing wraps around at 2^64. INVALID, with *record unchanged, when a rule is broken.
 * Thread-safe.
 */
XEN_PHYSMAP_API gboolean xen_physmap_record_init(XenPhysmapRecord *record, const char *name,
                                                 guint64 phys_offset, guint64 start_addr,
                                                 guint64 size, GError **error);

/*
 * For a valid record from outside: INVALID when its block was moved onto pages that the PC platform
 * or Xen needs. Neither firmware nor a working guest puts a BAR there. A block in place may be
 * anywhere after the guest's RAM. Thread-safe.
 */
XEN_PHYSMAP_API gboolean xen_physmap_record_check_place(const XenPhysmapRecord *record,
                                                        GError **error);

/* TRUE when all four fields are the same. Thread-safe. */
XEN_PHYSMAP_API gboolean xen_physmap_record_equal(const XenPhysmapRecord *a,
                                                  const XenPhysmapRecord *b);

/*
 * The bare region name within a ramblock id: what follows the last '/', or all of it. Points into
 * `name`. Thread-safe.
 */
XEN_PHYSMAP_API const char *xen_physmap_region_name(const char *name);

/*
 * A copy of `length` bytes (-1: up to the NUL) that is safe on a terminal. Printable ASCII stays,
 * every other byte and the backslash become \xNN. A text of more than 128 bytes is cut, and ends in
 * "...". Free it with g_free. Thread-safe.
 */
XEN_PHYSMAP_API char *xen_physmap_escape(const char *bytes, gssize length);

G_END_DECLS

#endif
