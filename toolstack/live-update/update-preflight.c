/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The preflight of an update: checks the guest, its QEMU, and the new program. */
#include "update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen-physmap/record.h>

#include "monitor.h"
#include "qemu-args.h"

/* More than any device state seen so far, without the pages that are kept. */
#define STATE_ROOM (16 * 1024 * 1024)

/* For all disk images together; they may be on a file system that QEMU itself serves. */
#define IMAGES_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)

/* These have the guest connect to its backends again. */
#define OTHER_WAYS "xl save and xl restore, or xl migrate, give it a new QEMU too"

typedef struct Ready {
    Update *update;
    GPtrArray *reasons; /* to refuse */
    char *vnc_service;  /* the port of the VNC server; NULL: there is none */
} Ready;

static void refuse(Ready *ready, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void refuse(Ready *ready, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(ready->reasons, g_strdup_vprintf(format, args));
    va_end(args);
}

static void note(Update *update, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void note(Update *update, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(update->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

static gboolean look_at_domain(Ready *ready, GError **error)
{
    Update *update = ready->update;
    g_autofree char *other = NULL;
    IoreqInfo info;

    if (!ioreq_info(update->ops, update->domain->domid, &info, error)) {
        return FALSE;
    }
    if (!info.hvm) {
        refuse(ready, "it is not an HVM guest");
    }
    if (update->domain->dm_domid != 0) {
        refuse(ready, "its device model runs in stub domain %u", update->domain->dm_domid);
    }
    if ((other = update->ops->other_at_work(update->ops->opaque, update->domain->domid))) {
        refuse(ready, "%s", other);
    }
    if (info.dying || info.shutdown) {
        refuse(ready, "it is shut down");
    } else if (info.paused) {
        refuse(ready, "it is paused, or being saved or migrated; xl unpause it first");
    }
    if (!ioreq_servers(update->ops, update->domain->domid, &update->servers, error)) {
        return FALSE;
    }
    if (__builtin_popcount(update->servers) != 1) {
        refuse(ready,
               "Xen has %d I/O request servers for it in this domain, and only one can be "
               "QEMU's: another emulator serves it too",
               __builtin_popcount(update->servers));
    }
    return TRUE;
}

static Process *find_qemu(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    g_autofree char *node =
        g_strdup_printf("/local/domain/%u/image/device-model-pid", update->domain->domid);
    g_autofree char *text = update_read_node(update, node);
    guint64 pid;

    if (!text || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT, &pid, NULL)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "%s in xenstore names no device model", node);
        return NULL;
    }
    return ops->process_read(ops->opaque, pid, update->domain->domid, error);
}

static gboolean look_at_backend(Update *update, const char *path, gpointer data, GError **error)
{
    g_autofree char *params_node = g_strconcat(path, "/params", NULL);
    g_autofree char *dev_node = g_strconcat(path, "/dev", NULL);
    g_autofree char *dev = NULL, *params = NULL, *shown = NULL;
    gboolean tied;

    if (!update_is_tied(update, path, &tied, error)) {
        return FALSE;
    }
    if (!tied) {
        return TRUE;
    }
    if (!strstr(path, "/backend/qdisk/")) {
        refuse(data, "QEMU itself serves %s, and the guest is connected to it; " OTHER_WAYS, path);
        return TRUE;
    }
    dev = update_read_node(update, dev_node);
    params = update_read_node(update, params_node);
    shown = xen_physmap_escape(params && *params ? params : path, -1);
    refuse(data,
           "QEMU itself serves the disk %s (%s), and the guest is connected to it; " OTHER_WAYS
           "; a raw file or a block device is served by the kernel",
           dev && strspn(dev, G_CSET_a_2_z G_CSET_DIGITS) == strlen(dev) ? dev : "?", shown);
    return TRUE;
}

static gboolean look_at_passthrough(Ready *ready, GError **error)
{
    XenPhysmapOps *xenstore = ready->update->ops->xenstore;
    g_autofree char *path =
        g_strdup_printf("/local/domain/0/backend/pci/%u", ready->update->domain->domid);
    unsigned int num = 0;
    char **entries = xenstore->directory(xenstore->opaque, 0, path, &num);

    if (!entries && errno != ENOENT) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't read %s in xenstore: %s", path, g_strerror(errno));
        return FALSE;
    }
    if (entries && num > 0) {
        refuse(ready, "a PCI device of the host is passed through to it");
    }
    free(entries);
    return TRUE;
}

/* Whether a comma-separated argument has a property that begins with `name` ("fd="). */
static gboolean has_property(const char *argument, const char *name)
{
    const char *at = argument;

    while ((at = strstr(at, name))) {
        if (at == argument || at[-1] == ',') {
            return TRUE;
        }
        at++;
    }
    return FALSE;
}

static void look_at_arguments(Ready *ready)
{
    char **args = ready->update->old->args;

    for (guint i = 0; args[i]; i++) {
        g_autofree char *shown = xen_physmap_escape(args[i], -1);

        if (has_property(args[i], "fd=") || has_property(args[i], "fds=") ||
            has_property(args[i], "vhostfd=")) {
            refuse(ready,
                   "QEMU was given an open descriptor, as for a restricted device model, "
                   "and another QEMU can't be: %s",
                   shown);
        }
        if (i > 0 && strcmp(args[i - 1], "-serial") == 0 && strcmp(args[i], "pty") == 0) {
            note(ready->update, "the serial console gets another pseudo-terminal; a console that "
                                "is attached has to be attached again");
        }
    }
}

/*
 * The old QEMU closes its images when it saves its state, and opens them again if the update goes
 * back.
 */
static gboolean look_at_images(Ready *ready, GError **error)
{
    const Update *update = ready->update;
    const UpdateOps *ops = update->ops;
    g_autoptr(GPtrArray) images = ops->monitor_images(ops->opaque, update->domain->domid, error);
    gint64 deadline = update_now(update) + IMAGES_TIMEOUT_US;

    for (guint i = 0; images && i < images->len; i++) {
        const MonitorImage *image = g_ptr_array_index(images, i);
        g_autofree char *shown = xen_physmap_escape(image->path, -1);
        g_autofree char *trouble = NULL;

        if (g_str_has_prefix(image->path, "/dev/fdset/")) {
            refuse(ready,
                   "a CD was inserted since its start, which another QEMU can't be given: xl "
                   "cd-eject it, and insert it again after the update");
            continue;
        }
        /* Each image that doesn't answer leaves a process that can't be ended. */
        if (update_now(update) > deadline) {
            refuse(ready, "its disk images can't be looked at in time: %u of %u were", i,
                   images->len);
            break;
        }
        trouble =
            ops->image_trouble(ops->opaque, update->old, image->path, image->read_only, deadline);
        if (trouble) {
            refuse(ready, "its QEMU couldn't open the disk image %s again: %s", shown, trouble);
        }
    }
    return images != NULL;
}

static gboolean look_at_qemu(Ready *ready, GError **error)
{
    Update *update = ready->update;
    const UpdateOps *ops = update->ops;
    guint32 domid = update->domain->domid;
    g_autoptr(MonitorVnc) vnc = NULL;
    g_autoptr(GPtrArray) blocked = NULL;
    g_autoptr(MonitorParts) parts = NULL;
    gboolean running;

    if (update->old->distrust) {
        refuse(ready, "%s", update->old->distrust);
        return TRUE;
    }
    if (ops->may_execute(ops->opaque, update->old->launcher)) {
        refuse(ready, "%s: %s", update->old->launcher, g_strerror(errno));
    }
    if (!ops->monitor_running(ops->opaque, domid, &running, error) ||
        !(vnc = ops->monitor_vnc(ops->opaque, domid, error))) {
        return FALSE;
    }
    if (!running) {
        refuse(ready, "its QEMU has stopped the machine");
    }
    if (!(blocked = ops->monitor_blocked_reasons(ops->opaque, domid, error))) {
        return FALSE;
    }
    for (guint i = 0; i < blocked->len; i++) {
        refuse(
            ready,
            "its QEMU can't save the state of its devices, so xl save and xl migrate fail too: %s; "
            "remove that device, or shut the guest down and start it again",
            (char *)g_ptr_array_index(blocked, i));
    }
    for (guint i = 0; i < vnc->clients->len; i++) {
        note(update, "the VNC client %s will be disconnected",
             (char *)g_ptr_array_index(vnc->clients, i));
    }
    ready->vnc_service = g_strdup(vnc->service);
    if (!(parts = ops->monitor_parts(ops->opaque, domid, FALSE, error))) {
        return FALSE;
    }
    /* For the old program too, in case it has to be started again. */
    update_drop_unplugged(&update->old->args, parts->names, update->notes);
    update_carry_changes(&update->old->args, parts, update->notes);
    return look_at_images(ready, error);
}

static gboolean look_at_layout(Ready *ready, GError **error)
{
    Update *update = ready->update;
    const UpdateOps *ops = update->ops;
    g_autoptr(XenPhysmapTable) table = NULL;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) findings =
        ops->layout_check(ops->opaque, update->domain, &table, notes, error);
    const XenPhysmapRecord *block;
    guint64 needed = STATE_ROOM, room;

    if (!findings) {
        return FALSE;
    }
    if (xen_physmap_table_size(table) == 0) {
        refuse(ready, "it has no records");
    }
    for (guint i = 0; i < findings->len; i++) {
        refuse(ready, "check finds: %s", (char *)g_ptr_array_index(findings, i));
    }
    for (guint i = 0; i < notes->len; i++) {
        note(update, "%s", (char *)g_ptr_array_index(notes, i));
    }
    for (guint i = 0; (block = xen_physmap_table_get(table, i)); i++) {
        needed += block->start_addr == block->phys_offset ? block->size : 0;
    }
    if (ops->room(ops->opaque, UPDATE_FOLDER, &room)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't tell how much room " UPDATE_FOLDER " has: %s", g_strerror(errno));
        return FALSE;
    }
    if (room < needed) {
        refuse(ready,
               UPDATE_FOLDER " has less than the %" G_GUINT64_FORMAT " MiB of room that "
                             "this takes",
               needed >> 20);
    }
    return TRUE;
}

