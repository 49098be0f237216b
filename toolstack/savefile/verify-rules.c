/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of verify. Each is a function, named in verify-rules.def. */
#include <string.h>

#include "bytes.h"
#include "config-devices.h"
#include "emulator-data.h"
#include "number.h"
#include "record-text.h"
#include "verify.h"

/* --- any item --- */

static void check_format(Verify *verify)
{
    verify_found(verify, verify->end, "%s", verify->problem);
}

static void check_padding(Verify *verify)
{
    const StreamItem *item = verify->item;

    if (!verify->padding_is_zero) {
        verify_found(verify, item->offset + item->head + item->length, "%s: padding is not zero",
                     stream_item_name(item));
    }
}

static void check_optional_record(Verify *verify)
{
    const StreamItem *item = verify->item;

    if ((item->layer == STREAM_LIBXL_RECORD || item->layer == STREAM_LIBXC_RECORD) &&
        item->type & STREAM_OPTIONAL) {
        verify_found(verify, item->offset, "an optional record of type 0x%x, not known here",
                     item->type);
    }
}

static void check_whole(Verify *verify)
{
    if (verify->lacks) {
        verify_found(verify, verify->item->offset,
                     "%s without %s before it: a restore would fail, or run without it",
                     stream_item_name(verify->item), verify->lacks);
    }
}

/* --- wrappers --- */

static void reserved_head(Verify *verify, gsize at, gsize length)
{
    if (!bytes_are_zero(verify->head + at, length)) {
        verify_found(verify, verify->item->offset + at, "%s: reserved bytes are not zero",
                     stream_item_name(verify->item));
    }
}

static void check_wrapper_reserved(Verify *verify)
{
    if (verify->item->type == WRAPPER_LIBVIRT) {
        reserved_head(verify, 24, 40);
    }
}

static void check_xl_flags(Verify *verify)
{
    if (verify->item->type == WRAPPER_XL && verify->item->flags.optional) {
        verify_found(verify, verify->item->offset + 40,
                     "xl: optional flags 0x%x, and none is defined", verify->item->flags.optional);
    }
}

static void check_config(Verify *verify)
{
    if (verify->problem) {
        verify_found(verify, verify->item->offset + verify->item->head, "the configuration: %s",
                     verify->problem);
    }
}

/* --- libxl --- */

static gboolean is_libxl(const Verify *verify, LibxlType type)
{
    return verify->item->layer == STREAM_LIBXL_RECORD && verify->item->type == type;
}

static gboolean is_emulator(const Verify *verify)
{
    return is_libxl(verify, LIBXL_EMULATOR_XENSTORE_DATA) ||
           is_libxl(verify, LIBXL_EMULATOR_CONTEXT);
}

/* A guest that resumed from older memory would overwrite newer data on its disk. */
static void check_disk_changed(Verify *verify)
{
    const GuestConfig *config = verify->config;
    g_autoptr(ConfigText) text = NULL;
    g_autoptr(GPtrArray) disks = NULL;

    if (config && verify->written > 0) {
        text = config_text_parse(verify->item->type == WRAPPER_LIBVIRT, config->text,
                                 strlen(config->text), NULL);
        disks = text ? config_changed_disks(text, verify->written) : NULL;
    }
    for (guint i = 0; disks && i < disks->len; i++) {
        verify_found(verify, verify->item->offset + verify->item->head, "%s",
                     (const char *)disks->pdata[i]);
    }
}

static void check_libxl_options(Verify *verify)
{
    const StreamItem *item = verify->item;

    if (item->layer == STREAM_LIBXL_HEADER && item->header.options & ~LIBXL_OPTIONS_KNOWN) {
        verify_found(verify, item->offset + 12, "libxl header: options 0x%x have reserved bits",
                     item->header.options);
    }
}

static void check_libxl_order(Verify *verify)
{
    if ((is_emulator(verify) || is_libxl(verify, LIBXL_END)) && !verify->libxc_context) {
        verify_found(verify, verify->item->offset, "%s without LIBXC_CONTEXT before it",
                     stream_item_name(verify->item));
    }
}

