/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds tap devices among a process's descriptors, and takes copies of them. */
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The interface behind a descriptor of a process, or NULL when it is no tap device. */
static char *interface_of(pid_t pid, const char *fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fdinfo/%s", (int)pid, fd);
    g_autofree char *text = NULL;
    const char *name;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(name = strstr(text, "\niff:\t"))) {
        return NULL;
    }
    name += strlen("\niff:\t");
    return g_strndup(name, strcspn(name, "\n"));
}

/* The descriptor by which a process has an interface, or -1. */
static int find(pid_t pid, const char *interface)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fdinfo", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *fd;

    while (dir && (fd = g_dir_read_name(dir))) {
        g_autofree char *found = interface_of(pid, fd);
        guint64 number;

        if (g_strcmp0(found, interface) == 0 &&
            g_ascii_string_to_unsigned(fd, 10, 0, G_MAXINT, &number, NULL)) {
            return number;
        }
    }
    return -1;
}

static int copy(pid_t pid, int fd)
{
    int process = syscall(SYS_pidfd_open, pid, 0);
    int got = process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, fd, 0);

    if (process >= 0) {
        int errnum = errno;

        close(process);
        errno = errnum;
    }
    return got;
}

/* What is behind "name=" in "type,name=value,...", or NULL. */
static const char *property(char **parts, const char *name)
{
    for (; *parts; parts++) {
        if (g_str_has_prefix(*parts, name)) {
            return *parts + strlen(name);
        }
    }
    return NULL;
}

/* The same, without those of the properties that say which interface it is, and with another. */
static char *with(char **parts, const char *property)
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

void tap_name_all(pid_t pid, char **args)
{
    for (; args[0] && args[1]; args++) {
        g_auto(GStrv) parts = strcmp(args[0], "-netdev") == 0 ? g_strsplit(args[1], ",", -1) : NULL;
        const char *fd = parts ? property(parts, "fd=") : NULL;
        g_autofree char *interface = fd ? interface_of(pid, fd) : NULL;

        if (interface) {
            g_autofree char *name = g_strdup_printf("ifname=%s,script=no,downscript=no", interface);

            g_free(args[1]);
            args[1] = with(parts, name);
        }
    }
}

gboolean tap_hand_over(pid_t pid, char **args, int first, GArray *fds, GError **error)
{
    for (; args[0] && args[1]; args++) {
        g_auto(GStrv) parts = strcmp(args[0], "-netdev") == 0 ? g_strsplit(args[1], ",", -1) : NULL;
        const char *interface = parts ? property(parts, "ifname=") : NULL;
        int theirs = interface ? find(pid, interface) : -1;
        g_autofree char *given = NULL;
        int fd;

        if (theirs < 0) {
            continue;
        }
        fd = copy(pid, theirs);
        if (fd < 0) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                        "can't hand over the network interface %s: %s", interface,
                        g_strerror(errno));
            return FALSE;
        }
        given = g_strdup_printf("fd=%d", first + (int)fds->len);
        g_array_append_val(fds, fd);
        g_free(args[1]);
        args[1] = with(parts, given);
    }
    return TRUE;
}
