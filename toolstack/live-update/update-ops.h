/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations through which an update reaches the world, as a table; and this host's table. */
#ifndef XEN_PHYSMAP_UPDATE_OPS_H
#define XEN_PHYSMAP_UPDATE_OPS_H

#include "domain.h"
#include "process-rest.h"

/* See monitor.h. */
typedef struct MonitorVnc MonitorVnc;
typedef struct MonitorParts MonitorParts;

/* A domain's state in Xen. */
typedef struct IoreqInfo {
    gboolean hvm, paused, shutdown, dying;
} IoreqInfo;

/*
 * Each operation takes `opaque` first. One that returns int behaves as a system call: 0, or -1 with
 * errno. The preflight, the steps, their undoing and the journal reach the world through this table
 * alone, so that a test can let each operation fail, hang, or be the last one before the updater is
 * killed.
 */
typedef struct UpdateOps {
    void *opaque;

    XenPhysmapOps *xenstore;

    /* Progress, a line for the operator. */
    void (*tell)(void *opaque, const char *line);

    /* The clock, monotonic, in microseconds. */
    gint64 (*now)(void *opaque);
    void (*sleep)(void *opaque, gint64 us);

    /* Processes; see the functions with the same names in process.h. */
    Process *(*process_read)(void *opaque, pid_t pid, guint32 domid, GError **error);
    gboolean (*process_copy_program)(void *opaque, const Process *process, const char *path,
                                     GError **error);
    gboolean (*process_keep_data_folders)(void *opaque, Process *process, GError **error);
    gboolean (*process_probe)(void *opaque, const Process *model, const char *qemu,
                              gboolean *loaded, GError **error);
    /* With the updater's own environment. */
    char *(*process_ask)(void *opaque, const char *const *argv, GError **error);
    gboolean (*process_is_alive)(void *opaque, const ProcessId *id);
    gboolean (*process_end)(void *opaque, const ProcessId *id, GError **error);
    /* Also ends the processes that it started; see process-rest.h. */
    gboolean (*process_end_all)(void *opaque, const ProcessId *id, uid_t user, gboolean own,
                                const ProcessId *spare, GPtrArray *notes, GError **error);
    char *(*process_ending)(void *opaque, const ProcessId *id);
    gboolean (*process_prepare)(void *opaque, const Process *model, const char *qemu, GStrv args,
                                ProcessStart *start, GError **error);
    gboolean (*process_begin)(void *opaque, const ProcessStart *start, GError **error);
    gboolean (*process_is_held)(void *opaque, const ProcessStart *start, int timeout_ms);
    gboolean (*process_go)(void *opaque, ProcessStart *start, GError **error);
    gboolean (*process_feed)(void *opaque, ProcessStart *start, const GByteArray *state,
                             gsize *done, GError **error);
    void (*process_let_go)(void *opaque, ProcessStart *start);

    /* Whether the process runs the file that has this path now. */
    gboolean (*process_runs)(void *opaque, const ProcessId *id, const char *path);

    /* Whether the process has the master of this pseudo-terminal open. */
    gboolean (*process_has_pty)(void *opaque, const ProcessId *id, guint number);

    /* See image.h. */
    char *(*image_trouble)(void *opaque, const Process *process, const char *path,
                           gboolean read_only, gint64 deadline);

    /* Whether records, QEMU and pages agree; see layout-check.h. */
    GPtrArray *(*layout_check)(void *opaque, const Domain *domain, XenPhysmapTable **table,
                               GPtrArray *notes, GError **error);

    /* Who is saving or migrating the domain, in words; NULL if nobody is. */
    char *(*other_at_work)(void *opaque, guint32 domid);

    /* The monitor of the QEMU that listens at the domain's socket; see monitor.h. */
    gboolean (*monitor_running)(void *opaque, guint32 domid, gboolean *running, GError **error);
    /* Of that QEMU, or of the one in standby beside it. */
    MonitorParts *(*monitor_parts)(void *opaque, guint32 domid, gboolean standby, GError **error);
    gboolean (*monitor_cont)(void *opaque, guint32 domid, GError **error);
    /* Appends the device state; an error if it is longer than `limit` bytes. */
    gboolean (*monitor_save)(void *opaque, guint32 domid, GByteArray *state, gsize limit,
                             GError **error);
    GPtrArray *(*monitor_blocked_reasons)(void *opaque, guint32 domid, GError **error);
    GPtrArray *(*monitor_images)(void *opaque, guint32 domid, GError **error);
    /* Of the one in standby, on trial; what it writes is dropped. */
    gboolean (*monitor_try_save)(void *opaque, guint32 domid, gsize limit, GError **error);
    GPtrArray *(*monitor_serial_ptys)(void *opaque, guint32 domid, GError **error);
    MonitorVnc *(*monitor_vnc)(void *opaque, guint32 domid, GError **error);
    gboolean (*monitor_set_vnc_password)(void *opaque, guint32 domid, const char *password,
                                         GError **error);

    /* The hypervisor. ESRCH from domain_info: there is no such domain. */
    int (*domain_info)(void *opaque, guint32 domid, IoreqInfo *info);
    int (*domain_pause)(void *opaque, guint32 domid);
    int (*domain_unpause)(void *opaque, guint32 domid);
    gboolean (*vcpu_is_online)(void *opaque, guint32 domid, guint vcpu);
    /* ENOENT: there is no such I/O request server. */
    int (*server_look)(void *opaque, guint32 domid, guint id);
    int (*server_switch_off)(void *opaque, guint32 domid, guint id);
    int (*server_destroy)(void *opaque, guint32 domid, guint id);
    /* Maps its page of buffered requests and the page with a request for each vcpu, read-only. */
    const volatile void *(*server_map)(void *opaque, guint32 domid, guint id, void **handle);
    void (*server_unmap)(void *opaque, void *handle);

    /* Files. */
    int (*make_folder)(void *opaque, const char *path);
    /* An exclusive lock, or -1; EWOULDBLOCK when another process has it. */
    int (*lock)(void *opaque, const char *path);
    void (*unlock)(void *opaque, int lock);
    gboolean (*file_exists)(void *opaque, const char *path);
    gboolean (*is_socket)(void *opaque, const char *path);
    int (*may_execute)(void *opaque, const char *path);
    /* How many bytes the file system of this folder has left. */
    int (*room)(void *opaque, const char *path, guint64 *bytes);
    /* The whole file, with a NUL after its *length bytes; NULL with errno. Free with g_free. */
    char *(*read_file)(void *opaque, const char *path, gsize *length);
    /*
     * Replaces the file atomically. Only root can read the new one, and it is synced to the disk.
     */
    int (*write_file)(void *opaque, const char *path, const void *data, gsize length);
    int (*rename)(void *opaque, const char *from, const char *to);
    int (*unlink)(void *opaque, const char *path);
    /* Removes a folder and the files in it. */
    void (*remove_folder)(void *opaque, const char *path);
} UpdateOps;

/* This host, without a handle of the hypervisor: enough for update_is_outdated. `xenstore` stays the
 * caller's. */
UpdateOps *update_host_new(XenPhysmapOps *xenstore);

/*
 * The version of the QEMU of a domain of this host. NULL when it can't be asked, in a stub domain for
 * instance. Free with g_free.
 */
char *update_host_version(const Domain *domain);

/* This host, for an update. It needs the rights of a toolstack. */
UpdateOps *update_host_open(XenPhysmapOps *xenstore, GError **error);

/* NULL is allowed. */
void update_host_close(UpdateOps *ops);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(UpdateOps, update_host_close)

#endif
