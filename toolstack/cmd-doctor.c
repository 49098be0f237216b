/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap doctor: whether this host is ready, and what to do where it isn't. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "domain.h"
#include "input.h"
#include "names.h"
#include "process.h"
#include "record-text.h"
#include "savefile.h"
#include "trusted-file.h"
#include "update.h"
#include "verb.h"

/* Where xendomains and libvirt keep savefiles. */
static const char *const savefile_folders[] = {
    "/var/lib/xen/save",
    "/var/lib/libvirt/libxl/save",
};

typedef enum { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_ERROR } Severity;

static const char *const severities[] = {
    [DOCTOR_OK] = "ok",
    [DOCTOR_NOTE] = "note",
    [DOCTOR_WARNING] = "warning",
    [DOCTOR_ERROR] = "error",
};

typedef struct Doctor {
    JsonArray *findings; /* NULL: each finding is printed at once */
    Severity worst;
} Doctor;

/* Adds a finding about `subject`, and what to do about it; NULL for nothing. */
static void tell(Doctor *doctor, Severity severity, const char *subject, const char *advice,
                 const char *format, ...) G_GNUC_PRINTF(5, 6);

static void tell(Doctor *doctor, Severity severity, const char *subject, const char *advice,
                 const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    doctor->worst = MAX(doctor->worst, severity);
    if (doctor->findings) {
        JsonObject *finding = record_text_finding(severities[severity], text);

        json_object_set_string_member(finding, "subject", subject);
        if (advice) {
            json_object_set_string_member(finding, "advice", advice);
        } else {
            json_object_set_null_member(finding, "advice");
        }
        json_array_add_object_element(doctor->findings, finding);
    } else {
        printf("%s: %s%s%s\n", severities[severity], text, advice ? "; " : "",
               advice ? advice : "");
    }
}

/* --- Xen --- */

/* A line of a file in /proc or /sys; NULL when it can't be read. */
static char *kernel_line(const char *path)
{
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text ? g_strchomp(text) : NULL;
}

/* FALSE when there is no Xen to ask. */
static gboolean look_at_xen(Doctor *doctor)
{
    g_autofree char *type = kernel_line("/sys/hypervisor/type");
    g_autofree char *major = kernel_line("/sys/hypervisor/version/major");
    g_autofree char *minor = kernel_line("/sys/hypervisor/version/minor");
    g_autofree char *extra = kernel_line("/sys/hypervisor/version/extra");
    g_autofree char *capabilities = kernel_line("/proc/xen/capabilities");

    if (g_strcmp0(type, "xen") != 0) {
        tell(doctor, DOCTOR_ERROR, "xen", "boot the host with Xen",
             "this system doesn't run on Xen");
        return FALSE;
    }
    if (capabilities && !strstr(capabilities, "control_d")) {
        tell(doctor, DOCTOR_ERROR, "xen", "run this in domain 0",
             "this system is a guest, not the host's control domain");
        return FALSE;
    }
    tell(doctor, DOCTOR_OK, "xen", NULL, "this is the control domain of Xen %s.%s%s",
         major ? major : "?", minor ? minor : "?", extra ? extra : "");
    return TRUE;
}

/* xenstore, and the libraries with which the hypervisor is asked. NULL when xenstore is out of reach. */
static XenPhysmapOps *look_at_libraries(Doctor *doctor)
{
    g_autoptr(GError) error = NULL;
    XenPhysmapOps *ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error);
    g_autoptr(XenPhysmapOps) hypervisor = NULL;
    guint64 pages;

    if (!ops) {
        tell(doctor, DOCTOR_ERROR, "xenstore", "start xenstored, and run this as root", "%s",
             error->message);
        return NULL;
    }
    tell(doctor, DOCTOR_OK, "xenstore", NULL, "xenstored answers");
    if (!(hypervisor = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error)) ||
        !domain_page_limit(0, &pages, &error)) {
        tell(doctor, DOCTOR_ERROR, "hypervisor",
             "check and update-dm can't work: run this as root, and install the libraries of the "
             "Xen "
             "that runs",
             "%s", error->message);
    } else {
        tell(doctor, DOCTOR_OK, "hypervisor", NULL, "the hypervisor answers");
    }
    return ops;
}

/* --- the launcher --- */

/* In the folder of this program, as in a build, or where it is installed. */
static char *launcher_path(void)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = exe ? g_path_get_dirname(exe) : g_strdup("");
    g_autofree char *beside = g_build_filename(folder, LAUNCHER_FILE, NULL);

    return g_str_has_prefix(beside, "/") && access(beside, F_OK) == 0
               ? g_steal_pointer(&beside)
               : g_strdup(XEN_PHYSMAP_LIBEXECDIR "/" LAUNCHER_FILE);
}

static void look_at_policy(Doctor *doctor, const char *line)
{
    g_autofree char *shown = xen_physmap_escape(line, -1);

    if (g_str_has_prefix(line, "refuse ")) {
        tell(doctor, DOCTOR_OK, "policy", NULL, "the policy is %s", shown);
    } else {
        tell(doctor, DOCTOR_WARNING, "policy", "see xen-physmap-qemu(8)",
             "the policy is %s: a guest is run on a layout that doesn't match", shown);
    }
}

