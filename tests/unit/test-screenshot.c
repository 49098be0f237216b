/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb screenshot and its parts: modes from registers, pixels and characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "../mocks/vga-state.h"
#include "mount-tree.h"
#include "screen.h"

/* Runs a verb with the arguments that follow. */
#define RUN(verb, input, ...) run_verb(verb, input, (const char *const[]){ __VA_ARGS__ })

#define VIDEORAM 0xf1000000
#define PAIRS                                                                                      \
    "physmap/2000000/start_addr\0"                                                                 \
    "f1000000\0"                                                                                   \
    "physmap/2000000/size\0"                                                                       \
    "100000\0"                                                                                     \
    "physmap/2000000/name\0"                                                                       \
    "0000:00:03.0/vga.vram\0"

static gboolean find(const VgaState *state, const char *device, VgaMode *mode, const char *wanted)
{
    g_autoptr(GError) error = NULL;

    if (vga_find_mode(state->bytes, state->length, device, mode, &error)) {
        return TRUE;
    }
    if (!wanted || !strstr(error->message, wanted)) {
        fail_msg("%s", error->message);
    }
    return FALSE;
}

static guint32 at(cairo_surface_t *surface, guint x, guint y)
{
    const guint8 *data = cairo_image_surface_get_data(surface);
    guint32 value;

    memcpy(&value, data + y * cairo_image_surface_get_stride(surface) + 4 * x, 4);
    return value & 0xffffff;
}

static void test_registers(void **unused)
{
    VgaMode mode;
    VgaState state;

    (void)unused;
    vga_state_make(&state, "0000:00:03.0/vga");
    vga_state_vbe(&state, 800, 600, 24, 2400);
    assert_true(find(&state, "0000:00:03.0", &mode, NULL));
    assert_false(mode.text);
    assert_int_equal(mode.width, 800);
    assert_int_equal(mode.height, 600);
    assert_int_equal(mode.bpp, 24);
    assert_int_equal(mode.stride, 2400);
    assert_int_equal(mode.offset, 16);
    assert_true(find(&state, NULL, &mode, NULL));
    assert_false(find(&state, "0000:00:04.0", &mode, "no registers of a standard VGA"));

    vga_state_make(&state, "0000:00:03.0/vga");
    assert_false(find(&state, NULL, &mode, "screen off"));
    vga_state_text(&state);
    assert_true(find(&state, NULL, &mode, NULL));
    assert_true(mode.text);
    assert_int_equal(mode.width, 4);
    assert_int_equal(mode.height, 2);
    assert_int_equal(mode.cell_width, 9);
    assert_int_equal(mode.cell_height, 16);
    assert_int_equal(mode.stride, 16);
    assert_int_equal(mode.fonts[0], 0);
    assert_int_equal(mode.fonts[1], 2 * 32768);
    assert_int_equal(mode.colours[1], 0x100000);
    state.body[VGA_STATE_GR + 6] = 1;
    assert_false(find(&state, NULL, &mode, "graphics mode of CGA"));
    vga_state_vbe(&state, 800, 600, 5, 400);
    assert_false(find(&state, NULL, &mode, "bits a pixel"));
}

/* The registers that a BIOS sets for these modes. */
static void set_mode(VgaState *state, guint8 lines, guint8 repeat, guint8 shift)
{
    vga_state_make(state, "0000:00:03.0/vga");
    vga_state_text(state);
    state->body[VGA_STATE_CR + 1] = 79;
    state->body[VGA_STATE_CR + 7] = 0x02;
    state->body[VGA_STATE_CR + 9] = repeat;
    state->body[VGA_STATE_CR + 0x0d] = 2;
    state->body[VGA_STATE_CR + 0x12] = lines;
    state->body[VGA_STATE_CR + 0x13] = 40;
    state->body[VGA_STATE_CR + 0x17] = 0xe3;
    state->body[VGA_STATE_GR + 5] = shift;
    state->body[VGA_STATE_GR + 6] = 5;
    state->body[VGA_STATE_AR + 0x12] = 0x0f;
}

