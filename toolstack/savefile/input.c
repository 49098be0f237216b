/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens the files that a verb reads, and remembers them. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A verb has two inputs at most. */
#define INPUTS_MAX 4

/* A file is identified by device and inode, a disk by its number. */
typedef struct Identity {
    dev_t device;
    ino_t inode; /* 0 for a disk */
} Identity;

static Identity inputs[INPUTS_MAX];
static guint n_inputs;

/* FALSE for inputs that can't be overwritten, such as a pipe. */
static gboolean identify(const struct stat *st, Identity *identity)
{
    if (S_ISBLK(st->st_mode)) {
        *identity = (Identity){ st->st_rdev, 0 };
        return TRUE;
    }
    *identity = (Identity){ st->st_dev, st->st_ino };
    return S_ISREG(st->st_mode);
}

gboolean input_is_open(const struct stat *st)
{
    Identity identity;

    if (identify(st, &identity)) {
        for (guint i = 0; i < MIN(n_inputs, INPUTS_MAX); i++) {
            if (inputs[i].device == identity.device && inputs[i].inode == identity.inode) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

/* TRUE when the descriptor can be written to and is one of the inputs. */
static gboolean goes_into_input(int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && fstat(fd, &st) == 0 &&
           input_is_open(&st);
}

int input_open(const char *name, GError **error)
{
    int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    int null;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't open it: %s",
                    g_strerror(errno));
        return -1;
    }
    if (identify(&st, &inputs[n_inputs % INPUTS_MAX])) {
        n_inputs++;
    }
    /* Then not even a message may be written there. */
    if (goes_into_input(STDERR_FILENO) && (null = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0) {
        dup2(null, STDERR_FILENO);
        close(null);
    }
    if (goes_into_input(STDOUT_FILENO)) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_ACCESS,
                            "standard output goes into the input itself, which would be lost; "
                            "give the name of another file");
        if (fd != STDIN_FILENO) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

gboolean input_is_file(const char *word)
{
    return strcmp(word, "-") == 0 || strchr(word, '/') || access(word, F_OK) == 0;
}
