/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of an update to a running QEMU: it saves its state, and lists what it has. */
#ifndef XEN_PHYSMAP_MONITOR_H
#define XEN_PHYSMAP_MONITOR_H

#include "qmp.h"

/* Whether the virtual machine runs, according to QEMU. */
gboolean monitor_running(QmpClient *qmp, gboolean *running, GError **error);

/* Lets the machine run again after monitor_save. */
gboolean monitor_cont(QmpClient *qmp, GError **error);

/*
 * Stops the virtual machine, which completes its disk requests and flushes its images, and writes
 * the device state to `fd`, the writing end of a pipe. QEMU opens the pipe again through
 * /proc/self/fd, and needs the permission for that.
 */
gboolean monitor_save(QmpClient *qmp, int fd, GError **error);

/* The same of a QEMU in standby, without stopping it: it waits for a state, and does so afterwards. */
gboolean monitor_try_save(QmpClient *qmp, int fd, GError **error);

/*
 * Why the device state can't be saved, in QEMU's words, escaped; empty when it can. QEMU may crash if
 * it saves all the same. Before version 6.0 QEMU doesn't say. Free with g_ptr_array_unref.
 */
GPtrArray *monitor_blocked_reasons(QmpClient *qmp, GError **error);

/* What QEMU has now. It can have more or less than it was started with. */
typedef struct MonitorParts {
    GPtrArray *lines; /* one for each vcpu, PCI device and drive, in order; escaped */
    GPtrArray *names; /* the ids of its PCI devices, and the names of its drives */
    GPtrArray *empty; /* the names of drives with nothing in them */
    guint vcpus;
} MonitorParts;

/* What a line begins with whose drive has no name, as those for paravirtual drivers. */
#define MONITOR_UNNAMED_DRIVE "drive without a name"

MonitorParts *monitor_parts(QmpClient *qmp, GError **error);

/* NULL is allowed. */
void monitor_parts_free(MonitorParts *parts);

/* QEMU's version, as "7.2.22". Free with g_free. */
char *monitor_version(QmpClient *qmp, GError **error);

typedef struct MonitorImage {
    char *path;
    gboolean read_only;
} MonitorImage;

/* The files and block devices of the host that are disk images. Free with g_ptr_array_unref. */
GPtrArray *monitor_images(QmpClient *qmp, GError **error);

/* The pseudo-terminal of each serial port, "" for one that has none. Free with g_ptr_array_unref. */
GPtrArray *monitor_serial_ptys(QmpClient *qmp, GError **error);

typedef struct MonitorVnc {
    char *host, *service; /* where it listens; NULL when there is no server */
    GPtrArray *clients;   /* "host:service" of each connected client, escaped */
} MonitorVnc;

MonitorVnc *monitor_vnc(QmpClient *qmp, GError **error);

/* NULL is allowed. */
void monitor_vnc_free(MonitorVnc *vnc);

gboolean monitor_set_vnc_password(QmpClient *qmp, const char *password, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MonitorParts, monitor_parts_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MonitorVnc, monitor_vnc_free)

#endif
