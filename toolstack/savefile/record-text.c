/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints records as a table and as JSON, and reads JSON. */
#include "record-text.h"

#include <string.h>

#include "json-limits.h"

#define HEX "0x%" G_GINT64_MODIFIER "x"

char *record_text_size(guint64 size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    guint unit = 0;

    while (size && size % 1024 == 0 && unit + 1 < G_N_ELEMENTS(units)) {
        size /= 1024;
        unit++;
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT " %s", size, units[unit]);
}

void record_text_text(FILE *out, const XenPhysmapTable *table)
{
    const XenPhysmapRecord *record;
    int width = strlen("NAME");

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        width = MAX(width, (int)strlen(record->name));
    }
    fprintf(out, "%-*s  %9s  %-14s  %-14s  %s\n", width, "NAME", "SIZE", "GUEST ADDRESS", "OFFSET",
            "STATE");
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        g_autofree char *size = record_text_size(record->size);
        g_autofree char *guest = g_strdup_printf(HEX, record->start_addr);
        g_autofree char *offset = g_strdup_printf(HEX, record->phys_offset);

        fprintf(out, "%-*s  %9s  %-14s  %-14s  %s\n", width, record->name, size, guest, offset,
                record->start_addr == record->phys_offset ? "in place" : "moved");
    }
}

static void add_hex(JsonObject *object, const char *member, guint64 value)
{
    g_autofree char *text = g_strdup_printf(HEX, value);

    json_object_set_string_member(object, member, text);
}

JsonObject *record_text_record_json(const XenPhysmapRecord *record)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "name", record->name);
    add_hex(object, "phys_offset", record->phys_offset);
    add_hex(object, "start_addr", record->start_addr);
    add_hex(object, "size", record->size);
    return object;
}

JsonNode *record_text_json(const XenPhysmapTable *table, gint64 domid, const char *source)
{
    /* A source can be a file name, with any bytes. JSON is UTF-8. */
    g_autofree char *utf8 = g_utf8_make_valid(source, -1);
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    JsonArray *records = json_array_new();
    const XenPhysmapRecord *record;

    if (domid == RECORD_TEXT_NO_DOMID) {
        json_object_set_null_member(object, "domid");
    } else {
        json_object_set_int_member(object, "domid", domid);
    }
    json_object_set_string_member(object, "source", utf8);
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        json_array_add_object_element(records, record_text_record_json(record));
    }
    json_object_set_array_member(object, "records", records);
    json_node_take_object(node, object);
    return node;
}

void record_text_print_json(FILE *out, JsonNode *node)
{
    g_autofree char *text = json_to_string(node, TRUE);

    fprintf(out, "%s\n", text);
    json_node_unref(node);
}

static gboolean invalid(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean invalid(GError **error, const char *format, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "JSON: %s", reason);
    return FALSE;
}

static const char *string_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

static gboolean hex_member(JsonObject *object, const char *name, guint64 *value, GError **error)
{
    const char *text = string_member(object, name);

    if (!text) {
        return invalid(error, "\"%s\" is not there, or no string", name);
    }
    /* strtoull accepts a sign; here it isn't valid. */
    if (!g_str_has_prefix(text, "0x") || !g_ascii_isxdigit(text[2]) ||
        !g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT64, value, NULL)) {
        g_autofree char *shown = xen_physmap_escape(text, -1);

        return invalid(error, "\"%s\" is \"%s\", and not 0x and a hexadecimal number", name, shown);
    }
    return TRUE;
}

static gboolean parse_record(XenPhysmapTable *table, JsonNode *node, GError **error)
{
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *name = object ? string_member(object, "name") : NULL;
    guint64 phys_offset, start_addr, size;
    XenPhysmapRecord record;

    if (!object) {
        return invalid(error, "it is no object");
    }
    if (!name) {
        return invalid(error, "\"name\" is not there, or no string");
    }
    return hex_member(object, "phys_offset", &phys_offset, error) &&
           hex_member(object, "start_addr", &start_addr, error) &&
           hex_member(object, "size", &size, error) &&
           xen_physmap_record_init(&record, name, phys_offset, start_addr, size, error) &&
           xen_physmap_record_check_place(&record, error) &&
           xen_physmap_table_add(table, &record, error);
}

static XenPhysmapTable *parse_records(JsonArray *array, GError **error)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();

    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (!parse_record(table, json_array_get_element(array, i), error)) {
            g_prefix_error(error, "records[%u]: ", i);
            return NULL;
        }
    }
    return g_steal_pointer(&table);
}

JsonNode *record_text_load_json(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) problem = NULL;
    const char *refusal = json_refusal(text, length);

    if (!g_utf8_validate_len(text, length, NULL)) {
        invalid(error, "it is not UTF-8, or has a NUL");
        return NULL;
    }
    if (refusal) {
        invalid(error, "%s", refusal);
        return NULL;
    }
    if (!json_parser_load_from_data(parser, text, length, &problem)) {
        g_autofree char *shown = xen_physmap_escape(problem->message, -1);

        invalid(error, "%s", shown);
        return NULL;
    }
    if (!json_parser_get_root(parser)) {
        invalid(error, "it is empty");
        return NULL;
    }
    return json_parser_steal_root(parser);
}

XenPhysmapTable *record_text_parse_json(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonNode) root = record_text_load_json(text, length, error);
    JsonNode *records;

    if (!root) {
        return NULL;
    }
    records = JSON_NODE_HOLDS_OBJECT(root)
                  ? json_object_get_member(json_node_get_object(root), "records")
                  : NULL;
    if (!records || !JSON_NODE_HOLDS_ARRAY(records)) {
        invalid(error, "it is no object with an array \"records\", as list --json prints for one "
                       "domain");
        return NULL;
    }
    return parse_records(json_node_get_array(records), error);
}
