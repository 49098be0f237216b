/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program that device_model_override names: becomes QEMU, with the component preloaded. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>
#include <xenctrl.h>

#include <xen-physmap/record.h>

#include "launch-record.h"
#include "launch-settings.h"
#include "names.h"
#include "qemu-args.h"
#include "restore-policy.h"
#include "tap-name.h"
#include "trusted-file.h"

#define CONFIG_FILE XEN_PHYSMAP_SYSCONFDIR "/xen/xen-physmap.conf"

/* Where distributions put the QEMU for Xen guests. The first that exists is used. */
static const char *const qemus[] = {
    "/usr/libexec/xen-qemu-system-i386",   /* Debian, Ubuntu */
    "/usr/lib/xen/bin/qemu-system-i386",   /* Xen's own build, Fedora, Arch */
    "/usr/lib64/xen/bin/qemu-system-i386", /* XCP-ng, CentOS */
    "/usr/libexec/xen/bin/qemu-system-i386",
    "/usr/local/lib/xen/bin/qemu-system-i386",
    "/usr/bin/qemu-system-i386",
    "/usr/bin/qemu-system-x86_64",
};

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void say(const char *format, ...)
{
    va_list args;

    fputs("xen-physmap-qemu: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void usage(void)
{
    puts("Usage: xen-physmap-qemu QEMU-ARGUMENT...\n"
         "       xen-physmap-qemu --where\n"
         "Starts QEMU for a Xen guest, and records in xenstore where its ramblocks are.\n\n"
         "Name it in xl.cfg:  device_model_override=\"/path/to/xen-physmap-qemu\"\n\n"
         "A guest that is restored or migrated in runs only if its ramblocks are where\n"
         "they were saved. " ENV_POLICY "=refuse (the default), warn or off in\n"
         "the environment says what to do otherwise. So does mismatch= under [restore] "
         "in\n" CONFIG_FILE ".\n\n"
         "--where prints which QEMU it would start and the policy, and ends.\n"
         "All other arguments go to QEMU, which is the program in " ENV_QEMU " or\n"
         "the first of:");
    for (guint i = 0; i < G_N_ELEMENTS(qemus); i++) {
        printf("  %s\n", qemus[i]);
    }
}

static const char *find_qemu(void)
{
    const char *named = getenv(ENV_QEMU);

    if (named && *named) {
        return named;
    }
    for (guint i = 0; i < G_N_ELEMENTS(qemus); i++) {
        if (access(qemus[i], X_OK) == 0) {
            return qemus[i];
        }
    }
    return NULL;
}

/*
 * The component is in the same folder as this program, installed or not. If it isn't, reports that
 * and returns NULL.
 */
static char *find_component(void)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = exe ? g_path_get_dirname(exe) : NULL;
    g_autofree char *path = folder ? g_build_filename(folder, COMPONENT_FILE, NULL) : NULL;

    if (!path || access(path, R_OK) != 0) {
        say("no %s beside this program; the layout is not recorded", COMPONENT_FILE);
        return NULL;
    }
    if (strpbrk(path, ": ")) {
        say("%s can't be preloaded from a path with a blank or a colon in it; "
            "the layout is not recorded",
            path);
        return NULL;
    }
    return g_steal_pointer(&path);
}

/*
 * The policy for a saved guest whose layout doesn't match: from the environment, else from the
 * config file, else the default. Any other word is reported, and means refuse.
 */
static RestorePolicy find_policy(const char **source)
{
    g_autofree char *word = g_strdup(getenv(ENV_POLICY));
    RestorePolicy policy;

    *source = ENV_POLICY;
    if (!word || !*word) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autoptr(GError) error = NULL;

        g_clear_pointer(&word, g_free);
        *source = CONFIG_FILE;
        if (g_key_file_load_from_file(file, CONFIG_FILE, G_KEY_FILE_NONE, &error)) {
            word = g_key_file_get_string(file, "restore", "mismatch", NULL);
        } else if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            g_autofree char *shown = xen_physmap_escape(error->message, -1);

            say("%s: %s", CONFIG_FILE, shown);
        }
    }
    if (!word) {
        *source = "the default";
    }
    if (!restore_policy_parse(word ? word : "refuse", &policy)) {
        g_autofree char *shown = xen_physmap_escape(word, -1);

        say("%s is '%s', not refuse, warn or off; refuse is used", *source, shown);
    }
    return policy;
}

/* For people, and for xen-physmap doctor. */
static int print_where(const char *qemu)
{
    const char *source;
    RestorePolicy policy = find_policy(&source);
    g_autofree char *component = find_component();

    printf(WHERE_QEMU "%s\n" WHERE_POLICY "%s (%s)\n", qemu, restore_policy_name(policy), source);
    /* component_path has reported what is wrong with the component. */
    (void)component;
    return fflush(stdout) ? 2 : 0;
}

static void add_monitor(GPtrArray *args, const char *id, char *socket)
{
    g_ptr_array_add(args, g_strdup("-chardev"));
    g_ptr_array_add(args, socket);
    g_ptr_array_add(args, g_strdup("-mon"));
    g_ptr_array_add(args, g_strdup_printf("chardev=%s,mode=control", id));
}

