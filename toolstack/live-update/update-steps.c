/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of an update, each with its undo. */
#include "update.h"

#include <errno.h>
#include <string.h>

#include <xen-physmap/record.h>

#include "fail.h"
#include "monitor.h"
#include "names.h"

#define failed(error, ...) fail(error, XEN_PHYSMAP_ERROR_SYSTEM, __VA_ARGS__)

#define PTY_FOLDER "/dev/pts/"
#define PTY_MAX 9999999
#define HOST_MAX 255

/* Larger than any device state seen so far. */
#define STATE_MAX (64 * 1024 * 1024)

/* Nobody waits for this word. All that matters is that it isn't "running". */
#define DM_STATE_UPDATING "updating"
#define DM_STATE_RUNNING "running"

#define POLL_MS 2

/* Each look at xenstore takes processor time, of which QEMU needs all in a small dom0. */
#define RUNNING_POLL_US (15 * G_TIME_SPAN_MILLISECOND)

/* The time that the old QEMU gets to come back, whatever --timeout is. */
#define BACK_TIMEOUT_US (120 * G_TIME_SPAN_SECOND)

/* The time that a QEMU gets to end after it has closed its socket. */
#define ENDING_TIMEOUT_US (2 * G_TIME_SPAN_SECOND)
#define ENDING_POLL_US (10 * G_TIME_SPAN_MILLISECOND)

/* The time that a QEMU gets to set up a backend. */
#define ATTACH_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define ATTACH_POLL_US (5 * G_TIME_SPAN_MILLISECOND)

/* It takes a QEMU in standby microseconds, once it has a processor. */
#define PAUSING_TIMEOUT_US (5 * G_TIME_SPAN_SECOND)

static gboolean remove_nodes(const Update *update, const char *path, GError **error)
{
    XenPhysmapOps *xenstore = update->ops->xenstore;

    return xenstore->rm(xenstore->opaque, 0, path) || errno == ENOENT ||
           failed(error, "can't remove %s in xenstore: %s", path, g_strerror(errno));
}

/* Does something at the path of a socket: 0, or -1 with errno. */
typedef int (*SocketFunc)(const UpdateOps *ops, const char *path);

static gboolean at_socket(const Update *update, SocketFunc func, const char *path, GError **error)
{
    if (func(update->ops, path)) {
        g_autofree char *shown = xen_physmap_escape(path, -1);

        return failed(error, "can't change the socket %s: %s", shown, g_strerror(errno));
    }
    return TRUE;
}

/* Calls `func` for each path that QEMU listens on, by its arguments and the launcher's. */
static gboolean each_socket(const Update *update, SocketFunc func, GError **error)
{
    static const char *const words[] = { "path=", "unix:" };
    g_autoptr(GString) ours = g_string_new(QMP_SOCKET_FORMAT);
    g_autofree char *number = g_strdup_printf("%u", update->domain->domid);

    g_string_replace(ours, "%u", number, 1);
    if (!at_socket(update, func, ours->str, error)) {
        return FALSE;
    }
    for (guint i = 0; update->new_args[i]; i++) {
        for (guint j = 0; j < G_N_ELEMENTS(words); j++) {
            const char *value = strstr(update->new_args[i], words[j]);

            if (value) {
                g_autofree char *path = NULL;

                value += strlen(words[j]);
                path = g_strndup(value, strcspn(value, ","));
                if (!at_socket(update, func, path, error)) {
                    return FALSE;
                }
            }
        }
    }
    return TRUE;
}

/* The socket that a QEMU in standby listens on for this path; NULL when there is none. */
static char *next_socket(const UpdateOps *ops, const char *path)
{
    g_autofree char *next = g_strconcat(path, STANDBY_SUFFIX, NULL);

    return ops->is_socket(ops->opaque, next) ? g_steal_pointer(&next) : NULL;
}

/* Replaces the old QEMU's socket by the new one's. */
static int take_socket(const UpdateOps *ops, const char *path)
{
    g_autofree char *next = next_socket(ops, path);

    return next ? ops->rename(ops->opaque, next, path) : 0;
}

