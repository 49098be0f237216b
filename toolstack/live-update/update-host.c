/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations of an update on this host: Xen's libraries, QEMU's monitor, processes and files. */
#include "update-ops.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenforeignmemory.h>

#include "image.h"
#include "layout-check.h"
#include "monitor.h"

/* One page of buffered requests, and one with a request for each vcpu. */
#define SERVER_PAGES 2

/* The words of its command line, up to the domid. */
#define SAVE_HELPER_WORDS 5

/* Larger than any file that an update writes. */
#define FILE_MAX (80 * 1024 * 1024)

/* A QEMU that hangs doesn't keep the others from being listed. */
#define VERSION_TIMEOUT_MS 2000

typedef struct Host {
    XenPhysmapOps *xenstore; /* the caller's */
    xc_interface *xc;
    xendevicemodel_handle *dmod;
    xenforeignmemory_handle *fmem;
} Host;

static void host_tell(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

static gint64 host_now(void *opaque)
{
    (void)opaque;
    return g_get_monotonic_time();
}

static void host_sleep(void *opaque, gint64 us)
{
    (void)opaque;
    g_usleep(us);
}

/* Processes */

static Process *host_process_read(void *opaque, pid_t pid, guint32 domid, GError **error)
{
    (void)opaque;
    return process_read(pid, domid, error);
}

static gboolean host_process_copy_program(void *opaque, const Process *process, const char *path,
                                          GError **error)
{
    (void)opaque;
    return process_copy_program(process, path, error);
}

static gboolean host_process_keep_data_folders(void *opaque, Process *process, GError **error)
{
    (void)opaque;
    return process_keep_data_folders(process, error);
}

static gboolean host_process_probe(void *opaque, const Process *model, const char *qemu,
                                   gboolean *loaded, GError **error)
{
    (void)opaque;
    return process_probe(model->launcher, model->env, qemu, loaded, error);
}

static char *host_process_ask(void *opaque, const char *const *argv, GError **error)
{
    (void)opaque;
    return process_ask(argv, NULL, error);
}

static gboolean host_process_is_alive(void *opaque, const ProcessId *id)
{
    (void)opaque;
    return process_is_alive(id);
}

static gboolean host_process_end(void *opaque, const ProcessId *id, GError **error)
{
    (void)opaque;
    return process_end(id, error);
}

static gboolean host_process_end_all(void *opaque, const ProcessId *id, uid_t user, gboolean own,
                                     const ProcessId *spare, GPtrArray *notes, GError **error)
{
    (void)opaque;
    return process_end_all(id, user, own, spare, notes, error);
}

static char *host_process_ending(void *opaque, const ProcessId *id)
{
    (void)opaque;
    return process_ending(id);
}

static gboolean host_process_prepare(void *opaque, const Process *model, const char *qemu,
                                     GStrv args, ProcessStart *start, GError **error)
{
    (void)opaque;
    return process_prepare(model, qemu, args, start, error);
}

static gboolean host_process_begin(void *opaque, const ProcessStart *start, GError **error)
{
    (void)opaque;
    return process_begin(start, error);
}

static gboolean host_process_is_held(void *opaque, const ProcessStart *start, int timeout_ms)
{
    (void)opaque;
    return process_is_held(start, timeout_ms);
}

static gboolean host_process_go(void *opaque, ProcessStart *start, GError **error)
{
    (void)opaque;
    return process_go(start, error);
}

static gboolean host_process_feed(void *opaque, ProcessStart *start, const GByteArray *state,
                                  gsize *done, GError **error)
{
    (void)opaque;
    return process_feed(start, state, done, error);
}

static void host_process_let_go(void *opaque, ProcessStart *start)
{
    (void)opaque;
    process_let_go(start);
}

/* The beginning of a file in /proc; "" when it can't be read. */
static void read_beginning(const char *path, char *text, gsize size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0) {
        close(fd);
    }
    text[MAX(n, 0)] = '\0';
}

/* A process that runs a file of a file system that a user serves would make us wait for its answer. */
static gboolean look_at_file(const char *path, struct statx *file)
{
    return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, file) == 0;
}

