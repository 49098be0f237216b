/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the steps of an update forward, and backward when one fails, and keeps a journal. */
#include "update.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmp.h"

/*
 * Fault injection for tests: "kill:STEP" and "fail:STEP" act before a step, "killed:STEP" after
 * it, "unkill:STEP" before it is undone; "broken:STEP" makes undoing it fail.
 */
#define ENV_FAULT "XEN_PHYSMAP_FAULT"

#define UNDO_TRIES 3

/* How long to wait for libxl. */
#define LIBXL_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define LIBXL_POLL_US (50 * G_TIME_SPAN_MILLISECOND)

/* How long to wait for a domain that is paused, but not by this update. */
#define DESTROY_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define DESTROY_POLL_US (50 * G_TIME_SPAN_MILLISECOND)

static volatile sig_atomic_t interrupted;

void update_interrupt(void)
{
    interrupted++;
}

gint64 update_now(const Update *update)
{
    return update->ops->now(update->ops->opaque);
}

gboolean update_was_signalled(void)
{
    return interrupted > 0;
}

gboolean update_was_interrupted(Update *update, GError **error)
{
    if (interrupted == update->interrupts) {
        return FALSE;
    }
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "interrupted by a signal");
    return TRUE;
}

static gboolean stop_asking(gpointer data, GError **error)
{
    return update_was_interrupted(data, error);
}

gboolean update_should_stop(Update *update, GError **error)
{
    if (update_was_interrupted(update, error)) {
        return TRUE;
    }
    if (update_now(update) > update->deadline) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "it takes longer than the %d s of --timeout", update->timeout_s);
        return TRUE;
    }
    return FALSE;
}

gboolean update_look_node(const Update *update, const char *path, char **value, GError **error)
{
    XenPhysmapOps *xenstore = update->ops->xenstore;
    unsigned int length;
    char *found = xenstore->read(xenstore->opaque, 0, path, &length);

    *value = found ? g_strndup(found, length) : NULL;
    if (!found && errno != ENOENT) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't read %s in xenstore: %s", path, g_strerror(errno));
        return FALSE;
    }
    free(found);
    return TRUE;
}

char *update_read_node(const Update *update, const char *path)
{
    char *value;

    return update_look_node(update, path, &value, NULL) ? value : NULL;
}

gboolean update_write_node(const Update *update, const char *path, const char *value,
                           GError **error)
{
    XenPhysmapOps *xenstore = update->ops->xenstore;

    if (!xenstore->write(xenstore->opaque, 0, path, value, strlen(value))) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't write %s in xenstore: %s", path, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

gboolean update_is_connected(const Update *update, const char *backend, gboolean *connected,
                             GError **error)
{
    g_autofree char *frontend_node = g_strconcat(backend, "/frontend", NULL);
    g_autofree char *frontend = NULL, *state_node = NULL, *state = NULL;

    *connected = FALSE;
    if (!update_look_node(update, frontend_node, &frontend, error)) {
        return FALSE;
    }
    if (!frontend) {
        return TRUE;
    }
    state_node = g_strconcat(frontend, "/state", NULL);
    if (!update_look_node(update, state_node, &state, error)) {
        return FALSE;
    }
    /* XenbusStateInitialised and XenbusStateConnected. */
    *connected = g_strcmp0(state, "3") == 0 || g_strcmp0(state, "4") == 0;
    return TRUE;
}

gboolean update_is_carried(const char *backend)
{
    return strstr(backend, "/backend/vkbd/") || strstr(backend, "/backend/vfb/");
}

/* A disk's indices begin at 0 when it connects, so requests would be done twice. */
gboolean update_is_tied(const Update *update, const char *backend, gboolean *tied, GError **error)
{
    *tied = FALSE;
    return update_is_carried(backend) || update_is_connected(update, backend, tied, error);
}

gboolean update_is_empty(const Update *update, const char *backend, gboolean *empty, GError **error)
{
    g_autofree char *node = g_strconcat(backend, "/params", NULL);
    g_autofree char *params = NULL;

    if (!update_look_node(update, node, &params, error)) {
        return FALSE;
    }
    *empty = params && !strchr(params, ':');
    return TRUE;
}

/* The frontend of a console says who serves it: QEMU ("ioemu") or xenconsoled. */
static gboolean is_qemus(const Update *update, const char *path, gboolean *ours, GError **error)
{
    g_autofree char *frontend_node = g_strconcat(path, "/frontend", NULL);
    g_autofree char *frontend = NULL, *type_node = NULL, *type = NULL;

    *ours = TRUE;
    if (!strstr(path, "/backend/console/")) {
        return TRUE;
    }
    if (!update_look_node(update, frontend_node, &frontend, error)) {
        return FALSE;
    }
    type_node = g_strconcat(frontend ? frontend : path, "/type", NULL);
    if (!update_look_node(update, type_node, &type, error)) {
        return FALSE;
    }
    *ours = g_strcmp0(type, "ioemu") == 0;
    return TRUE;
}

static gboolean each_device(Update *update, const char *folder, UpdateBackendFunc func,
                            gpointer data, GError **error)
{
    XenPhysmapOps *xenstore = update->ops->xenstore;
    unsigned int num = 0;
    char **devices = xenstore->directory(xenstore->opaque, 0, folder, &num);
    gboolean done = TRUE;

    if (!devices && errno != ENOENT) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't read %s in xenstore: %s", folder, g_strerror(errno));
        return FALSE;
    }
    for (unsigned int i = 0; devices && done && i < num; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", folder, devices[i]);
        gboolean ours;

        done = is_qemus(update, path, &ours, error) && (!ours || func(update, path, data, error));
    }
    free(devices);
    return done;
}

