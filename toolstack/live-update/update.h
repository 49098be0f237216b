/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new device model under a running guest: the preflight, the steps, and their undoing. */
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
 * libxl's lock of a domain; %u is the domid, %s its UUID. libxl holds it during each change of the
 * domain, and for a moment when xl save or xl migrate begins. It waits while we hold the lock.
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
    UPDATE_BACK,  /* the old QEMU serves the guest again */
    UPDATE_STUCK, /* nothing is lost, the guest may be paused; --resume tries again */
    UPDATE_GONE,  /* the domain was destroyed during the update */
    UPDATE_LOST,  /* no QEMU serves the guest, and none can; nothing is left to resume */
} UpdateOutcome;

typedef struct Update {
    const UpdateOps *ops; /* the caller's */
    Domain *domain;       /* the caller's */
    int lock, libxl_lock; /* -1: not taken */

    /* What the journal keeps. */
    char *uuid; /* tells the domain from a later one with this domid */
    Process *old;
    char *old_program, *new_program;
    GStrv new_args;
    int timeout_s;
    char *step;                 /* the step in progress */
    gboolean back;              /* the step is being undone */
    guint servers;              /* I/O request servers of the old QEMU, a bit for each id */
    guint spent;                /* of the old QEMU's first process, if it was restarted */
    ProcessId taker;            /* the new QEMU */
    ProcessId returner;         /* the old one, started again */
    char *failed_step, *reason; /* of going back */

    /* What belongs to this run. */
    gboolean args_set;          /* --set-arg gives the new QEMU other arguments */
    ProcessStart held;          /* the new QEMU, until it has the device state */
    gsize fed;                  /* how much of the state it got */
    GByteArray *state;          /* the device state; NULL: not read or saved in this run */
    gint64 paused_at, pause_us; /* monotonic; how long the guest was paused */
    gint64 deadline;
    gint interrupts;  /* the signals so far, when going back began */
    gboolean resumed; /* this run is --resume */
    gboolean lost;    /* nothing can serve the guest any more */
    GPtrArray *notes; /* for the operator */
} Update;

/* Begins an update of a domain: takes its lock. An error when another update holds it. */
Update *update_new(const UpdateOps *ops, Domain *domain, GError **error);

/* NULL is allowed. */
void update_free(Update *update);

/*
 * The preflight: finds the reasons to refuse, before anything is touched. Returns them, empty if
 * there are none; NULL with an error when it can't tell. Adds notes for the operator, and collects
 * what the steps need.
 */
GPtrArray *update_ready(Update *update, const UpdateOptions *options, GError **error);

/*
 * Why --all skips a domain: it isn't an HVM guest with records or, with `outdated`, its QEMU runs
 * the program that is on disk. NULL when it doesn't skip it, or with an error. Free with g_free.
 */
char *update_unfit(const UpdateOps *ops, const Domain *domain, gboolean outdated, GError **error);

/* Whether the program that a domain's QEMU runs was replaced on disk since it started. */
gboolean update_is_outdated(const UpdateOps *ops, const Domain *domain, gboolean *outdated,
                            GError **error);

/* What would happen, a line for each step. */
void update_tell(const Update *update, FILE *out);

/* Runs the steps; goes back when one fails. */
UpdateOutcome update_run(Update *update, GError **error);

/* Whether an update of this domain was left unfinished. */
gboolean update_is_unfinished(const Update *update);

/* Finishes such an update or goes back. */
UpdateOutcome update_resume(Update *update, GError **error);

/* Whether our copy of the device state exists. It is written completely or not at all. */
gboolean update_is_saved(const Update *update);

/* The state of an unfinished update, in words: the guest, its QEMUs, the device state. */
char *update_left(const Update *update);

/* Stops the update as soon as that is possible; for a signal handler. */
void update_interrupt(void);

/* Whether that happened. */
gboolean update_was_signalled(void);

/* The rest is shared by the files of the update. */

/* A file of this domain's update; free with g_free. */
char *update_path(const Update *update, const char *file);

/* The time, in microseconds. */
gint64 update_now(const Update *update);

/* The journal: writes it completely and syncs it; reads it; removes it, and what belongs to it. */
gboolean update_journal_write(const Update *update, GError **error);
gboolean update_journal_read(Update *update, GError **error);
gboolean update_journal_remove(const Update *update, GError **error);

