/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns an errno of the Xen libraries into an error that says the cause and what to do. */
#include "internal.h"

#include <errno.h>

G_DEFINE_QUARK(xen - physmap - error, xen_physmap_error)

static XenPhysmapError code_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ESRCH:
        return XEN_PHYSMAP_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return XEN_PHYSMAP_ERROR_ACCESS;
    case E2BIG:
    case ENOSPC:
    case EDQUOT:
        return XEN_PHYSMAP_ERROR_QUOTA;
    case EAGAIN:
        return XEN_PHYSMAP_ERROR_CONFLICT;
    case ECONNREFUSED:
    case ECONNRESET:
    case ENODEV:
    case ENXIO:
    case EPIPE:
    case ETIMEDOUT:
    case EBADF:
    case EIO:
        return XEN_PHYSMAP_ERROR_UNAVAILABLE;
    default:
        return XEN_PHYSMAP_ERROR_SYSTEM;
    }
}

static const char *advice_for(int errnum)
{
    switch (errnum) {
    case E2BIG:
        return "; the value is longer than xenstored allows "
               "(quota-maxentrysize, xenstored --entry-size)";
    case ENOSPC:
        return "; the domain's quota of xenstore nodes or transactions is used up "
               "(quota-maxentity, xenstored --entry-nb, --transaction)";
    case EDQUOT:
        return "; the domain's xenstore memory quota is used up (xenstored --quota memory)";
    case EAGAIN:
        return "; others keep changing the same nodes; try again";
    case EACCES:
    case EPERM:
        return "; run it as root in the domain that controls this guest";
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EBADF:
    case EIO:
        return "; is xenstored running?";
    case ENODEV:
    case ENXIO:
        return "; is this a Xen domain, with its drivers loaded?";
    case ENOSYS:
        return "; this hypervisor or library doesn't offer it";
    default:
        return "";
    }
}

void xen_physmap_set_errno(GError **error, int errnum, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, XEN_PHYSMAP_ERROR, code_of(errnum), "%s: %s%s", what, g_strerror(errnum),
                advice_for(errnum));
}