static void look_at_component(Doctor *doctor, const char *launcher, const char *qemu)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *shown = xen_physmap_escape(qemu, -1);
    g_auto(GStrv) env = g_get_environ();
    gboolean loaded;

    if (!process_probe(launcher, env, qemu, &loaded, &error)) {
        tell(doctor, DOCTOR_ERROR, "component", "see xen-physmap-qemu(8)",
             "the component can't be tried with the QEMU %s: %s", shown, error->message);
    } else if (!loaded) {
        tell(doctor, DOCTOR_ERROR, "component",
             "the file needs 'qemu' in its name, and has to be linked dynamically, without "
             "capabilities or set-user-ID",
             "%s doesn't load the component", shown);
    } else {
        tell(doctor, DOCTOR_OK, "component", NULL, "%s loads the component", shown);
    }
}

static void look_at_launcher(Doctor *doctor)
{
    g_autofree char *path = launcher_path();
    g_autofree char *shown = xen_physmap_escape(path, -1);
    g_autofree char *answer = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;

    if (access(path, F_OK)) {
        tell(doctor, DOCTOR_ERROR, "launcher", "install xen-physmap-qemu; see xen-physmap-qemu(8)",
             "%s: %s", shown, g_strerror(errno));
        return;
    }
    answer = process_ask((const char *[]){ path, WHERE_OPTION, NULL }, NULL, &error);
    if (!answer) {
        tell(doctor, DOCTOR_ERROR, "launcher",
             "no guest can be started by it; see xen-physmap-qemu(8)", "%s", error->message);
        return;
    }
    tell(doctor, DOCTOR_OK, "launcher", NULL,
         "device_model_override=\"%s\" is for a guest's xl.cfg", shown);
    lines = g_strsplit(answer, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *line = xen_physmap_escape(lines[i], -1);

        if (g_str_has_prefix(lines[i], WHERE_QEMU)) {
            look_at_component(doctor, path, lines[i] + strlen(WHERE_QEMU));
        } else if (g_str_has_prefix(lines[i], WHERE_POLICY)) {
            look_at_policy(doctor, lines[i] + strlen(WHERE_POLICY));
        } else if (*line) {
            tell(doctor, DOCTOR_WARNING, "launcher", NULL, "%s", line);
        }
    }
}

/* --- guests --- */

/* Whether it is a guest without a device model, according to libxl: PV or PVH. */
static gboolean is_not_hvm(const XenPhysmapOps *ops, const Domain *domain)
{
    g_autofree char *path = g_strdup_printf("/libxl/%u/type", domain->domid);
    unsigned int length;
    char *type = ops->read(ops->opaque, 0, path, &length);
    gboolean other = type && !(length == strlen("hvm") && memcmp(type, "hvm", length) == 0);

    free(type);
    return other;
}

/* TRUE when it has records. */
static gboolean look_at_guest(Doctor *doctor, XenPhysmapOps *ops, const Domain *domain)
{
    g_autoptr(UpdateOps) host = update_host_new(ops);
    g_autoptr(GError) error = NULL;
    gboolean recorded, outdated;

    if (!domain_is_recorded(ops, domain, &recorded, &error)) {
        tell(doctor, DOCTOR_WARNING, "guest", "see xen-physmap list", "domain %u (%s): %s",
             domain->domid, domain->name, error->message);
        return FALSE;
    }
    if (!recorded) {
        tell(doctor, DOCTOR_WARNING, "guest",
             "name the launcher in its config and migrate it to this host, see install.md",
             "domain %u (%s) runs without xen-physmap-qemu, and has no records", domain->domid,
             domain->name);
        return FALSE;
    }
    if (update_is_outdated(host, domain, &outdated, NULL) && outdated) {
        g_autofree char *advice = g_strdup_printf("xen-physmap update-dm %u", domain->domid);

        tell(doctor, DOCTOR_NOTE, "guest", advice,
             "domain %u (%s): its QEMU's program was replaced since it started", domain->domid,
             domain->name);
    }
    return TRUE;
}

static void look_at_guests(Doctor *doctor, XenPhysmapOps *ops)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) domains = domain_all(ops, &error);
    guint recorded = 0, hvm = 0;

    if (!domains) {
        tell(doctor, DOCTOR_ERROR, "guest", NULL, "%s", error->message);
        return;
    }
    for (guint i = 0; i < domains->len; i++) {
        const Domain *domain = g_ptr_array_index(domains, i);

        if (domain->domid != 0 && !is_not_hvm(ops, domain)) {
            hvm++;
            recorded += look_at_guest(doctor, ops, domain);
        }
    }
    tell(doctor, recorded == hvm ? DOCTOR_OK : DOCTOR_NOTE, "guest",
         recorded ? "xen-physmap check --all compares them with their QEMUs" : NULL,
         "%u of %u running HVM guests have records", recorded, hvm);
}

