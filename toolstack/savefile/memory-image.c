/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies each range of memory that a savefile has to where the format puts it. */
#include "memory-image.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "bytes.h"
#include "elf-core.h"
#include "page-index.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE
#define CHUNK (1U << 20)

/* The context of 128 vcpus has a few hundred KiB. */
#define CONTEXT_MAX (16U << 20)

/* Where a PC has video memory below 1 MiB, and no RAM. */
#define VGA_START 0xa0000U
#define VGA_END 0xc0000U

#define LIME_MAGIC 0x4c694d45U
#define LIME_VERSION 1

gboolean memory_image_format(const char *name, MemoryFormat *format, GError **error)
{
    static const char *const names[] = {
        [MEMORY_RAW] = "raw",
        [MEMORY_ELF] = "elf",
        [MEMORY_LIME] = "lime",
    };
    g_autofree char *shown = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *format = i;
            return TRUE;
        }
    }
    shown = xen_physmap_escape(name, -1);
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                "there is no format '%s' of memory; the formats are " MEMORY_FORMATS, shown);
    return FALSE;
}

/* A copy in progress. */
typedef struct Copy {
    int fd;
    GuestMemory *memory;
    guint8 *context; /* the body of HVM_CONTEXT */
    gsize context_length;
    AtomicFile *output;
    guint64 at;    /* written so far */
    guint8 *chunk; /* CHUNK bytes */
} Copy;

static gboolean system_failed(const char *what, GError **error)
{
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "%s: %s", what,
                g_strerror(errno));
    return FALSE;
}

/* --- where the pages are --- */

static gboolean take_context(Copy *copy, Stream *stream, const StreamItem *item, GError **error)
{
    if (item->length > CONTEXT_MAX) {
        return TRUE;
    }
    g_free(copy->context);
    copy->context = stream_body(stream, CONTEXT_MAX, error);
    copy->context_length = item->length;
    return copy->context != NULL;
}

static gboolean take_pages(Copy *copy, Stream *stream, const StreamItem *item, GError **error)
{
    GuestPages *pages = guest_pages_read(stream, item, error);
    gboolean ok = pages && guest_memory_add(copy->memory, pages, error);

    if (pages) {
        guest_pages_free(pages);
    }
    return ok;
}

static gboolean find_pages(Copy *copy, guint64 end, GError **error)
{
    g_autoptr(Stream) stream = stream_open(copy->fd, error);
    StreamItem item;

    if (!stream) {
        return FALSE;
    }
    while (stream_next(stream, &item, error)) {
        if (item.layer == STREAM_END || item.offset >= end) {
            return TRUE;
        }
        if ((stream_has_pages(&item) && !take_pages(copy, stream, &item, error)) ||
            (item.layer == STREAM_LIBXC_RECORD && item.type == LIBXC_HVM_CONTEXT &&
             !take_context(copy, stream, &item, error))) {
            return FALSE;
        }
    }
    return FALSE;
}

/* --- what is written --- */

/* Writes bytes at the end of the output. In a regular file, zeros become a hole. */
static gboolean append(Copy *copy, const void *bytes, gsize length, GError **error)
{
    if (!atomic_file_is_direct(copy->output) && bytes_are_zero(bytes, length)) {
        copy->at += length;
        return lseek(atomic_file_fd(copy->output), copy->at, SEEK_SET) >= 0 ||
               system_failed("can't write the memory", error);
    }
    copy->at += length;
    return atomic_file_write(copy->output, bytes, length, error);
}

static gboolean append_zeros(Copy *copy, guint64 length, GError **error)
{
    memset(copy->chunk, 0, CHUNK);
    while (length > 0) {
        gsize n = MIN(length, CHUNK);

        if (!append(copy, copy->chunk, n, error)) {
            return FALSE;
        }
        length -= n;
    }
    return TRUE;
}

static gboolean append_range(Copy *copy, const GuestRange *range, GError **error)
{
    for (guint64 at = range->start; at < range->end;) {
        gsize n = MIN(range->end - at, CHUNK);

        if (!guest_memory_read(copy->memory, copy->fd, at, copy->chunk, n, error) ||
            !append(copy, copy->chunk, n, error)) {
            return FALSE;
        }
        at += n;
    }
    return TRUE;
}