gboolean update_each_backend(Update *update, UpdateBackendFunc func, gpointer data, GError **error)
{
    /* The kinds that QEMU can serve; of the consoles, those that aren't xenconsoled's. */
    static const char *const kinds[] = {
        "9pfs", "console", "qdisk", "qnic", "qusb", "vfb", "vkbd"
    };

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *folder =
            g_strdup_printf("/local/domain/0/backend/%s/%u", kinds[i], update->domain->domid);

        if (!each_device(update, folder, func, data, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static int take_lock(const UpdateOps *ops, guint32 domid, GError **error)
{
    g_autofree char *path = g_strdup_printf(UPDATE_FOLDER "/%u.lock", domid);
    int lock = ops->make_folder(ops->opaque, UPDATE_FOLDER) ? -1 : ops->lock(ops->opaque, path);

    if (lock < 0 && errno == EWOULDBLOCK) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "another update of domain %u is at work", domid);
    } else if (lock < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR,
                    errno == EACCES ? XEN_PHYSMAP_ERROR_ACCESS : XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't make %s: %s", path, g_strerror(errno));
    }
    return lock;
}

/* libxl takes it for a moment in almost everything that it does. */
static gboolean take_libxl_lock(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    const char *uuid = update->uuid ? strrchr(update->uuid, '/') : NULL;
    g_autofree char *path =
        g_strdup_printf(UPDATE_LIBXL_LOCK, update->domain->domid, uuid ? uuid + 1 : "");
    gint64 deadline = update_now(update) + LIBXL_TIMEOUT_US;

    while ((update->libxl_lock = ops->lock(ops->opaque, path)) < 0 && errno == EWOULDBLOCK) {
        if (update_was_interrupted(update, error)) {
            return FALSE;
        }
        if (update_now(update) > deadline) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                        "xl or libvirt changes the domain, and has its lock, %s", path);
            return FALSE;
        }
        ops->sleep(ops->opaque, LIBXL_POLL_US);
    }
    /* A toolstack that isn't libxl has no such folder. */
    if (update->libxl_lock < 0 && errno != ENOENT) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't lock %s: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

static void leave_libxl_lock(Update *update)
{
    if (update->libxl_lock >= 0) {
        update->ops->unlock(update->ops->opaque, update->libxl_lock);
        update->libxl_lock = -1;
    }
}

gboolean update_is_disturbed(const Update *update, GError **error)
{
    g_autofree char *who = update->ops->other_at_work(update->ops->opaque, update->domain->domid);

    if (who) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE, who);
    }
    return who != NULL;
}

