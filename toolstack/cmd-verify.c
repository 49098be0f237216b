/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap verify: every rule of the stream's specifications, and those of the layout in it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "savefile.h"
#include "emulator-data.h"
#include "input.h"
#include "page-index.h"
#include "record-text.h"
#include "stream-layers.h"
#include "verb.h"

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* More findings than this tell nothing new. */
#define FINDINGS_MAX 1000

/* xl's configuration is some KiB. */
#define CONFIG_MAX (1U << 20)

/* A body of which only the first numbers are looked at. */
#define START_MAX 24

#define LIBXL_OPTIONS 3U
#define LIBXC_OPTIONS 1U
#define PFN_RESERVED G_GUINT64_CONSTANT(0x0ff0000000000000)
#define PFN_MASK G_GUINT64_CONSTANT(0x000fffffffffffff)
#define PFN_TYPE_SHIFT 60
#define PAGELESS 13
#define LEGACY_TYPE_SHIFT 28
#define LEGACY_PFN_MASK 0x0fffffffU

/* Where libxl stops giving RAM below 4 GiB, unless the configuration says otherwise. */
#define LOW_RAM_END G_GUINT64_CONSTANT(0xf0000000)

typedef enum { ERROR, WARNING, NOTE } Severity;

static const char *const severities[] = { "error", "warning", "note" };

typedef struct Finding {
    guint64 offset;
    Severity severity;
    char *text;
} Finding;

/* What is needed of the configuration of xl. */
typedef struct Config {
    gboolean known;
    gboolean vga, std;  /* it has one, and that is QEMU's standard one */
    guint64 video, ram; /* bytes */
    guint64 low_ram_end;
} Config;

typedef struct Verify {
    Stream *stream;
    GPtrArray *findings;
    guint counts[3];
    Config config;
    PageIndex *pages;
    guint64 n_pages;
    gsize legacy_word;

    gboolean libxl, libxc_context;
    gboolean hvm;
    gboolean static_data_ended;
    /* Of the state of the guest that is being read. */
    gboolean hvm_context, hvm_params, emulator_context;
    XenPhysmapTable *state;
    guint64 carrier; /* where its records are */
    /* Of the last complete one. */
    XenPhysmapTable *table;
    guint64 table_at;
} Verify;

static void finding_free(gpointer data)
{
    g_free(((Finding *)data)->text);
    g_free(data);
}

static void add(Verify *verify, Severity severity, guint64 offset, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static void add(Verify *verify, Severity severity, guint64 offset, const char *format, ...)
{
    Finding *finding;
    va_list args;

    verify->counts[severity]++;
    if (verify->findings->len >= FINDINGS_MAX) {
        return;
    }
    finding = g_new0(Finding, 1);
    finding->offset = offset;
    finding->severity = severity;
    va_start(args, format);
    finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(verify->findings, finding);
}

/* The reserved bytes [at, at + length) of the item's head. */
static void check_reserved(Verify *verify, const StreamItem *item, gsize at, gsize length)
{
    if (!bytes_are_zero(stream_head_bytes(verify->stream) + at, length)) {
        add(verify, ERROR, item->offset + at, "%s: reserved bytes are not zero",
            stream_item_name(item));
    }
}

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* KiB in the configuration, as bytes; 0 when it isn't there. */
static guint64 kib_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;
    gint64 value =
        node && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;

    return value > 0 && value < G_MAXINT64 / 1024 ? (guint64)value * 1024 : 0;
}

static void take_config(Config *config, JsonObject *root)
{
    JsonObject *info = object_member(root, "b_info"), *hvm = object_member(info, "type.hvm");
    JsonObject *vga = object_member(hvm, "vga");
    JsonNode *node = vga ? json_object_get_member(vga, "kind") : NULL;
    const char *kind =
        node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
    guint64 hole = kib_member(hvm, "mmio_hole_memkb"), memory = kib_member(info, "max_memkb");

    config->known = hvm != NULL;
    config->vga = hvm && strcmp(kind, "none") != 0;
    config->std = strcmp(kind, "std") == 0;
    config->video = kib_member(info, "video_memkb");
    config->ram = memory > config->video ? memory - config->video : 0;
    config->low_ram_end = hole > 0 && hole < (G_GUINT64_CONSTANT(4) << 30)
                              ? (G_GUINT64_CONSTANT(4) << 30) - hole
                              : LOW_RAM_END;
}

