/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Builds the tree from a savefile, in a thread. A stream that is still arriving comes through a
 * pipe.
 */
#include "mount-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "elf-core.h"
#include "guest-memory.h"
#include "record-file.h"
#include "record-text.h"
#include "saved-screen.h"
#include "screen.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE

/* The size of `memory` until the stream's end is known: more than any guest has. */
#define UNKNOWN_SIZE (G_GUINT64_CONSTANT(1) << 44)

/* A larger part of the savefile isn't shown: its length must be forged. */
#define CONTEXT_MAX (64U << 20)

/* xl puts the length of its config before it, and a NUL after it. */
#define XL_BEFORE 4
#define XL_AROUND 5

/* The emulator's id and index come before its state. */
#define EMULATOR_AROUND 8

#define CHUNK (256 * 1024)

/* How often a growing file is checked. */
#define GROWS_MS 50

typedef enum {
    KIND_FOLDER,
    KIND_STATUS, /* generated for each read */
    KIND_BYTES,  /* `bytes` */
    KIND_PART,   /* `size` bytes of the savefile from `start` on */
    KIND_MEMORY, /* `size` bytes of guest-physical memory from `start` on */
    KIND_ALL,    /* all of guest-physical memory */
    KIND_CORE,
    KIND_PICTURE, /* of the screen; it is made when it is first looked at */
    KIND_TEXT,    /* its characters, likewise */
} Kind;

typedef struct File {
    char *name;
    MountNode parent;
    Kind kind;
    GBytes *bytes;
    guint64 start, size;
    GArray *entries; /* an array of MountNode, in a folder */
} File;

struct MountTree {
    int fd; /* where pages are read: the savefile, or the copy of what came through a pipe */
    char *name;
    MountChanged changed;
    gpointer changed_data;

    /* For a stream that is still arriving: a thread passes what arrives on to the reader. */
    gboolean follow;
    int input, feed[2]; /* -1: none */
    int stop[2];        /* closed to end both threads */
    GThread *feeder;
    GThread *reader;

    GRWLock lock; /* the lock, for what follows */
    GPtrArray *files;
    GuestMemory *memory;
    VgaMode mode;       /* of the screen, if it has a file */
    GMutex drawing;     /* over the `bytes` of the screen's files */
    GuestRange context; /* of HVM_CONTEXT's body, in the savefile */
    ElfCore *core;      /* the stream's end was read */
    guint64 end;        /* from this offset on, nothing counts */
    guint64 bytes;      /* what was read of the stream so far */
    gboolean complete;
    char *failure; /* why the stream broke off; NULL if it didn't */
    char *trouble; /* the first read that failed, in words; NULL if none did */
};

/* --- the files --- */

static void file_free(gpointer data)
{
    File *file = data;

    g_free(file->name);
    g_clear_pointer(&file->bytes, g_bytes_unref);
    g_clear_pointer(&file->entries, g_array_unref);
    g_free(file);
}

static File *file_of(const MountTree *tree, MountNode node)
{
    return node >= MOUNT_ROOT && node <= tree->files->len ? tree->files->pdata[node - 1] : NULL;
}

static MountNode find_entry(const MountTree *tree, MountNode folder, const char *name)
{
    const File *file = file_of(tree, folder);

    for (guint i = 0; file && file->entries && i < file->entries->len; i++) {
        MountNode node = g_array_index(file->entries, MountNode, i);

        if (strcmp(file_of(tree, node)->name, name) == 0) {
            return node;
        }
    }
    return 0;
}

static File *add_file(MountTree *tree, MountNode parent, const char *name, Kind kind)
{
    File *file = g_new0(File, 1);
    MountNode node;

    file->name = g_strdup(name);
    file->parent = parent;
    file->kind = kind;
    file->entries = kind == KIND_FOLDER ? g_array_new(FALSE, FALSE, sizeof(MountNode)) : NULL;
    g_ptr_array_add(tree->files, file);
    node = tree->files->len;
    if (node != MOUNT_ROOT) {
        g_array_append_val(file_of(tree, parent)->entries, node);
    }
    return file;
}