static void check_emulator_id(Verify *verify)
{
    const StreamItem *item = verify->item;

    if (is_emulator(verify) && item->emulator.id > EMULATOR_QEMU) {
        verify_found(verify, item->offset + item->head, "%s: emulator %u, which does not exist",
                     stream_item_name(item), item->emulator.id);
    }
}

static void check_xenstore_order(Verify *verify)
{
    if (is_libxl(verify, LIBXL_EMULATOR_XENSTORE_DATA) && verify->emulator_context) {
        verify_found(
            verify, verify->item->offset,
            "EMULATOR_XENSTORE_DATA after EMULATOR_CONTEXT: the device model would miss it");
    }
}

/* --- libxc --- */

static gboolean is_libxc(const Verify *verify, LibxcType type)
{
    return verify->item->layer == STREAM_LIBXC_RECORD && verify->item->type == type;
}

static gboolean is_vcpu(const Verify *verify)
{
    return is_libxc(verify, LIBXC_X86_PV_VCPU_BASIC) ||
           is_libxc(verify, LIBXC_X86_PV_VCPU_EXTENDED) ||
           is_libxc(verify, LIBXC_X86_PV_VCPU_XSAVE) || is_libxc(verify, LIBXC_X86_PV_VCPU_MSRS);
}

static guint64 body_at(const Verify *verify)
{
    return verify->item->offset + verify->item->head;
}

static void check_libxc_options(Verify *verify)
{
    const StreamItem *item = verify->item;

    if (item->layer == STREAM_LIBXC_HEADER && item->header.options & ~LIBXC_OPTIONS_KNOWN) {
        verify_found(verify, item->offset + 16, "libxc header: options 0x%x have reserved bits",
                     item->header.options);
    }
}

static void check_libxc_reserved(Verify *verify)
{
    static const struct {
        LibxcType type;
        guint8 at, length;
    } bodies[] = {
        { LIBXC_PAGE_DATA, 4, 4 },         { LIBXC_X86_PV_INFO, 2, 6 },
        { LIBXC_X86_PV_VCPU_BASIC, 4, 4 }, { LIBXC_X86_PV_VCPU_EXTENDED, 4, 4 },
        { LIBXC_X86_PV_VCPU_XSAVE, 4, 4 }, { LIBXC_X86_PV_VCPU_MSRS, 4, 4 },
        { LIBXC_X86_TSC_INFO, 20, 4 },     { LIBXC_HVM_PARAMS, 4, 4 },
    };

    if (verify->item->layer == STREAM_LIBXC_HEADER) {
        reserved_head(verify, 18, 6);
    } else if (verify->item->layer == STREAM_DOMAIN_HEADER) {
        reserved_head(verify, 6, 2);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
        if (is_libxc(verify, bodies[i].type) &&
            !bytes_are_zero(verify->start + bodies[i].at, bodies[i].length)) {
            verify_found(verify, body_at(verify) + bodies[i].at, "%s: reserved bytes are not zero",
                         stream_item_name(verify->item));
        }
    }
}

static void check_pv_info(Verify *verify)
{
    const guint8 *start = verify->start;

    if (is_libxc(verify, LIBXC_X86_PV_INFO) &&
        ((start[0] != 4 && start[0] != 8) || (start[1] != 3 && start[1] != 4))) {
        verify_found(verify, body_at(verify), "X86_PV_INFO: width %u and %u levels of page tables",
                     start[0], start[1]);
    }
}

static void check_p2m_frames(Verify *verify)
{
    guint32 first = bytes_u32(verify->start, verify->item->big_endian);
    guint32 last = bytes_u32(verify->start + 4, verify->item->big_endian);

    if (is_libxc(verify, LIBXC_X86_PV_P2M_FRAMES) && first > last) {
        verify_found(verify, body_at(verify),
                     "X86_PV_P2M_FRAMES: the first pfn is 0x%x, and the last 0x%x", first, last);
    }
}

