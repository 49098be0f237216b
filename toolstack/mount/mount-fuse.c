/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers FUSE's requests from the tree. Requests for what hasn't arrived yet wait in a queue. */
#define FUSE_USE_VERSION 312

#include "mount-fuse.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen-physmap/record.h>

/* How long the kernel may use an answer without asking again, in seconds. */
#define LASTING 86400.0

typedef struct Mount {
    MountTree *tree;
    struct fuse_session *session;
    MountNode status; /* it changes all the time */
    GMutex lock;
    GQueue waiting;    /* of Request */
    guint changes;     /* how often the tree has changed */
    gboolean complete; /* the kernel was told that it is; only for the tree's thread */
} Mount;

typedef enum { REQUEST_LOOKUP, REQUEST_ATTRIBUTES, REQUEST_READ, REQUEST_SEEK } RequestKind;

/* A request of the kernel's. The last two members need the lock. */
typedef struct Request {
    Mount *mount;
    fuse_req_t req;
    RequestKind kind;
    MountNode node;
    guint64 offset;
    gsize length;
    gboolean data; /* REQUEST_SEEK: for data, not for a hole */
    gboolean waiting, interrupted;
} Request;

static Mount *mount_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* --- answers --- */

static MountResult attributes(Mount *mount, MountNode node, struct stat *st)
{
    gboolean folder = mount_tree_is_folder(mount->tree, node);
    guint64 size = 0;
    MountResult result = mount_tree_size(mount->tree, node, &size);

    memset(st, 0, sizeof *st);
    st->st_ino = node;
    st->st_mode = folder ? S_IFDIR | 0500 : S_IFREG | 0400;
    st->st_nlink = folder ? 2 : 1;
    st->st_uid = getuid();
    st->st_gid = getgid();
    st->st_size = size;
    return result;
}

static double lasting(Mount *mount, MountNode node)
{
    return node != mount->status && mount_tree_is_complete(mount->tree) ? LASTING : 0.0;
}

static MountResult answer_attributes(const Request *request)
{
    struct stat st;
    MountResult result = attributes(request->mount, request->node, &st);

    if (result == MOUNT_DONE && request->kind == REQUEST_ATTRIBUTES) {
        fuse_reply_attr(request->req, &st, lasting(request->mount, request->node));
    } else if (result == MOUNT_DONE) {
        const struct fuse_entry_param entry = {
            .ino = request->node,
            .attr = st,
            .attr_timeout = lasting(request->mount, request->node),
            .entry_timeout = LASTING,
        };

        fuse_reply_entry(request->req, &entry);
    }
    return result;
}

static MountResult answer_read(const Request *request)
{
    g_autofree char *buffer = g_malloc(request->length);
    gsize length = request->length;
    MountResult result =
        mount_tree_read(request->mount->tree, request->node, request->offset, buffer, &length);

    if (result == MOUNT_DONE) {
        fuse_reply_buf(request->req, buffer, length);
    }
    return result;
}

static MountResult answer_seek(const Request *request)
{
    guint64 found = 0, size = 0;
    MountResult result = mount_tree_size(request->mount->tree, request->node, &size);

    if (result == MOUNT_DONE && request->offset >= size) {
        fuse_reply_err(request->req, ENXIO);
        return result;
    }
    result = mount_tree_seek(request->mount->tree, request->node, request->offset, request->data,
                             &found);
    if (result == MOUNT_DONE && request->data && found >= size) {
        fuse_reply_err(request->req, ENXIO);
    } else if (result == MOUNT_DONE) {
        fuse_reply_lseek(request->req, found);
    }
    return result;
}

/* FALSE when it hasn't arrived yet. */
static gboolean answer(const Request *request)
{
    MountResult result = request->kind == REQUEST_READ   ? answer_read(request)
                         : request->kind == REQUEST_SEEK ? answer_seek(request)
                                                         : answer_attributes(request);

    if (result == MOUNT_FAILED) {
        fuse_reply_err(request->req, EIO);
    }
    return result != MOUNT_WAIT;
}

/* --- waiting --- */

/* The process that asked was interrupted. libfuse calls this with a lock of the request held. */
static void on_interrupt(fuse_req_t req, void *data)
{
    Request *request = data;
    Mount *mount = request->mount;
    gboolean waiting;

    g_mutex_lock(&mount->lock);
    waiting = request->waiting;
    if (waiting) {
        g_queue_remove(&mount->waiting, request);
    }
    request->interrupted = TRUE;
    g_mutex_unlock(&mount->lock);
    /*
     * A request that isn't in the queue is being answered; whoever does that looks at `interrupted`
     * next.
     */
    if (waiting) {
        fuse_reply_err(req, EINTR);
        g_free(request);
    }
}

