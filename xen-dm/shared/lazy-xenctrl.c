/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxenctrl, whose file name and structures change with each version of Xen. */
#include <xenctrl.h>

#include "lazy-library.h"
#include "xen-log.h"

enum { OPEN, CLOSE, GETINFOLIST, PAUSE, UNPAUSE, VCPU_GETINFO, N_FUNCTIONS };

static const char *const names[] = {
    [OPEN] = "xc_interface_open",
    [CLOSE] = "xc_interface_close",
    [GETINFOLIST] = "xc_domain_getinfolist",
    [PAUSE] = "xc_domain_pause",
    [UNPAUSE] = "xc_domain_unpause",
    [VCPU_GETINFO] = "xc_vcpu_getinfo",
    [N_FUNCTIONS] = NULL,
};

static void *functions[N_FUNCTIONS];
static const LazyLibrary xenctrl = { XENCTRL_SONAME, names, functions };

LAZY_OPEN(xenctrl, xc_interface *, xc_interface_open,
          (xentoollog_logger * logger, xentoollog_logger *builder, unsigned flags),
          (xen_log(logger), xen_log(builder), flags))
LAZY_FUNCTION(functions, CLOSE, int, xc_interface_close, (xc_interface * xch), (xch))
LAZY_FUNCTION(functions, GETINFOLIST, int, xc_domain_getinfolist,
              (xc_interface * xch, uint32_t first, unsigned int most, xc_domaininfo_t *info),
              (xch, first, most, info))
LAZY_FUNCTION(functions, PAUSE, int, xc_domain_pause, (xc_interface * xch, uint32_t domid),
              (xch, domid))
LAZY_FUNCTION(functions, UNPAUSE, int, xc_domain_unpause, (xc_interface * xch, uint32_t domid),
              (xch, domid))
LAZY_FUNCTION(functions, VCPU_GETINFO, int, xc_vcpu_getinfo,
              (xc_interface * xch, uint32_t domid, uint32_t vcpu, xc_vcpuinfo_t *info),
              (xch, domid, vcpu, info))