/* The line of "-machine help" that begins with this type, or NULL. */
static char *line_of(const char *text, const char *word)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gsize length = strlen(word);

    for (guint i = 0; lines[i]; i++) {
        if (strncmp(lines[i], word, length) == 0 && g_ascii_isspace(lines[i][length])) {
            return xen_physmap_escape(g_strchomp(lines[i]), -1);
        }
    }
    return NULL;
}

/* The type that an alias means, or NULL. */
static char *alias_in(const char *line)
{
    const char *alias = strstr(line, "(alias of ");

    return alias
               ? g_strndup(alias + strlen("(alias of "), strcspn(alias + strlen("(alias of "), ")"))
               : NULL;
}

char *update_machine_type(const char *type, const char *old_help, const char *new_help,
                          GError **error)
{
    g_autofree char *old_line = line_of(old_help, type), *new_line = line_of(new_help, type);
    g_autofree char *old_alias = old_line ? alias_in(old_line) : NULL;
    g_autofree char *new_alias = new_line ? alias_in(new_line) : NULL;
    const char *meant = old_alias ? old_alias : type;
    g_autofree char *same = line_of(new_help, meant);
    g_autofree char *shown = xen_physmap_escape(meant, -1);

    /*
     * Unchanged, if it means the same to both programs, or if the old program's answer isn't known.
     */
    if (new_line && (!old_line || g_strcmp0(old_alias, new_alias) == 0)) {
        return g_strdup(type);
    }
    if (!same) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "it doesn't know the machine type %s", shown);
        return NULL;
    }
    return g_strdup(meant);
}

