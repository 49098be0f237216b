/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap extract: writes the contents of ramblocks in a savefile to files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "fail.h"
#include "savefile.h"
#include "input.h"
#include "memory-image.h"
#include "atomic-file.h"
#include "number.h"
#include "record-text.h"
#include "verb.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE

/* The limit for all blocks together. One bit per page is kept in memory. */
#define SIZE_MAX_ALL (G_GUINT64_CONSTANT(1) << 40)

/* The number of files open at a time. For more, the savefile is read again. */
#define FILES_MAX 128

/* The longest file name, with room for a part that makes it unique. */
#define FILE_NAME_MAX 200

#define CHUNK (256 * 1024)

/* A block that is being written to a file. */
typedef struct Target {
    XenPhysmapRecord record;
    char *path;
    int folder;             /* the folder of --all; -1: `path` is a complete path */
    AtomicFile *output;     /* only while the savefile is read */
    int fd;                 /* a file that takes any order: the output itself, or `spool` */
    FILE *spool;            /* before a pipe or a device; NULL: the output takes any order */
    guint8 *held;           /* a bit per page: the savefile has the page */
    gboolean dropped;       /* a page that the savefile had was removed later */
    guint64 missing, first; /* missing pages, and the address of the first one */
} Target;

static void target_clear(gpointer data)
{
    Target *target = data;

    atomic_file_close(target->output);
    if (target->spool) {
        fclose(target->spool);
    }
    g_free(target->held);
    g_free(target->path);
}

/* A name without directories, blanks, colons or a leading dot. */
static char *file_name(const char *name)
{
    char *safe = g_strndup(name, FILE_NAME_MAX);

    g_strcanon(safe, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._+-", '_');
    if (safe[0] == '.') {
        safe[0] = '_';
    }
    return safe;
}

/* Gives each target a path in the directory. If names would be the same, the
 * phys_offset is appended, which is unique. */
static void name_targets(GArray *targets, const char *directory)
{
    g_autoptr(GHashTable) uses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < targets->len; i++) {
        char *name = file_name(g_array_index(targets, Target, i).record.name);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(uses, name));

        g_hash_table_insert(uses, name, GUINT_TO_POINTER(n + 1));
    }
    for (guint i = 0; i < targets->len; i++) {
        Target *target = &g_array_index(targets, Target, i);
        g_autofree char *name = file_name(target->record.name);

        if (GPOINTER_TO_UINT(g_hash_table_lookup(uses, name)) > 1) {
            char *longer =
                g_strdup_printf("%s@%" G_GINT64_MODIFIER "x", name, target->record.phys_offset);

            g_free(name);
            name = longer;
        }
        target->path = g_build_filename(directory, name, NULL);
    }
}

/* --- which blocks --- */

static void add_target(GArray *targets, const XenPhysmapRecord *record)
{
    Target target = { .record = *record, .folder = -1 };

    g_array_append_val(targets, target);
}

/* "ADDRESS,SIZE" as a block of its own. */
static gboolean parse_range(GArray *targets, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autofree char *name = NULL;
    XenPhysmapRecord record;
    guint64 address, size;

    if (g_strv_length(parts) != 2 || !number_parse(parts[0], 10, &address) ||
        !number_parse(parts[1], 10, &size)) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                            "--at wants ADDRESS,SIZE, each " NUMBER_FORMS ", e.g. 0xf1000000,16M");
        return FALSE;
    }
    name = g_strdup_printf("%" G_GINT64_MODIFIER "x", address);
    if (!xen_physmap_record_init(&record, name, address, address, size, error)) {
        g_prefix_error(error, "--at: ");
        (*error)->code = XEN_PHYSMAP_ERROR_SYSTEM; /* wrong usage, not wrong input */
        return FALSE;
    }
    add_target(targets, &record);
    return TRUE;
}

static int by_address(gconstpointer a, gconstpointer b)
{
    guint64 x = ((const Target *)a)->record.start_addr, y = ((const Target *)b)->record.start_addr;

    return (x > y) - (x < y);
}

/* --- their pages --- */

/* Some of the targets, in the order of their addresses. */
typedef struct Batch {
    Target *targets;
    guint count;
} Batch;

