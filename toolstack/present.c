/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints records; nothing else of the command formats one. */
#include "present.h"

#include <string.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

char *present_size(guint64 size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    guint unit = 0;

    while (size && size % 1024 == 0 && unit + 1 < G_N_ELEMENTS(units)) {
        size /= 1024;
        unit++;
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT " %s", size, units[unit]);
}

void present_text(FILE *out, const XenPhysmapTable *table)
{
    const XenPhysmapRecord *record;
    int width = strlen("NAME");

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        width = MAX(width, (int)strlen(record->name));
    }
    fprintf(out, "%-*s  %9s  %-14s  %-14s  %s\n", width, "NAME", "SIZE", "GUEST ADDRESS", "OFFSET",
            "STATE");
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        g_autofree char *size = present_size(record->size);
        g_autofree char *guest = g_strdup_printf(HEX, record->start_addr);
        g_autofree char *offset = g_strdup_printf(HEX, record->phys_offset);

        fprintf(out, "%-*s  %9s  %-14s  %-14s  %s\n", width, record->name, size, guest, offset,
                record->start_addr == record->phys_offset ? "in place" : "moved");
    }
}

static void add_hex(JsonBuilder *builder, const char *member, guint64 value)
{
    g_autofree char *text = g_strdup_printf(HEX, value);

    json_builder_set_member_name(builder, member);
    json_builder_add_string_value(builder, text);
}

JsonNode *present_json(const XenPhysmapTable *table, gint64 domid, const char *source)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    /* A source can be a file name, which may be any bytes; JSON is UTF-8. */
    g_autofree char *utf8 = g_utf8_make_valid(source, -1);
    const XenPhysmapRecord *record;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "domid");
    if (domid == PRESENT_NO_DOMID) {
        json_builder_add_null_value(builder);
    } else {
        json_builder_add_int_value(builder, domid);
    }
    json_builder_set_member_name(builder, "source");
    json_builder_add_string_value(builder, utf8);
    json_builder_set_member_name(builder, "records");
    json_builder_begin_array(builder);
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        json_builder_begin_object(builder);
        json_builder_set_member_name(builder, "name");
        json_builder_add_string_value(builder, record->name);
        add_hex(builder, "phys_offset", record->phys_offset);
        add_hex(builder, "start_addr", record->start_addr);
        add_hex(builder, "size", record->size);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    return json_builder_get_root(builder);
}

void present_print_json(FILE *out, JsonNode *node)
{
    g_autofree char *text = json_to_string(node, TRUE);

    fprintf(out, "%s\n", text);
    json_node_unref(node);
}
