/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a stream has all that a restore needs. A stream can have an END and still lack the device
 * model's state: zeros at the end of a file are read as END records.
 */
#ifndef XEN_PHYSMAP_COMPLETENESS_H
#define XEN_PHYSMAP_COMPLETENESS_H

#include "guest-config.h"

/* HVM_PARAMS has some dozen parameters of 16 bytes; a longer record isn't read. */
#define COMPLETENESS_PARAMS_MAX 65536

typedef struct Completeness {
    gboolean libxl, libxc, xapi; /* which layers the stream has */
    guint32 guest;
    gboolean device_model;    /* the guest has a device model */
    gboolean no_device_model; /* the guest is known to have none: it is PVH */
    gboolean colo;            /* the device model's state isn't in this stream */
    /* Of the state of the guest that is being read. */
    gboolean hvm_context, hvm_params, shared_info, emulator;
    /* What the last complete state lacks; NULL: nothing. */
    const char *lacks;
} Completeness;

/* Call it with each item, in order. TRUE when the item ends a part of a state in which something is
 * missing; `lacks` then says what. */
gboolean completeness_see(Completeness *completeness, const StreamItem *item);

/* What the configuration, and the body of HVM_PARAMS, say about a device model. The body may be cut
 * off anywhere. */
void completeness_config(Completeness *completeness, const GuestConfig *config);
void completeness_params(Completeness *completeness, const guint8 *body, gsize length,
                         gboolean big_endian);

#endif
