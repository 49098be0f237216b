/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap clone: copies of a savefile, each for a guest of its own. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "atomic-file.h"
#include "config-devices.h"
#include "config-edit.h"
#include "fail.h"
#include "input.h"
#include "savefile.h"
#include "trusted-file.h"
#include "verb.h"

/* Characters that a shell doesn't interpret. */
#define PLAIN G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "/._-+=:@%,"

/* The most clones of one call. */
#define CLONES_MAX 256

#define CHANGED_FOLDER                                                                             \
    "; with --run and --overlays, only root (or you, if you aren't root) may be able to change "   \
    "the folder and those above it: use chown and chmod go-w, or name another --directory"

/* The descriptor through which qemu-img gets the file to write. */
#define OVERLAY_FD 9

/* A qcow2 file that has only the differences from another disk. */
typedef struct Overlay {
    char *base;
    char *backing;
    const char *format; /* of the backing disk */
    gboolean made;
    struct stat st; /* once it was made */
} Overlay;

typedef struct Clone {
    const char *name;
    char *base, *path; /* of its savefile */
    ConfigText *config;
    GString *text;
    GPtrArray *overlays;
} Clone;

typedef struct Template {
    const char *shown;
    int fd;
    struct stat st; /* before it was read */
    char *folder;   /* where the clones go, from / on */
    int folder_fd;
    StreamItem item;
    ConfigBody body;
    ConfigText *text;
    GuestConfig *config;
    char **disks, **settings;
    gboolean overlays;
} Template;

static gboolean failed(GError **error, int number, const char *what, const char *name)
{
    g_autofree char *shown = xen_physmap_escape(name, -1);

    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "%s: %s: %s", shown, what,
                g_strerror(number));
    return FALSE;
}

static void overlay_free(gpointer data)
{
    Overlay *overlay = data;

    g_free(overlay->base);
    g_free(overlay->backing);
    g_free(overlay);
}

static void clone_free(gpointer data)
{
    Clone *clone = data;

    g_free(clone->base);
    g_free(clone->path);
    config_text_free(clone->config);
    if (clone->text) {
        g_string_free(clone->text, TRUE);
    }
    g_ptr_array_unref(clone->overlays);
    g_free(clone);
}

/* --- planning --- */

static const char *config_text(const Template *template, gsize *length)
{
    *length = template->body.end - template->body.start;
    return (char *)template->body.bytes + template->body.start;
}

static gboolean read_template(Template *template, GError **error)
{
    g_autoptr(Savefile) contents = NULL;
    g_autoptr(Stream) stream = NULL;
    const char *text;
    gsize length;

    if (fstat(template->fd, &template->st) < 0) {
        return failed(error, errno, "can't look at it", template->shown);
    }
    contents = savefile_read_file(template->fd, error);
    if (!contents || !savefile_check_whole(contents, error)) {
        return FALSE;
    }
    stream = stream_open(template->fd, error);
    if (!stream || !stream_next(stream, &template->item, error) ||
        !config_body_read(stream, &template->item, &template->body, error)) {
        return FALSE;
    }
    text = config_text(template, &length);
    template->config = guest_config_parse(template->item.type, text, length, error);
    template->text = template->config ? config_text_parse(template->item.type == WRAPPER_LIBVIRT,
                                                          text, length, error)
                                      : NULL;
    return template->text &&
           (template->config->name || invalid(error, "its configuration has no name of a guest"));
}