static gboolean host_process_runs(void *opaque, const ProcessId *id, const char *path)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/exe", (int)id->pid);
    struct statx running, now;

    (void)opaque;
    return look_at_file(link, &running) && process_is_alive(id) && look_at_file(path, &now) &&
           running.stx_dev_major == now.stx_dev_major &&
           running.stx_dev_minor == now.stx_dev_minor && running.stx_ino == now.stx_ino;
}

/*
 * Asks the kernel, not the process. The line is near the beginning. The text of other descriptors,
 * for example of epoll, can be larger than memory.
 */
static gboolean host_process_has_pty(void *opaque, const ProcessId *id, guint number)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fdinfo", (int)id->pid);
    g_autofree char *line = g_strdup_printf("\ntty-index:\t%u\n", number);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    gboolean found = FALSE;
    const char *name;

    (void)opaque;
    while (!found && dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char text[1024];

        read_beginning(path, text, sizeof text);
        found = strstr(text, line) != NULL;
    }
    return found && process_is_alive(id);
}

/*
 * xl and libvirt save through this program. Its arguments are --save-domain, one or two descriptors
 * (depending on libxl's version), and the domid. A descriptor with the domid's number is mistaken
 * for the domid; then an update is refused without need.
 */
static gboolean saves_domain(const char *cmdline, gsize length, guint32 domid)
{
    g_autofree char *number = g_strdup_printf("%u", domid);
    const char *word = cmdline, *end = cmdline + length;
    gboolean saves = FALSE;

    for (guint i = 0; word < end && i < SAVE_HELPER_WORDS; i++, word += strlen(word) + 1) {
        g_autofree char *name = g_path_get_basename(word);

        if (i == 0 && strcmp(name, "libxl-save-helper") != 0) {
            return FALSE;
        }
        if (i == 1) {
            saves = strcmp(word, "--save-domain") == 0;
        }
        if (i > 2 && saves && strcmp(word, number) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static char *host_image_trouble(void *opaque, const Process *process, const char *path,
                                gboolean read_only, gint64 deadline)
{
    (void)opaque;
    return image_trouble(process, path, read_only, deadline);
}

static GPtrArray *host_layout_check(void *opaque, const Domain *domain, XenPhysmapTable **table,
                                    GPtrArray *notes, GError **error)
{
    return layout_check(((Host *)opaque)->xenstore, domain, table, notes, error);
}

static char *host_other_at_work(void *opaque, guint32 domid)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;

    (void)opaque;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strconcat("/proc/", name, "/cmdline", NULL);
        g_autofree char *cmdline = NULL;
        gsize length;

        /* Anybody can use these words, but not root's ids. GLib ends what it reads with a NUL. */
        if (g_ascii_isdigit(*name) && process_has_ids(atoi(name), "Uid", geteuid()) &&
            g_file_get_contents(path, &cmdline, &length, NULL) &&
            saves_domain(cmdline, length, domid)) {
            return g_strdup_printf(
                "libxl-save-helper, process %s, saves or migrates it; wait until it has ended",
                name);
        }
    }
    return NULL;
}

/* The monitor */

static gboolean host_monitor_running(void *opaque, guint32 domid, gboolean *running, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp && monitor_running(qmp, running, error);
}

static MonitorParts *host_monitor_parts(void *opaque, guint32 domid, gboolean standby,
                                        GError **error)
{
    g_autoptr(QmpClient) qmp =
        standby ? qmp_client_connect_standby(domid, error) : qmp_client_connect(domid, error);

    (void)opaque;
    return qmp ? monitor_parts(qmp, error) : NULL;
}

static gboolean host_monitor_cont(void *opaque, guint32 domid, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp && monitor_cont(qmp, error);
}

/* A thread that reads the device state while QEMU writes it and the caller waits for the answer. */
typedef struct Drain {
    int pipe, done;
    GByteArray *state;
    gsize limit;
    gboolean too_long;
} Drain;

/* FALSE when nothing more can be read now. */
static gboolean drain_some(Drain *drain)
{
    guint8 buffer[65536];
    ssize_t n = read(drain->pipe, buffer, sizeof buffer);

    if (n <= 0) {
        return n < 0 && errno == EINTR;
    }
    drain->too_long = drain->state->len + (gsize)n > drain->limit;
    if (!drain->too_long) {
        g_byte_array_append(drain->state, buffer, n);
    }
    return !drain->too_long;
}

static gpointer drain(gpointer data)
{
    Drain *drain = data;
    struct pollfd pollfds[] = { { .fd = drain->pipe, .events = POLLIN },
                                { .fd = drain->done, .events = POLLIN } };

    while (!drain->too_long && !(pollfds[1].revents & POLLIN)) {
        poll(pollfds, G_N_ELEMENTS(pollfds), -1);
        while (drain_some(drain)) {
        }
        if (pollfds[0].revents & (POLLHUP | POLLERR)) {
            pollfds[0].fd = -1;
        }
    }
    /* If QEMU writes more than the limit, its next write fails. */
    close(drain->pipe);
    return NULL;
}

/* QEMU gets one end of a pipe, so it can't change the state afterwards. */
static gboolean save_through_pipe(QmpClient *qmp, GByteArray *state, gsize limit,
                                  gboolean (*save)(QmpClient *qmp, int fd, GError **error),
                                  GError **error)
{
    Drain job = { .state = state, .limit = limit };
    const guint64 one = 1;
    GThread *thread;
    gboolean saved;
    int ends[2];

    job.done = eventfd(0, EFD_CLOEXEC);
    if (job.done < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't make a pipe for the device state: %s", g_strerror(errno));
        if (job.done >= 0) {
            close(job.done);
        }
        return FALSE;
    }
    /*
     * QEMU's end blocks, ours doesn't. QEMU opens its end again, as the user that it is now, so
     * everybody may write. Nobody else can reach a pipe that has no name.
     */
    fcntl(ends[1], F_SETFL, 0);
    fchmod(ends[1], 0602);
    job.pipe = ends[0];
    thread = g_thread_new("device-state", drain, &job);
    saved = save(qmp, ends[1], error);
    close(ends[1]);
    /* All that QEMU wrote before its answer is in the pipe now. */
    saved = write(job.done, &one, sizeof one) == sizeof one && saved;
    g_thread_join(thread);
    close(job.done);
    if (job.too_long) {
        g_clear_error(error);
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "QEMU's device state is larger than %" G_GSIZE_FORMAT " MiB", limit >> 20);
        return FALSE;
    }
    return saved;
}

