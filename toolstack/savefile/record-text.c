/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints records as a table and as JSON, and reads JSON. */
#include "record-text.h"

#include <string.h>

#include "fail.h"
#include "json-limits.h"
#include "number.h"

#define invalid_json(error, ...) invalid(error, "JSON: " __VA_ARGS__)

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

JsonObject *record_text_answer(const char *verb)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "version", RECORD_TEXT_VERSION);
    json_object_set_string_member(object, "verb", verb);
    return object;
}

JsonObject *record_text_domain(guint32 domid, const char *name)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "domid", domid);
    json_object_set_string_member(object, "name", name);
    return object;
}

JsonObject *record_text_finding(const char *severity, const char *text)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "severity", severity);
    json_object_set_string_member(object, "text", text);
    return object;
}

static void add_number(JsonObject *object, const char *member, guint64 value)
{
    if (value <= G_MAXINT64) {
        json_object_set_int_member(object, member, value);
    } else {
        json_object_set_null_member(object, member);
    }
}

void record_text_add_address(JsonObject *object, const char *member, const guint64 *address)
{
    g_autofree char *hex_member = g_strconcat(member, "_hex", NULL);

    if (address) {
        g_autofree char *hex = g_strdup_printf(HEX, *address);

        add_number(object, member, *address);
        json_object_set_string_member(object, hex_member, hex);
    } else {
        json_object_set_null_member(object, member);
        json_object_set_null_member(object, hex_member);
    }
}

void record_text_add_bytes(JsonObject *object, const char *member, const char *bytes)
{
    g_autofree char *utf8 = g_utf8_make_valid(bytes, -1);

    json_object_set_string_member(object, member, utf8);
}

JsonObject *record_text_record(const XenPhysmapRecord *record)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "name", record->name);
    record_text_add_address(object, "phys_offset", &record->phys_offset);
    record_text_add_address(object, "start_addr", &record->start_addr);
    record_text_add_address(object, "size", &record->size);
    return object;
}

JsonArray *record_text_strings(const GPtrArray *strings)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; strings && i < strings->len; i++) {
        json_array_add_string_element(array, strings->pdata[i]);
    }
    return array;
}

void record_text_add_records(JsonObject *object, const XenPhysmapTable *table)
{
    JsonArray *records = json_array_new();
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        json_array_add_object_element(records, record_text_record(record));
    }
    json_object_set_array_member(object, "records", records);
}

char *record_text_json(JsonObject *object, gboolean indented)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);

    json_object_unref(object);
    return json_to_string(node, indented);
}

void record_text_print_json(FILE *out, JsonObject *object)
{
    g_autofree char *text = record_text_json(object, TRUE);

    fprintf(out, "%s\n", text);
}

static const char *string_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

static gboolean hex_member(const char *text, const char *name, guint64 *value, GError **error)
{
    /* strtoull would accept a sign. */
    if (!g_str_has_prefix(text, "0x") || !g_ascii_isxdigit(text[2]) ||
        !g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT64, value, NULL)) {
        g_autofree char *shown = xen_physmap_escape(text, -1);

        return invalid_json(error, "\"%s\" is \"%s\", not 0x and a hexadecimal number", name,
                            shown);
    }
    return TRUE;
}

/* NAME is a number, a hexadecimal string, or null. NAME_hex is not there or agrees. */
static gboolean address_member(JsonObject *object, const char *name, guint64 *value, GError **error)
{
    g_autofree char *hex_name = g_strconcat(name, "_hex", NULL);
    JsonNode *node = json_object_get_member(object, name);
    const char *text = string_member(object, name), *hex = string_member(object, hex_name);
    gboolean is_number = node && json_node_get_value_type(node) == G_TYPE_INT64;
    guint64 number = 0;

    if (is_number && json_node_get_int(node) < 0) {
        return invalid_json(error, "\"%s\" is negative, or too large for a number", name);
    }
    if (is_number) {
        number = json_node_get_int(node);
    } else if (text && !hex_member(text, name, &number, error)) {
        return FALSE;
    } else if (!text && !(hex && node && JSON_NODE_HOLDS_NULL(node))) {
        return invalid_json(error, "\"%s\" is missing, or is neither an integer nor a string",
                            name);
    }
    *value = number;
    if (hex && !hex_member(hex, hex_name, value, error)) {
        return FALSE;
    }
    if ((is_number || text) && *value != number) {
        return invalid_json(error, "\"%s\" and \"%s\" differ: change both", name, hex_name);
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
        return invalid_json(error, "it is not an object");
    }
    if (!name) {
        return invalid_json(error, "\"name\" is missing, or is not a string");
    }
    return address_member(object, "phys_offset", &phys_offset, error) &&
           address_member(object, "start_addr", &start_addr, error) &&
           address_member(object, "size", &size, error) &&
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
        invalid_json(error, "it is not UTF-8, or has a NUL");
        return NULL;
    }
    if (refusal) {
        invalid_json(error, "%s", refusal);
        return NULL;
    }
    if (!json_parser_load_from_data(parser, text, length, &problem)) {
        g_autofree char *shown = xen_physmap_escape(problem->message, -1);

        invalid_json(error, "%s", shown);
        return NULL;
    }
    if (!json_parser_get_root(parser)) {
        invalid_json(error, "it is empty");
        return NULL;
    }
    return json_parser_steal_root(parser);
}

/* Where the records are: in the object, or in the one domain of an array of them. */
static JsonNode *find_records(JsonNode *root, GError **error)
{
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    JsonNode *domains = object ? json_object_get_member(object, "domains") : NULL;

    if (domains && JSON_NODE_HOLDS_ARRAY(domains)) {
        JsonArray *array = json_node_get_array(domains);
        guint n = json_array_get_length(array);
        JsonNode *domain = n == 1 ? json_array_get_element(array, 0) : NULL;

        if (n != 1) {
            invalid_json(error, "it has %u domains, and the records of one are wanted", n);
            return NULL;
        }
        object = JSON_NODE_HOLDS_OBJECT(domain) ? json_node_get_object(domain) : NULL;
    }
    root = object ? json_object_get_member(object, "records") : NULL;
    if (!root || !JSON_NODE_HOLDS_ARRAY(root)) {
        invalid_json(error, "it has no array \"records\", as save, list and show print it");
        return NULL;
    }
    return root;
}

XenPhysmapTable *record_text_parse_json(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonNode) root = record_text_load_json(text, length, error);
    JsonNode *records = root ? find_records(root, error) : NULL;

    return records ? parse_records(json_node_get_array(records), error) : NULL;
}
