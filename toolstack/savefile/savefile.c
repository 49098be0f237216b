/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads whole streams, and keeps what belongs to the device model. */
#include "savefile.h"

#include <string.h>

#include "emulator-data.h"
#include "fail.h"
#include "input.h"
#include "legacy-blob.h"
#include "number.h"

/* A guest has one device model or a few. So many of its records in one state are forged. */
#define CARRIERS_MAX 256

static void carrier_free(gpointer data)
{
    Carrier *carrier = data;

    xen_physmap_table_free(carrier->table);
    g_free(carrier);
}

static Savefile *savefile_new(void)
{
    Savefile *contents = g_new0(Savefile, 1);

    contents->streams = g_ptr_array_new_with_free_func(g_free);
    contents->carriers = g_ptr_array_new_with_free_func(carrier_free);
    contents->pending = xen_physmap_table_new();
    contents->table = xen_physmap_table_new();
    return contents;
}

void savefile_free(Savefile *contents)
{
    g_ptr_array_unref(contents->streams);
    g_ptr_array_unref(contents->carriers);
    xen_physmap_table_free(contents->pending);
    xen_physmap_table_free(contents->table);
    g_clear_pointer(&contents->config, guest_config_free);
    g_free(contents->xen);
    g_free(contents);
}

gboolean savefile_has_records(const StreamItem *item)
{
    switch (item->layer) {
    case STREAM_LIBXL_RECORD:
        return item->type == LIBXL_EMULATOR_XENSTORE_DATA;
    case STREAM_LIBXC_RECORD:
        return item->type == LIBXC_TOOLSTACK && item->length > 0;
    case STREAM_LEGACY_CHUNK:
        return item->type == (guint32)LEGACY_TOOLSTACK && item->length > 0;
    default:
        return FALSE;
    }
}

gboolean savefile_completes_state(const StreamItem *item, gboolean libxl)
{
    switch (item->layer) {
    case STREAM_LIBXL_RECORD:
        return item->type == LIBXL_CHECKPOINT_END || item->type == LIBXL_END;
    case STREAM_LIBXC_RECORD:
        return !libxl && (item->type == LIBXC_CHECKPOINT || item->type == LIBXC_END);
    case STREAM_LEGACY_CHUNK:
        return item->type == LEGACY_END;
    default:
        return FALSE;
    }
}

static gboolean is_libxl(const StreamItem *item)
{
    return item->layer == STREAM_LIBXL_RECORD;
}

static gboolean is_carrier(const StreamItem *item)
{
    return savefile_has_records(item) || (is_libxl(item) && item->type == LIBXL_EMULATOR_CONTEXT);
}

static guint8 *read_body(Stream *stream, const StreamItem *item, GError **error)
{
    return stream_body(stream, is_libxl(item) ? EMULATOR_BODY_MAX : LEGACY_BLOB_MAX, error);
}

XenPhysmapTable *savefile_read_records(Stream *stream, const StreamItem *item, GError **error)
{
    guint64 offset = item->offset + item->head;
    g_autofree guint8 *body = read_body(stream, item, error);
    g_autoptr(EmulatorData) data = NULL;
    guint word;

    if (!body) {
        return NULL;
    }
    if (!is_libxl(item)) {
        return legacy_parse(body, item->length, offset, &word, error);
    }
    data = emulator_parse(body, item->length, item->big_endian, offset, error);
    return data ? g_steal_pointer(&data->table) : NULL;
}

gboolean savefile_read_pairs(Stream *stream, const StreamItem *item, guint *word,
                             XenPhysmapKeysFunc func, gpointer data, GError **error)
{
    guint64 offset = item->offset + item->head;
    g_autofree guint8 *body = read_body(stream, item, error);

    if (!body) {
        return FALSE;
    }
    return is_libxl(item) ? emulator_pairs(body, item->length, offset, func, data, error)
                          : legacy_pairs(body, item->length, offset, word, func, data, error);
}