/* Puts it into the queue. FALSE when it was interrupted, or when the tree changed since `seen`. */
static gboolean wait_on(Request *request, guint seen)
{
    Mount *mount = request->mount;

    fuse_req_interrupt_func(request->req, on_interrupt, request);
    g_mutex_lock(&mount->lock);
    request->waiting = !request->interrupted && mount->changes == seen;
    if (request->waiting) {
        g_queue_push_tail(&mount->waiting, request);
    }
    g_mutex_unlock(&mount->lock);
    return request->waiting;
}

/* Answers it now, or leaves it in the queue. Takes ownership. */
static void handle(Request *request)
{
    Mount *mount = request->mount;
    gboolean interrupted;
    guint seen;

    do {
        /*
         * After this, on_interrupt isn't called any more, so the answer may free what it would use.
         */
        fuse_req_interrupt_func(request->req, NULL, NULL);
        g_mutex_lock(&mount->lock);
        interrupted = request->interrupted;
        seen = mount->changes;
        g_mutex_unlock(&mount->lock);
        if (interrupted) {
            fuse_reply_err(request->req, EINTR);
        }
        if (interrupted || answer(request)) {
            g_free(request);
            return;
        }
    } while (!wait_on(request, seen));
}

/* Takes out of the queue all requests that wait now. */
static GQueue take_waiting(Mount *mount)
{
    GQueue taken;

    g_mutex_lock(&mount->lock);
    mount->changes++;
    taken = mount->waiting;
    g_queue_init(&mount->waiting);
    for (GList *at = taken.head; at; at = at->next) {
        ((Request *)at->data)->waiting = FALSE;
    }
    g_mutex_unlock(&mount->lock);
    return taken;
}

static void on_changed(gpointer data)
{
    Mount *mount = data;
    GQueue taken = take_waiting(mount);
    Request *request;

    while ((request = g_queue_pop_head(&taken))) {
        handle(request);
    }
    if (!mount->complete && mount_tree_is_complete(mount->tree)) {
        mount->complete = TRUE;
        /* The stream may have sent a page again that the kernel has cached. */
        fuse_lowlevel_notify_inval_inode(
            mount->session, mount_tree_lookup(mount->tree, MOUNT_ROOT, "memory"), 0, 0);
    }
}

/* --- requests --- */

static void ask(fuse_req_t req, RequestKind kind, MountNode node, guint64 offset, gsize length,
                gboolean data)
{
    Request *request = g_new0(Request, 1);

    *request = (Request){ mount_of(req), req, kind, node, offset, length, data, FALSE, FALSE };
    handle(request);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    MountNode node = mount_tree_lookup(mount_of(req)->tree, parent, name);

    if (node) {
        ask(req, REQUEST_LOOKUP, node, 0, 0, FALSE);
    } else {
        fuse_reply_err(req, ENOENT);
    }
}

static void on_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)file;
    ask(req, REQUEST_ATTRIBUTES, node, 0, 0, FALSE);
}

static void on_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *file)
{
    Mount *mount = mount_of(req);

    if ((file->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EROFS);
        return;
    }
    file->direct_io = node == mount->status;
    file->keep_cache = mount_tree_is_complete(mount->tree);
    fuse_reply_open(req, file);
}

static void on_read(fuse_req_t req, fuse_ino_t node, size_t length, off_t offset,
                    struct fuse_file_info *file)
{
    (void)file;
    ask(req, REQUEST_READ, node, offset, length, FALSE);
}

static void on_lseek(fuse_req_t req, fuse_ino_t node, off_t offset, int whence,
                     struct fuse_file_info *file)
{
    (void)file;
    if (offset < 0 || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
        fuse_reply_err(req, offset < 0 ? ENXIO : EINVAL);
        return;
    }
    ask(req, REQUEST_SEEK, node, offset, 0, whence == SEEK_DATA);
}

/* The entry with this index of a folder, counting "." and "..". */
static MountNode entry_of(MountTree *tree, MountNode folder, guint index, const char **name)
{
    if (index < 2) {
        *name = index ? ".." : ".";
        return index ? mount_tree_parent(tree, folder) : folder;
    }
    return mount_tree_entry(tree, folder, index - 2, name);
}