static Target *find_target(const Batch *batch, guint64 pfn, guint64 *page)
{
    guint64 address = pfn << XEN_PHYSMAP_PAGE_SHIFT;
    guint low = 0, high = batch->count;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        Target *target = &batch->targets[middle];

        if (address < target->record.start_addr) {
            high = middle;
        } else if (address - target->record.start_addr >= target->record.size) {
            low = middle + 1;
        } else {
            *page = (address - target->record.start_addr) >> XEN_PHYSMAP_PAGE_SHIFT;
            return target;
        }
    }
    return NULL;
}

/* The last mention of a page in the stream counts, also when it says that the page is gone. */
static gboolean page_named(guint64 pfn, gboolean stored, gpointer data)
{
    guint64 page;
    Target *target = find_target(data, pfn, &page);

    if (target && !stored && target->held[page / 8] & 1 << page % 8) {
        target->held[page / 8] &= ~(1 << page % 8);
        target->dropped = TRUE;
    }
    return target != NULL;
}

static gboolean system_failed(const Target *target, const char *what, GError **error)
{
    g_autofree char *shown = xen_physmap_escape(target->path, -1);

    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't %s %s: %s", what, shown,
                g_strerror(errno));
    return FALSE;
}

/*
 * Pages come in the order of the stream. A file can take them in any order; other outputs need a
 * spool.
 */
static gboolean open_target(Target *target, GError **error)
{
    g_autofree char *base = g_path_get_basename(target->path);

    target->held = g_malloc0((target->record.size / PAGE + 7) / 8);
    target->output = target->folder < 0 ? atomic_file_open(target->path, ATOMIC_FILE_PRIVATE, error)
                                        : atomic_file_open_in(target->folder, base, target->path,
                                                              ATOMIC_FILE_PRIVATE, error);
    if (!target->output) {
        return FALSE;
    }
    target->fd = atomic_file_fd(target->output);
    if (atomic_file_is_direct(target->output)) {
        target->spool = tmpfile();
        if (!target->spool) {
            return system_failed(target, "make a temporary file for", error);
        }
        target->fd = fileno(target->spool);
    }
    return ftruncate(target->fd, target->record.size) == 0 ||
           system_failed(target, "make a file as large as the block for", error);
}

static gboolean write_page(const Target *target, const void *bytes, guint64 page, GError **error)
{
    gssize n;

    do {
        n = pwrite(target->fd, bytes, PAGE, page * PAGE);
    } while (n < 0 && errno == EINTR);
    if (n >= 0 && n < (gssize)PAGE) {
        errno = ENOSPC;
    }
    return n == (gssize)PAGE || system_failed(target, "write", error);
}

static gboolean page_read(guint64 pfn, const guint8 *bytes, gpointer data, GError **error)
{
    guint64 page;
    Target *target = find_target(data, pfn, &page);
    gboolean before = (target->held[page / 8] & 1 << page % 8) != 0;

    target->held[page / 8] |= 1 << page % 8;
    return (!before && bytes_are_zero(bytes, PAGE)) || write_page(target, bytes, page, error);
}

/* Sends the spooled pages, with zeros for holes. */
static gboolean send_spool(const Target *target, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    gssize n;

    for (guint64 at = 0; (n = pread(target->fd, chunk, CHUNK, at)) > 0; at += n) {
        if (!atomic_file_write(target->output, chunk, n, error)) {
            return FALSE;
        }
    }
    return n == 0 || system_failed(target, "read back what is for", error);
}

static gboolean make_hole(const Target *target, guint64 page, guint64 end, GError **error)
{
    static const guint8 zeros[XEN_PHYSMAP_PAGE_SIZE];

    if (fallocate(target->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE,
                  (end - page) * PAGE) == 0) {
        return TRUE;
    }
    while (page < end && write_page(target, zeros, page, error)) {
        page++;
    }
    return page == end;
}

/* The first page from this one on that the savefile has, or lacks; `n` when there is none. */
static guint64 next_page(const Target *target, guint64 page, guint64 n, gboolean has)
{
    while (page < n && ((target->held[page / 8] & 1 << page % 8) != 0) != has) {
        page++;
    }
    return page;
}