static void test_graphics(void **unused)
{
    static const guint8 planes[320] = { 0x80, 0x41, 0x20, 0x10 };
    VgaState state;
    VgaMode mode;
    guint64 first, length;
    cairo_surface_t *surface;

    (void)unused;
    set_mode(&state, 0xdf, 0x40, 0); /* 12h */
    assert_true(find(&state, NULL, &mode, NULL));
    assert_false(mode.text);
    assert_int_equal(mode.width, 640);
    assert_int_equal(mode.height, 480);
    assert_int_equal(mode.bpp, 4);
    assert_int_equal(mode.stride, 320);
    assert_int_equal(mode.offset, 8);
    assert_true(vga_extent(&mode, 8 + 480 * 320, &first, &length, NULL));
    assert_int_equal(length, 480 * 320);
    assert_false(vga_extent(&mode, 7 + 480 * 320, &first, &length, NULL));
    mode.height = 1;
    surface = screen_draw(&mode, planes);
    assert_int_equal(at(surface, 0, 0), mode.colours[1]);
    assert_int_equal(at(surface, 1, 0), mode.colours[2]);
    assert_int_equal(at(surface, 2, 0), mode.colours[4]);
    assert_int_equal(at(surface, 3, 0), mode.colours[8]);
    assert_int_equal(at(surface, 4, 0), mode.colours[0]);
    assert_int_equal(at(surface, 7, 0), mode.colours[2]);
    assert_int_not_equal(mode.colours[1], mode.colours[2]);
    cairo_surface_destroy(surface);
    /* A plane that is off. */
    state.body[VGA_STATE_AR + 0x12] = 0x0d;
    assert_true(find(&state, NULL, &mode, NULL));
    assert_int_equal(mode.colours[2], mode.colours[0]);

    set_mode(&state, 0x8f, 0x41, 0x40); /* 13h */
    assert_true(find(&state, NULL, &mode, NULL));
    assert_int_equal(mode.width, 320);
    assert_int_equal(mode.height, 200);
    assert_int_equal(mode.bpp, 8);
    assert_int_equal(mode.stride, 320);
    state.body[VGA_STATE_CR + 9] = 0x80; /* doubled in another way */
    assert_true(find(&state, NULL, &mode, NULL));
    assert_int_equal(mode.height, 200);

    set_mode(&state, 0x8f, 0x41, 0x20);
    assert_false(find(&state, NULL, &mode, "graphics mode of CGA"));
    set_mode(&state, 0x8f, 0x41, 0);
    state.body[VGA_STATE_CR + 0x17] = 0xe2;
    assert_false(find(&state, NULL, &mode, "graphics mode of CGA"));

    vga_state_vbe(&state, 800, 600, 4, 400);
    assert_true(find(&state, NULL, &mode, NULL));
    assert_int_equal(mode.bpp, 4);
    assert_true(vga_extent(&mode, 16 + 600 * 400, &first, &length, NULL));
}

/* A section that isn't certain isn't used. */
static void test_uncertain(void **unused)
{
    static const guint places[] = { 3, 4, 4 + 0x0b, VGA_STATE_VBE - 3, VGA_STATE_VBE };
    VgaMode mode;
    VgaState state;

    (void)unused;
    vga_state_make(&state, "0000:00:03.0/cirrus_vga");
    assert_false(find(&state, NULL, &mode, "--size"));
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        vga_state_make(&state, "0000:00:03.0/vga");
        vga_state_text(&state);
        state.body[places[i]] ^= 0x40;
        assert_false(find(&state, NULL, &mode, "--size"));
    }
    /* Cut anywhere, it isn't a section, and nothing after it is read. */
    vga_state_make(&state, "0000:00:03.0/vga");
    vga_state_text(&state);
    for (gsize length = state.length; length-- > 0;) {
        g_autofree guint8 *cut = g_memdup2(state.bytes, length);

        assert_false(vga_find_mode(cut, length, NULL, &mode, NULL));
    }
}

static void test_sizes(void **unused)
{
    static const char *const wrong[] = { "",       "800x600",     "800x600x33",
                                         "0x0x8",  "800x600x32,", "800x600x32,1,2,3",
                                         "-1x2x8", "99999x1x8",   "80x25xtextx" };
    guint64 first, length;
    VgaMode mode;

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        assert_false(vga_parse_mode(wrong[i], &mode, &error));
        assert_non_null(strstr(error->message, "--size wants"));
    }
    assert_true(vga_parse_mode("800x600x32,4096,0x1000", &mode, NULL));
    assert_int_equal(mode.stride, 4096);
    assert_int_equal(mode.offset, 0x1000);
    assert_true(vga_extent(&mode, 0x1000 + 599 * 4096 + 3200, &first, &length, NULL));
    assert_int_equal(first, 0x1000);
    assert_int_equal(length, 599 * 4096 + 3200);
    assert_false(vga_extent(&mode, 0x1000 + 599 * 4096 + 3199, &first, &length, NULL));
    mode.stride = 3199;
    assert_false(vga_extent(&mode, 1 << 30, &first, &length, NULL));
    assert_true(vga_parse_mode("80x25xtext", &mode, NULL));
    assert_false(vga_extent(&mode, VGA_TEXT_BYTES - 1, &first, &length, NULL));
    assert_true(vga_extent(&mode, VGA_TEXT_BYTES, &first, &length, NULL));
    assert_int_equal(length, VGA_TEXT_BYTES);
}

