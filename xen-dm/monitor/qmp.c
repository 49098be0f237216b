/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP client: lines of JSON over a Unix socket. Every wait has a time limit. */
#include "qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "fail.h"
#include "json-limits.h"
#include "names.h"

#define failed(error, ...) fail(error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "QMP: " __VA_ARGS__)

/* A longer reply is an error. "info mtree -f" of a large guest prints about 100 KiB. */
#define REPLY_MAX (8 * 1024 * 1024)

/*
 * A QEMU whose main loop is free accepts a connection at once; one that is stuck gets a few
 * seconds.
 */
#define CONNECT_TIMEOUT_MS 10000

/* How often a wait checks whether to give up. */
#define STOP_POLL_MS 100

typedef struct Stop {
    QmpStopFunc func;
    gpointer data;
} Stop;

static Stop stop_of_new;

struct QmpClient {
    int fd;
    gint64 end; /* the limit of the whole conversation; monotonic, in us */
    Stop stop;
    GByteArray *input; /* bytes of an incomplete line */
    GQueue replies;    /* JsonNode: lines that aren't events */
    gboolean greeted;  /* the greeting was read */
    gboolean asked;    /* capabilities were requested; the answer may have been late */
    gboolean ready;    /* capabilities were negotiated */
    gint64 last_id;    /* of the last command; its answer repeats it */
    QmpEventFunc event_func;
    gpointer event_data;
};

QmpClient *qmp_client_new(int fd)
{
    QmpClient *client = g_new0(QmpClient, 1);

    client->fd = fd;
    client->end = G_MAXINT64;
    client->input = g_byte_array_new();
    g_queue_init(&client->replies);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return client;
}

void qmp_client_limit(QmpClient *client, int total_ms)
{
    client->end = g_get_monotonic_time() + total_ms * G_TIME_SPAN_MILLISECOND;
}

void qmp_stop_when(QmpStopFunc func, gpointer data)
{
    stop_of_new = (Stop){ func, data };
}

static gboolean should_stop(const Stop *stop, GError **error)
{
    return stop->func && stop->func(stop->data, error);
}

/* Retries for a moment on EAGAIN, when the socket's queue of clients is full. */
static int try_to_connect(const char *path)
{
    const struct timeval moment = { .tv_usec = STOP_POLL_MS * 1000 };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment) ||
                    connect(fd, (struct sockaddr *)&address, sizeof address))) {
        int saved = errno;

        close(fd);
        errno = saved;
        fd = -1;
    }
    return fd;
}

/*
 * -1 with errno when nobody listens there. If QEMU listens but doesn't accept in time, that is an
 * error, and so is a request to stop.
 */
static int connect_path(const char *path, gint64 deadline, GError **error)
{
    for (;;) {
        int fd = try_to_connect(path);

        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
            return fd;
        }
        if (should_stop(&stop_of_new, error)) {
            return -1;
        }
        if (g_get_monotonic_time() > deadline) {
            failed(error, "QEMU doesn't accept connections at %s; is its main loop stuck?", path);
            return -1;
        }
    }
}

static QmpClient *client_of(int fd)
{
    QmpClient *client = qmp_client_new(fd);

    client->stop = stop_of_new;
    qmp_client_limit(client, QMP_CONVERSATION_MS);
    return client;
}

QmpClient *qmp_client_connect_standby(guint32 domid, GError **error)
{
    g_autofree char *path = g_strdup_printf(QMP_SOCKET_FORMAT STANDBY_SUFFIX, domid);
    gint64 deadline = g_get_monotonic_time() + CONNECT_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GError) problem = NULL;
    int fd = connect_path(path, deadline, &problem);

    if (fd < 0 && !problem) {
        failed(&problem, "can't connect to the new QEMU: %s: %s", path, g_strerror(errno));
    }
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    return client_of(fd);
}

