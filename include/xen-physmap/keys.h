/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as key/value pairs, which both xenstore and savefiles have. */
#ifndef XEN_PHYSMAP_KEYS_H
#define XEN_PHYSMAP_KEYS_H

#include <xen-physmap/table.h>

G_BEGIN_DECLS

/*
 * Three pairs make a record, with the key relative to device-model/$domid/:
 *
 *     physmap/2000000/start_addr   f1000000
 *     physmap/2000000/size         1000000
 *     physmap/2000000/name         0000:00:03.0/vga.vram
 *
 * All numbers are lower-case hexadecimal without 0x. The format is that of QEMU's
 * XEN_COMPAT_PHYSMAP writer and of libxl's reader in libxl_dom_save.c; see docs/formats.md.
 */

/* Collects pairs in any order, to make a table of them. Use it in one thread at a time. */
typedef struct XenPhysmapKeys XenPhysmapKeys;

/* An empty collection. Free it with xen_physmap_keys_free. */
XEN_PHYSMAP_API XenPhysmapKeys *xen_physmap_keys_new(void);

/* NULL is allowed. */
XEN_PHYSMAP_API void xen_physmap_keys_free(XenPhysmapKeys *keys);

/*
 * Adds a copy of one pair. INVALID, with the key in the message, when the key isn't
 * physmap/<hex>/{start_addr,size,name} or was added before, or when the value isn't a valid number
 * or name. A call that fails adds nothing.
 */
XEN_PHYSMAP_API gboolean xen_physmap_keys_add(XenPhysmapKeys *keys, const char *key,
                                              gsize key_length, const char *value,
                                              gsize value_length, GError **error);

/*
 * Makes a table of all pairs so far. INVALID when a record lacks one of its three pairs, or when
 * the records contradict each other. The caller owns the table; `keys` is unchanged.
 */
XEN_PHYSMAP_API XenPhysmapTable *xen_physmap_keys_table(const XenPhysmapKeys *keys, GError **error);

/* Called with one pair, NUL-terminated. Returns FALSE to stop. */
typedef gboolean (*XenPhysmapKeysFunc)(const char *key, const char *value, gpointer data,
                                       GError **error);

/*
 * Calls `func` with the three pairs of a record in the order in which libxl writes them:
 * start_addr, size, name. If `func` returns FALSE, stops and returns FALSE, with the error that
 * `func` set.
 */
XEN_PHYSMAP_API gboolean xen_physmap_keys_foreach(const XenPhysmapRecord *record,
                                                  XenPhysmapKeysFunc func, gpointer data,
                                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(XenPhysmapKeys, xen_physmap_keys_free)

G_END_DECLS

#endif
