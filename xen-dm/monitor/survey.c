/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the layout from QEMU's monitor, and asks Xen where each block's pages are. */
#include "survey.h"

#include <stdio.h>
#include <string.h>

#include <xen-physmap/guest.h>

/* The limit of ranges, in all and of one region. Further ones are ignored. */
#define RANGES_MAX 16384
#define PLACES_MAX 64

/* How many bad lines of QEMU's are quoted, and the length of the longest line that is parsed. */
#define PROBLEMS_MAX 16
#define LINE_MAX_BYTES 1024

/* The guest's own memory and Xen's grant table. Xen saves and restores them itself. */
static const char *const not_blocks[] = { "xen.ram", "xen.grants", NULL };

/* The next line of the text, stripped; NULL at its end. Free it with g_free. */
static char *next_line(const char **text)
{
    gsize length = strcspn(*text, "\r\n");
    char *line;

    if (!**text) {
        return NULL;
    }
    line = g_strstrip(g_strndup(*text, MIN(length, LINE_MAX_BYTES + 1)));
    *text += length + ((*text)[length] != '\0');
    return line;
}

/* --- info ramblock --- */

void survey_blocks_free(SurveyBlocks *blocks)
{
    if (blocks) {
        xen_physmap_table_free(blocks->named);
        g_array_unref(blocks->nameless);
        g_ptr_array_unref(blocks->problems);
        g_free(blocks);
    }
}

static SurveyBlocks *new_blocks(void)
{
    SurveyBlocks *blocks = g_new0(SurveyBlocks, 1);

    blocks->named = xen_physmap_table_new();
    blocks->nameless = g_array_new(FALSE, FALSE, sizeof(SurveyStretch));
    blocks->problems = g_ptr_array_new_with_free_func(g_free);
    return blocks;
}

static void add_problem(SurveyBlocks *blocks, char *problem)
{
    if (blocks->problems->len < PROBLEMS_MAX) {
        g_ptr_array_add(blocks->problems, problem);
    } else {
        g_free(problem);
    }
}

static gboolean parse_0x(const char *text, guint64 *value)
{
    return text && g_str_has_prefix(text, "0x") &&
           g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT64, value, NULL);
}

/*
 * A line has: name, page size and its unit, offset, used, total. Newer QEMUs append more. The name
 * may be empty or contain blanks, so the three addresses are searched for. NULL when the line has
 * no such form.
 */
static char *parse_ramblock(const char *line, guint64 *offset, guint64 *total)
{
    g_auto(GStrv) words = NULL;
    guint n = 0;
    guint64 used;

    if (strlen(line) > LINE_MAX_BYTES) {
        return NULL;
    }
    words = g_strsplit_set(line, " \t", -1);

    for (guint i = 0; words[i]; i++) { /* without the empty ones between two blanks */
        char *word = words[i];

        if (*word) {
            words[i] = words[n];
            words[n++] = word;
        }
    }
    for (guint i = 2; i + 2 < n; i++) {
        if (parse_0x(words[i], offset) && parse_0x(words[i + 1], &used) &&
            parse_0x(words[i + 2], total)) {
            char *page_size = words[i - 2], *name;

            words[i - 2] = NULL;
            name = g_strjoinv(" ", words);
            words[i - 2] = page_size;
            return name;
        }
    }
    return NULL;
}

static void add_ramblock(const char *line, SurveyBlocks *blocks)
{
    guint64 offset, total;
    g_autofree char *name = parse_ramblock(line, &offset, &total);
    g_autoptr(GError) error = NULL;
    XenPhysmapRecord record;

    if (!name) {
        g_autofree char *shown = xen_physmap_escape(line, -1);

        add_problem(
            blocks,
            g_strdup_printf("QEMU's 'info ramblock' has a line that can't be parsed: '%s'", shown));
        return;
    }
    if (g_strv_contains(not_blocks, name)) {
        blocks->understood = TRUE;
        return;
    }
    if (!xen_physmap_record_init(&record, *name ? name : XEN_PHYSMAP_UNPLUGGED_NAME, offset, offset,
                                 total, &error) ||
        (*name && !xen_physmap_table_add(blocks->named, &record, &error))) {
        add_problem(blocks, g_strdup_printf("QEMU's 'info ramblock': %s", error->message));
        return;
    }
    blocks->understood = TRUE;
    if (!*name && blocks->nameless->len < XEN_PHYSMAP_TABLE_MAX) {
        SurveyStretch stretch = { offset, total };

        g_array_append_val(blocks->nameless, stretch);
    }
}

