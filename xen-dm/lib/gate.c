/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compares a restored guest's layout, and writes the report for the owner of the xl.cfg. */
#include <xen-physmap/gate.h>

#include <string.h>

#include <xen-physmap/compare.h>
#include <xen-physmap/guest.h>

#include "internal.h"

/* The lowest start of the PCI hole. Memory that reaches it goes on above 4 GiB. */
#define HOLE G_GUINT64_CONSTANT(0x80000000)

static void add_line(GPtrArray *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_line(GPtrArray *report, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(report, g_strdup_vprintf(format, args));
    va_end(args);
}

static void add_place(GPtrArray *report, const char *where, const XenPhysmapRecord *record,
                      gboolean absent)
{
    if (absent) {
        add_line(report, "      %s  size " HEX ", no pages in the guest", where, record->size);
    } else {
        add_line(report, "      %s  size " HEX ", guest address " HEX ", offset " HEX, where,
                 record->size, record->start_addr, record->phys_offset);
    }
}

/* The device that a ramblock id begins with, "0000:00:04.0", or the whole id. */
static char *device_of(const char *id)
{
    const char *slash = strchr(id, '/');

    return slash && slash != id ? g_strndup(id, slash - id) : g_strdup(id);
}

/* The memory before the devices, in MiB; 0 when it isn't known, or reaches the hole. */
static guint64 memory_before(const XenPhysmapTable *layout)
{
    const XenPhysmapRecord *first = xen_physmap_table_get(layout, 0);

    return first && first->phys_offset < HOLE ? first->phys_offset >> 20 : 0;
}

static gboolean is_videoram(const XenPhysmapRecord *record)
{
    return strcmp(xen_physmap_region_name(record->name), "vga.vram") == 0;
}

/*
 * The `videoram` of the saved guest's config. The standard VGA rounds it up to a power of two. The
 * toolstack subtracts it from the memory, so it can be computed if this config has the same memory.
 */
static guint64 saved_videoram(const XenPhysmapFinding *finding, const XenPhysmapTable *saved,
                              const XenPhysmapTable *here)
{
    guint64 rounded = finding->recorded.size >> 20, was = memory_before(saved);
    guint64 total = memory_before(here) + (finding->actual.size >> 20);

    return was && memory_before(here) && total > was + rounded / 2 && total <= was + rounded
               ? total - was
               : rounded;
}

static void add_advice(GPtrArray *report, const XenPhysmapFinding *finding,
                       const XenPhysmapTable *saved, const XenPhysmapTable *here)
{
    const char *name = finding->has_recorded ? finding->recorded.name : finding->actual.name;
    const char *region = xen_physmap_region_name(name);
    g_autofree char *device = device_of(name);

    switch (finding->verdict) {
    case XEN_PHYSMAP_MISSING:
        add_line(report,
                 "      do: add the device at %s that has %s, with its option ROM, as when "
                 "the guest was saved",
                 device, region);
        break;
    case XEN_PHYSMAP_EXTRA:
        add_line(report, "      do: take out %s, which the saved guest's records don't have",
                 device);
        break;
    case XEN_PHYSMAP_RESIZED:
        if (is_videoram(&finding->recorded)) {
            add_line(report, "      do: set videoram=%" G_GUINT64_FORMAT,
                     saved_videoram(finding, saved, here));
        } else {
            add_line(report,
                     "      do: give %s a %s of the saved size (same QEMU, same ROM file); the "
                     "savefile has it: xen-physmap-qemu(8), OPTION ROMS, says how",
                     device, region);
        }
        break;
    case XEN_PHYSMAP_AMBIGUOUS:
        add_line(report,
                 "      do: name the records with full ramblock ids in the savefile; "
                 "%s alone fits several",
                 name);
        break;
    case XEN_PHYSMAP_MISPLACED:
    case XEN_PHYSMAP_SAME:
    case XEN_PHYSMAP_MOVED:
    case XEN_PHYSMAP_UNSEEN:
    case XEN_PHYSMAP_UNPLUGGED:
    case XEN_PHYSMAP_UNRECORDED:
        break;
    }
}

static guint64 videoram_of(const XenPhysmapTable *layout)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(layout, i)); i++) {
        if (is_videoram(record)) {
            return record->size >> 20;
        }
    }
    return 0;
}

