/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap map: the guest-physical layout as a bar in the terminal, or as a picture. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fail.h"
#include "number.h"
#include "savefile.h"
#include "domain.h"
#include "input.h"
#include "map.h"
#include "picture.h"
#include "record-text.h"
#include "verb.h"

/* The limit for the ranges of RAM that are kept. */
#define RANGES_MAX 65536

/* The width of the word at the start of a bar's line. */
#define BAR_LABEL 11
#define BAR_LEAST 20

typedef struct Layout {
    char *title; /* safe to print */
    XenPhysmapTable *table;
    GArray *populated; /* of MapRange */
    MapRam ram;
    gboolean too_many; /* the pages are too scattered for a map */
} Layout;

static void layout_clear(Layout *layout)
{
    g_free(layout->title);
    xen_physmap_table_free(layout->table);
    g_clear_pointer(&layout->populated, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Layout, layout_clear)

static void add_range(Layout *layout, guint64 start, guint64 end)
{
    MapRange range = { start, end };

    if (!layout->too_many && layout->populated->len == RANGES_MAX) {
        map_join(layout->populated, 0);
        layout->too_many |= layout->populated->len > RANGES_MAX / 2;
    }
    if (start < end && !layout->too_many) {
        g_array_append_val(layout->populated, range);
    }
}

/* --- a savefile: it names its pages --- */

static gboolean page_named(guint64 pfn, gboolean stored, gpointer data)
{
    Layout *layout = data;
    guint64 address = pfn << XEN_PHYSMAP_PAGE_SHIFT;
    guint n = layout->populated->len;
    MapRange *last = n ? &g_array_index(layout->populated, MapRange, n - 1) : NULL;

    if (stored && last && last->end == address) {
        last->end += XEN_PHYSMAP_PAGE_SIZE;
    } else if (stored) {
        add_range(layout, address, address + XEN_PHYSMAP_PAGE_SIZE);
    }
    return FALSE;
}

static gboolean read_saved(Layout *layout, const char *source, GError **error)
{
    const StreamPages pages = { page_named, NULL, layout };
    g_autoptr(Savefile) contents = NULL;
    int fd = input_open(source, error);
    gboolean ok;

    if (fd < 0) {
        return FALSE;
    }
    ok = (contents = savefile_read_file(fd, error)) &&
         savefile_pages(fd, contents->end, &pages, error);
    close(fd);
    if (ok && layout->too_many) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                            "its pages are scattered over too many places");
        ok = FALSE;
    }
    if (ok) {
        guest_config_find_ram(contents->config, contents->table, &layout->ram.low,
                              &layout->ram.high);
        layout->table = g_steal_pointer(&contents->table);
        layout->title = xen_physmap_escape(source, -1);
    }
    return ok;
}

/* --- a running domain --- */

/* xl's memory target for the domain, in bytes; 0 when xenstore doesn't have it. */
static guint64 memory_target(const XenPhysmapOps *ops, guint32 domid)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%u/memory/target", domid);
    unsigned int length;
    char *text = ops->read(ops->opaque, 0, path, &length);
    guint64 kib = text ? g_ascii_strtoull(text, NULL, 10) : 0;

    free(text);
    return kib < G_MAXUINT64 >> 20 ? kib << 10 : 0;
}

/*
 * The device model allocates its blocks right behind RAM, whose upper part begins at 4 GiB when it
 * doesn't fit below the hole: so the lowest phys_offset is where RAM ends.
 */
static void add_ram(Layout *layout, guint64 target)
{
    const XenPhysmapRecord *lowest = xen_physmap_table_get(layout->table, 0);
    guint64 end = lowest ? lowest->phys_offset : target;

    if (!lowest && end > MAP_HOLE_START) {
        end += MAP_HOLE_END - MAP_HOLE_START;
    }
    add_range(layout, 0, MIN(end, MAP_HOLE_START));
    add_range(layout, MAP_HOLE_END, MAX(end, MAP_HOLE_END));
}

