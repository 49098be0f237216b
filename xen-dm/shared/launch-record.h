/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The start of a QEMU: which process it is, and the launcher's record of what it was started with. */
#ifndef XEN_PHYSMAP_LAUNCH_RECORD_H
#define XEN_PHYSMAP_LAUNCH_RECORD_H

#include <sys/types.h>

#include <xen-physmap/error.h>

/* Where the records are, one file for each process, named by its pid. Only root may write there. */
#define LAUNCH_FOLDER "/run/xen-physmap/launch"

/* A process, told from a later one of the same pid by the time of its start. 0 is none. */
typedef struct ProcessId {
    pid_t pid;
    guint64 started; /* in clock ticks since boot */
} ProcessId;

/* The id of the running process of this pid, or one of pid 0. */
ProcessId process_identify(pid_t pid);

gboolean process_is_alive(const ProcessId *id);

/*
 * Whether the real, the effective, the saved and the file system's user or group of a process are
 * all `wanted`; `label` is "Uid" or "Gid". FALSE, too, when they can't be read.
 */
gboolean process_has_ids(pid_t pid, const char *label, guint32 wanted);

/*
 * What a QEMU was started with. /proc tells this too, but as the process has it: one that its guest
 * took over can change what is told there, by executing a set-user-ID program for example, and with
 * it what root starts next.
 */
typedef struct LaunchRecord {
    uid_t uid; /* of the launcher */
    gid_t gid;
    uid_t user; /* that QEMU becomes (-runas), or the same */
    gid_t group;
    char *launcher; /* its path, from which the new QEMU is started; absolute, as the next one */
    char *program;
    char *identity; /* of the program's file (file_identity) */
    char *folder;   /* the working directory */
    char *log;      /* what standard error was; "" when that is unknown */
    GStrv args;     /* as the launcher got them, without the program */
    GStrv env;      /* as the launcher got it, without what is between our own programs */
    GStrv settings; /* launch_settings_read */
    GStrv cgroups;  /* lines of /proc/self/cgroup */
} LaunchRecord;

/*
 * Writes down what this process, the launcher, is about to become a QEMU with, and removes the records
 * of processes that are gone.
 */
gboolean launch_record_write(const LaunchRecord *record, GError **error);

/* The record of this process. NOT_FOUND, or INVALID when it isn't of this process. */
LaunchRecord *launch_record_read(const ProcessId *id, GError **error);

/*
 * Whether no other QEMU that runs became this user, but for these two; the second may be none. FALSE,
 * too, when a record can't be read.
 */
gboolean launch_record_user_is_alone(uid_t user, const ProcessId *one, const ProcessId *other);

/* NULL is allowed. */
void launch_record_free(LaunchRecord *record);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LaunchRecord, launch_record_free)

#endif
