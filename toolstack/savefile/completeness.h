/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a stream has all that a restore needs. One can end well and lack the device model: a file
 * that ends in zeros, which read as END records, does. */
#ifndef XEN_PHYSMAP_COMPLETENESS_H
#define XEN_PHYSMAP_COMPLETENESS_H

#include "guest-config.h"

/* HVM_PARAMS has some dozen of 16 bytes each; a longer one isn't looked into. */
#define COMPLETENESS_PARAMS_MAX 65536

typedef struct Completeness {
    gboolean libxl, libxc, xapi; /* which layers there are */
    guint32 guest;
    gboolean device_model;    /* the guest has one */
    gboolean no_device_model; /* it is known to have none: a PVH guest */
    gboolean colo;            /* the device model's state goes another way */
    /* Of the state of the guest that is being read. */
    gboolean hvm_context, hvm_params, shared_info, emulator;
    /* What the last complete state lacks; NULL: nothing. */
    const char *lacks;
} Completeness;

/* To be called with each item, in order. TRUE when the item ends a part of a state that lacks
 * something; `lacks` is then what. */
gboolean completeness_see(Completeness *completeness, const StreamItem *item);

/* What the configuration, and the body of HVM_PARAMS, say of a device model. The latter may be cut
 * off anywhere. */
void completeness_config(Completeness *completeness, const GuestConfig *config);
void completeness_params(Completeness *completeness, const guint8 *body, gsize length,
                         gboolean big_endian);

#endif
