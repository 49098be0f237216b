/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes single values of a configuration. All other bytes of the savefile stay the same. */
#include "config-edit.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "bytes.h"
#include "config-devices.h"
#include "fail.h"

/* xl and libvirt use a guest's name in file names and in nodes of xenstore. */
#define GUEST_NAME_MAX 128

/* The first three bytes of a network card's address, which are Xen's. */
#define XEN_OUI "00:16:3e"

/* --- the edits --- */

gboolean config_orders_any(const ConfigOrders *orders)
{
    return orders->text || orders->name || orders->uuid || orders->new_macs || orders->disks ||
           orders->settings;
}

gboolean config_split(const char *order, char **old, char **new)
{
    const char *equals = strchr(order, '=');

    if (!equals || equals == order) {
        return FALSE;
    }
    *old = g_strndup(order, equals - order);
    *new = g_strdup(equals + 1);
    return TRUE;
}

static gboolean check_splits(char **orders, const char *form, GError **error)
{
    for (char **order = orders; order && *order; order++) {
        g_autofree char *old = NULL, *new = NULL;

        if (!config_split(*order, &old, &new)) {
            g_autofree char *shown = xen_physmap_escape(*order, -1);

            return invalid(error, "'%s' is not %s", shown, form);
        }
    }
    return TRUE;
}

