/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads xl's JSON and libvirt's XML. Both are untrusted: what has another form is ignored. */
#include "guest-config.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "bytes.h"
#include "record-text.h"

#define GIB4 (G_GUINT64_CONSTANT(4) << 30)

/* Where libxl ends RAM below 4 GiB, unless the configuration says otherwise. */
#define LOW_RAM_END G_GUINT64_CONSTANT(0xf0000000)

/* More devices of one kind than any guest has. */
#define DEVICES_MAX 256

static GuestConfig *config_new(const char *format, const char *text, gsize length)
{
    GuestConfig *config = g_new0(GuestConfig, 1);

    config->format = format;
    config->text = g_strndup(text, length);
    config->low_ram_end = LOW_RAM_END;
    config->disks = g_ptr_array_new_with_free_func(g_free);
    config->cards = g_ptr_array_new_with_free_func(g_free);
    return config;
}

void guest_config_free(GuestConfig *config)
{
    g_free(config->name);
    g_free(config->uuid);
    g_free(config->vga);
    g_free(config->text);
    g_ptr_array_unref(config->disks);
    g_ptr_array_unref(config->cards);
    g_free(config);
}

static guint64 ram(const GuestConfig *config)
{
    return config->memory > config->video ? config->memory - config->video : 0;
}

guint64 guest_config_low_ram(const GuestConfig *config)
{
    return MIN(ram(config), config->low_ram_end);
}

guint64 guest_config_high_ram(const GuestConfig *config)
{
    guint64 all = ram(config);

    return all == 0 ? 0 : GIB4 + (all > config->low_ram_end ? all - config->low_ram_end : 0);
}

void guest_config_find_ram(const GuestConfig *config, const XenPhysmapTable *table, guint64 *low,
                           guint64 *high)
{
    const XenPhysmapRecord *first = table ? xen_physmap_table_get(table, 0) : NULL;
    guint64 most = first ? first->phys_offset : G_MAXUINT64;

    *low = config ? MIN(guest_config_low_ram(config), most) : 0;
    *high = config ? MIN(guest_config_high_ram(config), most) : 0;
}

static void add_device(GPtrArray *devices, char *device)
{
    if (devices->len < DEVICES_MAX) {
        g_ptr_array_add(devices, device);
    } else {
        g_free(device);
    }
}

/* --- xl: JSON --- */

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonArray *array_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;

    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static const char *string_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;

    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

static guint64 from_kib(guint64 kib)
{
    return kib < G_MAXINT64 / 1024 ? kib * 1024 : 0;
}

static guint64 kib_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;
    gint64 value =
        node && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;

    return value > 0 ? from_kib(value) : 0;
}

static JsonObject *object_element(JsonArray *array, guint i)
{
    JsonNode *node = json_array_get_element(array, i);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static void take_json_devices(GuestConfig *config, JsonObject *root)
{
    JsonArray *disks = array_member(root, "disks"), *nics = array_member(root, "nics");

    for (guint i = 0; disks && i < json_array_get_length(disks); i++) {
        JsonObject *disk = object_element(disks, i);
        const char *device = string_member(disk, "vdev"), *path = string_member(disk, "pdev_path");
        const char *format = string_member(disk, "format");

        if (device || path) {
            add_device(config->disks,
                       g_strdup_printf("%s: %s%s%s", device ? device : "?", path ? path : "empty",
                                       format ? ", " : "", format ? format : ""));
        }
    }
    for (guint i = 0; nics && i < json_array_get_length(nics); i++) {
        JsonObject *nic = object_element(nics, i);
        const char *mac = string_member(nic, "mac"), *bridge = string_member(nic, "bridge");
        const char *model = string_member(nic, "model");

        if (mac || bridge || model) {
            add_device(config->cards,
                       g_strdup_printf("%s: %s%s%s", mac ? mac : "?", model ? model : "vif",
                                       bridge ? ", bridge " : "", bridge ? bridge : ""));
        }
    }
}

static GuestConfigType type_of(const char *name)
{
    static const struct {
        const char *name;
        GuestConfigType type;
    } types[] = {
        { "hvm", CONFIG_HVM },    { "pvh", CONFIG_PVH }, { "pv", CONFIG_PV },
        { "xenpvh", CONFIG_PVH }, { "xen", CONFIG_PV },  { "linux", CONFIG_PV },
    };

    for (guint i = 0; name && i < G_N_ELEMENTS(types); i++) {
        if (strcmp(name, types[i].name) == 0) {
            return types[i].type;
        }
    }
    return CONFIG_UNKNOWN;
}

static GuestConfig *parse_json(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonNode) node = record_text_load_json(text, length, error);
    g_autoptr(GuestConfig) config = NULL;
    JsonObject *root, *create, *build, *hvm, *vga;
    guint64 hole;

    if (!node) {
        return NULL;
    }
    config = config_new("json", text, length);
    root = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    create = object_member(root, "c_info");
    build = object_member(root, "b_info");
    hvm = object_member(build, "type.hvm");
    vga = object_member(hvm, "vga");
    config->type = hvm                                ? CONFIG_HVM
                   : object_member(build, "type.pvh") ? CONFIG_PVH
                                                      : type_of(string_member(create, "type"));
    config->name = g_strdup(string_member(create, "name"));
    config->uuid = g_strdup(string_member(create, "uuid"));
    config->memory = kib_member(build, "max_memkb");
    config->target = kib_member(build, "target_memkb");
    config->video = kib_member(build, "video_memkb");
    config->vga = g_strdup(string_member(vga, "kind"));
    hole = kib_member(hvm, "mmio_hole_memkb");
    if (hole > 0 && hole < GIB4) {
        config->low_ram_end = GIB4 - hole;
    }
    take_json_devices(config, root);
    return g_steal_pointer(&config);
}

