/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap screenshot: draws a guest's screen from its videoram, in a savefile or a domain. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen-physmap/guest.h>

#include "number.h"
#include "savefile.h"
#include "domain.h"
#include "input.h"
#include "picture.h"
#include "saved-screen.h"
#include "screen.h"
#include "verb.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE

typedef struct Shot {
    const char *source;
    gboolean saved;   /* in a file, not in a running domain */
    const char *size; /* NULL: the mode is read from the saved device */
    VgaMode mode;
    guint64 address; /* the guest address of the first page that is needed */
    guint64 pages;
    guint8 *bytes; /* the contents of these pages */
    guint8 *held;  /* a byte per page: the page exists */
} Shot;

static void shot_clear(Shot *shot)
{
    g_free(shot->bytes);
    g_free(shot->held);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Shot, shot_clear)

/* When the mode is known: finds the pages that it needs, and allocates memory for them. */
static gboolean prepare(Shot *shot, const XenPhysmapRecord *record, guint64 *first, GError **error)
{
    guint64 length;

    if (!saved_screen_extent(&shot->mode, record->size, first, &length, error)) {
        return FALSE;
    }
    shot->address = record->start_addr + *first / PAGE * PAGE;
    shot->pages = (*first + length + PAGE - 1) / PAGE - *first / PAGE;
    shot->bytes = g_malloc0(shot->pages * PAGE);
    shot->held = g_malloc0(shot->pages);
    return TRUE;
}

/* --- out of a savefile --- */

static gboolean page_named(guint64 pfn, gboolean stored, gpointer data)
{
    Shot *shot = data;
    guint64 index = pfn - (shot->address >> XEN_PHYSMAP_PAGE_SHIFT);

    if (index < shot->pages && !stored) {
        shot->held[index] = FALSE;
        memset(shot->bytes + index * PAGE, 0, PAGE);
    }
    return index < shot->pages;
}

static gboolean page_read(guint64 pfn, const guint8 *page, gpointer data, GError **error)
{
    Shot *shot = data;
    guint64 index = pfn - (shot->address >> XEN_PHYSMAP_PAGE_SHIFT);

    (void)error;
    shot->held[index] = TRUE;
    memcpy(shot->bytes + index * PAGE, page, PAGE);
    return TRUE;
}

static gboolean take_saved(Shot *shot, guint64 *first, GError **error)
{
    int fd = input_open(shot->source, error);
    g_autoptr(Savefile) contents = NULL;
    const XenPhysmapRecord *record = NULL;
    const StreamPages pages = { page_named, page_read, shot };
    gboolean ok;

    if (fd < 0) {
        return FALSE;
    }
    contents = savefile_read_file(fd, error);
    record = contents ? saved_screen_videoram(contents->table, error) : NULL;
    ok = record && (shot->size || saved_screen_mode(fd, contents, record, &shot->mode, error)) &&
         prepare(shot, record, first, error) && savefile_pages(fd, contents->end, &pages, error);
    close(fd);
    return ok;
}

/* --- out of a running domain --- */

static gboolean take_live(Shot *shot, guint64 *first, GError **error)
{
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(Domain) domain = NULL;
    g_autoptr(XenPhysmapTable) table = NULL;
    const XenPhysmapRecord *record;
    void *mapped;

    if (!(domain = domain_open(shot->source, XEN_PHYSMAP_OPS_HYPERVISOR, &ops, error))) {
        return FALSE;
    }
    if (!shot->size) {
        g_set_error_literal(
            error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
            "only QEMU knows the mode of a running domain's screen; give it with --size WxHxBPP");
        return FALSE;
    }
    if (!(table = domain_records(ops, domain, error)) ||
        !(record = saved_screen_videoram(table, error)) || !prepare(shot, record, first, error)) {
        return FALSE;
    }
    mapped = xen_physmap_guest_map(ops, domain->domid, shot->address, shot->pages * PAGE, PROT_READ,
                                   error);
    if (!mapped) {
        return FALSE;
    }
    memcpy(shot->bytes, mapped, shot->pages * PAGE);
    memset(shot->held, TRUE, shot->pages);
    xen_physmap_guest_unmap(ops, mapped, shot->pages * PAGE);
    return TRUE;
}

