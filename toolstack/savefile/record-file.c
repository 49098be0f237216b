/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detects the format of records by their first bytes, and calls the reader for it. */
#include "record-file.h"

#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "savefile.h"
#include "emulator-data.h"
#include "input.h"
#include "legacy-blob.h"
#include "atomic-file.h"
#include "record-text.h"

/* Only a stream can be longer: a full table in the longest format, and more. */
#define LENGTH_MAX (8U << 20)

#define RECORD_HEAD 8

static const char *const names[] = {
    [RECORD_FORM_JSON] = "json",
    [RECORD_FORM_LIBXL_BODY] = "libxl-body",
    [RECORD_FORM_LIBXL_RECORD] = "libxl-record",
    [RECORD_FORM_LEGACY] = "legacy",
    [RECORD_FORM_LEGACY32] = "legacy32",
};

static gboolean invalid(GError **error, const char *reason)
{
    g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, reason);
    return FALSE;
}

gboolean record_file_format(const char *name, RecordForm *format, GError **error)
{
    g_autofree char *shown = NULL;

    if (!name) {
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *format = i;
            return TRUE;
        }
    }
    shown = xen_physmap_escape(name, -1);
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                "there is no format '%s'; the formats are " RECORD_FORM_NAMES, shown);
    return FALSE;
}

static GByteArray *libxl_record(const GByteArray *body)
{
    guint32 head[2] = { GUINT32_TO_LE(LIBXL_EMULATOR_XENSTORE_DATA), GUINT32_TO_LE(body->len) };
    GByteArray *record = g_byte_array_new();

    g_byte_array_append(record, (const guint8 *)head, sizeof head);
    g_byte_array_append(record, body->data, body->len);
    g_byte_array_append(record, (const guint8 *)"\0\0\0\0\0\0\0", -body->len & 7);
    return record;
}

static GByteArray *libxl_body(const XenPhysmapTable *table, GError **error)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    EmulatorData data = { EMULATOR_QEMU, 0, (XenPhysmapTable *)table, others };

    return emulator_body(&data, FALSE, error);
}

GByteArray *record_file_encode(const XenPhysmapTable *table, RecordForm format, gint64 domid,
                               const char *source, GError **error)
{
    g_autoptr(GByteArray) body = NULL;
    g_autofree char *text = NULL;
    JsonObject *object;
    GByteArray *bytes;

    switch (format) {
    case RECORD_FORM_LIBXL_BODY:
        return libxl_body(table, error);
    case RECORD_FORM_LIBXL_RECORD:
        body = libxl_body(table, error);
        return body ? libxl_record(body) : NULL;
    case RECORD_FORM_LEGACY:
        return legacy_blob(table, 64);
    case RECORD_FORM_LEGACY32:
        return legacy_blob(table, 32);
    default:
        object = record_text_answer(domid == RECORD_TEXT_NO_DOMID ? "convert" : "save");
        if (domid != RECORD_TEXT_NO_DOMID) {
            json_object_set_int_member(object, "domid", domid);
        }
        record_text_add_bytes(object, "source", source);
        record_text_add_records(object, table);
        text = record_text_json(object, TRUE);
        bytes = g_byte_array_new();
        g_byte_array_append(bytes, (const guint8 *)text, strlen(text));
        g_byte_array_append(bytes, (const guint8 *)"\n", 1);
        return bytes;
    }
}

/*
 * A blob begins with its version, 1; a body with an emulator's id, 0 to 2, and a record with its
 * type, 2; each in 4 bytes, and of a body or record in either order. No stream begins so: a legacy
 * one without a wrapper has the guest's size in pages there, which is thousands.
 */
static RecordForm guess(const guint8 *bytes, gsize length)
{
    gsize blank = 0;

    while (blank < length && g_ascii_isspace(bytes[blank])) {
        blank++;
    }
    if (blank == length || bytes[blank] == '{' || bytes[blank] == '[') {
        return RECORD_FORM_JSON;
    }
    return length >= 4 && bytes_u32(bytes, FALSE) > EMULATOR_QEMU &&
                   bytes_u32(bytes, TRUE) > EMULATOR_QEMU
               ? RECORD_FORM_STREAM
               : RECORD_FORM_UNKNOWN;
}

/* A record has the length that it says, and a body. A body has keys after its 8 bytes. A blob has a
 * number that is a multiple of the page size, or nothing more. */
static RecordForm guess_binary(const guint8 *bytes, gsize length)
{
    for (int big = 0; length >= RECORD_HEAD && big <= 1; big++) {
        guint32 body = bytes_u32(bytes + 4, big);

        if (bytes_u32(bytes, big) == LIBXL_EMULATOR_XENSTORE_DATA && body >= RECORD_HEAD &&
            RECORD_HEAD + (guint64)body + (-body & 7) == length) {
            return RECORD_FORM_LIBXL_RECORD;
        }
    }
    return length >= 8 && bytes_u32(bytes, FALSE) == 1 &&
                   (length == 8 || (length >= 10 && (bytes[8] | (bytes[9] & 0xf)) == 0))
               ? RECORD_FORM_LEGACY
               : RECORD_FORM_LIBXL_BODY;
}