/* The configuration in JSON; the layout's rules do without one that can't be read. */
static gboolean read_config(Verify *verify, const StreamItem *item, GError **error)
{
    gboolean json = bytes_u32(stream_head_bytes(verify->stream) + 36, item->big_endian) & 1;
    g_autofree guint8 *body = NULL;
    g_autoptr(GError) problem = NULL;
    g_autoptr(JsonNode) root = NULL;
    guint32 length;

    if (item->length < 4 || item->length > CONFIG_MAX || !json) {
        return TRUE;
    }
    body = stream_body(verify->stream, CONFIG_MAX, error);
    if (!body) {
        return FALSE;
    }
    length = bytes_u32(body, item->big_endian);
    if (length > item->length - 4) {
        add(verify, ERROR, item->offset + item->head,
            "the configuration's length is %u, and there are %" G_GUINT64_FORMAT " bytes", length,
            item->length - 4);
        return TRUE;
    }
    length = strnlen((char *)body + 4, length);
    root = record_text_load_json((char *)body + 4, length, &problem);
    if (!root) {
        add(verify, WARNING, item->offset + item->head + 4, "the configuration: %s",
            problem->message);
    } else if (JSON_NODE_HOLDS_OBJECT(root)) {
        take_config(&verify->config, json_node_get_object(root));
    }
    return TRUE;
}

static gboolean check_wrapper(Verify *verify, const StreamItem *item, GError **error)
{
    const guint8 *head = stream_head_bytes(verify->stream);

    if (item->type == WRAPPER_LIBVIRT) {
        check_reserved(verify, item, 24, 40);
    }
    if (item->type != WRAPPER_XL) {
        return TRUE;
    }
    if (!bytes_are_zero(head + 40, 4)) {
        add(verify, WARNING, item->offset + 40, "xl: optional flags 0x%x, and none is defined",
            bytes_u32(head + 40, item->big_endian));
    }
    return read_config(verify, item, error);
}

/* One pfn of PAGE_DATA, number `index` of it; TRUE when it has a page. */
static gboolean check_pfn(Verify *verify, const StreamItem *item, guint32 index, guint64 pfn)
{
    guint type = pfn >> PFN_TYPE_SHIFT;
    guint64 at = item->offset + item->head + 8 + 8 * (guint64)index;

    if (pfn & PFN_RESERVED) {
        add(verify, ERROR, at, "PAGE_DATA: pfn %u has reserved bits set: " HEX, index, pfn);
    }
    if (type >= 5 && type <= 8) {
        add(verify, ERROR, at, "PAGE_DATA: pfn %u is of type %u, which is none", index, type);
    }
    page_index_put(verify->pages, pfn & PFN_MASK, type < PAGELESS);
    return type < PAGELESS;
}

static gboolean check_page_data(Verify *verify, const StreamItem *item, GError **error)
{
    guint8 chunk[8192];
    guint32 stored = 0;

    if (!stream_read(verify->stream, chunk, 8, error)) {
        return FALSE;
    }
    if (!bytes_are_zero(chunk + 4, 4)) {
        add(verify, ERROR, item->offset + item->head + 4, "PAGE_DATA: reserved bytes are not zero");
    }
    for (guint32 i = 0; i < item->pages.named;) {
        guint32 n = MIN(item->pages.named - i, sizeof chunk / 8);

        if (!stream_read(verify->stream, chunk, n * 8, error)) {
            return FALSE;
        }
        for (guint32 j = 0; j < n; j++, i++) {
            stored += check_pfn(verify, item, i, bytes_u64(chunk + 8 * j, item->big_endian));
        }
    }
    if (stored != item->pages.stored) {
        add(verify, ERROR, item->offset,
            "PAGE_DATA: by their types %u pfns have a page, and there are %u pages", stored,
            item->pages.stored);
    }
    verify->n_pages += item->pages.stored;
    if (verify->hvm_context) {
        add(verify, WARNING, item->offset, "PAGE_DATA behind HVM_CONTEXT");
    }
    return TRUE;
}

