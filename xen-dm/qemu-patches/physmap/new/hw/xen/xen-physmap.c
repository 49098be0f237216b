/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of where the ramblocks of a Xen guest are; the gate on a restore. */
#include "qemu/osdep.h"

#include <xen-physmap/gate.h>
#include <xen-physmap/guest.h>
#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

#include "hw/qdev-core.h"
#include "hw/xen/xen.h"
#include "hw/xen/xen-physmap.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#if __has_include("system/runstate.h")
#include "system/runstate.h"
#include "system/system.h"
#include "system/xen.h"
#else
#include "sysemu/runstate.h"
#include "sysemu/sysemu.h"
#include "sysemu/xen.h"
#endif

typedef enum Mismatch {
    MISMATCH_REFUSE,
    MISMATCH_WARN,
    MISMATCH_OFF,
} Mismatch;

/* Used under the big lock, but for `moved`, which stays as it was loaded. */
static struct {
    XenPhysmapPlace *place;
    XenPhysmapOps *ops;
    XenPhysmapState *state;
    Mismatch mismatch;
    /* Of XenPhysmapRecord: the blocks that the saved guest had moved. */
    GArray *moved;
    /* What came with the guest, until it is compared. */
    XenPhysmapTable *saved;
    /* From here on each block has its id. */
    bool machine_done;
    /* The last message, so that it is logged once. */
    char *complaint;
    QEMUBH *update;
    Notifier done;
    DeviceListener devices;
} pm;

/* The environment is what a toolstack passes to every device model. */
static Mismatch find_mismatch(void)
{
    const char *word = g_getenv("XEN_PHYSMAP_POLICY");

    if (!word || !*word || !strcmp(word, "refuse")) {
        return MISMATCH_REFUSE;
    }
    if (!strcmp(word, "warn")) {
        return MISMATCH_WARN;
    }
    if (!strcmp(word, "off")) {
        return MISMATCH_OFF;
    }
    warn_report("XEN_PHYSMAP_POLICY is none of refuse, warn and off; taken as "
                "refuse");
    return MISMATCH_REFUSE;
}

/* libxl sees that its device model ended, and destroys the domain. */
static void refuse_or_go_on(void)
{
    if (pm.mismatch == MISMATCH_REFUSE) {
        error_report(
            "refusing to run domain %u; its savefile, or the source of its "
            "migration, is unharmed. XEN_PHYSMAP_POLICY=warn lets such a guest "
            "run",
            xen_domid);
        exit(1);
    }
    warn_report("domain %u goes on anyway, since XEN_PHYSMAP_POLICY is warn",
                xen_domid);
}

static void conclude(bool passed, const GPtrArray *report)
{
    if (!passed) {
        error_report("domain %u: the layout of this QEMU is not the one that "
                     "the guest was saved with:",
                     xen_domid);
    }
    for (guint i = 0; i < report->len; i++) {
        error_printf("%s\n", (const char *)report->pdata[i]);
    }
    if (!passed) {
        refuse_or_go_on();
    }
}

/* The blocks that belong to devices. */
typedef struct Blocks {
    /* All, as they were allocated. */
    XenPhysmapTable *all;
    /* Those with pages in the guest, and the pages that cards left. */
    XenPhysmapTable *actual;
    /* Those without. */
    XenPhysmapTable *absent;
} Blocks;

static void blocks_free(Blocks *blocks)
{
    xen_physmap_table_free(blocks->all);
    xen_physmap_table_free(blocks->actual);
    xen_physmap_table_free(blocks->absent);
    g_free(blocks);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Blocks, blocks_free)

static int add_block(RAMBlock *rb, void *opaque)
{
    const char *id = qemu_ram_get_idstr(rb);
    uint64_t offset = qemu_ram_get_offset(rb);
    XenPhysmapRecord record;
    g_autoptr(GError) error = NULL;

    /* The guest's own memory; and the block of an unplugged card. */
    if (!*id || !strcmp(id, "xen.ram") || !strcmp(id, "xen.grants")) {
        return 0;
    }
    if (!xen_physmap_record_init(&record, id, offset, offset,
                                 qemu_ram_get_used_length(rb), &error) ||
        !xen_physmap_table_add(opaque, &record, &error)) {
        warn_report_once("domain %u: %s; that block isn't recorded", xen_domid,
                         error->message);
    }
    return 0;
}

static bool has_pages(const XenPhysmapRecord *record, bool *has, GError **error)
{
    guint64 missing;

    if (!xen_physmap_guest_missing(pm.ops, xen_domid, record->start_addr,
                                   XEN_PHYSMAP_PAGE_SIZE, &missing, NULL,
                                   error)) {
        return false;
    }
    *has = missing == 0;
    return true;
}