/* The value of a node in xenstore; NULL when it isn't there. */
char *update_read_node(const Update *update, const char *path);

/* The same, with an error when it can't be read; *value is NULL when it isn't there. */
gboolean update_look_node(const Update *update, const char *path, char **value, GError **error);

gboolean update_write_node(const Update *update, const char *path, const char *value,
                           GError **error);

/* Calls `func` with the path of each backend that QEMU itself serves. */
typedef gboolean (*UpdateBackendFunc)(Update *update, const char *path, gpointer data,
                                      GError **error);
gboolean update_each_backend(Update *update, UpdateBackendFunc func, gpointer data, GError **error);

/* A step and its undo. Both can be run again, wherever they were cut off. */
typedef struct UpdateStep {
    const char *name;
    const char *text; /* what it does, for the operator */
    gboolean (*act)(Update *update, GError **error);
    gboolean (*undo)(Update *update, GError **error);
} UpdateStep;

/* In order; one without a name ends them. */
extern const UpdateStep update_steps[];

/* From this step on the guest may have run on the new QEMU, and there is no way back. */
#define UPDATE_STEP_COMMIT "unpause"

/* An update that was cut off in this step or an earlier one is undone; after it, it is finished. */
#define UPDATE_STEP_START "start"

/* Tells libxl of the new QEMU's consoles. */
#define UPDATE_STEP_TIDY "tidy"

/* Our copy of the device state: for going back when the old QEMU is gone, and for --resume. */
#define UPDATE_STATE_FILE "state"

/*
 * No QEMU can serve the guest: ends those that are left, and removes their traces and the journal.
 */
gboolean update_clear(Update *update, GError **error);

/* The domain is gone: ends its QEMUs, and removes their traces and the journal. */
gboolean update_abandon(Update *update, GError **error);

/*
 * The same when another domain has its domid now, with sockets and nodes of its own: only ends the
 * processes.
 */
gboolean update_leave(Update *update, GError **error);

/* TRUE, with an error, when the update was interrupted or its time is over. */
gboolean update_should_stop(Update *update, GError **error);

/*
 * TRUE, with an error, when it was interrupted; after going back began, only by a signal since
 * then.
 */
gboolean update_was_interrupted(Update *update, GError **error);

/* TRUE, with an error, when the guest is being saved or migrated. */
gboolean update_is_disturbed(const Update *update, GError **error);

/* Whether a backend's frontend in the guest is connected, or about to connect. */
gboolean update_is_connected(const Update *update, const char *backend, gboolean *connected,
                             GError **error);

/*
 * Whether a new QEMU can take over this backend while the guest is connected: a keyboard's or a
 * framebuffer's, which keep all their indices in the page that they share with the guest.
 */
gboolean update_is_carried(const char *backend);

/* Whether the guest is connected to a backend that a new QEMU can't take over from there. */
gboolean update_is_tied(const Update *update, const char *backend, gboolean *tied, GError **error);

/*
 * Whether a backend is that of a drive with nothing in it, as xl cd-eject leaves it. No new QEMU can
 * have it: 7.2 wants "TYPE:PATH" as its params, and crashes without.
 */
gboolean update_is_empty(const Update *update, const char *backend, gboolean *empty,
                         GError **error);

/*
 * The new program's machine type for the old program's `type`: the same, or what `type` is an alias
 * of. The arguments are what each prints for "-machine help". Free with g_free.
 */
char *update_machine_type(const char *type, const char *old_help, const char *new_help,
                          GError **error);

/*
 * Drops from QEMU's arguments the network cards and emulated disks that the guest has unplugged.
 * `names` are those that QEMU still has. Adds a note for each one dropped.
 */
void update_drop_unplugged(GStrv *args, const GPtrArray *names, GPtrArray *notes);

/*
 * Changes QEMU's arguments to what it has now: vcpus that were added, and CDs that were ejected. Adds a
 * note for each.
 */
void update_carry_changes(GStrv *args, const MonitorParts *parts, GPtrArray *notes);

/*
 * Whether the QEMU in standby has the same vcpus, PCI devices and drives as the guest's QEMU has
 * now. Otherwise the guest would lose devices, or get unplugged ones back.
 */
gboolean update_compare_parts(Update *update, GError **error);

/* The QEMU that serves the guest after the update is undone. */
const ProcessId *update_current(const Update *update);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Update, update_free)

#endif
