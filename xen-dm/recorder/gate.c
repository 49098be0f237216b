/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges a restored guest's layout, and words the verdict for the owner of an xl.cfg. */
#include "gate.h"

#include <string.h>

#include <xen-physmap/compare.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

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

static void add_advice(GPtrArray *report, const XenPhysmapFinding *finding)
{
    const char *name = finding->has_recorded ? finding->recorded.name : finding->actual.name;
    g_autofree char *device = device_of(name);

    switch (finding->verdict) {
    case XEN_PHYSMAP_MISSING:
        add_line(report,
                 "      do: add the device at %s that has %s, with its option ROM, as when "
                 "the guest was saved",
                 device, xen_physmap_region_name(name));
        break;
    case XEN_PHYSMAP_EXTRA:
        add_line(report, "      do: take out %s, which the saved guest's records don't have",
                 device);
        break;
    case XEN_PHYSMAP_RESIZED:
        if (strcmp(xen_physmap_region_name(name), "vga.vram") == 0) {
            add_line(report, "      do: set videoram=%" G_GUINT64_FORMAT,
                     finding->recorded.size >> 20);
        } else {
            add_line(report, "      do: give %s a %s of the saved size (same QEMU, same ROM file)",
                     device, xen_physmap_region_name(name));
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
        break;
    }
}

/* QEMU allocates in the order of its arguments, and so does the order of the saved offsets. */
static void add_order(GPtrArray *report, const XenPhysmapTable *saved)
{
    const XenPhysmapRecord *record;
    g_autoptr(GString) order = g_string_new(NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; (record = xen_physmap_table_get(saved, i)); i++) {
        char *device = device_of(record->name);
        const char *comma = order->len ? ", " : "";

        if (!g_hash_table_contains(seen, device)) {
            g_string_append_printf(order, "%s%s", comma, device);
        }
        g_hash_table_add(seen, device);
    }
    add_line(report, "  the saved guest's devices, in the order of their offsets: %s", order->str);
    add_line(report, "  to restore it, give the config the same devices in the same order, and the "
                     "same memory and videoram, as when it was saved");
}

static void add_mismatch(GPtrArray *report, const XenPhysmapFinding *finding, gboolean absent)
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
    add_advice(report, finding);
}

gboolean gate_admits(const XenPhysmapTable *saved, const XenPhysmapTable *blocks, GPtrArray *report)
{
    g_autoptr(GArray) findings = xen_physmap_compare(saved, blocks, NULL);
    gboolean admits = TRUE;

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);

        if (finding->verdict == XEN_PHYSMAP_MISSING || finding->verdict == XEN_PHYSMAP_RESIZED ||
            finding->verdict == XEN_PHYSMAP_AMBIGUOUS) {
            add_mismatch(report, finding, FALSE);
            admits = FALSE;
        }
    }
    if (!admits) {
        add_order(report, saved);
    }
    return admits;
}

gboolean gate_passes(const XenPhysmapTable *saved, const Survey *actual, GPtrArray *report)
{
    g_autoptr(GArray) findings = xen_physmap_compare(saved, actual->table, actual->absent);
    gboolean passes = xen_physmap_findings_are_safe(findings);

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);

        if (!xen_physmap_verdict_is_safe(finding->verdict)) {
            add_mismatch(report, finding,
                         finding->has_actual &&
                             xen_physmap_table_find_name(actual->absent, finding->actual.name));
        } else if (finding->verdict != XEN_PHYSMAP_SAME) {
            g_autofree char *text = xen_physmap_finding_describe(finding);

            add_line(report, "  %s (harmless): %s", xen_physmap_verdict_name(finding->verdict),
                     text);
        }
    }
    if (!passes) {
        add_order(report, saved);
    }
    return passes;
}