/* Of two blocks at one place the one that was moved there has it. */
static bool place_blocks(Blocks *blocks, bool moved, GError **error)
{
    const XenPhysmapRecord *block;

    for (guint i = 0; (block = xen_physmap_table_get(blocks->all, i)); i++) {
        XenPhysmapRecord placed = *block;
        bool has;

        placed.start_addr = pm.place(block->phys_offset);
        if ((placed.start_addr != placed.phys_offset) != moved) {
            continue;
        }
        if (!has_pages(&placed, &has, error)) {
            return false;
        }
        if (!has || !xen_physmap_table_add(blocks->actual, &placed, NULL)) {
            xen_physmap_table_add(blocks->absent, block, NULL);
        }
    }
    return true;
}

/*
 * The pages of an unplugged card stay in the guest, so they keep a record. Until
 * the saved layout was compared, a record without a block isn't a card's.
 */
static bool place_left(Blocks *blocks, bool compared, GError **error)
{
    const XenPhysmapTable *known = xen_physmap_state_table(pm.state);
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(known, i)); i++) {
        XenPhysmapRecord left;
        bool has;

        if (xen_physmap_table_find_phys(blocks->all, record->phys_offset) ||
            (!compared && strcmp(record->name, XEN_PHYSMAP_UNPLUGGED_NAME)) ||
            !xen_physmap_record_init(&left, XEN_PHYSMAP_UNPLUGGED_NAME,
                                     record->phys_offset, record->start_addr,
                                     record->size, NULL)) {
            continue;
        }
        if (!has_pages(&left, &has, error)) {
            return false;
        }
        if (has) {
            xen_physmap_table_add(blocks->actual, &left, NULL);
        }
    }
    return true;
}

static Blocks *find_blocks(bool compared, GError **error)
{
    g_autoptr(Blocks) blocks = g_new0(Blocks, 1);

    blocks->all = xen_physmap_table_new();
    blocks->actual = xen_physmap_table_new();
    blocks->absent = xen_physmap_table_new();
    qemu_ram_foreach_block(add_block, blocks->all);
    if (!place_blocks(blocks, true, error) ||
        !place_blocks(blocks, false, error) ||
        !place_left(blocks, compared, error)) {
        return NULL;
    }
    return g_steal_pointer(&blocks);
}

/* The guest can't be saved safely until its records are there. */
static void complain(const GError *error)
{
    if (g_strcmp0(pm.complaint, error->message)) {
        warn_report(
            "can't record the layout of domain %u: %s; the guest runs on",
            xen_domid, error->message);
        g_free(pm.complaint);
        pm.complaint = g_strdup(error->message);
    }
}

static void record(const Blocks *blocks, GError **error)
{
    if (blocks && xen_physmap_state_update(pm.state, blocks->actual, error)) {
        g_clear_pointer(&pm.complaint, g_free);
    }
}

void xen_physmap_changed(void)
{
    g_autoptr(Blocks) blocks = NULL;
    g_autoptr(GError) error = NULL;

    if (!pm.state || !pm.machine_done || pm.saved) {
        return;
    }
    blocks = find_blocks(true, &error);
    record(blocks, &error);
    if (error) {
        complain(error);
    }
}

static void update(void *opaque)
{
    xen_physmap_changed();
}

bool xen_physmap_active(void)
{
    return pm.state != NULL;
}

bool xen_physmap_relocate(hwaddr from, hwaddr to, ram_addr_t size)
{
    const uint64_t pages = size / XEN_PHYSMAP_PAGE_SIZE;
    const XenPhysmapRecord *record;

    if (pm.ops->relocate_memory(pm.ops->opaque, xen_domid, pages,
                                from / XEN_PHYSMAP_PAGE_SIZE,
                                to / XEN_PHYSMAP_PAGE_SIZE)) {
        error_report("can't move %" PRIu64
                     " pages of domain %u from 0x%" HWADDR_PRIx
                     " to 0x%" HWADDR_PRIx ": %s",
                     pages, xen_domid, from, to, strerror(errno));
        return false;
    }
    pm.ops->pin_cacheattr(pm.ops->opaque, xen_domid, to / XEN_PHYSMAP_PAGE_SIZE,
                          to / XEN_PHYSMAP_PAGE_SIZE + pages - 1);
    /* The saved guest had mapped its BAR elsewhere than its pages were. */
    record = pm.saved ? xen_physmap_table_find_guest(pm.saved, from) : NULL;
    if (record && record->start_addr == from) {
        xen_physmap_table_move(pm.saved, record->phys_offset, to, NULL);
    }
    return true;
}

hwaddr xen_physmap_to_guest(hwaddr phys_offset, bool *dummy)
{
    for (guint i = 0; pm.moved && i < pm.moved->len; i++) {
        const XenPhysmapRecord *moved =
            &g_array_index(pm.moved, XenPhysmapRecord, i);

        if (phys_offset - moved->phys_offset < moved->size) {
            return phys_offset - moved->phys_offset + moved->start_addr;
        }
        if (pm.saved && phys_offset - moved->start_addr < moved->size) {
            *dummy = true;
        }
    }
    return phys_offset;
}

