/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QMP connection: one command at a time, with a time limit, and a callback for events. */
#ifndef XEN_PHYSMAP_QMP_H
#define XEN_PHYSMAP_QMP_H

#include <glib.h>
#include <json-glib/json-glib.h>

/*
 * For one thread at a time. Errors are XEN_PHYSMAP_ERROR: NOT_FOUND for a command that this QEMU
 * doesn't have, UNAVAILABLE for every other problem with QMP itself.
 */
typedef struct QmpClient QmpClient;

/*
 * Takes ownership of a connected socket, and closes it with the client. Sends and reads nothing
 * yet.
 */
QmpClient *qmp_client_new(int fd);

/*
 * Connects to a domain's QEMU: to the launcher's socket, or else to libxl's own, which a QEMU has
 * that was started without the launcher. The whole conversation must end within
 * QMP_CONVERSATION_MS, even if the time limits of its calls add up to more.
 */
#define QMP_CONVERSATION_MS 120000
QmpClient *qmp_client_connect(guint32 domid, GError **error);

/* The same, with this limit for all of it: to be accepted, and the conversation. */
QmpClient *qmp_client_connect_within(guint32 domid, int total_ms, GError **error);

/* Connects to the QEMU in standby beside it (preload/standby.h). */
QmpClient *qmp_client_connect_standby(guint32 domid, GError **error);

/* Sets the same limit for a socket that the caller connected. */
void qmp_client_limit(QmpClient *client, int total_ms);

/*
 * Sets a function that connections made from now on call ten times a second while they wait. When
 * it returns TRUE, with an error, the wait ends. NULL: no such function. For a program that handles
 * signals or has a time limit of its own.
 */
typedef gboolean (*QmpStopFunc)(gpointer data, GError **error);
void qmp_stop_when(QmpStopFunc func, gpointer data);

void qmp_client_free(QmpClient *client);

/* The socket, for poll(). The next two calls read from it. */
int qmp_client_fd(const QmpClient *client);

/* Reads what has arrived, without waiting. FALSE when QEMU closed the connection. */
gboolean qmp_client_dispatch(QmpClient *client, GError **error);

/* Calls `func` with the name of each event, from the calls that read. */
typedef void (*QmpEventFunc)(const char *event, gpointer data);
void qmp_client_on_event(QmpClient *client, QmpEventFunc func, gpointer data);

/*
 * Runs a command and returns its result; free with json_node_unref. Takes ownership of `arguments`,
 * an object or NULL. If QEMU refuses the command, the error has QEMU's reason.
 */
JsonNode *qmp_client_execute(QmpClient *client, const char *command, JsonNode *arguments,
                             int timeout_ms, GError **error);

/* The same, and passes QEMU a copy of `fd`, which stays the caller's. */
JsonNode *qmp_client_execute_with_fd(QmpClient *client, const char *command, JsonNode *arguments,
                                     int fd, int timeout_ms, GError **error);

/* An object with one string member, for the arguments of a command. */
JsonNode *qmp_argument(const char *name, const char *value);

/* Runs a command of the human monitor and returns what it printed; free with g_free. */
char *qmp_client_hmp(QmpClient *client, const char *command, int timeout_ms, GError **error);

/* Makes a QEMU that was started with "-incoming defer" load the device state from `uri`. */
gboolean qmp_client_migrate_incoming(QmpClient *client, const char *uri, int timeout_ms,
                                     GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpClient, qmp_client_free)

#endif