SurveyBlocks *survey_parse_ramblocks(const char *text, GError **error)
{
    g_autoptr(SurveyBlocks) blocks = new_blocks();
    char *line;

    while ((line = next_line(&text))) {
        if (*line && !strstr(line, "Block Name")) {
            add_ramblock(line, blocks);
        }
        g_free(line);
    }
    if (blocks->problems->len && !blocks->understood) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                            g_ptr_array_index(blocks->problems, 0));
        return NULL;
    }
    return g_steal_pointer(&blocks);
}

SurveyBlocks *survey_blocks(QmpClient *qmp, int timeout_ms, GError **error)
{
    g_autofree char *text = qmp_client_hmp(qmp, "info ramblock", timeout_ms, error);

    return text ? survey_parse_ramblocks(text, error) : NULL;
}

/* --- info mtree -f --- */

static void free_range(gpointer range)
{
    g_free(((SurveyRange *)range)->region);
    g_free(range);
}

/*
 * "00000000f1000000-00000000f1ffffff (prio 1, ram): vga.vram". A range that begins inside its
 * region has " @offset" at the end: it is an alias or a part, never a whole block. QEMU never moves
 * memory that isn't "ram", such as a ROM.
 */
static void parse_range(const char *line, GPtrArray *ranges)
{
    guint64 first, last;
    int consumed = 0;
    const char *colon;

    if (sscanf(line, "%16" G_GINT64_MODIFIER "x-%16" G_GINT64_MODIFIER "x (%n", &first, &last,
               &consumed) < 2 ||
        !consumed || last < first || first % XEN_PHYSMAP_PAGE_SIZE != 0 ||
        !(colon = strstr(line + consumed, ", ram): ")) || strstr(colon, " @")) {
        return;
    }
    SurveyRange *range = g_new0(SurveyRange, 1);

    range->region = g_strdup(colon + strlen(", ram): "));
    range->start_addr = first;
    range->size = last - first + 1;
    g_ptr_array_add(ranges, range);
}

GPtrArray *survey_parse_mtree(const char *text)
{
    GPtrArray *ranges = g_ptr_array_new_with_free_func(free_range);
    gboolean memory = FALSE;
    char *line;

    /* QEMU lists several address spaces, each under its name; the guest's is "memory". */
    while (ranges->len < RANGES_MAX && (line = next_line(&text))) {
        if (g_str_has_prefix(line, "FlatView")) {
            memory = FALSE;
        } else if (strstr(line, "AS \"memory\"")) {
            memory = TRUE;
        } else if (memory) {
            parse_range(line, ranges);
        }
        g_free(line);
    }
    return ranges;
}

/* --- where the pages are --- */

/* Where QEMU shows a whole region of this name and size, and how many blocks it could be. */
typedef struct Shown {
    GArray *places;
    guint n_blocks;
} Shown;

/* A survey in progress. */
typedef struct Search {
    const XenPhysmapOps *ops;
    guint32 domid;
    const XenPhysmapTable *known; /* or NULL */
    SurveyTrust trust;
    const SurveyBlocks *blocks;
    GHashTable *shown; /* of Shown, by shown_key */
    gboolean *placed;  /* of each block */
    GHashTable *empty; /* addresses at which the guest is known to have no page */
    Survey *survey;
} Search;

static void free_shown(gpointer shown)
{
    g_array_unref(((Shown *)shown)->places);
    g_free(shown);
}

static char *shown_key(const char *region, guint64 size)
{
    return g_strdup_printf("%" G_GINT64_MODIFIER "x %s", size, region);
}

static GHashTable *index_ranges(const GPtrArray *ranges)
{
    GHashTable *index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_shown);

    for (guint i = 0; i < ranges->len; i++) {
        const SurveyRange *range = g_ptr_array_index(ranges, i);
        char *key = shown_key(range->region, range->size);
        Shown *shown = g_hash_table_lookup(index, key);

        if (!shown) {
            shown = g_new0(Shown, 1);
            shown->places = g_array_new(FALSE, FALSE, sizeof(guint64));
            g_hash_table_insert(index, g_steal_pointer(&key), shown);
        }
        g_free(key);
        if (shown->places->len < PLACES_MAX) {
            g_array_append_val(shown->places, range->start_addr);
        }
    }
    return index;
}

/*
 * What QEMU shows of the block. QEMU makes the id of the device's path, a '/' and the region's
 * name, which may contain '/' too.
 */
static Shown *find_shown(const Search *search, const XenPhysmapRecord *block)
{
    for (const char *region = block->name; region; region = strchr(region, '/')) {
        region += *region == '/';

        g_autofree char *key = shown_key(region, block->size);
        Shown *shown = g_hash_table_lookup(search->shown, key);

        if (shown) {
            return shown;
        }
    }
    return NULL;
}

