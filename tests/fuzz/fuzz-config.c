/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's configuration, xl's JSON and libvirt's XML: read, and edited. */
#include "fuzz.h"

#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const StreamWrapper wrappers[] = { WRAPPER_XL, WRAPPER_LIBVIRT };

    for (guint i = 0; i < G_N_ELEMENTS(wrappers); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GuestConfig) config =
            guest_config_parse(wrappers[i], (const char *)data, size, &error);

        edit(wrappers[i] == WRAPPER_LIBVIRT, (const char *)data, size);
        g_assert((config == NULL) == (error != NULL));
        if (config) {
            g_assert(guest_config_low_ram(config) <= config->low_ram_end);
        }
    }
    return 0;
}
