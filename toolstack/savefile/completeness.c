/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes the stream records without which a guest can't be restored. */
#include "completeness.h"

#include "bytes.h"

void completeness_config(Completeness *completeness, const GuestConfig *config)
{
    completeness->device_model |= config->type == CONFIG_HVM;
    completeness->no_device_model |= config->type == CONFIG_PVH;
}

void completeness_params(Completeness *completeness, const guint8 *body, gsize length,
                         gboolean big_endian)
{
    guint64 count = length >= 8 ? bytes_u32(body, big_endian) : 0;

    for (guint64 i = 0; i < count && 8 + 16 * (i + 1) <= length; i++) {
        guint64 index = bytes_u64(body + 8 + 16 * i, big_endian);
        guint64 value = bytes_u64(body + 16 + 16 * i, big_endian);

        completeness->device_model |= index == HVM_PARAM_NR_IOREQ_SERVER_PAGES && value > 0;
    }
}

static gboolean lacks_emulator(const Completeness *completeness)
{
    return completeness->guest == GUEST_X86_HVM && completeness->device_model &&
           !completeness->no_device_model && !completeness->colo && !completeness->emulator;
}

/* The libxc stream's part of a state ends. */
static gboolean end_libxc(Completeness *completeness)
{
    gboolean hvm = completeness->guest == GUEST_X86_HVM;

    completeness->lacks = hvm && !completeness->hvm_context    ? "HVM_CONTEXT"
                          : hvm && !completeness->hvm_params   ? "HVM_PARAMS"
                          : !hvm && !completeness->shared_info ? "SHARED_INFO"
                                                               : NULL;
    completeness->hvm_context = completeness->hvm_params = completeness->shared_info = FALSE;
    return completeness->lacks != NULL;
}

/* A whole state ends. What its first part lacks was reported. */
static gboolean end_state(Completeness *completeness, const char *emulator)
{
    gboolean fine = completeness->lacks == NULL;

    if (!completeness->libxc) {
        completeness->lacks = "the guest's memory";
    } else if (fine && lacks_emulator(completeness)) {
        completeness->lacks = emulator;
    }
    completeness->emulator = FALSE;
    return fine && completeness->lacks != NULL;
}

static gboolean see_libxl(Completeness *completeness, const StreamItem *item)
{
    switch (item->type) {
    case LIBXL_EMULATOR_XENSTORE_DATA:
        completeness->device_model = TRUE;
        return FALSE;
    case LIBXL_EMULATOR_CONTEXT:
        completeness->device_model = completeness->emulator = TRUE;
        return FALSE;
    case LIBXL_CHECKPOINT_STATE:
        completeness->colo = TRUE;
        return FALSE;
    case LIBXL_CHECKPOINT_END:
        return end_state(completeness, "EMULATOR_CONTEXT");
    case LIBXL_END:
        /* Within an XAPI image, the emulator's state may be in an XAPI record. */
        return !completeness->xapi && end_state(completeness, "EMULATOR_CONTEXT");
    default:
        return FALSE;
    }
}

static gboolean see_libxc(Completeness *completeness, const StreamItem *item)
{
    switch (item->type) {
    case LIBXC_HVM_CONTEXT:
        completeness->hvm_context = TRUE;
        return FALSE;
    case LIBXC_HVM_PARAMS:
        completeness->hvm_params = TRUE;
        return FALSE;
    case LIBXC_SHARED_INFO:
        completeness->shared_info = TRUE;
        return FALSE;
    case LIBXC_CHECKPOINT:
    case LIBXC_END:
        return end_libxc(completeness);
    default:
        return FALSE;
    }
}

gboolean completeness_see(Completeness *completeness, const StreamItem *item)
{
    switch (item->layer) {
    case STREAM_WRAPPER:
        completeness->xapi = item->type == WRAPPER_XAPI;
        return FALSE;
    case STREAM_XAPI_RECORD:
        completeness->emulator |=
            item->type == XAPI_QEMU_TRADITIONAL || item->type == XAPI_QEMU_UPSTREAM;
        return item->type == XAPI_END && end_state(completeness, "Qemu_xen");
    case STREAM_LIBXL_HEADER:
        completeness->libxl = TRUE;
        return FALSE;
    case STREAM_LIBXL_RECORD:
        return see_libxl(completeness, item);
    case STREAM_DOMAIN_HEADER:
        completeness->libxc = TRUE;
        completeness->guest = item->domain.guest;
        return FALSE;
    case STREAM_LEGACY_HEADER:
        completeness->libxc = TRUE; /* its layer checks the rest */
        return FALSE;
    case STREAM_LIBXC_RECORD:
        return see_libxc(completeness, item);
    default:
        return FALSE;
    }
}