static void test_pixels(void **unused)
{
    static const struct {
        const char *size;
        const char *bytes;
        guint32 colour;
    } cases[] = {
        { "2x1x8", "\0\x80", 0x808080 },
        { "2x1x15", "\0\0\x1f\x7c", 0xff00ff },
        { "2x1x16", "\0\0\xe0\x07", 0x00ff00 },
        { "2x1x24", "\0\0\0\x11\x22\x33", 0x332211 },
        { "2x1x32", "\0\0\0\0\x11\x22\x33\x44", 0x332211 },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        cairo_surface_t *surface;
        VgaMode mode;

        assert_true(vga_parse_mode(cases[i].size, &mode, NULL));
        surface = screen_draw(&mode, (const guint8 *)cases[i].bytes);
        assert_int_equal(cairo_image_surface_get_width(surface), 2);
        assert_int_equal(at(surface, 0, 0), 0);
        assert_int_equal(at(surface, 1, 0), cases[i].colour);
        cairo_surface_destroy(surface);
    }
}

/* "A" and a line character in the font of map 0, and what the characters are in UTF-8. */
static void test_characters(void **unused)
{
    g_autofree guint8 *bytes = g_malloc0(VGA_TEXT_BYTES);
    g_autofree char *text = NULL;
    cairo_surface_t *surface;
    VgaMode mode;

    (void)unused;
    assert_true(vga_parse_mode("4x2xtext", &mode, NULL));
    memcpy(bytes, "A\x1f\0\0\xc4\x07\0\0 \x07\0\0\xff\x07\0\0", 16);
    memcpy(bytes + 16, "\x1b\x07\0\0\x81\x07\0\0\xfe\x07\0\0z\x07", 15);
    bytes[2 + 4 * (32 * 'A' + 3)] = 0x81;
    bytes[2 + 4 * (32 * 0xc4 + 3)] = 0x81;
    surface = screen_draw(&mode, bytes);
    assert_int_equal(cairo_image_surface_get_width(surface), 36);
    assert_int_equal(cairo_image_surface_get_height(surface), 32);
    assert_int_equal(at(surface, 0, 3), 0xffffff);
    assert_int_equal(at(surface, 1, 3), 0x0000aa);
    assert_int_equal(at(surface, 7, 3), 0xffffff);
    assert_int_equal(at(surface, 8, 3), 0x0000aa);
    assert_int_equal(at(surface, 16, 3), 0xaaaaaa);
    assert_int_equal(at(surface, 17, 3), 0xaaaaaa);
    cairo_surface_destroy(surface);
    text = screen_text(&mode, bytes);
    assert_string_equal(text, "A─\n ü■z\n");
}

static int put_savefile(const VgaState *state)
{
    Maker maker = MAKER_INIT;
    int file;

    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 2, 2);
    maker_pages(&maker, VIDEORAM >> 12, 64, 64);
    maker_record(&maker, 0, NULL, 0);
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(PAIRS));
    maker_emulator(&maker, 3, 2, state->bytes, state->length);
    maker_record(&maker, 0, NULL, 0);
    file = maker_file(&maker);
    maker_clear(&maker);
    return file;
}

static gboolean read_screen(MountTree *tree, const char *name, guint8 *bytes, gsize *length)
{
    MountNode node = mount_tree_lookup(tree, MOUNT_ROOT, name);
    guint64 size;

    while (mount_tree_size(tree, node, &size) == MOUNT_WAIT) {
        g_usleep(1000);
    }
    assert_true(mount_tree_read(tree, node, 0, bytes, length) == MOUNT_DONE);
    return *length == size;
}

/* A mounted savefile has the same picture and characters as files. */
static void test_mounted(void **unused)
{
    VgaState state;

    (void)unused;
    for (guint text = 0; text <= 1; text++) {
        g_autoptr(MountTree) tree = NULL;
        g_autofree guint8 *bytes = g_malloc0(65536);
        gsize length = 65536;
        int file;
        Run run;

        vga_state_make(&state, "0000:00:03.0/vga");
        if (text) {
            vga_state_text(&state);
        } else {
            vga_state_vbe(&state, 64, 32, 32, 256);
        }
        file = put_savefile(&state);
        tree = mount_tree_open(dup(file), "g1.save", NULL);
        assert_non_null(tree);
        assert_true((mount_tree_lookup(tree, MOUNT_ROOT, "screen.txt") != 0) == text);
        mount_tree_start(tree, NULL, NULL);
        lseek(file, 0, SEEK_SET);
        run = RUN(verb_screenshot, file, "screenshot", "-", "-", NULL);
        assert_true(read_screen(tree, "screen.png", bytes, &length));
        assert_int_equal(length, run.bytes->len);
        assert_memory_equal(bytes, run.bytes->data, length);
        run_clear(&run);
        if (text) {
            length = 65536;
            run = RUN(verb_screenshot, file, "screenshot", "--text", "-", NULL);
            assert_true(read_screen(tree, "screen.txt", bytes, &length));
            assert_int_equal(length, run.bytes->len);
            assert_memory_equal(bytes, run.bytes->data, length);
            run_clear(&run);
        }
        close(file);
    }
    /* Without a mode there are no such files. */
    vga_state_make(&state, "0000:00:03.0/cirrus_vga");
    {
        int file = put_savefile(&state);
        g_autoptr(MountTree) tree = mount_tree_open(file, "g1.save", NULL);

        assert_non_null(tree);
        assert_int_equal(mount_tree_lookup(tree, MOUNT_ROOT, "screen.png"), 0);
    }
}

