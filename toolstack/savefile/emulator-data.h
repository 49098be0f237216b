/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and writes the body of an EMULATOR_XENSTORE_DATA record. */
#ifndef XEN_PHYSMAP_EMULATOR_DATA_H
#define XEN_PHYSMAP_EMULATOR_DATA_H

#include <xen-physmap/keys.h>

/* The longest body that is read or written. XEN_PHYSMAP_TABLE_MAX records fit into it. */
#define EMULATOR_BODY_MAX (4U << 20)

/* In `id`. */
typedef enum { EMULATOR_UNKNOWN = 0, EMULATOR_QEMU_TRADITIONAL = 1, EMULATOR_QEMU = 2 } EmulatorId;

typedef struct EmulatorData {
    guint32 id; /* an EmulatorId */
    guint32 index;
    XenPhysmapTable *table;
    /* Keys that are not under physmap/, each followed by its value. */
    GPtrArray *others;
} EmulatorData;

/*
 * Parses a body, which is at `offset` in the input. INVALID, with the offset in the input, when it
 * breaks a rule of docs/formats.md. Free it with emulator_free.
 */
EmulatorData *emulator_parse(const guint8 *body, gsize length, gboolean big_endian, guint64 offset,
                             GError **error);

/* Calls `func` with the raw pairs of a body. Only the framing of the pairs and the characters of
 * the keys are checked. INVALID as above, or what `func` set. */
gboolean emulator_pairs(const guint8 *body, gsize length, guint64 offset, XenPhysmapKeysFunc func,
                        gpointer data, GError **error);

/* NULL is allowed. */
void emulator_free(EmulatorData *data);

/* Makes a body, without padding: records in the order of phys_offset, then the other keys. INVALID
 * when it would be longer than EMULATOR_BODY_MAX. */
GByteArray *emulator_body(const EmulatorData *data, gboolean big_endian, GError **error);

/* The name of an EmulatorId, for messages. */
const char *emulator_name(guint32 id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmulatorData, emulator_free)

#endif
