/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets an error and returns FALSE, for the end of a function that fails. */
#ifndef XEN_PHYSMAP_FAIL_H
#define XEN_PHYSMAP_FAIL_H

#include <xen-physmap/error.h>

gboolean fail(GError **error, XenPhysmapError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Data from outside breaks a rule. */
#define invalid(error, ...) fail(error, XEN_PHYSMAP_ERROR_INVALID, __VA_ARGS__)

#endif
