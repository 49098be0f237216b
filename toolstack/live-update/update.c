/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the steps of an update forward, and back when one fails, with a journal all the way. */
#include "update.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "qmp.h"

/*
 * Fault injection for tests: "kill:STEP" and "fail:STEP" act before a step, "killed:STEP" behind
 * it, "unkill:STEP" before it is undone; "broken:STEP" makes undoing it fail.
 */
#define ENV_FAULT "XEN_PHYSMAP_FAULT"

#define UNDO_TRIES 3

/* How long a domain is waited for that is paused though we don't pause it. */
#define DESTROY_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define DESTROY_POLL_US (50 * G_TIME_SPAN_MILLISECOND)

static volatile sig_atomic_t interrupted;

void update_interrupt(void)
{
    interrupted = 1;
}

static gboolean was_interrupted(gpointer unused, GError **error)
{
    (void)unused;
    if (interrupted) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "interrupted by a signal");
    }
    return interrupted;
}

gboolean update_should_stop(Update *update, GError **error)
{
    if (was_interrupted(NULL, error)) {
        return TRUE;
    }
    if (g_get_monotonic_time() > update->deadline) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "it takes longer than the %d s of --timeout", update->timeout_s);
        return TRUE;
    }
    return FALSE;
}

char *update_read_node(const Update *update, const char *path)
{
    unsigned int length;
    char *found = update->ops->read(update->ops->opaque, 0, path, &length);
    char *value = found ? g_strndup(found, length) : NULL;

    free(found);
    return value;
}

gboolean update_write_node(const Update *update, const char *path, const char *value,
                           GError **error)
{
    if (!update->ops->write(update->ops->opaque, 0, path, value, strlen(value))) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't write %s in xenstore: %s", path, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

static void each_device(Update *update, const char *folder, UpdateBackendFunc func, gpointer data)
{
    unsigned int num = 0;
    char **devices = update->ops->directory(update->ops->opaque, 0, folder, &num);

    for (unsigned int i = 0; devices && i < num; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", folder, devices[i]);

        func(update, path, data);
    }
    free(devices);
}

void update_each_backend(Update *update, UpdateBackendFunc func, gpointer data)
{
    /* The kinds that QEMU can serve. Consoles are xenconsoled's, but for those of stub domains. */
    static const char *const kinds[] = { "9pfs", "qdisk", "qnic", "qusb", "vfb", "vkbd" };

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *folder =
            g_strdup_printf("/local/domain/0/backend/%s/%u", kinds[i], update->domain->domid);

        each_device(update, folder, func, data);
    }
}

static int take_lock(guint32 domid, GError **error)
{
    g_autofree char *path = g_strdup_printf(UPDATE_FOLDER "/%u.lock", domid);
    int fd;

    g_mkdir_with_parents(UPDATE_FOLDER, 0700);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR,
                    errno == EACCES ? XEN_PHYSMAP_ERROR_ACCESS : XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't make %s: %s", path, g_strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "another update of domain %u is at work", domid);
        close(fd);
        return -1;
    }
    return fd;
}

Update *update_new(XenPhysmapOps *ops, Domain *domain, GError **error)
{
    g_autoptr(Update) update = g_new0(Update, 1);
    g_autofree char *node = g_strdup_printf("/local/domain/%u/vm", domain->domid);
    g_autofree char *folder = g_strdup_printf(UPDATE_FOLDER "/%u", domain->domid);

    update->ops = ops;
    update->domain = domain;
    update->notes = g_ptr_array_new_with_free_func(g_free);
    update->held.hold = -1;
    qmp_stop_when(was_interrupted, NULL);
    update->lock = take_lock(domain->domid, error);
    if (update->lock < 0 || !(update->control = ioreq_open(domain->domid, error))) {
        return NULL;
    }
    update->uuid = update_read_node(update, node);
    if (g_mkdir(folder, 0700) && errno != EEXIST) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE, "can't make %s: %s",
                    folder, g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&update);
}

void update_free(Update *update)
{
    if (update) {
        /* A dry run, or one that was refused, leaves nothing; and without its lock, nothing is ours. */
        if (update->lock >= 0 && !update_is_unfinished(update)) {
            update_journal_remove(update);
        }
        ioreq_close(update->control);
        g_free(update->uuid);
        process_free(update->old);
        g_free(update->old_program);
        g_free(update->new_program);
        g_strfreev(update->new_args);
        g_free(update->step);
        g_free(update->failed_step);
        g_free(update->reason);
        g_ptr_array_unref(update->notes);
        if (update->held.hold >= 0) {
            close(update->held.hold);
        }
        if (update->lock >= 0) {
            close(update->lock);
        }
        g_free(update);
    }
}

