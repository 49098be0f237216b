/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new device model under a running guest: what is checked, the steps, and the way back. */
#ifndef XEN_PHYSMAP_UPDATE_H
#define XEN_PHYSMAP_UPDATE_H

#include <stdio.h>

#include "domain.h"
#include "ioreq-server.h"
#include "update-ops.h"

/* Where a domain's update keeps its journal and what it needs to go back. */
#define UPDATE_FOLDER "/run/xen-physmap"

/* Where a copy of a QEMU goes whose file was replaced; /run is often mounted noexec. */
#define UPDATE_PROGRAM_FOLDER "/var/lib/xen-physmap"

/*
 * libxl's lock of a domain, %u the domid and %s its UUID: for the length of a change, and for the
 * moment in which xl save and xl migrate begin. Whoever begins while we have it waits.
 */
#define UPDATE_LIBXL_LOCK "/var/lib/xen/userdata-l.%u.%s.domain-userdata-lock"

typedef struct UpdateOptions {
    const char *qemu; /* the new program; NULL: the file of the running one */
    char **set_args;  /* "-option value" or "-flag" each; may be NULL */
    int timeout_s;    /* for all that happens while the guest is paused */
} UpdateOptions;

/* How an update ended. */
typedef enum {
    UPDATE_DONE,  /* the new QEMU serves the guest */
    UPDATE_BACK,  /* the old one does, and the guest goes on */
    UPDATE_STUCK, /* the guest is whole, paused or not; --resume tries again */
    UPDATE_GONE,  /* the domain was destroyed meanwhile */
    UPDATE_LOST,  /* no QEMU serves the guest, and none can; nothing is left to resume */
} UpdateOutcome;

typedef struct Update {
    const UpdateOps *ops; /* the caller's */
    Domain *domain;       /* the caller's */
    int lock, libxl_lock; /* -1: not taken */

    /* What the journal keeps. */
    char *uuid; /* so that a later domain of this domid isn't meant */
    Process *old;
    char *old_program, *new_program;
    GStrv new_args;
    int timeout_s;
    char *step;                 /* the one under way */
    gboolean back;              /* it is being undone */
    guint servers;              /* I/O request servers of the old QEMU, a bit for each id */
    guint spent;                /* what its first process left, when it was started again */
    ProcessId taker;            /* the new QEMU */
    ProcessId returner;         /* the old one, started again */
    char *failed_step, *reason; /* why it went back */

    /* What belongs to this run. */
    ProcessStart held;          /* the new QEMU, until it has the device state */
    gsize fed;                  /* so much of the state */
    GByteArray *state;          /* the device state; NULL: not read or saved in this run */
    gint64 paused_at, pause_us; /* monotonic; the time that the guest stood still */
    gint64 deadline;
    gint interrupts;  /* that were heard when going back began */
    gboolean resumed; /* by --resume */
    gboolean lost;    /* nothing can serve the guest any more */
    GPtrArray *notes; /* what the operator should know */
} Update;

/* For a domain, with its lock taken. An error when another update of it is at work. */
Update *update_new(const UpdateOps *ops, Domain *domain, GError **error);

/* NULL is allowed. */
void update_free(Update *update);

/*
 * Before anything is touched: finds all that can't be carried. Returns the reasons to refuse,
 * empty when there are none, and NULL with an error when it couldn't look. Notes are what the
 * operator should know. On the way it collects what the steps need.
 */
GPtrArray *update_ready(Update *update, const UpdateOptions *options, GError **error);

/*
 * Why --all passes a domain by: it isn't an HVM guest with records, or with `outdated`, its QEMU runs
 * the program that is on the disk. NULL when it doesn't, or with an error. Free with g_free.
 */
char *update_unfit(const UpdateOps *ops, const Domain *domain, gboolean outdated, GError **error);

/* Whether the program that a domain's QEMU runs was replaced on disk since it started. */
gboolean update_is_outdated(const UpdateOps *ops, const Domain *domain, gboolean *outdated,
                            GError **error);

/* What would happen, a line for each step. */
void update_tell(const Update *update, FILE *out);

/* Does the steps; goes back when one fails. */
UpdateOutcome update_run(Update *update, GError **error);

/* Whether an update of this domain was left unfinished. */
gboolean update_is_unfinished(const Update *update);

/* Finishes such an update or goes back. */
UpdateOutcome update_resume(Update *update, GError **error);

