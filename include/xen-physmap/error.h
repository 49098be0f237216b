/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain of libxenphysmap, and the version of its interface. */
#ifndef XEN_PHYSMAP_ERROR_H
#define XEN_PHYSMAP_ERROR_H

#include <glib.h>

G_BEGIN_DECLS

/* Marks what the shared library exports. All else in it is hidden. */
#define XEN_PHYSMAP_API __attribute__((visibility("default")))

/*
 * Every function of the library that can fail takes a GError ** last and sets an error of this
 * domain. The message is one line without a full stop. It names the key, path or address, says the
 * cause and, if something can be done, what to do. It is safe to print: bytes from outside are
 * escaped.
 */
#define XEN_PHYSMAP_ERROR (xen_physmap_error_quark())

typedef enum {
    /* Data from outside breaks a rule: a record, a key, a number, a name. */
    XEN_PHYSMAP_ERROR_INVALID,
    /* No such domain, node, record or ramblock. */
    XEN_PHYSMAP_ERROR_NOT_FOUND,
    /* xenstored, the hypervisor or a device model can't be reached, or went away. */
    XEN_PHYSMAP_ERROR_UNAVAILABLE,
    /* The caller has no permission. */
    XEN_PHYSMAP_ERROR_ACCESS,
    /* A quota or a size limit of xenstored was hit. */
    XEN_PHYSMAP_ERROR_QUOTA,
    /* Others changed the same nodes during each of a limited number of tries. */
    XEN_PHYSMAP_ERROR_CONFLICT,
    /* Any other failure of a call into the system. */
    XEN_PHYSMAP_ERROR_SYSTEM,
} XenPhysmapError;

/* The quark of XEN_PHYSMAP_ERROR. Thread-safe. */
XEN_PHYSMAP_API GQuark xen_physmap_error_quark(void);

G_END_DECLS

#endif