static gboolean fault(const char *kind, const char *step)
{
    const char *wanted = getenv(ENV_FAULT);
    g_auto(GStrv) part = wanted ? g_strsplit(wanted, ":", 2) : NULL;

    if (!part || g_strv_length(part) != 2 || strcmp(part[0], kind) != 0 ||
        strcmp(part[1], step) != 0) {
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
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "domain %u (%s): %s\n", update->domain->domid, update->domain->name, text);
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

/* What fails once, on a host under load say, is tried again: a paused guest is worth it. */
static gboolean undo(Update *update, const UpdateStep *step, GError **error)
{
    for (guint try = 1; try < UNDO_TRIES; try++) {
        g_autoptr(GError) problem = NULL;

        if (step->undo(update, &problem)) {
            return TRUE;
        }
        say(update, "can't undo '%s' yet: %s", step->name, problem->message);
    }
    return step->undo(update, error);
}

/* Whether the domain was destroyed meanwhile; then the QEMUs that it had are of no use. */
static gboolean is_gone(Update *update)
{
    gint64 deadline = g_get_monotonic_time() + DESTROY_TIMEOUT_US;

    for (;;) {
        g_autoptr(GError) problem = NULL;
        IoreqInfo info;

        if (!ioreq_info(update->control, &info, &problem)) {
            if (!g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND)) {
                return FALSE;
            }
            break;
        }
        /* Xen keeps what is left of it for as long as a QEMU has its pages. */
        if (info.dying) {
            break;
        }
        /* xl destroy pauses it first, then ends the QEMU that it knows, and then the domain. */
        if (!info.paused || g_get_monotonic_time() > deadline) {
            return FALSE;
        }
        g_usleep(DESTROY_POLL_US);
    }
    update_abandon(update);
    return TRUE;
}

/* The update came to its end. The guest runs now, unless it is said that it doesn't. */
static UpdateOutcome conclude(Update *update, UpdateOutcome outcome)
{
    IoreqInfo info;

    update_journal_remove(update);
    if (is_gone(update)) {
        return UPDATE_GONE;
    }
    /* Pauses are counted, so another's outlasts the update's own. */
    if (ioreq_info(update->control, &info, NULL) && info.paused) {
        g_ptr_array_add(update->notes,
                        g_strdup("the guest is paused, by somebody else or by a new QEMU that was "
                                 "killed as it started; 'xl unpause' lets it run"));
    }
    return outcome;
}

/* From `step`, which may have happened half, to the first. */
static UpdateOutcome go_back(Update *update, const UpdateStep *step, GError **error)
{
    /* The signal is why; what is left to be done is done. */
    qmp_stop_when(NULL, NULL);
    for (;; step--) {
        g_autoptr(GError) problem = NULL;
        gint64 since = g_get_monotonic_time();

        update->back = TRUE;
        /* Without a journal, say when the disk is full, going back is still right. */
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
            return is_gone(update) ? UPDATE_GONE : UPDATE_STUCK;
        }
        say(update, "undone: %s (%" G_GINT64_FORMAT " ms)", step->text,
            (g_get_monotonic_time() - since) / 1000);
        if (step == update_steps) {
            return conclude(update, UPDATE_BACK);
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
    gint64 since = g_get_monotonic_time();
    gboolean may_stop = !update->pause_us;

    if (!enter(update, step, error)) {
        return FALSE;
    }
    fault("kill", step->name);
    if (fault("fail", step->name)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "made to fail by " ENV_FAULT);
        return FALSE;
    }
    if ((may_stop && update_should_stop(update, error)) || !step->act(update, error)) {
        return FALSE;
    }
    fault("killed", step->name);
    say(update, "%s (%" G_GINT64_FORMAT " ms)", step->text,
        (g_get_monotonic_time() - since) / 1000);
    return TRUE;
}

/*
 * Whether the guest hasn't run on the new QEMU yet. At the step that lets it, which may be one that
 * an earlier run was cut off behind, only Xen knows; who can't ask it doesn't go back.
 */
static gboolean may_go_back(Update *update, const UpdateStep *step)
{
    const UpdateStep *commit = step_of(UPDATE_STEP_COMMIT);
    IoreqInfo info;

    return step < commit ||
           (step == commit && ioreq_info(update->control, &info, NULL) && info.paused);
}

/* From `first` to the end, or back. */
static UpdateOutcome go_forward(Update *update, const UpdateStep *first, GError **error)
{
    for (const UpdateStep *step = first; step->name; step++) {
        g_autoptr(GError) problem = NULL;

        if (act(update, step, &problem)) {
            continue;
        }
        note_failure(update, step, problem->message);
        say(update, "failed to %s: %s", step->text, problem->message);
        if (may_go_back(update, step)) {
            return go_back(update, step, error);
        }
        g_propagate_error(error, g_steal_pointer(&problem));
        return is_gone(update) ? UPDATE_GONE : UPDATE_STUCK;
    }
    return conclude(update, UPDATE_DONE);
}

UpdateOutcome update_run(Update *update, GError **error)
{
    update->deadline = g_get_monotonic_time() + update->timeout_s * G_TIME_SPAN_SECOND;
    return go_forward(update, update_steps, error);
}

UpdateOutcome update_resume(Update *update, GError **error)
{
    g_autofree char *uuid = g_strdup(update->uuid);
    const UpdateStep *step;

    if (!update_journal_read(update, error)) {
        return UPDATE_STUCK;
    }
    step = step_of(update->step);
    if (g_strcmp0(uuid, update->uuid) != 0) {
        /* A later domain of the same number has servers, sockets and nodes of its own. */
        if (uuid) {
            update_leave(update);
        } else {
            update_abandon(update);
        }
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "the domain whose update was left unfinished is gone; its journal is removed");
        return UPDATE_GONE;
    }
    update->deadline = g_get_monotonic_time() + update->timeout_s * G_TIME_SPAN_SECOND;
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