Update *update_new(const UpdateOps *ops, Domain *domain, GError **error)
{
    g_autoptr(Update) update = g_new0(Update, 1);
    g_autofree char *node = g_strdup_printf("/local/domain/%u/vm", domain->domid);
    g_autofree char *folder = g_strdup_printf(UPDATE_FOLDER "/%u", domain->domid);

    update->ops = ops;
    update->domain = domain;
    update->notes = g_ptr_array_new_with_free_func(g_free);
    qmp_stop_when(stop_asking, update);
    update->held = (ProcessStart)PROCESS_START_NONE;
    update->libxl_lock = -1;
    update->interrupts = interrupted;
    update->lock = take_lock(ops, domain->domid, error);
    if (update->lock < 0) {
        return NULL;
    }
    if (!update_look_node(update, node, &update->uuid, error)) {
        return NULL;
    }
    if (ops->make_folder(ops->opaque, folder)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE, "can't make %s: %s",
                    folder, g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&update);
}

void update_free(Update *update)
{
    if (update) {
        const UpdateOps *ops = update->ops;

        qmp_stop_when(NULL, NULL);
        /*
         * A dry run and a refused one leave nothing behind. Without the lock, none of it is ours.
         */
        if (update->lock >= 0 && !update_is_unfinished(update)) {
            update_journal_remove(update, NULL);
        }
        g_free(update->uuid);
        process_free(update->old);
        g_free(update->old_program);
        g_free(update->new_program);
        g_strfreev(update->new_args);
        g_free(update->step);
        g_free(update->failed_step);
        g_free(update->reason);
        g_ptr_array_unref(update->notes);
        g_clear_pointer(&update->state, g_byte_array_unref);
        ops->process_let_go(ops->opaque, &update->held);
        leave_libxl_lock(update);
        if (update->lock >= 0) {
            ops->unlock(ops->opaque, update->lock);
        }
        g_free(update);
    }
}

static gboolean fault(const char *kind, const char *step)
{
    const char *wanted = getenv(ENV_FAULT);
    g_auto(GStrv) faults = wanted ? g_strsplit(wanted, ",", -1) : NULL;
    g_autofree char *this = g_strdup_printf("%s:%s", kind, step);

    if (!faults || !g_strv_contains((const char *const *)faults, this)) {
        return FALSE;
    }
    if (strstr(kind, "kill")) {
        raise(SIGKILL);
    }
    return TRUE;
}

static void say(const Update *update, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void say(const Update *update, const char *format, ...)
{
    g_autofree char *text = NULL, *line = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    line = g_strdup_printf("domain %u (%s): %s", update->domain->domid, update->domain->name, text);
    update->ops->tell(update->ops->opaque, line);
}

void update_tell(const Update *update, FILE *out)
{
    fprintf(out, "domain %u (%s): %s takes over from %s:\n", update->domain->domid,
            update->domain->name, update->new_program, update->old_program);
    for (const UpdateStep *step = update_steps; step->name; step++) {
        fprintf(out, "  %-8s %s\n", step->name, step->text);
    }
}

static gboolean enter(Update *update, const UpdateStep *step, GError **error)
{
    g_free(update->step);
    update->step = g_strdup(step->name);
    return update_journal_write(update, error);
}

static const UpdateStep *step_of(const char *name)
{
    const UpdateStep *step = update_steps;

    while (step->name && strcmp(step->name, name) != 0) {
        step++;
    }
    return step;
}

/* A failure, for example on a host under load, is tried again, because the guest is paused. */
static gboolean undo(Update *update, const UpdateStep *step, GError **error)
{
    for (guint try = 1; try < UNDO_TRIES; try++) {
        g_autoptr(GError) problem = NULL;

        if (step->undo(update, &problem)) {
            return TRUE;
        }
        if (update->lost || update_was_interrupted(update, NULL)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        say(update, "can't undo '%s' yet: %s", step->name, problem->message);
    }
    return step->undo(update, error);
}

/* Whether the domain was destroyed in the meantime. */
static gboolean is_gone(Update *update)
{
    gint64 deadline = update_now(update) + DESTROY_TIMEOUT_US;

    for (;;) {
        g_autoptr(GError) problem = NULL;
        IoreqInfo info;

        if (!ioreq_info(update->ops, update->domain->domid, &info, &problem)) {
            return g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND);
        }
        /* Xen keeps a destroyed domain as long as a QEMU has its pages mapped. */
        if (info.dying) {
            return TRUE;
        }
        /* xl destroy first pauses the domain, then ends the QEMU that it knows, then the domain. */
        leave_libxl_lock(update);
        if (!info.paused || update_now(update) > deadline || update_was_interrupted(update, NULL)) {
            return FALSE;
        }
        update->ops->sleep(update->ops->opaque, DESTROY_POLL_US);
    }
}

static gboolean is_alive(const Update *update, const ProcessId *id)
{
    return update->ops->process_is_alive(update->ops->opaque, id);
}

/* Removes what the QEMUs left, which is of no use any more. *error may already be set. */
static UpdateOutcome clear_away(Update *update, UpdateOutcome outcome,
                                gboolean (*clear)(Update *update, GError **error), GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (clear(update, &problem)) {
        return outcome;
    }
    g_clear_error(error);
    g_propagate_error(error, g_steal_pointer(&problem));
    return UPDATE_STUCK;
}

static UpdateOutcome abandon(Update *update, GError **error)
{
    return clear_away(update, UPDATE_GONE, update_abandon, error);
}

/* No QEMU serves the guest, and none can. */
static UpdateOutcome lose(Update *update, GError **error)
{
    g_autoptr(GError) problem = NULL;
    IoreqInfo info;

    /* If Xen can't be asked, nothing is certain. */
    if (ioreq_info(update->ops, update->domain->domid, &info, &problem)) {
        return clear_away(update, UPDATE_LOST, update_clear, error);
    }
    return g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND)
               ? abandon(update, error)
               : UPDATE_STUCK;
}

