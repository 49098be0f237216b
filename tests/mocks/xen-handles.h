/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the libraries that stand in for Xen's: handles that can be opened and closed. */
#ifndef XEN_HANDLES_H
#define XEN_HANDLES_H

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenforeignmemory.h>

#define EXPORT __attribute__((visibility("default")))

/* Handles are only compared with NULL, so any address will do. */
static char handle;

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

EXPORT xendevicemodel_handle *xendevicemodel_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return (xendevicemodel_handle *)&handle;
}

EXPORT int xendevicemodel_close(xendevicemodel_handle *dmod)
{
    (void)dmod;
    return 0;
}

EXPORT xenforeignmemory_handle *xenforeignmemory_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return (xenforeignmemory_handle *)&handle;
}

EXPORT int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    (void)fmem;
    return 0;
}

#endif
