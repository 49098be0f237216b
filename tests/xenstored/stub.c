/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into a real xenstored or oxenstored: the little of a hypervisor that they ask for. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
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

/* For xc_map_foreign_range. */
#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include "xen-handles.h"

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/io/xs_wire.h>

/*
 * Domain 0's clients are on the store's socket. Its ring, which the store insists on having, is a
 * page of zeros on which nothing ever arrives. Every other domain that is introduced has a ring of
 * its own, whose other end is a socket, $XENSTORED_RUNDIR/domain-N: a libxenstore that finds that
 * in XENSTORED_PATH speaks as that domain.
 */

/* --- libxenctrl --- */

/* Every domain that is asked for exists, and runs. */
#if __XEN_LATEST_INTERFACE_VERSION__ < 0x00041300
EXPORT int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms,
                             xc_dominfo_t *info)
{
    (void)xch;
    (void)max_doms;
    memset(info, 0, sizeof *info);
    info->domid = first_domid;
    return 1;
}
#else
EXPORT int xc_domain_getinfo_single(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info)
{
    (void)xch;
    memset(info, 0, sizeof *info);
    info->domain = domid;
    return 0;
}
#endif

EXPORT int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
                                 xc_domaininfo_t *info)
{
    (void)xch;
    (void)max_domains;
    memset(info, 0, sizeof *info);
    info->domain = first_domain;
    return 1;
}

/* --- the other domains, each with a thread that carries bytes --- */

#define DOMAINS 16
#define DEAD_PORT 1
#define FIRST_PORT 2 /* the port of domain N is FIRST_PORT + N */

typedef struct Domain {
    struct xenstore_domain_interface *ring;
    int listener;
    int notified; /* an eventfd: the store has read or written */
} Domain;

static Domain domains[DOMAINS];

/* The ports that wait for the store, a byte each: where it reads them, and where they come from. */
static int events[2];

static void *map_ring(uint32_t domid)
{
    void *page =
        mmap(NULL, XC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED || domid >= DOMAINS) {
        return NULL;
    }
    domains[domid].ring = page;
    return page;
}

static void tell_store(const Domain *domain)
{
    uint8_t port = FIRST_PORT + (domain - domains);

    /* When so many wait that there is no room, this one does too. */
    if (write(events[1], &port, 1) != 1 && errno != EAGAIN) {
        abort();
    }
}

/* What the client has sent, as far as there is room on the ring. False when the client has gone. */
static bool carry_request(Domain *domain, int client)
{
    struct xenstore_domain_interface *ring = domain->ring;
    XENSTORE_RING_IDX at = MASK_XENSTORE_IDX(ring->req_prod);
    size_t room = XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons);
    ssize_t n;

    if (room > XENSTORE_RING_SIZE - at) {
        room = XENSTORE_RING_SIZE - at;
    }
    if (room == 0) {
        return true;
    }
    n = recv(client, ring->req + at, room, MSG_DONTWAIT);
    if (n > 0) {
        atomic_thread_fence(memory_order_seq_cst);
        ring->req_prod += n;
        tell_store(domain);
    }
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void carry_reply(Domain *domain, int client)
{
    struct xenstore_domain_interface *ring = domain->ring;

    while (ring->rsp_prod != ring->rsp_cons) {
        XENSTORE_RING_IDX at = MASK_XENSTORE_IDX(ring->rsp_cons);
        size_t there = ring->rsp_prod - ring->rsp_cons;

        atomic_thread_fence(memory_order_seq_cst);
        if (there > XENSTORE_RING_SIZE - at) {
            there = XENSTORE_RING_SIZE - at;
        }
        send(client, ring->rsp + at, there, MSG_NOSIGNAL);
        atomic_thread_fence(memory_order_seq_cst);
        ring->rsp_cons += there;
        tell_store(domain);
    }
}