static void check_legacy_pages(Verify *verify, const StreamItem *item)
{
    const guint8 *pfns = stream_head_bytes(verify->stream) + 4;

    for (guint32 i = 0; i < item->pages.named; i++) {
        guint32 pfn = bytes_u32(pfns + i * verify->legacy_word, FALSE);
        guint type = pfn >> LEGACY_TYPE_SHIFT;

        if (type >= 5 && type <= 8) {
            add(verify, ERROR, item->offset + 4 + i * verify->legacy_word,
                "page batch: pfn %u is of type %u, which is none", i, type);
        }
        page_index_put(verify->pages, pfn & LEGACY_PFN_MASK, type < PAGELESS);
    }
    verify->n_pages += item->pages.stored;
}

/* The first bytes of a body; those behind its end are zero. */
static gboolean read_start(Verify *verify, const StreamItem *item, guint8 start[START_MAX],
                           GError **error)
{
    memset(start, 0, START_MAX);
    return stream_read(verify->stream, start, MIN(item->length, START_MAX), error);
}

static void reserved_body(Verify *verify, const StreamItem *item, const guint8 *start, gsize at,
                          gsize length)
{
    if (!bytes_are_zero(start + at, length)) {
        add(verify, ERROR, item->offset + item->head + at, "%s: reserved bytes are not zero",
            stream_item_name(item));
    }
}

static void check_p2m_frames(Verify *verify, const StreamItem *item, const guint8 *start)
{
    guint32 first = bytes_u32(start, item->big_endian);
    guint32 last = bytes_u32(start + 4, item->big_endian);

    if (first > last) {
        add(verify, ERROR, item->offset + item->head,
            "X86_PV_P2M_FRAMES: the first pfn is 0x%x, and the last 0x%x", first, last);
    }
}

/* What the specification of libxc says of a record's first numbers. */
static void check_libxc_start(Verify *verify, const StreamItem *item, const guint8 *start)
{
    guint64 at = item->offset + item->head;
    guint32 count;

    switch (item->type) {
    case LIBXC_X86_PV_INFO:
        if ((start[0] != 4 && start[0] != 8) || (start[1] != 3 && start[1] != 4)) {
            add(verify, ERROR, at, "X86_PV_INFO: width %u and %u levels of page tables", start[0],
                start[1]);
        }
        reserved_body(verify, item, start, 2, 6);
        break;
    case LIBXC_X86_PV_P2M_FRAMES:
        check_p2m_frames(verify, item, start);
        break;
    case LIBXC_X86_PV_VCPU_BASIC:
    case LIBXC_X86_PV_VCPU_EXTENDED:
    case LIBXC_X86_PV_VCPU_XSAVE:
    case LIBXC_X86_PV_VCPU_MSRS:
        reserved_body(verify, item, start, 4, 4);
        if (item->length == 8) {
            add(verify, NOTE, item->offset, "%s is empty", stream_item_name(item));
        }
        break;
    case LIBXC_X86_TSC_INFO:
        reserved_body(verify, item, start, 20, 4);
        break;
    case LIBXC_HVM_PARAMS:
        count = bytes_u32(start, item->big_endian);
        if (8 + 16 * (guint64)count != item->length) {
            add(verify, ERROR, at, "HVM_PARAMS: %u parameters, and a length of %" G_GUINT64_FORMAT,
                count, item->length);
        }
        if (count == 0) {
            add(verify, NOTE, item->offset, "HVM_PARAMS is empty");
        }
        reserved_body(verify, item, start, 4, 4);
        break;
    default:
        break;
    }
}

/* The order of records, as far as the walker doesn't insist on it. HVM_PARAMS belong ahead of
 * HVM_CONTEXT by the specification, but Xen itself writes them the other way round. */
static void check_libxc_order(Verify *verify, const StreamItem *item)
{
    switch (item->type) {
    case LIBXC_HVM_CONTEXT:
        verify->hvm_context = TRUE;
        break;
    case LIBXC_HVM_PARAMS:
        verify->hvm_params = TRUE;
        break;
    case LIBXC_STATIC_DATA_END:
        verify->static_data_ended = TRUE;
        break;
    case LIBXC_X86_CPUID_POLICY:
    case LIBXC_X86_MSR_POLICY:
        if (verify->static_data_ended) {
            add(verify, ERROR, item->offset, "%s behind STATIC_DATA_END", stream_item_name(item));
        }
        break;
    case LIBXC_TOOLSTACK:
        add(verify, WARNING, item->offset, "TOOLSTACK: no released Xen reads it");
        break;
    case LIBXC_VERIFY:
        add(verify, NOTE, item->offset, "VERIFY: what follows repeats memory for comparison");
        break;
    case LIBXC_CHECKPOINT:
    case LIBXC_END:
        if (verify->hvm && (!verify->hvm_context || !verify->hvm_params)) {
            add(verify, ERROR, item->offset, "%s without %s ahead of it", stream_item_name(item),
                verify->hvm_context ? "HVM_PARAMS" : "HVM_CONTEXT");
        }
        verify->hvm_context = verify->hvm_params = FALSE;
        break;
    default:
        break;
    }
}

