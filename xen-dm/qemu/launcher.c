/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program that device_model_override names: becomes QEMU, with the component preloaded. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#include "component.h"
#include "qmp.h"

#define COMPONENT_FILE "xen-physmap-qemu.so"
#define ENV_QEMU "XEN_PHYSMAP_QEMU"
#define CONFIG_FILE XEN_PHYSMAP_SYSCONFDIR "/xen/xen-physmap.conf"

/* Where distributions put the QEMU for Xen guests; the first that is there is taken. */
static const char *const qemus[] = {
    "/usr/libexec/xen-qemu-system-i386",           /* Debian, Ubuntu */
    "/usr/lib/xen/bin/qemu-system-i386",           /* Xen's own build, Fedora, Arch */
    "/usr/lib64/xen/bin/qemu-system-i386",         /* XCP-ng, CentOS */
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
         "Starts QEMU for a Xen guest, and records in xenstore where its ramblocks are.\n\n"
         "Name it in xl.cfg:  device_model_override=\"/path/to/xen-physmap-qemu\"\n\n"
         "A guest that is restored or migrated in runs only if its ramblocks are where they\n"
         "were saved. " COMPONENT_ENV_POLICY "=refuse (the default), warn or off in the\n"
         "environment, or mismatch=... under [restore] in " CONFIG_FILE ",\n"
         "says what to do otherwise.\n\n"
         "All arguments go to QEMU, which is the program in " ENV_QEMU " or the first of:");
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

/* The component lies beside this program, installed or not. NULL, said, when it doesn't. */
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
            "the layout is not recorded", path);
        return NULL;
    }
    return g_steal_pointer(&path);
}

/*
 * What is to happen when a saved guest's layout doesn't match: the environment's word, or the
 * config file's, or the default. A word that is none means to refuse, and is said.
 */
static GatePolicy find_policy(void)
{
    const char *environment = getenv(COMPONENT_ENV_POLICY);
    g_autofree char *word = g_strdup(environment);
    const char *source = COMPONENT_ENV_POLICY;
    GatePolicy policy;

    if (!word) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autoptr(GError) error = NULL;

        source = CONFIG_FILE;
        if (g_key_file_load_from_file(file, CONFIG_FILE, G_KEY_FILE_NONE, &error)) {
            word = g_key_file_get_string(file, "restore", "mismatch", NULL);
        } else if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            say("%s: %s", CONFIG_FILE, error->message);
        }
    }
    if (!gate_policy_parse(word ? word : "refuse", &policy)) {
        say("%s is '%s', and not refuse, warn or off; taken as refuse", source, word);
    }
    return policy;
}

/* The word after an option of QEMU's, or NULL. */
static const char *argument_of(char **argv, const char *option)
{
    for (; *argv; argv++) {
        if (strcmp(*argv, option) == 0) {
            return argv[1];
        }
    }
    return NULL;
}

/*
 * Adds two monitors: a socket pair, one end of which the component finds open in QEMU from its
 * first moment, whatever directory or user QEMU changes to; and a socket for xen-physmap check.
 */
static gboolean attach(GPtrArray *args, const char *component, const char *domid,
                       gboolean incoming, GatePolicy policy)
{
    const char *others = getenv("LD_PRELOAD");
    g_autofree char *preload =
        others && *others ? g_strconcat(component, ":", others, NULL) : g_strdup(component);
    g_autofree char *path = g_strdup_printf(QMP_SOCKET_FORMAT, (guint)strtoul(domid, NULL, 10));
    g_autofree char *fd = NULL;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
        say("can't make a socket pair: %s; the layout is not recorded", g_strerror(errno));
        return FALSE;
    }
    fd = g_strdup_printf("%d", pair[0]);
    setenv("LD_PRELOAD", preload, 1);
    setenv(COMPONENT_ENV_QMP_FD, fd, 1);
    setenv(COMPONENT_ENV_DOMID, domid, 1);
    setenv(COMPONENT_ENV_POLICY, gate_policy_name(policy), 1);
    if (incoming) {
        setenv(COMPONENT_ENV_INCOMING, "1", 1);
    }
    g_ptr_array_add(args, g_strdup("-chardev"));
    g_ptr_array_add(args, g_strdup_printf("socket,id=xen-physmap-component,fd=%d", pair[1]));
    g_ptr_array_add(args, g_strdup("-mon"));
    g_ptr_array_add(args, g_strdup("chardev=xen-physmap-component,mode=control"));
    g_ptr_array_add(args, g_strdup("-chardev"));
    g_ptr_array_add(args, g_strdup_printf("socket,id=xen-physmap-tools,path=%s,server=on,wait=off",
                                          path));
    g_ptr_array_add(args, g_strdup("-mon"));
    g_ptr_array_add(args, g_strdup("chardev=xen-physmap-tools,mode=control"));
    return TRUE;
}

int main(int argc, char **argv)
{
    const char *qemu = find_qemu();
    const char *domid = argument_of(argv, "-xen-domid");
    gboolean incoming = argument_of(argv, "-incoming") != NULL;
    GPtrArray *args = g_ptr_array_new();

    if (argc < 2 || (argc == 2 && strcmp(argv[1], "--help") == 0)) {
        usage();
        return argc < 2 ? 2 : 0;
    }
    if (!qemu) {
        say("no QEMU found where distributions put it; name it in " ENV_QEMU
            " (see xen-physmap-qemu --help)");
        return 127;
    }
    g_ptr_array_add(args, g_strdup(qemu));
    for (int i = 1; i < argc; i++) {
        g_ptr_array_add(args, argv[i]);
    }
    /* Without a domain, as in "-version", there is nothing to record. */
    if (domid) {
        GatePolicy policy = find_policy();
        char *component = find_component();

        if ((!component || !attach(args, component, domid, incoming, policy)) && incoming &&
            policy == GATE_REFUSE) {
            say("refusing to restore domain %s, whose layout nobody would check", domid);
            return 1;
        }
    }
    g_ptr_array_add(args, NULL);
    execv(qemu, (char **)args->pdata);
    say("can't run %s: %s", qemu, g_strerror(errno));
    return 127;
}