gboolean savefile_add_records(XenPhysmapTable *state, const StreamItem *item,
                              const XenPhysmapTable *table, GError **error)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        if (!xen_physmap_table_add(state, record, error)) {
            g_prefix_error(error,
                           "%s at " HEX ", with what came before it: ", stream_item_name(item),
                           item->offset);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean add_carrier(Savefile *contents, Stream *stream, const StreamItem *item,
                            gboolean all, GError **error)
{
    g_autoptr(XenPhysmapTable) table = NULL;
    Carrier *carrier;

    if (++contents->in_state > CARRIERS_MAX) {
        return invalid(error, "%s at " HEX ": more than %d records of device models",
                       stream_item_name(item), item->offset, CARRIERS_MAX);
    }
    if (savefile_has_records(item)) {
        table = savefile_read_records(stream, item, error);
        if (!table || !savefile_add_records(contents->pending, item, table, error)) {
            return FALSE;
        }
    }
    carrier = g_new0(Carrier, 1);
    carrier->item = *item;
    carrier->state = contents->checkpoints;
    carrier->table = all ? g_steal_pointer(&table) : NULL;
    g_ptr_array_add(contents->carriers, carrier);
    return TRUE;
}

static void note(Savefile *contents, const StreamItem *item)
{
    switch (item->layer) {
    case STREAM_WRAPPER:
        contents->wrapper = stream_item_name(item);
        break;
    case STREAM_LIBXL_HEADER:
    case STREAM_LIBXC_HEADER:
        g_ptr_array_add(contents->streams,
                        g_strdup_printf("%s v%u",
                                        item->layer == STREAM_LIBXL_HEADER ? "libxl" : "libxc",
                                        item->header.version));
        break;
    case STREAM_LEGACY_HEADER:
        g_ptr_array_add(contents->streams, g_strdup_printf("legacy %u-bit", item->header.version));
        contents->guest = "x86 HVM";
        break;
    case STREAM_DOMAIN_HEADER:
        contents->guest = item->domain.guest == GUEST_X86_HVM ? "x86 HVM" : "x86 PV";
        if (item->domain.xen_major > 0) {
            contents->xen =
                g_strdup_printf("%u.%u", item->domain.xen_major, item->domain.xen_minor);
        }
        break;
    case STREAM_LIBXC_RECORD:
    case STREAM_LEGACY_CHUNK:
        if (item->type == LIBXC_PAGE_DATA) { /* as LEGACY_PAGES is */
            contents->named += item->pages.named;
            contents->stored += item->pages.stored;
        }
        break;
    default:
        break;
    }
}

/* Shows whether the guest has a device model. verify reports what is wrong with it. */
static gboolean look_into(Savefile *contents, Stream *stream, const StreamItem *item,
                          GError **error)
{
    g_autofree guint8 *body = NULL;

    if (item->layer == STREAM_WRAPPER) {
        g_autoptr(GError) problem = NULL;

        if (!guest_config_read(stream, item, &contents->config, &problem, error)) {
            return FALSE;
        }
        if (contents->config) {
            completeness_config(&contents->completeness, contents->config);
        }
    } else if (item->layer == STREAM_LIBXC_RECORD && item->type == LIBXC_HVM_PARAMS &&
               item->length <= COMPLETENESS_PARAMS_MAX) {
        body = stream_body(stream, COMPLETENESS_PARAMS_MAX, error);
        if (!body) {
            return FALSE;
        }
        completeness_params(&contents->completeness, body, item->length, item->big_endian);
    }
    return TRUE;
}

/* Removes the carriers of all states of a checkpointed guest but the given one. */
static void keep_state(Savefile *contents, guint state)
{
    for (guint i = contents->carriers->len; i-- > 0;) {
        if (((Carrier *)contents->carriers->pdata[i])->state != state) {
            g_ptr_array_remove_index(contents->carriers, i);
        }
    }
}

/* The state being read is complete, so its records are those that count. */
static void complete_state(Savefile *contents, gboolean all)
{
    xen_physmap_table_free(contents->table);
    contents->table = contents->pending;
    contents->pending = xen_physmap_table_new();
    contents->in_state = 0;
    contents->lacks = contents->completeness.lacks;
    if (!all) {
        keep_state(contents, contents->checkpoints);
    }
}

static gboolean read_items(Savefile *contents, Stream *stream, gboolean all, GError **error)
{
    gboolean ok;
    StreamItem item;

    while ((ok = stream_next(stream, &item, error)) && item.layer != STREAM_END) {
        note(contents, &item);
        if ((is_carrier(&item) && !(ok = add_carrier(contents, stream, &item, all, error))) ||
            !(ok = look_into(contents, stream, &item, error))) {
            break;
        }
        completeness_see(&contents->completeness, &item);
        if (stream_checkpoints(stream) != contents->checkpoints) {
            complete_state(contents, all);
            contents->checkpoints = stream_checkpoints(stream);
            contents->end = item.offset + item.head + item.length + item.padding;
        }
    }
    return ok;
}

Savefile *savefile_read(Stream *stream, gboolean all, GError **error)
{
    g_autoptr(Savefile) contents = savefile_new();
    g_autoptr(GError) failure = NULL;

    if (read_items(contents, stream, all, &failure)) {
        complete_state(contents, all);
        contents->end = G_MAXUINT64;
    } else if (stream_cut(stream)) {
        contents->cut = TRUE;
        if (!all) {
            keep_state(contents, contents->checkpoints - 1);
        }
    } else {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return g_steal_pointer(&contents);
}

Savefile *savefile_read_file(int fd, GError **error)
{
    g_autoptr(Stream) stream = stream_open(fd, error);

    if (!stream) {
        return NULL;
    }
    if (!stream_seekable(stream)) {
        const char *program = input_compressor(fd);

        if (program) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                        "it is compressed, and has to be read twice here: uncompress it first, "
                        "with %s -dk",
                        program);
        } else {
            g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                                "in a stream the records come after the pages, so that a pipe "
                                "would have to be read twice: store it in a file");
        }
        return NULL;
    }
    return savefile_read(stream, FALSE, error);
}

