/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a process could open its disk images again: this one, and a child that isn't root. */
#include "expect.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "image.h"

typedef struct Folder {
    char *path, *image;
    int fd;
} Folder;

static int set_up(void **state)
{
    Folder *folder = g_new0(Folder, 1);

    folder->path = g_dir_make_tmp("image-XXXXXX", NULL);
    folder->image = g_build_filename(folder->path, "disk", NULL);
    folder->fd = g_open(folder->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *state = folder;
    return folder->fd < 0;
}

static int tear_down(void **state)
{
    Folder *folder = *state;

    close(folder->fd);
    g_unlink(folder->image);
    g_rmdir(folder->path);
    g_free(folder->image);
    g_free(folder->path);
    g_free(folder);
    return 0;
}

static void expect_trouble_of(const Process *process, const char *path, gboolean read_only,
                              const char *wanted)
{
    gint64 deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    g_autofree char *trouble = image_trouble(process, path, read_only, deadline);

    if (wanted) {
        assert_string_equal(trouble, wanted);
    } else {
        assert_null(trouble);
    }
}

static void expect_trouble(pid_t pid, const char *path, gboolean read_only, const char *wanted)
{
    Process process = { .id = process_identify(pid), .uid = geteuid(), .gid = getegid() };

    if (pid != getpid() && geteuid() == 0) {
        process.uid = process.gid = 12345;
    }
    expect_trouble_of(&process, path, read_only, wanted);
}

static void test_own(void **state)
{
    Folder *folder = *state;
    g_autofree char *moved = g_strconcat(folder->image, ".moved", NULL);
    int other;

    expect_trouble(getpid(), folder->image, FALSE, NULL);
    expect_trouble(getpid(), folder->image, TRUE, NULL);
    assert_int_equal(g_rename(folder->image, moved), 0);
    expect_trouble(getpid(), folder->image, FALSE, "No such file or directory");
    other = g_open(folder->image, O_RDWR | O_CREAT | O_EXCL, 0600);
    close(other);
    expect_trouble(getpid(), folder->image, FALSE, "another file has that name now");
    assert_int_equal(g_rename(moved, folder->image), 0);
    expect_trouble(getpid(), folder->image, FALSE, NULL);
}

/* A process that has the image open and has given up root, in the folder of the image; only root may
 * look at it. */
static void test_of_another_user(void **state)
{
    Folder *folder = *state;
    int ready[2];
    char byte;
    pid_t child;

    if (geteuid() != 0) {
        expect_trouble(1, folder->image, FALSE, "Permission denied");
        return;
    }
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(g_chmod(folder->path, 0755), 0);
    child = fork();
    if (child == 0) {
        if (chdir(folder->path) || setgid(12345) || setuid(12345) || write(ready[1], "", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    expect_trouble(child, folder->image, FALSE, "Permission denied");
    assert_int_equal(g_chmod(folder->image, 0644), 0);
    expect_trouble(child, folder->image, FALSE, "Permission denied");
    expect_trouble(child, "disk", TRUE, NULL);
    assert_int_equal(chown(folder->image, 0, 12345), 0);
    assert_int_equal(g_chmod(folder->image, 0660), 0);
    expect_trouble(child, "disk", FALSE, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    expect_trouble(child, folder->image, FALSE, "No such process");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_another_user, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
