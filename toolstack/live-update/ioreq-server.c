/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pauses a domain with its I/O requests answered: asks Xen, and reads the servers' shared pages. */
#include "ioreq-server.h"

#include <errno.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenforeignmemory.h>
#include <xen/hvm/ioreq.h>

/* MAX_NR_IOREQ_SERVERS in Xen. */
#define SERVERS_MAX 8

/* One page of buffered requests, and one with a request for each vcpu. */
#define SERVER_PAGES 2
#define VCPUS_MAX (XC_PAGE_SIZE / sizeof(struct ioreq))

/* QEMU looks after buffered requests at least every 100 ms. */
#define ANSWER_POLL_US 50

/* A vcpu that runs takes its answer within microseconds, but it may have to wait for a processor. */
#define TAKE_TIMEOUT_US (20 * G_TIME_SPAN_SECOND)
#define TAKE_POLL_US (2 * G_TIME_SPAN_MILLISECOND)

/* What is in front of buf_ioreq in the page; Xen's header has it for Xen alone. */
typedef struct BufferedPointers {
    guint32 read_pointer, write_pointer;
} BufferedPointers;

typedef struct ServerPages {
    xenforeignmemory_resource_handle *resource;
    const volatile BufferedPointers *buffered;
    const volatile struct ioreq *requests;
} ServerPages;

struct IoreqControl {
    guint32 domid;
    xc_interface *xc;
    xendevicemodel_handle *dmod;
    xenforeignmemory_handle *fmem;
};

static gboolean fail(GError **error, guint32 domid, const char *what)
{
    XenPhysmapError code = errno == EACCES || errno == EPERM ? XEN_PHYSMAP_ERROR_ACCESS
                                                             : XEN_PHYSMAP_ERROR_UNAVAILABLE;

    g_set_error(error, XEN_PHYSMAP_ERROR, code, "can't %s of domain %u: %s", what, domid,
                g_strerror(errno));
    return FALSE;
}

IoreqControl *ioreq_open(guint32 domid, GError **error)
{
    IoreqControl *control = g_new0(IoreqControl, 1);

    control->domid = domid;
    errno = ENOENT;
    if (!(control->xc = xc_interface_open(NULL, NULL, 0)) ||
        !(control->dmod = xendevicemodel_open(NULL, 0)) ||
        !(control->fmem = xenforeignmemory_open(NULL, 0))) {
        fail(error, domid, "reach the hypervisor, for control");
        ioreq_close(control);
        return NULL;
    }
    return control;
}

void ioreq_close(IoreqControl *control)
{
    if (control) {
        if (control->fmem) {
            xenforeignmemory_close(control->fmem);
        }
        if (control->dmod) {
            xendevicemodel_close(control->dmod);
        }
        if (control->xc) {
            xc_interface_close(control->xc);
        }
        g_free(control);
    }
}

gboolean ioreq_info(IoreqControl *control, IoreqInfo *info, GError **error)
{
    xc_domaininfo_t found = { 0 };
    int n = xc_domain_getinfolist(control->xc, control->domid, 1, &found);

    if (n < 0) {
        return fail(error, control->domid, "read the state");
    }
    if (n == 0 || found.domain != control->domid) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "domain %u is not there any more", control->domid);
        return FALSE;
    }
    *info = (IoreqInfo){
        .hvm = (found.flags & XEN_DOMINF_hvm_guest) != 0,
        .paused = (found.flags & XEN_DOMINF_paused) != 0,
        .shutdown = (found.flags & XEN_DOMINF_shutdown) != 0,
        .dying = (found.flags & XEN_DOMINF_dying) != 0,
    };
    return TRUE;
}

static gboolean has_server(IoreqControl *control, ioservid_t id)
{
    return xendevicemodel_get_ioreq_server_info(control->dmod, control->domid, id, NULL, NULL,
                                                NULL) == 0;
}

guint ioreq_servers(IoreqControl *control)
{
    guint servers = 0;

    for (ioservid_t id = 0; id < SERVERS_MAX; id++) {
        servers |= has_server(control, id) ? 1u << id : 0;
    }
    return servers;
}

gboolean ioreq_switch_off(IoreqControl *control, guint set, GError **error)
{
    for (ioservid_t id = 0; id < SERVERS_MAX; id++) {
        if ((set & 1u << id) && has_server(control, id) &&
            xendevicemodel_set_ioreq_server_state(control->dmod, control->domid, id, 0)) {
            return fail(error, control->domid, "switch off an I/O request server");
        }
    }
    return TRUE;
}

gboolean ioreq_destroy_servers(IoreqControl *control, guint servers, GError **error)
{
    for (ioservid_t id = 0; id < SERVERS_MAX; id++) {
        if ((servers & 1u << id) && has_server(control, id) &&
            xendevicemodel_destroy_ioreq_server(control->dmod, control->domid, id)) {
            return fail(error, control->domid, "remove an I/O request server");
        }
    }
    return TRUE;
}