static void check_hvm_params(Verify *verify)
{
    guint64 count = bytes_u32(verify->start, verify->item->big_endian);

    if (is_libxc(verify, LIBXC_HVM_PARAMS) && 8 + 16 * count != verify->item->length) {
        verify_found(verify, body_at(verify),
                     "HVM_PARAMS: %" G_GUINT64_FORMAT " parameters, and a length of "
                     "%" G_GUINT64_FORMAT,
                     count, verify->item->length);
    }
}

static void check_empty_record(Verify *verify)
{
    if ((is_vcpu(verify) || is_libxc(verify, LIBXC_HVM_PARAMS)) && verify->item->length == 8) {
        verify_found(verify, verify->item->offset, "%s is empty", stream_item_name(verify->item));
    }
}

static void check_policy_order(Verify *verify)
{
    if ((is_libxc(verify, LIBXC_X86_CPUID_POLICY) || is_libxc(verify, LIBXC_X86_MSR_POLICY)) &&
        verify->static_data_ended) {
        verify_found(verify, verify->item->offset, "%s after STATIC_DATA_END",
                     stream_item_name(verify->item));
    }
}

/* HVM_PARAMS belong ahead of HVM_CONTEXT by the specification, but Xen itself writes them the other
 * way round; so there is no rule for that. */
static void check_pages_order(Verify *verify)
{
    if (is_libxc(verify, LIBXC_PAGE_DATA) && verify->hvm_context) {
        verify_found(verify, verify->item->offset, "PAGE_DATA after HVM_CONTEXT");
    }
}

static void check_toolstack_record(Verify *verify)
{
    if (is_libxc(verify, LIBXC_TOOLSTACK)) {
        verify_found(verify, verify->item->offset, "TOOLSTACK: no released Xen reads it");
    }
}

static void check_verify_record(Verify *verify)
{
    if (is_libxc(verify, LIBXC_VERIFY)) {
        verify_found(verify, verify->item->offset,
                     "VERIFY: what follows repeats memory for comparison");
    }
}

/* --- pages --- */

static gboolean is_legacy(const Verify *verify)
{
    return verify->item->layer == STREAM_LEGACY_CHUNK;
}

static guint64 pfn_at(const Verify *verify)
{
    return is_legacy(verify)
               ? verify->item->offset + 4 + verify->pfn_index * verify->legacy_word
               : verify->item->offset + verify->item->head + 8 + 8 * verify->pfn_index;
}

static void check_pfn_reserved(Verify *verify)
{
    if (!is_legacy(verify) && verify->pfn & LIBXC_PFN_RESERVED) {
        verify_found(verify, pfn_at(verify),
                     "PAGE_DATA: pfn %" G_GUINT64_FORMAT " has reserved bits set: " HEX,
                     verify->pfn_index, verify->pfn);
    }
}

static void check_pfn_type(Verify *verify)
{
    guint type = is_legacy(verify) ? verify->pfn >> LEGACY_PFN_TYPE_SHIFT
                                   : verify->pfn >> LIBXC_PFN_TYPE_SHIFT;

    if (!PFN_TYPE_EXISTS(type)) {
        verify_found(verify, pfn_at(verify),
                     "%s: pfn %" G_GUINT64_FORMAT " has type %u, which does not exist",
                     stream_item_name(verify->item), verify->pfn_index, type);
    }
}

static void check_page_count(Verify *verify)
{
    if (verify->stored != verify->item->pages.stored) {
        verify_found(verify, verify->item->offset,
                     "%s: by their types %u pfns have a page, and there are %u pages",
                     stream_item_name(verify->item), verify->stored, verify->item->pages.stored);
    }
}

/* --- records, and the end --- */

static void check_records(Verify *verify)
{
    if (verify->problem) {
        verify_found(verify, verify->item->offset, "%s", verify->problem);
    }
}