/* One client after the other, as a ring has one user. */
static void *carry(void *data)
{
    Domain *domain = data;

    for (;;) {
        int client = accept(domain->listener, NULL, NULL);
        bool here = client >= 0;

        while (here) {
            struct pollfd fds[] = { { .fd = client, .events = POLLIN },
                                    { .fd = domain->notified, .events = POLLIN } };
            eventfd_t count;

            /* With a full ring, the store's next word is what to wait for. */
            if (domain->ring->req_prod - domain->ring->req_cons == XENSTORE_RING_SIZE) {
                fds[0].fd = -1;
            }
            poll(fds, 2, -1);
            if (fds[1].revents) {
                eventfd_read(domain->notified, &count);
                carry_reply(domain, client);
            }
            if (fds[0].revents) {
                here = carry_request(domain, client);
            }
        }
        close(client);
    }
    return NULL;
}

static int start_domain(uint32_t domid)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Domain *domain = &domains[domid];
    sigset_t all, before;
    pthread_t thread;
    int rc;

    /* bind() below puts it into the private folder. */
    snprintf(address.sun_path, sizeof address.sun_path, "/domain-%u", domid);
    domain->notified = eventfd(0, EFD_CLOEXEC);
    domain->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(domain->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(domain->listener, 1)) {
        return -1;
    }
    /* The store's signals are for its own thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, NULL, carry, domain);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? -1 : 0;
}

EXPORT void *xc_map_foreign_range(xc_interface *xch, uint32_t dom, int size, int prot,
                                  unsigned long mfn)
{
    (void)xch;
    (void)size;
    (void)prot;
    (void)mfn;
    return map_ring(dom);
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
    (void)ref;
    (void)prot;
    return map_ring(domid);
}

EXPORT int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    (void)xgt;
    return munmap(start_address, (size_t)count * XC_PAGE_SIZE);
}

/* --- libxenevtchn --- */

EXPORT xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return pipe2(events, O_CLOEXEC | O_NONBLOCK) ? NULL : (xenevtchn_handle *)&handle;
}

EXPORT xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned flags)
{
    (void)fd;
    return xenevtchn_open(logger, flags);
}

EXPORT int xenevtchn_close(xenevtchn_handle *xce)
{
    (void)xce;
    return close(events[0]) || close(events[1]) ? -1 : 0;
}

EXPORT int xenevtchn_fd(xenevtchn_handle *xce)
{
    (void)xce;
    return events[0];
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    (void)xce;
    (void)virq;
    return DEAD_PORT;
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                            evtchn_port_t remote_port)
{
    (void)xce;
    (void)remote_port;
    /* Nobody speaks for domain 0 there. */
    if (domid != 0 && (domid >= DOMAINS || start_domain(domid))) {
        return -1;
    }
    return FIRST_PORT + domid;
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
    if (port > FIRST_PORT) {
        eventfd_write(domains[port - FIRST_PORT].notified, 1);
    }
    return 0;
}

EXPORT xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    uint8_t port;

    (void)xce;
    return read(events[0], &port, 1) == 1 ? port : -1;
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

#define DEFINE_OPEN(name)                                                                          \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                    \
        va_end(args);                                                                              \
        return open_file(#name, path, flags, mode);                                                \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

/* oxenstored has plugins since Xen 4.20, in a folder that was fixed when it was built. */
static const char *unpacked(const char *path, char buffer[PATH_MAX])
{
    const char *root = getenv("XENSTORED_ROOT");

    if (!root || !path || strncmp(path, "/usr/lib/xen-", 13) != 0) {
        return path;
    }
    snprintf(buffer, PATH_MAX, "%s%s", root, path);
    return buffer;
}

EXPORT DIR *opendir(const char *path)
{
    DIR *(*next)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    char buffer[PATH_MAX];

    return next(unpacked(path, buffer));
}

EXPORT int stat64(const char *path, struct stat64 *st)
{
    int (*next)(const char *, struct stat64 *) =
        (int (*)(const char *, struct stat64 *))dlsym(RTLD_NEXT, "stat64");
    char buffer[PATH_MAX];

    return next(unpacked(path, buffer), st);
}

EXPORT void *dlopen(const char *path, int mode)
{
    void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    char buffer[PATH_MAX];

    return next(unpacked(path, buffer), mode);
}

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