static int drop_socket(const UpdateOps *ops, const char *path)
{
    g_autofree char *next = next_socket(ops, path);

    return next ? ops->unlink(ops->opaque, next) : 0;
}

static int remove_socket(const UpdateOps *ops, const char *path)
{
    if (drop_socket(ops, path)) {
        return -1;
    }
    return ops->is_socket(ops->opaque, path) ? ops->unlink(ops->opaque, path) : 0;
}

/* Processes */

static gboolean is_alive(const Update *update, const ProcessId *id)
{
    return update->ops->process_is_alive(update->ops->opaque, id);
}

static gboolean end(const Update *update, const ProcessId *id, GError **error)
{
    return update->ops->process_end(update->ops->opaque, id, error);
}

/* The QEMU that serves the guest after an undo: the old process, or its program started again. */
const ProcessId *update_current(const Update *update)
{
    return update->returner.pid ? &update->returner : &update->old->id;
}

/* No QEMU can serve the guest any more, so going back ends here. */
static gboolean lose(Update *update, GError **error, const char *what)
{
    update->lost = TRUE;
    return failed(error, "%s", what);
}

/* prepare */

/* Marks a keyboard's or a framebuffer's backend as one that the new QEMU hasn't set up. */
static gboolean withhold_backend(Update *update, const char *path, gpointer data, GError **error)
{
    g_autofree char *status_node = g_strconcat(path, "/hotplug-status", NULL);

    (void)data;
    return !update_is_carried(path) || remove_nodes(update, status_node, error);
}

/*
 * A backend in QEMU has state 2 while it waits for the guest, and 4 while the guest is connected.
 * QEMU only sets up a backend whose state is 1, and then says so in hotplug-status. The new QEMU does
 * that beside the old one, but not for a keyboard or a framebuffer: the old QEMU holds the device's
 * event channel, and the new one would carry on without it. So these backends wait until the old QEMU
 * is gone (attach_backend); until then hotplug-status is missing.
 */
static gboolean begin_backend(Update *update, const char *path, gpointer data, GError **error)
{
    g_autofree char *node = g_strconcat(path, "/state", NULL);
    g_autofree char *state = NULL;
    gboolean empty;

    (void)data;
    if (update_is_carried(path)) {
        return withhold_backend(update, path, NULL, error);
    }
    if (!update_look_node(update, node, &state, error) ||
        !update_is_empty(update, path, &empty, error)) {
        return FALSE;
    }
    /* An empty drive is left alone: the old QEMU would look at it too, and crash. */
    return empty || (g_strcmp0(state, "2") != 0 && g_strcmp0(state, "4") != 0) ||
           update_write_node(update, node, "1", error);
}

/* The state that it has with the QEMU that goes on. */
static gboolean set_backend_up(Update *update, const char *path, gpointer data, GError **error)
{
    g_autofree char *node = g_strconcat(path, "/state", NULL);
    g_autofree char *status_node = g_strconcat(path, "/hotplug-status", NULL);
    g_autofree char *state = NULL;
    gboolean connected;

    (void)data;
    if (!update_look_node(update, node, &state, error) ||
        !update_is_connected(update, path, &connected, error)) {
        return FALSE;
    }
    if (update_is_carried(path)) {
        /* State 1: its QEMU hasn't set it up yet, but still will. */
        return !state || strcmp(state, "1") == 0 ||
               update_write_node(update, status_node, "connected", error);
    }
    if (connected && g_strcmp0(state, "2") == 0 && !update->returner.pid) {
        return update_write_node(update, node, "4", error);
    }
    return g_strcmp0(state, "1") != 0 ||
           update_write_node(update, node, connected ? "4" : "2", error);
}

/* QEMU looks at a backend again when a node below it is written, even with the same value. */
static gboolean poke_backend(Update *update, const char *path, GError **error)
{
    g_autofree char *node = g_strconcat(path, "/frontend-id", NULL);
    g_autofree char *value = NULL;

    return update_look_node(update, node, &value, error) &&
           (!value || update_write_node(update, node, value, error));
}

