/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The libraries of Xen that the command needs only for running domains. */
#include <xendevicemodel.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include "lazy-library.h"
#include "xen-log.h"

/* --- libxenstore --- */

enum {
    STORE_OPEN,
    STORE_CLOSE,
    STORE_DIRECTORY,
    STORE_READ,
    STORE_WRITE,
    STORE_RM,
    STORE_TRANSACTION_START,
    STORE_TRANSACTION_END,
    STORE_WATCH,
    STORE_FILENO,
    STORE_CHECK_WATCH,
    STORE_FUNCTIONS
};

static const char *const xs_names[] = {
    [STORE_OPEN] = "xs_open",
    [STORE_CLOSE] = "xs_close",
    [STORE_DIRECTORY] = "xs_directory",
    [STORE_READ] = "xs_read",
    [STORE_WRITE] = "xs_write",
    [STORE_RM] = "xs_rm",
    [STORE_TRANSACTION_START] = "xs_transaction_start",
    [STORE_TRANSACTION_END] = "xs_transaction_end",
    [STORE_WATCH] = "xs_watch",
    [STORE_FILENO] = "xs_fileno",
    [STORE_CHECK_WATCH] = "xs_check_watch",
    [STORE_FUNCTIONS] = NULL,
};

static void *xs[STORE_FUNCTIONS];
static const LazyLibrary xenstore = { XENSTORE_SONAME, xs_names, xs };

LAZY_OPEN(xenstore, struct xs_handle *, xs_open, (unsigned long flags), (flags))
LAZY_FUNCTION(xs, STORE_CLOSE, void, xs_close, (struct xs_handle * handle), (handle))
LAZY_FUNCTION(xs, STORE_DIRECTORY, char **, xs_directory,
              (struct xs_handle * handle, xs_transaction_t t, const char *path, unsigned int *n),
              (handle, t, path, n))
LAZY_FUNCTION(xs, STORE_READ, void *, xs_read,
              (struct xs_handle * handle, xs_transaction_t t, const char *path, unsigned int *n),
              (handle, t, path, n))
LAZY_FUNCTION(xs, STORE_WRITE, bool, xs_write,
              (struct xs_handle * handle, xs_transaction_t t, const char *path, const void *data,
               unsigned int length),
              (handle, t, path, data, length))
LAZY_FUNCTION(xs, STORE_RM, bool, xs_rm,
              (struct xs_handle * handle, xs_transaction_t t, const char *path), (handle, t, path))
LAZY_FUNCTION(xs, STORE_TRANSACTION_START, xs_transaction_t, xs_transaction_start,
              (struct xs_handle * handle), (handle))
LAZY_FUNCTION(xs, STORE_TRANSACTION_END, bool, xs_transaction_end,
              (struct xs_handle * handle, xs_transaction_t t, bool abort), (handle, t, abort))
LAZY_FUNCTION(xs, STORE_WATCH, bool, xs_watch,
              (struct xs_handle * handle, const char *path, const char *token),
              (handle, path, token))
LAZY_FUNCTION(xs, STORE_FILENO, int, xs_fileno, (struct xs_handle * handle), (handle))
LAZY_FUNCTION(xs, STORE_CHECK_WATCH, char **, xs_check_watch, (struct xs_handle * handle), (handle))

/* --- libxendevicemodel --- */

enum {
    DM_OPEN,
    DM_CLOSE,
    DM_GET_IOREQ_SERVER_INFO,
    DM_DESTROY_IOREQ_SERVER,
    DM_SET_IOREQ_SERVER_STATE,
    DM_RELOCATE_MEMORY,
    DM_PIN_MEMORY_CACHEATTR,
    DM_FUNCTIONS
};

static const char *const dm_names[] = {
    [DM_OPEN] = "xendevicemodel_open",
    [DM_CLOSE] = "xendevicemodel_close",
    [DM_GET_IOREQ_SERVER_INFO] = "xendevicemodel_get_ioreq_server_info",
    [DM_DESTROY_IOREQ_SERVER] = "xendevicemodel_destroy_ioreq_server",
    [DM_SET_IOREQ_SERVER_STATE] = "xendevicemodel_set_ioreq_server_state",
    [DM_RELOCATE_MEMORY] = "xendevicemodel_relocate_memory",
    [DM_PIN_MEMORY_CACHEATTR] = "xendevicemodel_pin_memory_cacheattr",
    [DM_FUNCTIONS] = NULL,
};

