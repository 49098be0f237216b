/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens files as another process would, from a child that takes on its identity. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* The rights of a process, and its root folder. */
typedef struct Place {
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    int n_groups;
    int root, folder;
} Place;

typedef struct Answer {
    int errnum;
    dev_t dev;
    ino_t ino;
} Answer;

static int open_link(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, name);

    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void leave(Place *place)
{
    g_free(place->groups);
    close_fd(place->root);
    close_fd(place->folder);
}

/* The supplementary groups that the user database gives the user; QEMU takes these. */
static void find_groups(Place *place)
{
    const struct passwd *user = getpwuid(place->uid);

    place->n_groups = 1;
    place->groups = g_new(gid_t, 1);
    place->groups[0] = place->gid;
    /* Fails while there are more groups than room for them, and returns how many there are. */
    while (user && getgrouplist(user->pw_name, place->gid, place->groups, &place->n_groups) < 0) {
        place->groups = g_renew(gid_t, place->groups, place->n_groups);
    }
}

/* Returns 0 or an errno. */
static int find(const Process *process, Place *place)
{
    *place = (Place){ process->uid, process->gid, NULL, 0, open_link(process->id.pid, "root"), -1 };
    if (place->root >= 0) {
        place->folder = open_link(process->id.pid, "cwd");
    }
    if (place->root < 0 || place->folder < 0) {
        return errno == ENOENT ? ESRCH : errno;
    }
    find_groups(place);
    return process_is_alive(&process->id) ? 0 : ESRCH;
}

/* In the child. An ordinary user can only look at its own processes, which have its root folder. */
static int take_place(const Place *place, int root, int folder)
{
    if (geteuid() == 0 &&
        (fchdir(root) || chroot(".") || setgroups(place->n_groups, place->groups) ||
         setresgid(place->gid, place->gid, place->gid) ||
         setresuid(place->uid, place->uid, place->uid))) {
        return errno;
    }
    return fchdir(folder) ? errno : 0;
}

/*
 * In the child. It may hang for ever as it opens the file, even when it is killed. So it first
 * closes all descriptors but these, such as those of locks. Doesn't return.
 */
static void open_there(const Place *place, const char *path, gboolean read_only, int out)
{
    enum { OUT, ROOT, FOLDER, NUM };
    const int given[NUM] = { out, place->root, place->folder };
    int fds[NUM];
    Answer answer = { 0 };
    struct stat status;
    int fd;

    for (int i = 0; i < NUM; i++) {
        fds[i] = fcntl(given[i], F_DUPFD, STDERR_FILENO + 1 + NUM);
    }
    for (int i = 0; i < NUM; i++) {
        dup2(fds[i], STDERR_FILENO + 1 + i);
        fds[i] = STDERR_FILENO + 1 + i;
    }
    closefrom(STDERR_FILENO + 1 + NUM);
    answer.errnum = take_place(place, fds[ROOT], fds[FOLDER]);
    if (!answer.errnum) {
        fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status)) {
            answer.errnum = errno;
        } else {
            answer.dev = status.st_dev;
            answer.ino = status.st_ino;
        }
    }
    _exit(write(fds[OUT], &answer, sizeof answer) != sizeof answer);
}

/* The child's answer, which may never come. */
static Answer await_answer(int fd, gint64 deadline)
{
    gint64 left = deadline - g_get_monotonic_time();
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };
    int rc = poll(&pollfd, 1, left > 0 ? (left + 999) / 1000 : 0);
    Answer answer;

    if (rc <= 0) {
        return (Answer){ .errnum = rc == 0 ? ETIMEDOUT : errno };
    }
    return read(fd, &answer, sizeof answer) == sizeof answer ? answer : (Answer){ .errnum = EIO };
}

static Answer ask(const Place *place, const char *path, gboolean read_only, gint64 deadline)
{
    Answer answer;
    int pipe_ends[2];
    pid_t child;

    if (pipe2(pipe_ends, O_CLOEXEC)) {
        return (Answer){ .errnum = errno };
    }
    child = fork();
    if (child == 0) {
        open_there(place, path, read_only, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    answer = child < 0 ? (Answer){ .errnum = errno } : await_answer(pipe_ends[0], deadline);
    close(pipe_ends[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        /* A child that hangs in the kernel is left to init. */
        waitpid(child, NULL, answer.errnum == ETIMEDOUT || answer.errnum == EINTR ? WNOHANG : 0);
    }
    return answer;
}

static gboolean has_open(pid_t pid, const Answer *file, gint64 deadline)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) && g_get_monotonic_time() < deadline) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct statx status;

        /*
         * The process's other files aren't looked at: it may serve one of them itself, and not
         * answer.
         */
        if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &status) == 0 &&
            makedev(status.stx_dev_major, status.stx_dev_minor) == file->dev &&
            status.stx_ino == file->ino) {
            return TRUE;
        }
    }
    return FALSE;
}

char *image_trouble(const Process *process, const char *path, gboolean read_only, gint64 deadline)
{
    Place place;
    Answer answer = { .errnum = find(process, &place) };

    if (!answer.errnum) {
        answer = ask(&place, path, read_only, deadline);
    }
    leave(&place);
    if (answer.errnum) {
        return g_strdup(answer.errnum == ETIMEDOUT ? "it doesn't answer"
                                                   : g_strerror(answer.errnum));
    }
    return has_open(process->id.pid, &answer, deadline)
               ? NULL
               : g_strdup("another file has that name now");
}
