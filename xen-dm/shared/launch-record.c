/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads what a process is from /proc; writes and reads the file that says what a QEMU was started
 * with.
 */
#include "launch-record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trusted-file.h"

/* More than the arguments and environment of a process can be. */
#define MAX_SIZE (16 * 1024 * 1024)

/* A file is a list of words "NAME=VALUE", each ended by a NUL. The first is MAGIC, the last END. */
#define MAGIC "xen-physmap-launch=1"
#define END "end="

#define LOCK_TRIES 200
#define LOCK_POLL_US 10000

/* A record while it is written. */
#define NEW_PREFIX "new-"

ProcessId process_identify(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *after_name;
    char state;
    long threads;
    guint64 started;

    if (pid <= 0 || !g_file_get_contents(path, &text, NULL, NULL) ||
        !(after_name = strrchr(text, ')')) ||
        sscanf(after_name,
               ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld %*s "
               "%" G_GINT64_MODIFIER "u",
               &state, &threads, &started) != 3) {
        return (ProcessId){ 0 };
    }
    /* The first thread of a process can end before the others. The process looks like this then. */
    if ((state == 'Z' || state == 'X') && threads <= 1) {
        return (ProcessId){ 0 };
    }
    return (ProcessId){ pid, started };
}

gboolean process_is_alive(const ProcessId *id)
{
    return id->pid > 0 && process_identify(id->pid).started == id->started;
}

gboolean process_has_ids(pid_t pid, const char *label, guint32 wanted)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *line =
        g_strdup_printf("\n%s:\t%u\t%u\t%u\t%u\n", label, wanted, wanted, wanted, wanted);
    g_autofree char *status = NULL;

    return g_file_get_contents(path, &status, NULL, NULL) && strstr(status, line);
}

/* --- a word for each member --- */

static void add_word(GByteArray *words, const char *name, const char *value)
{
    g_byte_array_append(words, (const guint8 *)name, strlen(name));
    g_byte_array_append(words, (const guint8 *)"=", 1);
    g_byte_array_append(words, (const guint8 *)value, strlen(value) + 1);
}

static void add_number(GByteArray *words, const char *name, guint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

    add_word(words, name, text);
}

static void add_list(GByteArray *words, const char *name, char *const *values)
{
    for (; values && *values; values++) {
        add_word(words, name, *values);
    }
}

static GByteArray *encode(const LaunchRecord *record, const ProcessId *id)
{
    GByteArray *words = g_byte_array_new();

    g_byte_array_append(words, (const guint8 *)MAGIC, sizeof MAGIC);
    add_number(words, "pid", id->pid);
    add_number(words, "started", id->started);
    add_number(words, "uid", record->uid);
    add_number(words, "gid", record->gid);
    add_number(words, "user", record->user);
    add_number(words, "group", record->group);
    add_word(words, "launcher", record->launcher);
    add_word(words, "program", record->program);
    add_word(words, "identity", record->identity);
    add_word(words, "folder", record->folder);
    add_word(words, "log", record->log);
    add_list(words, "setting", record->settings);
    add_list(words, "control-group", record->cgroups);
    add_list(words, "argument", record->args);
    add_list(words, "environment", record->env);
    g_byte_array_append(words, (const guint8 *)END, sizeof END);
    return words;
}

/* Stores the value of a word in the member that its name says. */
typedef struct Member {
    const char *name;
    guint64 *number;
    char **text;
    GPtrArray *list;
    gboolean seen;
} Member;

static gboolean decode_word(const char *word, Member *members, guint n)
{
    const char *value = strchr(word, '=');

    for (guint i = 0; value && i < n; i++) {
        Member *member = &members[i];

        if (strlen(member->name) != (gsize)(value - word) ||
            strncmp(member->name, word, value - word) != 0) {
            continue;
        }
        value++;
        if (member->list) {
            g_ptr_array_add(member->list, g_strdup(value));
            return TRUE;
        }
        if (member->seen) {
            return FALSE;
        }
        member->seen = TRUE;
        if (member->text) {
            *member->text = g_strdup(value);
            return TRUE;
        }
        return g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, member->number, NULL);
    }
    return FALSE;
}

/*
 * Reads the words between the first and the last. Each member must be there once; lists may be
 * empty.
 */
