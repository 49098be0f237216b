/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the layout out of QEMU's monitor, and settles with Xen where each block's pages are. */
#include "survey.h"

#include <stdio.h>
#include <string.h>

#include <xen-physmap/guest.h>

/* The guest's own memory is one ramblock, saved and restored by Xen without our help. */
#define GUEST_RAM "xen.ram"

static gboolean parse_0x(const char *text, guint64 *value)
{
    return g_str_has_prefix(text, "0x") &&
           g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT64, value, NULL);
}

/* A line is: name, page size and its unit, offset, used, total; newer QEMUs append more. */
static gboolean parse_ramblock(char *line, XenPhysmapTable *blocks, GError **error)
{
    g_auto(GStrv) fields = g_strsplit_set(g_strstrip(line), " \t", -1);
    const char *word[6] = { NULL };
    XenPhysmapRecord record;
    guint64 offset, total;
    guint n = 0;

    for (guint i = 0; fields[i] && n < G_N_ELEMENTS(word); i++) {
        if (*fields[i]) {
            word[n++] = fields[i];
        }
    }
    if (n < G_N_ELEMENTS(word) || !parse_0x(word[3], &offset) || !parse_0x(word[5], &total)) {
        g_autofree char *shown = xen_physmap_escape(line, -1);

        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "QEMU's 'info ramblock' has a line that can't be read: '%s'", shown);
        return FALSE;
    }
    if (strcmp(word[0], GUEST_RAM) == 0) {
        return TRUE;
    }
    if (!xen_physmap_record_init(&record, word[0], offset, offset, total, error) ||
        !xen_physmap_table_add(blocks, &record, error)) {
        g_prefix_error(error, "QEMU's 'info ramblock': ");
        return FALSE;
    }
    return TRUE;
}

XenPhysmapTable *survey_parse_ramblocks(const char *text, GError **error)
{
    g_autoptr(XenPhysmapTable) blocks = xen_physmap_table_new();
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);

    for (guint i = 0; lines[i]; i++) {
        gboolean heading = strstr(lines[i], "Block Name") != NULL;

        if (!heading && *g_strstrip(lines[i]) && !parse_ramblock(lines[i], blocks, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&blocks);
}

static void free_range(gpointer range)
{
    g_free(((SurveyRange *)range)->region);
    g_free(range);
}

/*
 * "  00000000f1000000-00000000f1ffffff (prio 1, ram): vga.vram", with " @offset" at the end of a
 * range that begins inside its region: that is an alias or a part, never a whole block.
 */
static void parse_range(const char *line, GPtrArray *ranges)
{
    guint64 first, last;
    int consumed = 0;
    const char *colon;

    if (sscanf(line, " %16" G_GINT64_MODIFIER "x-%16" G_GINT64_MODIFIER "x (%n", &first, &last,
               &consumed) < 2 ||
        !consumed || last < first || !(colon = strstr(line + consumed, "): ")) ||
        strstr(colon, " @")) {
        return;
    }
    SurveyRange *range = g_new0(SurveyRange, 1);

    range->region = g_strstrip(g_strdup(colon + strlen("): ")));
    range->start_addr = first;
    range->size = last - first + 1;
    g_ptr_array_add(ranges, range);
}

GPtrArray *survey_parse_mtree(const char *text)
{
    GPtrArray *ranges = g_ptr_array_new_with_free_func(free_range);
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
    gboolean memory = FALSE;

    /* Several address spaces are listed, each under its name; the guest's is "memory". */
    for (guint i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], "FlatView")) {
            memory = FALSE;
        } else if (strstr(lines[i], "AS \"memory\"")) {
            memory = TRUE;
        } else if (memory) {
            parse_range(lines[i], ranges);
        }
    }
    return ranges;
}

static gboolean has_page(const XenPhysmapOps *ops, guint32 domid, guint64 guest_addr,
                         gboolean *populated, GError **error)
{
    guint64 missing;

    if (!xen_physmap_guest_missing(ops, domid, guest_addr, XEN_PHYSMAP_PAGE_SIZE, &missing, NULL,
                                   error)) {
        return FALSE;
    }
    *populated = missing == 0;
    return TRUE;
}

