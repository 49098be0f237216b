/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP commands of an update. */
#include "monitor.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "json-limits.h"

#define TIMEOUT_MS 10000

/* Stopping the machine completes its disk requests, which may be slow. */
#define SAVE_TIMEOUT_MS 30000

static gboolean run(QmpClient *qmp, const char *command, JsonNode *arguments, int timeout_ms,
                    GError **error)
{
    g_autoptr(JsonNode) result = qmp_client_execute(qmp, command, arguments, timeout_ms, error);

    return result != NULL;
}

static gboolean unexpected(const char *command, GError **error)
{
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                "QMP: QEMU's answer to %s doesn't have the documented form", command);
    return FALSE;
}

/* The string member of what should be an object, or NULL. */
static const char *string_in(JsonNode *node, const char *name)
{
    JsonNode *member = node && JSON_NODE_HOLDS_OBJECT(node)
                           ? json_object_get_member(json_node_get_object(node), name)
                           : NULL;

    return member && json_node_get_value_type(member) == G_TYPE_STRING
               ? json_node_get_string(member)
               : NULL;
}

static JsonNode *member_in(JsonNode *node, const char *name)
{
    return node && JSON_NODE_HOLDS_OBJECT(node)
               ? json_object_get_member(json_node_get_object(node), name)
               : NULL;
}

static gint64 number_in(JsonNode *node, const char *name)
{
    JsonNode *member = member_in(node, name);

    return member && json_node_get_value_type(member) == G_TYPE_INT64 ? json_node_get_int(member)
                                                                      : -1;
}

gboolean monitor_running(QmpClient *qmp, gboolean *running, GError **error)
{
    g_autoptr(JsonNode) result = qmp_client_execute(qmp, "query-status", NULL, TIMEOUT_MS, error);
    const char *status = string_in(result, "status");

    if (!result || !status) {
        return result ? unexpected("query-status", error) : FALSE;
    }
    *running = strcmp(status, "running") == 0;
    return TRUE;
}

gboolean monitor_cont(QmpClient *qmp, GError **error)
{
    return run(qmp, "cont", NULL, TIMEOUT_MS, error);
}

/*
 * Not as /dev/fdset/N: QEMU truncates a file that it opens under that name, which a pipe doesn't
 * allow.
 */
static gboolean save_to_fd(QmpClient *qmp, gint64 fd, gboolean live, GError **error)
{
    g_autofree char *file = g_strdup_printf("/proc/self/fd/%" G_GINT64_FORMAT, fd);
    JsonNode *arguments = qmp_argument("filename", file);

    json_object_set_boolean_member(json_node_get_object(arguments), "live", live);
    return run(qmp, "xen-save-devices-state", arguments, SAVE_TIMEOUT_MS, error);
}

static gboolean save(QmpClient *qmp, int fd, gboolean live, GError **error)
{
    g_autoptr(JsonNode) added = NULL;
    g_autoptr(JsonObject) arguments = json_object_new();
    gint64 set, theirs;
    gboolean saved;

    if (!(added = qmp_client_execute_with_fd(qmp, "add-fd", NULL, fd, TIMEOUT_MS, error))) {
        return FALSE;
    }
    set = number_in(added, "fdset-id");
    theirs = number_in(added, "fd");
    if (set < 0 || theirs < 0) {
        return unexpected("add-fd", error);
    }
    saved = save_to_fd(qmp, theirs, live, error);
    /* A QEMU that goes on must not keep the pipe open. */
    json_object_set_int_member(arguments, "fdset-id", set);
    run(qmp, "remove-fd", json_node_init_object(json_node_alloc(), arguments), TIMEOUT_MS, NULL);
    return saved;
}

gboolean monitor_save(QmpClient *qmp, int fd, GError **error)
{
    return run(qmp, "stop", NULL, SAVE_TIMEOUT_MS, error) && save(qmp, fd, TRUE, error);
}

/*
 * Not "live", which has a stopped QEMU give up its images: one in standby hasn't taken them yet, and
 * fails in an assertion. Not "stop", either: QEMU would stay stopped when it has loaded a state.
 */
gboolean monitor_try_save(QmpClient *qmp, int fd, GError **error)
{
    return save(qmp, fd, FALSE, error);
}

GPtrArray *monitor_blocked_reasons(QmpClient *qmp, GError **error)
{
    g_autoptr(JsonNode) result = qmp_client_execute(qmp, "query-migrate", NULL, TIMEOUT_MS, error);
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    JsonNode *told;

    if (!result || !JSON_NODE_HOLDS_OBJECT(result)) {
        if (result) {
            unexpected("query-migrate", error);
        }
        return NULL;
    }
    told = json_object_get_member(json_node_get_object(result), "blocked-reasons");
    if (told && !JSON_NODE_HOLDS_ARRAY(told)) {
        unexpected("query-migrate", error);
        return NULL;
    }
    for (guint i = 0; told && i < json_array_get_length(json_node_get_array(told)); i++) {
        JsonNode *reason = json_array_get_element(json_node_get_array(told), i);
        gboolean is_text = json_node_get_value_type(reason) == G_TYPE_STRING;

        g_ptr_array_add(reasons, xen_physmap_escape(is_text ? json_node_get_string(reason)
                                                            : "a reason that isn't text",
                                                    -1));
    }
    return g_steal_pointer(&reasons);
}

