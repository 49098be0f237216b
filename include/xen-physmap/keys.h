/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as key/value pairs, the form that xenstore and savefiles share. */
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
 * All numbers are lower-case hexadecimal without 0x. ByteSource of the format: QEMU's
 * XEN_COMPAT_PHYSMAP writer and libxl's reader in libxl_dom_save.c; see docs/formats.md.
 */
#define XEN_PHYSMAP_KEYS_PER_RECORD 3

/* Collects pairs in any order and makes a table of them. One thread at a time. */
typedef struct XenPhysmapKeys XenPhysmapKeys;

/* An empty collection. Free it with xen_physmap_keys_free. */
XEN_PHYSMAP_API XenPhysmapKeys *xen_physmap_keys_new(void);

/* NULL is allowed. */
XEN_PHYSMAP_API void xen_physmap_keys_free(XenPhysmapKeys *keys);

/*
 * Takes one pair; the bytes are copied. INVALID, with the key in the message, for a key that is
 * not physmap/<hex>/{start_addr,size,name}, a key seen before, or a value that is no number, resp.
 * no name. A failed call adds nothing.
 */
XEN_PHYSMAP_API gboolean xen_physmap_keys_add(XenPhysmapKeys *keys, const char *key,
                                              gsize key_length, const char *value,
                                              gsize value_length, GError **error);

/*
 * The table of all pairs so far. INVALID when a record lacks one of its three, or when the records
 * contradict each other. The caller owns the table; `keys` is unchanged.
 */
XEN_PHYSMAP_API XenPhysmapTable *xen_physmap_keys_table(const XenPhysmapKeys *keys, GError **error);

/* Called with one pair, NUL-terminated; FALSE stops. */
typedef gboolean (*XenPhysmapKeysFunc)(const char *key, const char *value, gpointer data,
                                       GError **error);

/*
 * Calls `func` with the three pairs of a record in the order start_addr, size, name, which is the
 * order that libxl writes. Returns FALSE, with what `func` set in `error`, as soon as it does.
 */
XEN_PHYSMAP_API gboolean xen_physmap_keys_foreach(const XenPhysmapRecord *record,
                                                  XenPhysmapKeysFunc func, gpointer data,
                                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(XenPhysmapKeys, xen_physmap_keys_free)

G_END_DECLS

#endif
