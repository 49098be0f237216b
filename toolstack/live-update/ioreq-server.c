/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pauses a domain when its I/O requests are answered: asks Xen, and reads the servers' shared
 * pages.
 */
#include "ioreq-server.h"

#include <errno.h>

#include <xenctrl.h>
#include <xen/hvm/ioreq.h>

/* Xen's MAX_NR_IOREQ_SERVERS. */
#define SERVERS_MAX 8

/* A request for each vcpu in one page. */
#define VCPUS_MAX (XC_PAGE_SIZE / sizeof(struct ioreq))

/* QEMU reads buffered requests at least every 100 ms. */
#define ANSWER_POLL_US 50

/*
 * A vcpu that runs takes its answer within microseconds, but it may have to wait for a processor.
 */
#define TAKE_TIMEOUT_US (20 * G_TIME_SPAN_SECOND)
#define TAKE_POLL_US (2 * G_TIME_SPAN_MILLISECOND)

/* What precedes buf_ioreq in the page. Xen's header declares it only for Xen itself. */
typedef struct BufferedPointers {
    guint32 read_pointer, write_pointer;
} BufferedPointers;

typedef struct ServerPages {
    void *handle;
    const volatile BufferedPointers *buffered;
    const volatile struct ioreq *requests;
} ServerPages;

static gboolean fail(GError **error, guint32 domid, const char *what)
{
    XenPhysmapError code = errno == EACCES || errno == EPERM ? XEN_PHYSMAP_ERROR_ACCESS
                                                             : XEN_PHYSMAP_ERROR_UNAVAILABLE;

    g_set_error(error, XEN_PHYSMAP_ERROR, code, "can't %s of domain %u: %s", what, domid,
                g_strerror(errno));
    return FALSE;
}

gboolean ioreq_info(const UpdateOps *ops, guint32 domid, IoreqInfo *info, GError **error)
{
    if (ops->domain_info(ops->opaque, domid, info) == 0) {
        return TRUE;
    }
    if (errno == ESRCH) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "domain %u is not there any more", domid);
        return FALSE;
    }
    return fail(error, domid, "read the state");
}

/* Those of the set that exist. A domain that is gone has none. */
static gboolean present(const UpdateOps *ops, guint32 domid, guint set, guint *servers,
                        GError **error)
{
    *servers = 0;
    for (guint id = 0; id < SERVERS_MAX; id++) {
        if (!(set & 1u << id)) {
            continue;
        }
        if (ops->server_look(ops->opaque, domid, id) == 0) {
            *servers |= 1u << id;
        } else if (errno != ENOENT && errno != ESRCH) {
            return fail(error, domid, "look for the I/O request servers");
        }
    }
    return TRUE;
}

gboolean ioreq_servers(const UpdateOps *ops, guint32 domid, guint *servers, GError **error)
{
    return present(ops, domid, ~0u, servers, error);
}

static gboolean each_server(const UpdateOps *ops, guint32 domid, guint set,
                            int (*func)(void *opaque, guint32 domid, guint id), const char *what,
                            GError **error)
{
    guint servers;

    if (!present(ops, domid, set, &servers, error)) {
        return FALSE;
    }
    for (guint id = 0; id < SERVERS_MAX; id++) {
        if ((servers & 1u << id) && func(ops->opaque, domid, id)) {
            return fail(error, domid, what);
        }
    }
    return TRUE;
}

gboolean ioreq_switch_off(const UpdateOps *ops, guint32 domid, guint set, GError **error)
{
    return each_server(ops, domid, set, ops->server_switch_off, "disable an I/O request server",
                       error);
}

gboolean ioreq_destroy_servers(const UpdateOps *ops, guint32 domid, guint set, GError **error)
{
    return each_server(ops, domid, set, ops->server_destroy, "remove an I/O request server", error);
}

static void unmap_servers(const UpdateOps *ops, GArray *servers)
{
    for (guint i = 0; i < servers->len; i++) {
        ops->server_unmap(ops->opaque, g_array_index(servers, ServerPages, i).handle);
    }
    g_array_unref(servers);
}

