/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intercepts the calls of a QEMU in standby, and makes up for them when its turn comes. */
#include "standby.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <netinet/in.h>
#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenforeignmemory.h>

#include "fetch-pages.h"
#include "names.h"

/* The real function, which QEMU wanted to call. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Private pages, which QEMU takes for the guest's. */
typedef struct Copy {
    xenforeignmemory_handle *fmem;
    uint32_t domid;
    int prot;
    char *base;
    size_t num;
    xen_pfn_t *gfns;
    int *errors; /* for each page, what QEMU got */
} Copy;

/* A listening socket at another address than QEMU asked for. */
typedef struct Listener {
    int fd;
    int backlog;      /* 0: not listening yet */
    gboolean claimed; /* an internet address: it was replaced by the one asked for */
    struct sockaddr_storage meant, given;
    socklen_t meant_size, given_size;
    dev_t device; /* of a path's socket, to recognize it after a rename */
    ino_t inode;
} Listener;

static struct {
    pthread_mutex_t lock;
    gboolean in_standby;
    gboolean torn; /* QEMU unmapped part of a copy; no known QEMU does */
    gboolean off;  /* QEMU's I/O request server is disabled: the machine is stopped */
    GPtrArray *copies;
    GPtrArray *listeners;                                    /* kept as long as QEMU runs */
} self = { .lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP }; /* the libraries call each other */

static void copy_free(Copy *copy)
{
    g_free(copy->gfns);
    g_free(copy->errors);
    g_free(copy);
}

void standby_begin(void)
{
    self.copies = g_ptr_array_new_with_free_func((GDestroyNotify)copy_free);
    self.listeners = g_ptr_array_new_with_free_func(g_free);
    self.in_standby = TRUE;
}

/* --- the guest's pages --- */

/* Maps a private copy of the guest's pages at the address that QEMU asked for. Needs the lock. */
static void *map_copy(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot, int flags,
                      size_t num, const xen_pfn_t *gfns, int *err)
{
    size_t size = num * XC_PAGE_SIZE;
    g_autofree int *own_errors = g_new0(int, num);
    int *errors = err ? err : own_errors;
    /* Without `err`, the library fails when a page doesn't exist. */
    char *guest = REAL(xenforeignmemory_map2)(fmem, dom, NULL, PROT_READ, 0, num, gfns, err);
    char *pages;
    Copy *copy;

    if (!guest) {
        return NULL;
    }
    pages = mmap(addr, size, PROT_READ | PROT_WRITE, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        xenforeignmemory_unmap(fmem, guest, num);
        return NULL;
    }
    for (size_t i = 0; i < num; i++) {
        if (!errors[i]) {
            memcpy(pages + i * XC_PAGE_SIZE, guest + i * XC_PAGE_SIZE, XC_PAGE_SIZE);
        }
    }
    xenforeignmemory_unmap(fmem, guest, num);
    copy = g_new(Copy, 1);
    *copy = (Copy){ fmem,
                    dom,
                    prot,
                    pages,
                    num,
                    g_memdup2(gfns, num * sizeof *gfns),
                    g_memdup2(errors, num * sizeof *errors) };
    g_ptr_array_add(self.copies, copy);
    return pages;
}

XEN_PHYSMAP_API void *xenforeignmemory_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr,
                                            int prot, int flags, size_t num, const xen_pfn_t *gfns,
                                            int *err)
{
    void *pages;

    if (prot & PROT_WRITE) { /* QEMU's, and none of the recorder's looks */
        fetch_pages_from(fmem);
    }
    if (addr) {
        fetch_pages(fmem, dom, num, gfns);
    } else if ((prot & PROT_WRITE) && fetch_pages_are_anothers(num, gfns)) {
        return fetch_pages_private(num, err);
    }
    /* With the lock, so that standby_end sees every copy. */
    pthread_mutex_lock(&self.lock);
    pages = self.in_standby && (prot & PROT_WRITE)
                ? map_copy(fmem, dom, addr, prot, flags, num, gfns, err)
                : REAL(xenforeignmemory_map2)(fmem, dom, addr, prot, flags, num, gfns, err);
    pthread_mutex_unlock(&self.lock);
    return pages;
}

