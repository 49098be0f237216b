/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The start of a QEMU: its process, and the launcher's record of what it was started with. */
#ifndef XEN_PHYSMAP_LAUNCH_RECORD_H
#define XEN_PHYSMAP_LAUNCH_RECORD_H

#include <sys/types.h>

#include <xen-physmap/error.h>

/*
 * The folder of the records: one file for each process, named by its pid. Only root may write
 * there.
 */
#define LAUNCH_FOLDER "/run/xen-physmap/launch"

/* A process. Its start time tells it from a later process with the same pid. Pid 0: none. */
typedef struct ProcessId {
    pid_t pid;
    guint64 started; /* in clock ticks since boot */
} ProcessId;

/* The running process with this pid. Its pid is 0 if there is none. */
ProcessId process_identify(pid_t pid);

gboolean process_is_alive(const ProcessId *id);

/*
 * Whether the real, effective, saved and file system user or group of a process are all `wanted`;
 * `label` is "Uid" or "Gid". FALSE also when they can't be read.
 */
gboolean process_has_ids(pid_t pid, const char *label, guint32 wanted);

/*
 * What a QEMU was started with. /proc has this too, but there the process can change it. A QEMU
 * that its guest took over can, for example, execute a set-user-ID program, and so choose what root
 * would start next.
 */
typedef struct LaunchRecord {
    uid_t uid; /* of the launcher */
    gid_t gid;
    uid_t user; /* the user that QEMU becomes (-runas), or the same */
    gid_t group;
    char *launcher; /* its path, absolute; the new QEMU is started through it */
    char *program;
    char *identity; /* of the program's file (file_identity) */
    char *folder;   /* the working directory */
    char *log;      /* the file of standard error; "" when it is unknown */
    GStrv args;     /* as the launcher got them, without the program */
    GStrv env;      /* as the launcher got it, without the variables that our own programs set */
    GStrv settings; /* launch_settings_read */
    GStrv cgroups;  /* lines of /proc/self/cgroup */
} LaunchRecord;

/*
 * Writes the record of this process, the launcher, which is about to become a QEMU. Removes the
 * records of processes that are gone.
 */
gboolean launch_record_write(const LaunchRecord *record, GError **error);

/*
 * The record of this process. NOT_FOUND when there is none, INVALID when the file belongs to
 * another process.
 */
LaunchRecord *launch_record_read(const ProcessId *id, GError **error);

/*
 * Whether these two are the only running QEMUs with this user; the second may be none. FALSE also
 * when a record can't be read.
 */
gboolean launch_record_user_is_alone(uid_t user, const ProcessId *one, const ProcessId *other);

/* NULL is allowed. */
void launch_record_free(LaunchRecord *record);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LaunchRecord, launch_record_free)

#endif