static gboolean append_lime_header(Copy *copy, const GuestRange *range, GError **error)
{
    struct {
        guint32 magic, version;
        guint64 first, last, reserved;
    } header = { GUINT32_TO_LE(LIME_MAGIC), GUINT32_TO_LE(LIME_VERSION),
                 GUINT64_TO_LE(range->start), GUINT64_TO_LE(range->end - 1), 0 };

    return append(copy, &header, sizeof header, error);
}

/* Raw and LiME, which have one range after the other. */
static gboolean write_ranges(Copy *copy, gboolean lime, GError **error)
{
    GuestRange range = { 0, 0 };

    while (guest_memory_next(copy->memory, range.end, &range)) {
        if (!(lime ? append_lime_header(copy, &range, error)
                   : append_zeros(copy, range.start - copy->at, error)) ||
            !append_range(copy, &range, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean write_core(Copy *copy, MemoryImage *image, GError **error)
{
    g_autoptr(ElfCore) core = elf_core_new(copy->memory, copy->context, copy->context_length);
    guint64 size = elf_core_size(core);

    image->vcpus = elf_core_vcpus(core);
    while (copy->at < size) {
        gsize n = MIN(size - copy->at, CHUNK);

        if (!elf_core_read(core, copy->memory, copy->fd, copy->at, copy->chunk, n, error) ||
            !append(copy, copy->chunk, n, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* A file that ends with a hole needs its length set. */
static gboolean finish(Copy *copy, GError **error)
{
    return atomic_file_is_direct(copy->output) ||
           ftruncate(atomic_file_fd(copy->output), copy->at) == 0 ||
           system_failed("can't write the memory", error);
}

/* --- what it says --- */

static guint64 missing(const GuestMemory *memory, guint64 start, guint64 end)
{
    return start < end ? (end - start) / PAGE - guest_memory_pages(memory, start, end) : 0;
}

static void describe(const Copy *copy, const Savefile *contents, MemoryImage *image)
{
    const GuestConfig *config = contents->config;
    GuestRange range = { 0, 0 };
    guint64 low, high, all;

    image->end = guest_memory_end(copy->memory);
    while (guest_memory_next(copy->memory, range.end, &range)) {
        image->stretches++;
        image->pages += (range.end - range.start) / PAGE;
    }
    guest_config_find_ram(config, contents->table, &low, &high);
    if (low <= VGA_END) {
        return;
    }
    all = low / PAGE + (high > PAGE_INDEX_4GIB ? (high - PAGE_INDEX_4GIB) / PAGE : 0);
    image->ram = all - (VGA_END - VGA_START) / PAGE;
    image->ram_missing = missing(copy->memory, 0, VGA_START) + missing(copy->memory, VGA_END, low) +
                         missing(copy->memory, PAGE_INDEX_4GIB, high);
    /* Memory that a balloon took or the firmware moved isn't missing. */
    if (config->target > 0 && config->target < config->memory) {
        image->ram_missing -= MIN(image->ram_missing, (config->memory - config->target) / PAGE);
    }
    if (image->ram_missing > 0) {
        guint64 moved = guest_memory_pages(copy->memory, MAX(high, PAGE_INDEX_4GIB),
                                           MAX(image->end, PAGE_INDEX_4GIB));

        image->ram_missing -= MIN(image->ram_missing, moved);
    }
}

gboolean memory_image_write(int fd, const Savefile *contents, MemoryFormat format,
                            AtomicFile *output, MemoryImage *image, GError **error)
{
    Copy copy = { .fd = fd, .output = output };
    gboolean ok;

    memset(image, 0, sizeof *image);
    copy.memory = guest_memory_new();
    copy.chunk = g_malloc(CHUNK);
    ok = find_pages(&copy, contents->end, error) &&
         (format == MEMORY_ELF ? write_core(&copy, image, error)
                               : write_ranges(&copy, format == MEMORY_LIME, error)) &&
         finish(&copy, error);
    if (ok) {
        describe(&copy, contents, image);
    }
    guest_memory_free(copy.memory);
    g_free(copy.context);
    g_free(copy.chunk);
    return ok;
}