static gboolean host_monitor_save(void *opaque, guint32 domid, GByteArray *state, gsize limit,
                                  GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp && save_through_pipe(qmp, state, limit, monitor_save, error);
}

static gboolean host_monitor_try_save(void *opaque, guint32 domid, gsize limit, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect_standby(domid, error);
    g_autoptr(GByteArray) dropped = g_byte_array_new();

    (void)opaque;
    return qmp && save_through_pipe(qmp, dropped, limit, monitor_try_save, error);
}

static GPtrArray *host_monitor_blocked_reasons(void *opaque, guint32 domid, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp ? monitor_blocked_reasons(qmp, error) : NULL;
}

static GPtrArray *host_monitor_images(void *opaque, guint32 domid, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp ? monitor_images(qmp, error) : NULL;
}

static GPtrArray *host_monitor_serial_ptys(void *opaque, guint32 domid, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp ? monitor_serial_ptys(qmp, error) : NULL;
}

static MonitorVnc *host_monitor_vnc(void *opaque, guint32 domid, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp ? monitor_vnc(qmp, error) : NULL;
}

static gboolean host_monitor_set_vnc_password(void *opaque, guint32 domid, const char *password,
                                              GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domid, error);

    (void)opaque;
    return qmp && monitor_set_vnc_password(qmp, password, error);
}

/* The hypervisor */

static int host_domain_info(void *opaque, guint32 domid, IoreqInfo *info)
{
    Host *host = opaque;
    xc_domaininfo_t found = { 0 };
    int n = xc_domain_getinfolist(host->xc, domid, 1, &found);

    if (n < 0) {
        return -1;
    }
    if (n == 0 || found.domain != domid) {
        errno = ESRCH;
        return -1;
    }
    *info = (IoreqInfo){
        .hvm = (found.flags & XEN_DOMINF_hvm_guest) != 0,
        .paused = (found.flags & XEN_DOMINF_paused) != 0,
        .shutdown = (found.flags & XEN_DOMINF_shutdown) != 0,
        .dying = (found.flags & XEN_DOMINF_dying) != 0,
    };
    return 0;
}

static int host_domain_pause(void *opaque, guint32 domid)
{
    return xc_domain_pause(((Host *)opaque)->xc, domid);
}

