/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines that Xen's libraries write to standard error on their own, such as "xencall: error". */
#ifndef XEN_PHYSMAP_XEN_LOG_H
#define XEN_PHYSMAP_XEN_LOG_H

#include <glib.h>

struct xentoollog_logger;

/* Whether these lines are suppressed. FALSE at the start: they are useful in QEMU's log. */
void xen_log_hide(gboolean hide);

/*
 * The logger to open a library with: `logger` unless it is NULL; then one that writes nothing if the
 * lines are suppressed, else NULL.
 */
struct xentoollog_logger *xen_log(struct xentoollog_logger *logger);

#endif