static QmpClient *connect_until(guint32 domid, gint64 deadline, GError **error)
{
    g_autofree char *ours = g_strdup_printf(QMP_SOCKET_FORMAT, domid);
    g_autofree char *libxls = g_strdup_printf("/run/xen/qmp-libxl-%u", domid);
    g_autoptr(GError) problem = NULL;
    int fd = connect_path(ours, deadline, &problem);
    int errnum = errno;

    if (fd < 0 && !problem) {
        fd = connect_path(libxls, deadline, &problem);
    }
    if (fd < 0) {
        if (!problem) {
            failed(&problem, "can't connect to the QEMU of domain %u: %s: %s; %s: %s", domid, ours,
                   g_strerror(errnum), libxls, g_strerror(errno));
        }
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    return client_of(fd);
}

QmpClient *qmp_client_connect(guint32 domid, GError **error)
{
    return connect_until(
        domid, g_get_monotonic_time() + CONNECT_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND, error);
}

QmpClient *qmp_client_connect_within(guint32 domid, int total_ms, GError **error)
{
    gint64 end = g_get_monotonic_time() + total_ms * G_TIME_SPAN_MILLISECOND;
    QmpClient *client = connect_until(domid, end, error);

    if (client) {
        client->end = end;
    }
    return client;
}

void qmp_client_free(QmpClient *client)
{
    if (client) {
        close(client->fd);
        g_byte_array_unref(client->input);
        g_queue_clear_full(&client->replies, (GDestroyNotify)json_node_unref);
        g_free(client);
    }
}

int qmp_client_fd(const QmpClient *client)
{
    return client->fd;
}

void qmp_client_on_event(QmpClient *client, QmpEventFunc func, gpointer data)
{
    client->event_func = func;
    client->event_data = data;
}

/*
 * The string member of an object, or NULL. json-glib's own getter prints a warning if there is
 * none.
 */
static const char *member_string(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

static gboolean take_line(QmpClient *client, const char *line, gsize length, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    const char *event, *refusal = json_refusal(line, length);
    JsonNode *root;

    if (refusal) {
        return failed(error, "QEMU sent a line that is refused: %s", refusal);
    }
    if (!json_parser_load_from_data(parser, line, length, &problem)) {
        g_autofree char *shown = xen_physmap_escape(line, length);
        g_autofree char *reason = xen_physmap_escape(problem->message, -1);

        return failed(error, "QEMU sent '%s': %s", shown, reason);
    }
    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        return failed(error, "QEMU sent a line that is not a JSON object");
    }
    event = member_string(json_node_get_object(root), "event");
    if (!event) {
        g_queue_push_tail(&client->replies, json_parser_steal_root(parser));
    } else if (client->event_func) {
        client->event_func(event, client->event_data);
    }
    return TRUE;
}

static gboolean take_lines(QmpClient *client, GError **error)
{
    guint8 *end;

    while ((end = memchr(client->input->data, '\n', client->input->len))) {
        gsize length = end - client->input->data;
        g_autofree char *line = NULL;

        if (memchr(client->input->data, '\0', length)) {
            return failed(error, "QEMU sent a line with a NUL in it");
        }
        line = g_strndup((char *)client->input->data, length);
        g_byte_array_remove_range(client->input, 0, length + 1);
        g_strstrip(line);
        if (*line && !take_line(client, line, strlen(line), error)) {
            return FALSE;
        }
    }
    if (client->input->len > REPLY_MAX) {
        return failed(error, "QEMU sent more than %d bytes without a line end", REPLY_MAX);
    }
    return TRUE;
}

gboolean qmp_client_dispatch(QmpClient *client, GError **error)
{
    guint8 buffer[16384];
    /* Reads once; the caller checks its deadline then. QEMU may never stop sending. */
    ssize_t n = read(client->fd, buffer, sizeof buffer);

    if (n == 0) {
        return failed(error, "QEMU closed the connection");
    }
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ||
               failed(error, "can't read: %s", g_strerror(errno));
    }
    g_byte_array_append(client->input, buffer, n);
    return (!memchr(buffer, '\n', n) && client->input->len <= REPLY_MAX) ||
           take_lines(client, error);
}

/*
 * Waits until the socket is ready for `events`, until the deadline or the limit of the whole
 * conversation (both monotonic, in us), or until it must stop. The limits are checked first,
 * because QEMU may always be ready.
 */
static gboolean wait_until(QmpClient *client, short events, gint64 deadline, GError **error)
{
    struct pollfd pollfd = { .fd = client->fd, .events = events };

    for (;;) {
        gint64 left = MIN(deadline, client->end) - g_get_monotonic_time();
        int rc;

        if (should_stop(&client->stop, error)) {
            return FALSE;
        }
        if (left <= 0) {
            return failed(error, "QEMU didn't answer in time; is its main loop stuck?");
        }
        left = (left + 999) / 1000;
        rc = poll(&pollfd, 1, client->stop.func ? MIN(left, STOP_POLL_MS) : MIN(left, G_MAXINT));
        if (rc > 0) {
            return TRUE;
        }
        if (rc < 0 && errno != EINTR) {
            return failed(error, "can't wait: %s", g_strerror(errno));
        }
    }
}