static gboolean check_name(const char *name, GError **error)
{
    static const char allowed[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._+-";
    g_autofree char *shown = xen_physmap_escape(name, -1);

    if (!*name || *name == '-' || *name == '.' || strspn(name, allowed) != strlen(name) ||
        strlen(name) > GUEST_NAME_MAX) {
        return invalid(error,
                       "'%s' can't be a guest's name here: that has 1 to %d letters of ASCII, "
                       "digits, '.', '_', '+' and '-', and the first is not '.' or '-'",
                       shown, GUEST_NAME_MAX);
    }
    if (strspn(name, "0123456789") == strlen(name)) {
        return invalid(error, "'%s' can't be a guest's name: xl would take it for a domid", shown);
    }
    return TRUE;
}

gboolean config_orders_prepare(ConfigOrders *orders, GError **error)
{
    if (g_strcmp0(orders->uuid, "new") == 0) {
        g_free(orders->uuid);
        orders->uuid = g_uuid_string_random();
    } else if (orders->uuid && !g_uuid_string_is_valid(orders->uuid)) {
        g_autofree char *shown = xen_physmap_escape(orders->uuid, -1);

        return invalid(error, "'%s' is no UUID; 'new' makes one", shown);
    }
    /* The highest bit stays 0, as with libxl, and the last card's address doesn't overflow. */
    orders->first_mac = g_random_int_range(0, 0x7fff00);
    return (!orders->name || check_name(orders->name, error)) &&
           check_splits(orders->disks, "OLD=NEW", error) &&
           check_splits(orders->settings, "PATH=VALUE", error);
}

/* --- applying them --- */

/* Sets every value with this path. *n becomes how many there are. */
static gboolean set_all(const ConfigText *config, const char *path, const char *to, guint *n,
                        GError **error)
{
    *n = 0;
    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];

        if (config_value_is_at(value, path)) {
            ++*n;
            if (!config_value_set(value, to, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

static gboolean set_one(const ConfigText *config, const char *path, const char *to, GError **error)
{
    g_autofree char *shown = NULL;
    guint n;

    if (!set_all(config, path, to, &n, error)) {
        return FALSE;
    }
    if (n == 1) {
        return TRUE;
    }
    shown = xen_physmap_escape(path, -1);
    return n == 0 ? invalid(error,
                            "the configuration has no value %s; xen-physmap show --config prints "
                            "all of it",
                            shown)
                  : invalid(error, "the configuration has %u values %s; say which, by an index", n,
                            shown);
}

static gboolean set_macs(const ConfigText *config, guint32 first, GError **error)
{
    const char *path = config->xml ? "domain/devices/interface/mac/@address" : "nics.mac";
    guint n = 0;

    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];
        guint32 number = (first + n) & 0x7fffff;
        g_autofree char *mac = g_strdup_printf(XEN_OUI ":%02x:%02x:%02x", number >> 16,
                                               number >> 8 & 0xff, number & 0xff);

        if (config_value_is_at(value, path)) {
            if (++n > CARDS_MAX) {
                return invalid(error, "the configuration has more than %d network cards",
                               CARDS_MAX);
            }
            if (!config_value_set(value, mac, error)) {
                return FALSE;
            }
        }
    }
    return n > 0 || invalid(error, "the configuration has no network card with an address");
}

/* Sets the disk's file if it is `old` now. */
static gboolean set_disk(const ConfigDisk *disk, const char *old, const char *new, gboolean *found,
                         GError **error)
{
    g_autofree char *argument = NULL;

    if (strcmp(disk->path, old) != 0) {
        return TRUE;
    }
    *found = TRUE;
    if (disk->argument) {
        if (strchr(new, ',') || strstr(disk->file->value, ",,")) {
            g_autofree char *shown = xen_physmap_escape(new, -1);

            return invalid(error, "the disk %s has a comma, where an argument of QEMU ends a part",
                           shown);
        }
        argument = config_argument_with(disk->file->value, "file=", old, new);
    }
    return config_value_set(disk->file, argument ? argument : new, error);
}

static gboolean set_disks(const ConfigText *config, const char *order, GError **error)
{
    g_autofree char *old = NULL, *new = NULL, *shown = NULL;
    g_autoptr(GPtrArray) disks = config_disks(config);
    gboolean found = FALSE;

    config_split(order, &old, &new);
    for (guint i = 0; i < disks->len; i++) {
        if (!set_disk(disks->pdata[i], old, new, &found, error)) {
            return FALSE;
        }
    }
    shown = xen_physmap_escape(old, -1);
    return found || invalid(error, "the configuration has no disk %s", shown);
}

gboolean config_carry_out(const ConfigText *config, const ConfigOrders *orders, GError **error)
{
    if ((orders->name &&
         !set_one(config, config->xml ? "domain/name" : "c_info.name", orders->name, error)) ||
        (orders->uuid &&
         !set_one(config, config->xml ? "domain/uuid" : "c_info.uuid", orders->uuid, error)) ||
        (orders->new_macs && !set_macs(config, orders->first_mac, error))) {
        return FALSE;
    }
    for (char **order = orders->disks; order && *order; order++) {
        if (!set_disks(config, *order, error)) {
            return FALSE;
        }
    }
    for (char **order = orders->settings; order && *order; order++) {
        g_autofree char *path = NULL, *to = NULL;

        config_split(*order, &path, &to);
        if (!set_one(config, path, to, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean config_check(StreamWrapper wrapper, const GuestConfig *old, const GString *text,
                      GError **error)
{
    g_autoptr(GuestConfig) config = NULL;

    if (text->len > GUEST_CONFIG_MAX) {
        return invalid(error, "the new configuration is longer than %u bytes", GUEST_CONFIG_MAX);
    }
    config = guest_config_parse(wrapper, text->str, text->len, error);
    if (!config) {
        g_prefix_error(error, "the new configuration: ");
        return FALSE;
    }
    if (!config->name || !*config->name) {
        return invalid(error, "the new configuration has no name of a guest");
    }
    return !old || old->type == config->type ||
           invalid(error, "the new configuration is of another type of guest than the old one");
}

GString *config_edit(StreamWrapper wrapper, const char *text, gsize length,
                     const ConfigOrders *orders, GError **error)
{
    g_autoptr(GuestConfig) old = guest_config_parse(wrapper, text, length, error);
    g_autoptr(ConfigText) config = NULL;
    g_autoptr(GString) result = NULL;
    const char *from = orders->text ? orders->text : text;

    /* A configuration that can't be read can still be replaced. */
    if (!old && !orders->text) {
        return NULL;
    }
    g_clear_error(error);
    config = config_text_parse(wrapper == WRAPPER_LIBVIRT, from,
                               orders->text ? strlen(from) : length, error);
    if (!config || !config_carry_out(config, orders, error)) {
        return NULL;
    }
    result = config_text_result(config);
    return config_check(wrapper, old, result, error) ? g_steal_pointer(&result) : NULL;
}

/* --- in a stream --- */

gboolean config_body_read(Stream *stream, const StreamItem *item, ConfigBody *body, GError **error)
{
    gboolean xl = item->layer == STREAM_WRAPPER && item->type == WRAPPER_XL;

    *body = (ConfigBody){ 0 };
    if (item->layer != STREAM_WRAPPER || item->type == WRAPPER_XAPI) {
        return invalid(error, item->layer == STREAM_WRAPPER
                                  ? "XAPI keeps a guest's configuration in its database, not here"
                                  : "a bare stream has no configuration");
    }
    if (xl && !(item->flags.mandatory & XL_FLAG_JSON)) {
        return invalid(error, "its configuration is not JSON: xl before 4.4 wrote it; xl restore "
                              "takes another one as CONFIG");
    }
    body->bytes = stream_body(stream, GUEST_CONFIG_MAX, error);
    if (!body->bytes) {
        return FALSE;
    }
    body->length = body->end = item->length;
    if (xl) {
        body->start = 4;
        if (body->length < 4 || bytes_u32(body->bytes, item->big_endian) > body->length - 4) {
            return invalid(error, "the length of its configuration doesn't fit the wrapper's");
        }
        body->end = 4 + bytes_u32(body->bytes, item->big_endian);
    }
    body->end = body->start + strnlen((char *)body->bytes + body->start, body->end - body->start);
    return TRUE;
}

gboolean config_body_replace(Stream *stream, const StreamItem *item, const ConfigBody *body,
                             const GString *text, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    g_byte_array_append(bytes, body->bytes, body->start);
    g_byte_array_append(bytes, (const guint8 *)text->str, text->len);
    g_byte_array_append(bytes, body->bytes + body->end, body->length - body->end);
    if (body->start == 4) {
        bytes_put_u32(bytes->data,
                      bytes_u32(body->bytes, item->big_endian) + text->len -
                          (body->end - body->start),
                      item->big_endian);
    }
    return stream_replace(stream, bytes->data, bytes->len, error);
}

gboolean config_edit_item(Stream *stream, const StreamItem *item, const ConfigOrders *orders,
                          GError **error)
{
    g_autoptr(GString) text = NULL;
    ConfigBody body;
    gboolean ok = config_body_read(stream, item, &body, error);

    if (ok) {
        text = config_edit(item->type, (char *)body.bytes + body.start, body.end - body.start,
                           orders, error);
        ok = text && config_body_replace(stream, item, &body, text, error);
    }
    g_free(body.bytes);
    return ok;
}