static void test_verb(void **unused)
{
    VgaState state;
    int file;
    Run run;

    (void)unused;
    vga_state_make(&state, "0000:00:03.0/vga");
    vga_state_vbe(&state, 64, 32, 32, 256);
    file = put_savefile(&state);
    run = RUN(verb_screenshot, file, "screenshot", "-", "-", NULL);
    assert_string_equal(run.err, "");
    assert_int_equal(run.end, EXIT_FINE);
    assert_memory_equal(run.out, "\x89PNG\r\n", 6);
    assert_memory_equal(run.out + 16, "\0\0\0\x40\0\0\0\x20", 8);
    run_clear(&run);

    run = RUN(verb_screenshot, file, "screenshot", "--text", "-", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "the screen has no characters but 64x32 pixels of 32 bits"));
    run_clear(&run);

    run = RUN(verb_screenshot, file, "screenshot", "--text", "--size=8x2xtext", "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_string_equal(run.out, "\n\n");
    run_clear(&run);

    /* The last of these pages isn't in the file. */
    run = RUN(verb_screenshot, file, "screenshot", "--size=1024x65x32", "-", "/dev/null", NULL);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.err, "1 of 65 pages of the screen are not in the savefile, the "
                                    "first at 0xf1040000"));
    run_clear(&run);

    run = RUN(verb_screenshot, file, "screenshot", "--size=1024x1024x32", "-", "x", NULL);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.err, "is not in a videoram of 0x100000 bytes"));
    run_clear(&run);

    run = RUN(verb_screenshot, file, "screenshot", "-", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    run_clear(&run);

    run = RUN(verb_screenshot, -1, "screenshot", "absent.save", "x", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "screenshot: 'absent.save' is neither a file nor a domain: "));
    run_clear(&run);
    close(file);
}

/* A stream whose one record is of a videoram of 2 GiB, without a page. */
static int put_large(void)
{
    static const char pairs[] = "physmap/100000000/start_addr\0"
                                "200000000\0"
                                "physmap/100000000/size\0"
                                "80000000\0"
                                "physmap/100000000/name\0"
                                "vga.vram\0";
    Maker maker = MAKER_INIT;
    int file;

    maker_libxl(&maker, pairs, sizeof pairs - 1);
    file = maker_file(&maker);
    maker_clear(&maker);
    return file;
}

/* The memory for a screen is limited, whatever its size. */
static void test_memory(void **unused)
{
    static const struct {
        const char *size;
        gboolean drawn;
    } cases[] = {
        { "3840x2160x32", TRUE },      { "2560x1600x24", TRUE },      { "16384x16384x8", FALSE },
        { "16384x16384x32", FALSE },   { "16384x16384xtext", FALSE }, { "1x16384x32,65536", FALSE },
        { "1x1x32,4294967292", TRUE }, { "4000x3000x16", FALSE },
    };
    int file = put_large();
    Run small = RUN(verb_screenshot, file, "screenshot", "--size=1x1x32", "-", "/dev/null", NULL);

    (void)unused;
    assert_int_equal(small.end, EXIT_FINDING);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Run run = RUN(verb_screenshot, file, "screenshot", "--size", cases[i].size, "-",
                      "/dev/null", NULL);

        assert_int_equal(run.end, EXIT_FINDING);
        if (cases[i].drawn) {
            assert_non_null(strstr(run.err, "pages of the screen are not in the savefile"));
        } else if (!strstr(run.err, "MiB of memory, and more than 48 is refused") &&
                   !strstr(run.err, "is not in a videoram of")) {
            fail_msg("%s: %s", cases[i].size, run.err);
        }
        if (RUN_MEMORY_COUNTS && run.memory - small.memory > 64 * 1024) {
            fail_msg("%s took %ld KiB", cases[i].size, run.memory);
        }
        run_clear(&run);
    }
    run_clear(&small);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers), cmocka_unit_test(test_graphics),
        cmocka_unit_test(test_uncertain), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_pixels),    cmocka_unit_test(test_characters),
        cmocka_unit_test(test_mounted),   cmocka_unit_test(test_verb),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("screenshot", tests, NULL, NULL);
}
