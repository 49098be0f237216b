/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intercepts the calls of an unmodified QEMU that concern the layout. The library is preloaded. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenstore.h>

#include <xen-physmap/record.h>

#include "names.h"
#include "fetch-pages.h"
#include "recorder.h"
#include "standby.h"

/* The real function, which QEMU wanted to call. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static __typeof__(&xc_domain_populate_physmap_exact) real_populate;
static __typeof__(&xendevicemodel_relocate_memory) real_relocate;
static __typeof__(&xendevicemodel_map_io_range_to_ioreq_server) real_map_io;
static __typeof__(&xendevicemodel_unmap_io_range_from_ioreq_server) real_unmap_io;
static __typeof__(&xs_write) real_write;

static gboolean number_from_env(const char *name, guint64 most, guint64 *number)
{
    const char *text = getenv(name);

    return text && g_ascii_string_to_unsigned(text, 10, 0, most, number, NULL);
}

/* A wrapper script may start QEMU. Its shell is preloaded too, and must be left alone. */
static gboolean is_qemu(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    exe[MAX(n, 0)] = '\0';
    return strstr(xen_physmap_region_name(exe), "qemu") != NULL;
}

/* A program that QEMU starts, such as the shell of an "exec:" migration, must not be preloaded. */
static void leave_no_trace(void)
{
    const char *preload = getenv("LD_PRELOAD");
    const char *others = preload ? strchr(preload, ':') : NULL;

    if (others) {
        setenv("LD_PRELOAD", others + 1, 1);
    } else {
        unsetenv("LD_PRELOAD");
    }
    unsetenv(ENV_DOMID);
    unsetenv(ENV_QMP_FD);
    unsetenv(ENV_INCOMING);
    unsetenv(ENV_HOLD_FD);
    /* A QEMU that has the component built in leaves the layout to this one. */
    setenv(ENV_POLICY, restore_policy_name(RESTORE_OFF), 1);
}

static RecorderStandby standby = { -1, standby_end, standby_claim };

static void begin(void)
{
    guint64 domid, qmp_fd, number;

    if (number_from_env(ENV_DOMID, DOMID_FIRST_RESERVED - 1, &domid) &&
        number_from_env(ENV_QMP_FD, G_MAXINT, &qmp_fd)) {
        g_autofree char *incoming = g_strdup(getenv(ENV_INCOMING));
        gboolean in_standby = number_from_env(ENV_HOLD_FD, G_MAXINT, &number);
        RestorePolicy policy;

        if (in_standby) {
            standby.fd = number;
            fcntl(standby.fd, F_SETFD, FD_CLOEXEC);
            standby_begin();
        }
        restore_policy_parse(getenv(ENV_POLICY), &policy);
        leave_no_trace();
        fcntl(qmp_fd, F_SETFD, FD_CLOEXEC);
        recorder_init(domid, qmp_fd, incoming, policy, in_standby ? &standby : NULL,
                      fetch_pages_adopt);
    }
}

__attribute__((constructor)) static void preloaded(void)
{
    real_populate = REAL(xc_domain_populate_physmap_exact);
    real_relocate = REAL(xendevicemodel_relocate_memory);
    real_map_io = REAL(xendevicemodel_map_io_range_to_ioreq_server);
    real_unmap_io = REAL(xendevicemodel_unmap_io_range_from_ioreq_server);
    real_write = REAL(xs_write);
    if (!is_qemu()) {
        return;
    }
    if (getenv(ENV_PROBE)) {
        fputs(PROBE_ANSWER, stdout);
    } else {
        begin();
    }
}

__attribute__((destructor)) static void unloaded(void)
{
    recorder_end();
}

/* A ramblock was created, at the start or by a hot plug. */
XEN_PHYSMAP_API int xc_domain_populate_physmap_exact(xc_interface *xch, uint32_t domid,
                                                     unsigned long nr_extents,
                                                     unsigned int extent_order,
                                                     unsigned int mem_flags,
                                                     xen_pfn_t *extent_start)
{
    int rc = real_populate(xch, domid, nr_extents, extent_order, mem_flags, extent_start);

    recorder_poke();
    return rc;
}

/* A ramblock was moved into place, or back. */
XEN_PHYSMAP_API int xendevicemodel_relocate_memory(xendevicemodel_handle *dmod, domid_t domid,
                                                   uint32_t size, uint64_t src_gfn,
                                                   uint64_t dst_gfn)
{
    int rc = real_relocate(dmod, domid, size, src_gfn, dst_gfn);

    recorder_poke();
    return rc;
}

/*
 * QEMU begins or ends to serve a range of guest-physical space. This shows that a BAR moved, even
 * when QEMU doesn't move the pages of its ramblock.
 */
XEN_PHYSMAP_API int xendevicemodel_map_io_range_to_ioreq_server(xendevicemodel_handle *dmod,
                                                                domid_t domid, ioservid_t id,
                                                                int is_mmio, uint64_t start,
                                                                uint64_t end)
{
    int rc = real_map_io(dmod, domid, id, is_mmio, start, end);

    fetch_pages_by(dmod);
    if (is_mmio) {
        recorder_nudge();
    }
    return rc;
}

XEN_PHYSMAP_API int xendevicemodel_unmap_io_range_from_ioreq_server(xendevicemodel_handle *dmod,
                                                                    domid_t domid, ioservid_t id,
                                                                    int is_mmio, uint64_t start,
                                                                    uint64_t end)
{
    int rc = real_unmap_io(dmod, domid, id, is_mmio, start, end);

    if (is_mmio) {
        recorder_nudge();
    }
    return rc;
}

/* A write to xenstore that is held back, with its arguments. */
typedef struct Held {
    struct xs_handle *xs;
    xs_transaction_t transaction;
    char *path;
    void *data;
    unsigned int length;
} Held;

static void write_held(gpointer data)
{
    Held *held = data;

    real_write(held->xs, held->transaction, held->path, held->data, held->length);
    g_free(held->path);
    g_free(held->data);
    g_free(held);
}

static gboolean reports_running(const char *path, const void *data, unsigned int length)
{
    static const char running[] = "running";

    return length == strlen(running) && memcmp(data, running, length) == 0 &&
           strstr(path, "device-model/") && g_str_has_suffix(path, "/state");
}

/* libxl lets the guest run when it sees this write. Held back, it keeps the guest from running. */
XEN_PHYSMAP_API bool xs_write(struct xs_handle *xs, xs_transaction_t transaction, const char *path,
                              const void *data, unsigned int length)
{
    if (reports_running(path, data, length)) {
        Held *held = g_new(Held, 1);

        *held = (Held){ xs, transaction, g_strdup(path), g_memdup2(data, length), length };
        if (recorder_running(write_held, held)) {
            return true;
        }
        g_free(held->path);
        g_free(held->data);
        g_free(held);
    }
    return real_write(xs, transaction, path, data, length);
}
