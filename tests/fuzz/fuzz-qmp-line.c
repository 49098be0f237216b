/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU may send over QMP, from its greeting on, and then it hangs up. */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "qmp.h"

/* What a socket takes without a reader. */
#define LENGTH_MAX 65536

#define TIMEOUT_MS 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(QmpClient) client = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    int fds[2];

    if (size > LENGTH_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        return 0;
    }
    client = qmp_client_new(fds[0]);
    if (write(fds[1], data, size) == (ssize_t)size) {
        shutdown(fds[1], SHUT_WR);
        text = qmp_client_hmp(client, "info ramblock", TIMEOUT_MS, &error);
        g_assert((text == NULL) == (error != NULL));
    }
    close(fds[1]);
    return 0;
}