/* The update has ended, and this QEMU serves the guest. */
static UpdateOutcome conclude(Update *update, UpdateOutcome outcome, const ProcessId *serving,
                              GError **error)
{
    IoreqInfo info;

    if (is_gone(update)) {
        return abandon(update, error);
    }
    if (!is_alive(update, serving)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "its QEMU, process %d, ended by itself", (int)serving->pid);
        return lose(update, error);
    }
    if (!update_journal_remove(update, error)) {
        return UPDATE_STUCK;
    }
    /* Xen counts pauses, so somebody else's pause outlasts the update's own. */
    if (ioreq_info(update->ops, update->domain->domid, &info, NULL) && info.paused) {
        g_ptr_array_add(update->notes,
                        g_strdup("the guest is paused, by somebody else or by a new QEMU that was "
                                 "killed as it started; 'xl unpause' lets it run"));
    }
    return outcome;
}

char *update_left(const Update *update)
{
    g_autofree char *state = update_path(update, UPDATE_STATE_FILE);
    GString *text = g_string_new(NULL);
    IoreqInfo info;

    g_string_append(text, !ioreq_info(update->ops, update->domain->domid, &info, NULL)
                              ? "whether the guest runs can't be read"
                          : info.paused ? "the guest is paused"
                                        : "the guest runs");
    if (!update->old) {
        return g_string_free(text, FALSE);
    }
    if (is_alive(update, update_current(update))) {
        g_string_append_printf(text, "; its old QEMU is process %d",
                               (int)update_current(update)->pid);
    }
    if (is_alive(update, &update->taker)) {
        g_string_append_printf(text, "; the new one is process %d", (int)update->taker.pid);
    }
    if (update_is_saved(update)) {
        g_string_append_printf(text, "; the state of its devices is in %s", state);
    }
    return g_string_free(text, FALSE);
}

/* Undoes the steps from `step`, which may be half done, back to the first. */
static UpdateOutcome go_back(Update *update, const UpdateStep *step, GError **error)
{
    for (;; step--) {
        g_autoptr(GError) problem = NULL;
        gint64 since = update_now(update);

        update->back = TRUE;
        update->interrupts = interrupted;
        /* Even if the journal can't be written, for example on a full disk, going back is right. */
        if (!enter(update, step, &problem)) {
            say(update, "%s", problem->message);
            g_clear_error(&problem);
        }
        fault("unkill", step->name);
        if (fault("broken", step->name)) {
            g_set_error(&problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                        "made to fail by " ENV_FAULT);
        }
        if (problem || !undo(update, step, &problem)) {
            say(update, "can't undo '%s': %s", step->name, problem->message);
            g_propagate_error(error, g_steal_pointer(&problem));
            return is_gone(update) ? abandon(update, error)
                   : update->lost  ? lose(update, error)
                                   : UPDATE_STUCK;
        }
        say(update, "undone: %s (%" G_GINT64_FORMAT " ms)", step->text,
            (update_now(update) - since) / 1000);
        if (step == update_steps) {
            return conclude(update, UPDATE_BACK, update_current(update), error);
        }
    }
}

