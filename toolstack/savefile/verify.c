/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine of verify: walks a stream once, and tries the rules of each stage. */
#include "verify.h"

#include <string.h>
#include <sys/stat.h>

#include "bytes.h"

/* More findings than this tell nothing new. */
#define FINDINGS_MAX 1000

const char *const verify_severities[] = { "error", "warning", "note" };

static void finding_free(gpointer data)
{
    g_free(((VerifyFinding *)data)->text);
    g_free(data);
}

void verify_found(Verify *verify, guint64 offset, const char *format, ...)
{
    VerifyFinding *finding;
    va_list args;

    verify->counts[verify->rule->severity]++;
    if (verify->findings->len >= FINDINGS_MAX) {
        return;
    }
    finding = g_new0(VerifyFinding, 1);
    finding->rule = verify->rule;
    finding->offset = offset;
    va_start(args, format);
    finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(verify->findings, finding);
}

Verify *verify_new(void)
{
    Verify *verify = g_new0(Verify, 1);

    verify->findings = g_ptr_array_new_with_free_func(finding_free);
    verify->state = xen_physmap_table_new();
    verify->pages = page_index_new();
    for (guint i = 0; i < VERIFY_STAGES; i++) {
        verify->rules[i] = g_ptr_array_new();
    }
    for (guint i = 0; i < verify_n_rules; i++) {
        g_ptr_array_add(verify->rules[verify_rules[i].stage], (gpointer)&verify_rules[i]);
    }
    return verify;
}

void verify_free(Verify *verify)
{
    g_ptr_array_unref(verify->findings);
    xen_physmap_table_free(verify->state);
    xen_physmap_table_free(verify->table);
    page_index_free(verify->pages);
    g_clear_pointer(&verify->config, guest_config_free);
    for (guint i = 0; i < VERIFY_STAGES; i++) {
        g_ptr_array_unref(verify->rules[i]);
    }
    g_free(verify);
}

static void try_stage(Verify *verify, VerifyStage stage)
{
    const GPtrArray *rules = verify->rules[stage];

    /* These bytes move when more is read. */
    verify->head = verify->item ? stream_head_bytes(verify->stream) : NULL;
    for (guint i = 0; i < rules->len; i++) {
        verify->rule = rules->pdata[i];
        verify->rule->check(verify);
    }
}

/* The same for a reader's error; a rule looks at `problem`. */
static void try_problem(Verify *verify, VerifyStage stage, const GError *problem)
{
    verify->problem = problem ? problem->message : NULL;
    try_stage(verify, stage);
    verify->problem = NULL;
}

static gboolean see_wrapper(Verify *verify, Stream *stream, GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (!guest_config_read(stream, verify->item, &verify->config, &problem, error)) {
        return FALSE;
    }
    if (verify->config) {
        completeness_config(&verify->completeness, verify->config);
    }
    try_problem(verify, VERIFY_WRAPPER, problem);
    return TRUE;
}

static void see_pfn(Verify *verify, guint64 pfn, guint64 mask, guint type)
{
    gboolean stored = type < PFN_TYPE_PAGELESS;

    verify->pfn = pfn;
    try_stage(verify, VERIFY_PFN);
    verify->pfn_index++;
    verify->stored += stored;
    page_index_put(verify->pages, pfn & mask, stored);
}

/* All pfns of an item were seen: here, or in what was read before its body. */
static void end_pages(Verify *verify)
{
    try_stage(verify, VERIFY_PAGES);
    verify->n_pages += verify->item->pages.stored;
}

static gboolean see_page_data(Verify *verify, Stream *stream, GError **error)
{
    const StreamItem *item = verify->item;
    guint8 chunk[8192];

    verify->pfn_index = verify->stored = 0;
    if (!stream_read(stream, verify->start, 8, error)) {
        return FALSE;
    }
    try_stage(verify, VERIFY_LIBXC);
    for (guint32 i = 0; i < item->pages.named;) {
        guint32 n = MIN(item->pages.named - i, sizeof chunk / 8);

        if (!stream_read(stream, chunk, n * 8, error)) {
            return FALSE;
        }
        for (guint32 j = 0; j < n; j++, i++) {
            guint64 pfn = bytes_u64(chunk + 8 * j, item->big_endian);

            see_pfn(verify, pfn, LIBXC_PFN_MASK, pfn >> LIBXC_PFN_TYPE_SHIFT);
        }
    }
    end_pages(verify);
    return TRUE;
}

