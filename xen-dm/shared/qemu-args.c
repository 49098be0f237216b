/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds options in QEMU's arguments. */
#include "qemu-args.h"

#include <string.h>

static gboolean is_option(const char *word, const char *option)
{
    return strcmp(word, option) == 0 || (*word == '-' && strcmp(word + 1, option) == 0);
}

guint qemu_args_find(const char *const *args, const char *option)
{
    guint found = 0;

    for (guint i = 0; args[i] && args[i + 1]; i++) {
        if (is_option(args[i], option)) {
            found = i + 1;
        }
    }
    return found;
}

const char *qemu_args_value(const char *const *args, const char *option)
{
    guint at = qemu_args_find(args, option);

    return at ? args[at] : NULL;
}
