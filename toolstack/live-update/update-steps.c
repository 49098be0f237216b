/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of an update, each with its way back. */
#include "update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor.h"
#include "names.h"

#define STATE "state"

/* Nobody waits for this word; it only isn't "running". */
#define DM_STATE_UPDATING "updating"
#define DM_STATE_RUNNING "running"

#define POLL_MS 2

/* A look at xenstore costs a small dom0 some of the time in which QEMU could start. */
#define RUNNING_POLL_US (15 * G_TIME_SPAN_MILLISECOND)

/* The old QEMU gets so long to come back, whatever --timeout says. */
#define BACK_TIMEOUT_US (120 * G_TIME_SPAN_SECOND)

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, text);
    return FALSE;
}

/* The sockets that QEMU listens on at a path, by its arguments and the launcher's. */
typedef void (*SocketFunc)(const char *path);

static void each_socket(const Update *update, SocketFunc func)
{
    static const char *const words[] = { "path=", "unix:" };
    g_autoptr(GString) ours = g_string_new(QMP_SOCKET_FORMAT);
    g_autofree char *number = g_strdup_printf("%u", update->domain->domid);

    g_string_replace(ours, "%u", number, 1);
    func(ours->str);
    for (guint i = 0; update->new_args[i]; i++) {
        for (guint j = 0; j < G_N_ELEMENTS(words); j++) {
            const char *value = strstr(update->new_args[i], words[j]);

            if (value) {
                g_autofree char *path = NULL;

                value += strlen(words[j]);
                path = g_strndup(value, strcspn(value, ","));
                func(path);
            }
        }
    }
}

/* Where a QEMU that is early listens; NULL when there is no socket. */
static char *next_socket(const char *path)
{
    g_autofree char *next = g_strconcat(path, STANDBY_SUFFIX, NULL);
    struct stat file;

    return lstat(next, &file) == 0 && S_ISSOCK(file.st_mode) ? g_steal_pointer(&next) : NULL;
}

/* In place of the old QEMU's. */
static void take_socket(const char *path)
{
    g_autofree char *next = next_socket(path);

    if (next) {
        rename(next, path);
    }
}

static void drop_socket(const char *path)
{
    g_autofree char *next = next_socket(path);

    if (next) {
        unlink(next);
    }
}

/* prepare */

/* QEMU sets up a backend that waits for its beginning, and complains of any other. */
static void begin_backend(Update *update, const char *path, gpointer data)
{
    g_autofree char *node = g_strconcat(path, "/state", NULL);
    g_autofree char *state = update_read_node(update, node);

    (void)data;
    if (g_strcmp0(state, "2") == 0) {
        update_write_node(update, node, "1", NULL);
    }
}

/* A QEMU that was killed has no chance to remove its server from Xen. */
static gboolean end_taker(Update *update, GError **error)
{
    return process_end(&update->taker, error) &&
           ioreq_destroy_servers(update->control, ~(update->servers | update->spent), error);
}

static void set_backend_up(Update *update, const char *path, gpointer data)
{
    g_autofree char *node = g_strconcat(path, "/state", NULL);
    g_autofree char *state = update_read_node(update, node);

    (void)data;
    if (g_strcmp0(state, "1") == 0) {
        update_write_node(update, node, "2", NULL);
    }
}

static gboolean unprepare(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);

    unlink(path);
    /* Here, where the guest was let run, so that another try doesn't undo somebody else's pause. */
    if (!ioreq_retire_servers(update->control, update->spent, error) || !end_taker(update, error)) {
        return FALSE;
    }
    each_socket(update, drop_socket);
    update_each_backend(update, set_backend_up, NULL);
    return TRUE;
}

static gboolean await_held(Update *update, const ProcessStart *start, gboolean forward,
                           GError **error)
{
    gint64 deadline = g_get_monotonic_time() + BACK_TIMEOUT_US;

    while (!process_is_held(start, POLL_MS)) {
        g_autofree char *ending = process_ending(&start->id);

        if (ending) {
            return fail(error, "QEMU %s before it was set up", ending);
        }
        if (forward ? update_should_stop(update, error) : g_get_monotonic_time() > deadline) {
            return forward ? FALSE : fail(error, "QEMU doesn't come up");
        }
    }
    return TRUE;
}

/* Nearly all of the time that it takes to start a QEMU; the guest runs on the old one meanwhile. */
static gboolean prepare(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return fail(error, "can't make %s: %s", path, g_strerror(errno));
    }
    close(fd);
    update_each_backend(update, begin_backend, NULL);
    if (!process_prepare(update->old, update->new_program, update->new_args, path, &update->held,
                         error)) {
        return FALSE;
    }
    update->taker = update->held.id;
    /* One that --resume didn't know of would make its I/O request server later, and leave it. */
    return update_journal_write(update, error) && await_held(update, &update->held, TRUE, error);
}

/* pause */

static gboolean should_give_up(gpointer data, GError **error)
{
    return update_should_stop(data, error);
}