gboolean savefile_check_whole(const Savefile *contents, GError **error)
{
    if (contents->lacks) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "it is not complete: %s is missing, so its records can't be relied on; "
                    "see xen-physmap verify",
                    contents->lacks);
    }
    return !contents->lacks;
}

gboolean savefile_pages(int fd, guint64 end, const StreamPages *pages, GError **error)
{
    g_autoptr(Stream) stream = stream_open(fd, error);
    StreamItem item;

    if (!stream) {
        return FALSE;
    }
    while (stream_next(stream, &item, error)) {
        if (item.layer == STREAM_END || item.offset >= end) {
            return TRUE;
        }
        if (stream_has_pages(&item) && !stream_pages(stream, pages, error)) {
            return FALSE;
        }
    }
    return FALSE;
}

/* TRUE when `block` is this record's name, its region's name or its offset. */
static gboolean is_meant(const XenPhysmapRecord *record, const char *block, gboolean whole_name)
{
    guint64 offset;

    return (number_parse(block, 16, &offset) && offset == record->phys_offset) ||
           strcmp(block, whole_name ? record->name : xen_physmap_region_name(record->name)) == 0;
}

const XenPhysmapRecord *savefile_find_block(const XenPhysmapTable *table, const char *block,
                                            GError **error)
{
    g_autofree char *shown = xen_physmap_escape(block, -1);
    const XenPhysmapRecord *record, *found = NULL;
    guint n = 0;

    for (guint whole_name = 2; whole_name-- > 0 && n == 0;) {
        for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
            if (is_meant(record, block, whole_name)) {
                found = n == 0 ? record : found;
                n++;
            }
        }
    }
    if (n == 1) {
        return found;
    }
    if (n == 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "there is no record of '%s'; xen-physmap show lists them", shown);
    } else {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "'%s' can be %u blocks, '%s' at offset 0x%" G_GINT64_MODIFIER
                    "x among them; give the whole name, or the offset",
                    shown, n, found->name, found->phys_offset);
    }
    return NULL;
}
