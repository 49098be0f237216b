/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds tap devices among a process's descriptors, and duplicates these. */
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "tap-name.h"

/* The process's descriptor of an interface, or -1. */
static int find(pid_t pid, const char *interface)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fdinfo", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *fd;

    while (dir && (fd = g_dir_read_name(dir))) {
        g_autofree char *found = tap_name(pid, fd);
        guint64 number;

        if (g_strcmp0(found, interface) == 0 &&
            g_ascii_string_to_unsigned(fd, 10, 0, G_MAXINT, &number, NULL)) {
            return number;
        }
    }
    return -1;
}

/* Whether our descriptor is of the interface with this name in this network namespace. */
static gboolean is_interface(int fd, const char *interface)
{
    g_autofree char *number = g_strdup_printf("%d", fd);
    g_autofree char *name = tap_name(getpid(), number);
    int theirs = g_strcmp0(name, interface) == 0 ? ioctl(fd, TUNGETDEVNETNS) : -1;
    struct stat their, our;
    gboolean here;

    if (theirs < 0) {
        return FALSE;
    }
    here = fstat(theirs, &their) == 0 && stat("/proc/self/ns/net", &our) == 0 &&
           their.st_dev == our.st_dev && their.st_ino == our.st_ino;
    close(theirs);
    return here;
}

/* The process may have replaced the descriptor since it was found. */
static int copy(pid_t pid, int fd, const char *interface)
{
    int process = syscall(SYS_pidfd_open, pid, 0);
    int got = process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, fd, 0);
    int errnum = errno;

    if (process >= 0) {
        close(process);
    }
    if (got >= 0 && !is_interface(got, interface)) {
        close(got);
        got = -1;
        errnum = ENODEV;
    }
    errno = errnum;
    return got;
}

gboolean tap_hand_over(pid_t pid, char **args, int first, GArray *fds, GError **error)
{
    for (; args[0] && args[1]; args++) {
        g_auto(GStrv) parts = strcmp(args[0], "-netdev") == 0 ? g_strsplit(args[1], ",", -1) : NULL;
        const char *interface = parts ? tap_property(parts, "ifname=") : NULL;
        int theirs = interface ? find(pid, interface) : -1;
        g_autofree char *given = NULL;
        int fd;

        if (theirs < 0) {
            continue;
        }
        fd = copy(pid, theirs, interface);
        if (fd < 0) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                        "can't hand over the network interface %s: %s", interface,
                        g_strerror(errno));
            return FALSE;
        }
        given = g_strdup_printf("fd=%d", first + (int)fds->len);
        g_array_append_val(fds, fd);
        g_free(args[1]);
        args[1] = tap_with(parts, given);
    }
    return TRUE;
}
