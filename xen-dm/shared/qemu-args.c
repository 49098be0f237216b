/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds options in QEMU's arguments. */
#include "qemu-args.h"

#include <string.h>

/* Options that have no value in any version. It does no harm if one is missing here. */
static const char *const flags[] = {
    "-S",
    "-alt-grab",
    "-ctrl-grab",
    "-curses",
    "-daemonize",
    "-enable-kvm",
    "-enable-fips",
    "-full-screen",
    "-localtime",
    "-no-acpi",
    "-no-fd-bootchk",
    "-no-frame",
    "-no-hpet",
    "-no-quit",
    "-no-reboot",
    "-no-shutdown",
    "-no-user-config",
    "-nodefaults",
    "-nographic",
    "-only-migratable",
    "-portrait",
    "-preconfig",
    "-s",
    "-sdl",
    "-singlestep",
    "-snapshot",
    "-usb",
    "-xen-attach",
    "-xen-create",
    "-xen-domid-restrict",
};

static gboolean is_option(const char *word, const char *option)
{
    return strcmp(word, option) == 0 || (*word == '-' && strcmp(word + 1, option) == 0);
}

static gboolean is_flag(const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (is_option(word, flags[i])) {
            return TRUE;
        }
    }
    return FALSE;
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

gboolean qemu_args_mention(const char *const *args, const char *option)
{
    for (; *args; args++) {
        if (is_option(*args, option)) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean qemu_args_is_clear(const char *const *args, const char *option)
{
    for (guint i = 1; args[0] && args[i]; i++) {
        if (is_option(args[i], option) && *args[i - 1] == '-' && !is_flag(args[i - 1])) {
            return FALSE;
        }
    }
    return TRUE;
}
