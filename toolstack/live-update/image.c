/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens files as another process would: a child of ours takes its place. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch-record.h"

/* Whose rights a process has, and where it is. */
typedef struct Place {
    uid_t uid;
    gid_t gid;
    GArray *groups; /* of gid_t */
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

static void leave(Place *place)
{
    g_array_unref(place->groups);
    if (place->root >= 0) {
        close(place->root);
    }
    if (place->folder >= 0) {
        close(place->folder);
    }
}

/* 0, or an errno. */
static int find(pid_t pid, Place *place)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *status = NULL;
    const char *groups;
    guint64 uid, gid;

    *place = (Place){ 0, 0, g_array_new(FALSE, FALSE, sizeof(gid_t)), open_link(pid, "root"),
                      open_link(pid, "cwd") };
    if (place->root < 0 || place->folder < 0) {
        return errno == ENOENT ? ESRCH : errno;
    }
    if (!g_file_get_contents(path, &status, NULL, NULL) ||
        !process_effective_id(pid, "Uid", &uid) || !process_effective_id(pid, "Gid", &gid)) {
        return ESRCH;
    }
    place->uid = uid;
    place->gid = gid;
    if ((groups = strstr(status, "\nGroups:\t"))) {
        g_autofree char *line = g_strndup(groups + strlen("\nGroups:\t"),
                                          strcspn(groups + strlen("\nGroups:\t"), "\n"));
        g_auto(GStrv) words = g_strsplit(line, " ", -1);

        for (guint i = 0; words[i]; i++) {
            guint64 number;

            if (g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT32, &number, NULL)) {
                gid_t group = number;

                g_array_append_val(place->groups, group);
            }
        }
    }
    return 0;
}

/* In the child. An ordinary user can only ask for processes of its own, which are where it is. */
static int take_place(const Place *place)
{
    if (geteuid() == 0 && (fchdir(place->root) || chroot(".") ||
                           setgroups(place->groups->len, (const gid_t *)place->groups->data) ||
                           setresgid(place->gid, place->gid, place->gid) ||
                           setresuid(place->uid, place->uid, place->uid))) {
        return errno;
    }
    return fchdir(place->folder) ? errno : 0;
}

static Answer open_there(const Place *place, const char *path, gboolean read_only)
{
    Answer answer = { .errnum = take_place(place) };
    struct stat status;
    int fd;

    if (!answer.errnum) {
        fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status)) {
            answer.errnum = errno;
        } else {
            answer.dev = status.st_dev;
            answer.ino = status.st_ino;
        }
    }
    return answer;
}

static Answer ask(const Place *place, const char *path, gboolean read_only)
{
    Answer answer = { .errnum = EIO };
    int pipe_ends[2];
    pid_t child;

    if (pipe2(pipe_ends, O_CLOEXEC)) {
        return (Answer){ .errnum = errno };
    }
    child = fork();
    if (child == 0) {
        answer = open_there(place, path, read_only);
        _exit(write(pipe_ends[1], &answer, sizeof answer) != sizeof answer);
    }
    close(pipe_ends[1]);
    if (child < 0 || read(pipe_ends[0], &answer, sizeof answer) != sizeof answer) {
        answer.errnum = EIO;
    }
    close(pipe_ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return answer;
}

static gboolean has_open(pid_t pid, const Answer *file)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat status;

        if (stat(path, &status) == 0 && status.st_dev == file->dev && status.st_ino == file->ino) {
            return TRUE;
        }
    }
    return FALSE;
}

char *image_trouble(pid_t pid, const char *path, gboolean read_only)
{
    Place place;
    Answer answer = { .errnum = find(pid, &place) };

    if (!answer.errnum) {
        answer = ask(&place, path, read_only);
    }
    leave(&place);
    if (answer.errnum) {
        return g_strdup(g_strerror(answer.errnum));
    }
    return has_open(pid, &answer) ? NULL : g_strdup("another file has that name now");
}