static void unmap_servers(IoreqControl *control, GArray *servers)
{
    for (guint i = 0; i < servers->len; i++) {
        xenforeignmemory_unmap_resource(control->fmem,
                                        g_array_index(servers, ServerPages, i).resource);
    }
    g_array_unref(servers);
}

/* Those of the set that are there. */
static GArray *map_servers(IoreqControl *control, guint set, GError **error)
{
    GArray *servers = g_array_new(FALSE, FALSE, sizeof(ServerPages));

    for (ioservid_t id = 0; id < SERVERS_MAX; id++) {
        ServerPages pages = { 0 };
        void *address = NULL;

        if (!(set & 1u << id) || !has_server(control, id)) {
            continue;
        }
        pages.resource = xenforeignmemory_map_resource(
            control->fmem, control->domid, XENMEM_resource_ioreq_server, id,
            XENMEM_resource_ioreq_server_frame_bufioreq, SERVER_PAGES, &address, PROT_READ, 0);
        if (!pages.resource) {
            fail(error, control->domid, "map the I/O requests");
            unmap_servers(control, servers);
            return NULL;
        }
        pages.buffered = address;
        pages.requests = (void *)((char *)address + XC_PAGE_SIZE);
        g_array_append_val(servers, pages);
    }
    return servers;
}

/* A request that QEMU didn't answer yet. */
static gboolean is_asked(const GArray *servers)
{
    for (guint i = 0; i < servers->len; i++) {
        const ServerPages *pages = &g_array_index(servers, ServerPages, i);

        if (pages->buffered->read_pointer != pages->buffered->write_pointer) {
            return TRUE;
        }
        for (guint vcpu = 0; vcpu < VCPUS_MAX; vcpu++) {
            guint state = pages->requests[vcpu].state;

            if (state == STATE_IOREQ_READY || state == STATE_IOREQ_INPROCESS) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

/* One that is switched off by the guest may never come to take its answer. */
static gboolean is_online(IoreqControl *control, guint vcpu)
{
    xc_vcpuinfo_t info;

    return xc_vcpu_getinfo(control->xc, control->domid, vcpu, &info) == 0 && info.online;
}

/* An answer that its vcpu didn't take yet. */
static gboolean is_answered(IoreqControl *control, const GArray *servers)
{
    for (guint i = 0; i < servers->len; i++) {
        const ServerPages *pages = &g_array_index(servers, ServerPages, i);

        for (guint vcpu = 0; vcpu < VCPUS_MAX; vcpu++) {
            if (pages->requests[vcpu].state == STATE_IORESP_READY && is_online(control, vcpu)) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

static gboolean quiesce(IoreqControl *control, const GArray *servers, IoreqGiveUp give_up,
                        gpointer data, GError **error)
{
    if (xc_domain_pause(control->xc, control->domid)) {
        return fail(error, control->domid, "pause the vcpus");
    }
    /* No vcpu runs any more, so none asks; QEMU still answers. */
    while (is_asked(servers)) {
        if (give_up(data, error)) {
            g_prefix_error(error, "QEMU hasn't answered an I/O request yet: ");
            /* What the caller needs to know is why; a domain that can't be unpaused is gone. */
            xc_domain_unpause(control->xc, control->domid);
            return FALSE;
        }
        g_usleep(ANSWER_POLL_US);
    }
    return TRUE;
}

gboolean ioreq_quiesce(IoreqControl *control, guint set, IoreqGiveUp give_up, gpointer data,
                       GError **error)
{
    GArray *servers = map_servers(control, set, error);
    gboolean done;

    if (!servers) {
        return FALSE;
    }
    if (servers->len == 0) {
        errno = ENOENT;
        done = fail(error, control->domid, "find the I/O request server");
    } else {
        done = quiesce(control, servers, give_up, data, error);
    }
    unmap_servers(control, servers);
    return done;
}

gboolean ioreq_retire_servers(IoreqControl *control, guint set, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + TAKE_TIMEOUT_US;
    GArray *servers = map_servers(control, set, error);
    gboolean left;

    if (!servers) {
        return FALSE;
    }
    while ((left = is_answered(control, servers)) && g_get_monotonic_time() < deadline) {
        g_usleep(TAKE_POLL_US);
    }
    unmap_servers(control, servers);
    if (left) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "a vcpu of domain %u didn't run yet, and has to take an answer from the QEMU "
                    "before; if the guest is paused, 'xl unpause' it",
                    control->domid);
        return FALSE;
    }
    return ioreq_destroy_servers(control, set, error);
}

gboolean ioreq_unpause(IoreqControl *control, GError **error)
{
    return xc_domain_unpause(control->xc, control->domid) == 0 ||
           fail(error, control->domid, "unpause the vcpus");
}
