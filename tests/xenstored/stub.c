/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into a real xenstored or oxenstored: the little of a hypervisor that they ask for. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

/*
 * The store serves clients on its socket only. Dom0's ring, which it insists on having, is a page
 * of zeros on which nothing ever arrives, and its event channel a file descriptor that is never
 * ready. Handles are compared with NULL and nothing else, so any address is one.
 */
static char handle;

#define EXPORT __attribute__((visibility("default")))

/* --- libxenctrl --- */

EXPORT xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild,
                                       unsigned flags)
{
    (void)logger;
    (void)dombuild;
    (void)flags;
    return (xc_interface *)&handle;
}

EXPORT int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

/* Every domain that is asked for is there, and runs. */
EXPORT int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms,
                             xc_dominfo_t *info)
{
    (void)xch;
    (void)max_doms;
    memset(info, 0, sizeof *info);
    info->domid = first_domid;
    return 1;
}

EXPORT int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
                                 xc_domaininfo_t *info)
{
    (void)xch;
    (void)max_domains;
    memset(info, 0, sizeof *info);
    info->domain = first_domain;
    return 1;
}

static void *ring(void)
{
    void *page = mmap(NULL, XC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);

    return page == MAP_FAILED ? NULL : page;
}

EXPORT void *xc_map_foreign_range(xc_interface *xch, uint32_t dom, int size, int prot,
                                  unsigned long mfn)
{
    (void)xch;
    (void)dom;
    (void)size;
    (void)prot;
    (void)mfn;
    return ring();
}

/* --- libxengnttab --- */

EXPORT xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return (xengnttab_handle *)&handle;
}

EXPORT int xengnttab_close(xengnttab_handle *xgt)
{
    (void)xgt;
    return 0;
}

EXPORT int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
    (void)xgt;
    (void)nr_grants;
    return 0;
}

EXPORT void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    (void)xgt;
    (void)domid;
    (void)ref;
    (void)prot;
    return ring();
}

EXPORT int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    (void)xgt;
    return munmap(start_address, (size_t)count * XC_PAGE_SIZE);
}

/* --- libxenevtchn --- */

static int events = -1;

EXPORT xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    events = eventfd(0, EFD_CLOEXEC);
    return (xenevtchn_handle *)&handle;
}

EXPORT xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned flags)
{
    (void)fd;
    return xenevtchn_open(logger, flags);
}

EXPORT int xenevtchn_close(xenevtchn_handle *xce)
{
    (void)xce;
    return close(events);
}

EXPORT int xenevtchn_fd(xenevtchn_handle *xce)
{
    (void)xce;
    return events;
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    (void)xce;
    (void)virq;
    return 1;
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                            evtchn_port_t remote_port)
{
    (void)xce;
    (void)domid;
    (void)remote_port;
    return 2;
}

EXPORT int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

EXPORT int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

EXPORT xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    (void)xce;
    return -1;
}

EXPORT int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

/* --- files --- */

/* What the kernel of a dom0 offers: the port's number as text, and the ring's page. */
static int open_xen_file(const char *path)
{
    int fd = memfd_create("xen-file", MFD_CLOEXEC);

    if (strstr(path, "xsd_port")) {
        if (write(fd, "1", 1) != 1) {
            return -1;
        }
        lseek(fd, 0, SEEK_SET);
    } else if (ftruncate(fd, XC_PAGE_SIZE)) {
        return -1;
    }
    return fd;
}

static int open_file(const char *symbol, const char *path, int flags, mode_t mode)
{
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, symbol);

    if (strncmp(path, "/proc/xen/", 10) == 0 || strncmp(path, "/dev/xen/", 9) == 0) {
        return open_xen_file(path);
    }
    return next(path, flags, mode);
}

#define DEFINE_OPEN(name)                                                                         \
    EXPORT int name(const char *path, int flags, ...)                                             \
    {                                                                                             \
        va_list args;                                                                             \
        va_start(args, flags);                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                   \
        va_end(args);                                                                             \
        return open_file(#name, path, flags, mode);                                               \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

/* oxenstored's folder was fixed when it was built; its socket goes where the C one puts it. */
EXPORT int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*next)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    const char *folder = getenv("XENSTORED_RUNDIR");
    struct sockaddr_un here = { .sun_family = AF_UNIX };

    if (address->sa_family == AF_UNIX && folder) {
        const char *slash = strrchr(((const struct sockaddr_un *)address)->sun_path, '/');

        snprintf(here.sun_path, sizeof here.sun_path, "%s%s", folder, slash ? slash : "/socket");
        return next(fd, (const struct sockaddr *)&here, sizeof here);
    }
    return next(fd, address, length);
}

/* --- rights of an ordinary user --- */

/* oxenstored asks for a hundred thousand open files. */
EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    (void)resource;
    (void)limit;
    return 0;
}

/* Both make the system's folders for what here goes into a private one. */
EXPORT int mkdir(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    errno = EEXIST;
    return -1;
}
