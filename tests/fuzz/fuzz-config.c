/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's configuration, xl's JSON and libvirt's XML: read, and edited. */
#include "fuzz.h"

#include <string.h>

#include "config-devices.h"
#include "config-edit.h"
#include "config-text.h"
#include "guest-config.h"

/* Without a change the text is the same, and after changes it has the same values at the same
 * paths. */
static void edit(gboolean xml, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ConfigText) config = config_text_parse(xml, text, length, &error), again = NULL;
    g_autoptr(GString) result = NULL, changed = NULL;

    g_assert((config == NULL) == (error != NULL));
    if (!config) {
        return;
    }
    result = config_text_result(config);
    g_assert(result->len == length && memcmp(result->str, text, length) == 0);
    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];

        g_assert(config_value_is_at(value, value->path));
        config_value_set(value, "a<&\"'\\", NULL);
        config_value_set(value, "true", NULL);
        config_value_set(value, "17", NULL);
    }
    changed = config_text_result(config);
    again = config_text_parse(xml, changed->str, changed->len, &error);
    g_assert_no_error(error);
    g_assert(again->values->len == config->values->len);
    for (guint i = 0; i < again->values->len; i++) {
        const ConfigValue *a = config->values->pdata[i], *b = again->values->pdata[i];

        g_assert_cmpstr(a->path, ==, b->path);
        g_assert_cmpstr(a->value, ==, b->value);
    }
}

/* As clone does: a copy of the configuration with its own disks and paths. */
static void copy_devices(gboolean xml, const char *text, gsize length)
{
    g_autoptr(ConfigText) original = config_text_parse(xml, text, length, NULL);
    g_autoptr(ConfigText) config = config_text_parse(xml, text, length, NULL);
    g_autoptr(GPtrArray) disks = NULL, shared = NULL;

    if (!config) {
        return;
    }
    disks = config_disks(config);
    for (guint i = 0; i < disks->len; i++) {
        g_autoptr(GError) error = NULL;
        const ConfigDisk *disk = disks->pdata[i];
        g_autofree char *before = g_strdup(disk->file->value);

        config_disk_format(disk);
        if (!config_disk_set_overlay(disk, "/a\"<,b.qcow2", &error)) {
            g_assert_nonnull(error);
            continue;
        }
        g_assert_cmpstr(disk->file->value, !=, before);
    }
    config_rename_paths(config, "g1", "copy", NULL);
    shared = config_shared(config, original, NULL);
}

/* What an edit writes can be read again, and has the name and the uuid that were asked for. */
static void carry_out(StreamWrapper wrapper, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    ConfigOrders orders = { .name = (char *)"copy",
                            .uuid = (char *)"00112233-4455-6677-8899-aabbccddeeff",
                            .new_macs = TRUE };
    g_autoptr(GString) result = config_edit(wrapper, text, length, &orders, &error);
    g_autoptr(GuestConfig) config =
        result ? guest_config_parse(wrapper, result->str, result->len, NULL) : NULL;

    g_assert((result == NULL) == (error != NULL));
    if (result) {
        g_assert_nonnull(config);
        g_assert_cmpstr(config->name, ==, orders.name);
        g_assert_cmpstr(config->uuid, ==, orders.uuid);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const StreamWrapper wrappers[] = { WRAPPER_XL, WRAPPER_LIBVIRT };

    for (guint i = 0; i < G_N_ELEMENTS(wrappers); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GuestConfig) config =
            guest_config_parse(wrappers[i], (const char *)data, size, &error);

        edit(wrappers[i] == WRAPPER_LIBVIRT, (const char *)data, size);
        copy_devices(wrappers[i] == WRAPPER_LIBVIRT, (const char *)data, size);
        carry_out(wrappers[i], (const char *)data, size);
        g_assert((config == NULL) == (error != NULL));
        if (config) {
            g_assert(guest_config_low_ram(config) <= config->low_ram_end);
        }
    }
    return 0;
}