static void note_failure(Update *update, const UpdateStep *step, const char *reason)
{
    g_free(update->failed_step);
    g_free(update->reason);
    update->failed_step = g_strdup(step->name);
    update->reason = g_strdup(reason);
}

static gboolean act(Update *update, const UpdateStep *step, GError **error)
{
    gint64 since = update_now(update);
    gboolean may_stop = !update->pause_us;

    if (!enter(update, step, error)) {
        return FALSE;
    }
    fault("kill", step->name);
    if (fault("stop", step->name)) {
        raise(SIGSTOP);
    }
    if (fault("fail", step->name)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "made to fail by " ENV_FAULT);
        return FALSE;
    }
    if ((may_stop && update_should_stop(update, error)) || !step->act(update, error)) {
        return FALSE;
    }
    fault("killed", step->name);
    say(update, "%s (%" G_GINT64_FORMAT " ms)", step->text, (update_now(update) - since) / 1000);
    return TRUE;
}

/*
 * Whether the guest may have run on the new QEMU. In the step that unpauses it, only Xen knows,
 * since an earlier run may have been cut off there. FALSE when Xen can't be asked.
 */
static gboolean has_run(Update *update, const UpdateStep *step, gboolean *ran)
{
    const UpdateStep *commit = step_of(UPDATE_STEP_COMMIT);
    IoreqInfo info = { 0 };
    gboolean known = step != commit || ioreq_info(update->ops, update->domain->domid, &info, NULL);

    *ran = step > commit || (step == commit && !info.paused);
    return known;
}

/* Runs the steps from `first` to the end, or goes back. */
static UpdateOutcome go_forward(Update *update, const UpdateStep *first, GError **error)
{
    for (const UpdateStep *step = first; step->name; step++) {
        g_autoptr(GError) problem = NULL;
        gboolean known, ran;

        if (act(update, step, &problem)) {
            continue;
        }
        note_failure(update, step, problem->message);
        say(update, "failed to %s: %s", step->text, problem->message);
        known = has_run(update, step, &ran);
        if (known && !ran) {
            return go_back(update, step, error);
        }
        /* This step has failed before, and an administrator can set the consoles' nodes by hand. */
        if (update->resumed && strcmp(step->name, UPDATE_STEP_TIDY) == 0 &&
            is_alive(update, &update->taker)) {
            g_ptr_array_add(update->notes,
                            g_strdup_printf("xenstore doesn't name the new QEMU's consoles: %s",
                                            problem->message));
            continue;
        }
        g_propagate_error(error, g_steal_pointer(&problem));
        return is_gone(update)                              ? abandon(update, error)
               : !known || is_alive(update, &update->taker) ? UPDATE_STUCK
                                                            : lose(update, error);
    }
    return conclude(update, UPDATE_DONE, &update->taker, error);
}

UpdateOutcome update_run(Update *update, GError **error)
{
    g_autoptr(GError) problem = NULL;

    /* The domain was destroyed before the update began; nothing was touched. */
    if (!update->uuid) {
        return UPDATE_GONE;
    }
    update->deadline = update_now(update) + update->timeout_s * G_TIME_SPAN_SECOND;
    if (!take_libxl_lock(update, &problem)) {
        note_failure(update, update_steps, problem->message);
        return UPDATE_BACK;
    }
    return go_forward(update, update_steps, error);
}

UpdateOutcome update_resume(Update *update, GError **error)
{
    g_autofree char *uuid = g_strdup(update->uuid);
    const UpdateStep *step;

    if (!update_journal_read(update, error)) {
        return UPDATE_STUCK;
    }
    update->resumed = TRUE;
    step = step_of(update->step);
    if (g_strcmp0(uuid, update->uuid) != 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "the domain whose update was left unfinished is gone; its journal is removed");
        /* A later domain with the same domid has its own servers, sockets and nodes. */
        return clear_away(update, UPDATE_GONE, uuid ? update_leave : update_abandon, error);
    }
    update->deadline = update_now(update) + update->timeout_s * G_TIME_SPAN_SECOND;
    if (!update->back && step > step_of(UPDATE_STEP_START)) {
        say(update, "an update was cut off at '%s'; it is finished", step->name);
        return go_forward(update, step, error);
    }
    say(update, "an update was cut off at '%s'; it is undone", step->name);
    if (!update->reason) {
        note_failure(update, step, "the update was cut off");
    }
    return go_back(update, step, error);
}