static void *dm[DM_FUNCTIONS];
static const LazyLibrary devicemodel = { XENDEVICEMODEL_SONAME, dm_names, dm };

LAZY_OPEN(devicemodel, xendevicemodel_handle *, xendevicemodel_open,
          (struct xentoollog_logger * logger, unsigned int flags), (xen_log(logger), flags))
LAZY_FUNCTION(dm, DM_CLOSE, int, xendevicemodel_close, (xendevicemodel_handle * handle), (handle))
LAZY_FUNCTION(dm, DM_GET_IOREQ_SERVER_INFO, int, xendevicemodel_get_ioreq_server_info,
              (xendevicemodel_handle * handle, domid_t domid, ioservid_t id, xen_pfn_t *ioreq,
               xen_pfn_t *bufioreq, evtchn_port_t *port),
              (handle, domid, id, ioreq, bufioreq, port))
LAZY_FUNCTION(dm, DM_DESTROY_IOREQ_SERVER, int, xendevicemodel_destroy_ioreq_server,
              (xendevicemodel_handle * handle, domid_t domid, ioservid_t id), (handle, domid, id))
LAZY_FUNCTION(dm, DM_SET_IOREQ_SERVER_STATE, int, xendevicemodel_set_ioreq_server_state,
              (xendevicemodel_handle * handle, domid_t domid, ioservid_t id, int enabled),
              (handle, domid, id, enabled))
LAZY_FUNCTION(dm, DM_RELOCATE_MEMORY, int, xendevicemodel_relocate_memory,
              (xendevicemodel_handle * handle, domid_t domid, uint32_t size, uint64_t from,
               uint64_t to),
              (handle, domid, size, from, to))
LAZY_FUNCTION(dm, DM_PIN_MEMORY_CACHEATTR, int, xendevicemodel_pin_memory_cacheattr,
              (xendevicemodel_handle * handle, domid_t domid, uint64_t start, uint64_t end,
               uint32_t type),
              (handle, domid, start, end, type))

/* --- libxenforeignmemory --- */

enum { FM_OPEN, FM_CLOSE, FM_MAP, FM_UNMAP, FM_MAP_RESOURCE, FM_UNMAP_RESOURCE, FM_FUNCTIONS };

static const char *const fm_names[] = {
    [FM_OPEN] = "xenforeignmemory_open",
    [FM_CLOSE] = "xenforeignmemory_close",
    [FM_MAP] = "xenforeignmemory_map",
    [FM_UNMAP] = "xenforeignmemory_unmap",
    [FM_MAP_RESOURCE] = "xenforeignmemory_map_resource",
    [FM_UNMAP_RESOURCE] = "xenforeignmemory_unmap_resource",
    [FM_FUNCTIONS] = NULL,
};

static void *fm[FM_FUNCTIONS];
static const LazyLibrary foreignmemory = { XENFOREIGNMEMORY_SONAME, fm_names, fm };

LAZY_OPEN(foreignmemory, xenforeignmemory_handle *, xenforeignmemory_open,
          (struct xentoollog_logger * logger, unsigned flags), (xen_log(logger), flags))
LAZY_FUNCTION(fm, FM_CLOSE, int, xenforeignmemory_close, (xenforeignmemory_handle * handle),
              (handle))
LAZY_FUNCTION(fm, FM_MAP, void *, xenforeignmemory_map,
              (xenforeignmemory_handle * handle, uint32_t domid, int protection, size_t pages,
               const xen_pfn_t pfns[], int errors[]),
              (handle, domid, protection, pages, pfns, errors))
LAZY_FUNCTION(fm, FM_UNMAP, int, xenforeignmemory_unmap,
              (xenforeignmemory_handle * handle, void *mapped, size_t pages),
              (handle, mapped, pages))
LAZY_FUNCTION(fm, FM_MAP_RESOURCE, xenforeignmemory_resource_handle *,
              xenforeignmemory_map_resource,
              (xenforeignmemory_handle * handle, domid_t domid, unsigned int type, unsigned int id,
               unsigned long frame, unsigned long frames, void **mapped, int protection, int flags),
              (handle, domid, type, id, frame, frames, mapped, protection, flags))
LAZY_FUNCTION(fm, FM_UNMAP_RESOURCE, int, xenforeignmemory_unmap_resource,
              (xenforeignmemory_handle * handle, xenforeignmemory_resource_handle *resource),
              (handle, resource))