static void check_cut(Verify *verify)
{
    if (verify->checkpoint) {
        verify_found(verify, verify->end, "the input ends after checkpoint %u, which counts",
                     verify->checkpoint);
    }
}

static void check_tail(Verify *verify)
{
    if (verify->size > verify->end) {
        verify_found(verify, verify->end, "%" G_GUINT64_FORMAT " bytes follow the stream's end",
                     verify->size - verify->end);
    }
}

static void check_no_records(Verify *verify)
{
    if ((!verify->table || xen_physmap_table_size(verify->table) == 0) &&
        verify->counts[VERIFY_ERROR] == 0) {
        verify_found(verify, 0, "there are no records, so no layout to check");
    }
}

/* --- the layout --- */

static const XenPhysmapRecord *lowest(const Verify *verify)
{
    return verify->table ? xen_physmap_table_get(verify->table, 0) : NULL;
}

static gboolean overlaps(const XenPhysmapRecord *record, guint64 start, guint64 end)
{
    return record->start_addr < end && record->start_addr + record->size > start;
}

static void check_block_in_ram(Verify *verify)
{
    const XenPhysmapRecord *record;
    guint64 low, high;

    guest_config_find_ram(verify->config, verify->table, &low, &high);
    for (guint i = 0; (record = xen_physmap_table_get(verify->table, i)); i++) {
        if (overlaps(record, 0, low)) {
            verify_found(verify, verify->table_at,
                         "%s at " HEX " lies in the guest's RAM, which goes up to " HEX,
                         record->name, record->start_addr, low);
        } else if (overlaps(record, PAGE_INDEX_4GIB, high)) {
            verify_found(verify, verify->table_at,
                         "%s at " HEX " lies in the guest's RAM, which goes from 4 GiB up to " HEX,
                         record->name, record->start_addr, high);
        }
    }
}

/* The memory, in MiB, of a guest whose RAM ends here. */
static guint64 started_with(const GuestConfig *config, guint64 end)
{
    guint64 ram = end > PAGE_INDEX_4GIB ? end - PAGE_INDEX_4GIB + config->low_ram_end : end;

    return (ram + config->video) >> 20;
}

/* Where RAM ends by the configuration; 0 when the configuration doesn't tell. */
static guint64 expected_end(const Verify *verify)
{
    const GuestConfig *config = verify->config;

    if (!config || config->type != CONFIG_HVM || config->memory == 0 ||
        (config->video == 0 && g_strcmp0(config->vga, "none") != 0)) {
        return 0;
    }
    return guest_config_high_ram(config) > PAGE_INDEX_4GIB ? guest_config_high_ram(config)
                                                           : guest_config_low_ram(config);
}

static void check_memory_grew(Verify *verify)
{
    const XenPhysmapRecord *first = lowest(verify);
    guint64 end = expected_end(verify);

    if (end > 0 && first->phys_offset < end) {
        guint64 memory = started_with(verify->config, first->phys_offset);

        verify_found(verify, verify->table_at,
                     "%s was allocated at " HEX ", and by the configuration RAM ends at " HEX
                     ": the guest was started with "
                     "%" G_GUINT64_FORMAT " MiB, and xl mem-max has changed that since; restore "
                     "it with maxmem=%" G_GUINT64_FORMAT " in the configuration",
                     first->name, first->phys_offset, end, memory, memory);
    }
}

static gboolean is_videoram(const XenPhysmapRecord *record)
{
    return g_str_has_suffix(record->name, "vga.vram") ||
           g_str_has_suffix(record->name, "qxl.vgavram");
}

/* If the first block is another one, this shows nothing: the first may have been unplugged. */
static void check_memory_shrank(Verify *verify)
{
    const XenPhysmapRecord *first = lowest(verify);
    guint64 end = expected_end(verify);

    if (end > 0 && first->phys_offset >= end + (1U << 20) && is_videoram(first)) {
        guint64 memory = started_with(verify->config, first->phys_offset);

        verify_found(verify, verify->table_at,
                     "%s was allocated at " HEX ", and by the configuration RAM ends at " HEX
                     ": the guest may have been "
                     "started with %" G_GUINT64_FORMAT " MiB; restore it with maxmem="
                     "%" G_GUINT64_FORMAT " in the configuration then",
                     first->name, first->phys_offset, end, memory, memory);
    }
}

