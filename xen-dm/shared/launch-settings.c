/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and sets groups, umask, nice value, OOM score, processors and limits of this process. */
#include "launch-settings.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OOM_FILE "/proc/self/oom_score_adj"
#define MAX_PROCESSORS 8192
#define MAX_GROUPS 65536

#define LIMIT_PREFIX "limit-"

static char *read_groups(void)
{
    int n = MAX(getgroups(0, NULL), 0);
    g_autofree gid_t *groups = g_new0(gid_t, n + 1);
    GString *text = g_string_new(NULL);

    n = getgroups(n, groups);
    for (int i = 0; i < n; i++) {
        g_string_append_printf(text, "%s%u", i ? " " : "", groups[i]);
    }
    return g_string_free(text, FALSE);
}

static char *read_umask(void)
{
    mode_t mask = umask(077);

    umask(mask);
    return g_strdup_printf("%o", mask);
}

static char *read_nice(void)
{
    return g_strdup_printf("%d", getpriority(PRIO_PROCESS, 0));
}

static char *read_oom(void)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(OOM_FILE, &text, NULL, NULL) ? g_strdup(g_strchomp(text)) : NULL;
}

static char *read_processors(void)
{
    gsize size = CPU_ALLOC_SIZE(MAX_PROCESSORS);
    cpu_set_t *set = CPU_ALLOC(MAX_PROCESSORS);
    GString *text = g_string_new(NULL);

    CPU_ZERO_S(size, set);
    if (sched_getaffinity(0, size, set) ||
        CPU_COUNT_S(size, set) >= sysconf(_SC_NPROCESSORS_ONLN)) {
        g_string_assign(text, "all");
    } else {
        for (guint i = 0; i < MAX_PROCESSORS; i++) {
            if (CPU_ISSET_S(i, size, set)) {
                g_string_append_printf(text, "%s%u", text->len ? " " : "", i);
            }
        }
    }
    CPU_FREE(set);
    return g_string_free(text, FALSE);
}

/* Numbers separated by blanks; *n is how many. NULL when the text is anything else. */
static guint64 *numbers(const char *text, guint most, guint64 max, guint *n)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autofree guint64 *list = NULL;

    *n = *text ? g_strv_length(words) : 0;
    if (*n > most) {
        return NULL;
    }
    list = g_new0(guint64, *n + 1);
    for (guint i = 0; i < *n; i++) {
        if (!g_ascii_string_to_unsigned(words[i], 10, 0, max, &list[i], NULL)) {
            return NULL;
        }
    }
    return g_steal_pointer(&list);
}

static void complain(const char *what)
{
    fprintf(stderr, "xen-physmap: can't set QEMU's %s: %s\n", what, g_strerror(errno));
}

static gboolean apply_groups(const char *value)
{
    guint n;
    g_autofree guint64 *list = numbers(value, MAX_GROUPS, G_MAXUINT32 - 1, &n);
    g_autofree gid_t *groups = g_new0(gid_t, n + 1);

    for (guint i = 0; list && i < n; i++) {
        groups[i] = list[i];
    }
    if (list && geteuid() == 0 && setgroups(n, groups)) {
        complain("groups");
    }
    return list != NULL;
}

static gboolean apply_umask(const char *value)
{
    guint64 mask;
    gboolean valid = g_ascii_string_to_unsigned(value, 8, 0, 0777, &mask, NULL);

    if (valid) {
        umask(mask);
    }
    return valid;
}

static gboolean apply_nice(const char *value)
{
    gint64 nice;
    gboolean valid = g_ascii_string_to_signed(value, 10, -20, 19, &nice, NULL);

    if (valid && setpriority(PRIO_PROCESS, 0, nice)) {
        complain("nice value");
    }
    return valid;
}

static gboolean apply_oom(const char *value)
{
    gint64 score;
    int fd;

    if (!g_ascii_string_to_signed(value, 10, -1000, 1000, &score, NULL)) {
        return FALSE;
    }
    fd = open(OOM_FILE, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0) {
        complain("OOM score");
    }
    if (fd >= 0) {
        close(fd);
    }
    return TRUE;
}

static gboolean apply_processors(const char *value)
{
    gboolean all = strcmp(value, "all") == 0;
    guint n = 0;
    g_autofree guint64 *list = all ? NULL : numbers(value, MAX_PROCESSORS, MAX_PROCESSORS - 1, &n);
    gsize size = CPU_ALLOC_SIZE(MAX_PROCESSORS);
    cpu_set_t *set;

    if (!all && (!list || !n)) {
        return FALSE;
    }
    set = CPU_ALLOC(MAX_PROCESSORS);
    CPU_ZERO_S(size, set);
    for (guint i = 0; i < (all ? MAX_PROCESSORS : n); i++) {
        CPU_SET_S(all ? i : list[i], size, set);
    }
    if (sched_setaffinity(0, size, set)) {
        complain("processors");
    }
    CPU_FREE(set);
    return TRUE;
}

static const struct Setting {
    const char *name;
    char *(*read)(void);
    gboolean (*apply)(const char *value);
} settings_known[] = {
    { "groups", read_groups, apply_groups },
    { "umask", read_umask, apply_umask },
    { "nice", read_nice, apply_nice },
    { "oom-score-adj", read_oom, apply_oom },
    { "processors", read_processors, apply_processors },
};

static gboolean apply_limit(const char *name, const char *value)
{
    guint n;
    g_autofree guint64 *list = numbers(value, 2, G_MAXUINT64, &n);
    guint64 resource;

    if (!list || n != 2 ||
        !g_ascii_string_to_unsigned(name, 10, 0, RLIM_NLIMITS - 1, &resource, NULL)) {
        return FALSE;
    }
    if (setrlimit(resource, &(struct rlimit){ list[0], list[1] })) {
        g_autofree char *what = g_strdup_printf("resource limit %s", name);

        complain(what);
    }
    return TRUE;
}

GStrv launch_settings_read(void)
{
    GPtrArray *settings = g_ptr_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(settings_known); i++) {
        g_autofree char *value = settings_known[i].read();

        if (value) {
            g_ptr_array_add(settings, g_strdup_printf("%s %s", settings_known[i].name, value));
        }
    }
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;

        if (getrlimit(resource, &limit) == 0) {
            g_ptr_array_add(settings, g_strdup_printf(LIMIT_PREFIX "%d %" G_GUINT64_FORMAT
                                                                   " %" G_GUINT64_FORMAT,
                                                      resource, (guint64)limit.rlim_cur,
                                                      (guint64)limit.rlim_max));
        }
    }
    g_ptr_array_add(settings, NULL);
    return (GStrv)g_ptr_array_free(settings, FALSE);
}

static gboolean apply(const char *setting)
{
    g_auto(GStrv) part = g_strsplit(setting, " ", 2);

    if (!part[0] || !part[1]) {
        return FALSE;
    }
    if (g_str_has_prefix(part[0], LIMIT_PREFIX)) {
        return apply_limit(part[0] + strlen(LIMIT_PREFIX), part[1]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(settings_known); i++) {
        if (strcmp(part[0], settings_known[i].name) == 0) {
            return settings_known[i].apply(part[1]);
        }
    }
    return FALSE;
}

gboolean launch_settings_apply(char **settings)
{
    gboolean valid = TRUE;

    for (; settings && *settings; settings++) {
        valid = apply(*settings) && valid;
    }
    return valid;
}