static gboolean pause_guest(Update *update, GError **error)
{
    update->paused_at = g_get_monotonic_time();
    update->deadline = update->paused_at + update->timeout_s * G_TIME_SPAN_SECOND;
    return ioreq_quiesce(update->control, update->servers, should_give_up, update, error);
}

/* On the QEMU that it is to have now. */
static gboolean unpause(Update *update, const ProcessId *id, GError **error)
{
    IoreqInfo info;

    if (!ioreq_info(update->control, &info, error)) {
        return FALSE;
    }
    if (info.paused && !process_is_alive(id)) {
        return fail(error, "its QEMU ended");
    }
    if (info.paused && !ioreq_unpause(update->control, error)) {
        return FALSE;
    }
    if (update->paused_at) {
        update->pause_us = g_get_monotonic_time() - update->paused_at;
    }
    return TRUE;
}

static gboolean unpause_new(Update *update, GError **error)
{
    return unpause(update, &update->taker, error);
}

/* save */

static gboolean save_state(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);
    g_autoptr(QmpClient) qmp = qmp_client_connect(update->domain->domid, error);
    gboolean saved;
    int fd;

    if (!qmp) {
        return FALSE;
    }
    /* The same file, since the new QEMU has it open. */
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) {
        return fail(error, "can't open %s: %s", path, g_strerror(errno));
    }
    saved = monitor_save(qmp, fd, error);
    if (saved && fsync(fd)) {
        saved = fail(error, "can't write %s: %s", path, g_strerror(errno));
    }
    if (close(fd) && saved) {
        saved = fail(error, "can't write %s: %s", path, g_strerror(errno));
    }
    update->saved = saved;
    return saved;
}

/* start */

static char *dm_state_node(const Update *update)
{
    return g_strdup_printf("/local/domain/%u/device-model/%u/state", update->domain->dm_domid,
                           update->domain->domid);
}

/* What libxl has of a QEMU: xl destroy ends the process that the pid names. */
static gboolean name_qemu(Update *update, const ProcessId *id, const char *state, GError **error)
{
    g_autofree char *node = dm_state_node(update);
    g_autofree char *pid_node =
        g_strdup_printf("/local/domain/%u/image/device-model-pid", update->domain->domid);
    g_autofree char *pid = g_strdup_printf("%d", (int)id->pid);

    return update_write_node(update, pid_node, pid, error) &&
           update_write_node(update, node, state, error);
}

/* Waits until the QEMU that was started reports to run, which it may only behind the gate. */
static gboolean await_running(Update *update, const ProcessId *id, gboolean forward, GError **error)
{
    g_autofree char *node = dm_state_node(update);
    gint64 deadline = g_get_monotonic_time() + BACK_TIMEOUT_US;

    for (;;) {
        g_autofree char *state = update_read_node(update, node);
        g_autofree char *ending = NULL;

        if (g_strcmp0(state, DM_STATE_RUNNING) == 0) {
            return TRUE;
        }
        ending = process_ending(id);
        if (ending || !process_is_alive(id)) {
            return fail(error, "QEMU %s before it took the guest over", ending ? ending : "ended");
        }
        if (forward ? update_should_stop(update, error) : g_get_monotonic_time() > deadline) {
            return forward ? FALSE : fail(error, "QEMU doesn't report to run");
        }
        g_usleep(RUNNING_POLL_US);
    }
}

/* Has a QEMU that is held take the guest over. Closes its socket. */
static gboolean let_go(Update *update, ProcessStart *start, gboolean forward, GError **error)
{
    return name_qemu(update, &start->id, DM_STATE_UPDATING, error) && process_go(start, error) &&
           await_running(update, &start->id, forward, error);
}

static gboolean start_new(Update *update, GError **error)
{
    return let_go(update, &update->held, TRUE, error);
}

/* The old QEMU, or the same program started again. */
static const ProcessId *current(const Update *update)
{
    return update->returner.pid ? &update->returner : &update->old->id;
}

static gboolean end_new(Update *update, GError **error)
{
    IoreqInfo info;

    /* A write would bring nodes back of a domain that was destroyed meanwhile. */
    if (!ioreq_info(update->control, &info, error)) {
        return FALSE;
    }
    return info.dying ? fail(error, "it was destroyed")
                      : end_taker(update, error) &&
                            name_qemu(update, current(update), DM_STATE_RUNNING, error);
}

static gboolean end_current(Update *update, GError **error)
{
    return process_end(&update->returner, error) && process_end(&update->old->id, error);
}