/* Whether our copy of the device state is there, which is written whole or not at all. */
gboolean update_is_saved(const Update *update);

/* What is left of an update that is unfinished, in words. */
char *update_left(const Update *update);

/* Stops the update at the next moment that allows it; for a signal handler. */
void update_interrupt(void);

/* Whether that happened. */
gboolean update_was_signalled(void);

/* The rest is shared by the files of the update. */

/* A file of this domain's update; free with g_free. */
char *update_path(const Update *update, const char *file);

/* The time, in microseconds. */
gint64 update_now(const Update *update);

/* The journal: written whole and synced; read back; and removed with all that it needs. */
gboolean update_journal_write(const Update *update, GError **error);
gboolean update_journal_read(Update *update, GError **error);
gboolean update_journal_remove(const Update *update, GError **error);

/* A node of xenstore under the domain's own path, or an absolute one; NULL when it isn't there. */
char *update_read_node(const Update *update, const char *path);

/* The same, with an error when it can't be read; *value is NULL when it isn't there. */
gboolean update_look_node(const Update *update, const char *path, char **value, GError **error);

gboolean update_write_node(const Update *update, const char *path, const char *value,
                           GError **error);

/* The states of backends that QEMU itself serves: calls `func` with each backend's path. */
typedef gboolean (*UpdateBackendFunc)(Update *update, const char *path, gpointer data,
                                      GError **error);
gboolean update_each_backend(Update *update, UpdateBackendFunc func, gpointer data, GError **error);

/* One step and how it is undone; both can be run again after they were cut off anywhere. */
typedef struct UpdateStep {
    const char *name;
    const char *text; /* what it does, for a person */
    gboolean (*act)(Update *update, GError **error);
    gboolean (*undo)(Update *update, GError **error);
} UpdateStep;

/* In their order, ended by one without a name. */
extern const UpdateStep update_steps[];

/* From this step on the guest may have run on the new QEMU, and there is no way back. */
#define UPDATE_STEP_COMMIT "unpause"

/* An update that was cut off is undone if this step or an earlier one was under way; else finished. */
#define UPDATE_STEP_START "start"

/* Tells libxl of the new QEMU's consoles. */
#define UPDATE_STEP_TIDY "tidy"

/* Our copy of the device state: for going back when the old QEMU is gone, and for --resume. */
#define UPDATE_STATE_FILE "state"

/* No QEMU can serve the guest: ends those that are left, and removes all of them, and the journal. */
gboolean update_clear(Update *update, GError **error);

/* The domain is gone: ends the QEMUs that it had, removes all that they left, and the journal. */
gboolean update_abandon(Update *update, GError **error);

/* The same when another domain has its number, and such things of its own: the processes alone. */
gboolean update_leave(Update *update, GError **error);

/* TRUE, with an error, when the update was interrupted or its time is over. */
gboolean update_should_stop(Update *update, GError **error);

/* The same when it was interrupted since it went back, if it did. */
gboolean update_was_interrupted(Update *update, GError **error);

/* TRUE, with an error, when somebody saves or migrates the guest. */
gboolean update_is_disturbed(const Update *update, GError **error);

/* Whether the guest has a backend's frontend connected, or is about to. */
gboolean update_is_connected(const Update *update, const char *backend, gboolean *connected,
                             GError **error);

/*
 * The machine type that means to the new program what `type` means to the old one: itself, or what it
 * is an alias of. Takes what each prints for "-machine help". Free with g_free.
 */
char *update_machine_type(const char *type, const char *old_help, const char *new_help,
                          GError **error);

/*
 * Drops from QEMU's arguments the network cards and emulated disks that it hasn't any more, because
 * the guest unplugged them; `names` are those that it has. Adds a note for each.
 */
void update_drop_unplugged(GStrv *args, const GPtrArray *names, GPtrArray *notes);

/*
 * Changes QEMU's arguments to what it has now: vcpus that were added, and CDs that were ejected. Adds a
 * note for each.
 */
void update_carry_changes(GStrv *args, const MonitorParts *parts, GPtrArray *notes);

/*
 * Whether the QEMU in standby has the vcpus, PCI devices and drives that the guest's QEMU has now. With
 * others the guest would lose some, or find some again.
 */
gboolean update_compare_parts(Update *update, GError **error);

/* The QEMU that serves the guest when the update is undone. */
const ProcessId *update_current(const Update *update);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Update, update_free)

#endif