/* What a program prints for "OPTION help". */
static char *ask_help(const UpdateOps *ops, const char *program, const char *option, GError **error)
{
    return ops->process_ask(ops->opaque, (const char *[]){ program, option, "help", NULL }, error);
}

static void look_at_machine(Ready *ready)
{
    Update *update = ready->update;
    const char *const *args = (const char *const *)update->new_args;
    const char *option = qemu_args_value(args, "-machine") ? "-machine" : "-M";
    const char *given = qemu_args_value(args, option);
    g_autoptr(GError) problem = NULL;
    g_autofree char *type = NULL, *old = NULL, *new = NULL, *same = NULL, *value = NULL;

    if (!given) {
        return;
    }
    type = g_strndup(given, strcspn(given, ","));
    new = ask_help(update->ops, update->new_program, "-machine", &problem);
    if (!new) {
        refuse(ready, "%s", problem->message);
        return;
    }
    old = ask_help(update->ops, update->old_program, "-machine", NULL);
    same = update_machine_type(type, old ? old : "", new, &problem);
    if (!same) {
        refuse(ready, "%s: %s", update->new_program, problem->message);
        return;
    }
    if (strcmp(same, type) != 0) {
        note(update, "the machine type %s means %s to the old QEMU, and the new one gets that",
             type, same);
        value = g_strconcat(same, given + strlen(type), NULL);
        process_set_argument(&update->new_args, option, value);
    }
}