static gboolean decode_words(const char *data, gsize length, Member *members, guint n)
{
    const char *end = data + length;
    const char *at = data + sizeof MAGIC;

    if (length < sizeof MAGIC + sizeof END || end[-1] != '\0' || strcmp(data, MAGIC) != 0 ||
        memcmp(end - sizeof END - 1, "\0" END, sizeof END + 1) != 0) {
        return FALSE;
    }
    for (end -= sizeof END; at < end; at += strlen(at) + 1) {
        if (!decode_word(at, members, n)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < n; i++) {
        if (!members[i].list && !members[i].seen) {
            return FALSE;
        }
    }
    return TRUE;
}

static GStrv to_strv(GPtrArray *list)
{
    g_ptr_array_add(list, NULL);
    return (GStrv)g_ptr_array_free(list, FALSE);
}

static LaunchRecord *decode(const char *data, gsize length, const ProcessId *id)
{
    g_autoptr(LaunchRecord) record = g_new0(LaunchRecord, 1);
    GPtrArray *settings = g_ptr_array_new(), *cgroups = g_ptr_array_new();
    GPtrArray *args = g_ptr_array_new(), *env = g_ptr_array_new();
    guint64 pid = 0, started = 0, uid = 0, gid = 0, user = 0, group = 0;
    Member members[] = {
        { "pid", .number = &pid },
        { "started", .number = &started },
        { "uid", .number = &uid },
        { "gid", .number = &gid },
        { "user", .number = &user },
        { "group", .number = &group },
        { "launcher", .text = &record->launcher },
        { "program", .text = &record->program },
        { "identity", .text = &record->identity },
        { "folder", .text = &record->folder },
        { "log", .text = &record->log },
        { "setting", .list = settings },
        { "control-group", .list = cgroups },
        { "argument", .list = args },
        { "environment", .list = env },
    };
    gboolean valid = decode_words(data, length, members, G_N_ELEMENTS(members));

    record->settings = to_strv(settings);
    record->cgroups = to_strv(cgroups);
    record->args = to_strv(args);
    record->env = to_strv(env);
    record->uid = uid;
    record->gid = gid;
    record->user = user;
    record->group = group;
    return valid && pid == (guint64)id->pid && started == id->started && uid < G_MAXUINT32 &&
                   gid < G_MAXUINT32 && user < G_MAXUINT32 && group < G_MAXUINT32 &&
                   *record->launcher == '/' && *record->program == '/'
               ? g_steal_pointer(&record)
               : NULL;
}

/* --- files --- */

/* The contents of a file in the folder, which must belong to root. */
static char *read_file(int folder, const char *name, gsize *length, GError **error)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    g_autofree char *data = NULL;
    struct stat status;
    ssize_t n = -1;

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == geteuid() && status.st_size > 0 && status.st_size <= MAX_SIZE) {
        data = g_malloc(status.st_size);
        n = read(fd, data, status.st_size);
        *length = status.st_size;
    }
    if (n < 0 || (gsize)n != *length) {
        g_set_error(error, XEN_PHYSMAP_ERROR,
                    fd < 0 && errno == ENOENT ? XEN_PHYSMAP_ERROR_NOT_FOUND
                                              : XEN_PHYSMAP_ERROR_INVALID,
                    LAUNCH_FOLDER "/%s: %s", name,
                    fd < 0 ? g_strerror(errno) : "it is not a launch record");
        g_clear_pointer(&data, g_free);
    }
    if (fd >= 0) {
        close(fd);
    }
    return g_steal_pointer(&data);
}

static LaunchRecord *read_record(int folder, const ProcessId *id, GError **error)
{
    g_autofree char *name = g_strdup_printf("%d", (int)id->pid);
    gsize length = 0;
    g_autofree char *data = read_file(folder, name, &length, error);
    LaunchRecord *record = data ? decode(data, length, id) : NULL;

    if (data && !record) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    LAUNCH_FOLDER "/%s: it is not the launch record of this process", name);
    }
    return record;
}

/* The file of a process that is gone, or that was killed while it wrote the file. */
static gboolean is_stale(int folder, const char *name)
{
    g_autoptr(LaunchRecord) record = NULL;
    guint64 pid;
    ProcessId id;

    if (g_str_has_prefix(name, NEW_PREFIX)) {
        return TRUE;
    }
    if (!g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &pid, NULL)) {
        return FALSE;
    }
    id = process_identify(pid);
    return !id.pid || !(record = read_record(folder, &id, NULL));
}

