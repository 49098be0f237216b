/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compares a running domain's records with its QEMU and its pages. */
#include "layout-check.h"

#include <xen-physmap/guest.h>

#include "monitor.h"
#include "survey.h"

#define QMP_TIMEOUT_MS 10000

/*
 * A difference may only last while the guest moves a BAR, or until the recorder has written it. A
 * difference is reported if it is there in all of so many looks, with such pauses between them.
 */
#define LOOKS 4
#define LOOK_AGAIN_MS 250

/* For all looks: a QEMU may answer each question only just in time. */
#define TOTAL_US (30 * G_TIME_SPAN_SECOND)

gboolean layout_check_pages(const XenPhysmapOps *ops, guint32 domid, guint64 page_limit,
                            const GArray *findings, GPtrArray *lines, GError **error)
{
    guint64 left = page_limit;

    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        const XenPhysmapRecord *record = &finding->recorded;
        guint64 pages = record->size >> XEN_PHYSMAP_PAGE_SHIFT, missing, first;

        if (!finding->has_recorded || !finding->has_actual ||
            record->size != finding->actual.size) {
            continue;
        }
        /* Records don't overlap, so all together can't have more either. */
        if (pages > left) {
            g_ptr_array_add(lines, g_strdup_printf("%s: its size 0x%" G_GINT64_MODIFIER
                                                   "x is more than the domain can have beside "
                                                   "the other records",
                                                   record->name, record->size));
            continue;
        }
        left -= pages;
        if (!xen_physmap_guest_missing(ops, domid, record->start_addr, record->size, &missing,
                                       &first, error)) {
            return FALSE;
        }
        if (missing) {
            g_ptr_array_add(
                lines, g_strdup_printf(
                           "%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " pages are not in the domain, the first at 0x%" G_GINT64_MODIFIER "x",
                           record->name, missing, pages, first));
        }
    }
    return TRUE;
}

/* Surveys once, and appends to the lines and notes. */
static gboolean look(const XenPhysmapOps *ops, const Domain *domain, const XenPhysmapTable *table,
                     gint64 deadline, GPtrArray *lines, GPtrArray *notes, GError **error)
{
    g_autoptr(QmpClient) qmp = qmp_client_connect(domain->domid, error);
    g_autoptr(Survey) actual = NULL;
    g_autoptr(GArray) findings = NULL;
    g_autoptr(GPtrArray) blocked = NULL;
    guint64 page_limit;

    if (!qmp) {
        return FALSE;
    }
    qmp_client_limit(qmp, (deadline - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND);
    actual = survey_take(qmp, ops, domain->domid, table, SURVEY_CLAIMED, QMP_TIMEOUT_MS, error);
    if (!actual || !domain_page_limit(domain->domid, &page_limit, error)) {
        return FALSE;
    }
    for (guint i = 0; i < actual->problems->len; i++) {
        g_ptr_array_add(notes, g_strdup(g_ptr_array_index(actual->problems, i)));
    }
    findings = xen_physmap_compare(table, actual->table, actual->absent);
    for (guint i = 0; i < findings->len; i++) {
        const XenPhysmapFinding *finding = &g_array_index(findings, XenPhysmapFinding, i);
        gboolean left = finding->verdict == XEN_PHYSMAP_UNPLUGGED;
        gboolean harmless = left || finding->verdict == XEN_PHYSMAP_UNSEEN;

        /* What an unplugged device left is as it should be. No need to mention it. */
        if (finding->verdict != XEN_PHYSMAP_SAME && !(left && finding->has_recorded)) {
            g_ptr_array_add(harmless ? notes : lines, xen_physmap_finding_describe(finding));
        }
    }
    if (!layout_check_pages(ops, domain->domid, page_limit, findings, lines, error) ||
        !(blocked = monitor_blocked_reasons(qmp, error))) {
        return FALSE;
    }
    for (guint i = 0; i < blocked->len; i++) {
        g_ptr_array_add(notes, g_strdup_printf("xl save and xl migrate fail, since QEMU can't save "
                                               "the state of its devices: %s",
                                               (char *)g_ptr_array_index(blocked, i)));
    }
    return TRUE;
}

GPtrArray *layout_check(const XenPhysmapOps *ops, const Domain *domain, XenPhysmapTable **table,
                        GPtrArray *notes, GError **error)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    gint64 deadline = g_get_monotonic_time() + TOTAL_US;

    *table = NULL;
    for (guint i = 0;
         i < LOOKS && (i == 0 || (lines->len > 0 && g_get_monotonic_time() < deadline)); i++) {
        if (i > 0) {
            g_usleep(LOOK_AGAIN_MS * G_TIME_SPAN_MILLISECOND);
        }
        g_ptr_array_set_size(lines, 0);
        g_ptr_array_set_size(notes, 0);
        g_clear_pointer(table, xen_physmap_table_free);
        if (!(*table = domain_records(ops, domain, error)) ||
            !look(ops, domain, *table, deadline, lines, notes, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&lines);
}