/* QEMU makes an id of the device's path, a '/' and the region's name, which may have more of them. */
static gboolean is_region_of(const char *region, const char *id)
{
    gsize length = strlen(id), tail = strlen(region);

    return g_str_has_suffix(id, region) && (length == tail || id[length - tail - 1] == '/');
}

static gboolean is_whole(const SurveyRange *range, const XenPhysmapRecord *block)
{
    return range->size == block->size && range->start_addr % XEN_PHYSMAP_PAGE_SIZE == 0 &&
           is_region_of(range->region, block->name);
}

/* The addresses at which the block's pages may be, the likeliest first. */
static GArray *candidates(const XenPhysmapRecord *block, const GPtrArray *ranges,
                          const XenPhysmapTable *before)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(guint64));
    const XenPhysmapRecord *known =
        before ? xen_physmap_table_find_name(before, block->name) : NULL;

    g_array_append_val(places, block->phys_offset);
    for (guint i = 0; i < ranges->len; i++) {
        const SurveyRange *range = g_ptr_array_index(ranges, i);

        if (is_whole(range, block)) {
            g_array_append_val(places, range->start_addr);
        }
    }
    if (known && known->size == block->size) {
        g_array_append_val(places, known->start_addr);
    }
    return places;
}

/*
 * Sets start_addr to where the block's pages are, and *populated to whether they are anywhere. A
 * region can be shown at a place without its pages being there (QEMU serves a ROM's BAR by
 * itself), and two cards of one kind bear the same region name, so the domain has the last word.
 */
static gboolean locate(XenPhysmapRecord *block, const GPtrArray *ranges,
                       const XenPhysmapTable *before, const XenPhysmapOps *ops, guint32 domid,
                       gboolean *populated, GError **error)
{
    g_autoptr(GArray) places = candidates(block, ranges, before);

    *populated = FALSE;
    for (guint i = 0; i < places->len && !*populated; i++) {
        guint64 place = g_array_index(places, guint64, i);

        if (!has_page(ops, domid, place, populated, error)) {
            return FALSE;
        }
        if (*populated) {
            block->start_addr = place;
        }
    }
    return TRUE;
}

guint64 survey_place_of(const Survey *survey, const XenPhysmapRecord *block)
{
    guint64 place = block->phys_offset;
    guint n = 0;

    for (guint i = 0; i < survey->ranges->len; i++) {
        const SurveyRange *range = g_ptr_array_index(survey->ranges, i);

        if (is_whole(range, block)) {
            place = range->start_addr;
            n++;
        }
    }
    return n > 1 ? block->start_addr : place;
}

void survey_free(Survey *survey)
{
    if (survey) {
        xen_physmap_table_free(survey->table);
        xen_physmap_table_free(survey->absent);
        g_ptr_array_unref(survey->ranges);
        g_free(survey);
    }
}

XenPhysmapTable *survey_blocks(QmpClient *qmp, int timeout_ms, GError **error)
{
    g_autofree char *text = qmp_client_hmp(qmp, "info ramblock", timeout_ms, error);

    return text ? survey_parse_ramblocks(text, error) : NULL;
}

Survey *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid,
                    const XenPhysmapTable *before, int timeout_ms, GError **error)
{
    g_autoptr(XenPhysmapTable) blocks = survey_blocks(qmp, timeout_ms, error);
    g_autofree char *mtree =
        blocks ? qmp_client_hmp(qmp, "info mtree -f", timeout_ms, error) : NULL;
    g_autoptr(Survey) survey = NULL;

    if (!mtree) {
        return NULL;
    }
    survey = g_new0(Survey, 1);
    survey->table = xen_physmap_table_new();
    survey->absent = xen_physmap_table_new();
    survey->ranges = survey_parse_mtree(mtree);
    for (guint i = 0; i < xen_physmap_table_size(blocks); i++) {
        XenPhysmapRecord block = *xen_physmap_table_get(blocks, i);
        gboolean populated;

        if (!locate(&block, survey->ranges, before, ops, domid, &populated, error) ||
            !xen_physmap_table_add(populated ? survey->table : survey->absent, &block, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&survey);
}