static JsonNode *await_reply(QmpClient *client, gint64 deadline, GError **error)
{
    while (g_queue_is_empty(&client->replies)) {
        g_autoptr(GError) problem = NULL;

        if (!wait_until(client, POLLIN, deadline, error)) {
            return NULL;
        }
        /* QEMU may have answered before it closed the connection. */
        if (!qmp_client_dispatch(client, &problem) && g_queue_is_empty(&client->replies)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
    }
    return g_queue_pop_head(&client->replies);
}

/* As send(); passes `fd` along unless it is -1. */
static ssize_t send_with_fd(int socket, const char *data, gsize length, int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof fd)];
    } control = { 0 };
    struct iovec iov = { (char *)data, length };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
                                           .cmsg_level = SOL_SOCKET,
                                           .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

static gboolean send_line(QmpClient *client, const char *line, int fd, gint64 deadline,
                          GError **error)
{
    gsize left = strlen(line);

    while (left > 0) {
        ssize_t n = send_with_fd(client->fd, line, left, fd);

        if (n >= 0) {
            line += n;
            left -= n;
            fd = -1;
        } else if (errno == EAGAIN) {
            if (!wait_until(client, POLLOUT, deadline, error)) {
                return FALSE;
            }
        } else if (errno != EINTR) {
            return failed(error, "can't send: %s", g_strerror(errno));
        }
    }
    return TRUE;
}

/* {"execute": command, "arguments": ...}; takes ownership of `arguments`, which may be NULL. */
static char *command_line(gint64 id, const char *command, JsonNode *arguments)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *json = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "execute");
    json_builder_add_string_value(builder, command);
    if (arguments) {
        json_builder_set_member_name(builder, "arguments");
        json_builder_add_value(builder, arguments);
    }
    json_builder_set_member_name(builder, "id");
    json_builder_add_int_value(builder, id);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    json = json_to_string(root, FALSE);
    return g_strconcat(json, "\n", NULL);
}

JsonNode *qmp_argument(const char *name, const char *value)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, json_object_new());
    json_object_set_string_member(json_node_get_object(node), name, value);
    return node;
}

/*
 * Whether the object answers the command with this id. If QEMU couldn't parse a command, the answer
 * has no id.
 */
static gboolean is_answer(JsonObject *reply, gint64 id)
{
    JsonNode *node = json_object_get_member(reply, "id");

    return node ? json_node_get_value_type(node) == G_TYPE_INT64 && json_node_get_int(node) == id
                : json_object_has_member(reply, "error");
}

/*
 * Sends one command, perhaps with a descriptor, and waits for the object that answers it, which may
 * be an error.
 */
static JsonNode *ask(QmpClient *client, const char *command, JsonNode *arguments, int fd,
                     gint64 deadline, GError **error)
{
    gint64 id = ++client->last_id;
    g_autofree char *line = command_line(id, command, arguments);
    JsonNode *reply;

    if (!send_line(client, line, fd, deadline, error)) {
        return NULL;
    }
    /* The answer to an earlier command that timed out may come before this one's. */
    while ((reply = await_reply(client, deadline, error)) &&
           !is_answer(json_node_get_object(reply), id)) {
        json_node_unref(reply);
    }
    return reply;
}

/* FALSE when the answer to the command is an error. */
static gboolean accepted(JsonNode *reply, const char *command, GError **error)
{
    JsonNode *problem = json_object_get_member(json_node_get_object(reply), "error");

    if (problem) {
        const char *why = JSON_NODE_HOLDS_OBJECT(problem)
                              ? member_string(json_node_get_object(problem), "desc")
                              : NULL;
        const char *class = JSON_NODE_HOLDS_OBJECT(problem)
                                ? member_string(json_node_get_object(problem), "class")
                                : NULL;
        g_autofree char *shown = xen_physmap_escape(why ? why : "no reason given", -1);

        g_set_error(error, XEN_PHYSMAP_ERROR,
                    g_strcmp0(class, "CommandNotFound") == 0 ? XEN_PHYSMAP_ERROR_NOT_FOUND
                                                             : XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "QMP: QEMU refused %s: %s", command, shown);
    }
    return !problem;
}