/* Whether this is a socket that nobody listens on. */
static gboolean is_abandoned(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat status;
    gboolean refused;
    int fd;

    if (lstat(path, &status) || !S_ISSOCK(status.st_mode) ||
        g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path) {
        return FALSE;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    refused = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) &&
              errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

/*
 * Removes the tools' socket of a QEMU that gave up root or was killed, and so couldn't remove it.
 */
static void remove_abandoned_sockets(void)
{
    g_auto(GStrv) parts = g_strsplit(QMP_SOCKET_FORMAT, "%u", 2);
    g_autofree char *pattern = g_strjoinv("[0-9]*", parts);
    glob_t found = { 0 };
    gboolean waited = FALSE;

    glob(pattern, 0, NULL, &found);
    for (gsize i = 0; i < found.gl_pathc; i++) {
        if (!is_abandoned(found.gl_pathv[i])) {
            continue;
        }
        /* A QEMU that is just starting may have bound its socket and not listen yet. */
        if (!waited) {
            g_usleep(20 * G_TIME_SPAN_MILLISECOND);
            waited = TRUE;
        }
        if (is_abandoned(found.gl_pathv[i])) {
            unlink(found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

/*
 * Adds two monitors. One is a socket pair: the component finds one end open in QEMU from its first
 * instruction on, whatever directory or user QEMU changes to. The other is a socket for xen-physmap
 * check. A restore waits until the component lets it load: `incoming` is the index of the argument
 * that says what to load, or 0.
 */
static gboolean attach(GPtrArray *args, const char *domid, guint incoming, RestorePolicy policy)
{
    g_autofree char *component = find_component();
    g_autofree char *preload = g_strjoin(":", component, getenv("LD_PRELOAD"), NULL);
    g_autofree char *fd = NULL;
    int pair[2];

    if (!component) {
        return FALSE;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
        say("can't make a socket pair: %s; the layout is not recorded", g_strerror(errno));
        return FALSE;
    }
    fd = g_strdup_printf("%d", pair[0]);
    setenv("LD_PRELOAD", preload, 1);
    setenv(ENV_QMP_FD, fd, 1);
    setenv(ENV_DOMID, domid, 1);
    setenv(ENV_POLICY, restore_policy_name(policy), 1);
    if (incoming && policy != RESTORE_OFF) {
        setenv(ENV_INCOMING, args->pdata[incoming], 1);
        g_free(args->pdata[incoming]);
        args->pdata[incoming] = g_strdup("defer");
    }
    remove_abandoned_sockets();
    add_monitor(args, MONITOR_ID_PREFIX "component",
                g_strdup_printf("socket,id=" MONITOR_ID_PREFIX "component,fd=%d", pair[1]));
    add_monitor(args, MONITOR_ID_PREFIX "tools",
                g_strdup_printf("socket,id=" MONITOR_ID_PREFIX "tools,path=" QMP_SOCKET_FORMAT
                                ",server=on,wait=off",
                                (guint)strtoul(domid, NULL, 10)));
    return TRUE;
}

/* Removes the variables that only our own programs may set. */
static void forget_ours(void)
{
    static const char *const names[] = { ENV_DOMID, ENV_QMP_FD, ENV_INCOMING, ENV_HOLD_FD,
                                         ENV_PROBE };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        unsetenv(names[i]);
    }
}

/* "USER" or "UID:GID". If it is neither, nothing changes, and QEMU won't accept it either. */
static void parse_user(const char *text, uid_t *uid, gid_t *gid)
{
    g_auto(GStrv) part = g_strsplit(text, ":", 2);
    const struct passwd *user = getpwnam(text);
    guint64 numbers[2];

    if (user) {
        *uid = user->pw_uid;
        *gid = user->pw_gid;
    } else if (part[0] && part[1] &&
               g_ascii_string_to_unsigned(part[0], 10, 0, G_MAXUINT32 - 1, &numbers[0], NULL) &&
               g_ascii_string_to_unsigned(part[1], 10, 0, G_MAXUINT32 - 1, &numbers[1], NULL)) {
        *uid = numbers[0];
        *gid = numbers[1];
    }
}

/* The user that QEMU becomes. */
static void find_user(const char *const *args, LaunchRecord *record)
{
    const char *runas = qemu_args_value(args, "-runas");
    const char *run_with = qemu_args_value(args, "-run-with");
    g_auto(GStrv) parts = g_strsplit(run_with ? run_with : "", ",", -1);

    for (guint i = 0; parts[i]; i++) {
        if (g_str_has_prefix(parts[i], "user=")) {
            runas = parts[i] + strlen("user=");
        }
    }
    record->user = record->uid;
    record->group = record->gid;
    if (runas) {
        parse_user(runas, &record->user, &record->group);
    }
}

static char *identity_of(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    char *identity = fd < 0 ? NULL : file_identity(fd);

    if (fd >= 0) {
        close(fd);
    }
    return identity;
}

static GStrv own_control_groups(void)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL)) {
        return g_new0(char *, 1);
    }
    return g_strsplit(g_strchomp(text), "\n", -1);
}

/* What this process has now. Of the arguments, only those that it was given. */
static LaunchRecord *describe(const char *qemu, char **args)
{
    LaunchRecord *record = g_new0(LaunchRecord, 1);
    char *log = g_file_read_link("/proc/self/fd/2", NULL);

    record->uid = geteuid();
    record->gid = getegid();
    find_user((const char *const *)args, record);
    record->launcher = g_file_read_link("/proc/self/exe", NULL);
    record->program = g_canonicalize_filename(qemu, NULL);
    record->identity = identity_of(qemu);
    record->folder = g_get_current_dir();
    record->log = log ? log : g_strdup("");
    record->args = g_strdupv(args);
    tap_name_all(record->args);
    record->env = g_strdupv(environ);
    record->settings = launch_settings_read();
    record->cgroups = own_control_groups();
    return record;
}

/* For update-dm, which trusts no other source. */
static void write_down(const LaunchRecord *record)
{
    g_autoptr(GError) error = NULL;

    /* If there is no identity, there is no QEMU; executing it will fail, with a message. */
    if (record->identity && record->launcher && !launch_record_write(record, &error)) {
        say("can't write down what QEMU is started with, so xen-physmap update-dm will refuse "
            "this guest: %s",
            error->message);
    }
}

/*
 * The domain; NULL when there is nothing to record, as with "-version". FALSE, after a message,
 * when QEMU may read the arguments in another way than we do.
 */
static gboolean find_domain(const char *const *args, const char **domid)
{
    static const char *const read_here[] = { "-xen-domid", "-incoming", "-runas", "-run-with" };
    g_autofree char *shown = NULL;
    guint64 number;

    for (guint i = 0; i < G_N_ELEMENTS(read_here); i++) {
        if (!qemu_args_is_clear(args, read_here[i])) {
            say("a word that begins with '-' is before %s in QEMU's arguments, which QEMU may take "
                "as its value; put another argument between them",
                read_here[i]);
            return FALSE;
        }
    }
    *domid = qemu_args_value(args, "-xen-domid");
    if (*domid &&
        !g_ascii_string_to_unsigned(*domid, 10, 0, DOMID_FIRST_RESERVED - 1, &number, NULL)) {
        shown = xen_physmap_escape(*domid, -1);
        say("-xen-domid is '%s', which is not a domid", shown);
        return FALSE;
    }
    if (!*domid && qemu_args_mention(args, "-incoming")) {
        say("-incoming without -xen-domid: without a domid there is no layout to check");
        return FALSE;
    }
    return TRUE;
}

/* Becomes QEMU. Returns only on failure, after a message. */
static void become(const char *qemu, char **args, gboolean held)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(TrustedFile) file = trusted_file_open(qemu, &problem);
    g_autofree char *shown = xen_physmap_escape(qemu, -1);

    if (held && !file) {
        say("can't run %s: %s", shown, problem->message);
        return;
    }
    if (file) {
        trusted_file_exec(file, args, environ);
    } else {
        execv(qemu, args);
    }
    say("can't run %s: %s", shown, g_strerror(errno));
}

