/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines that Xen's libraries write to standard error on their own, such as "xencall: error". */
#ifndef XEN_PHYSMAP_XEN_LOG_H
#define XEN_PHYSMAP_XEN_LOG_H

#include <glib.h>

struct xentoollog_logger;

/* Whether they are left out. FALSE at the start: in QEMU's log they are useful. */
void xen_log_hide(gboolean hide);

/* The logger to open a library with: `logger`, or if that is NULL, what was set above. */
struct xentoollog_logger *xen_log(struct xentoollog_logger *logger);

#endif
