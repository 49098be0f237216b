/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds processes in /proc by parent, session and user. Stops all of them before it kills them. */
#include "process-rest.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_US (5 * G_TIME_SPAN_SECOND)
#define POLL_US 2000

/* What was seen of a process. It can be outdated a moment later. */
typedef struct Seen {
    ProcessId id;
    pid_t parent, session;
    uid_t users[4]; /* real, effective, saved, file system */
} Seen;

static gboolean read_users(pid_t pid, uid_t *users)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *status = NULL;
    const char *line;

    return g_file_get_contents(path, &status, NULL, NULL) && (line = strstr(status, "\nUid:\t")) &&
           sscanf(line, "\nUid: %u %u %u %u", &users[0], &users[1], &users[2], &users[3]) == 4;
}

static gboolean look(pid_t pid, Seen *seen)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *after_name;

    seen->id = process_identify(pid);
    return seen->id.pid && g_file_get_contents(path, &text, NULL, NULL) &&
           (after_name = strrchr(text, ')')) &&
           sscanf(after_name, ") %*c %d %*d %d", &seen->parent, &seen->session) == 2 &&
           read_users(pid, seen->users);
}

/* An array of Seen: all processes except the kernel's own. */
static GArray *look_at_all(void)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(Seen));
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        guint64 pid;
        Seen seen;

        if (g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &pid, NULL) && look(pid, &seen)) {
            g_array_append_val(all, seen);
        }
    }
    return all;
}

static gboolean has_user(const Seen *seen, uid_t user)
{
    return seen->users[0] == user || seen->users[1] == user || seen->users[2] == user ||
           seen->users[3] == user;
}

/* A set of processes by pid; the values are ProcessId. */
static void add(GHashTable *set, const ProcessId *id)
{
    g_hash_table_replace(set, GINT_TO_POINTER(id->pid), g_memdup2(id, sizeof *id));
}

static gboolean has(GHashTable *set, pid_t pid)
{
    return g_hash_table_contains(set, GINT_TO_POINTER(pid));
}

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(NULL, NULL, NULL, g_free);
}

/* Adds a process's children, their children, and its session. */
static void add_family(GHashTable *set, const GArray *all, const ProcessId *head)
{
    guint before;

    if (!process_is_alive(head)) {
        return;
    }
    add(set, head);
    do {
        before = g_hash_table_size(set);
        for (guint i = 0; i < all->len; i++) {
            const Seen *seen = &g_array_index(all, Seen, i);

            if (has(set, seen->parent) || seen->session == head->pid) {
                add(set, &seen->id);
            }
        }
    } while (g_hash_table_size(set) != before);
}

static void add_user(GHashTable *set, const GArray *all, uid_t user, GHashTable *but)
{
    for (guint i = 0; i < all->len; i++) {
        const Seen *seen = &g_array_index(all, Seen, i);

        if (has_user(seen, user) && !has(but, seen->id.pid)) {
            add(set, &seen->id);
        }
    }
}

static void signal_all(GHashTable *set, int number)
{
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, NULL, &id)) {
        process_signal(id, number);
    }
}

/* The processes that still exist, in words; NULL when none does. */
static char *remaining(GHashTable *set)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, NULL, &id)) {
        if (process_is_alive(id)) {
            g_string_append_printf(text, "%s%d", text->len ? ", " : "",
                                   (int)((const ProcessId *)id)->pid);
        }
    }
    return text->len ? g_strdup(text->str) : NULL;
}

/* The old QEMU's processes now, without the new QEMU and its children. */
static void find_rest(GHashTable *rest, const ProcessId *id, uid_t own_user, const ProcessId *spare)
{
    g_autoptr(GArray) all = look_at_all();
    g_autoptr(GHashTable) spared = new_set();
    GHashTableIter iter;
    gpointer pid;

    add_family(spared, all, spare);
    add_family(rest, all, id);
    if (own_user) {
        add_user(rest, all, own_user, spared);
    }
    g_hash_table_iter_init(&iter, rest);
    while (g_hash_table_iter_next(&iter, &pid, NULL)) {
        if (g_hash_table_contains(spared, pid)) {
            g_hash_table_iter_remove(&iter);
        }
    }
}

/*
 * A stopped process starts no other, so this ends. One that still runs may start others meanwhile.
 */
static void stop_rest(GHashTable *rest, const ProcessId *id, uid_t own_user, const ProcessId *spare,
                      gint64 deadline)
{
    guint before;

    do {
        before = g_hash_table_size(rest);
        find_rest(rest, id, own_user, spare);
        signal_all(rest, SIGSTOP);
    } while (g_hash_table_size(rest) != before && g_get_monotonic_time() < deadline);
}

/* When other QEMUs have that user too, nobody knows whose processes these are. */
static void note_others(const ProcessId *id, uid_t user, const ProcessId *spare, GPtrArray *notes)
{
    g_autoptr(GArray) all = look_at_all();
    g_autoptr(GHashTable) spared = new_set(), others = new_set();
    guint n;

    add_family(spared, all, spare);
    add_family(spared, all, id);
    add_user(others, all, user, spared);
    n = g_hash_table_size(others);
    if (n) {
        g_ptr_array_add(notes,
                        g_strdup_printf("%u other process%s of user %u %s left alone, since that "
                                        "user isn't this guest's alone; the old QEMU may have "
                                        "started some of them",
                                        n, n == 1 ? "" : "es", user, n == 1 ? "was" : "were"));
    }
}

gboolean process_end_all(const ProcessId *id, uid_t user, gboolean own, const ProcessId *spare,
                         GPtrArray *notes, GError **error)
{
    uid_t own_user = own && user && launch_record_user_is_alone(user, id, spare) ? user : 0;
    g_autoptr(GHashTable) rest = new_set();
    gint64 deadline = g_get_monotonic_time() + TIMEOUT_US;
    g_autofree char *left = NULL;

    stop_rest(rest, id, own_user, spare, deadline);
    if (!process_end(id, error)) {
        return FALSE;
    }
    g_hash_table_remove(rest, GINT_TO_POINTER(id->pid));
    signal_all(rest, SIGKILL);
    while ((left = remaining(rest)) && g_get_monotonic_time() < deadline) {
        g_clear_pointer(&left, g_free);
        g_usleep(POLL_US);
    }
    if (left) {
        g_ptr_array_add(notes, g_strdup_printf("the old QEMU started process %s, which was "
                                               "killed but doesn't end",
                                               left));
    }
    if (user && !own_user) {
        note_others(id, user, spare, notes);
    }
    return TRUE;
}