ram_addr_t xen_physmap_from_guest(ram_addr_t addr)
{
    for (guint i = 0; pm.moved && i < pm.moved->len; i++) {
        const XenPhysmapRecord *moved =
            &g_array_index(pm.moved, XenPhysmapRecord, i);

        if (addr - moved->start_addr < moved->size) {
            return addr - moved->start_addr + moved->phys_offset;
        }
    }
    return addr;
}

/* The first half of the gate; what follows would fail, and couldn't say why. */
static void admit(void)
{
    g_autoptr(XenPhysmapTable) all = xen_physmap_table_new();
    g_autoptr(GPtrArray) report = g_ptr_array_new_with_free_func(g_free);

    qemu_ram_foreach_block(add_block, all);
    conclude(xen_physmap_gate_admits(pm.saved, all, report), report);
}

static void machine_done(Notifier *notifier, void *data)
{
    pm.machine_done = true;
    if (pm.saved) {
        admit();
    } else {
        xen_physmap_changed();
    }
}

static guint count_ramblocks(const XenPhysmapTable *table)
{
    const XenPhysmapRecord *record;
    guint n = 0;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        n += strcmp(record->name, XEN_PHYSMAP_UNPLUGGED_NAME) != 0;
    }
    return n;
}

/* The second half. */
static bool pass_gate(const XenPhysmapTable *saved, const Blocks *blocks,
                      GError **error)
{
    g_autoptr(GPtrArray) report = g_ptr_array_new_with_free_func(g_free);
    gboolean passed =
        xen_physmap_gate_passes(saved, blocks->actual, blocks->absent, report);

    if (!xen_physmap_gate_finds_pages(pm.ops, xen_domid, blocks->actual, report,
                                      &passed, error)) {
        return false;
    }
    conclude(passed, report);
    if (passed) {
        info_report(
            "domain %u: the layout is the one it was saved with, %u ramblocks",
            xen_domid, count_ramblocks(saved));
    }
    return true;
}

void xen_physmap_loaded(CPUState *cpu)
{
    g_autoptr(XenPhysmapTable) saved = NULL;
    g_autoptr(Blocks) blocks = NULL;
    g_autoptr(GError) error = NULL;

    if (!pm.machine_done || !pm.saved) {
        return;
    }
    saved = g_steal_pointer(&pm.saved);
    blocks = find_blocks(false, &error);
    if (xen_physmap_table_size(saved) == 0) {
        warn_report(
            "domain %u came without records, so its layout can't be checked",
            xen_domid);
    } else if (!blocks || !pass_gate(saved, blocks, &error)) {
        error_report(
            "domain %u: the layout can't be compared with the saved one: %s",
            xen_domid, error->message);
        g_clear_error(&error);
        refuse_or_go_on();
    }
    record(blocks, &error);
    if (error) {
        complain(error);
    }
}

/* A card loses its id, or its block, after the listeners were told. */
static void device_changed(DeviceListener *listener, DeviceState *dev)
{
    if (pm.machine_done) {
        qemu_bh_schedule(pm.update);
    }
}

static bool load(XenPhysmapRestore *restore, GError **error)
{
    const XenPhysmapRecord *record;

    if (!xen_physmap_state_load(pm.state, error)) {
        return false;
    }
    pm.saved = xen_physmap_table_copy(xen_physmap_state_table(pm.state));
    pm.moved = g_array_new(FALSE, FALSE, sizeof(XenPhysmapRecord));
    for (guint i = 0; (record = xen_physmap_table_get(pm.saved, i)); i++) {
        if (record->start_addr != record->phys_offset) {
            g_array_append_val(pm.moved, *record);
            restore(record->phys_offset, record->start_addr, record->size);
        }
    }
    return true;
}

void xen_physmap_init(XenPhysmapPlace *place, XenPhysmapRestore *restore)
{
    bool incoming = runstate_check(RUN_STATE_INMIGRATE);
    g_autoptr(GError) error = NULL;
    uint32_t dm_domid;

    pm.mismatch = find_mismatch();
    if (pm.mismatch == MISMATCH_OFF) {
        return;
    }
    pm.place = place;
    pm.ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error);
    if (pm.ops && xen_physmap_xenstore_own_domid(pm.ops, &dm_domid, &error)) {
        pm.state = xen_physmap_state_open(pm.ops, xen_domid, dm_domid);
    }
    if (!pm.state || (incoming && !load(restore, &error))) {
        error_report("domain %u: its records can't be used: %s", xen_domid,
                     error->message);
        if (incoming) {
            refuse_or_go_on();
        }
        g_clear_pointer(&pm.state, xen_physmap_state_close);
        return;
    }
    pm.update = qemu_bh_new(update, NULL);
    pm.done.notify = machine_done;
    qemu_add_machine_init_done_notifier(&pm.done);
    pm.devices.realize = device_changed;
    pm.devices.unrealize = device_changed;
    device_listener_register(&pm.devices);
}