/* QEMU greets first. It takes commands only after qmp_capabilities. */
static gboolean greet(QmpClient *client, gint64 deadline, GError **error)
{
    g_autoptr(JsonNode) reply = NULL;
    gboolean again = client->asked;

    if (client->ready) {
        return TRUE;
    }
    if (!client->greeted) {
        g_autoptr(JsonNode) greeting = await_reply(client, deadline, error);

        if (!greeting) {
            return FALSE;
        }
        if (!json_object_has_member(json_node_get_object(greeting), "QMP")) {
            return failed(error, "this is not a QMP socket");
        }
        client->greeted = TRUE;
    }
    client->asked = TRUE;
    reply = ask(client, "qmp_capabilities", NULL, -1, deadline, error);
    /*
     * If the first answer was late and this is the second request, QEMU says that it is done
     * already.
     */
    client->ready = reply && (again || accepted(reply, "qmp_capabilities", error));
    return client->ready;
}

JsonNode *qmp_client_execute_with_fd(QmpClient *client, const char *command, JsonNode *arguments,
                                     int fd, int timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(JsonNode) owned = arguments, reply = NULL;
    JsonNode *value;

    if (!greet(client, deadline, error) ||
        !(reply = ask(client, command, g_steal_pointer(&owned), fd, deadline, error)) ||
        !accepted(reply, command, error)) {
        return NULL;
    }
    value = json_object_get_member(json_node_get_object(reply), "return");
    if (!value) {
        failed(error, "QEMU answered %s with neither a result nor an error", command);
        return NULL;
    }
    return json_node_copy(value);
}

JsonNode *qmp_client_execute(QmpClient *client, const char *command, JsonNode *arguments,
                             int timeout_ms, GError **error)
{
    return qmp_client_execute_with_fd(client, command, arguments, -1, timeout_ms, error);
}

char *qmp_client_hmp(QmpClient *client, const char *command, int timeout_ms, GError **error)
{
    g_autoptr(JsonNode) result = qmp_client_execute(
        client, "human-monitor-command", qmp_argument("command-line", command), timeout_ms, error);

    if (result && json_node_get_value_type(result) != G_TYPE_STRING) {
        failed(error, "QEMU answered '%s' without text", command);
        return NULL;
    }
    return result ? json_node_dup_string(result) : NULL;
}

static gboolean load(QmpClient *client, const char *uri, int timeout_ms, GError **error)
{
    g_autoptr(JsonNode) result =
        qmp_client_execute(client, "migrate-incoming", qmp_argument("uri", uri), timeout_ms, error);

    return result != NULL;
}

/* Another descriptor of the file that "fd:N" means, or -1 if it isn't a file but a pipe, say. */
static int file_in(const char *uri)
{
    guint64 fd;
    struct stat status;

    if (!g_str_has_prefix(uri, "fd:") ||
        !g_ascii_string_to_unsigned(uri + strlen("fd:"), 10, 0, G_MAXINT, &fd, NULL) ||
        fstat((int)fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return -1;
    }
    return fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
}

/* By the name of a set of descriptors, which needs no rights to the file, and works in a chroot. */
static gboolean load_file(QmpClient *client, int file, int timeout_ms)
{
    g_autoptr(JsonNode) added =
        qmp_client_execute_with_fd(client, "add-fd", NULL, file, timeout_ms, NULL);
    JsonNode *id = added && JSON_NODE_HOLDS_OBJECT(added)
                       ? json_object_get_member(json_node_get_object(added), "fdset-id")
                       : NULL;
    g_autoptr(JsonNode) removed = NULL;
    g_autofree char *uri = NULL;
    JsonNode *set;
    gboolean loading;

    if (!id || json_node_get_value_type(id) != G_TYPE_INT64) {
        return FALSE;
    }
    uri = g_strdup_printf("file:/dev/fdset/%" G_GINT64_FORMAT, json_node_get_int(id));
    loading = load(client, uri, timeout_ms, NULL);
    /* QEMU has opened it by now. */
    set = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(set, json_object_new());
    json_object_set_int_member(json_node_get_object(set), "fdset-id", json_node_get_int(id));
    removed = qmp_client_execute(client, "remove-fd", set, timeout_ms, NULL);
    return loading;
}

/* libxl gives QEMU a file by its descriptor. QEMU 11 doesn't take that any more. */
gboolean qmp_client_migrate_incoming(QmpClient *client, const char *uri, int timeout_ms,
                                     GError **error)
{
    g_autoptr(GError) refusal = NULL;
    int file = file_in(uri);
    gboolean loading = load(client, uri, timeout_ms, &refusal) ||
                       (file >= 0 && load_file(client, file, timeout_ms));

    if (file >= 0) {
        close(file);
    }
    if (!loading) {
        g_propagate_error(error, g_steal_pointer(&refusal));
    }
    return loading;
}