void monitor_parts_free(MonitorParts *parts)
{
    if (parts) {
        g_ptr_array_unref(parts->lines);
        g_ptr_array_unref(parts->names);
        g_ptr_array_unref(parts->empty);
        g_free(parts);
    }
}

/* Calls `add` for each element of an array: the answer itself, or a member of it. */
static void each_element(MonitorParts *parts, JsonNode *array,
                         void (*add)(MonitorParts *parts, JsonNode *element))
{
    for (guint i = 0; array && JSON_NODE_HOLDS_ARRAY(array) &&
                      i < json_array_get_length(json_node_get_array(array));
         i++) {
        add(parts, json_array_get_element(json_node_get_array(array), i));
    }
}

static void add_line(MonitorParts *parts, const char *name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void add_line(MonitorParts *parts, const char *name, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(parts->lines, xen_physmap_escape(line, -1));
    if (name && *name) {
        g_ptr_array_add(parts->names, g_strdup(name));
    }
}

static void add_vcpu(MonitorParts *parts, JsonNode *vcpu)
{
    parts->vcpus++;
    add_line(parts, NULL, "vcpu %" G_GINT64_FORMAT, number_in(vcpu, "cpu-index"));
}

/*
 * The guest numbers the buses behind a bridge, so a machine with a bridge isn't searched further.
 */
static void add_pci_device(MonitorParts *parts, JsonNode *device)
{
    JsonNode *id = member_in(device, "id");

    add_line(parts, string_in(device, "qdev_id"),
             "PCI device %02" G_GINT64_MODIFIER "x:%02" G_GINT64_MODIFIER "x.%" G_GINT64_FORMAT
             " (%04" G_GINT64_MODIFIER "x:%04" G_GINT64_MODIFIER "x)",
             number_in(device, "bus"), number_in(device, "slot"), number_in(device, "function"),
             number_in(id, "vendor"), number_in(id, "device"));
}

static void add_pci_bus(MonitorParts *parts, JsonNode *bus)
{
    each_element(parts, member_in(bus, "devices"), add_pci_device);
}

/*
 * A device whose drive has no name is shown by its path, if that has no number that depends on the order
 * in which the devices were made.
 */
static void add_drive(MonitorParts *parts, JsonNode *drive)
{
    const char *name = string_in(drive, "device");
    const char *device = string_in(drive, "qdev");
    const char *file = string_in(member_in(drive, "inserted"), "file");
    gboolean has_path = device && !g_str_has_prefix(device, "/machine/unattached/");
    g_autofree char *named = g_strconcat("drive ", name && *name ? name : device, NULL);

    add_line(parts, name, "%s with %s", (name && *name) || has_path ? named : MONITOR_UNNAMED_DRIVE,
             file ? file : "nothing in it");
    if (name && *name && !file) {
        g_ptr_array_add(parts->empty, g_strdup(name));
    }
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

MonitorParts *monitor_parts(QmpClient *qmp, GError **error)
{
    static const struct {
        const char *command;
        void (*add)(MonitorParts *parts, JsonNode *element);
    } questions[] = { { "query-cpus-fast", add_vcpu },
                      { "query-pci", add_pci_bus },
                      { "query-block", add_drive } };
    g_autoptr(MonitorParts) parts = g_new0(MonitorParts, 1);

    parts->lines = g_ptr_array_new_with_free_func(g_free);
    parts->names = g_ptr_array_new_with_free_func(g_free);
    parts->empty = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < G_N_ELEMENTS(questions); i++) {
        g_autoptr(JsonNode) result =
            qmp_client_execute(qmp, questions[i].command, NULL, TIMEOUT_MS, error);

        if (!result || !JSON_NODE_HOLDS_ARRAY(result)) {
            if (result) {
                unexpected(questions[i].command, error);
            }
            return NULL;
        }
        each_element(parts, result, questions[i].add);
    }
    g_ptr_array_sort(parts->lines, compare_lines);
    return g_steal_pointer(&parts);
}

char *monitor_version(QmpClient *qmp, GError **error)
{
    g_autoptr(JsonNode) result = qmp_client_execute(qmp, "query-version", NULL, TIMEOUT_MS, error);
    JsonNode *version = member_in(result, "qemu");
    gint64 major = number_in(version, "major"), minor = number_in(version, "minor"),
           micro = number_in(version, "micro");

    if (!result || major < 0 || minor < 0 || micro < 0) {
        if (result) {
            unexpected("query-version", error);
        }
        return NULL;
    }
    return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, major,
                           minor, micro);
}

static void image_free(gpointer data)
{
    MonitorImage *image = data;

    g_free(image->path);
    g_free(image);
}