/* QEMU unmaps the guest's pages with munmap, not with libxenforeignmemory's function. */
XEN_PHYSMAP_API int munmap(void *addr, size_t length)
{
    static __typeof__(&munmap) real;
    const char *from = addr, *to = from + length;

    if (!real) {
        real = REAL(munmap);
    }
    if (__atomic_load_n(&self.in_standby, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&self.lock);
        for (guint i = self.copies->len; i-- > 0;) {
            const Copy *copy = g_ptr_array_index(self.copies, i);
            const char *end = copy->base + copy->num * XC_PAGE_SIZE;

            if (from <= copy->base && end <= to) {
                g_ptr_array_remove_index_fast(self.copies, i);
            } else if (from < end && copy->base < to) {
                self.torn = TRUE;
            }
        }
        pthread_mutex_unlock(&self.lock);
    }
    return real(addr, length);
}

/* Maps the guest's pages in place of a copy. */
static gboolean replace(const Copy *copy, GError **error)
{
    g_autofree int *errors = g_new0(int, copy->num);

    if (REAL(xenforeignmemory_map2)(copy->fmem, copy->domid, copy->base, copy->prot, MAP_FIXED,
                                    copy->num, copy->gfns, errors) != copy->base) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't map the guest's pages at gfn 0x%lx: %s", (unsigned long)copy->gfns[0],
                    g_strerror(errno));
        return FALSE;
    }
    for (size_t i = 0; i < copy->num; i++) {
        if (!errors[i] != !copy->errors[i]) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                        "the guest's page at gfn 0x%lx came or went while QEMU started",
                        (unsigned long)copy->gfns[i]);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean standby_end(GError **error)
{
    gboolean replaced = TRUE;

    pthread_mutex_lock(&self.lock);
    if (self.torn) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "this QEMU maps the guest's pages in a way that isn't known");
        replaced = FALSE;
    }
    for (guint i = 0; replaced && i < self.copies->len; i++) {
        replaced = replace(g_ptr_array_index(self.copies, i), error);
    }
    g_ptr_array_set_size(self.copies, 0);
    __atomic_store_n(&self.in_standby, FALSE, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&self.lock);
    return replaced;
}

/* --- what QEMU tells Xen about the guest --- */

/* QEMU resets a new device, and lowers its line, which the other QEMU may be holding up. */
XEN_PHYSMAP_API int xendevicemodel_set_isa_irq_level(xendevicemodel_handle *dmod, domid_t domid,
                                                     uint8_t irq, unsigned int level)
{
    return self.in_standby ? 0 : REAL(xendevicemodel_set_isa_irq_level)(dmod, domid, irq, level);
}

XEN_PHYSMAP_API int xendevicemodel_set_pci_intx_level(xendevicemodel_handle *dmod, domid_t domid,
                                                      uint16_t segment, uint8_t bus, uint8_t device,
                                                      uint8_t intx, unsigned int level)
{
    return self.in_standby ? 0
                           : REAL(xendevicemodel_set_pci_intx_level)(dmod, domid, segment, bus,
                                                                     device, intx, level);
}

XEN_PHYSMAP_API int xendevicemodel_set_pci_link_route(xendevicemodel_handle *dmod, domid_t domid,
                                                      uint8_t link, uint8_t irq)
{
    return self.in_standby ? 0 : REAL(xendevicemodel_set_pci_link_route)(dmod, domid, link, irq);
}

XEN_PHYSMAP_API int xendevicemodel_set_mem_type(xendevicemodel_handle *dmod, domid_t domid,
                                                hvmmem_type_t type, uint64_t first_pfn, uint32_t nr)
{
    return self.in_standby ? 0
                           : REAL(xendevicemodel_set_mem_type)(dmod, domid, type, first_pfn, nr);
}

/* From now on the updater doesn't kill this process, until the descriptor is closed. */
static int lock_against_updater(domid_t domid)
{
    g_autofree char *path = g_strdup_printf(STANDBY_LOCK_FORMAT, (unsigned int)domid);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    while (fd >= 0 && flock(fd, LOCK_EX)) {
        if (errno != EINTR) {
            close(fd);
            return -1;
        }
    }
    return fd;
}

/* Xen gives a server its event channels when it is enabled, and QEMU needs them at its start. */
static int enable_and_disable(xendevicemodel_handle *dmod, domid_t domid, ioservid_t id)
{
    int lock = lock_against_updater(domid);
    xc_interface *xc = lock < 0 ? NULL : xc_interface_open(NULL, NULL, 0);
    int rc = xc ? xc_domain_pause(xc, domid) : -1;

    /* If two servers cover a request, Xen asks the later one, and this one wouldn't answer. */
    if (rc == 0) {
        rc = REAL(xendevicemodel_set_ioreq_server_state)(dmod, domid, id, 1);
        if (rc == 0) {
            rc = REAL(xendevicemodel_set_ioreq_server_state)(dmod, domid, id, 0);
        }
        if (xc_domain_unpause(xc, domid)) {
            rc = -1;
        }
    }
    if (xc) {
        xc_interface_close(xc);
    }
    if (lock >= 0) {
        close(lock);
    }
    return rc;
}