/* Gives a backend to the QEMU that serves the guest now. The one before is gone. */
static gboolean attach_backend(Update *update, const char *path, gpointer data, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autofree char *node = g_strconcat(path, "/state", NULL);
    g_autofree char *status_node = g_strconcat(path, "/hotplug-status", NULL);
    gint64 deadline = update_now(update) + ATTACH_TIMEOUT_US;

    (void)data;
    if (!update_is_carried(path)) {
        return poke_backend(update, path, error);
    }
    for (gboolean asked = FALSE;; asked = TRUE) {
        g_autofree char *state = NULL, *status = NULL;

        /* QEMU writes hotplug-status before the state, so they are read in the other order. */
        if (!update_look_node(update, node, &state, error) ||
            !update_look_node(update, status_node, &status, error)) {
            return FALSE;
        }
        if (status || !state) {
            return TRUE;
        }
        if (!asked && strcmp(state, "1") != 0 && !update_write_node(update, node, "1", error)) {
            return FALSE;
        }
        if (update_now(update) > deadline) {
            g_ptr_array_add(update->notes, g_strdup_printf("QEMU hasn't set up %s yet", path));
            return TRUE;
        }
        ops->sleep(ops->opaque, ATTACH_POLL_US);
    }
}

/*
 * Ends the new QEMU, but not while it has the guest paused (standby.c): the guest would stay paused.
 * One that doesn't let the guest run again is ended all the same.
 */
static gboolean kill_taker(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autofree char *path = g_strdup_printf(STANDBY_LOCK_FORMAT, update->domain->domid);
    gint64 deadline = update_now(update) + PAUSING_TIMEOUT_US;
    gboolean ended;
    int lock;

    if (!is_alive(update, &update->taker)) {
        return TRUE;
    }
    /* If the lock can't be had, one that isn't stuck has let the guest run again by the deadline. */
    while ((lock = ops->lock(ops->opaque, path)) < 0 && update_now(update) < deadline) {
        ops->sleep(ops->opaque, ENDING_POLL_US);
    }
    ended = end(update, &update->taker, error);
    if (lock >= 0) {
        ops->unlock(ops->opaque, lock);
    }
    return ended;
}

/* A QEMU that is killed can't remove its server from Xen. */
static gboolean end_taker(Update *update, GError **error)
{
    update->ops->process_let_go(update->ops->opaque, &update->held);
    return kill_taker(update, error) &&
           ioreq_destroy_servers(update->ops, update->domain->domid,
                                 ~(update->servers | update->spent), error);
}

static gboolean unprepare(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, UPDATE_STATE_FILE);

    update->ops->unlink(update->ops->opaque, path);
    /* Not in unpause_old: trying that again would unpause once more, and undo somebody else's pause. */
    if (!ioreq_retire_servers(update->ops, update->domain->domid, update->spent, error) ||
        !end_taker(update, error)) {
        return FALSE;
    }
    return each_socket(update, drop_socket, error) &&
           update_each_backend(update, set_backend_up, NULL, error);
}

/* --timeout limits the way forward, `deadline` the way back. */
static gboolean is_over(Update *update, gboolean forward, gint64 deadline, const char *what,
                        GError **error)
{
    if (forward) {
        return update_should_stop(update, error);
    }
    if (update_was_interrupted(update, error)) {
        return TRUE;
    }
    return update_now(update) > deadline && !failed(error, "%s", what);
}