static void see_legacy_pages(Verify *verify)
{
    const guint8 *pfns = stream_head_bytes(verify->stream) + 4;

    verify->pfn_index = verify->stored = 0;
    for (guint32 i = 0; i < verify->item->pages.named; i++) {
        guint32 pfn = bytes_u32(pfns + i * verify->legacy_word, FALSE);

        see_pfn(verify, pfn, LEGACY_PFN_MASK, pfn >> LEGACY_PFN_TYPE_SHIFT);
    }
    end_pages(verify);
}

/* The first bytes of a body; of HVM_PARAMS all bytes. */
static gboolean read_start(Verify *verify, Stream *stream, GError **error)
{
    const StreamItem *item = verify->item;
    g_autofree guint8 *body = NULL;

    if (item->layer != STREAM_LIBXC_RECORD || item->type != LIBXC_HVM_PARAMS ||
        item->length > COMPLETENESS_PARAMS_MAX) {
        return stream_read(stream, verify->start, MIN(item->length, VERIFY_START_MAX), error);
    }
    body = stream_body(stream, COMPLETENESS_PARAMS_MAX, error);
    if (!body) {
        return FALSE;
    }
    memcpy(verify->start, body, MIN(item->length, VERIFY_START_MAX));
    completeness_params(&verify->completeness, body, item->length, item->big_endian);
    return TRUE;
}

static gboolean see_libxc(Verify *verify, Stream *stream, GError **error)
{
    const StreamItem *item = verify->item;

    if (stream_has_pages(item)) {
        return see_page_data(verify, stream, error);
    }
    if (!savefile_has_records(item) && !read_start(verify, stream, error)) {
        return FALSE;
    }
    try_stage(verify, VERIFY_LIBXC);
    verify->hvm_context |= item->layer == STREAM_LIBXC_RECORD && item->type == LIBXC_HVM_CONTEXT;
    verify->static_data_ended |=
        item->layer == STREAM_LIBXC_RECORD && item->type == LIBXC_STATIC_DATA_END;
    if (item->layer == STREAM_LIBXC_RECORD && item->type == LIBXC_CHECKPOINT) {
        verify->hvm_context = FALSE;
    }
    return TRUE;
}

static void see_libxl(Verify *verify)
{
    const StreamItem *item = verify->item;

    try_stage(verify, VERIFY_LIBXL);
    verify->libxl |= item->layer == STREAM_LIBXL_HEADER;
    verify->libxc_context |=
        item->layer == STREAM_LIBXL_RECORD && item->type == LIBXL_LIBXC_CONTEXT;
    verify->emulator_context |=
        item->layer == STREAM_LIBXL_RECORD && item->type == LIBXL_EMULATOR_CONTEXT;
}

/* An error in the records doesn't end the walk. */
static void see_records(Verify *verify, Stream *stream)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;

    verify->carrier = verify->item->offset;
    table = savefile_read_records(stream, verify->item, &problem);
    if (table) {
        savefile_add_records(verify->state, verify->item, table, &problem);
    }
    try_problem(verify, VERIFY_RECORDS, problem);
}

