/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens what a verb reads. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int input_open(const char *name, GError **error)
{
    int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't open it: %s",
                    g_strerror(errno));
    }
    return fd;
}

gboolean input_is_file(const char *word)
{
    return strcmp(word, "-") == 0 || strchr(word, '/') || access(word, F_OK) == 0;
}
