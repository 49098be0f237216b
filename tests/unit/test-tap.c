/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A network interface goes from QEMU to QEMU; what only looks like it doesn't. */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "tap-name.h"
#include "tap.h"

static gboolean have_network;

static int make_tap(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    g_strlcpy(request.ifr_name, name, sizeof request.ifr_name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* A process that has an interface of this name, in a network of its own or in ours. */
static pid_t begin(const char *name, gboolean elsewhere)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if ((elsewhere && unshare(CLONE_NEWNET)) || make_tap(name) < 0 ||
            write(ready[1], "", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static GStrv arguments(const char *netdev)
{
    return g_strdupv((char *[]){ (char *)"-netdev", (char *)netdev, NULL });
}

/* Comes before a test has anything to free: cmocka leaves the function with a longjmp. */
static void need_network(void)
{
    if (!have_network) {
        skip();
    }
}

static void test_hand_over(void **state)
{
    (void)state;
    need_network();

    g_auto(GStrv) args = arguments("type=tap,id=net0,ifname=vif1.0-emu,script=no,downscript=no");
    g_auto(GStrv) other = arguments("tap,ifname=vif1.1-emu");
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GError) error = NULL;
    g_autofree char *number = NULL, *name = NULL;
    pid_t child;
    int fd;

    child = begin("vif1.0-emu", FALSE);
    assert_true(tap_hand_over(child, args, 5, fds, &error));
    expect_no_error(error);
    assert_int_equal(fds->len, 1);
    assert_string_equal(args[1], "type=tap,id=net0,fd=5");
    fd = g_array_index(fds, int, 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    number = g_strdup_printf("%d", fd);
    name = tap_name(getpid(), number);
    assert_string_equal(name, "vif1.0-emu");
    /* As the next launcher sees it: it is given a number, and records a name. */
    g_free(args[1]);
    args[1] = g_strdup_printf("type=tap,id=net0,fd=%d", fd);
    tap_name_all(args);
    assert_string_equal(args[1], "type=tap,id=net0,ifname=vif1.0-emu,script=no,downscript=no");
    /* QEMU makes the interfaces that the process doesn't have. */
    assert_true(tap_hand_over(child, other, 6, fds, &error));
    assert_string_equal(other[1], "tap,ifname=vif1.1-emu");
    close(fd);
    end(child);
}

/* An interface of the same name in another network. */
static void test_elsewhere(void **state)
{
    (void)state;
    need_network();

    g_auto(GStrv) args = arguments("tap,ifname=vif2.0-emu");
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GError) error = NULL;
    pid_t child;

    child = begin("vif2.0-emu", TRUE);
    assert_false(tap_hand_over(child, args, 5, fds, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_SYSTEM, "can't hand over the network interface vif2.0");
    assert_int_equal(fds->len, 0);
    assert_string_equal(args[1], "tap,ifname=vif2.0-emu");
    end(child);
}

/* A name that QEMU would read as another property. */
static void test_names(void **state)
{
    static const char *const bad[] = { "a,helper=x", "a b", "a=b", "\xc3\xa4" };

    (void)state;
    need_network();
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        int fd = make_tap(bad[i]);
        g_autofree char *number = g_strdup_printf("%d", fd);
        g_autofree char *text = g_strdup_printf("tap,fd=%d", fd);
        g_auto(GStrv) args = arguments(text);

        if (fd >= 0) { /* Linux refuses some of them */
            assert_null(tap_name(getpid(), number));
            tap_name_all(args);
            assert_string_equal(args[1], text);
            close(fd);
        }
    }
}

static void test_no_tap(void **state)
{
    static const char *const same[] = { "tap,fd=0", "tap,fd=../../1/fdinfo/0", "tap,fd=", "tap",
                                        "user,id=net0" };

    (void)state;
    assert_null(tap_name(getpid(), "0"));
    assert_null(tap_name(getpid(), "99999"));
    for (guint i = 0; i < G_N_ELEMENTS(same); i++) {
        g_auto(GStrv) args = arguments(same[i]);

        tap_name_all(args);
        assert_string_equal(args[1], same[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand_over),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_tap),
    };
    int fd;

    have_network =
        geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && (fd = make_tap("probe")) >= 0 && !close(fd);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