static void check_libxl_order(Verify *verify, const StreamItem *item)
{
    gboolean emulator =
        item->type == LIBXL_EMULATOR_XENSTORE_DATA || item->type == LIBXL_EMULATOR_CONTEXT;

    if (item->type == LIBXL_LIBXC_CONTEXT) {
        verify->libxc_context = TRUE;
    } else if ((emulator || item->type == LIBXL_END) && !verify->libxc_context) {
        add(verify, ERROR, item->offset, "%s without LIBXC_CONTEXT ahead of it",
            stream_item_name(item));
    }
    if (emulator && item->emulator.id > EMULATOR_QEMU) {
        add(verify, ERROR, item->offset + item->head, "%s: emulator %u, which is none",
            stream_item_name(item), item->emulator.id);
    }
    if (item->type == LIBXL_EMULATOR_XENSTORE_DATA && verify->emulator_context) {
        add(verify, ERROR, item->offset,
            "EMULATOR_XENSTORE_DATA behind EMULATOR_CONTEXT: the device model would miss it");
    }
    verify->emulator_context |= item->type == LIBXL_EMULATOR_CONTEXT;
}

/* The records in an item; what is wrong with them doesn't end the walk. */
static void check_records(Verify *verify, const StreamItem *item)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;

    verify->carrier = item->offset;
    table = savefile_read_records(verify->stream, item, &problem);
    if (!table || !savefile_add_records(verify->state, item, table, &problem)) {
        add(verify, ERROR, item->offset, "%s", problem->message);
    }
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

static gboolean check_body(Verify *verify, const StreamItem *item, GError **error)
{
    guint8 start[START_MAX];

    switch (item->layer) {
    case STREAM_WRAPPER:
        return check_wrapper(verify, item, error);
    case STREAM_LIBXL_HEADER:
        verify->libxl = TRUE;
        if (item->header.options & ~LIBXL_OPTIONS) {
            add(verify, ERROR, item->offset + 12, "libxl header: options 0x%x have reserved bits",
                item->header.options);
        }
        break;
    case STREAM_LIBXC_HEADER:
        if (item->header.options & ~LIBXC_OPTIONS) {
            add(verify, ERROR, item->offset + 16, "libxc header: options 0x%x have reserved bits",
                item->header.options);
        }
        check_reserved(verify, item, 18, 6);
        break;
    case STREAM_DOMAIN_HEADER:
        verify->hvm = item->domain.guest == GUEST_X86_HVM;
        check_reserved(verify, item, 6, 2);
        break;
    case STREAM_LEGACY_HEADER:
        verify->legacy_word = item->header.version / 8;
        break;
    case STREAM_LEGACY_CHUNK:
        if (item->type == LEGACY_PAGES) {
            check_legacy_pages(verify, item);
        }
        break;
    case STREAM_LIBXL_RECORD:
    case STREAM_LIBXC_RECORD:
        if (item->type & STREAM_OPTIONAL) {
            add(verify, NOTE, item->offset, "an optional record of type 0x%x, not known here",
                item->type);
            break;
        }
        if (item->layer == STREAM_LIBXL_RECORD) {
            check_libxl_order(verify, item);
            break;
        }
        check_libxc_order(verify, item);
        if (item->type == LIBXC_PAGE_DATA) {
            return check_page_data(verify, item, error);
        }
        if (item->type == LIBXC_TOOLSTACK) {
            break;
        }
        if (!read_start(verify, item, start, error)) {
            return FALSE;
        }
        check_libxc_start(verify, item, start);
        break;
    default:
        break;
    }
    return TRUE;
}