/* The lowest offset is the end of the memory. Another videoram alone makes it differ too. */
static void add_memory(GPtrArray *report, const XenPhysmapTable *saved, const XenPhysmapTable *here)
{
    guint64 was = memory_before(saved), is = memory_before(here), videoram = videoram_of(saved);

    if (was && is && was != is && videoram == videoram_of(here)) {
        add_line(report,
                 "  the saved guest had %" G_GUINT64_FORMAT " MiB of memory besides its "
                 "videoram, and this one has %" G_GUINT64_FORMAT,
                 was, is);
        add_line(report,
                 "      do: set maxmem=%" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT
                 " and the videoram), and memory to no more",
                 was + videoram, was);
    }
}

/* QEMU allocates in the order of its arguments, so the saved offsets have that order too. */
static void add_order(GPtrArray *report, const XenPhysmapTable *saved, const XenPhysmapTable *here)
{
    const XenPhysmapRecord *record;
    g_autoptr(GString) order = g_string_new(NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; (record = xen_physmap_table_get(saved, i)); i++) {
        char *device = device_of(record->name);
        const char *comma = order->len ? ", " : "";

        if (!xen_physmap_record_is_unplugged(record) && !g_hash_table_contains(seen, device)) {
            g_string_append_printf(order, "%s%s", comma, device);
        }
        g_hash_table_add(seen, device);
    }
    add_memory(report, saved, here);
    add_line(report, "  the saved guest's devices, in the order of their offsets: %s", order->str);
    add_line(report, "  to restore it, give the config the same devices in the same order, and the "
                     "same memory and videoram, as when it was saved");
}

static void add_mismatch(GPtrArray *report, const XenPhysmapFinding *finding, gboolean absent,
                         const XenPhysmapTable *saved, const XenPhysmapTable *here)
{
    add_line(report, "  %s: %s", xen_physmap_verdict_name(finding->verdict),
             finding->has_recorded ? finding->recorded.name : finding->actual.name);
    if (finding->has_recorded) {
        add_place(report, "saved", &finding->recorded, FALSE);
    } else {
        add_line(report, "      saved  no record of it");
    }
    if (finding->has_actual) {
        add_place(report, "here ", &finding->actual, absent);
    } else {
        add_line(report, "      here   no such block");
    }
    add_advice(report, finding, saved, here);
}

gboolean xen_physmap_gate_admits(const XenPhysmapTable *saved, const XenPhysmapTable *blocks,
                                 GPtrArray *report)
{
    g_autoptr(GArray) findings = xen_physmap_compare(saved, blocks, NULL);
    gboolean admits = TRUE;

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);

        if (finding->verdict == XEN_PHYSMAP_MISSING || finding->verdict == XEN_PHYSMAP_RESIZED ||
            finding->verdict == XEN_PHYSMAP_AMBIGUOUS) {
            add_mismatch(report, finding, FALSE, saved, blocks);
            admits = FALSE;
        }
    }
    if (!admits) {
        add_order(report, saved, blocks);
    }
    return admits;
}

gboolean xen_physmap_gate_passes(const XenPhysmapTable *saved, const XenPhysmapTable *actual,
                                 const XenPhysmapTable *absent, GPtrArray *report)
{
    g_autoptr(GArray) findings = xen_physmap_compare(saved, actual, absent);
    gboolean passes = xen_physmap_findings_are_safe(findings);

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);

        if (!xen_physmap_verdict_is_safe(finding->verdict)) {
            add_mismatch(report, finding,
                         finding->has_actual && absent &&
                             xen_physmap_table_find_name(absent, finding->actual.name),
                         saved, actual);
        } else if (finding->verdict != XEN_PHYSMAP_SAME && finding->has_actual) {
            g_autofree char *text = xen_physmap_finding_describe(finding);

            add_line(report, "  %s (harmless): %s", xen_physmap_verdict_name(finding->verdict),
                     text);
        }
    }
    if (!passes) {
        add_order(report, saved, actual);
    }
    return passes;
}

gboolean xen_physmap_gate_finds_pages(const XenPhysmapOps *ops, guint32 domid,
                                      const XenPhysmapTable *actual, GPtrArray *report,
                                      gboolean *passed, GError **error)
{
    const XenPhysmapRecord *block;

    for (guint i = 0; (block = xen_physmap_table_get(actual, i)); i++) {
        guint64 missing, first;

        if (xen_physmap_record_is_unplugged(block)) {
            continue;
        }
        if (!xen_physmap_guest_missing(ops, domid, block->start_addr, block->size, &missing, &first,
                                       error)) {
            return FALSE;
        }
        if (missing) {
            add_line(report, "  %s: only partly in the guest: it has no page at " HEX, block->name,
                     first);
            add_line(report, "      do: see what xen-physmap verify says about the savefile: if it "
                             "lacks the page too, the guest had given it back, or the file is "
                             "incomplete");
            *passed = FALSE;
        }
    }
    return TRUE;
}