static gboolean await_held(Update *update, gboolean forward, GError **error)
{
    const UpdateOps *ops = update->ops;
    gint64 deadline = update_now(update) + BACK_TIMEOUT_US;

    while (!ops->process_is_held(ops->opaque, &update->held, POLL_MS)) {
        /* How it ended is only known when it has ended. */
        gboolean alive = is_alive(update, &update->held.id);
        g_autofree char *ending = ops->process_ending(ops->opaque, &update->held.id);

        if (ending || !alive) {
            return failed(error, "QEMU %s before it was set up", ending ? ending : "ended");
        }
        if (is_over(update, forward, deadline, "QEMU doesn't start", error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * Starts a QEMU beside the one that serves the guest, and waits until it is set up. QEMU waits
 * until its pid is in the journal. Otherwise --resume wouldn't know of it, and its I/O request
 * server would be left behind.
 */
static gboolean hold_qemu(Update *update, const char *program, GStrv args, gboolean forward,
                          GError **error)
{
    const UpdateOps *ops = update->ops;

    update->fed = 0;
    if (!ops->process_prepare(ops->opaque, update->old, program, args, &update->held, error)) {
        return FALSE;
    }
    update->taker = update->held.id;
    return update_journal_write(update, error) &&
           ops->process_begin(ops->opaque, &update->held, error) &&
           await_held(update, forward, error);
}

/* How the QEMU on trial ended, in words; NULL when it is still there after a while. */
static char *await_ending(Update *update)
{
    const UpdateOps *ops = update->ops;
    gint64 deadline = update_now(update) + ENDING_TIMEOUT_US;

    /* Its socket is closed before it has ended, and a crash may write a core file in between. */
    while (is_alive(update, &update->held.id) && update_now(update) < deadline) {
        ops->sleep(ops->opaque, ENDING_POLL_US);
    }
    return ops->process_ending(ops->opaque, &update->held.id);
}

/* QEMU may crash when it saves a device's state. Better this one, which doesn't serve a guest yet. */
static gboolean try_save(Update *update, const char *which, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autoptr(GError) problem = NULL;
    g_autofree char *ending = NULL;

    if (ops->monitor_try_save(ops->opaque, update->domain->domid, STATE_MAX, &problem)) {
        return TRUE;
    }
    if (update_should_stop(update, error)) {
        return FALSE;
    }
    ending = await_ending(update);
    return failed(error,
                  "on trial, the %s program with the guest's devices %s%s; remove the device that "
                  "does this, or shut the guest down and start it again",
                  which, ending ? ending : "can't save their state: ",
                  ending ? " when it saved their state" : problem->message);
}

/* A QEMU of this program beside the one that serves the guest, with --timeout for itself. */
static gboolean hold_beside(Update *update, const char *program, GStrv args, GError **error)
{
    update->deadline = update_now(update) + update->timeout_s * G_TIME_SPAN_SECOND;
    return update_each_backend(update, begin_backend, NULL, error) &&
           hold_qemu(update, program, args, TRUE, error);
}

static gboolean drop_held(Update *update, GError **error)
{
    return end_taker(update, error) && each_socket(update, drop_socket, error);
}

/*
 * Whether the old program survives what the old QEMU will be asked for. The new QEMU's own trial shows
 * that too, if it has the same program and arguments.
 */
static gboolean try_old(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;

    if (!update->args_set &&
        ops->process_runs(ops->opaque, &update->old->id, update->new_program)) {
        return TRUE;
    }
    if (!hold_beside(update, update->old_program, update->old->args, error)) {
        g_prefix_error(error, "the old program, on trial: ");
        return FALSE;
    }
    return try_save(update, "old", error) && drop_held(update, error);
}

/*
 * This takes nearly all of the time that QEMU needs to start. The guest runs on the old QEMU. What
 * it changes meanwhile is found at the end, in the QEMU that takes over.
 */
static gboolean prepare(Update *update, GError **error)
{
    return try_old(update, error) &&
           hold_beside(update, update->new_program, update->new_args, error) &&
           try_save(update, "new", error) && update_compare_parts(update, error);
}

/* pause */

static gboolean should_give_up(gpointer data, GError **error)
{
    return update_should_stop(data, error);
}

/* The preflight looked for this too, but the guest may have connected since then. */
static gboolean refuse_tied(Update *update, const char *path, gpointer data, GError **error)
{
    gboolean tied;

    (void)data;
    return update_is_tied(update, path, &tied, error) &&
           (!tied ||
            fail(error, XEN_PHYSMAP_ERROR_INVALID,
                 "meanwhile the guest connected to %s, which QEMU itself serves; xl save and "
                 "xl restore, or xl migrate, give it a new QEMU too",
                 path));
}

static gboolean pause_guest(Update *update, GError **error)
{
    update->paused_at = update_now(update);
    update->deadline = update->paused_at + update->timeout_s * G_TIME_SPAN_SECOND;
    return !update_is_disturbed(update, error) &&
           ioreq_quiesce(update->ops, update->domain->domid, update->servers, should_give_up,
                         update, error) &&
           update_each_backend(update, refuse_tied, NULL, error);
}

static gboolean let_run(Update *update, GError **error)
{
    if (!ioreq_unpause(update->ops, update->domain->domid, error)) {
        return FALSE;
    }
    if (update->paused_at) {
        update->pause_us = update_now(update) - update->paused_at;
    }
    return TRUE;
}

/* On the new QEMU. */
static gboolean unpause_new(Update *update, GError **error)
{
    IoreqInfo info;

    if (!ioreq_info(update->ops, update->domain->domid, &info, error)) {
        return FALSE;
    }
    /* The old QEMU logged its writes to the guest's memory. The new one doesn't. */
    if (info.paused && update_is_disturbed(update, error)) {
        return FALSE;
    }
    if (info.paused && !is_alive(update, &update->taker)) {
        return failed(error, "its QEMU ended");
    }
    return !info.paused || let_run(update, error);
}

/* save */

static gboolean save_state(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autofree char *path = update_path(update, UPDATE_STATE_FILE);

    g_clear_pointer(&update->state, g_byte_array_unref);
    update->state = g_byte_array_new();
    if (!ops->monitor_save(ops->opaque, update->domain->domid, update->state, STATE_MAX, error)) {
        g_clear_pointer(&update->state, g_byte_array_unref);
        return FALSE;
    }
    if (ops->write_file(ops->opaque, path, update->state->data, update->state->len)) {
        return failed(error, "can't write %s: %s", path, g_strerror(errno));
    }
    return TRUE;
}

static gboolean load_state(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, UPDATE_STATE_FILE);
    gsize length;
    char *data;

    if (update->state) {
        return TRUE;
    }
    if (!(data = update->ops->read_file(update->ops->opaque, path, &length))) {
        return failed(error, "can't read %s: %s", path, g_strerror(errno));
    }
    update->state = g_byte_array_new_take((guint8 *)data, length);
    return TRUE;
}

/* start */

static char *dm_state_node(const Update *update)
{
    return g_strdup_printf("/local/domain/%u/device-model/%u/state", update->domain->dm_domid,
                           update->domain->domid);
}

/* What libxl knows of a QEMU: xl destroy ends the process with this pid. */
static gboolean name_qemu(Update *update, const ProcessId *id, const char *state, GError **error)
{
    g_autofree char *node = dm_state_node(update);
    g_autofree char *pid_node =
        g_strdup_printf("/local/domain/%u/image/device-model-pid", update->domain->domid);
    g_autofree char *pid = g_strdup_printf("%d", (int)id->pid);

    return update_write_node(update, pid_node, pid, error) &&
           update_write_node(update, node, state, error);
}

/*
 * Writes the state to the QEMU that was let go, and waits until it reports that it is running. It
 * does so only when it has passed the gate.
 */
static gboolean await_running(Update *update, const ProcessId *id, gboolean forward, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autofree char *node = dm_state_node(update);
    gint64 deadline = update_now(update) + BACK_TIMEOUT_US;

    for (;;) {
        g_autoptr(GError) problem = NULL;
        g_autofree char *state = NULL;
        g_autofree char *ending = NULL;
        gboolean alive = is_alive(update, id);
        gboolean fed =
            update->held.state < 0 ||
            ops->process_feed(ops->opaque, &update->held, update->state, &update->fed, &problem);

        state = update_read_node(update, node);
        if (fed && g_strcmp0(state, DM_STATE_RUNNING) == 0) {
            return TRUE;
        }
        ending = ops->process_ending(ops->opaque, id);
        if (ending || !alive) {
            return failed(error, "QEMU %s before it took the guest over",
                          ending ? ending : "ended");
        }
        if (!fed) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        if (is_over(update, forward, deadline, "QEMU doesn't report to run", error)) {
            return FALSE;
        }
        ops->sleep(ops->opaque, RUNNING_POLL_US);
    }
}

/* Lets the QEMU in standby take the guest over. */
static gboolean let_go(Update *update, const ProcessId *id, gboolean forward, GError **error)
{
    return load_state(update, error) && name_qemu(update, id, DM_STATE_UPDATING, error) &&
           update->ops->process_go(update->ops->opaque, &update->held, error) &&
           await_running(update, id, forward, error);
}

static gboolean start_new(Update *update, GError **error)
{
    return let_go(update, &update->taker, TRUE, error);
}

static gboolean end_new(Update *update, GError **error)
{
    g_autofree char *vm_node = g_strdup_printf("/local/domain/%u/vm", update->domain->domid);
    g_autofree char *vm = NULL;
    IoreqInfo info;

    if (!ioreq_info(update->ops, update->domain->domid, &info, error) ||
        !update_look_node(update, vm_node, &vm, error)) {
        return FALSE;
    }
    /*
     * If the domain was destroyed, a write would create its nodes again. libxl removes them first,
     * and then waits for its lock, which we hold.
     */
    if (info.dying || !vm) {
        return failed(error, "it was destroyed");
    }
    return end_taker(update, error) &&
           name_qemu(update, update_current(update), DM_STATE_RUNNING, error);
}

static gboolean end_current(Update *update, GError **error)
{
    return end(update, &update->returner, error) && end(update, &update->old->id, error);
}

/* Prepares for the old program: its process is gone, but its server may still exist. */
static gboolean clear_old(Update *update, GError **error)
{
    guint32 domid = update->domain->domid;
    guint there;

    /* An earlier attempt may have been cut off half-way. */
    update->ops->process_let_go(update->ops->opaque, &update->held);
    if (!kill_taker(update, error) || !end_current(update, error) ||
        !ioreq_servers(update->ops, domid, &there, error)) {
        return FALSE;
    }
    /*
     * The first process's server, if it left one: a vcpu may still have to take an answer from it.
     */
    if (!update->spent) {
        update->spent = update->servers;
    }
    update->spent &= there;
    return ioreq_destroy_servers(update->ops, domid, ~update->spent, error) &&
           ioreq_switch_off(update->ops, domid, update->spent, error);
}

/* Starts the old program on the saved state, when its process is gone. */
static gboolean restart_old(Update *update, GError **error)
{
    guint there;

    if (!clear_old(update, error) || !update_each_backend(update, begin_backend, NULL, error)) {
        return FALSE;
    }
    /* It may have to be killed before it takes over, so record its pid and its server first. */
    if (!hold_qemu(update, update->old_program, update->old->args, FALSE, error) ||
        !ioreq_servers(update->ops, update->domain->domid, &there, error)) {
        return FALSE;
    }
    update->returner = update->taker;
    update->taker = (ProcessId){ 0 };
    update->servers = there & ~update->spent;
    return update_journal_write(update, error) && let_go(update, &update->returner, FALSE, error);
}

/* Makes the old QEMU, or its program on the saved state, ready to serve the guest. */
static gboolean go_on(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    guint32 domid = update->domain->domid;
    gboolean running;

    /* It may have crashed in the meantime. */
    if (!is_alive(update, update_current(update))) {
        if (!update->state && !update_is_saved(update)) {
            return lose(update, error, "the old QEMU ended before its device state was saved");
        }
        if (!restart_old(update, error)) {
            return FALSE;
        }
    }
    if (update->returner.pid) {
        /* An earlier run may have started it and been cut off. */
        if (!await_running(update, &update->returner, FALSE, error) ||
            !each_socket(update, take_socket, error) ||
            !update_each_backend(update, attach_backend, NULL, error)) {
            return FALSE;
        }
    }
    return ops->monitor_running(ops->opaque, domid, &running, error) &&
           (running || ops->monitor_cont(ops->opaque, domid, error));
}

/* end: ends the old QEMU, which is stopped; the new one has its images open */

/* Whether only this guest has the user that its QEMU became, according to libxl. */
static gboolean has_own_user(Update *update)
{
    g_autofree char *node =
        g_strdup_printf("/local/domain/%u/image/device-model-kill-uid", update->domain->domid);
    g_autofree char *text = update_read_node(update, node);
    guint64 user;

    return text && g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT32, &user, NULL) &&
           user == update->old->uid;
}

static gboolean end_old(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;

    /* The guest may have connected its keyboard anew, and the old QEMU may have set it up again. */
    return end(update, &update->returner, error) &&
           (!is_alive(update, &update->old->id) ||
            update_each_backend(update, withhold_backend, NULL, error)) &&
           ops->process_end_all(ops->opaque, &update->old->id, update->old->uid,
                                has_own_user(update), &update->taker, update->notes, error) &&
           each_socket(update, take_socket, error) &&
           update_each_backend(update, attach_backend, NULL, error);
}

/* tidy: updates what libxl knows of a QEMU. QEMU tells it, so its form is checked. */

static gboolean tidy_serials(Update *update, const ProcessId *id, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autoptr(GPtrArray) ptys = ops->monitor_serial_ptys(ops->opaque, update->domain->domid, error);

    for (guint i = 0; ptys && i < ptys->len; i++) {
        const char *pty = g_ptr_array_index(ptys, i);
        g_autofree char *node =
            g_strdup_printf("/local/domain/%u/serial/%u/tty", update->domain->domid, i);
        guint64 number;

        if (!*pty) {
            continue;
        }
        if (!g_str_has_prefix(pty, PTY_FOLDER) ||
            !g_ascii_string_to_unsigned(pty + strlen(PTY_FOLDER), 10, 0, PTY_MAX, &number, NULL) ||
            !ops->process_has_pty(ops->opaque, id, number)) {
            g_autofree char *shown = xen_physmap_escape(pty, -1);

            return failed(error,
                          "QEMU names '%s' for serial port %u, no pseudo-terminal of its own",
                          shown, i);
        }
        if (!update_write_node(update, node, pty, error)) {
            return FALSE;
        }
    }
    return ptys != NULL;
}

/* A numeric address or a host name. */
static gboolean is_host(const char *text)
{
    return *text && strlen(text) <= HOST_MAX &&
           text[strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".:-_%")] == '\0';
}

static gboolean tidy_vnc(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autoptr(MonitorVnc) vnc = ops->monitor_vnc(ops->opaque, update->domain->domid, error);
    g_autofree char *base = g_strdup_printf("/local/domain/%u", update->domain->domid);
    g_autofree char *listen = g_strconcat(base, "/console/vnc-listen", NULL);
    g_autofree char *port = g_strconcat(base, "/console/vnc-port", NULL);
    g_autofree char *vm_node = g_strconcat(base, "/vm", NULL);
    g_autofree char *vm = update_read_node(update, vm_node);
    g_autofree char *password_node = g_strconcat(vm ? vm : "", "/vncpasswd", NULL);
    g_autofree char *password = vm ? update_read_node(update, password_node) : NULL;

    if (!vnc) {
        return FALSE;
    }
    if (!vnc->host || !vnc->service) {
        return TRUE;
    }
    if (!is_host(vnc->host) ||
        !g_ascii_string_to_unsigned(vnc->service, 10, 1, G_MAXUINT16, NULL, NULL)) {
        g_autofree char *host = xen_physmap_escape(vnc->host, -1);
        g_autofree char *service = xen_physmap_escape(vnc->service, -1);

        return failed(error,
                      "QEMU says that VNC listens at '%s', port '%s', which is not an address",
                      host, service);
    }
    /* libxl sets the password through QEMU's monitor, not by an argument. */
    return update_write_node(update, listen, vnc->host, error) &&
           update_write_node(update, port, vnc->service, error) &&
           (!password || !*password ||
            ops->monitor_set_vnc_password(ops->opaque, update->domain->domid, password, error));
}

static gboolean tidy_after(Update *update, const ProcessId *id, GError **error)
{
    return tidy_serials(update, id, error) && tidy_vnc(update, error);
}

static gboolean tidy(Update *update, GError **error)
{
    return tidy_after(update, &update->taker, error);
}

/* retire */

static gboolean retire_servers(Update *update, GError **error)
{
    return ioreq_retire_servers(update->ops, update->domain->domid, update->servers, error);
}

/* FALSE: the old QEMU was never asked to stop, so there is nothing to resume or wait for. */
static gboolean was_stopped(const Update *update)
{
    return update->returner.pid || update->state || update_is_saved(update) ||
           !is_alive(update, update_current(update));
}

/* On the way back: from here on the guest runs, and the saved state is out of date. */
static gboolean unpause_old(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, UPDATE_STATE_FILE);
    g_autoptr(GError) problem = NULL;
    IoreqInfo info;

    if (!ioreq_info(update->ops, update->domain->domid, &info, error) ||
        (info.paused && was_stopped(update) && !go_on(update, error))) {
        return FALSE;
    }
    if (info.paused) {
        update->ops->unlink(update->ops->opaque, path);
        if (!let_run(update, error)) {
            return FALSE;
        }
    }
    g_clear_pointer(&update->state, g_byte_array_unref);
    if (update->returner.pid && !tidy_after(update, &update->returner, &problem)) {
        g_ptr_array_add(update->notes, g_strdup(problem->message));
    }
    return TRUE;
}