/* --- the picture --- */

static gboolean save_png(const Shot *shot, const guint8 *bytes, const char *path, GError **error)
{
    g_autoptr(AtomicFile) output = atomic_file_open(path, ATOMIC_FILE_PRIVATE, error);
    Picture picture = { output, NULL };

    return output &&
           picture_finish(&picture, screen_draw(&shot->mode, bytes), CAIRO_STATUS_SUCCESS, error);
}

/* Reports the pages that were missing, and returns the exit code. */
static int conclude(const Shot *shot)
{
    guint64 missing = 0, first = 0;

    for (guint64 i = shot->pages; i-- > 0;) {
        if (!shot->held[i]) {
            missing++;
            first = i;
        }
    }
    if (missing) {
        fprintf(stderr,
                "%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                " pages of the screen are not in the savefile, the first at " HEX "\n",
                g_get_prgname(), missing, shot->pages, shot->address + first * PAGE);
    }
    return missing ? EXIT_FINDING : EXIT_FINE;
}

static gboolean take(Shot *shot, guint64 *first, GError **error)
{
    if (shot->size && !vga_parse_mode(shot->size, &shot->mode, error)) {
        return FALSE;
    }
    return shot->saved ? take_saved(shot, first, error) : take_live(shot, first, error);
}

static int screenshot(Shot *shot, gboolean text, const char *out)
{
    g_autoptr(GError) error = NULL;
    guint64 first;
    gboolean ok = take(shot, &first, &error);

    if (ok && text && !shot->mode.text) {
        g_set_error(&error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "the screen has no characters but %ux%u pixels of %u bits", shot->mode.width,
                    shot->mode.height, shot->mode.bpp);
        ok = FALSE;
    } else if (ok && text) {
        g_autofree char *lines = screen_text(&shot->mode, shot->bytes);

        g_print("%s", lines);
    }
    if (ok && out) {
        ok = save_png(shot, shot->bytes + first % PAGE, out, &error);
    }
    if (!ok && shot->saved) {
        g_autofree char *shown = xen_physmap_escape(shot->source, -1);

        g_prefix_error(&error, "%s: ", shown);
    }
    return ok ? conclude(shot) : verb_fail(g_steal_pointer(&error));
}

int verb_screenshot(int argc, char **argv)
{
    g_auto(Shot) shot = { 0 };
    g_autofree char *size = NULL;
    gboolean text = FALSE;
    const GOptionEntry entries[] = {
        { "size", 's', 0, G_OPTION_ARG_STRING, &size, "the mode of the screen",
          "WxHxBPP[,STRIDE[,OFFSET]]" },
        { "text", 't', 0, G_OPTION_ARG_NONE, &text,
          "print the characters of a text mode, without OUT.png", NULL },
        { 0 },
    };

    if (!verb_options(
            &argc, &argv, entries, "SAVEFILE|DOMID|NAME [OUT.png|-]",
            "Makes a picture of the guest's screen from its videoram, which it finds by its\n"
            "record. For a savefile it reads the mode from QEMU's state in the file. For a\n"
            "running domain, give the mode with --size. If a file has the given name, it is\n"
            "read as a savefile.\n"
            "\n"
            "BPP, the bits per pixel, is 8, 15, 16, 24, 32, or text. STRIDE is the number of\n"
            "bytes per line, OFFSET the offset of the screen in videoram.\n"
            "\n"
            "  xen-physmap screenshot guest.save screen.png\n"
            "  xen-physmap screenshot --text guest.save\n"
            "  xen-physmap screenshot --size 1024x768x32 guest screen.png",
            1, 2)) {
        return EXIT_TROUBLE;
    }
    if (argc < 3 && !text) {
        fprintf(stderr, "%s: name a file for the picture, or give --text\n", g_get_prgname());
        return EXIT_TROUBLE;
    }
    if (argc > 2 && text && strcmp(argv[2], "-") == 0) {
        fprintf(stderr, "%s: standard output can't take both the text and the picture\n",
                g_get_prgname());
        return EXIT_TROUBLE;
    }
    shot.source = argv[1];
    shot.saved = input_is_file(argv[1]);
    shot.size = size;
    return screenshot(&shot, text, argc > 2 ? argv[2] : NULL);
}