static gboolean is_shown_at(const Shown *shown, guint64 place)
{
    for (guint i = 0; i < shown->places->len; i++) {
        if (g_array_index(shown->places, guint64, i) == place) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean has_page(const Search *search, guint64 guest_addr, gboolean *populated,
                         GError **error)
{
    guint64 missing;

    if (!xen_physmap_guest_missing(search->ops, search->domid, guest_addr, XEN_PHYSMAP_PAGE_SIZE,
                                   &missing, NULL, error)) {
        return FALSE;
    }
    *populated = missing == 0;
    return TRUE;
}

/* Puts the block there if the guest has a page at its first address, and no other block took it. */
static gboolean try_place(const Search *search, const XenPhysmapRecord *block, guint64 place,
                          gboolean *placed, GError **error)
{
    XenPhysmapRecord record = *block;
    gboolean populated;

    if (*placed || g_hash_table_contains(search->empty, &place)) {
        return TRUE;
    }
    record.start_addr = place;
    if (!xen_physmap_table_add(search->survey->table, &record, NULL)) {
        return TRUE;
    }
    if (!has_page(search, place, &populated, error)) {
        return FALSE;
    }
    *placed = populated;
    if (!populated) {
        g_hash_table_add(search->empty, g_memdup2(&place, sizeof place));
    }
    return populated || xen_physmap_table_remove(search->survey->table, block->phys_offset, error);
}

/* Where the block was known to be. The record may have only a bare name. */
static const XenPhysmapRecord *find_known(const Search *search, const XenPhysmapRecord *block)
{
    const XenPhysmapRecord *known = NULL;

    if (search->known) {
        known = xen_physmap_table_find_name(search->known, block->name);
        if (!known) {
            known =
                xen_physmap_table_find_name(search->known, xen_physmap_region_name(block->name));
        }
    }
    return known && known->size == block->size ? known : NULL;
}

/* A way to find a block. It is tried on all blocks before the next way is. */
typedef gboolean Look(const Search *search, const XenPhysmapRecord *block, gboolean *placed,
                      GError **error);

/* QEMU shows it, and what it shows can't be another block. */
static gboolean look_where_shown(const Search *search, const XenPhysmapRecord *block,
                                 gboolean *placed, GError **error)
{
    const Shown *shown = find_shown(search, block);

    for (guint i = 0; shown && shown->n_blocks == 1 && i < shown->places->len; i++) {
        if (!try_place(search, block, g_array_index(shown->places, guint64, i), placed, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Several equal cards: QEMU shows one of them where this one was known to be. */
static gboolean look_where_known_and_shown(const Search *search, const XenPhysmapRecord *block,
                                           gboolean *placed, GError **error)
{
    const Shown *shown = find_shown(search, block);
    const XenPhysmapRecord *known = find_known(search, block);

    return !shown || !known || !is_shown_at(shown, known->start_addr) ||
           try_place(search, block, known->start_addr, placed, error);
}

/*
 * QEMU doesn't show it, or it isn't there: it is where it was allocated, or where it was known to
 * be. QEMU leaves pages behind when a BAR is unmapped while QEMU logs what the guest draws.
 */
static gboolean look_behind(const Search *search, const XenPhysmapRecord *block, gboolean *placed,
                            GError **error)
{
    const XenPhysmapRecord *known = find_known(search, block);
    guint64 remembered = known ? known->start_addr : block->phys_offset;
    guint64 allocated = block->phys_offset;
    gboolean in_place_first = search->trust == SURVEY_CLAIMED;

    return try_place(search, block, in_place_first ? allocated : remembered, placed, error) &&
           try_place(search, block, in_place_first ? remembered : allocated, placed, error);
}

/* Several equal cards, and this one's pages are at none of the places that were tried for it. */
static gboolean look_where_any_is_shown(const Search *search, const XenPhysmapRecord *block,
                                        gboolean *placed, GError **error)
{
    const Shown *shown = find_shown(search, block);

    for (guint i = 0; shown && i < shown->places->len; i++) {
        if (!try_place(search, block, g_array_index(shown->places, guint64, i), placed, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean place_blocks(const Search *search, GError **error)
{
    static Look *const looks[] = { look_where_shown, look_where_known_and_shown, look_behind,
                                   look_where_any_is_shown };
    const XenPhysmapRecord *block;

    for (guint i = 0; (block = xen_physmap_table_get(search->blocks->named, i)); i++) {
        Shown *shown = find_shown(search, block);

        if (shown) {
            shown->n_blocks++;
        }
    }
    for (guint n = 0; n < G_N_ELEMENTS(looks); n++) {
        for (guint i = 0; (block = xen_physmap_table_get(search->blocks->named, i)); i++) {
            if (!search->placed[i] && !looks[n](search, block, &search->placed[i], error)) {
                return FALSE;
            }
        }
    }
    for (guint i = 0; (block = xen_physmap_table_get(search->blocks->named, i)); i++) {
        if (!search->placed[i] && !xen_physmap_table_add(search->survey->absent, block, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The blocks that were moved, and that QEMU doesn't show where they were moved to. */
static gboolean find_hidden(const Search *search, GError **error)
{
    const XenPhysmapRecord *block;

    for (guint i = 0; (block = xen_physmap_table_get(search->survey->table, i)); i++) {
        const Shown *shown = find_shown(search, block);

        if (block->start_addr != block->phys_offset &&
            !(shown && is_shown_at(shown, block->start_addr)) &&
            !xen_physmap_table_add(search->survey->hidden, block, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* --- what unplugged devices left --- */

/* Pages of no other block; a range that overlaps one is left out. */
static gboolean add_left(const Search *search, guint64 phys_offset, guint64 start_addr,
                         guint64 size, GError **error)
{
    XenPhysmapRecord left;
    gboolean placed = FALSE;

    return !xen_physmap_record_init(&left, XEN_PHYSMAP_UNPLUGGED_NAME, phys_offset, phys_offset,
                                    size, NULL) ||
           try_place(search, &left, start_addr, &placed, error);
}

/*
 * A block that QEMU still lists, but without a name, belonged to an unplugged device. So did a
 * known block that QEMU no longer lists; but if a line can't be parsed, that line may be the block.
 */
static gboolean find_left(const Search *search, GError **error)
{
    const SurveyBlocks *blocks = search->blocks;
    const XenPhysmapRecord *known;

    for (guint i = 0; i < blocks->nameless->len; i++) {
        const SurveyStretch *stretch = &g_array_index(blocks->nameless, SurveyStretch, i);

        known =
            search->known ? xen_physmap_table_find_phys(search->known, stretch->phys_offset) : NULL;
        if (!known || known->phys_offset != stretch->phys_offset || known->size != stretch->size) {
            known = NULL;
        }
        if (!add_left(search, stretch->phys_offset,
                      known ? known->start_addr : stretch->phys_offset, stretch->size, error)) {
            return FALSE;
        }
    }
    for (guint i = 0; search->known && (known = xen_physmap_table_get(search->known, i)); i++) {
        if (xen_physmap_table_find_phys(blocks->named, known->phys_offset)) {
            continue;
        }
        if (blocks->problems->len == 0 || strcmp(known->name, XEN_PHYSMAP_UNPLUGGED_NAME) == 0) {
            if (!add_left(search, known->phys_offset, known->start_addr, known->size, error)) {
                return FALSE;
            }
        } else {
            xen_physmap_table_add(search->survey->table, known, NULL);
        }
    }
    return TRUE;
}

void survey_free(Survey *survey)
{
    if (survey) {
        xen_physmap_table_free(survey->table);
        xen_physmap_table_free(survey->absent);
        xen_physmap_table_free(survey->hidden);
        g_ptr_array_unref(survey->problems);
        g_free(survey);
    }
}

/* The time that is left, in ms. */
static int time_left(gint64 deadline)
{
    return MAX(0, (deadline - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND);
}

Survey *survey_take(QmpClient *qmp, const XenPhysmapOps *ops, guint32 domid,
                    const XenPhysmapTable *known, SurveyTrust trust, int timeout_ms, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(SurveyBlocks) blocks = survey_blocks(qmp, timeout_ms, error);
    g_autofree char *mtree =
        blocks ? qmp_client_hmp(qmp, "info mtree -f", time_left(deadline), error) : NULL;
    g_autoptr(GPtrArray) ranges = NULL;
    g_autoptr(GHashTable) shown = NULL;
    g_autoptr(GHashTable) empty = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autofree gboolean *placed = NULL;
    g_autoptr(Survey) survey = NULL;

    if (!mtree) {
        return NULL;
    }
    ranges = survey_parse_mtree(mtree);
    shown = index_ranges(ranges);
    placed = g_new0(gboolean, xen_physmap_table_size(blocks->named) + 1);
    survey = g_new0(Survey, 1);
    survey->table = xen_physmap_table_new();
    survey->absent = xen_physmap_table_new();
    survey->hidden = xen_physmap_table_new();
    survey->problems = g_ptr_array_ref(blocks->problems);

    const Search search = { ops, domid, known, trust, blocks, shown, placed, empty, survey };

    if (!place_blocks(&search, error) || !find_hidden(&search, error) ||
        !find_left(&search, error)) {
        return NULL;
    }
    return g_steal_pointer(&survey);
}