static gboolean nothing(Update *update, GError **error)
{
    (void)update;
    (void)error;
    return TRUE;
}

static gboolean end_processes(Update *update, GError **error)
{
    update->ops->process_let_go(update->ops->opaque, &update->held);
    return kill_taker(update, error) && end_current(update, error);
}

gboolean update_leave(Update *update, GError **error)
{
    return end_processes(update, error) && update_journal_remove(update, error);
}

gboolean update_clear(Update *update, GError **error)
{
    return end_processes(update, error) &&
           ioreq_destroy_servers(update->ops, update->domain->domid, ~0u, error) &&
           each_socket(update, remove_socket, error) && update_journal_remove(update, error);
}

gboolean update_abandon(Update *update, GError **error)
{
    g_autofree char *own = g_strdup_printf("/local/domain/%u", update->domain->domid);
    g_autofree char *folder = g_strdup_printf("/local/domain/%u/device-model/%u",
                                              update->domain->dm_domid, update->domain->domid);

    /* libxl has removed these nodes, but a QEMU or this update may have written there since. */
    return end_processes(update, error) && remove_nodes(update, own, error) &&
           remove_nodes(update, folder, error) && update_clear(update, error);
}

const UpdateStep update_steps[] = {
    { "prepare", "start the new QEMU beside the old one, and hold it", prepare, unprepare },
    { "pause", "pause the vcpus, and have their I/O requests answered", pause_guest, unpause_old },
    { "save", "stop the old QEMU and save its device state", save_state, go_on },
    { UPDATE_STEP_START, "let the new QEMU take over, through the gate", start_new, end_new },
    { UPDATE_STEP_COMMIT, "let the guest run", unpause_new, nothing },
    { "end", "end the old QEMU", end_old, nothing },
    { UPDATE_STEP_TIDY, "tell libxl of the new QEMU's consoles", tidy, nothing },
    { "retire", "remove the old QEMU's I/O request server", retire_servers, nothing },
    { 0 },
};
