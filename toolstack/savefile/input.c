/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens the files that a verb reads, and remembers them. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"
#include "foreign-format.h"

/* A file is identified by device and inode, a disk by its number. */
typedef struct Identity {
    dev_t device;
    ino_t inode; /* 0 for a disk */
} Identity;

static GArray *inputs; /* of Identity */

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
        for (guint i = 0; inputs && i < inputs->len; i++) {
            const Identity *input = &g_array_index(inputs, Identity, i);

            if (input->device == identity.device && input->inode == identity.inode) {
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

/* The last input that is compressed. */
static struct {
    int fd; /* the end of a pipe; -1: none */
    const char *program;
} compressed = { -1, NULL };

const char *input_compressor(int fd)
{
    return fd >= 0 && fd == compressed.fd ? compressed.program : NULL;
}

/* Starts `program` between the file and the writing end of a pipe. */
static gboolean start(const char *program, int file, int writing_end)
{
    char *const arguments[] = { (char *)program, (char *)"-dc", NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;
    int failed;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, file, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, writing_end, STDOUT_FILENO);
    failed = posix_spawnp(&child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = failed;
    return failed == 0;
}

/* Looks at the first bytes of a pipe or socket, and leaves them there: 0 at its end, -1 on an error. */
static gssize look_ahead(int fd, gboolean is_socket, const int scratch[2], guint8 *bytes,
                         gsize length)
{
    gssize n;

    if (is_socket) {
        return recv(fd, bytes, length, MSG_PEEK);
    }
    n = tee(fd, scratch[1], length, 0);
    return n > 0 ? read(scratch[0], bytes, n) : n;
}

/* The same, until there are enough of them to tell what it is. */
static gssize first_bytes(int fd, gboolean is_socket, guint8 *bytes, gsize length)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN | POLLRDHUP };
    int scratch[2];
    gssize n;

    if (pipe2(scratch, O_CLOEXEC) < 0) {
        return -1;
    }
    do {
        while (poll(&wait, 1, -1) < 0 && errno == EINTR) {
        }
        n = look_ahead(fd, is_socket, scratch, bytes, length);
        /* After either, no more bytes come. */
        if (n > 0 && !(wait.revents & (POLLHUP | POLLRDHUP)) &&
            foreign_format_is_undecided(bytes, n)) {
            /* What is there already would end a poll at once. */
            g_usleep(G_TIME_SPAN_MILLISECOND);
            n = -1;
            errno = EAGAIN;
        }
    } while (n < 0 && (errno == EAGAIN || errno == EINTR));
    close(scratch[0]);
    close(scratch[1]);
    return n;
}

/* Puts the compressor's pipe in the place of a compressed file or pipe. It ends when it has written all, or
 * when nobody reads on; a damaged file ends too early, and the compressor says why. */
static int uncompress(int fd, const struct stat *st, GError **error)
{
    guint8 bytes[FOREIGN_FORMAT_BYTES];
    gboolean waits = S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode);
    const char *program = NULL;
    int ends[2] = { -1, -1 };
    gssize n = 0;
    gboolean ok;

    if (S_ISREG(st->st_mode)) {
        n = pread(fd, bytes, sizeof bytes, lseek(fd, 0, SEEK_CUR));
    } else if (waits) {
        n = first_bytes(fd, S_ISSOCK(st->st_mode), bytes, sizeof bytes);
    }
    if (n > 0) {
        program = foreign_format_compressor(bytes, n);
    }
    if (!program) {
        return fd;
    }
    ok = pipe2(ends, O_CLOEXEC) == 0 && start(program, fd, ends[1]);
    if (!ok) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "it is compressed, and %s can't be started to read it: %s", program,
                    g_strerror(errno));
    }
    if (ends[1] >= 0) {
        close(ends[1]);
    }
    if (!ok && ends[0] >= 0) {
        close(ends[0]);
    }
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    compressed.fd = ok ? ends[0] : -1;
    compressed.program = program;
    return compressed.fd;
}

static int open_it(const char *name)
{
    return strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
}

static void close_it(int fd)
{
    if (fd >= 0 && fd != STDIN_FILENO) {
        close(fd);
    }
}

/* `fd` is -1, with errno, when the file couldn't be opened. */
static int take(int fd, struct stat *st, GError **error)
{
    Identity identity;
    int null;

    if (fd < 0 || fstat(fd, st) < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't open it: %s",
                    g_strerror(errno));
        close_it(fd);
        return -1;
    }
    if (identify(st, &identity)) {
        inputs = inputs ? inputs : g_array_new(FALSE, FALSE, sizeof identity);
        g_array_append_val(inputs, identity);
    }
    /* Not even a message may go there. */
    if (goes_into_input(STDERR_FILENO) && (null = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0) {
        dup2(null, STDERR_FILENO);
        close(null);
    }
    if (goes_into_input(STDOUT_FILENO)) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_ACCESS,
                            "standard output goes into the input itself, which would be lost; "
                            "give the name of another file");
        close_it(fd);
        return -1;
    }
    return fd;
}

int input_take(int fd, GError **error)
{
    struct stat st;

    fd = take(fd, &st, error);
    return fd < 0 ? -1 : uncompress(fd, &st, error);
}

int input_open(const char *name, GError **error)
{
    return input_take(open_it(name), error);
}

int input_open_plain(const char *name, GError **error)
{
    struct stat st;

    return take(open_it(name), &st, error);
}

gboolean input_check_unchanged(int fd, const struct stat *before, GError **error)
{
    struct stat now;

    if (fstat(fd, &now) == 0 && now.st_dev == before->st_dev && now.st_ino == before->st_ino &&
        now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
        now.st_ctim.tv_sec == before->st_ctim.tv_sec &&
        now.st_ctim.tv_nsec == before->st_ctim.tv_nsec) {
        return TRUE;
    }
    return invalid(error, "it changed while it was read");
}

gboolean input_is_file(const char *word)
{
    return strcmp(word, "-") == 0 || strchr(word, '/') || access(word, F_OK) == 0;
}
