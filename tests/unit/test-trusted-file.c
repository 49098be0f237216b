/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files and folders only root (here: this user) can change, and that they are executed. */
#include "expect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "trusted-file.h"

typedef struct Place {
    char *path; /* in a folder of this user */
    char *file; /* in a folder below it */
    char *folder;
} Place;

static void put(const char *path, const char *text, mode_t mode)
{
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, text, -1, &error);
    expect_no_error(error);
    assert_int_equal(g_chmod(path, mode), 0);
}

static int set_up(void **state)
{
    Place *place = g_new0(Place, 1);

    place->path = g_dir_make_tmp("trusted-XXXXXX", NULL);
    place->folder = g_build_filename(place->path, "folder", NULL);
    place->file = g_build_filename(place->folder, "file", NULL);
    assert_int_equal(g_mkdir(place->folder, 0755), 0);
    put(place->file, "#!/bin/sh\necho \"script $0 $*\"\n", 0755);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    Place *place = *state;
    g_autofree char *command = g_strdup_printf("rm -rf %s", place->path);

    assert_int_equal(system(command), 0);
    g_free(place->path);
    g_free(place->folder);
    g_free(place->file);
    g_free(place);
    return 0;
}

static void expect_trusted(const char *path, const char *found)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TrustedFile) file = trusted_file_open(path, &error);

    expect_no_error(error);
    assert_string_equal(file->path, found);
}

static void expect_refused(const char *path, int code, const char *text)
{
    g_autoptr(GError) error = NULL;

    assert_null(trusted_file_open(path, &error));
    expect_error(&error, code, text);
}

static void test_modes(void **state)
{
    const Place *place = *state;

    expect_trusted(place->file, place->file);
    assert_int_equal(g_chmod(place->file, 0775), 0);
    expect_refused(place->file, XEN_PHYSMAP_ERROR_ACCESS,
                   "/file: others than root may write to it");
    assert_int_equal(g_chmod(place->file, 0757), 0);
    expect_refused(place->file, XEN_PHYSMAP_ERROR_ACCESS,
                   "/file: others than root may write to it");
    assert_int_equal(g_chmod(place->file, 0755), 0);
    assert_int_equal(g_chmod(place->folder, 0775), 0);
    expect_refused(place->file, XEN_PHYSMAP_ERROR_ACCESS,
                   "/folder: others than root may write to it");
    assert_int_equal(g_chmod(place->folder, 01777), 0);
    expect_trusted(place->file, place->file);
    assert_int_equal(g_chmod(place->folder, 0755), 0);
    expect_refused("file", XEN_PHYSMAP_ERROR_ACCESS, "file: it is not an absolute path");
    expect_refused("", XEN_PHYSMAP_ERROR_ACCESS, "it is not an absolute path");
    expect_refused(place->folder, XEN_PHYSMAP_ERROR_ACCESS, "/folder: it is not a regular file");
    expect_refused("/dev/null", XEN_PHYSMAP_ERROR_ACCESS, "/dev/null: ");
    expect_refused("/nonexistent/file", XEN_PHYSMAP_ERROR_NOT_FOUND,
                   "/nonexistent: No such file or directory");
}

static void test_links(void **state)
{
    const Place *place = *state;
    g_autofree char *link = g_build_filename(place->path, "link", NULL);
    g_autofree char *relative = g_build_filename(place->path, "link/../folder/./file", NULL);
    g_autofree char *through = g_build_filename(place->path, "link/file", NULL);
    g_autofree char *below = g_build_filename(place->file, "below", NULL);

    assert_int_equal(symlink(place->folder, link), 0);
    expect_trusted(through, place->file);
    expect_trusted(relative, place->file);
    assert_int_equal(g_unlink(link), 0);
    assert_int_equal(symlink("../.././tmp/..//", link), 0);
    expect_refused(through, XEN_PHYSMAP_ERROR_NOT_FOUND, "/file: No such file");
    assert_int_equal(g_unlink(link), 0);
    assert_int_equal(symlink("link", link), 0);
    expect_refused(through, XEN_PHYSMAP_ERROR_ACCESS, "/link: Too many levels");
    assert_int_equal(g_unlink(link), 0);
    assert_int_equal(symlink("folder/file", link), 0);
    expect_trusted(link, place->file);
    expect_refused(below, XEN_PHYSMAP_ERROR_ACCESS, "/file: Not a directory");
}

/* Only root can give files away. Skipped before there is anything to free: skip is a longjmp. */
static void test_owners(void **state)
{
    if (geteuid() != 0) {
        skip();
    }

    const Place *place = *state;
    g_autofree char *link = g_build_filename(place->path, "link", NULL);

    assert_int_equal(symlink(place->file, link), 0);
    assert_int_equal(lchown(link, 65534, 65534), 0);
    expect_refused(link, XEN_PHYSMAP_ERROR_ACCESS, "/link: it doesn't belong to root");
    assert_int_equal(chown(place->folder, 65534, 65534), 0);
    expect_refused(place->file, XEN_PHYSMAP_ERROR_ACCESS, "/folder: it doesn't belong to root");
    assert_int_equal(chown(place->folder, 0, 0), 0);
    assert_int_equal(chown(place->file, 65534, 0), 0);
    expect_refused(place->file, XEN_PHYSMAP_ERROR_ACCESS, "/file: it doesn't belong to root");
}

