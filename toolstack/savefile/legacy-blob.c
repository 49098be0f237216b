/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detects whether a 32-bit or a 64-bit toolstack wrote a blob. */
#include "legacy-blob.h"

#include <string.h>

#include "bytes.h"
#include "fail.h"
#include "number.h"

#define VERSION 1
#define HEAD 8
#define ENTRY 28 /* three u64 and the length of the name */
#define LEAK 4   /* after each name, from a 64-bit toolstack */

/* The length of the entry at `at`, of at most `left` bytes; 0 when it isn't valid. */
static gsize entry_length(const guint8 *at, gsize left, gsize leak)
{
    gsize n;

    if (left < ENTRY) {
        return 0;
    }
    n = bytes_u32(at + ENTRY - 4, FALSE);
    if (n == 0 || n > left - ENTRY || left - ENTRY - n < leak ||
        memchr(at + ENTRY, '\0', n) != at + ENTRY + n - 1) {
        return 0;
    }
    return ENTRY + n + leak;
}

/* Whether the whole blob has this layout. If not, *stop is the offset where it breaks it. */
static gboolean fits(const guint8 *blob, gsize length, gsize leak, gsize *stop)
{
    guint32 count = bytes_u32(blob + 4, FALSE);

    *stop = HEAD;
    for (guint32 i = 0; i < count; i++) {
        gsize n = entry_length(blob + *stop, length - *stop, leak);

        if (n == 0) {
            return FALSE;
        }
        *stop += n;
    }
    return *stop == length;
}

/* Called with the fields of an entry. Only the length of the name was checked. */
typedef gboolean (*EntryFunc)(const XenPhysmapRecord *record, gpointer data, GError **error);

static gboolean read_entry(const guint8 *at, EntryFunc func, gpointer data, GError **error)
{
    const char *name = (const char *)at + ENTRY;
    XenPhysmapRecord record = { .phys_offset = bytes_u64(at, FALSE),
                                .start_addr = bytes_u64(at + 8, FALSE),
                                .size = bytes_u64(at + 16, FALSE) };

    if (g_strlcpy(record.name, name, sizeof record.name) >= sizeof record.name) {
        g_autofree char *shown = xen_physmap_escape(name, -1);

        return invalid(error, "the name '%s' is longer than %d bytes", shown, XEN_PHYSMAP_NAME_MAX);
    }
    return func(&record, data, error);
}

static gboolean read_entries(const guint8 *blob, gsize length, guint64 offset, guint *word,
                             EntryFunc func, gpointer data, GError **error)
{
    gsize stop32, stop64, leak;

    if (length < HEAD || bytes_u32(blob, FALSE) != VERSION) {
        return invalid(error, "the toolstack blob at " HEX " %s", offset,
                       length < HEAD ? "is shorter than its headerer" : "is not of version 1");
    }
    if (bytes_u32(blob + 4, FALSE) > XEN_PHYSMAP_TABLE_MAX) {
        return invalid(error, "the toolstack blob at " HEX " has %u records; the limit is %d",
                       offset, bytes_u32(blob + 4, FALSE), XEN_PHYSMAP_TABLE_MAX);
    }
    /*
     * No blob fits both, unless it is empty. After the first name, the 64-bit reading is 4 bytes
     * further on, and to come back to one end with the other it would have to read a length from
     * the middle of a name. That has no NUL, so the length would be 16 MiB or more.
     */
    if (fits(blob, length, 0, &stop32)) {
        leak = 0;
    } else if (fits(blob, length, LEAK, &stop64)) {
        leak = LEAK;
    } else {
        return invalid(error,
                       "the toolstack blob at " HEX
                       " has neither layout: a 32-bit one breaks at " HEX ", a 64-bit one at " HEX,
                       offset, offset + stop32, offset + stop64);
    }
    *word = length == HEAD ? 0 : leak ? 64 : 32;
    for (gsize at = HEAD; at < length; at += entry_length(blob + at, length - at, leak)) {
        if (!read_entry(blob + at, func, data, error)) {
            g_prefix_error(error, "the record at " HEX ": ", offset + at);
            return FALSE;
        }
    }
    return TRUE;
}

/* The table refuses invalid records, so only valid ones get here, and their places are checked. */
static gboolean add_record(const XenPhysmapRecord *record, gpointer table, GError **error)
{
    return xen_physmap_table_add(table, record, error) &&
           xen_physmap_record_check_place(record, error);
}

XenPhysmapTable *legacy_parse(const guint8 *blob, gsize length, guint64 offset, guint *word,
                              GError **error)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();

    return read_entries(blob, length, offset, word, add_record, table, error)
               ? g_steal_pointer(&table)
               : NULL;
}

/* The callback of legacy_pairs. */
typedef struct PairsTo {
    XenPhysmapKeysFunc func;
    gpointer data;
} PairsTo;

static gboolean pass_pairs(const XenPhysmapRecord *record, gpointer data, GError **error)
{
    const PairsTo *to = data;

    return xen_physmap_keys_foreach(record, to->func, to->data, error);
}

gboolean legacy_pairs(const guint8 *blob, gsize length, guint64 offset, guint *word,
                      XenPhysmapKeysFunc func, gpointer data, GError **error)
{
    PairsTo to = { func, data };

    return read_entries(blob, length, offset, word, pass_pairs, &to, error);
}

static void put_number(GByteArray *blob, guint64 value, gsize length)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(blob, (const guint8 *)&value, length);
}

GByteArray *legacy_blob(const XenPhysmapTable *table, guint word)
{
    GByteArray *blob = g_byte_array_new();
    const XenPhysmapRecord *record;

    put_number(blob, VERSION, 4);
    put_number(blob, xen_physmap_table_size(table), 4);
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        gsize n = strlen(record->name) + 1;

        put_number(blob, record->phys_offset, 8);
        put_number(blob, record->start_addr, 8);
        put_number(blob, record->size, 8);
        put_number(blob, n, 4);
        g_byte_array_append(blob, (const guint8 *)record->name, n);
        put_number(blob, 0, word == 64 ? LEAK : 0);
    }
    return blob;
}
