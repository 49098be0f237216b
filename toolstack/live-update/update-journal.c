/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of an update: one small file, replaced as a whole at each step. */
#include "update.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GROUP "update"
#define JOURNAL "journal"

char *update_path(const Update *update, const char *file)
{
    return g_strdup_printf(UPDATE_FOLDER "/%u/%s", update->domain->domid, file);
}

/* A key file holds text, but arguments may be any bytes. */
static void set_string(GKeyFile *file, const char *key, const char *value)
{
    if (value) {
        g_autofree char *escaped = g_strescape(value, NULL);

        g_key_file_set_string(file, GROUP, key, escaped);
    }
}

static char *get_string(GKeyFile *file, const char *key)
{
    g_autofree char *escaped = g_key_file_get_string(file, GROUP, key, NULL);

    return escaped ? g_strcompress(escaped) : NULL;
}

static void set_strings(GKeyFile *file, const char *key, char **values)
{
    for (guint i = 0; values && values[i]; i++) {
        g_autofree char *numbered = g_strdup_printf("%s-%u", key, i);

        set_string(file, numbered, values[i]);
    }
}

static GStrv get_strings(GKeyFile *file, const char *key)
{
    GPtrArray *values = g_ptr_array_new();
    char *value;

    do {
        g_autofree char *numbered = g_strdup_printf("%s-%u", key, values->len);

        value = get_string(file, numbered);
        g_ptr_array_add(values, value);
    } while (value);
    return (GStrv)g_ptr_array_free(values, FALSE);
}

static void set_process(GKeyFile *file, const char *key, const ProcessId *id)
{
    g_autofree char *text = g_strdup_printf("%d %" G_GUINT64_FORMAT, (int)id->pid, id->started);

    g_key_file_set_string(file, GROUP, key, text);
}

static ProcessId get_process(GKeyFile *file, const char *key)
{
    g_autofree char *text = get_string(file, key);
    int pid;
    guint64 started;

    return text && sscanf(text, "%d %" G_GINT64_MODIFIER "u", &pid, &started) == 2
               ? (ProcessId){ pid, started }
               : (ProcessId){ 0 };
}

gboolean update_journal_write(const Update *update, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *path = update_path(update, JOURNAL);
    g_autofree char *data = NULL;
    gsize length;

    set_string(file, "uuid", update->uuid);
    set_string(file, "step", update->step);
    g_key_file_set_boolean(file, GROUP, "back", update->back);
    g_key_file_set_integer(file, GROUP, "timeout", update->timeout_s);
    g_key_file_set_integer(file, GROUP, "servers", update->servers);
    g_key_file_set_integer(file, GROUP, "spent-servers", update->spent);
    set_process(file, "taker", &update->taker);
    set_process(file, "returner", &update->returner);
    set_string(file, "failed-step", update->failed_step);
    set_string(file, "reason", update->reason);
    set_string(file, "new-program", update->new_program);
    set_strings(file, "new-argument", update->new_args);
    set_string(file, "old-program", update->old_program);
    set_process(file, "old-process", &update->old->id);
    g_key_file_set_uint64(file, GROUP, "user", update->old->uid);
    set_string(file, "folder", update->old->folder);
    set_string(file, "log", update->old->log);
    set_string(file, "launcher", update->old->launcher);
    set_strings(file, "argument", update->old->args);
    set_strings(file, "environment", update->old->env);
    set_strings(file, "control-group", update->old->cgroups);
    set_strings(file, "setting", update->old->settings);
    data = g_key_file_to_data(file, &length, NULL);
    if (update->ops->write_file(update->ops->opaque, path, data, length)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't write %s: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

gboolean update_is_unfinished(const Update *update)
{
    g_autofree char *path = update_path(update, JOURNAL);

    return update->ops->file_exists(update->ops->opaque, path);
}

gboolean update_is_saved(const Update *update)
{
    g_autofree char *path = update_path(update, UPDATE_STATE_FILE);

    return update->ops->file_exists(update->ops->opaque, path);
}

static gboolean is_known_step(const char *name)
{
    for (const UpdateStep *step = update_steps; name && step->name; step++) {
        if (strcmp(step->name, name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean update_journal_read(Update *update, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) problem = NULL;
    g_autofree char *path = update_path(update, JOURNAL);
    gsize length;
    g_autofree char *data = update->ops->read_file(update->ops->opaque, path, &length);
    Process *old = g_new0(Process, 1);

    update->old = old;
    if (!data) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE, "can't read %s: %s",
                    path, g_strerror(errno));
        return FALSE;
    }
    if (!g_key_file_load_from_data(file, data, length, G_KEY_FILE_NONE, &problem)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s is not a journal of this version: %s", path, problem->message);
        return FALSE;
    }
    g_free(update->uuid);
    update->uuid = get_string(file, "uuid");
    update->step = get_string(file, "step");
    update->back = g_key_file_get_boolean(file, GROUP, "back", NULL);
    update->timeout_s = g_key_file_get_integer(file, GROUP, "timeout", NULL);
    update->servers = g_key_file_get_integer(file, GROUP, "servers", NULL);
    update->spent = g_key_file_get_integer(file, GROUP, "spent-servers", NULL);
    update->taker = get_process(file, "taker");
    update->returner = get_process(file, "returner");
    update->failed_step = get_string(file, "failed-step");
    update->reason = get_string(file, "reason");
    update->new_program = get_string(file, "new-program");
    update->new_args = get_strings(file, "new-argument");
    update->old_program = get_string(file, "old-program");
    old->id = get_process(file, "old-process");
    old->uid = g_key_file_get_uint64(file, GROUP, "user", NULL);
    old->folder = get_string(file, "folder");
    old->log = get_string(file, "log");
    old->launcher = get_string(file, "launcher");
    old->args = get_strings(file, "argument");
    old->env = get_strings(file, "environment");
    old->cgroups = get_strings(file, "control-group");
    old->settings = get_strings(file, "setting");
    if (!is_known_step(update->step) || !update->uuid || !old->launcher || !old->log ||
        !update->old_program || !update->new_program) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s is not a journal of this version", path);
        return FALSE;
    }
    return TRUE;
}

static gboolean remove_file(const Update *update, const char *path, GError **error)
{
    if (update->ops->unlink(update->ops->opaque, path) && errno != ENOENT) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't remove %s: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

gboolean update_journal_remove(const Update *update, GError **error)
{
    g_autofree char *state = update_path(update, UPDATE_STATE_FILE);
    g_autofree char *program =
        g_strdup_printf(UPDATE_PROGRAM_FOLDER "/qemu-%u", update->domain->domid);
    g_autofree char *journal = update_path(update, JOURNAL);
    g_autofree char *folder = g_path_get_dirname(journal);

    /* The journal comes last: if a file can't be removed, --resume tries again. */
    if (!remove_file(update, state, error) || !remove_file(update, program, error) ||
        !remove_file(update, journal, error)) {
        return FALSE;
    }
    update->ops->remove_folder(update->ops->opaque, folder);
    return TRUE;
}