static int host_domain_unpause(void *opaque, guint32 domid)
{
    return xc_domain_unpause(((Host *)opaque)->xc, domid);
}

static gboolean host_vcpu_is_online(void *opaque, guint32 domid, guint vcpu)
{
    xc_vcpuinfo_t info;

    return xc_vcpu_getinfo(((Host *)opaque)->xc, domid, vcpu, &info) == 0 && info.online;
}

static int host_server_look(void *opaque, guint32 domid, guint id)
{
    return xendevicemodel_get_ioreq_server_info(((Host *)opaque)->dmod, domid, id, NULL, NULL,
                                                NULL);
}

static int host_server_switch_off(void *opaque, guint32 domid, guint id)
{
    return xendevicemodel_set_ioreq_server_state(((Host *)opaque)->dmod, domid, id, 0);
}

static int host_server_destroy(void *opaque, guint32 domid, guint id)
{
    return xendevicemodel_destroy_ioreq_server(((Host *)opaque)->dmod, domid, id);
}

static const volatile void *host_server_map(void *opaque, guint32 domid, guint id, void **handle)
{
    void *address = NULL;

    *handle = xenforeignmemory_map_resource(
        ((Host *)opaque)->fmem, domid, XENMEM_resource_ioreq_server, id,
        XENMEM_resource_ioreq_server_frame_bufioreq, SERVER_PAGES, &address, PROT_READ, 0);
    return *handle ? address : NULL;
}

static void host_server_unmap(void *opaque, void *handle)
{
    xenforeignmemory_unmap_resource(((Host *)opaque)->fmem, handle);
}

/* Files */

static int host_make_folder(void *opaque, const char *path)
{
    (void)opaque;
    return g_mkdir_with_parents(path, 0700);
}

static int host_lock(void *opaque, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat held, named;

    (void)opaque;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        int errnum = errno;

        close(fd);
        errno = errnum;
        return -1;
    }
    /* libxl removes its lock with the domain; another file may have the name then. */
    if (fd >= 0 && (fstat(fd, &held) || stat(path, &named) || held.st_ino != named.st_ino)) {
        close(fd);
        errno = EWOULDBLOCK;
        return -1;
    }
    return fd;
}

static void host_unlock(void *opaque, int lock)
{
    (void)opaque;
    close(lock);
}

static gboolean host_file_exists(void *opaque, const char *path)
{
    struct stat file;

    (void)opaque;
    return lstat(path, &file) == 0;
}

static gboolean host_is_socket(void *opaque, const char *path)
{
    struct stat file;

    (void)opaque;
    return lstat(path, &file) == 0 && S_ISSOCK(file.st_mode);
}

static int host_may_execute(void *opaque, const char *path)
{
    (void)opaque;
    return access(path, X_OK);
}

static int host_room(void *opaque, const char *path, guint64 *bytes)
{
    struct statvfs fs;

    (void)opaque;
    if (statvfs(path, &fs)) {
        return -1;
    }
    *bytes = (guint64)fs.f_bavail * fs.f_frsize;
    return 0;
}

static char *host_read_file(void *opaque, const char *path, gsize *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat file;
    g_autofree char *data = NULL;
    gsize have = 0;
    ssize_t n = 0;

    (void)opaque;
    if (fd < 0 || fstat(fd, &file)) {
        n = -1;
    } else if (!S_ISREG(file.st_mode) || file.st_size > FILE_MAX) {
        errno = EFBIG;
        n = -1;
    } else {
        data = g_malloc(file.st_size + 1);
        while (have < (gsize)file.st_size && (n = read(fd, data + have, file.st_size - have)) > 0) {
            have += n;
        }
        data[have] = '\0';
    }
    if (fd >= 0) {
        int errnum = errno;

        close(fd);
        errno = errnum;
    }
    *length = have;
    return n < 0 ? NULL : g_steal_pointer(&data);
}

static int host_write_file(void *opaque, const char *path, const void *data, gsize length)
{
    g_autoptr(GError) problem = NULL;

    (void)opaque;
    errno = 0;
    if (!g_file_set_contents_full(path, data, length,
                                  G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                  0600, &problem)) {
        errno = errno ? errno : EIO;
        return -1;
    }
    return 0;
}

static int host_rename(void *opaque, const char *from, const char *to)
{
    (void)opaque;
    return rename(from, to);
}