/* --- libvirt: XML --- */

typedef struct Xml {
    GuestConfig *config;
    GString *path; /* of the element, as "/domain/name" */
    guint64 unit;  /* of a number of bytes */
    char *device, *source, *format;
} Xml;

static const char *attribute(const char **names, const char **values, const char *name)
{
    for (guint i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return values[i];
        }
    }
    return NULL;
}

static void set_string(char **field, const char *value)
{
    if (value) {
        g_free(*field);
        *field = g_strdup(value);
    }
}

static guint64 unit_of(const char *unit)
{
    static const struct {
        const char *names[3];
        guint64 bytes;
    } units[] = {
        { { "b", "bytes", "" }, 1 },
        { { "K", "k", "KiB" }, G_GUINT64_CONSTANT(1) << 10 },
        { { "M", "MiB", "" }, G_GUINT64_CONSTANT(1) << 20 },
        { { "G", "GiB", "" }, G_GUINT64_CONSTANT(1) << 30 },
    };

    for (guint i = 0; unit && i < G_N_ELEMENTS(units); i++) {
        for (guint j = 0; j < 3; j++) {
            if (strcmp(unit, units[i].names[j]) == 0) {
                return units[i].bytes;
            }
        }
    }
    return 1024;
}

static void xml_start(GMarkupParseContext *context, const char *element, const char **names,
                      const char **values, gpointer data, GError **error)
{
    Xml *xml = data;
    const char *path;

    (void)context;
    (void)error;
    g_string_append_printf(xml->path, "/%s", element);
    path = xml->path->str;
    if (strcmp(path, "/domain/memory") == 0 || strcmp(path, "/domain/currentMemory") == 0) {
        xml->unit = unit_of(attribute(names, values, "unit"));
    } else if (strcmp(path, "/domain/devices/video/model") == 0) {
        const char *type = attribute(names, values, "type"), *vram;
        guint64 kib;

        set_string(&xml->config->vga, g_strcmp0(type, "vga") == 0 ? "std" : type);
        vram = attribute(names, values, "vram");
        if (vram && g_ascii_string_to_unsigned(vram, 10, 0, G_MAXUINT32, &kib, NULL)) {
            xml->config->video = kib * 1024;
        }
    } else if (strcmp(path, "/domain/devices/disk/source") == 0) {
        set_string(&xml->source, attribute(names, values, "file"));
        set_string(&xml->source, attribute(names, values, "dev"));
    } else if (strcmp(path, "/domain/devices/disk/driver") == 0) {
        set_string(&xml->format, attribute(names, values, "type"));
    } else if (strcmp(path, "/domain/devices/disk/target") == 0) {
        set_string(&xml->device, attribute(names, values, "dev"));
    } else if (strcmp(path, "/domain/devices/interface/mac") == 0) {
        set_string(&xml->device, attribute(names, values, "address"));
    } else if (strcmp(path, "/domain/devices/interface/source") == 0) {
        set_string(&xml->source, attribute(names, values, "bridge"));
    } else if (strcmp(path, "/domain/devices/interface/model") == 0) {
        set_string(&xml->format, attribute(names, values, "type"));
    }
}

