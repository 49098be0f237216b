/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy: what happens when the layout of a saved guest doesn't match. */
#ifndef XEN_PHYSMAP_RESTORE_POLICY_H
#define XEN_PHYSMAP_RESTORE_POLICY_H

#include <glib.h>

typedef enum {
    RESTORE_REFUSE, /* the restore fails; the default */
    RESTORE_WARN,   /* say so in the log, and run */
    RESTORE_OFF,    /* don't look */
} RestorePolicy;

/* "refuse", "warn" or "off". FALSE, and *policy is RESTORE_REFUSE, for anything else. */
gboolean restore_policy_parse(const char *text, RestorePolicy *policy);

/* The word for it; static. */
const char *restore_policy_name(RestorePolicy policy);

#endif