/* --- savefiles --- */

/* NULL, with an error, when the file can't be read, or isn't a savefile. Closes it. */
static Savefile *read_savefile(int file, GError **error)
{
    int fd = input_take(file, error);
    g_autoptr(Stream) stream = fd < 0 ? NULL : stream_open(fd, error);
    Savefile *contents = stream ? savefile_read(stream, FALSE, error) : NULL;

    if (fd >= 0) {
        close(fd);
    }
    return contents;
}

/* Only a guest with a QEMU has records, or lacks them. */
static gboolean has_device_model(const Savefile *contents)
{
    return contents->carriers->len > 0 && !contents->completeness.no_device_model;
}

/* To be typed as it is. Whoever chose the file's name can't choose what is run. */
static char *advise_verify(const char *path, const char *shown)
{
    const char *letters = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "/._-+:@%";
    g_autofree char *quoted = path[strspn(path, letters)] ? g_shell_quote(path) : g_strdup(path);

    return *path == '-' || strcmp(path, shown) != 0
               ? g_strdup("see xen-physmap verify")
               : g_strdup_printf("see xen-physmap verify %s", quoted);
}

/*
 * TRUE for a file. What is something else is passed over. It is known by the descriptor, because
 * another file may have that name at any time. None is waited for, as a pipe would be.
 */
static gboolean look_at_savefile(Doctor *doctor, const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    g_autofree char *shown = xen_physmap_escape(path, -1);
    g_autofree char *advice = advise_verify(path, shown);
    g_autoptr(Savefile) contents = NULL;
    g_autoptr(GError) error = NULL;
    struct stat st;

    if (fd < 0 ? errno == ELOOP || errno == ENXIO : fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (fd >= 0) {
            close(fd);
        }
        return FALSE;
    }
    contents = read_savefile(fd, &error);
    if (!contents) {
        tell(doctor, DOCTOR_WARNING, "savefile", advice, "%s: %s", shown, error->message);
    } else if (contents->lacks) {
        tell(doctor, DOCTOR_WARNING, "savefile", advice,
             "%s: %s is missing, so no restore can succeed", shown, contents->lacks);
    } else if (!has_device_model(contents)) {
        tell(doctor, DOCTOR_OK, "savefile", NULL, "%s: its guest has no device model", shown);
    } else if (xen_physmap_table_size(contents->table) == 0) {
        tell(doctor, DOCTOR_NOTE, "savefile",
             "restore it with the same devices as it was saved with",
             "%s has no records, so its layout can't be checked", shown);
    } else {
        tell(doctor, DOCTOR_OK, "savefile", NULL, "%s: %u records", shown,
             xen_physmap_table_size(contents->table));
    }
    return TRUE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `named` is FALSE for a usual folder, which may be absent. */
static void look_into_folder(Doctor *doctor, const char *folder, gboolean named)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *shown = xen_physmap_escape(folder, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    const char *name;
    guint files = 0;

    if (!dir) {
        if (named || !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            g_autofree char *problem = xen_physmap_escape(error->message, -1);

            tell(doctor, DOCTOR_WARNING, "savefile", NULL, "%s", problem);
        }
        return;
    }
    while ((name = g_dir_read_name(dir))) {
        g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
    }
    g_ptr_array_sort(paths, compare_names);
    for (guint i = 0; i < paths->len; i++) {
        files += look_at_savefile(doctor, paths->pdata[i]);
    }
    if (files == 0) {
        tell(doctor, DOCTOR_OK, "savefile", NULL, "%s has no savefiles", shown);
    }
}

int verb_doctor(int argc, char **argv)
{
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(XenPhysmapOps) ops = NULL;
    Doctor doctor = { NULL, DOCTOR_OK };

    if (!verb_options(
            &argc, &argv, entries, "[FOLDER]...",
            "Says whether this host is ready: Xen, xenstored, the launcher and QEMU, the\n"
            "policy, the running guests, and the savefiles in each FOLDER, by default where\n"
            "xendomains and libvirt keep them. Changes nothing. Prints a line for each thing\n"
            "it looked at, with what to do. Exit code 1 when there is something to do.",
            0, G_MAXINT)) {
        return EXIT_TROUBLE;
    }
    doctor.findings = json ? json_array_new() : NULL;
    if (look_at_xen(&doctor)) {
        ops = look_at_libraries(&doctor);
    }
    look_at_launcher(&doctor);
    if (ops) {
        look_at_guests(&doctor, ops);
    }
    for (int i = 1; i < argc; i++) {
        look_into_folder(&doctor, argv[i], TRUE);
    }
    for (guint i = 0; i < G_N_ELEMENTS(savefile_folders) && argc == 1; i++) {
        look_into_folder(&doctor, savefile_folders[i], FALSE);
    }
    if (json) {
        JsonObject *answer = record_text_answer("doctor");

        json_object_set_array_member(answer, "findings", doctor.findings);
        record_text_print_json(stdout, answer);
    }
    return doctor.worst >= DOCTOR_WARNING ? EXIT_FINDING : EXIT_FINE;
}