/* The names in the folder, which may change at the same time; NULL with errno. */
static GPtrArray *names_in(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    GPtrArray *names = dir ? g_ptr_array_new_with_free_func(g_free) : NULL;
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (*entry->d_name != '.') {
            g_ptr_array_add(names, g_strdup(entry->d_name));
        }
    }
    if (dir) {
        closedir(dir);
    }
    return names;
}

/* With the folder's lock, so that no other file is half written. */
static void remove_stale(int folder)
{
    g_autoptr(GPtrArray) names = names_in(folder);

    for (guint i = 0; names && i < names->len; i++) {
        if (is_stale(folder, names->pdata[i])) {
            unlinkat(folder, names->pdata[i], 0);
        }
    }
}

static gboolean write_all(int fd, const guint8 *data, gsize length)
{
    for (gsize at = 0; at < length;) {
        ssize_t n = write(fd, data + at, length - at);

        if (n <= 0) {
            return FALSE;
        }
        at += n;
    }
    return TRUE;
}

/* Others hold the lock only while they write a file. Returns 0 or an errno. */
static int lock(int folder)
{
    for (guint try = 0; flock(folder, LOCK_EX | LOCK_NB); try++) {
        if (errno != EWOULDBLOCK || try == LOCK_TRIES) {
            return errno;
        }
        g_usleep(LOCK_POLL_US);
    }
    return 0;
}

/* Returns 0 or an errno. */
static int write_file(int folder, const char *name, const GByteArray *words)
{
    g_autofree char *new = g_strconcat(NEW_PREFIX, name, NULL);
    int fd = openat(folder, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int errnum = 0;

    if (fd < 0) {
        return errno;
    }
    if (!write_all(fd, words->data, words->len)) {
        errnum = errno;
    }
    if (close(fd) && !errnum) {
        errnum = errno;
    }
    if (!errnum && renameat(folder, new, folder, name)) {
        errnum = errno;
    }
    if (errnum) {
        unlinkat(folder, new, 0);
    }
    return errnum;
}

gboolean launch_record_write(const LaunchRecord *record, GError **error)
{
    ProcessId id = process_identify(getpid());
    g_autofree char *name = g_strdup_printf("%d", (int)id.pid);
    g_autoptr(GByteArray) words = encode(record, &id);
    int folder = trusted_folder_open(LAUNCH_FOLDER, TRUE, error);
    int errnum;

    if (folder < 0) {
        return FALSE;
    }
    errnum = lock(folder);
    if (!errnum) {
        remove_stale(folder);
        errnum = write_file(folder, name, words);
    }
    close(folder);
    if (errnum) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, LAUNCH_FOLDER "/%s: %s",
                    name, g_strerror(errnum));
    }
    return !errnum;
}

LaunchRecord *launch_record_read(const ProcessId *id, GError **error)
{
    int folder = trusted_folder_open(LAUNCH_FOLDER, FALSE, error);
    LaunchRecord *record = folder < 0 ? NULL : read_record(folder, id, error);

    if (folder >= 0) {
        close(folder);
    }
    return record;
}

static gboolean is_same(const ProcessId *a, const ProcessId *b)
{
    return a->pid == b->pid && a->started == b->started;
}

gboolean launch_record_user_is_alone(uid_t user, const ProcessId *one, const ProcessId *other)
{
    int folder = trusted_folder_open(LAUNCH_FOLDER, FALSE, NULL);
    g_autoptr(GPtrArray) names = folder < 0 ? NULL : names_in(folder);
    gboolean alone = names != NULL;

    for (guint i = 0; alone && i < names->len; i++) {
        guint64 pid = 0;
        ProcessId id;

        g_ascii_string_to_unsigned(names->pdata[i], 10, 1, G_MAXINT, &pid, NULL);
        id = process_identify(pid);
        if (id.pid && !is_same(&id, one) && !is_same(&id, other)) {
            g_autoptr(LaunchRecord) record = read_record(folder, &id, NULL);

            alone = record && record->user != user;
        }
    }
    if (folder >= 0) {
        close(folder);
    }
    return alone;
}

void launch_record_free(LaunchRecord *record)
{
    if (record) {
        g_free(record->launcher);
        g_free(record->program);
        g_free(record->identity);
        g_free(record->folder);
        g_free(record->log);
        g_strfreev(record->args);
        g_strfreev(record->env);
        g_strfreev(record->settings);
        g_strfreev(record->cgroups);
        g_free(record);
    }
}
