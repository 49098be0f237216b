/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for QEMU's headers, so that the files of xen-dm/qemu-patches compile without QEMU. */
#ifndef QEMU_LIKE_H
#define QEMU_LIKE_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#define CONFIG_XEN_PHYSMAP
#define HWADDR_PRIx PRIx64

/* QEMU's own types, so that a type of ours with the same name doesn't compile. */
typedef struct XenIOState XenIOState;
typedef struct XenPhysmap XenPhysmap;
typedef uint64_t hwaddr;
typedef uint64_t ram_addr_t;
typedef struct CPUState CPUState;
typedef struct DeviceState DeviceState;
typedef struct QEMUBH QEMUBH;
typedef struct RAMBlock RAMBlock;
typedef struct Notifier {
    void (*notify)(struct Notifier *notifier, void *data);
} Notifier;
typedef struct DeviceListener {
    void (*realize)(struct DeviceListener *listener, DeviceState *dev);
    void (*unrealize)(struct DeviceListener *listener, DeviceState *dev);
} DeviceListener;
typedef enum { RUN_STATE_INMIGRATE } RunState;

extern uint32_t xen_domid;
bool runstate_check(RunState state);
void error_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
int error_printf(const char *format, ...) G_GNUC_PRINTF(1, 2);
void warn_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
bool warn_report_once(const char *format, ...) G_GNUC_PRINTF(1, 2);
void info_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
const char *qemu_ram_get_idstr(RAMBlock *rb);
ram_addr_t qemu_ram_get_offset(RAMBlock *rb);
ram_addr_t qemu_ram_get_used_length(RAMBlock *rb);
int qemu_ram_foreach_block(int (*func)(RAMBlock *rb, void *opaque), void *opaque);
void qemu_add_machine_init_done_notifier(Notifier *notifier);
void device_listener_register(DeviceListener *listener);
QEMUBH *qemu_bh_new(void (*func)(void *opaque), void *opaque);
void qemu_bh_schedule(QEMUBH *bh);

#endif
