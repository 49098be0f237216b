/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's configuration: xl's JSON and libvirt's XML. */
#include "fuzz.h"

#include "guest-config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const StreamWrapper wrappers[] = { WRAPPER_XL, WRAPPER_LIBVIRT };

    for (guint i = 0; i < G_N_ELEMENTS(wrappers); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GuestConfig) config =
            guest_config_parse(wrappers[i], (const char *)data, size, &error);

        g_assert((config == NULL) == (error != NULL));
        if (config) {
            g_assert(guest_config_low_ram(config) <= config->low_ram_end);
        }
    }
    return 0;
}