/* QEMU enables the server again when it runs the machine. */
XEN_PHYSMAP_API int xendevicemodel_set_ioreq_server_state(xendevicemodel_handle *dmod,
                                                          domid_t domid, ioservid_t id, int enabled)
{
    self.off = !enabled;
    return self.in_standby && enabled
               ? enable_and_disable(dmod, domid, id)
               : REAL(xendevicemodel_set_ioreq_server_state)(dmod, domid, id, enabled);
}

/*
 * QEMU removes its server when it ends. But once it is stopped, another QEMU may serve the guest,
 * and a vcpu may still have to take an answer from this server. The updater removes the server
 * later, or Xen removes it with the domain.
 */
XEN_PHYSMAP_API int xendevicemodel_destroy_ioreq_server(xendevicemodel_handle *dmod, domid_t domid,
                                                        ioservid_t id)
{
    return self.off ? 0 : REAL(xendevicemodel_destroy_ioreq_server)(dmod, domid, id);
}

/* --- the host's network interfaces, which both QEMUs use --- */

/* QEMU resets their settings when it starts, and sets them again when it loads its cards' state. */
XEN_PHYSMAP_API int ioctl(int fd, unsigned long request, ...)
{
    static __typeof__(&ioctl) real;
    va_list args;
    void *argument;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    if ((request == TUNSETOFFLOAD || request == TUNSETVNETHDRSZ) &&
        __atomic_load_n(&self.in_standby, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    if (!real) {
        real = REAL(ioctl);
    }
    return real(fd, request, argument);
}

/* --- sockets --- */

static gboolean is_path(const struct sockaddr *address, socklen_t size)
{
    return address->sa_family == AF_UNIX && size > offsetof(struct sockaddr_un, sun_path) &&
           ((const struct sockaddr_un *)address)->sun_path[0] != '\0';
}

static gboolean is_internet(const struct sockaddr *address)
{
    return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

static gboolean is_stream(int fd)
{
    int type;
    socklen_t size = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* The address to use instead: the path with the suffix, if there is room, or a temporary port. */
static gboolean elsewhere(Listener *listener)
{
    struct sockaddr_un *path = (struct sockaddr_un *)&listener->given;

    listener->given = listener->meant;
    listener->given_size = listener->meant_size;
    if (listener->meant.ss_family == AF_UNIX) {
        listener->given_size = sizeof *path;
        return g_strlcat(path->sun_path, STANDBY_SUFFIX, sizeof path->sun_path) <
               sizeof path->sun_path;
    }
    if (listener->meant.ss_family == AF_INET) {
        struct sockaddr_in *given = (struct sockaddr_in *)&listener->given;

        given->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        given->sin_port = 0;
    } else {
        struct sockaddr_in6 *given = (struct sockaddr_in6 *)&listener->given;

        given->sin6_addr = in6addr_loopback;
        given->sin6_port = 0;
    }
    return TRUE;
}

static int bind_elsewhere(int fd, const struct sockaddr *address, socklen_t size)
{
    Listener *listener = g_new0(Listener, 1);
    const char *path = ((struct sockaddr_un *)&listener->given)->sun_path;
    struct stat file;
    int rc;

    listener->fd = fd;
    memcpy(&listener->meant, address, MIN(size, sizeof listener->meant));
    listener->meant_size = size;
    if (!elsewhere(listener)) {
        g_free(listener);
        errno = ENAMETOOLONG;
        return -1;
    }
    if (address->sa_family == AF_UNIX) {
        REAL(unlink)(path); /* of one that was killed */
    }
    rc = REAL(bind)(fd, (struct sockaddr *)&listener->given, listener->given_size);
    if (rc) {
        g_free(listener);
        return rc;
    }
    if (address->sa_family == AF_UNIX && lstat(path, &file) == 0) {
        listener->device = file.st_dev;
        listener->inode = file.st_ino;
    }
    listener->given_size = sizeof listener->given;
    REAL(getsockname)(fd, (struct sockaddr *)&listener->given, &listener->given_size);
    pthread_mutex_lock(&self.lock);
    g_ptr_array_add(self.listeners, listener);
    pthread_mutex_unlock(&self.lock);
    return 0;
}

XEN_PHYSMAP_API int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    return self.in_standby && (is_path(address, size) || is_internet(address)) && is_stream(fd)
               ? bind_elsewhere(fd, address, size)
               : REAL(bind)(fd, address, size);
}

/* The listener with this socket name. Needs the lock. A descriptor may have been used again. */
static Listener *named(const struct sockaddr *name, socklen_t size)
{
    for (guint i = 0; self.listeners && i < self.listeners->len; i++) {
        Listener *listener = g_ptr_array_index(self.listeners, i);

        if (listener->given_size == size && memcmp(&listener->given, name, size) == 0) {
            return listener;
        }
    }
    return NULL;
}

XEN_PHYSMAP_API int listen(int fd, int backlog)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    Listener *listener;

    pthread_mutex_lock(&self.lock);
    if (self.in_standby && REAL(getsockname)(fd, (struct sockaddr *)&name, &size) == 0 &&
        (listener = named((struct sockaddr *)&name, size))) {
        listener->fd = fd;
        listener->backlog = backlog;
    }
    pthread_mutex_unlock(&self.lock);
    return REAL(listen)(fd, backlog);
}

/* QEMU asks for the name of its socket, to report it, and to remove it when it ends. */
XEN_PHYSMAP_API int getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
    socklen_t room = *size;
    int rc = REAL(getsockname)(fd, address, size);
    const Listener *listener;

    pthread_mutex_lock(&self.lock);
    if (rc == 0 && *size <= room && (listener = named(address, *size)) && !listener->claimed) {
        memcpy(address, &listener->meant, MIN(room, listener->meant_size));
        *size = listener->meant_size;
    }
    pthread_mutex_unlock(&self.lock);
    return rc;
}

/* Whether the socket at a path belongs to another QEMU. */
static gboolean is_of_another(const char *path)
{
    gboolean of_another = FALSE;
    struct stat file;

    if (!self.listeners || lstat(path, &file) || !S_ISSOCK(file.st_mode)) {
        return FALSE;
    }
    pthread_mutex_lock(&self.lock);
    of_another = self.in_standby;
    for (guint i = 0; i < self.listeners->len; i++) {
        const Listener *listener = g_ptr_array_index(self.listeners, i);

        if (listener->meant.ss_family == AF_UNIX &&
            strcmp(((const struct sockaddr_un *)&listener->meant)->sun_path, path) == 0) {
            of_another = file.st_dev != listener->device || file.st_ino != listener->inode;
        }
    }
    pthread_mutex_unlock(&self.lock);
    return of_another;
}

/* QEMU removes an old socket before it makes its own, and removes its own when it ends. */
XEN_PHYSMAP_API int unlink(const char *path)
{
    return is_of_another(path) ? 0 : REAL(unlink)(path);
}

static gboolean claim(Listener *listener)
{
    const int on = 1;
    int flags = fcntl(listener->fd, F_GETFL);
    int fd = socket(listener->meant.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean claimed = FALSE;

    if (fd < 0) {
        return FALSE;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener->meant.ss_family == AF_INET6) {
        int only;
        socklen_t size = sizeof only;

        if (getsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0) {
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, size);
        }
    }
    if (REAL(bind)(fd, (struct sockaddr *)&listener->meant, listener->meant_size) == 0 &&
        REAL(listen)(fd, listener->backlog) == 0 && fcntl(fd, F_SETFL, flags) == 0) {
        claimed = dup3(fd, listener->fd, O_CLOEXEC) >= 0;
    }
    close(fd);
    return claimed;
}

gboolean standby_claim(void)
{
    gboolean all = TRUE;

    pthread_mutex_lock(&self.lock);
    for (guint i = 0; self.listeners && i < self.listeners->len; i++) {
        Listener *listener = g_ptr_array_index(self.listeners, i);
        struct sockaddr_storage name;
        socklen_t size = sizeof name;

        if (!is_internet((struct sockaddr *)&listener->meant) || listener->claimed) {
            continue;
        }
        /* Ignore a socket that QEMU doesn't listen on, or has closed. */
        listener->claimed = !listener->backlog ||
                            REAL(getsockname)(listener->fd, (struct sockaddr *)&name, &size) ||
                            named((struct sockaddr *)&name, size) != listener || claim(listener);
        all = all && listener->claimed;
    }
    pthread_mutex_unlock(&self.lock);
    return all;
}