/* If an image has more options than its path, QEMU prints all of them, as "json:{...}". */
static char *path_in(const char *file)
{
    const char *text = g_str_has_prefix(file, "json:") ? file + strlen("json:") : NULL;
    g_autoptr(JsonNode) options =
        text && !json_refusal(text, strlen(text)) ? json_from_string(text, NULL) : NULL;
    const char *path = options ? string_in(options, "filename") : NULL;

    return g_strdup(path ? path : file);
}

GPtrArray *monitor_images(QmpClient *qmp, GError **error)
{
    g_autoptr(JsonNode) result =
        qmp_client_execute(qmp, "query-named-block-nodes", NULL, TIMEOUT_MS, error);
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);

    if (!result || !JSON_NODE_HOLDS_ARRAY(result)) {
        if (result) {
            unexpected("query-named-block-nodes", error);
        }
        return NULL;
    }
    for (guint i = 0; i < json_array_get_length(json_node_get_array(result)); i++) {
        static const char *const drivers[] = { "file", "host_device", "host_cdrom", NULL };
        JsonNode *node = json_array_get_element(json_node_get_array(result), i);
        const char *driver = string_in(node, "drv"), *file = string_in(node, "file");

        if (driver && file && g_strv_contains(drivers, driver)) {
            MonitorImage *image = g_new0(MonitorImage, 1);
            JsonNode *read_only = json_object_get_member(json_node_get_object(node), "ro");

            image->path = path_in(file);
            image->read_only = read_only && json_node_get_value_type(read_only) == G_TYPE_BOOLEAN &&
                               json_node_get_boolean(read_only);
            g_ptr_array_add(images, image);
        }
    }
    return g_steal_pointer(&images);
}

GPtrArray *monitor_serial_ptys(QmpClient *qmp, GError **error)
{
    g_autoptr(JsonNode) result = qmp_client_execute(qmp, "query-chardev", NULL, TIMEOUT_MS, error);
    g_autoptr(GPtrArray) ptys = g_ptr_array_new_with_free_func(g_free);
    JsonArray *chardevs;

    if (!result || !JSON_NODE_HOLDS_ARRAY(result)) {
        if (result) {
            unexpected("query-chardev", error);
        }
        return NULL;
    }
    chardevs = json_node_get_array(result);
    for (guint i = 0; i < json_array_get_length(chardevs); i++) {
        const char *label = string_in(json_array_get_element(chardevs, i), "label");
        const char *file = string_in(json_array_get_element(chardevs, i), "filename");
        guint64 port;

        if (label && file && g_str_has_prefix(label, "serial") &&
            g_ascii_string_to_unsigned(label + strlen("serial"), 10, 0, 63, &port, NULL)) {
            while (ptys->len <= port) {
                g_ptr_array_add(ptys, g_strdup(""));
            }
            if (g_str_has_prefix(file, "pty:")) {
                g_free(ptys->pdata[port]);
                ptys->pdata[port] = g_strdup(file + strlen("pty:"));
            }
        }
    }
    return g_steal_pointer(&ptys);
}

void monitor_vnc_free(MonitorVnc *vnc)
{
    if (vnc) {
        g_free(vnc->host);
        g_free(vnc->service);
        g_ptr_array_unref(vnc->clients);
        g_free(vnc);
    }
}

MonitorVnc *monitor_vnc(QmpClient *qmp, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(JsonNode) result = qmp_client_execute(qmp, "query-vnc", NULL, TIMEOUT_MS, &problem);
    JsonNode *clients;
    MonitorVnc *vnc;

    if (g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND)) {
        /* QEMU was built without it. */
        vnc = g_new0(MonitorVnc, 1);
        vnc->clients = g_ptr_array_new_with_free_func(g_free);
        return vnc;
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (!result || !JSON_NODE_HOLDS_OBJECT(result)) {
        if (result) {
            unexpected("query-vnc", error);
        }
        return NULL;
    }
    vnc = g_new0(MonitorVnc, 1);
    vnc->host = g_strdup(string_in(result, "host"));
    vnc->service = g_strdup(string_in(result, "service"));
    vnc->clients = g_ptr_array_new_with_free_func(g_free);
    clients = json_object_get_member(json_node_get_object(result), "clients");
    for (guint i = 0; clients && JSON_NODE_HOLDS_ARRAY(clients) &&
                      i < json_array_get_length(json_node_get_array(clients));
         i++) {
        JsonNode *client = json_array_get_element(json_node_get_array(clients), i);
        const char *host = string_in(client, "host"), *service = string_in(client, "service");
        g_autofree char *text =
            g_strdup_printf("%s:%s", host ? host : "?", service ? service : "?");

        g_ptr_array_add(vnc->clients, xen_physmap_escape(text, -1));
    }
    return vnc;
}

gboolean monitor_set_vnc_password(QmpClient *qmp, const char *password, GError **error)
{
    return run(qmp, "change-vnc-password", qmp_argument("password", password), TIMEOUT_MS, error);
}
