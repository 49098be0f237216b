/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packed key\0value\0 pairs after an emulator's id and index. keys.h parses them. */
#include "emulator-data.h"

#include <string.h>

#include "bytes.h"
#include "fail.h"
#include "number.h"

#define HEAD 8
#define PREFIX "physmap/"

/* Three for each record of a full table, and one other for each record. */
#define PAIRS_MAX (4 * XEN_PHYSMAP_TABLE_MAX)

void emulator_free(EmulatorData *data)
{
    if (data) {
        xen_physmap_table_free(data->table);
        g_ptr_array_unref(data->others);
        g_free(data);
    }
}

const char *emulator_name(guint32 id)
{
    switch (id) {
    case EMULATOR_UNKNOWN:
        return "unknown device model";
    case EMULATOR_QEMU_TRADITIONAL:
        return "traditional QEMU";
    case EMULATOR_QEMU:
        return "QEMU";
    default:
        return "a device model of the future";
    }
}

/* The characters that a key in a savefile may have. */
static gboolean is_key(const char *key)
{
    return *key != '\0' && *key != '/' &&
           key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/_@")] ==
               '\0';
}

/* Reads one string of a pair, at `text`. */
static const char *string_end(const char *text, const char *end)
{
    return memchr(text, '\0', end - text);
}

static gboolean check_pair(const char *key, const char *value, XenPhysmapKeysFunc func,
                           gpointer data, GError **error)
{
    if (!is_key(key)) {
        g_autofree char *shown = xen_physmap_escape(key, -1);

        return invalid(error, "'%s' is not a key of the device model", shown);
    }
    return func(key, value, data, error);
}

gboolean emulator_pairs(const guint8 *body, gsize length, guint64 offset, XenPhysmapKeysFunc func,
                        gpointer data, GError **error)
{
    const char *start = (const char *)body, *text = start + HEAD, *end = start + length;
    guint pairs = 0;

    if (length < HEAD) {
        return invalid(
            error, "the body at " HEX " is %" G_GSIZE_FORMAT " bytes, too short for id and index",
            offset, length);
    }
    while (text < end) {
        const char *key = text, *key_end = string_end(key, end), *value, *value_end;

        value = key_end ? key_end + 1 : NULL;
        value_end = value && value < end ? string_end(value, end) : NULL;
        if (!value_end) {
            return invalid(error, "the pair at " HEX " %s", offset + (guint64)(key - start),
                           !key_end       ? "has no NUL after its key"
                           : value == end ? "has a key and no value"
                                          : "has no NUL after its value");
        }
        if (pairs++ == PAIRS_MAX) {
            return invalid(error, "the pair at " HEX " exceeds the limit of %d",
                           offset + (guint64)(key - start), PAIRS_MAX);
        }
        if (!check_pair(key, value, func, data, error)) {
            g_prefix_error(error, "the pair at " HEX ": ", offset + (guint64)(key - start));
            return FALSE;
        }
        text = value_end + 1;
    }
    return TRUE;
}

/* The result of reading a body. */
typedef struct Parse {
    XenPhysmapKeys *keys;
    GPtrArray *others;
} Parse;

static gboolean add_pair(const char *key, const char *value, gpointer data, GError **error)
{
    Parse *parse = data;

    if (g_str_has_prefix(key, PREFIX)) {
        return xen_physmap_keys_add(parse->keys, key, strlen(key), value, strlen(value), error);
    }
    g_ptr_array_add(parse->others, g_strdup(key));
    g_ptr_array_add(parse->others, g_strdup(value));
    return TRUE;
}

EmulatorData *emulator_parse(const guint8 *body, gsize length, gboolean big_endian, guint64 offset,
                             GError **error)
{
    g_autoptr(EmulatorData) data = g_new0(EmulatorData, 1);
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    Parse parse = { keys, data->others = g_ptr_array_new_with_free_func(g_free) };

    if (!emulator_pairs(body, length, offset, add_pair, &parse, error)) {
        return NULL;
    }
    data->id = bytes_u32(body, big_endian);
    data->index = bytes_u32(body + 4, big_endian);
    data->table = xen_physmap_keys_table(keys, error);
    if (!data->table) {
        g_prefix_error(error, "the body at " HEX ": ", offset);
        return NULL;
    }
    return g_steal_pointer(&data);
}

static void put_u32(GByteArray *body, guint32 value, gboolean big_endian)
{
    value = big_endian ? GUINT32_TO_BE(value) : GUINT32_TO_LE(value);
    g_byte_array_append(body, (const guint8 *)&value, sizeof value);
}

static gboolean put_pair(const char *key, const char *value, gpointer body, GError **error)
{
    (void)error;
    g_byte_array_append(body, (const guint8 *)key, strlen(key) + 1);
    g_byte_array_append(body, (const guint8 *)value, strlen(value) + 1);
    return TRUE;
}

GByteArray *emulator_body(const EmulatorData *data, gboolean big_endian, GError **error)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    const XenPhysmapRecord *record;

    put_u32(body, data->id, big_endian);
    put_u32(body, data->index, big_endian);
    for (guint i = 0; (record = xen_physmap_table_get(data->table, i)); i++) {
        xen_physmap_keys_foreach(record, put_pair, body, NULL);
    }
    for (guint i = 0; i + 1 < data->others->len; i += 2) {
        put_pair(data->others->pdata[i], data->others->pdata[i + 1], body, NULL);
    }
    if (body->len > EMULATOR_BODY_MAX) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "the records come to %u bytes; the limit is %u", body->len, EMULATOR_BODY_MAX);
        return NULL;
    }
    return g_steal_pointer(&body);
}