/* Those of the set that exist. */
static GArray *map_servers(const UpdateOps *ops, guint32 domid, guint set, GError **error)
{
    GArray *servers = g_array_new(FALSE, FALSE, sizeof(ServerPages));
    guint there;

    if (!present(ops, domid, set, &there, error)) {
        g_array_unref(servers);
        return NULL;
    }
    for (guint id = 0; id < SERVERS_MAX; id++) {
        ServerPages pages = { 0 };
        const volatile void *address;

        if (!(there & 1u << id)) {
            continue;
        }
        if (!(address = ops->server_map(ops->opaque, domid, id, &pages.handle))) {
            fail(error, domid, "map the I/O requests");
            unmap_servers(ops, servers);
            return NULL;
        }
        pages.buffered = address;
        pages.requests = (const volatile void *)((const volatile char *)address + XC_PAGE_SIZE);
        g_array_append_val(servers, pages);
    }
    return servers;
}

/* A request that QEMU hasn't answered. */
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

/* An answer that its vcpu hasn't taken. */
static gboolean is_answered(const UpdateOps *ops, guint32 domid, const GArray *servers)
{
    for (guint i = 0; i < servers->len; i++) {
        const ServerPages *pages = &g_array_index(servers, ServerPages, i);

        for (guint vcpu = 0; vcpu < VCPUS_MAX; vcpu++) {
            if (pages->requests[vcpu].state == STATE_IORESP_READY &&
                ops->vcpu_is_online(ops->opaque, domid, vcpu)) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

static gboolean quiesce(const UpdateOps *ops, guint32 domid, const GArray *servers,
                        IoreqGiveUp give_up, gpointer data, GError **error)
{
    if (ops->domain_pause(ops->opaque, domid)) {
        return fail(error, domid, "pause the vcpus");
    }
    /* No vcpu runs any more, so there are no new requests. QEMU still answers the open ones. */
    while (is_asked(servers)) {
        if (give_up(data, error)) {
            g_prefix_error(error, "QEMU hasn't answered an I/O request yet: ");
            /*
             * The caller needs this reason, so an error of unpausing is ignored: that domain is
             * gone.
             */
            ops->domain_unpause(ops->opaque, domid);
            return FALSE;
        }
        ops->sleep(ops->opaque, ANSWER_POLL_US);
    }
    return TRUE;
}

gboolean ioreq_quiesce(const UpdateOps *ops, guint32 domid, guint set, IoreqGiveUp give_up,
                       gpointer data, GError **error)
{
    GArray *servers = map_servers(ops, domid, set, error);
    gboolean done;

    if (!servers) {
        return FALSE;
    }
    if (servers->len == 0) {
        errno = ENOENT;
        done = fail(error, domid, "find the I/O request server");
    } else {
        done = quiesce(ops, domid, servers, give_up, data, error);
    }
    unmap_servers(ops, servers);
    return done;
}

gboolean ioreq_retire_servers(const UpdateOps *ops, guint32 domid, guint set, GError **error)
{
    gint64 deadline = ops->now(ops->opaque) + TAKE_TIMEOUT_US;
    GArray *servers = map_servers(ops, domid, set, error);
    gboolean left;

    if (!servers) {
        return FALSE;
    }
    while ((left = is_answered(ops, domid, servers)) && ops->now(ops->opaque) < deadline) {
        ops->sleep(ops->opaque, TAKE_POLL_US);
    }
    unmap_servers(ops, servers);
    if (left) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "a vcpu of domain %u didn't run yet, and has to take an answer from the QEMU "
                    "before; if the guest is paused, 'xl unpause' it",
                    domid);
        return FALSE;
    }
    return ioreq_destroy_servers(ops, domid, set, error);
}

gboolean ioreq_unpause(const UpdateOps *ops, guint32 domid, GError **error)
{
    return ops->domain_unpause(ops->opaque, domid) == 0 || fail(error, domid, "unpause the vcpus");
}