/* The edits with the clone's name in place of each "{name}". NULL for NULL. */
static char **with_name(char *const *orders, const char *name)
{
    GPtrArray *list = orders ? g_ptr_array_new() : NULL;

    for (char *const *order = orders; order && *order; order++) {
        g_auto(GStrv) parts = g_strsplit(*order, "{name}", -1);

        g_ptr_array_add(list, g_strjoinv(name, parts));
    }
    if (!list) {
        return NULL;
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

/*
 * A name in the folder that doesn't exist yet. The savefile and disks of a guest are never
 * overwritten.
 */
static gboolean check_new(const Template *template, const char *base, GError **error)
{
    struct stat st;

    if (fstatat(template->folder_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT || failed(error, errno, "can't look for it", base);
    }
    return invalid(error, "%s exists already; remove it, or name another --directory", base);
}

static gboolean plan_overlay(const Template *template, Clone *clone, const ConfigDisk *disk,
                             GError **error)
{
    const char *format = config_disk_format(disk);
    Overlay *overlay = g_new0(Overlay, 1);
    g_autofree char *path = NULL, *shown = xen_physmap_escape(disk->path, -1);

    overlay->base = g_strdup_printf("%s-%u.qcow2", clone->name, clone->overlays->len);
    overlay->backing = g_strdup(disk->path);
    overlay->format = format;
    g_ptr_array_add(clone->overlays, overlay);
    if (!format) {
        return invalid(error,
                       "the disk %s has neither the format raw nor qcow2, so it can't have "
                       "an overlay",
                       shown);
    }
    /* qemu-img would take other names as protocols. */
    if (*disk->path != '/') {
        return invalid(error, "the disk %s is not named from / on, so it can't have an overlay",
                       shown);
    }
    path = g_build_filename(template->folder, overlay->base, NULL);
    if (disk->argument && strchr(path, ',')) {
        return invalid(error, "the folder has a comma, where an argument of QEMU ends a part; name "
                              "another --directory");
    }
    return check_new(template, overlay->base, error) && config_disk_set_overlay(disk, path, error);
}

static gboolean plan_overlays(const Template *template, Clone *clone, GError **error)
{
    g_autoptr(GPtrArray) disks = config_disks(clone->config);

    for (guint i = 0; template->overlays && i < disks->len; i++) {
        const ConfigDisk *disk = disks->pdata[i];

        if (disk->writable && !disk->file->spelling &&
            !plan_overlay(template, clone, disk, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_shared(const Template *template, const Clone *clone, const Clone *before,
                             GError **error)
{
    g_autoptr(GPtrArray) shared =
        config_shared(clone->config, template->text, before ? before->config : NULL);
    g_autofree char *list = NULL;

    if (shared->len == 0) {
        return TRUE;
    }
    g_ptr_array_add(shared, NULL);
    list = g_strjoinv("; ", (char **)shared->pdata);
    return invalid(error, "%s", list);
}

/* Plans one clone. `before` is the clone before it, or NULL. */
static gboolean plan(const Template *template, Clone *clone, const Clone *before,
                     ConfigOrders *orders, GError **error)
{
    gsize length;
    const char *text = config_text(template, &length);
    gboolean ok;

    if (strcmp(clone->name, template->config->name) == 0) {
        return invalid(error, "the guest in the savefile has this name; give the clone another");
    }
    clone->base = g_strconcat(clone->name, ".save", NULL);
    clone->path = g_build_filename(template->folder, clone->base, NULL);
    clone->config = config_text_parse(template->item.type == WRAPPER_LIBVIRT, text, length, error);
    orders->disks = with_name(template->disks, clone->name);
    orders->settings = with_name(template->settings, clone->name);
    ok = clone->config && check_new(template, clone->base, error) &&
         config_carry_out(clone->config, orders, error) &&
         config_rename_paths(clone->config, template->config->name, clone->name, error) &&
         plan_overlays(template, clone, error) && check_shared(template, clone, before, error);
    g_strfreev(orders->disks);
    g_strfreev(orders->settings);
    if (!ok) {
        return FALSE;
    }
    clone->text = config_text_result(clone->config);
    return config_check(template->item.type, template->config, clone->text, error);
}

/* Plans all clones; NULL on an error. Nothing is written yet. */
static GPtrArray *plan_all(const Template *template, char **names, GError **error)
{
    g_autoptr(GPtrArray) clones = g_ptr_array_new_with_free_func(clone_free);
    guint32 mac = 0;

    for (guint i = 0; names[i]; i++) {
        Clone *clone = g_new0(Clone, 1);
        ConfigOrders orders = { .name = names[i], .uuid = g_strdup("new") };
        gboolean ok;

        clone->name = names[i];
        clone->overlays = g_ptr_array_new_with_free_func(overlay_free);
        g_ptr_array_add(clones, clone);
        ok = config_orders_prepare(&orders, error);
        orders.new_macs = template->config->cards->len > 0;
        /* A range for each clone, so that no two cards have the same address. */
        mac = i == 0 ? orders.first_mac : mac + CARDS_MAX;
        orders.first_mac = mac;
        ok = ok && plan(template, clone, i > 0 ? clones->pdata[i - 1] : NULL, &orders, error);
        g_free(orders.uuid);
        if (!ok) {
            g_prefix_error(error, "%s: ", names[i]);
            return NULL;
        }
        if (i > 0) {
            Clone *before = clones->pdata[i - 1];

            g_clear_pointer(&before->config, config_text_free);
        }
    }
    return g_steal_pointer(&clones);
}

/* --- writing --- */

/* Runs a program from PATH. `output` becomes its descriptor OVERLAY_FD, unless it is negative. */
static gboolean run(char *const *arguments, int output, GError **error)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int problem, status;

    posix_spawn_file_actions_init(&actions);
    if (output >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output, OVERLAY_FD);
    }
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    problem = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem) {
        return failed(error, problem, "can't start it", arguments[0]);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "%s failed; it says why",
                    arguments[0]);
        return FALSE;
    }
    return TRUE;
}

/* Gives the file its name, and keeps in `st` which file it is. */
static gboolean commit(AtomicFile *output, struct stat *st, gboolean *made, GError **error)
{
    if (fstat(atomic_file_fd(output), st) < 0) {
        return failed(error, errno, "can't look at it", "a new file");
    }
    /* It may have its name even when that fails. */
    *made = TRUE;
    return atomic_file_commit(output, error);
}

/* Removes the name if it still is this file's. */
static void remove_made(const Template *template, const char *base, const struct stat *st)
{
    struct stat now;

    if (fstatat(template->folder_fd, base, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        now.st_dev == st->st_dev && now.st_ino == st->st_ino) {
        unlinkat(template->folder_fd, base, 0);
    }
}

static gboolean make_overlay(const Template *template, Overlay *overlay, GError **error)
{
    char *const arguments[] = {
        (char *)"qemu-img",
        (char *)"create",
        (char *)"-q",
        (char *)"-f",
        (char *)"qcow2",
        (char *)"-b",
        overlay->backing,
        (char *)"-F",
        (char *)overlay->format,
        (char *)"/proc/self/fd/9",
        NULL,
    };
    g_autoptr(AtomicFile) output =
        atomic_file_create_in(template->folder_fd, overlay->base, overlay->base, error);

    return output && run(arguments, atomic_file_fd(output), error) &&
           commit(output, &overlay->st, &overlay->made, error);
}

/* The template with the clone's configuration. */
static gboolean copy(const Template *template, const Clone *clone, int out, GError **error)
{
    g_autoptr(Stream) stream = stream_open(template->fd, error);
    ConfigBody body = { 0 };
    StreamItem item;
    gboolean ok;

    if (!stream) {
        return FALSE;
    }
    stream_tee(stream, out);
    ok = stream_next(stream, &item, error) && config_body_read(stream, &item, &body, error);
    if (ok && (body.length != template->body.length ||
               memcmp(body.bytes, template->body.bytes, body.length) != 0)) {
        ok = invalid(error, "it changed while it was read");
    }
    ok = ok && config_body_replace(stream, &item, &body, clone->text, error) &&
         stream_rest(stream, error);
    g_free(body.bytes);
    return ok;
}

static gboolean make(const Template *template, const Clone *clone, GError **error)
{
    g_autoptr(AtomicFile) output =
        atomic_file_create_in(template->folder_fd, clone->base, clone->base, error);
    gboolean ok = output && copy(template, clone, atomic_file_fd(output), error), made = FALSE;
    struct stat st;

    for (guint i = 0; ok && i < clone->overlays->len; i++) {
        ok = make_overlay(template, clone->overlays->pdata[i], error);
    }
    ok = ok && input_check_unchanged(template->fd, &template->st, error) &&
         commit(output, &st, &made, error);
    if (ok) {
        return TRUE;
    }
    if (made) {
        remove_made(template, clone->base, &st);
    }
    for (guint i = 0; i < clone->overlays->len; i++) {
        const Overlay *overlay = clone->overlays->pdata[i];

        if (overlay->made) {
            remove_made(template, overlay->base, &overlay->st);
        }
    }
    return FALSE;
}

static gboolean restore(const Template *template, const Clone *clone, gboolean now, GError **error)
{
    const char *program = template->item.type == WRAPPER_LIBVIRT ? "virsh" : "xl";
    char *const arguments[] = { (char *)program, (char *)"restore", clone->path, NULL };
    gboolean plain = strspn(clone->path, PLAIN) == strlen(clone->path);
    g_autofree char *quoted = plain ? g_strdup(clone->path) : g_shell_quote(clone->path);

    if (now) {
        return run(arguments, -1, error);
    }
    printf("%s restore %s\n", program, quoted);
    return TRUE;
}

static gboolean make_all(const Template *template, const GPtrArray *clones, gboolean now,
                         GError **error)
{
    for (guint i = 0; i < clones->len; i++) {
        const Clone *clone = clones->pdata[i];

        if (!make(template, clone, error) || !restore(template, clone, now, error)) {
            g_prefix_error(error, "%s: ", clone->name);
            return FALSE;
        }
    }
    return TRUE;
}

static void warn(const Template *template)
{
    struct stat st;
    g_autoptr(GPtrArray) disks = fstat(template->fd, &st) == 0
                                     ? config_changed_disks(template->text, st.st_mtime)
                                     : g_ptr_array_new();

    for (guint i = 0; i < disks->len; i++) {
        fprintf(stderr, "xen-physmap clone: %s: warning: %s\n", template->shown,
                (const char *)disks->pdata[i]);
    }
}

/* The folder's path is printed in commands, so a terminal has to show it as it is. */
static gboolean check_folder(const char *folder, GError **error)
{
    gboolean good = g_utf8_validate(folder, -1, NULL);

    for (const char *at = folder; good && *at; at = g_utf8_next_char(at)) {
        good = g_unichar_isprint(g_utf8_get_char(at));
    }
    return good ||
           failed(error, EINVAL, "a folder for clones has a path of printable UTF-8", folder);
}

/* xl, virsh and QEMU open what is in the folder by its path. */
static gboolean open_folder(Template *template, gboolean by_path, GError **error)
{
    if (by_path) {
        template->folder_fd = trusted_folder_open(template->folder, FALSE, error);
        if (template->folder_fd < 0) {
            g_autofree char *text = g_strconcat((*error)->message, CHANGED_FOLDER, NULL);

            g_clear_error(error);
            g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_ACCESS, text);
        }
        return template->folder_fd >= 0;
    }
    template->folder_fd = open(template->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return template->folder_fd >= 0 || failed(error, errno, "can't open it", template->folder);
}

static gboolean open_template(Template *template, const char *name, const char *folder,
                              gboolean by_path, GError **error)
{
    template->fd = input_open(name, error);
    if (template->fd < 0) {
        return FALSE;
    }
    template->folder = g_canonicalize_filename(folder, NULL);
    return check_folder(template->folder, error) && open_folder(template, by_path, error);
}

static gboolean check_names(char **names, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (char **name = names; *name; name++) {
        ConfigOrders orders = { .name = *name };

        if (!config_orders_prepare(&orders, error)) {
            return FALSE;
        }
        if (!g_hash_table_add(seen, *name)) {
            return invalid(error, "two clones are named %s", *name);
        }
    }
    return TRUE;
}

static void template_clear(Template *template)
{
    if (template->fd >= 0) {
        close(template->fd);
    }
    if (template->folder_fd >= 0) {
        close(template->folder_fd);
    }
    g_clear_pointer(&template->config, guest_config_free);
    config_text_free(template->text);
    g_free(template->body.bytes);
    g_free(template->folder);
    g_strfreev(template->disks);
    g_strfreev(template->settings);
}

int verb_clone(int argc, char **argv)
{
    g_autofree char *folder = NULL;
    g_autofree char *shown = NULL;
    Template template = { .fd = -1, .folder_fd = -1 };
    gboolean now = FALSE, ok;
    const GOptionEntry entries[] = {
        { "directory", 'd', 0, G_OPTION_ARG_FILENAME, &folder,
          "write NAME.save into this folder, not into the current one", "DIR" },
        { "disk", 0, 0, G_OPTION_ARG_STRING_ARRAY, &template.disks,
          "give each clone another disk for this one; {name} in NEW is its name", "OLD=NEW" },
        { "overlays", 0, 0, G_OPTION_ARG_NONE, &template.overlays,
          "make a qcow2 file on top of each other disk that it writes to, with qemu-img", NULL },
        { "set-config", 0, 0, G_OPTION_ARG_STRING_ARRAY, &template.settings,
          "change any value of the configuration; {name} in VALUE is its name", "PATH=VALUE" },
        { "run", 0, 0, G_OPTION_ARG_NONE, &now, "restore each clone, by xl or virsh", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) clones = NULL;
    ConfigOrders orders = { 0 };

    if (!verb_options(
            &argc, &argv, entries, "SAVEFILE NAME...",
            "Writes a copy of a savefile for each NAME, with that name, and with a UUID,\n"
            "network addresses, sockets and disks of its own. Prints the commands that\n"
            "restore them. What two guests can't share is refused before anything is\n"
            "written.\n"
            "\n"
            "  xen-physmap clone --overlays g1.save c1 c2 c3\n"
            "  xen-physmap clone --disk /guests/g1.img=/guests/{name}.img g1.save c1\n"
            "\n"
            "Each clone goes on where the guest was saved. It needs as much memory as that\n"
            "guest, because Xen doesn't let guests share pages. It has the guest's host name\n"
            "and network addresses in its memory until you change them in the clone.",
            2, 1 + CLONES_MAX)) {
        template_clear(&template);
        return EXIT_TROUBLE;
    }
    orders.disks = template.disks;
    orders.settings = template.settings;
    if (!check_names(argv + 2, &error) || !config_orders_prepare(&orders, &error)) {
        template_clear(&template);
        return verb_misused(g_steal_pointer(&error));
    }
    template.shown = shown = xen_physmap_escape(argv[1], -1);
    ok = open_template(&template, argv[1], folder ? folder : ".", now || template.overlays,
                       &error) &&
         read_template(&template, &error) && (clones = plan_all(&template, argv + 2, &error));
    if (ok) {
        warn(&template);
        ok = make_all(&template, clones, now, &error);
    }
    template_clear(&template);
    if (!ok) {
        g_prefix_error(&error, "%s: ", shown);
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}
