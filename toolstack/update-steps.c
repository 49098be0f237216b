/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of an update, each with its way back. */
#include "update.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen-physmap/guest.h>

#include "agree.h"
#include "monitor.h"

#define STATE "state"

/* A file with a block's contents is named by where in the guest they are. */
#define PAGES_PREFIX "pages-"

/* Nobody waits for this word; it only isn't "running". */
#define DM_STATE_UPDATING "updating"

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

/* prepare */

static gboolean end_taker(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);

    unlink(path);
    return process_end(&update->taker, error);
}

static gboolean await_held(Update *update, const ProcessStart *start, gboolean forward,
                           GError **error)
{
    gint64 deadline = g_get_monotonic_time() + BACK_TIMEOUT_US;

    while (!process_is_held(start, POLL_MS)) {
        g_autofree char *ending = process_ending(&start->id);

        if (ending) {
            return fail(error, "QEMU %s before it was loaded", ending);
        }
        if (forward ? update_should_stop(update, error) : g_get_monotonic_time() > deadline) {
            return forward ? FALSE : fail(error, "QEMU doesn't come up");
        }
    }
    return TRUE;
}

/* Loading a program takes as long as all else that it does at its start. */
static gboolean prepare(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return fail(error, "can't make %s: %s", path, g_strerror(errno));
    }
    close(fd);
    if (!process_prepare(update->old, update->new_program, update->new_args, path, &update->held,
                         error)) {
        return FALSE;
    }
    update->taker = update->held.id;
    return await_held(update, &update->held, TRUE, error);
}

/* pause */

static gboolean should_give_up(gpointer data)
{
    return update_should_stop(data, NULL);
}

static gboolean pause_guest(Update *update, GError **error)
{
    update->paused_at = g_get_monotonic_time();
    return control_quiesce(update->control, should_give_up, update, &update->tries, error);
}

static gboolean qemu_runs(Update *update, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(update->domain->domid, error);
    gboolean running;

    if (!qmp || !monitor_running(qmp, &running, error)) {
        return FALSE;
    }
    return running || fail(error, "QEMU is there, and doesn't run the machine");
}