static void xml_clear_device(Xml *xml)
{
    g_clear_pointer(&xml->device, g_free);
    g_clear_pointer(&xml->source, g_free);
    g_clear_pointer(&xml->format, g_free);
}

static void xml_end(GMarkupParseContext *context, const char *element, gpointer data,
                    GError **error)
{
    Xml *xml = data;
    const char *source = xml->source, *format = xml->format;

    (void)context;
    (void)error;
    if (strcmp(xml->path->str, "/domain/devices/disk") == 0) {
        add_device(xml->config->disks,
                   g_strdup_printf("%s: %s%s%s", xml->device ? xml->device : "?",
                                   source ? source : "empty", format ? ", " : "",
                                   format ? format : ""));
        xml_clear_device(xml);
    } else if (strcmp(xml->path->str, "/domain/devices/interface") == 0) {
        add_device(xml->config->cards,
                   g_strdup_printf("%s: %s%s%s", xml->device ? xml->device : "?",
                                   format ? format : "vif", source ? ", bridge " : "",
                                   source ? source : ""));
        xml_clear_device(xml);
    }
    g_string_truncate(xml->path, xml->path->len - strlen(element) - 1);
}

static guint64 xml_bytes(const Xml *xml, const char *text)
{
    guint64 number;

    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64 / xml->unit, &number, NULL)
               ? number * xml->unit
               : 0;
}

static void xml_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data,
                     GError **error)
{
    Xml *xml = data;
    const char *path = xml->path->str;
    g_autofree char *copy = g_strstrip(g_strndup(text, length));

    (void)context;
    (void)error;
    if (strcmp(path, "/domain/name") == 0) {
        set_string(&xml->config->name, copy);
    } else if (strcmp(path, "/domain/uuid") == 0) {
        set_string(&xml->config->uuid, copy);
    } else if (strcmp(path, "/domain/os/type") == 0) {
        xml->config->type = type_of(copy);
    } else if (strcmp(path, "/domain/memory") == 0) {
        xml->config->memory = xml_bytes(xml, copy);
    } else if (strcmp(path, "/domain/currentMemory") == 0) {
        xml->config->target = xml_bytes(xml, copy);
    }
}

static GuestConfig *parse_xml(const char *text, gsize length, GError **error)
{
    static const GMarkupParser parser = { xml_start, xml_end, xml_text, NULL, NULL };
    g_autoptr(GuestConfig) config = config_new("xml", text, length);
    g_autoptr(GString) path = g_string_new(NULL);
    g_autoptr(GError) problem = NULL;
    Xml xml = { .config = config, .path = path, .unit = 1024 };
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &xml, NULL);
    gboolean ok = g_markup_parse_context_parse(context, text, length, &problem) &&
                  g_markup_parse_context_end_parse(context, &problem);

    g_markup_parse_context_free(context);
    xml_clear_device(&xml);
    if (!ok) {
        g_autofree char *ascii = g_str_to_ascii(problem->message, "C");
        g_autofree char *shown = xen_physmap_escape(ascii, -1);

        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "XML: %s", shown);
        return NULL;
    }
    return g_steal_pointer(&config);
}

/* --- either --- */

GuestConfig *guest_config_parse(StreamWrapper wrapper, const char *text, gsize length,
                                GError **error)
{
    return wrapper == WRAPPER_XL ? parse_json(text, length, error) : parse_xml(text, length, error);
}

gboolean guest_config_read(Stream *stream, const StreamItem *item, GuestConfig **config,
                           GError **problem, GError **error)
{
    g_autofree guint8 *body = NULL;
    gsize length = item->length, at = 0;

    *config = NULL;
    if (item->type == WRAPPER_XAPI || length == 0 || length > GUEST_CONFIG_MAX ||
        (item->type == WRAPPER_XL && !(item->flags.mandatory & XL_FLAG_JSON))) {
        return TRUE;
    }
    body = stream_body(stream, GUEST_CONFIG_MAX, error);
    if (!body) {
        return FALSE;
    }
    if (item->type == WRAPPER_XL) {
        at = 4;
        if (length < at || bytes_u32(body, item->big_endian) > length - at) {
            g_set_error(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                        "its length is %u, and there are %" G_GSIZE_FORMAT " bytes",
                        length < at ? 0 : bytes_u32(body, item->big_endian),
                        length < at ? length : length - at);
            return TRUE;
        }
        length = bytes_u32(body, item->big_endian);
    }
    length = strnlen((char *)body + at, length);
    *config =
        length == 0 ? NULL : guest_config_parse(item->type, (char *)body + at, length, problem);
    return TRUE;
}