/* The folder with this name, which is created if needed; 0 when a file has the name. */
static MountNode enter_folder(MountTree *tree, MountNode parent, const char *name)
{
    MountNode node = find_entry(tree, parent, name);

    if (!node) {
        add_file(tree, parent, name, KIND_FOLDER);
        return tree->files->len;
    }
    return file_of(tree, node)->kind == KIND_FOLDER ? node : 0;
}

/* A name from a savefile can have components that no path can have. */
static gboolean is_plain_path(char **parts)
{
    for (; *parts; parts++) {
        if (!**parts || strcmp(*parts, ".") == 0 || strcmp(*parts, "..") == 0) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * blocks/0000:00:03.0/vga.vram. If the path is taken or isn't valid, the block's offset is
 * appended.
 */
static void add_block(MountTree *tree, MountNode blocks, const XenPhysmapRecord *record)
{
    g_auto(GStrv) parts = g_strsplit(record->name, "/", -1);
    guint last = g_strv_length(parts) - 1;
    MountNode folder = is_plain_path(parts) ? blocks : 0;
    g_autofree char *name = NULL;
    File *file;

    for (guint i = 0; folder && i < last; i++) {
        folder = enter_folder(tree, folder, parts[i]);
    }
    if (folder && !find_entry(tree, folder, parts[last])) {
        name = g_strdup(parts[last]);
    } else {
        g_autofree char *flat = g_strdelimit(g_strndup(record->name, 200), "/", '_');

        name = g_strdup_printf("%s@%" G_GINT64_MODIFIER "x", flat, record->phys_offset);
        folder = blocks;
    }
    file = add_file(tree, folder, name, KIND_MEMORY);
    file->start = record->start_addr;
    file->size = record->size;
}

static void add_records(MountTree *tree, const XenPhysmapTable *table)
{
    g_autoptr(GByteArray) bytes =
        record_file_encode(table, RECORD_FORM_JSON, RECORD_TEXT_NO_DOMID, tree->name, NULL);
    File *file = add_file(tree, MOUNT_ROOT, "records.json", KIND_BYTES);

    file->bytes = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

static void add_part(MountTree *tree, const char *name, const StreamItem *item)
{
    File *file =
        find_entry(tree, MOUNT_ROOT, name) ? NULL : add_file(tree, MOUNT_ROOT, name, KIND_PART);

    if (file) {
        file->start = item->offset + item->head;
        file->size = item->length;
    }
}

/* The screen, when its place and mode are known. */
static void add_screen(MountTree *tree, const Savefile *savefile)
{
    const XenPhysmapRecord *videoram = saved_screen_videoram(savefile->table, NULL);
    File *file;

    if (!videoram || !saved_screen_mode(tree->fd, savefile, videoram, &tree->mode, NULL)) {
        return;
    }
    file = add_file(tree, MOUNT_ROOT, "screen.png", KIND_PICTURE);
    file->start = videoram->start_addr;
    file->size = videoram->size;
    if (tree->mode.text) {
        file = add_file(tree, MOUNT_ROOT, "screen.txt", KIND_TEXT);
        file->start = videoram->start_addr;
        file->size = videoram->size;
    }
}

/* Adds what is known from the headers of the stream records alone. */
static void add_contents(MountTree *tree, const Savefile *savefile)
{
    const XenPhysmapRecord *record;
    MountNode blocks = enter_folder(tree, MOUNT_ROOT, "blocks");

    for (guint i = 0; (record = xen_physmap_table_get(savefile->table, i)); i++) {
        add_block(tree, blocks, record);
    }
    add_records(tree, savefile->table);
    for (guint i = 0; i < savefile->carriers->len; i++) {
        StreamItem item = ((const Carrier *)savefile->carriers->pdata[i])->item;

        if (item.layer == STREAM_LIBXL_RECORD && item.type == LIBXL_EMULATOR_CONTEXT &&
            item.length >= EMULATOR_AROUND) {
            item.head += EMULATOR_AROUND;
            item.length -= EMULATOR_AROUND;
            add_part(tree, "device-state", &item);
        }
    }
    add_file(tree, MOUNT_ROOT, "memory.elf", KIND_CORE);
    add_screen(tree, savefile);
}

/* --- the thread that reads --- */

static void notify(MountTree *tree)
{
    if (tree->changed) {
        tree->changed(tree->changed_data);
    }
}

static gboolean add_pages(MountTree *tree, Stream *stream, const StreamItem *item, GError **error)
{
    g_autoptr(GuestPages) pages = guest_pages_read(stream, item, error);
    gboolean added;

    /* Not before the pages themselves have arrived. */
    if (!pages || !stream_pass_body(stream, error)) {
        return FALSE;
    }
    g_rw_lock_writer_lock(&tree->lock);
    added = guest_memory_add(tree->memory, pages, error);
    tree->bytes = stream_offset(stream);
    g_rw_lock_writer_unlock(&tree->lock);
    notify(tree);
    return added;
}

static void note_item(MountTree *tree, const StreamItem *item)
{
    StreamItem config = *item;

    g_rw_lock_writer_lock(&tree->lock);
    if (item->layer == STREAM_WRAPPER && item->type == WRAPPER_XL && item->length > XL_AROUND) {
        config.head += XL_BEFORE;
        config.length -= XL_AROUND;
        add_part(tree, "config.json", &config);
    } else if (item->layer == STREAM_WRAPPER && item->type == WRAPPER_LIBVIRT) {
        add_part(tree, "config.xml", item);
    } else if (item->layer == STREAM_LIBXC_RECORD && item->type == LIBXC_HVM_CONTEXT) {
        tree->context.start = item->offset + item->head;
        tree->context.end = tree->context.start + item->length;
    }
    g_rw_lock_writer_unlock(&tree->lock);
}

static gboolean read_stream(MountTree *tree, int fd, GError **error)
{
    g_autoptr(Stream) stream = stream_open(fd, error);
    StreamItem item;

    if (!stream) {
        return FALSE;
    }
    while (stream_next(stream, &item, error)) {
        if (item.layer == STREAM_END || item.offset >= tree->end) {
            return TRUE;
        }
        note_item(tree, &item);
        if (stream_has_pages(&item) && !add_pages(tree, stream, &item, error)) {
            return FALSE;
        }
    }
    return FALSE;
}

static void make_core(MountTree *tree)
{
    gsize length = tree->context.end - tree->context.start;
    g_autofree guint8 *context = length <= CONTEXT_MAX ? g_malloc(length) : NULL;

    if (context && pread(tree->fd, context, length, tree->context.start) != (gssize)length) {
        length = 0;
    }
    tree->core = elf_core_new(tree->memory, context, context ? length : 0);
}

/* The records come after the pages, so the headers are read a second time. */
static gboolean add_followed(MountTree *tree, GError **error)
{
    g_autoptr(Savefile) savefile = NULL;

    lseek(tree->fd, 0, SEEK_SET);
    savefile = savefile_read_file(tree->fd, error);
    if (savefile) {
        add_contents(tree, savefile);
    }
    return savefile != NULL;
}

static void conclude(MountTree *tree, gboolean whole, const GError *problem)
{
    g_autoptr(GError) error = NULL;

    g_rw_lock_writer_lock(&tree->lock);
    if (whole && tree->follow && !add_followed(tree, &error)) {
        whole = FALSE;
        problem = error;
    }
    if (whole) {
        make_core(tree);
    } else {
        tree->failure = g_strdup(problem->message);
        fprintf(stderr, "%s: %s: %s; what had arrived can be read\n", g_get_prgname(), tree->name,
                tree->failure);
    }
    tree->complete = TRUE;
    g_rw_lock_writer_unlock(&tree->lock);
    notify(tree);
}

static gpointer read_all(gpointer data)
{
    MountTree *tree = data;
    g_autoptr(GError) error = NULL;
    gboolean whole;

    if (!tree->follow) {
        lseek(tree->fd, 0, SEEK_SET);
    }
    whole = read_stream(tree, tree->follow ? tree->feed[0] : tree->fd, &error);
    if (tree->follow) {
        close(tree->feed[0]); /* the feeder ends with it */
        tree->feed[0] = -1;
    }
    conclude(tree, whole, error);
    return NULL;
}

/* --- the thread that passes on what arrives --- */

/* Writes to a pipe or, with `at`, to that place in the copy. */
static gboolean write_all(int fd, const guint8 *bytes, gsize length, const guint64 *at)
{
    for (gsize done = 0; done < length;) {
        gssize n = at ? pwrite(fd, bytes + done, length - done, *at + done)
                      : write(fd, bytes + done, length - done);

        if (n < 0 && errno != EINTR) {
            return FALSE;
        }
        done += MAX(n, 0);
    }
    return TRUE;
}

/* the reader ends when it has the stream's end */
static gboolean await_input(MountTree *tree, gboolean grows)
{
    struct pollfd fds[] = {
        { .fd = tree->stop[0], .events = POLLIN },
        { .fd = grows || tree->fd == tree->input ? -1 : tree->input, .events = POLLIN },
        { .fd = tree->feed[1],
          .events = 0 }, /* the reader ends when it has read the stream's end */
    };

    poll(fds, G_N_ELEMENTS(fds), grows ? GROWS_MS : tree->fd == tree->input ? 0 : -1);
    return !fds[0].revents && !fds[2].revents;
}

static gpointer feed(gpointer data)
{
    MountTree *tree = data;
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    gboolean grows = tree->fd == tree->input, at_end = FALSE;
    guint64 at = 0;

    while (await_input(tree, grows && at_end)) {
        gssize n = grows ? pread(tree->input, chunk, CHUNK, at) : read(tree->input, chunk, CHUNK);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        at_end = n == 0;
        /* The copy first: what the reader has seen can then be read. */
        if (n < 0 || (n == 0 && !grows) || (!grows && !write_all(tree->fd, chunk, n, &at)) ||
            !write_all(tree->feed[1], chunk, n, NULL)) {
            break;
        }
        at += n;
    }
    close(tree->feed[1]); /* nothing more will come, so what the reader lacks is missing */
    tree->feed[1] = -1;
    return NULL;
}

/* --- from outside --- */

static MountTree *tree_new(int fd, const char *name)
{
    MountTree *tree = g_new0(MountTree, 1);

    tree->fd = tree->input = fd;
    tree->feed[0] = tree->feed[1] = tree->stop[0] = tree->stop[1] = -1;
    tree->name = xen_physmap_escape(name, -1);
    tree->end = G_MAXUINT64;
    tree->files = g_ptr_array_new_with_free_func(file_free);
    tree->memory = guest_memory_new();
    g_rw_lock_init(&tree->lock);
    g_mutex_init(&tree->drawing);
    add_file(tree, 0, "", KIND_FOLDER);
    add_file(tree, MOUNT_ROOT, "status", KIND_STATUS);
    add_file(tree, MOUNT_ROOT, "memory", KIND_ALL);
    return tree;
}

/* The configuration is in the first item. */
static gboolean add_config(MountTree *tree, GError **error)
{
    g_autoptr(Stream) stream = NULL;
    StreamItem item;

    lseek(tree->fd, 0, SEEK_SET);
    stream = stream_open(tree->fd, error);
    if (!stream || !stream_next(stream, &item, error)) {
        return FALSE;
    }
    note_item(tree, &item);
    return TRUE;
}

MountTree *mount_tree_open(int fd, const char *name, GError **error)
{
    g_autoptr(MountTree) tree = tree_new(fd, name);
    g_autoptr(Savefile) savefile = savefile_read_file(fd, error);

    if (!savefile || !add_config(tree, error)) {
        return NULL;
    }
    tree->end = savefile->end;
    add_contents(tree, savefile);
    return g_steal_pointer(&tree);
}

/* A pipe can't be read twice, so its bytes are kept here. */
static int make_copy(GError **error)
{
    FILE *file = tmpfile();
    int fd = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 3) : -1;

    if (fd < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't make a temporary file for the stream: %s", g_strerror(errno));
    }
    if (file) {
        fclose(file);
    }
    return fd;
}

MountTree *mount_tree_follow(int fd, const char *name, GError **error)
{
    g_autoptr(MountTree) tree = tree_new(fd, name);
    struct stat st;

    tree->follow = TRUE;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && (tree->fd = make_copy(error)) < 0) {
        return NULL;
    }
    if (pipe2(tree->feed, O_CLOEXEC) || pipe2(tree->stop, O_CLOEXEC)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't make a pipe: %s",
                    g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&tree);
}

void mount_tree_start(MountTree *tree, MountChanged func, gpointer data)
{
    sigset_t all, before;

    tree->changed = func;
    tree->changed_data = data;
    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    tree->reader = g_thread_new("reader", read_all, tree);
    if (tree->follow) {
        tree->feeder = g_thread_new("feeder", feed, tree);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void mount_tree_stop(MountTree *tree)
{
    close_fd(&tree->stop[1]);
    if (tree->feeder) {
        g_thread_join(g_steal_pointer(&tree->feeder));
    }
    if (tree->reader) {
        g_thread_join(g_steal_pointer(&tree->reader));
    }
}

void mount_tree_free(MountTree *tree)
{
    if (!tree) {
        return;
    }
    mount_tree_stop(tree);
    close_fd(&tree->stop[0]);
    close_fd(&tree->feed[0]);
    close_fd(&tree->feed[1]);
    if (tree->fd != tree->input) {
        close_fd(&tree->fd);
    }
    close_fd(&tree->input);
    g_ptr_array_unref(tree->files);
    guest_memory_free(tree->memory);
    elf_core_free(tree->core);
    g_rw_lock_clear(&tree->lock);
    g_mutex_clear(&tree->drawing);
    g_free(tree->failure);
    g_free(tree->trouble);
    g_free(tree->name);
    g_free(tree);
}

gboolean mount_tree_follows(const MountTree *tree)
{
    return tree->follow;
}

gboolean mount_tree_is_complete(MountTree *tree)
{
    gboolean complete;

    g_rw_lock_reader_lock(&tree->lock);
    complete = tree->complete;
    g_rw_lock_reader_unlock(&tree->lock);
    return complete;
}

MountNode mount_tree_lookup(MountTree *tree, MountNode folder, const char *name)
{
    MountNode node;

    g_rw_lock_reader_lock(&tree->lock);
    node = find_entry(tree, folder, name);
    g_rw_lock_reader_unlock(&tree->lock);
    return node;
}

/* Of a file, what never changes once the file exists. */
static const File *lasting(MountTree *tree, MountNode node)
{
    const File *file;

    g_rw_lock_reader_lock(&tree->lock);
    file = file_of(tree, node);
    g_rw_lock_reader_unlock(&tree->lock);
    return file;
}

gboolean mount_tree_is_folder(MountTree *tree, MountNode node)
{
    const File *file = lasting(tree, node);

    return file && file->kind == KIND_FOLDER;
}

MountNode mount_tree_parent(MountTree *tree, MountNode node)
{
    const File *file = lasting(tree, node);

    return file && file->parent ? file->parent : MOUNT_ROOT;
}

MountNode mount_tree_entry(MountTree *tree, MountNode folder, guint index, const char **name)
{
    MountNode node = 0;
    const File *file;

    g_rw_lock_reader_lock(&tree->lock);
    file = file_of(tree, folder);
    if (file && file->entries && index < file->entries->len) {
        node = g_array_index(file->entries, MountNode, index);
        *name = file_of(tree, node)->name;
    }
    g_rw_lock_reader_unlock(&tree->lock);
    return node;
}

static GBytes *make_status(const MountTree *tree)
{
    const char *state = tree->failure ? "broken off: " : tree->complete ? "complete" : "arriving";
    char *text = g_strdup_printf("savefile: %s\nstate: %s%s\nbytes: %" G_GUINT64_FORMAT
                                 "\npages: %" G_GUINT64_FORMAT "\n%s%s%s",
                                 tree->name, state, tree->failure ? tree->failure : "", tree->bytes,
                                 guest_memory_pages(tree->memory, 0, G_MAXUINT64),
                                 tree->trouble ? "trouble: " : "",
                                 tree->trouble ? tree->trouble : "", tree->trouble ? "\n" : "");

    return g_bytes_new_take(text, strlen(text));
}

static cairo_status_t append(void *array, const unsigned char *bytes, unsigned int length)
{
    g_byte_array_append(array, bytes, length);
    return CAIRO_STATUS_SUCCESS;
}

/* The picture as PNG, of this part of videoram. NULL when there is no memory for it. */
static GBytes *draw(const VgaMode *mode, const guint8 *part)
{
    GByteArray *png = g_byte_array_new();
    cairo_surface_t *surface = screen_draw(mode, part);
    cairo_status_t status = cairo_surface_write_to_png_stream(surface, append, png);

    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS) {
        g_byte_array_unref(png);
        return NULL;
    }
    return g_byte_array_free_to_bytes(png);
}

/* With the lock held: what is in a file of the screen, or NULL. Missing pages are black. */
static GBytes *make_screen(const MountTree *tree, const File *file)
{
    guint64 first, length;
    g_autofree guint8 *part = NULL;

    if (!saved_screen_extent(&tree->mode, file->size, &first, &length, NULL)) {
        return NULL;
    }
    part = g_malloc(length);
    if (!guest_memory_read(tree->memory, tree->fd, file->start + first, part, length, NULL)) {
        return NULL;
    }
    if (file->kind == KIND_TEXT) {
        char *text = screen_text(&tree->mode, part);

        return g_bytes_new_take(text, strlen(text));
    }
    return draw(&tree->mode, part);
}

/* With the lock held. */
static MountResult size_of_screen(MountTree *tree, File *file, guint64 *size)
{
    gboolean made;

    if (!tree->complete) {
        return MOUNT_WAIT;
    }
    g_mutex_lock(&tree->drawing);
    if (!file->bytes) {
        file->bytes = make_screen(tree, file);
    }
    made = file->bytes != NULL;
    *size = made ? g_bytes_get_size(file->bytes) : 0;
    g_mutex_unlock(&tree->drawing);
    return made ? MOUNT_DONE : MOUNT_FAILED;
}

/* With the lock held. */
static MountResult size_of(MountTree *tree, File *file, guint64 *size)
{
    g_autoptr(GBytes) status = NULL;

    *size = file->size;
    switch (file->kind) {
    case KIND_PICTURE:
    case KIND_TEXT:
        return size_of_screen(tree, file, size);
    case KIND_STATUS:
        status = make_status(tree);
        *size = g_bytes_get_size(status);
        return MOUNT_DONE;
    case KIND_BYTES:
        *size = g_bytes_get_size(file->bytes);
        return MOUNT_DONE;
    case KIND_ALL:
        *size = tree->core ? guest_memory_end(tree->memory) : UNKNOWN_SIZE;
        return tree->complete || tree->follow ? MOUNT_DONE : MOUNT_WAIT;
    case KIND_CORE:
        *size = tree->core ? elf_core_size(tree->core) : 0;
        return tree->complete ? MOUNT_DONE : MOUNT_WAIT;
    default:
        return MOUNT_DONE;
    }
}

MountResult mount_tree_size(MountTree *tree, MountNode node, guint64 *size)
{
    File *file;
    MountResult result;

    g_rw_lock_reader_lock(&tree->lock);
    file = file_of(tree, node);
    result = file ? size_of(tree, file, size) : MOUNT_FAILED;
    g_rw_lock_reader_unlock(&tree->lock);
    return result;
}

/* Guest memory can be read when the tree is complete, or when all of these pages have arrived. */
static MountResult may_read(const MountTree *tree, guint64 start, guint64 end)
{
    guint64 first = start / PAGE * PAGE, last = (end + PAGE - 1) / PAGE * PAGE;

    if (tree->complete && !tree->failure) {
        return MOUNT_DONE;
    }
    /* Until its end, a savefile may send any page again. */
    if ((tree->follow || tree->complete) &&
        guest_memory_pages(tree->memory, first, last) == (last - first) / PAGE) {
        return MOUNT_DONE;
    }
    return tree->complete ? MOUNT_FAILED : MOUNT_WAIT;
}

static MountResult copy_bytes(GBytes *bytes, guint64 offset, void *buffer, gsize length)
{
    memcpy(buffer, (const guint8 *)g_bytes_get_data(bytes, NULL) + offset, length);
    return MOUNT_DONE;
}

static gboolean read_part(const MountTree *tree, guint64 start, void *buffer, gsize length,
                          GError **error)
{
    gssize n = pread(tree->fd, buffer, length, start);

    if (n == (gssize)length) {
        return TRUE;
    }
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't read the savefile: %s",
                n < 0 ? g_strerror(errno) : "it is shorter now");
    return FALSE;
}

static MountResult read_file(const MountTree *tree, const File *file, guint64 offset, void *buffer,
                             gsize length, GError **error)
{
    g_autoptr(GBytes) status = NULL;
    guint64 start = file->start + offset;
    MountResult result;

    switch (file->kind) {
    case KIND_STATUS:
        status = make_status(tree);
        return copy_bytes(status, offset, buffer, MIN(length, g_bytes_get_size(status) - offset));
    case KIND_BYTES:
    case KIND_PICTURE:
    case KIND_TEXT:
        return copy_bytes(file->bytes, offset, buffer, length);
    case KIND_PART:
        return read_part(tree, start, buffer, length, error) ? MOUNT_DONE : MOUNT_FAILED;
    case KIND_CORE:
        return elf_core_read(tree->core, tree->memory, tree->fd, offset, buffer, length, error)
                   ? MOUNT_DONE
                   : MOUNT_FAILED;
    case KIND_MEMORY:
    case KIND_ALL:
        result = may_read(tree, start, start + length);
        return result != MOUNT_DONE ||
                       guest_memory_read(tree->memory, tree->fd, start, buffer, length, error)
                   ? result
                   : MOUNT_FAILED;
    default:
        return MOUNT_FAILED;
    }
}

/* Reported once: otherwise a savefile that shrank would be reported for each page. */
static void tell(MountTree *tree, const GError *error)
{
    g_rw_lock_writer_lock(&tree->lock);
    if (!tree->trouble) {
        tree->trouble = g_strdup(error->message);
        fprintf(stderr, "%s: %s: %s; reads of it fail with an I/O error\n", g_get_prgname(),
                tree->name, tree->trouble);
    }
    g_rw_lock_writer_unlock(&tree->lock);
}

MountResult mount_tree_read(MountTree *tree, MountNode node, guint64 offset, void *buffer,
                            gsize *length)
{
    g_autoptr(GError) error = NULL;
    File *file;
    MountResult result;
    guint64 size = 0;

    g_rw_lock_reader_lock(&tree->lock);
    file = file_of(tree, node);
    result = file ? size_of(tree, file, &size) : MOUNT_FAILED;
    if (result == MOUNT_DONE) {
        *length = offset < size ? MIN(*length, size - offset) : 0;
        result = *length ? read_file(tree, file, offset, buffer, *length, &error) : MOUNT_DONE;
    }
    g_rw_lock_reader_unlock(&tree->lock);
    if (error) {
        tell(tree, error);
    }
    return result;
}

/* Within guest memory from `start` on, `size` bytes long. */
static guint64 seek_memory(const MountTree *tree, guint64 start, guint64 size, guint64 offset,
                           gboolean data)
{
    guint64 at = start + offset, end = start + size;
    GuestRange range;

    if (!guest_memory_next(tree->memory, at, &range) || range.start >= end) {
        return data ? size : offset;
    }
    if (data) {
        return MAX(range.start, at) - start;
    }
    return range.start > at ? offset : MIN(range.end, end) - start;
}

MountResult mount_tree_seek(MountTree *tree, MountNode node, guint64 offset, gboolean data,
                            guint64 *found)
{
    File *file;
    MountResult result;
    guint64 size = 0;

    g_rw_lock_reader_lock(&tree->lock);
    file = file_of(tree, node);
    result = file ? size_of(tree, file, &size) : MOUNT_FAILED;
    if (result == MOUNT_DONE && file->kind != KIND_ALL && file->kind != KIND_MEMORY) {
        *found = data ? offset : size;
    } else if (result == MOUNT_DONE) {
        result = tree->complete ? MOUNT_DONE : MOUNT_WAIT;
        *found = seek_memory(tree, file->start, size, offset, data);
    }
    g_rw_lock_reader_unlock(&tree->lock);
    return result;
}
