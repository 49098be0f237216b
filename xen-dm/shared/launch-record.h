/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The start of a QEMU: which process it is, and what the launcher knows that it was started with. */
#ifndef XEN_PHYSMAP_LAUNCH_RECORD_H
#define XEN_PHYSMAP_LAUNCH_RECORD_H

#include <sys/types.h>

#include <xen-physmap/error.h>

/* A process, told from a later one of the same pid by the time of its start. 0 is none. */
typedef struct ProcessId {
    pid_t pid;
    guint64 started; /* in clock ticks since boot */
} ProcessId;

/* The id of the running process of this pid, or one of pid 0. */
ProcessId process_identify(pid_t pid);

gboolean process_is_alive(const ProcessId *id);

/* The effective user or group of a process; `label` is "Uid" or "Gid". */
gboolean process_effective_id(pid_t pid, const char *label, guint64 *id);

/*
 * What a process was started with. /proc tells this too, but as the process has it: one that gave up
 * root and was taken over can change what is told there, and with it what root starts next.
 */
typedef struct LaunchRecord {
    char *folder; /* its working directory */
    char *log;    /* what its stderr was */
    GStrv args;   /* with the program */
    GStrv env;
} LaunchRecord;

/*
 * Writes down what this process, the launcher, becomes a QEMU with, for root alone to read; and drops
 * what was written of processes that are gone. FALSE with errno.
 */
gboolean launch_record_write(const char *const *args, const char *const *env);

/* What was written of this process. NOT_FOUND, or INVALID when it isn't of this process. */
LaunchRecord *launch_record_read(const ProcessId *id, GError **error);

/* NULL is allowed. */
void launch_record_free(LaunchRecord *start);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LaunchRecord, launch_record_free)

#endif