static gboolean read_live(Layout *layout, const char *source, GError **error)
{
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = domain_open(source, XEN_PHYSMAP_OPS_XENSTORE, &ops, error);

    if (!domain || !(layout->table = domain_records(ops, domain, error))) {
        return FALSE;
    }
    layout->title = g_strdup_printf("domain %u (%s)", domain->domid, domain->name);
    add_ram(layout, memory_target(ops, domain->domid));
    return TRUE;
}

/* --- the bar --- */

typedef struct Bar {
    const Layout *layout;
    gboolean colour;
    guint width; /* of the bar itself, in columns */
} Bar;

static char block_letter(guint number)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    return number < sizeof letters - 1 ? letters[number] : '+';
}

/* Colours of the 256 that terminals have, dark enough for white letters. */
static int block_colour(guint number)
{
    static const guint8 colours[] = { 160, 28, 26, 130, 91, 30, 124, 64, 61, 166, 127, 23 };

    return colours[number % G_N_ELEMENTS(colours)];
}

static void put_columns(const Bar *bar, const XenPhysmapRecord *block, MapKind kind, guint columns)
{
    static const struct {
        char letter;
        int colour;
    } kinds[] = {
        [MAP_EMPTY] = { '.', -1 },   [MAP_RAM] = { '#', 67 },        [MAP_HOLE] = { '-', 240 },
        [MAP_SPECIAL] = { '*', 95 }, [MAP_UNCLAIMED] = { '?', 172 },
    };
    guint number = block ? map_number(bar->layout->table, block) : 0;
    int colour = block ? block_colour(number) : kinds[kind].colour;
    char letter = block ? block_letter(number) : kinds[kind].letter;

    if (bar->colour && colour >= 0) {
        printf("\033[48;5;%d;38;5;%dm", colour, colour);
    }
    for (guint i = 0; i < columns; i++) {
        /*
         * The colour shows where a cell is; the letter in its middle, which block. The other
         * letters have the colour of their background, so they only show in a copy of the text.
         */
        gboolean seen = bar->colour && block && i == columns / 2;

        fputs(seen ? "\033[97m" : "", stdout);
        putchar(letter);
        if (seen) {
            printf("\033[38;5;%dm", colour);
        }
    }
    if (bar->colour && colour >= 0) {
        fputs("\033[0m", stdout);
    }
}

static double weight(const MapCell *cell)
{
    return cell->kind == MAP_EMPTY && !cell->allocated
               ? 2
               : 2 + log2((double)(cell->end - cell->start) / XEN_PHYSMAP_PAGE_SIZE);
}

/*
 * Prints the cells [first, last) in lines of three: addresses, the block there now, and the block
 * allocated there.
 */
static void print_line(const Bar *bar, const GArray *cells, guint first, guint last,
                       const guint *columns)
{
    guint at = 0, free_from = 0;
    gboolean any = FALSE;

    printf("%*s", BAR_LABEL, "");
    for (guint i = first; i < last; i++) {
        g_autofree char *address = g_strdup_printf(HEX, g_array_index(cells, MapCell, i).start);

        if (at >= free_from && at + strlen(address) <= bar->width) {
            printf("%*s%s", (int)(at - free_from) + (free_from > 0), "", address);
            free_from = at + strlen(address) + 1;
        }
        at += columns[i];
        any |= g_array_index(cells, MapCell, i).allocated != NULL;
    }
    printf("\n%-*s", BAR_LABEL, "now");
    for (guint i = first; i < last; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);

        put_columns(bar, cell->block, cell->kind, columns[i]);
    }
    putchar('\n');
    if (any) {
        printf("%-*s", BAR_LABEL, "allocated");
        for (guint i = first; i < last; i++) {
            const MapCell *cell = &g_array_index(cells, MapCell, i);

            if (cell->allocated) {
                put_columns(bar, cell->allocated, MAP_BLOCK, columns[i]);
            } else {
                printf("%*s", (int)columns[i], "");
            }
        }
        putchar('\n');
    }
}