static gboolean unpause_guest(Update *update, GError **error)
{
    ControlInfo info;

    if (!control_info(update->control, &info, error) || !qemu_runs(update, error)) {
        return FALSE;
    }
    if (info.paused && !control_unpause(update->control, error)) {
        return FALSE;
    }
    if (update->paused_at) {
        update->pause_us = g_get_monotonic_time() - update->paused_at;
    }
    return TRUE;
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

/* keep: what QEMU writes over when it starts */

static gboolean keep_block(Update *update, const XenPhysmapRecord *block, GError **error)
{
    g_autofree char *file =
        g_strdup_printf(PAGES_PREFIX "%" G_GINT64_MODIFIER "x", block->start_addr);
    g_autofree char *path = update_path(update, file);
    g_autoptr(GError) problem = NULL;
    gboolean kept;
    void *pages = xen_physmap_guest_map(update->ops, update->domain->domid, block->start_addr,
                                        block->size, PROT_READ, error);

    if (!pages) {
        return FALSE;
    }
    kept = g_file_set_contents_full(path, pages, block->size, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
                                    &problem);
    xen_physmap_guest_unmap(update->ops, pages, block->size);
    return kept || fail(error, "can't keep %s: %s", block->name, problem->message);
}

/*
 * A QEMU that starts loads each option ROM's file into the ROM's pages, which are the guest's,
 * before its layout can be judged. They are where they were allocated; what was moved from there
 * can't be hit.
 */
static gboolean keep_pages(Update *update, GError **error)
{
    g_autoptr(XenPhysmapTable) table = domain_records(update->ops, update->domain, error);
    const XenPhysmapRecord *block;

    for (guint i = 0; table && (block = xen_physmap_table_get(table, i)); i++) {
        if (block->start_addr == block->phys_offset && !keep_block(update, block, error)) {
            return FALSE;
        }
    }
    return table != NULL;
}

static gboolean put_back_block(Update *update, guint64 address, const char *path, GError **error)
{
    g_autofree char *kept = NULL;
    g_autoptr(GError) problem = NULL;
    gsize size;
    char *pages;

    if (!g_file_get_contents(path, &kept, &size, &problem)) {
        return fail(error, "can't put the guest's pages back: %s", problem->message);
    }
    pages = xen_physmap_guest_map(update->ops, update->domain->domid, address, size,
                                  PROT_READ | PROT_WRITE, error);
    if (!pages) {
        return FALSE;
    }
    if (memcmp(pages, kept, size) != 0) {
        memcpy(pages, kept, size);
        g_ptr_array_add(update->notes,
                        g_strdup_printf("QEMU wrote over the guest's pages at 0x%" G_GINT64_MODIFIER
                                        "x (an option ROM's file has changed?); they were put "
                                        "back", address));
    }
    xen_physmap_guest_unmap(update->ops, pages, size);
    return TRUE;
}

/* The domain's pages are the truth: what a QEMU wrote there on its start is undone. */
static gboolean put_pages_back(Update *update, GError **error)
{
    g_autofree char *state = update_path(update, STATE);
    g_autofree char *folder = g_path_get_dirname(state);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        guint64 address;

        if (g_str_has_prefix(name, PAGES_PREFIX) &&
            g_ascii_string_to_unsigned(name + strlen(PAGES_PREFIX), 16, 0, G_MAXUINT64, &address,
                                       NULL) &&
            !put_back_block(update, address, path, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean discard_pages(Update *update, GError **error)
{
    g_autofree char *state = update_path(update, STATE);
    g_autofree char *folder = g_path_get_dirname(state);
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (!put_pages_back(update, error)) {
        return FALSE;
    }
    dir = g_dir_open(folder, 0, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_prefix(name, PAGES_PREFIX)) {
            g_autofree char *path = g_build_filename(folder, name, NULL);

            unlink(path);
        }
    }
    return TRUE;
}

/* end and start */

static gboolean end_qemu(Update *update, const ProcessId *id, GError **error)
{
    static const char *const sockets[] = {
        "/run/xen/qmp-libxl-%u", "/run/xen/qmp-libxenstat-%u", QMP_SOCKET_FORMAT,
    };

    /* It has no chance to remove its server from Xen, nor its sockets. */
    if (!process_end(id, error) || !control_destroy_servers(update->control, error)) {
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
        g_autoptr(GString) path = g_string_new(sockets[i]);
        g_autofree char *number = g_strdup_printf("%u", update->domain->domid);

        g_string_replace(path, "%u", number, 1);
        unlink(path->str);
    }
    return TRUE;
}

static gboolean end_old(Update *update, GError **error)
{
    return end_qemu(update, &update->old->id, error);
}

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

static char *dm_state_node(const Update *update)
{
    return g_strdup_printf("/local/domain/%u/device-model/%u/state", update->domain->dm_domid,
                           update->domain->domid);
}

/* Waits until the QEMU that was started reports to run, which it may only behind the gate. */
static gboolean await_running(Update *update, const ProcessId *id, gboolean forward,
                              GError **error)
{
    g_autofree char *node = dm_state_node(update);
    gint64 deadline = g_get_monotonic_time() + BACK_TIMEOUT_US;

    for (;;) {
        g_autofree char *state = update_read_node(update, node);
        g_autofree char *ending = NULL;

        if (g_strcmp0(state, "running") == 0) {
            return TRUE;
        }
        ending = process_ending(id);
        if (ending || !process_is_alive(id)) {
            return fail(error, "QEMU %s before it took the guest over",
                        ending ? ending : "ended");
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
    g_autofree char *node = dm_state_node(update);
    g_autofree char *pid_node =
        g_strdup_printf("/local/domain/%u/image/device-model-pid", update->domain->domid);
    g_autofree char *pid = g_strdup_printf("%d", (int)start->id.pid);

    update_each_backend(update, begin_backend, NULL);
    /* xl destroy ends the process that the pid names, so that comes first. */
    return update_write_node(update, pid_node, pid, error) &&
           update_write_node(update, node, DM_STATE_UPDATING, error) &&
           process_go(start, error) && await_running(update, &start->id, forward, error);
}

static gboolean start_new(Update *update, GError **error)
{
    return let_go(update, &update->held, TRUE, error);
}

static gboolean end_new(Update *update, GError **error)
{
    return end_qemu(update, &update->taker, error);
}

static gboolean restart_old(Update *update, GError **error)
{
    g_autofree char *path = update_path(update, STATE);
    ProcessStart start = { .hold = -1 };

    /* An earlier try to come back may have got half way, and the old one may still be ending. */
    if (!end_qemu(update, &update->returner, error) || !end_old(update, error) ||
        !process_prepare(update->old, update->old_program, update->old->args, path, &start,
                         error)) {
        return FALSE;
    }
    update->returner = start.id;
    /* It has to be known before it begins. If we end before that, it does too. */
    if (!update_journal_write(update, error) || !await_held(update, &start, FALSE, error) ||
        !let_go(update, &start, FALSE, error)) {
        if (start.hold >= 0) {
            close(start.hold);
        }
        return FALSE;
    }
    return TRUE;
}

/* The old QEMU, still there or started again, goes on. */
static gboolean go_on(Update *update, GError **error)
{
    const ProcessId *current = update->returner.pid ? &update->returner : &update->old->id;
    g_autoptr(QmpClient) qmp = NULL;
    gboolean running;

    /* It may have crashed by itself meanwhile. */
    if (!process_is_alive(current) && update->saved && !restart_old(update, error)) {
        return FALSE;
    }
    if (!(qmp = qmp_client_connect(update->domain->domid, error)) ||
        !monitor_running(qmp, &running, error) || (!running && !monitor_cont(qmp, error))) {
        return FALSE;
    }
    update->saved = FALSE;
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

/* The way back ends here, with the guest running. */
static gboolean unpause_old(Update *update, GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (!unpause_guest(update, error)) {
        return FALSE;
    }
    if (update->returner.pid && !tidy(update, &problem)) {
        g_ptr_array_add(update->notes, g_strdup(problem->message));
    }
    return TRUE;
}

static gboolean check_again(Update *update, GError **error)
{
    g_autoptr(XenPhysmapTable) table = domain_records(update->ops, update->domain, error);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) findings =
        table ? agree_check(update->ops, update->domain, table, notes, error) : NULL;

    if (findings && findings->len) {
        return fail(error, "the new QEMU's layout isn't the guest's: %s",
                    (char *)g_ptr_array_index(findings, 0));
    }
    return findings && put_pages_back(update, error);
}

static gboolean nothing(Update *update, GError **error)
{
    (void)update;
    (void)error;
    return TRUE;
}

const UpdateStep update_steps[] = {
    { "prepare", "load the new QEMU, and hold it before it begins", prepare, end_taker },
    { "pause", "pause the vcpus when no I/O request is under way", pause_guest, unpause_old },
    { "save", "stop the old QEMU and save its device state", save_state, go_on },
    { "keep", "keep the guest's pages that a starting QEMU writes to", keep_pages, discard_pages },
    { "end", "end the old QEMU", end_old, restart_old },
    { UPDATE_STEP_START, "let the new QEMU take over, through the gate", start_new, end_new },
    { "verify", "hold layout and pages against what they were", check_again, nothing },
    { UPDATE_STEP_COMMIT, "let the guest run", unpause_guest, nothing },
    { "tidy", "tell libxl of the new QEMU's consoles", tidy, nothing },
    { 0 },
};