static gboolean check_padding(Verify *verify, const StreamItem *item, GError **error)
{
    guint8 padding[8];

    if (item->padding == 0) {
        return TRUE;
    }
    if (!stream_pass_body(verify->stream, error) ||
        !stream_read(verify->stream, padding, item->padding, error)) {
        return FALSE;
    }
    if (!bytes_are_zero(padding, item->padding)) {
        add(verify, ERROR, item->offset + item->head + item->length, "%s: padding is not zero",
            stream_item_name(item));
    }
    return TRUE;
}

static gboolean check_item(Verify *verify, const StreamItem *item, GError **error)
{
    if (!check_body(verify, item, error)) {
        return FALSE;
    }
    if (savefile_has_records(item)) {
        check_records(verify, item);
    }
    if (!check_padding(verify, item, error)) {
        return FALSE;
    }
    if (savefile_completes_state(item, verify->libxl)) {
        end_state(verify);
    }
    return TRUE;
}

static gboolean check_items(Verify *verify, GError **error)
{
    StreamItem item;

    while (stream_next(verify->stream, &item, error)) {
        if (item.layer == STREAM_END) {
            return TRUE;
        }
        if (!check_item(verify, &item, error)) {
            return FALSE;
        }
    }
    return FALSE;
}

static void check_ram(Verify *verify, const XenPhysmapRecord *record)
{
    guint64 ram = MIN(verify->config.ram, verify->config.low_ram_end);

    if (record->start_addr < ram) {
        add(verify, ERROR, verify->table_at,
            "%s at " HEX " lies in the guest's RAM, which goes up to " HEX, record->name,
            record->start_addr, ram);
    }
}

static void check_pages(Verify *verify, const XenPhysmapRecord *record)
{
    guint64 first = record->start_addr >> XEN_PHYSMAP_PAGE_SHIFT;
    guint64 n = record->size >> XEN_PHYSMAP_PAGE_SHIFT, missing_at;
    guint64 missing = page_index_missing(verify->pages, first, n, &missing_at);

    if (missing > 0) {
        add(verify, ERROR, verify->table_at,
            "%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
            " pages are not in the stream, the first at " HEX,
            record->name, missing, n, missing_at << XEN_PHYSMAP_PAGE_SHIFT);
    }
}

/* A videoram record where the configuration has a VGA, and of what size. */
static void check_videoram(Verify *verify)
{
    const XenPhysmapRecord *record, *vram = NULL;

    if (!verify->config.vga) {
        return;
    }
    for (guint i = 0; (record = xen_physmap_table_get(verify->table, i)); i++) {
        if (g_str_has_suffix(record->name, "vga.vram") ||
            g_str_has_suffix(record->name, "qxl.vgavram")) {
            vram = record;
        }
    }
    if (!vram) {
        add(verify, WARNING, verify->table_at,
            "the configuration has a VGA, and there is no record of its videoram");
    } else if (verify->config.std && verify->config.video && verify->config.video != vram->size) {
        g_autofree char *has = record_text_size(vram->size);
        g_autofree char *wants = record_text_size(verify->config.video);

        add(verify, ERROR, verify->table_at, "%s has %s, and the configuration's videoram is %s",
            vram->name, has, wants);
    }
}

static void check_layout(Verify *verify)
{
    const XenPhysmapRecord *record;

    if (!verify->table || xen_physmap_table_size(verify->table) == 0) {
        if (verify->counts[ERROR] == 0) {
            add(verify, NOTE, 0, "there are no records, so no layout to check");
        }
        return;
    }
    for (guint i = 0; (record = xen_physmap_table_get(verify->table, i)); i++) {
        check_ram(verify, record);
        if (page_index_is_whole(verify->pages)) {
            check_pages(verify, record);
        }
    }
    if (!page_index_is_whole(verify->pages)) {
        add(verify, NOTE, verify->table_at, "the pfns are too far apart to keep account of");
    }
    check_videoram(verify);
}

static void check_tail(Verify *verify, int fd)
{
    guint64 end = stream_offset(verify->stream);
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (guint64)st.st_size > end) {
        add(verify, NOTE, end, "%" G_GUINT64_FORMAT " bytes follow the stream's end",
            (guint64)st.st_size - end);
    }
}