static XenPhysmapTable *decode_body(const guint8 *bytes, gsize length, gboolean big_endian,
                                    guint64 offset, GError **error)
{
    g_autoptr(EmulatorData) data = emulator_parse(bytes, length, big_endian, offset, error);

    return data ? g_steal_pointer(&data->table) : NULL;
}

static XenPhysmapTable *decode_record(const guint8 *bytes, gsize length, GError **error)
{
    gboolean big = length >= RECORD_HEAD && bytes_u32(bytes, FALSE) != LIBXL_EMULATOR_XENSTORE_DATA;
    guint32 body;

    if (length < RECORD_HEAD || bytes_u32(bytes, big) != LIBXL_EMULATOR_XENSTORE_DATA) {
        invalid(error, "this is not an EMULATOR_XENSTORE_DATA record");
        return NULL;
    }
    body = bytes_u32(bytes + 4, big);
    if (RECORD_HEAD + (guint64)body + (-body & 7) != length) {
        invalid(error, "the record is not as long as it says");
        return NULL;
    }
    return decode_body(bytes + RECORD_HEAD, body, big, RECORD_HEAD, error);
}

static XenPhysmapTable *decode(const guint8 *bytes, gsize length, RecordForm format, GError **error)
{
    guint word;

    if (format == RECORD_FORM_UNKNOWN) {
        format = guess_binary(bytes, length);
    }
    switch (format) {
    case RECORD_FORM_JSON:
        return record_text_parse_json((const char *)bytes, length, error);
    case RECORD_FORM_LIBXL_RECORD:
        return decode_record(bytes, length, error);
    case RECORD_FORM_LIBXL_BODY:
        return decode_body(bytes, length, length >= 4 && bytes_u32(bytes, FALSE) > EMULATOR_QEMU, 0,
                           error);
    default:
        return legacy_parse(bytes, length, 0, &word, error);
    }
}

/* All of the input. */
static GByteArray *read_all(ByteSource *source, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const guint8 *ahead;
    gsize got;

    for (;;) {
        if (!byte_source_peek(source, SOURCE_AHEAD, &ahead, &got, error)) {
            return NULL;
        }
        if (got == 0) {
            return g_steal_pointer(&bytes);
        }
        if (bytes->len + got > LENGTH_MAX) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                        "it is longer than %u bytes, and not a savefile", LENGTH_MAX);
            return NULL;
        }
        g_byte_array_set_size(bytes, bytes->len + got);
        if (!byte_source_read(source, bytes->data + bytes->len - got, got, error)) {
            return NULL;
        }
    }
}

static XenPhysmapTable *read_stream(ByteSource *source, GError **error)
{
    g_autoptr(Stream) stream = stream_new(source);
    g_autoptr(Savefile) contents = savefile_read(stream, FALSE, error);

    return contents && savefile_check_whole(contents, error) ? g_steal_pointer(&contents->table)
                                                             : NULL;
}

XenPhysmapTable *record_file_read(int fd, RecordForm format, GError **error)
{
    g_autoptr(ByteSource) source = byte_source_open(fd, error);
    g_autoptr(GByteArray) bytes = NULL;
    const guint8 *ahead;
    gsize got;

    if (!source || !byte_source_peek(source, 8, &ahead, &got, error)) {
        return NULL;
    }
    if (got == 0) {
        invalid(error, "it is empty");
        return NULL;
    }
    if (format == RECORD_FORM_UNKNOWN) {
        format = guess(ahead, got);
    }
    if (format == RECORD_FORM_STREAM) {
        return read_stream(g_steal_pointer(&source), error);
    }
    bytes = read_all(source, error);
    return bytes ? decode(bytes->data, bytes->len, format, error) : NULL;
}

XenPhysmapTable *record_file_load(const char *name, RecordForm format, GError **error)
{
    g_autofree char *shown = xen_physmap_escape(name, -1);
    int fd = input_open(name, error);
    XenPhysmapTable *table = fd >= 0 ? record_file_read(fd, format, error) : NULL;

    if (fd >= 0) {
        close(fd);
    }
    if (!table) {
        g_prefix_error(error, "%s: ", shown);
    }
    return table;
}

gboolean record_file_save(const char *name, const XenPhysmapTable *table, RecordForm format,
                          gint64 domid, const char *source, GError **error)
{
    AtomicFileKind kind = format == RECORD_FORM_JSON ? ATOMIC_FILE_TEXT : ATOMIC_FILE_PRIVATE;
    g_autoptr(GByteArray) bytes = record_file_encode(table, format, domid, source, error);
    g_autoptr(AtomicFile) output = bytes ? atomic_file_open(name, kind, error) : NULL;

    return output && atomic_file_write(output, bytes->data, bytes->len, error) &&
           atomic_file_commit(output, error);
}
