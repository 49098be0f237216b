/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the interface of a descriptor in /proc, and rewrites -netdev arguments. */
#include "tap-name.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LABEL "\niff:\t"

/* The label comes after four short lines. */
#define ENOUGH 1024

/* Linux allows more characters, but a comma would begin another property. */
static gboolean is_plain(const char *name)
{
    return *name && name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-")] == '\0';
}

/* The text of a descriptor can be gigabytes long, for example of an epoll descriptor. */
static gboolean read_beginning(const char *path, char text[ENOUGH])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, ENOUGH - 1);

    if (fd >= 0) {
        close(fd);
    }
    text[MAX(n, 0)] = '\0';
    return n > 0;
}

char *tap_name(pid_t pid, const char *fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fdinfo/%s", (int)pid, fd);
    g_autofree char *name = NULL;
    char text[ENOUGH];
    const char *at;

    if (!read_beginning(path, text) || !(at = strstr(text, LABEL))) {
        return NULL;
    }
    at += strlen(LABEL);
    name = g_strndup(at, strcspn(at, "\n"));
    return is_plain(name) ? g_steal_pointer(&name) : NULL;
}

const char *tap_property(char **parts, const char *name)
{
    for (; *parts; parts++) {
        if (g_str_has_prefix(*parts, name)) {
            return *parts + strlen(name);
        }
    }
    return NULL;
}

char *tap_with(char **parts, const char *property)
{
    static const char *const which[] = { "fd=", "ifname=", "br=", "script=", "downscript=" };
    GString *text = g_string_new(NULL);

    for (guint i = 0; parts[i]; i++) {
        gboolean drop = FALSE;

        for (guint j = 0; j < G_N_ELEMENTS(which); j++) {
            drop = drop || g_str_has_prefix(parts[i], which[j]);
        }
        if (!drop) {
            g_string_append_printf(text, "%s,", parts[i]);
        }
    }
    g_string_append(text, property);
    return g_string_free(text, FALSE);
}

void tap_name_all(char **args)
{
    for (; args[0] && args[1]; args++) {
        g_auto(GStrv) parts = strcmp(args[0], "-netdev") == 0 ? g_strsplit(args[1], ",", -1) : NULL;
        const char *fd = parts ? tap_property(parts, "fd=") : NULL;
        g_autofree char *name =
            fd && strspn(fd, G_CSET_DIGITS) == strlen(fd) ? tap_name(getpid(), fd) : NULL;

        if (name) {
            g_autofree char *named = g_strdup_printf("ifname=%s,script=no,downscript=no", name);

            g_free(args[1]);
            args[1] = tap_with(parts, named);
        }
    }
}