static void on_readdir(fuse_req_t req, fuse_ino_t folder, size_t length, off_t offset,
                       struct fuse_file_info *file)
{
    MountTree *tree = mount_of(req)->tree;
    g_autofree char *buffer = g_malloc(length);
    gsize filled = 0;
    const char *name;
    MountNode node;

    (void)file;
    for (guint index = offset; (node = entry_of(tree, folder, index, &name)); index++) {
        const struct stat st = { .st_ino = node,
                                 .st_mode = mount_tree_is_folder(tree, node) ? S_IFDIR : S_IFREG };
        gsize size = fuse_add_direntry(req, buffer + filled, length - filled, name, &st, index + 1);

        if (size > length - filled) {
            break;
        }
        filled += size;
    }
    fuse_reply_buf(req, buffer, filled);
}

static void on_init(void *data, struct fuse_conn_info *connection)
{
    Mount *mount = data;

    /*
     * No read-ahead: its requests would wait for pages that haven't arrived, and the kernel limits
     * how many such requests there are at a time, so requests for pages that have arrived would
     * wait too.
     */
    if (mount_tree_follows(mount->tree)) {
        connection->max_readahead = 0;
        connection->want &= ~FUSE_CAP_ASYNC_READ;
        connection->max_background = G_MAXUINT16;
    }
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = on_lookup,
    .getattr = on_getattr,
    .open = on_open,
    .read = on_read,
    .lseek = on_lseek,
    .readdir = on_readdir,
};

/* --- the mount --- */

/* Keeps the first line that libfuse would write to standard error. */
static char *said;

static void keep_line(enum fuse_log_level level, const char *format, va_list args)
    G_GNUC_PRINTF(2, 0);

static void keep_line(enum fuse_log_level level, const char *format, va_list args)
{
    (void)level;
    if (!said) {
        g_autofree char *line = g_strchomp(g_strdup_vprintf(format, args));

        said = xen_physmap_escape(line, -1);
    }
}

static gboolean fail(GError **error, const char *what, const char *folder)
{
    g_autofree char *shown = xen_physmap_escape(folder, -1);

    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't %s %s%s%s", what, shown,
                said ? ": " : "", said ? said : "");
    return FALSE;
}

static void serve(Mount *mount)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    GQueue left;
    Request *request;

    mount_tree_start(mount->tree, on_changed, mount);
    fuse_session_loop_mt(mount->session, config);
    fuse_loop_cfg_destroy(config);
    /*
     * This comes first: the tree's thread may wait for a page of the kernel's that nobody asked for
     * any more.
     */
    fuse_session_unmount(mount->session);
    mount_tree_stop(mount->tree);
    left = take_waiting(mount);
    while ((request = g_queue_pop_head(&left))) {
        fuse_reply_err(request->req, EIO);
        g_free(request);
    }
}

gboolean mount_fuse_serve(MountTree *tree, const MountOptions *options, GError **error)
{
    g_autofree char *given =
        g_strconcat("ro,nodev,nosuid,default_permissions,fsname=xen-physmap,subtype=xen-physmap",
                    options->options ? "," : "", options->options ? options->options : "", NULL);
    char *argv[] = { (char *)"xen-physmap", (char *)"-o", given, NULL };
    struct fuse_args args = FUSE_ARGS_INIT(G_N_ELEMENTS(argv) - 1, argv);
    Mount mount = { .tree = tree, .waiting = G_QUEUE_INIT };
    gboolean mounted = FALSE;

    mount.status = mount_tree_lookup(tree, MOUNT_ROOT, "status");
    g_mutex_init(&mount.lock);
    fuse_set_log_func(keep_line);
    mount.session = fuse_session_new(&args, &operations, sizeof operations, &mount);
    if (!mount.session || fuse_set_signal_handlers(mount.session) != 0) {
        fail(error, "set FUSE up for", options->folder);
    } else {
        mounted = fuse_session_mount(mount.session, options->folder) == 0 ||
                  fail(error, "mount at", options->folder);
        fuse_set_log_func(NULL);
        if (mounted && fuse_daemonize(options->foreground) == 0) {
            serve(&mount);
        }
        fuse_session_unmount(mount.session); /* if it is called again, it does nothing */
        fuse_remove_signal_handlers(mount.session);
    }
    if (mount.session) {
        fuse_session_destroy(mount.session);
    }
    fuse_opt_free_args(&args);
    g_clear_pointer(&said, g_free);
    g_mutex_clear(&mount.lock);
    return mounted;
}
