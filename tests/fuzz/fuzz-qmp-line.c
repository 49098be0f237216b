/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU may send over QMP, from its greeting on, until it closes. */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "monitor.h"

/* What fits into a socket that nobody reads. */
#define LENGTH_MAX 65536

#define TIMEOUT_MS 1000

/* One question after the other. What comes next is the answer. */
static void ask(QmpClient *client)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = qmp_client_hmp(client, "info ramblock", TIMEOUT_MS, &error);
    g_autoptr(MonitorVnc) vnc = NULL;
    g_autoptr(GPtrArray) ptys = NULL, images = NULL;
    gboolean running;

    g_assert((text == NULL) == (error != NULL));
    g_clear_error(&error);
    g_assert(monitor_running(client, &running, &error) == (error == NULL));
    g_clear_error(&error);
    ptys = monitor_serial_ptys(client, &error);
    g_assert((ptys == NULL) == (error != NULL));
    g_clear_error(&error);
    images = monitor_images(client, &error);
    g_assert((images == NULL) == (error != NULL));
    g_clear_error(&error);
    vnc = monitor_vnc(client, &error);
    g_assert((vnc == NULL) == (error != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(QmpClient) client = NULL;
    int fds[2];

    if (size > LENGTH_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        return 0;
    }
    client = qmp_client_new(fds[0]);
    if (write(fds[1], data, size) == (ssize_t)size) {
        shutdown(fds[1], SHUT_WR);
        ask(client);
    }
    close(fds[1]);
    return 0;
}