static void look_at_devices(Ready *ready)
{
    Update *update = ready->update;
    g_autoptr(GError) problem = NULL;
    g_autofree char *known = ask_help(update->ops, update->new_program, "-device", &problem);
    char **args = update->new_args;

    if (!known) {
        refuse(ready, "%s", problem->message);
        return;
    }
    for (guint i = 0; args[i] && args[i + 1]; i++) {
        if (strcmp(args[i], "-device") == 0 && *args[i + 1] != '{') {
            g_autofree char *driver = g_strndup(args[i + 1], strcspn(args[i + 1], ","));
            g_autofree char *name = g_strdup_printf("name \"%s\"", driver);
            g_autofree char *alias = g_strdup_printf("alias \"%s\"", driver);

            if (!strstr(known, name) && !strstr(known, alias)) {
                refuse(ready, "%s doesn't know the device %s", update->new_program, driver);
            }
        }
    }
}

static void look_at_program(Ready *ready)
{
    Update *update = ready->update;
    const UpdateOps *ops = update->ops;
    g_autoptr(GError) problem = NULL;
    gboolean loaded;

    if (ops->may_execute(ops->opaque, update->new_program)) {
        refuse(ready, "%s: %s", update->new_program, g_strerror(errno));
        return;
    }
    if (!ops->process_probe(ops->opaque, update->old, update->new_program, &loaded, &problem)) {
        refuse(ready, "%s", problem->message);
        return;
    }
    /*
     * Without the component there is no standby, and it would touch a guest that the old QEMU
     * serves.
     */
    if (!loaded) {
        refuse(ready,
               "%s doesn't load the component: its file has to have 'qemu' in its name, and "
               "be linked dynamically, without capabilities or set-user-ID",
               update->new_program);
        return;
    }
    look_at_machine(ready);
    look_at_devices(ready);
}

/* Going back needs the old program, even when the old process is gone. */
static gboolean secure_old_program(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    Process *old = update->old;

    update->old_program = g_strdup(old->exe);
    if (!old->replaced) {
        return TRUE;
    }
    g_free(update->old_program);
    update->old_program = g_strdup_printf(UPDATE_PROGRAM_FOLDER "/qemu-%u", update->domain->domid);
    note(update,
         "%s was replaced since the guest was started; to go back, a copy of the one that "
         "runs is kept in %s",
         old->exe, update->old_program);
    return ops->process_copy_program(ops->opaque, old, update->old_program, error) &&
           ops->process_keep_data_folders(ops->opaque, old, error);
}

/* With "to=", QEMU would see that the old QEMU has the port, and choose another one. */
static void keep_display(Update *update, const char *service)
{
    const char *given = qemu_args_value((const char *const *)update->new_args, "-vnc");
    const char *colon = given ? strchr(given, ':') : NULL;
    g_autoptr(GString) value = g_string_new(NULL);
    g_auto(GStrv) parts = NULL;
    guint64 port;

    if (!colon || !service || !g_ascii_string_to_unsigned(service, 10, 5900, 65535, &port, NULL)) {
        return;
    }
    parts = g_strsplit(given, ",", -1);
    if (!(colon = strrchr(parts[0], ':'))) {
        return;
    }
    g_string_append_printf(value, "%.*s:%u", (int)(colon - parts[0]), parts[0], (guint)port - 5900);
    for (guint i = 1; parts[i]; i++) {
        if (!g_str_has_prefix(parts[i], "to=")) {
            g_string_append_printf(value, ",%s", parts[i]);
        }
    }
    process_set_argument(&update->new_args, "-vnc", value->str);
}