/* The old program on the saved state, when its process is gone. */
static gboolean restart_old(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);
    ProcessStart start = { .hold = -1 };

    /* An earlier try to come back may have got half way. */
    if (!process_end(&update->taker, error) || !end_current(update, error)) {
        return FALSE;
    }
    /* The first one's server, if it left it: a vcpu may have to take an answer from there. */
    if (!update->spent) {
        update->spent = update->servers;
    }
    update->spent &= ioreq_servers(update->control);
    if (!ioreq_destroy_servers(update->control, ~update->spent, error) ||
        !ioreq_switch_off(update->control, update->spent, error)) {
        return FALSE;
    }
    update_each_backend(update, begin_backend, NULL);
    if (!process_prepare(update->old, update->old_program, update->old->args, path, &start,
                         error)) {
        return FALSE;
    }
    /* Until its turn comes it is one that may be ended; then it and its server have to be known. */
    update->taker = start.id;
    if (!update_journal_write(update, error) || !await_held(update, &start, FALSE, error)) {
        close(start.hold);
        return FALSE;
    }
    update->returner = start.id;
    update->taker = (ProcessId){ 0 };
    update->servers = ioreq_servers(update->control) & ~update->spent;
    if (!update_journal_write(update, error) || !let_go(update, &start, FALSE, error)) {
        if (start.hold >= 0) {
            close(start.hold);
        }
        return FALSE;
    }
    return TRUE;
}

/* The old QEMU goes on. */
static gboolean go_on(Update *update, GError **error)
{
    g_autoptr(QmpClient) qmp = NULL;
    gboolean running;

    /* It may have crashed by itself meanwhile. */
    if (!process_is_alive(current(update)) && update->saved && !restart_old(update, error)) {
        return FALSE;
    }
    if (update->returner.pid) {
        /* Which an earlier run may have started, and been cut off. */
        if (!await_running(update, &update->returner, FALSE, error)) {
            return FALSE;
        }
        each_socket(update, take_socket);
    }
    if (!(qmp = qmp_client_connect(update->domain->domid, error)) ||
        !monitor_running(qmp, &running, error) || (!running && !monitor_cont(qmp, error))) {
        return FALSE;
    }
    update->saved = FALSE;
    return TRUE;
}

/* end: the old QEMU, which was stopped, and whose images the new one has by now */

static gboolean end_old(Update *update, GError **error)
{
    if (!end_current(update, error)) {
        return FALSE;
    }
    each_socket(update, take_socket);
    return TRUE;
}

/* tidy: what libxl keeps of a QEMU */

static gboolean tidy_serials(Update *update, QmpClient *qmp, GError **error)
{
    g_autoptr(GPtrArray) ptys = monitor_serial_ptys(qmp, error);

    for (guint i = 0; ptys && i < ptys->len; i++) {
        const char *pty = g_ptr_array_index(ptys, i);
        g_autofree char *node =
            g_strdup_printf("/local/domain/%u/serial/%u/tty", update->domain->domid, i);

        if (*pty && !update_write_node(update, node, pty, error)) {
            return FALSE;
        }
    }
    return ptys != NULL;
}

static gboolean tidy_vnc(Update *update, QmpClient *qmp, GError **error)
{
    g_autoptr(MonitorVnc) vnc = monitor_vnc(qmp, error);
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
    /* libxl gives the password to QEMU's monitor, and not as an argument. */
    return update_write_node(update, listen, vnc->host, error) &&
           update_write_node(update, port, vnc->service, error) &&
           (!password || !*password || monitor_set_vnc_password(qmp, password, error));
}

static gboolean tidy(Update *update, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(update->domain->domid, error);

    return qmp && tidy_serials(update, qmp, error) && tidy_vnc(update, qmp, error);
}

/* retire */

static gboolean retire_servers(Update *update, GError **error)
{
    return ioreq_retire_servers(update->control, update->servers, error);
}

/* The way back: the guest runs from here on. */
static gboolean unpause_old(Update *update, GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (!unpause(update, current(update), error)) {
        return FALSE;
    }
    if (update->returner.pid && !tidy(update, &problem)) {
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

static void remove_socket(const char *path)
{
    struct stat file;

    drop_socket(path);
    if (lstat(path, &file) == 0 && S_ISSOCK(file.st_mode)) {
        unlink(path);
    }
}

static void end_processes(Update *update)
{
    process_end(&update->taker, NULL);
    end_current(update, NULL);
}

void update_leave(Update *update)
{
    end_processes(update);
    update_journal_remove(update);
}

void update_abandon(Update *update)
{
    g_autofree char *folder = g_strdup_printf("/local/domain/%u/device-model/%u",
                                              update->domain->dm_domid, update->domain->domid);

    end_processes(update);
    ioreq_destroy_servers(update->control, ~0u, NULL);
    each_socket(update, remove_socket);
    /* libxl has removed it, and a QEMU or we may have written there since. */
    update->ops->rm(update->ops->opaque, 0, folder);
    update_journal_remove(update);
}

const UpdateStep update_steps[] = {
    { "prepare", "start the new QEMU beside the old one, and hold it", prepare, unprepare },
    { "pause", "pause the vcpus, and have their I/O requests answered", pause_guest, unpause_old },
    { "save", "stop the old QEMU and save its device state", save_state, go_on },
    { UPDATE_STEP_START, "let the new QEMU take over, through the gate", start_new, end_new },
    { UPDATE_STEP_COMMIT, "let the guest run", unpause_new, nothing },
    { "end", "end the old QEMU", end_old, nothing },
    { "tidy", "tell libxl of the new QEMU's consoles", tidy, nothing },
    { "retire", "remove the old QEMU's I/O request server", retire_servers, nothing },
    { 0 },
};