static gboolean finish_target(Target *target, GError **error)
{
    guint64 n = target->record.size / PAGE, end;

    for (guint64 page = next_page(target, 0, n, FALSE); page < n;
         page = next_page(target, end, n, FALSE)) {
        end = next_page(target, page, n, TRUE);
        if (target->missing == 0) {
            target->first = target->record.start_addr + page * PAGE;
        }
        target->missing += end - page;
        if (target->dropped && !make_hole(target, page, end, error)) {
            return FALSE;
        }
    }
    g_clear_pointer(&target->held, g_free);
    if ((target->spool && !send_spool(target, error)) ||
        !atomic_file_commit(target->output, error)) {
        return FALSE;
    }
    g_clear_pointer(&target->output, atomic_file_close);
    g_clear_pointer(&target->spool, fclose);
    return TRUE;
}

static gboolean extract(GArray *targets, int fd, guint64 end, GError **error)
{
    guint64 size = 0;

    for (guint i = 0; i < targets->len; i++) {
        size += g_array_index(targets, Target, i).record.size / PAGE;
    }
    if (size > SIZE_MAX_ALL / PAGE) {
        return invalid(error, "the blocks are larger than 1 TiB together");
    }
    g_array_sort(targets, by_address);
    for (guint done = 0; done < targets->len; done += FILES_MAX) {
        Batch batch = { &g_array_index(targets, Target, done),
                        MIN(targets->len - done, FILES_MAX) };
        const StreamPages pages = { page_named, page_read, &batch };

        for (guint i = 0; i < batch.count; i++) {
            if (!open_target(&batch.targets[i], error)) {
                return FALSE;
            }
        }
        if (!savefile_pages(fd, end, &pages, error)) {
            return FALSE;
        }
        for (guint i = 0; i < batch.count; i++) {
            if (!finish_target(&batch.targets[i], error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* --- the report --- */

static void print_text(FILE *out, const GArray *targets)
{
    for (guint i = 0; i < targets->len; i++) {
        const Target *target = &g_array_index(targets, Target, i);
        g_autofree char *size = record_text_size(target->record.size);
        g_autofree char *path = xen_physmap_escape(target->path, -1);

        fprintf(out, "%s: %s from " HEX " to %s\n", target->record.name, size,
                target->record.start_addr, path);
        if (target->missing) {
            fprintf(out,
                    "%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                    " pages are not in the savefile and became holes, the first at " HEX "\n",
                    target->record.name, target->missing, target->record.size / PAGE,
                    target->first);
        }
    }
}

static void print_json(const GArray *targets, const char *source)
{
    JsonObject *answer = record_text_answer("extract");
    JsonArray *records = json_array_new();

    record_text_add_bytes(answer, "source", source);
    for (guint i = 0; i < targets->len; i++) {
        const Target *target = &g_array_index(targets, Target, i);
        JsonObject *record = record_text_record(&target->record);

        record_text_add_bytes(record, "file", target->path);
        json_object_set_int_member(record, "pages", target->record.size / PAGE - target->missing);
        json_object_set_int_member(record, "missing", target->missing);
        record_text_add_address(record, "first_missing", target->missing ? &target->first : NULL);
        json_array_add_object_element(records, record);
    }
    json_object_set_array_member(answer, "records", records);
    record_text_print_json(stdout, answer);
}

/* --- the command --- */

typedef struct Wish {
    const char *source;
    const char *block; /* NULL with `all` or `at` */
    const char *out;   /* NULL: named after the block */
    char *all, *at;
} Wish;

/* The folder of --all; created if needed. -1 with an error. It may be in a folder of other users,
 * so a link is not followed. */
static int open_folder(const char *name, GError **error)
{
    int fd = g_mkdir_with_parents(name, 0777) < 0
                 ? -1
                 : open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                    "can't make or open the directory of --all: %s%s", g_strerror(errno),
                    errno == ELOOP || errno == ENOTDIR ? "; it must not be a symbolic link" : "");
    }
    return fd;
}

/* Chooses the names of the files, and writes them. */
static gboolean extract_all(const char *directory, GArray *targets, int fd, guint64 end,
                            GError **error)
{
    int folder = open_folder(directory, error);
    gboolean ok;

    if (folder < 0) {
        return FALSE;
    }
    name_targets(targets, directory);
    for (guint i = 0; i < targets->len; i++) {
        g_array_index(targets, Target, i).folder = folder;
    }
    ok = extract(targets, fd, end, error);
    close(folder);
    return ok;
}

static gboolean fulfil(const Wish *wish, GArray *targets, int fd, GError **error)
{
    g_autoptr(Savefile) contents = NULL;
    const XenPhysmapRecord *record;
    g_autoptr(Stream) stream = stream_open(fd, error);
    gboolean alone = stream && wish->at && !stream_seekable(stream);
    guint64 end;

    if (!stream || (!alone && !(contents = savefile_read_file(fd, error)))) {
        if (stream && !stream_seekable(stream)) {
            g_prefix_error(error, "without --at ADDRESS,SIZE: ");
        }
        return FALSE;
    }
    if (wish->at) {
        if (!parse_range(targets, wish->at, error)) {
            return FALSE;
        }
    } else if (wish->block) {
        record = savefile_find_block(contents->table, wish->block, error);
        if (!record) {
            return FALSE;
        }
        add_target(targets, record);
    } else {
        for (guint i = 0; (record = xen_physmap_table_get(contents->table, i)); i++) {
            add_target(targets, record);
        }
    }
    end = contents ? contents->end : G_MAXUINT64;
    if (wish->all) {
        return extract_all(wish->all, targets, fd, end, error);
    }
    if (wish->out) {
        g_array_index(targets, Target, 0).path = g_strdup(wish->out);
    } else {
        name_targets(targets, ".");
    }
    return extract(targets, fd, end, error);
}

/* Puts the arguments into *wish. FALSE, with a message, when they contradict each other. */
static gboolean parse_arguments(int argc, char **argv, gboolean json, Wish *wish)
{
    int positional = argc - 1 - !(wish->all || wish->at);
    const char *problem = NULL;

    if (wish->all && wish->at) {
        problem = "--all and --at don't go together";
    } else if (positional < 1) {
        problem = "name the block, or give --all DIR or --at ADDRESS,SIZE";
    } else if (positional > (wish->all ? 1 : 2)) {
        problem = "there are too many arguments";
    }
    if (!problem) {
        wish->source = argv[1];
        wish->block = wish->all || wish->at ? NULL : argv[2];
        wish->out = positional == 2 ? argv[argc - 1] : NULL;
        if (json && g_strcmp0(wish->out, "-") == 0) {
            problem = "standard output can't take both the block and --json";
        }
    }
    if (problem) {
        fprintf(stderr, "%s: %s\n", g_get_prgname(), problem);
    }
    return !problem;
}

/* --- all of the memory --- */

/* FALSE, with a message, when --memory can't be combined with the other options. */
static gboolean check_memory(int argc, const char *memory, const char *format, gboolean json,
                             const Wish *wish)
{
    const char *problem = NULL;

    if (memory && (wish->all || wish->at || json)) {
        problem = "--memory doesn't go together with --all, --at or --json";
    } else if (memory && argc != 2) {
        problem = "--memory takes one savefile";
    } else if (format && !memory) {
        problem = "--format is for --memory";
    }
    if (problem) {
        fprintf(stderr, "%s: %s\n", g_get_prgname(), problem);
    }
    return !problem;
}

static void print_memory(FILE *out, const char *path, const char *format, const MemoryImage *image)
{
    g_autofree char *shown = xen_physmap_escape(path, -1);

    fprintf(out,
            "memory: %" G_GUINT64_FORMAT " pages in %" G_GUINT64_FORMAT " stretches up to " HEX
            " to %s, as %s",
            image->pages, image->stretches, image->end, shown, format);
    if (image->vcpus > 0) {
        fprintf(out, " with the registers of %u vcpus", image->vcpus);
    }
    fputs("; what lies between the stretches is not in the savefile\n", out);
    if (image->ram_missing > 0) {
        fprintf(out,
                "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                " pages of RAM are not in the savefile\n",
                image->ram_missing, image->ram);
    }
}

static gboolean write_memory(int fd, const char *path, MemoryFormat format, MemoryImage *image,
                             GError **error)
{
    g_autoptr(Savefile) contents = savefile_read_file(fd, error);
    g_autoptr(AtomicFile) output =
        contents ? atomic_file_open(path, ATOMIC_FILE_PRIVATE, error) : NULL;

    return output && memory_image_write(fd, contents, format, output, image, error) &&
           atomic_file_commit(output, error);
}

/* --memory: needs no size, and only missing RAM is a finding. */
static int extract_memory(const char *source, const char *path, const char *format_name)
{
    g_autoptr(GError) error = NULL;
    MemoryFormat format = MEMORY_RAW;
    MemoryImage image;
    gboolean ok;
    int fd;

    if (!memory_image_format(format_name, &format, &error)) {
        return verb_misused(g_steal_pointer(&error));
    }
    fd = input_open(source, &error);
    ok = fd >= 0 && write_memory(fd, path, format, &image, &error);
    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        g_autofree char *shown = xen_physmap_escape(source, -1);

        g_prefix_error(&error, "%s: ", shown);
        return verb_fail(g_steal_pointer(&error));
    }
    print_memory(verb_words(strcmp(path, "-") == 0), path, format_name, &image);
    return image.ram_missing > 0 ? EXIT_FINDING : EXIT_FINE;
}

int verb_extract(int argc, char **argv)
{
    Wish wish = { 0 };
    gboolean json = FALSE, missing = FALSE;
    g_autofree char *memory = NULL, *format = NULL;
    const GOptionEntry entries[] = {
        { "all", 'a', 0, G_OPTION_ARG_FILENAME, &wish.all,
          "write each recorded block to a file in this directory", "DIR" },
        { "at", 0, 0, G_OPTION_ARG_STRING, &wish.at,
          "write this range of guest-physical memory instead", "ADDRESS,SIZE" },
        { "memory", 'm', 0, G_OPTION_ARG_FILENAME, &memory,
          "write all of the guest's memory that is in the savefile to this file", "OUT" },
        { "format", 'f', 0, G_OPTION_ARG_STRING, &format,
          "of --memory: raw (the default), elf (a core) or lime", "FORMAT" },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) targets = g_array_new(FALSE, TRUE, sizeof(Target));
    gboolean ok = FALSE;
    int fd;

    g_array_set_clear_func(targets, target_clear);
    if (!verb_options(
            &argc, &argv, entries, "SAVEFILE|- [BLOCK] [OUT|-]",
            "Writes the contents of a ramblock in a savefile, as they are in the guest's\n"
            "memory, to a file. BLOCK is its name as `xen-physmap show` prints it\n"
            "(0000:00:03.0/vga.vram), the part of the name after the last slash, or its\n"
            "offset. OUT is a file; by default it is in the current directory and has the\n"
            "name of the block. Pages that aren't in the savefile become holes; they are\n"
            "reported, and the exit code is 1. A pipe can only be read with --at.\n"
            "\n"
            "  xen-physmap extract guest.save vga.vram screen.raw\n"
            "  xen-physmap extract --all blocks guest.save\n"
            "  xen-physmap extract --memory core --format elf guest.save\n"
            "  xen-physmap extract --at 0xf1000000,0x1000000 - screen.raw <stream",
            1, 3) ||
        !check_memory(argc, memory, format, json, &wish) ||
        (!memory && !parse_arguments(argc, argv, json, &wish))) {
        g_free(wish.all);
        g_free(wish.at);
        return EXIT_TROUBLE;
    }
    if (memory) {
        return extract_memory(argv[1], memory, format ? format : "raw");
    }
    fd = input_open(wish.source, &error);
    if (fd >= 0) {
        ok = fulfil(&wish, targets, fd, &error);
        close(fd);
    }
    g_free(wish.all);
    g_free(wish.at);
    if (!ok) {
        g_autofree char *shown = xen_physmap_escape(wish.source, -1);

        g_prefix_error(&error, "%s: ", shown);
        return verb_fail(g_steal_pointer(&error));
    }
    if (json) {
        print_json(targets, wish.source);
    } else {
        print_text(verb_words(g_strcmp0(wish.out, "-") == 0), targets);
    }
    for (guint i = 0; i < targets->len; i++) {
        missing |= g_array_index(targets, Target, i).missing > 0;
    }
    return missing ? EXIT_FINDING : EXIT_FINE;
}
