/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets of a QEMU in standby. The box tests what it does with pages. */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <linux/if_tun.h>

#include "fetch-pages.h"
#include "names.h"
#include "standby.h"

/* Nothing is loaded here. */
gboolean fetch_pages_are_anothers(size_t num, const xen_pfn_t *gfns)
{
    (void)num, (void)gfns;
    return FALSE;
}

void *fetch_pages_private(size_t num, int *errors)
{
    (void)num, (void)errors;
    return NULL;
}

void fetch_pages_from(xenforeignmemory_handle *fmem)
{
    (void)fmem;
}

void fetch_pages(xenforeignmemory_handle *fmem, uint32_t domid, size_t num, const xen_pfn_t *gfns)
{
    (void)fmem, (void)domid, (void)num, (void)gfns;
}

static int listen_at(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Whether `listener` gets a connection to this address. */
static gboolean reaches(const struct sockaddr *address, socklen_t size, int listener)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int got = -1;

    if (connect(fd, address, size) == 0 || errno == EINPROGRESS) {
        g_usleep(10000);
        fcntl(listener, F_SETFL, O_NONBLOCK);
        got = accept(listener, NULL, NULL);
    }
    close(fd);
    if (got >= 0) {
        close(got);
    }
    return got >= 0;
}

static struct sockaddr_un path_address(const char *folder)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/monitor", folder);
    return address;
}

static void test_paths_and_ports(void **unused)
{
    g_autofree char *folder = g_dir_make_tmp("early-XXXXXX", NULL);
    struct sockaddr_un path = path_address(folder);
    struct sockaddr *path_name = (struct sockaddr *)&path;
    struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr *port_name = (struct sockaddr *)&port;
    g_autofree char *next = g_strconcat(path.sun_path, STANDBY_SUFFIX, NULL);
    struct sockaddr_storage told;
    socklen_t size = sizeof port;
    int old_path, old_port, new_path, new_port;

    (void)unused;
    old_path = listen_at(path_name, sizeof path);
    old_port = listen_at(port_name, sizeof port);
    assert_int_equal(getsockname(old_port, port_name, &size), 0);

    standby_begin();
    /* As QEMU does, which removes an old socket first. The other QEMU's socket stays. */
    assert_int_equal(unlink(path.sun_path), 0);
    new_path = listen_at(path_name, sizeof path);
    new_port = listen_at(port_name, sizeof port);
    assert_true(reaches(path_name, sizeof path, old_path));
    assert_true(reaches(port_name, sizeof port, old_port));
    assert_true(g_file_test(next, G_FILE_TEST_EXISTS));

    /* To QEMU it seems to have the address that it asked for. */
    size = sizeof told;
    assert_int_equal(getsockname(new_path, (struct sockaddr *)&told, &size), 0);
    assert_string_equal(((struct sockaddr_un *)&told)->sun_path, path.sun_path);
    size = sizeof told;
    assert_int_equal(getsockname(new_port, (struct sockaddr *)&told, &size), 0);
    assert_int_equal(((struct sockaddr_in *)&told)->sin_port, port.sin_port);

    assert_false(standby_claim());
    assert_true(standby_end(NULL));
    assert_false(standby_claim());
    /* A QEMU that fails now, and removes its socket, leaves the other QEMU's socket. */
    assert_int_equal(unlink(path.sun_path), 0);
    assert_true(reaches(path_name, sizeof path, old_path));

    close(old_port);
    assert_true(standby_claim());
    assert_true(reaches(port_name, sizeof port, new_port));
    close(old_path);
    assert_int_equal(g_rename(next, path.sun_path), 0);
    assert_true(reaches(path_name, sizeof path, new_path));
    /* It removes its own socket, and any other file. */
    assert_int_equal(unlink(path.sun_path), 0);
    assert_false(g_file_test(path.sun_path, G_FILE_TEST_EXISTS));

    close(new_path);
    close(new_port);
    g_rmdir(folder);
}

/* Like a tap device that the other QEMU uses too, so that a call here would affect that one. */
static void test_interfaces(void **unused)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), length = 12;

    (void)unused;
    standby_begin();
    assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &length), 0);
    assert_int_equal(ioctl(fd, TUNSETOFFLOAD, 0), 0);
    assert_int_equal(ioctl(fd, TUNGETVNETHDRSZ, &length), -1);
    assert_true(standby_end(NULL));
    assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &length), -1);
    assert_int_equal(ioctl(fd, TUNSETOFFLOAD, 0), -1);
    assert_int_equal(errno, ENOTTY);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_and_ports),
        cmocka_unit_test(test_interfaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
