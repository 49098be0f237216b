/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monitor's thread: goes through its script, and echoes each command's id as QEMU does. */
#include "fake-qmp.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

struct FakeQmp {
    const FakeQmpStep *steps;
    guint n;
    FILE *stream;
    GThread *thread;
    GQueue ids; /* of commands without an answer yet: the JSON of the id, or "" */
    char *problem;
};

static void send_text(FakeQmp *qmp, const char *text)
{
    gsize left = strlen(text);

    while (left > 0) {
        ssize_t n = send(fileno(qmp->stream), text, left, MSG_NOSIGNAL);

        if (n <= 0) {
            return; /* the client has closed; a later step says whether that is right */
        }
        text += n;
        left -= n;
    }
}

static void send_flood(FakeQmp *qmp, const char *text)
{
    g_autoptr(GString) block = g_string_new(NULL);

    while (block->len < 65536) {
        g_string_append(block, text);
    }
    while (send(fileno(qmp->stream), block->str, block->len, MSG_NOSIGNAL) > 0) {
    }
}

static void await_command(FakeQmp *qmp, const char *text)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    char line[4096];
    JsonObject *command;

    if (!fgets(line, sizeof line, qmp->stream)) {
        qmp->problem = g_strdup_printf("no command came, but '%s' was awaited", text);
        return;
    }
    if (!json_parser_load_from_data(parser, line, -1, NULL) ||
        !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
        qmp->problem = g_strdup_printf("the command is no JSON object: %s", line);
        return;
    }
    if (!strstr(line, text)) {
        qmp->problem = g_strdup_printf("'%s' was awaited, and this came: %s", text, line);
        return;
    }
    command = json_node_get_object(json_parser_get_root(parser));
    g_queue_push_tail(&qmp->ids, json_object_has_member(command, "id")
                                     ? json_to_string(json_object_get_member(command, "id"), FALSE)
                                     : g_strdup(""));
}

static void answer(FakeQmp *qmp, const char *what, const char *json)
{
    g_autofree char *id = g_queue_pop_head(&qmp->ids);
    g_autofree char *line =
        g_strdup_printf("{\"%s\": %s%s%s}\r\n", what, json, *id ? ", \"id\": " : "", id);

    send_text(qmp, line);
}

static char *json_string(const char *text)
{
    g_autoptr(JsonNode) node = json_node_init_string(json_node_alloc(), text);

    return json_to_string(node, FALSE);
}

static gpointer play(gpointer data)
{
    FakeQmp *qmp = data;
    char rest[256];

    for (guint i = 0; i < qmp->n && !qmp->problem; i++) {
        const char *text = qmp->steps[i].text;
        g_autofree char *string = text ? json_string(text) : NULL;

        switch (qmp->steps[i].kind) {
        case QMP_SEND:
            send_text(qmp, text);
            break;
        case QMP_AWAIT:
            await_command(qmp, text);
            break;
        case QMP_ANSWER:
            answer(qmp, "return", text);
            break;
        case QMP_TEXT:
            answer(qmp, "return", string);
            break;
        case QMP_REFUSE:
        case QMP_UNKNOWN: {
            const char *class =
                qmp->steps[i].kind == QMP_REFUSE ? "GenericError" : "CommandNotFound";
            g_autofree char *error =
                g_strdup_printf("{\"class\": \"%s\", \"desc\": %s}", class, string);

            answer(qmp, "error", error);
            break;
        }
        case QMP_AWAIT_CLOSE:
            while (fgets(rest, sizeof rest, qmp->stream)) {
            }
            break;
        case QMP_FLOOD:
            send_flood(qmp, text);
            break;
        }
    }
    fclose(qmp->stream);
    return NULL;
}

FakeQmp *fake_qmp_start(const FakeQmpStep *steps, guint n, int *fd)
{
    FakeQmp *qmp = g_new0(FakeQmp, 1);
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
        g_error("fake QMP: no socket pair");
    }
    qmp->steps = steps;
    qmp->n = n;
    qmp->stream = fdopen(fds[0], "r");
    g_queue_init(&qmp->ids);
    qmp->thread = g_thread_new("fake-qmp", play, qmp);
    *fd = fds[1];
    return qmp;
}

char *fake_qmp_finish(FakeQmp *qmp)
{
    char *problem;

    g_thread_join(qmp->thread);
    problem = qmp->problem;
    g_queue_clear_full(&qmp->ids, g_free);
    g_free(qmp);
    return problem;
}