/* What a program prints that is executed so, and the name that it has as a process. */
static char *output_of(const TrustedFile *file, char *const *argv)
{
    char *output = g_malloc0(256);
    int out[2];
    pid_t child;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        trusted_file_exec(file, argv, (char *[]){ (char *)"PATH=/usr/bin:/bin", NULL });
        _exit(127);
    }
    close(out[1]);
    assert_true(read(out[0], output, 255) > 0);
    close(out[0]);
    waitpid(child, NULL, 0);
    return output;
}

static void test_exec(void **state)
{
    const Place *place = *state;
    g_autoptr(TrustedFile) script = trusted_file_open(place->file, NULL);
    g_autofree char *wanted = g_strdup_printf("script %s word\n", place->file);
    g_autofree char *copy = g_build_filename(place->folder, "qemu-like", NULL);
    g_autofree char *command = g_strdup_printf("cp /bin/cat %s", copy);
    g_autofree char *moved = g_strconcat(place->folder, "-moved", NULL);
    g_autofree char *said = NULL, *name = NULL;
    g_autoptr(TrustedFile) program = NULL;

    assert_true(trusted_file_is_script(script));
    said = output_of(script, (char *[]){ (char *)"script", (char *)"word", NULL });
    assert_string_equal(said, wanted);
    assert_int_equal(system(command), 0);
    program = trusted_file_open(copy, NULL);
    assert_false(trusted_file_is_script(program));
    /* The folder that was checked is used, wherever it is now, and not what is at its path. */
    assert_int_equal(g_rename(place->folder, moved), 0);
    assert_int_equal(g_mkdir(place->folder, 0755), 0);
    put(copy, "#!/bin/sh\necho another\n", 0755);
    name = output_of(program, (char *[]){ (char *)"cat", (char *)"/proc/self/comm", NULL });
    assert_string_equal(name, "qemu-like\n");
}

static void test_folders(void **state)
{
    const Place *place = *state;
    g_autofree char *deep = g_build_filename(place->path, "one/two", NULL);
    g_autofree char *one = g_build_filename(place->path, "one", NULL);
    g_autoptr(GError) error = NULL;
    struct stat status;
    int fd;

    assert_int_equal(trusted_folder_open(deep, FALSE, &error), -1);
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "/one: No such file");
    fd = trusted_folder_open(deep, TRUE, &error);
    expect_no_error(error);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    close(fd);
    assert_int_equal(g_chmod(deep, 01777), 0);
    assert_int_equal(trusted_folder_open(deep, TRUE, &error), -1);
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "/two: others than root may write to it");
    assert_int_equal(g_rmdir(deep), 0);
    assert_int_equal(symlink("/nonexistent", deep), 0);
    assert_int_equal(trusted_folder_open(deep, FALSE, &error), -1);
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "/nonexistent: ");
    assert_int_equal(g_unlink(deep), 0);
    assert_int_equal(g_chmod(one, 0777), 0);
    assert_int_equal(trusted_folder_open(deep, TRUE, &error), -1);
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "/one: others than root may write to it");
    assert_int_equal(trusted_folder_open(place->file, TRUE, &error), -1);
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "/file: Not a directory");
}

/* Makes folders that another process makes at the same time; how many that fails for. */
static guint make_many(const char *path)
{
    enum { MANY = 3000 };
    guint failed = 0;

    for (guint i = 0; i < MANY; i++) {
        g_autofree char *folder = g_strdup_printf("%s/%u/deep", path, i);
        int fd = trusted_folder_open(folder, TRUE, NULL);

        failed += fd < 0;
        if (fd >= 0) {
            close(fd);
        }
    }
    return failed;
}

static void test_together(void **state)
{
    const Place *place = *state;
    pid_t child = fork();
    guint failed;
    int status;

    if (child == 0) {
        _exit(make_many(place->path) != 0);
    }
    failed = make_many(place->path);
    waitpid(child, &status, 0);
    assert_int_equal(failed, 0);
    assert_int_equal(status, 0);
}

static char *identity_of(const char *path)
{
    int fd = open(path, O_PATH);
    char *identity = file_identity(fd);

    close(fd);
    return identity;
}

static void test_identity(void **state)
{
    const Place *place = *state;
    g_autofree char *kept = g_build_filename(place->path, "kept", NULL);
    g_autofree char *before = identity_of(place->file);
    g_autofree char *linked = NULL, *mode = NULL, *written = NULL;

    /* As an upgrade does: another name, then the first one away, which sets the time of change. */
    assert_int_equal(link(place->file, kept), 0);
    assert_int_equal(g_unlink(place->file), 0);
    linked = identity_of(kept);
    assert_string_equal(before, linked);
    assert_int_equal(g_chmod(kept, 0700), 0);
    mode = identity_of(kept);
    assert_string_not_equal(before, mode);
    assert_int_equal(g_chmod(kept, 0755), 0);
    assert_int_equal(utimensat(AT_FDCWD, kept, (struct timespec[]){ { 1, 0 }, { 2, 3 } }, 0), 0);
    written = identity_of(kept);
    assert_string_not_equal(before, written);
    assert_null(file_identity(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_owners, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_exec, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