/* FALSE when the input can't be read; what is wrong in it is a finding. */
static gboolean verify_fd(Verify *verify, int fd, GError **error)
{
    g_autoptr(Stream) stream = stream_open(fd, error);
    g_autoptr(GError) problem = NULL;

    if (!stream) {
        return FALSE;
    }
    stream_keep_heads(stream);
    verify->stream = stream;
    if (check_items(verify, &problem)) {
        check_tail(verify, fd);
    } else if (stream_cut(stream)) {
        add(verify, NOTE, stream_offset(stream),
            "the input ends behind checkpoint %u, which counts", stream_checkpoints(stream));
    } else if (g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID)) {
        add(verify, ERROR, stream_offset(stream), "%s", problem->message);
        return TRUE;
    } else {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    check_layout(verify);
    return TRUE;
}

static void print_text(const Verify *verify, const char *source)
{
    g_autofree char *shown = xen_physmap_escape(source, -1);

    for (guint i = 0; i < verify->findings->len; i++) {
        const Finding *finding = verify->findings->pdata[i];

        printf(HEX ": %s: %s\n", finding->offset, severities[finding->severity], finding->text);
    }
    printf("%s:", shown);
    for (guint i = 0; i < G_N_ELEMENTS(severities); i++) {
        printf("%s %u %s%s", i ? "," : "", verify->counts[i], severities[i],
               verify->counts[i] == 1 ? "" : "s");
    }
    if (verify->counts[ERROR] + verify->counts[WARNING] == 0) {
        printf("; %" G_GUINT64_FORMAT " pages, %u records", verify->n_pages,
               verify->table ? xen_physmap_table_size(verify->table) : 0);
    }
    putchar('\n');
}

static void print_json(const Verify *verify, const char *source)
{
    JsonNode *node;
    JsonArray *array = json_array_new();
    g_autoptr(XenPhysmapTable) none = xen_physmap_table_new();

    node = record_text_json(verify->table ? verify->table : none, RECORD_TEXT_NO_DOMID, source);
    for (guint i = 0; i < verify->findings->len; i++) {
        const Finding *finding = verify->findings->pdata[i];
        JsonObject *object = json_object_new();

        json_object_set_int_member(object, "offset", finding->offset);
        json_object_set_string_member(object, "severity", severities[finding->severity]);
        json_object_set_string_member(object, "text", finding->text);
        json_array_add_object_element(array, object);
    }
    json_object_set_array_member(json_node_get_object(node), "findings", array);
    json_object_set_int_member(json_node_get_object(node), "errors", verify->counts[ERROR]);
    json_object_set_int_member(json_node_get_object(node), "warnings", verify->counts[WARNING]);
    json_object_set_int_member(json_node_get_object(node), "notes", verify->counts[NOTE]);
    record_text_print_json(stdout, node);
}

int verb_verify(int argc, char **argv)
{
    gboolean json = FALSE, readable = FALSE;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    Verify verify = { 0 };
    int fd, end;

    if (!verb_options(&argc, &argv, entries, "SAVEFILE|-",
                      "Holds a savefile or migration stream against the rules of its format, and "
                      "its records\nagainst those of a layout. One line for each finding: offset, "
                      "severity, text.\n"
                      "\n"
                      "error: a restore fails, or the guest finds its memory wrong\n"
                      "warning: no toolstack writes it so\n"
                      "note: worth knowing\n"
                      "\n"
                      "Exit code 0 when there are notes at most, otherwise 1.",
                      1, 1)) {
        return EXIT_TROUBLE;
    }
    verify.findings = g_ptr_array_new_with_free_func(finding_free);
    verify.state = xen_physmap_table_new();
    verify.pages = page_index_new();
    fd = input_open(argv[1], &error);
    if (fd >= 0) {
        readable = verify_fd(&verify, fd, &error);
        close(fd);
    }
    if (readable) {
        (json ? print_json : print_text)(&verify, argv[1]);
        end = verify.counts[ERROR] + verify.counts[WARNING] ? EXIT_FINDING : EXIT_FINE;
    } else {
        g_autofree char *shown = xen_physmap_escape(argv[1], -1);

        g_prefix_error(&error, "%s: ", shown);
        end = verb_fail(g_steal_pointer(&error));
    }
    g_ptr_array_unref(verify.findings);
    xen_physmap_table_free(verify.state);
    xen_physmap_table_free(verify.table);
    page_index_free(verify.pages);
    return end;
}