/* One line if each cell gets three columns or more; otherwise as many lines as are needed. */
static void print_bar(const Bar *bar, const GArray *cells)
{
    const guint each = 3, most = bar->width / each;
    guint lines = (cells->len + most - 1) / most, first = 0;
    g_autofree guint *columns = g_new(guint, cells->len);

    for (guint line = 0; line < lines; line++) {
        guint last = (guint64)cells->len * (line + 1) / lines, used = 0;
        guint spare = bar->width - each * (last - first);
        double sum = 0, so_far = 0;

        for (guint i = first; i < last; i++) {
            sum += weight(&g_array_index(cells, MapCell, i));
        }
        for (guint i = first; i < last; i++) {
            guint until;

            so_far += weight(&g_array_index(cells, MapCell, i));
            until = i + 1 < last ? (guint)(spare * so_far / sum) : spare;
            columns[i] = each + until - used;
            used = until;
        }
        if (line > 0) {
            putchar('\n');
        }
        print_line(bar, cells, first, last, columns);
        first = last;
    }
}

static void print_range(const Bar *bar, const MapCell *cell, const char *name)
{
    g_autofree char *size = record_text_size(cell->end - cell->start);

    put_columns(bar, NULL, cell->kind, 1);
    printf("  %s, %s from " HEX " on\n", name, size, cell->start);
}

static void print_legend(const Bar *bar, const GArray *cells)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; i < cells->len; i++) {
        const MapCell *cell = &g_array_index(cells, MapCell, i);

        if (cell->kind == MAP_RAM) {
            print_range(bar, cell, "RAM");
        } else if (cell->kind == MAP_SPECIAL) {
            print_range(bar, cell, "pages of Xen and firmware");
        } else if (cell->kind == MAP_UNCLAIMED) {
            print_range(bar, cell, "pages without a record");
        }
    }
    put_columns(bar, NULL, MAP_HOLE, 1);
    printf("  MMIO hole, from " HEX " to 4 GiB\n", MAP_HOLE_START);
    for (guint i = 0; (record = xen_physmap_table_get(bar->layout->table, i)); i++) {
        g_autofree char *size = record_text_size(record->size);

        put_columns(bar, record, MAP_BLOCK, 1);
        printf("  %s, %s at " HEX, record->name, size, record->start_addr);
        if (record->start_addr != record->phys_offset) {
            printf(", allocated at " HEX, record->phys_offset);
        }
        putchar('\n');
    }
    if (xen_physmap_table_size(bar->layout->table) == 0) {
        puts("no records, so nothing tells where ramblocks are");
    }
}