/* QEMU truncates a serial port's file, unless it is told to append. */
static void keep_serial_files(GStrv *args)
{
    for (guint i = 0; (*args)[i] && (*args)[i + 1]; i++) {
        char **value = &(*args)[i + 1];

        if (strcmp((*args)[i], "-serial") == 0 && g_str_has_prefix(*value, "file:")) {
            g_autoptr(GString) path = g_string_new(*value + strlen("file:"));
            g_autofree char *chardev = NULL;

            g_string_replace(path, ",", ",,", 0);
            chardev = g_strdup_printf("file,id=serial-file-%u,append=on,path=%s", i, path->str);
            g_free(*value);
            *value = g_strdup_printf("chardev:serial-file-%u", i);
            process_set_argument(args, "-chardev", chardev);
        }
    }
}

static void set_arguments(Update *update, const char *vnc_service, char **set_args)
{
    /* For the old program too, in case it has to be started again. */
    keep_serial_files(&update->old->args);
    update->new_args = g_strdupv(update->old->args);
    keep_display(update, vnc_service);
    update->args_set = set_args && *set_args;
    for (guint i = 0; set_args && set_args[i]; i++) {
        g_auto(GStrv) part = g_strsplit(set_args[i], " ", 2);

        process_set_argument(&update->new_args, part[0], part[1]);
    }
}

gboolean update_is_outdated(const UpdateOps *ops, const Domain *domain, gboolean *outdated,
                            GError **error)
{
    Update update = { .ops = ops, .domain = (Domain *)domain };
    g_autoptr(Process) old = find_qemu(&update, error);

    *outdated = old && old->replaced;
    if (old && old->distrust) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, old->distrust);
        return FALSE;
    }
    return old != NULL;
}

char *update_unfit(const UpdateOps *ops, const Domain *domain, gboolean outdated, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    gboolean is_outdated;
    IoreqInfo info;

    if (domain->domid == 0) {
        return g_strdup("domain 0's own QEMU serves no guest's devices");
    }
    if (!ioreq_info(ops, domain->domid, &info, &problem)) {
        if (g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND)) {
            return g_strdup("it is gone");
        }
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (!info.hvm) {
        return g_strdup("it is a PV guest");
    }
    if (domain->dm_domid != 0) {
        return g_strdup_printf("its device model runs in stub domain %u", domain->dm_domid);
    }
    if (!(table = domain_records(ops->xenstore, domain, error))) {
        return NULL;
    }
    if (xen_physmap_table_size(table) == 0) {
        return g_strdup("it has no records: a PVH guest, or its QEMU wasn't started through "
                        "xen-physmap-qemu");
    }
    /* If that isn't known, the preflight refuses the guest, with the reason. */
    return outdated && update_is_outdated(ops, domain, &is_outdated, NULL) && !is_outdated
               ? g_strdup("its QEMU runs the program that is on the disk")
               : NULL;
}

/* Stops at the first group of checks that finds a reason: the next ones rely on it. */
static gboolean look(Ready *ready, const UpdateOptions *options, GError **error)
{
    Update *update = ready->update;

    if (update_is_unfinished(update)) {
        refuse(ready, "an earlier update was cut off; run xen-physmap update-dm --resume %u",
               update->domain->domid);
        return TRUE;
    }
    if (!look_at_domain(ready, error)) {
        return FALSE;
    }
    if (ready->reasons->len) {
        return TRUE;
    }
    if (!(update->old = find_qemu(update, error)) || !look_at_qemu(ready, error)) {
        return FALSE;
    }
    if (ready->reasons->len) {
        return TRUE;
    }
    if (!look_at_layout(ready, error)) {
        return FALSE;
    }
    /* The new QEMU is started in the old one's working directory. */
    update->new_program =
        options->qemu ? g_canonicalize_filename(options->qemu, NULL) : g_strdup(update->old->exe);
    set_arguments(update, ready->vnc_service, options->set_args);
    if (!secure_old_program(update, error)) {
        return FALSE;
    }
    look_at_arguments(ready);
    if (!look_at_passthrough(ready, error) ||
        !update_each_backend(update, look_at_backend, ready, error)) {
        return FALSE;
    }
    look_at_program(ready);
    return TRUE;
}

GPtrArray *update_ready(Update *update, const UpdateOptions *options, GError **error)
{
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    Ready ready = { update, reasons, NULL };
    gboolean looked;

    update->timeout_s = options->timeout_s;
    looked = look(&ready, options, error);
    g_free(ready.vnc_service);
    return looked ? g_steal_pointer(&reasons) : NULL;
}
