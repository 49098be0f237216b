/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The main of a fuzz target without libFuzzer: replays the files and folders it is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "fuzz.h"

static int replay(const char *path)
{
    g_autofree char *bytes = NULL;
    uint8_t *exact;
    gsize length;

    if (!g_file_get_contents(path, &bytes, &length, NULL)) {
        fprintf(stderr, "can't read %s\n", path);
        return 1;
    }
    /* No byte more than there is, so that valgrind and the sanitizers see who reads on. */
    exact = malloc(length);
    if (length > 0) {
        memcpy(exact, bytes, length);
    }
    LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        g_autoptr(GDir) dir = g_dir_open(argv[i], 0, NULL);
        const char *name;

        if (!dir) {
            failed |= replay(argv[i]);
            continue;
        }
        while ((name = g_dir_read_name(dir))) {
            g_autofree char *path = g_build_filename(argv[i], name, NULL);

            failed |= replay(path);
        }
    }
    return failed;
}