static int host_unlink(void *opaque, const char *path)
{
    (void)opaque;
    return unlink(path);
}

static void host_remove_folder(void *opaque, const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    (void)opaque;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        unlink(file);
    }
    rmdir(path);
}

UpdateOps *update_host_new(XenPhysmapOps *xenstore)
{
    Host *host = g_new0(Host, 1);
    UpdateOps *ops = g_new(UpdateOps, 1);

    host->xenstore = xenstore;
    *ops = (UpdateOps){
        .opaque = host,
        .xenstore = xenstore,
        .tell = host_tell,
        .now = host_now,
        .sleep = host_sleep,
        .process_read = host_process_read,
        .process_copy_program = host_process_copy_program,
        .process_keep_data_folders = host_process_keep_data_folders,
        .process_probe = host_process_probe,
        .process_ask = host_process_ask,
        .process_is_alive = host_process_is_alive,
        .process_end = host_process_end,
        .process_end_all = host_process_end_all,
        .process_ending = host_process_ending,
        .process_prepare = host_process_prepare,
        .process_begin = host_process_begin,
        .process_is_held = host_process_is_held,
        .process_go = host_process_go,
        .process_feed = host_process_feed,
        .process_let_go = host_process_let_go,
        .process_runs = host_process_runs,
        .process_has_pty = host_process_has_pty,
        .image_trouble = host_image_trouble,
        .layout_check = host_layout_check,
        .other_at_work = host_other_at_work,
        .monitor_running = host_monitor_running,
        .monitor_parts = host_monitor_parts,
        .monitor_cont = host_monitor_cont,
        .monitor_save = host_monitor_save,
        .monitor_blocked_reasons = host_monitor_blocked_reasons,
        .monitor_images = host_monitor_images,
        .monitor_try_save = host_monitor_try_save,
        .monitor_serial_ptys = host_monitor_serial_ptys,
        .monitor_vnc = host_monitor_vnc,
        .monitor_set_vnc_password = host_monitor_set_vnc_password,
        .domain_info = host_domain_info,
        .domain_pause = host_domain_pause,
        .domain_unpause = host_domain_unpause,
        .vcpu_is_online = host_vcpu_is_online,
        .server_look = host_server_look,
        .server_switch_off = host_server_switch_off,
        .server_destroy = host_server_destroy,
        .server_map = host_server_map,
        .server_unmap = host_server_unmap,
        .make_folder = host_make_folder,
        .lock = host_lock,
        .unlock = host_unlock,
        .file_exists = host_file_exists,
        .is_socket = host_is_socket,
        .may_execute = host_may_execute,
        .room = host_room,
        .read_file = host_read_file,
        .write_file = host_write_file,
        .rename = host_rename,
        .unlink = host_unlink,
        .remove_folder = host_remove_folder,
    };
    return ops;
}

char *update_host_version(const Domain *domain)
{
    g_autoptr(QmpClient) qmp = NULL;

    if (domain->domid == 0 || domain->dm_domid != 0 ||
        !(qmp = qmp_client_connect_within(domain->domid, VERSION_TIMEOUT_MS, NULL))) {
        return NULL;
    }
    return monitor_version(qmp, NULL);
}

UpdateOps *update_host_open(XenPhysmapOps *xenstore, GError **error)
{
    g_autoptr(UpdateOps) ops = update_host_new(xenstore);
    Host *host = ops->opaque;

    errno = ENOENT;
    if (!(host->xc = xc_interface_open(NULL, NULL, 0)) ||
        !(host->dmod = xendevicemodel_open(NULL, 0)) ||
        !(host->fmem = xenforeignmemory_open(NULL, 0))) {
        g_set_error(error, XEN_PHYSMAP_ERROR,
                    errno == EACCES || errno == EPERM ? XEN_PHYSMAP_ERROR_ACCESS
                                                      : XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't reach the hypervisor, to control domains: %s", g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&ops);
}

void update_host_close(UpdateOps *ops)
{
    Host *host = ops ? ops->opaque : NULL;

    if (host) {
        if (host->fmem) {
            xenforeignmemory_close(host->fmem);
        }
        if (host->dmod) {
            xendevicemodel_close(host->dmod);
        }
        if (host->xc) {
            xc_interface_close(host->xc);
        }
        g_free(host);
        g_free(ops);
    }
}
