/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QMP connection: one command at a time, with a time limit, and a callback for events. */
#ifndef XEN_PHYSMAP_QMP_H
#define XEN_PHYSMAP_QMP_H

#include <glib.h>
#include <json-glib/json-glib.h>

/* One thread at a time. Errors are XEN_PHYSMAP_ERROR, UNAVAILABLE for all that QMP itself
 * causes, but NOT_FOUND for a command that this QEMU doesn't have. */
typedef struct QmpClient QmpClient;

/* Takes over a connected socket, closed with the client. Sends and awaits nothing. */
QmpClient *qmp_client_new(int fd);

/*
 * Connects to a domain's QEMU: to the launcher's socket, or else to libxl's own, which is there
 * for a QEMU that was started without the launcher. All that is asked over the connection has to
 * be answered within QMP_CONVERSATION_MS, whatever the time limits of its calls add up to.
 */
#define QMP_CONVERSATION_MS 120000
QmpClient *qmp_client_connect(guint32 domid, GError **error);

/* To the one in standby beside it (preload/standby.h). */
QmpClient *qmp_client_connect_standby(guint32 domid, GError **error);

/* The same limit for a socket that was connected by somebody else. */
void qmp_client_limit(QmpClient *client, int total_ms);

/*
 * Connections that this process makes from now on ask `func`, ten times a second while they wait,
 * whether to give up: TRUE, with an error, ends the wait. NULL: they are not to. For a program that
 * handles signals or has a time limit of its own.
 */
typedef gboolean (*QmpStopFunc)(gpointer data, GError **error);
void qmp_stop_when(QmpStopFunc func, gpointer data);

void qmp_client_free(QmpClient *client);

/* The socket, to be polled for input; input is taken in by the next two calls. */
int qmp_client_fd(const QmpClient *client);

/* Takes in what has arrived without waiting. FALSE when QEMU closed the connection. */
gboolean qmp_client_dispatch(QmpClient *client, GError **error);

/* `func` is called with each event's name, within the calls that read. */
typedef void (*QmpEventFunc)(const char *event, gpointer data);
void qmp_client_on_event(QmpClient *client, QmpEventFunc func, gpointer data);

/*
 * Runs a command and returns what it returned; free with json_node_unref. Takes `arguments` over,
 * an object or NULL. A command that QEMU refuses is an error with QEMU's reason.
 */
JsonNode *qmp_client_execute(QmpClient *client, const char *command, JsonNode *arguments,
                             int timeout_ms, GError **error);

/* The same, and hands QEMU a copy of `fd`, which stays the caller's. */
JsonNode *qmp_client_execute_with_fd(QmpClient *client, const char *command, JsonNode *arguments,
                                     int fd, int timeout_ms, GError **error);

/* An object with one string in it, as arguments of a command. */
JsonNode *qmp_argument(const char *name, const char *value);

/* Runs a monitor command of the human kind and returns what it printed; free with g_free. */
char *qmp_client_hmp(QmpClient *client, const char *command, int timeout_ms, GError **error);

/* Has a QEMU that was started with "-incoming defer" load the device state from `uri`. */
gboolean qmp_client_migrate_incoming(QmpClient *client, const char *uri, int timeout_ms,
                                     GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpClient, qmp_client_free)

#endif