int main(int argc, char **argv)
{
    const char *qemu = find_qemu();
    g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(LaunchRecord) record = NULL;
    const char *hold = NULL, *domid = NULL, *source;
    const char *const *given;
    RestorePolicy policy;
    gboolean attached;
    guint incoming;

    if (argc < 2 || (argc == 2 && strcmp(argv[1], "--help") == 0)) {
        usage();
        return argc < 2 || fflush(stdout) ? 2 : 0;
    }
    if (!qemu) {
        say("no QEMU found where distributions put it; name it in " ENV_QEMU
            " (see xen-physmap-qemu --help)");
        return 127;
    }
    if (argc == 2 && strcmp(argv[1], WHERE_OPTION) == 0) {
        return print_where(qemu);
    }
    forget_ours();
    argv++;
    if (g_str_has_prefix(*argv, HOLD_OPTION)) {
        hold = *argv++ + strlen(HOLD_OPTION);
    }
    given = (const char *const *)argv;
    g_ptr_array_add(args, g_strdup(qemu));
    for (guint i = 0; argv[i]; i++) {
        g_ptr_array_add(args, g_strdup(argv[i]));
    }
    policy = find_policy(&source);
    record = describe(qemu, argv);
    incoming = qemu_args_find(given, "-incoming");
    /* In `args`, the program comes before the others. */
    attached = find_domain(given, &domid) &&
               (!domid || attach(args, domid, incoming ? incoming + 1 : 0, policy));
    if (!attached &&
        (hold || (qemu_args_mention(given, "-incoming") && policy == RESTORE_REFUSE))) {
        say("refusing to restore domain %s, without a check of its layout",
            domid ? domid : "(unknown)");
        return 1;
    }
    g_ptr_array_add(args, NULL);
    if (attached && domid) {
        write_down(record);
        if (hold) {
            setenv(ENV_HOLD_FD, hold, 1);
        }
    }
    become(qemu, (char **)args->pdata, hold != NULL);
    return 127;
}