static gboolean see_body(Verify *verify, Stream *stream, GError **error)
{
    const StreamItem *item = verify->item;
    gboolean record = item->layer == STREAM_LIBXL_RECORD || item->layer == STREAM_LIBXC_RECORD;

    if (record && item->type & STREAM_OPTIONAL) {
        return TRUE;
    }
    switch (item->layer) {
    case STREAM_WRAPPER:
        return see_wrapper(verify, stream, error);
    case STREAM_LIBXL_HEADER:
    case STREAM_LIBXL_RECORD:
        see_libxl(verify);
        return TRUE;
    case STREAM_LIBXC_HEADER:
    case STREAM_DOMAIN_HEADER:
    case STREAM_LIBXC_RECORD:
        return see_libxc(verify, stream, error);
    case STREAM_LEGACY_HEADER:
        verify->legacy_word = item->header.version / 8;
        return TRUE;
    case STREAM_LEGACY_CHUNK:
        if (stream_has_pages(item)) {
            see_legacy_pages(verify);
        }
        return TRUE;
    default:
        return TRUE;
    }
}

static gboolean see_padding(Verify *verify, Stream *stream, GError **error)
{
    guint8 padding[8];

    verify->padding_is_zero = TRUE;
    if (verify->item->padding == 0) {
        return TRUE;
    }
    if (!stream_pass_body(stream, error) ||
        !stream_read(stream, padding, verify->item->padding, error)) {
        return FALSE;
    }
    verify->padding_is_zero = bytes_are_zero(padding, verify->item->padding);
    return TRUE;
}

/* The state is complete, and its records are the ones that count. */
static void end_state(Verify *verify)
{
    xen_physmap_table_free(verify->table);
    verify->table = verify->state;
    verify->table_at = verify->carrier;
    verify->state = xen_physmap_table_new();
    verify->carrier = 0;
    verify->emulator_context = FALSE;
}

static gboolean see_item(Verify *verify, Stream *stream, GError **error)
{
    memset(verify->start, 0, sizeof verify->start);
    if (!see_body(verify, stream, error)) {
        return FALSE;
    }
    if (savefile_has_records(verify->item)) {
        see_records(verify, stream);
    }
    if (!see_padding(verify, stream, error)) {
        return FALSE;
    }
    verify->lacks =
        completeness_see(&verify->completeness, verify->item) ? verify->completeness.lacks : NULL;
    try_stage(verify, VERIFY_ANY);
    if (savefile_completes_state(verify->item, verify->libxl)) {
        end_state(verify);
    }
    return TRUE;
}

static gboolean see_items(Verify *verify, Stream *stream, GError **error)
{
    StreamItem item;

    verify->item = &item;
    while (stream_next(stream, &item, error)) {
        if (item.layer == STREAM_END) {
            return TRUE;
        }
        if (!see_item(verify, stream, error)) {
            return FALSE;
        }
    }
    return FALSE;
}

static struct stat file_stat(int fd)
{
    struct stat st = { 0 };

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st : (struct stat){ 0 };
}

gboolean verify_run(Verify *verify, int fd, GError **error)
{
    g_autoptr(Stream) stream = stream_open(fd, error);
    g_autoptr(GError) problem = NULL;

    if (!stream) {
        return FALSE;
    }
    stream_keep_heads(stream);
    verify->stream = stream;
    verify->written = file_stat(fd).st_mtime;
    if (see_items(verify, stream, &problem)) {
        verify->size = file_stat(fd).st_size;
    } else if (stream_cut(stream)) {
        verify->checkpoint = stream_checkpoints(stream);
    } else if (g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID)) {
        verify->end = stream_offset(stream);
        try_problem(verify, VERIFY_FORMAT, problem);
        return TRUE;
    } else {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    verify->item = NULL;
    verify->end = stream_offset(stream);
    if (verify->table && xen_physmap_table_size(verify->table) > 0) {
        try_stage(verify, VERIFY_LAYOUT);
    }
    try_stage(verify, VERIFY_END);
    return TRUE;
}

void verify_layout(Verify *verify, const XenPhysmapTable *table)
{
    const XenPhysmapRecord *record;

    xen_physmap_table_free(verify->table);
    verify->table = xen_physmap_table_new();
    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        xen_physmap_table_add(verify->table, record, NULL);
    }
    if (xen_physmap_table_size(verify->table) > 0) {
        try_stage(verify, VERIFY_LAYOUT);
    }
}