/* The width of the terminal, or COLUMNS, or 80. */
static guint terminal_width(void)
{
    const char *columns = g_getenv("COLUMNS");
    struct winsize size = { 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return columns ? CLAMP(g_ascii_strtoull(columns, NULL, 10), 1, 1000) : 80;
}

/* No colours in a file, on a terminal without them, or if the user doesn't want them. */
static gboolean wants_colour(void)
{
    const char *no_color = g_getenv("NO_COLOR"), *term = g_getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static void print_text(const Layout *layout, const GArray *cells)
{
    Bar bar = { layout, wants_colour(), 0 };

    bar.width = MAX((int)terminal_width() - BAR_LABEL, BAR_LEAST);
    printf("%s\n", layout->title);
    print_bar(&bar, cells);
    putchar('\n');
    print_legend(&bar, cells);
}

/* --- pictures --- */

/* A PNG is drawn in memory; a map of 100 blocks fits. An SVG takes some hundred bytes for each cell; a
 * map of 1600 blocks fits. */
#define MEMORY_MAX (48U << 20)
#define CELLS_MAX 5000

static gboolean check_size(guint cells, gboolean svg, guint width, guint height, GError **error)
{
    guint64 memory = (guint64)width * height * sizeof(guint32);

    if (cells > CELLS_MAX) {
        return invalid(error,
                       "a picture of this layout would have %u parts, and more than %u is refused; "
                       "print it, without --svg and --png",
                       cells, CELLS_MAX);
    }
    if (!svg && memory > MEMORY_MAX) {
        return invalid(error,
                       "a PNG of this layout would be %u pixels high and take %" G_GUINT64_FORMAT
                       " MiB of memory, and more than %u is refused; draw it with --svg",
                       height, memory >> 20, MEMORY_MAX >> 20);
    }
    return TRUE;
}

static gboolean save_svg(const Layout *layout, const GArray *cells, AtomicFile *output,
                         GError **error)
{
    g_autoptr(GString) svg = g_string_new(NULL);

    map_draw(NULL, svg, layout->title, layout->table, cells);
    return atomic_file_write(output, svg->str, svg->len, error) &&
           atomic_file_commit(output, error);
}

static gboolean save_png(const Layout *layout, const GArray *cells, AtomicFile *output, guint width,
                         guint height, GError **error)
{
    Picture picture = { output, NULL };
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_status_t status;

    map_draw(cr, NULL, layout->title, layout->table, cells);
    status = cairo_status(cr);
    cairo_destroy(cr);
    return picture_finish(&picture, surface, status, error);
}

static gboolean save_picture(const Layout *layout, const GArray *cells, const char *path,
                             gboolean svg, GError **error)
{
    g_autoptr(AtomicFile) output = NULL;
    guint width, height;

    map_picture_size(cells, &width, &height);
    if (!check_size(cells->len, svg, width, height, error) ||
        !(output = atomic_file_open(path, ATOMIC_FILE_PUBLIC, error))) {
        return FALSE;
    }
    return svg ? save_svg(layout, cells, output, error)
               : save_png(layout, cells, output, width, height, error);
}

int verb_map(int argc, char **argv)
{
    g_autofree char *svg = NULL, *png = NULL;
    const GOptionEntry entries[] = {
        { "svg", 0, 0, G_OPTION_ARG_FILENAME, &svg, "draw an SVG picture into FILE (-: stdout)",
          "FILE" },
        { "png", 0, 0, G_OPTION_ARG_FILENAME, &png, "draw a PNG picture into FILE (-: stdout)",
          "FILE" },
        { 0 },
    };
    g_auto(Layout) layout = { .populated = g_array_new(FALSE, FALSE, sizeof(MapRange)) };
    g_autoptr(GArray) cells = NULL;
    g_autoptr(GError) error = NULL;
    gboolean saved;

    if (!verb_options(
            &argc, &argv, entries, "DOMID|NAME|SAVEFILE",
            "Shows the guest-physical layout: RAM, the MMIO hole, and each ramblock, where it\n"
            "is now and where it was allocated. The scale is logarithmic. On a terminal it\n"
            "uses colours, unless NO_COLOR is set or TERM is dumb. If a file has the given\n"
            "name, it is read as a savefile. With --svg or --png it draws a picture instead.",
            1, 1)) {
        return EXIT_TROUBLE;
    }
    if (g_strcmp0(svg, "-") == 0 && g_strcmp0(png, "-") == 0) {
        fprintf(stderr, "%s: standard output can't take two pictures\n", g_get_prgname());
        return EXIT_TROUBLE;
    }
    saved = input_is_file(argv[1]);
    if (saved ? read_saved(&layout, argv[1], &error) : read_live(&layout, argv[1], &error)) {
        cells = map_cells(layout.table, layout.populated, layout.ram);
        if (!svg && !png) {
            print_text(&layout, cells);
        }
        if ((!svg || save_picture(&layout, cells, svg, TRUE, &error)) &&
            (!png || save_picture(&layout, cells, png, FALSE, &error))) {
            return EXIT_FINE;
        }
    }
    if (saved) {
        g_autofree char *shown = xen_physmap_escape(argv[1], -1);

        g_prefix_error(&error, "%s: ", shown);
    }
    return verb_fail(g_steal_pointer(&error));
}