static void check_pages_missing(Verify *verify)
{
    const XenPhysmapRecord *record;

    if (!page_index_is_whole(verify->pages)) {
        return;
    }
    for (guint i = 0; (record = xen_physmap_table_get(verify->table, i)); i++) {
        guint64 first = record->start_addr >> XEN_PHYSMAP_PAGE_SHIFT;
        guint64 n = record->size >> XEN_PHYSMAP_PAGE_SHIFT, missing_at;
        guint64 missing = page_index_missing(verify->pages, first, n, &missing_at);

        if (missing > 0) {
            verify_found(verify, verify->table_at,
                         "%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                         " pages are not in the stream, the first at " HEX,
                         record->name, missing, n, missing_at << XEN_PHYSMAP_PAGE_SHIFT);
        }
    }
}

static const XenPhysmapRecord *find_videoram(const Verify *verify)
{
    const XenPhysmapRecord *record, *found = NULL;

    for (guint i = 0; (record = xen_physmap_table_get(verify->table, i)); i++) {
        if (is_videoram(record)) {
            found = record;
        }
    }
    return found;
}

static void check_videoram_record(Verify *verify)
{
    const GuestConfig *config = verify->config;

    if (config && config->type == CONFIG_HVM && g_strcmp0(config->vga, "none") != 0 &&
        !find_videoram(verify)) {
        verify_found(verify, verify->table_at,
                     "the configuration has a VGA, and there is no record of its videoram");
    }
}

/* QEMU rounds the videoram of the standard VGA and of cirrus up to a power of two. */
static guint64 made_of(guint64 video)
{
    guint64 made = 1U << 20;

    while (made < video && made < 512U << 20) {
        made <<= 1;
    }
    return made;
}

static void check_videoram_size(Verify *verify)
{
    const GuestConfig *config = verify->config;
    const XenPhysmapRecord *record = find_videoram(verify);

    if (record && config && config->video > 0 &&
        (g_strcmp0(config->vga, "std") == 0 || g_strcmp0(config->vga, "cirrus") == 0) &&
        record->size != made_of(config->video)) {
        g_autofree char *has = record_text_size(record->size);
        g_autofree char *wants = record_text_size(config->video);
        g_autofree char *makes = record_text_size(made_of(config->video));

        verify_found(verify, verify->table_at,
                     "%s has %s, and of the configuration's videoram of %s QEMU makes %s",
                     record->name, has, wants, makes);
    }
}

static void check_unclaimed(Verify *verify)
{
    guint64 low, high, first, n;

    guest_config_find_ram(verify->config, verify->table, &low, &high);
    /* When the records can't be read, all of their pages would be reported. */
    if (low == 0 || !verify->table || !page_index_is_whole(verify->pages) ||
        (!lowest(verify) && verify->counts[VERIFY_ERROR] > 0)) {
        return;
    }
    n = page_index_unclaimed(verify->pages, verify->table, low, high, &first);
    if (n > 0) {
        verify_found(verify, verify->table_at,
                     "%" G_GUINT64_FORMAT " pages above the guest's RAM belong to no record, the "
                     "first at " HEX,
                     n, first);
    }
}

static void check_scattered(Verify *verify)
{
    if (!page_index_is_whole(verify->pages)) {
        verify_found(verify, verify->table_at, "the pfns are too far apart to keep track of");
    }
}

#define RULE(name, stage, severity, summary)                                                       \
    { #name, VERIFY_##stage, VERIFY_##severity, check_##name, summary },

const VerifyRule verify_rules[] = {
#include "verify-rules.def"
};

const guint verify_n_rules = G_N_ELEMENTS(verify_rules);
