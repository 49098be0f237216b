/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the binary seeds of the fuzz targets into tests/data. Run it by hand when the maker
 * changes. */
#include <stdio.h>
#include <stdlib.h>

#include "../mocks/savefile-maker.h"
#include "../mocks/vga-state.h"

static const char *folder;

static void keep(Maker *maker, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    g_mkdir_with_parents(parent, 0777);
    if (!g_file_set_contents(path, (char *)maker->bytes->data, maker->bytes->len, NULL)) {
        fprintf(stderr, "can't write %s\n", path);
        exit(1);
    }
    maker_clear(maker);
}

static void keep_streams(void)
{
    static const char pairs[] = MAKER_PAIRS MAKER_ROM_PAIRS "other\0"
                                                            "value\0";
    Maker maker = MAKER_INIT;

    maker_xl(&maker, 3, "{}");
    maker_libxl(&maker, pairs, sizeof pairs - 1);
    keep(&maker, "stream/xl");

    maker = (Maker){ g_byte_array_new(), TRUE };
    maker_libvirt(&maker, 2, "<domain/>");
    maker_libxl(&maker, pairs, sizeof pairs - 1);
    keep(&maker, "stream/libvirt-big-endian");

    maker = (Maker)MAKER_INIT;
    maker_put(&maker, MAKER_LITERAL("XenSavedDomv2-\n"));
    maker_xapi_record(&maker, 0x0f, 9, "((time 0)");
    maker_xapi_record(&maker, 0xf0, 0, "");
    maker_libxc(&maker, 2, 0);
    maker_xapi_record(&maker, 0xf01, 4, "QEVM");
    maker_xapi_record(&maker, 0xffff, 0, "");
    keep(&maker, "stream/xapi");

    maker = (Maker)MAKER_INIT;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc(&maker, 3, 0x0e);
    for (guint i = 0; i < 2; i++) {
        maker_emulator(&maker, 2, 2, pairs, sizeof pairs - 1);
        maker_record(&maker, 4, NULL, 0);
        maker_record(&maker, 5, "\0\0\0\0\0\0\0", 8);
        maker_record(&maker, 0x0e, NULL, 0);
    }
    keep(&maker, "stream/colo");

    maker = (Maker)MAKER_INIT;
    maker_u32(&maker, 2);
    maker_u32(&maker, 0);
    maker_put(&maker, pairs, sizeof pairs - 1);
    keep(&maker, "keys/three");
}

static void keep_legacy(guint word)
{
    g_autofree char *stream = g_strdup_printf("stream/legacy-%u", word);
    g_autofree char *alone = g_strdup_printf("legacy/blob-%u", word);
    Maker maker = MAKER_INIT, blob = MAKER_INIT;

    maker_u32(&blob, 1);
    maker_u32(&blob, 2);
    maker_legacy_entry(&blob, word, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
    maker_legacy_entry(&blob, word, 0x3000000, 0x3000000, 0x40000, "0000:00:04.0/e1000.rom");
    maker_xl(&maker, 1, "{}");
    maker_legacy(&maker, word, blob.bytes);
    keep(&maker, stream);
    keep(&blob, alone);
}

/* Pages that are sent twice, and one that is removed again. */
static void keep_pages(void)
{
    Maker maker = MAKER_INIT, blob = MAKER_INIT;

    maker_libxc_headers(&maker, 2, 2);
    maker_pages(&maker, 0xf1000, 4, 2);
    maker_pages(&maker, 0xf1001, 3, 1);
    maker_record(&maker, 0, NULL, 0);
    keep(&maker, "pages/libxc");

    maker = (Maker)MAKER_INIT;
    maker_u32(&blob, 1);
    maker_u32(&blob, 0);
    maker_xl(&maker, 1, "{}");
    maker_legacy(&maker, 64, blob.bytes);
    maker_clear(&blob);
    keep(&maker, "pages/legacy");
}

static void keep_vga_state(VgaState *state, const char *name)
{
    Maker maker = MAKER_INIT;

    maker_put(&maker, state->bytes, state->length);
    keep(&maker, name);
}

static void keep_vga(void)
{
    VgaState state;

    vga_state_make(&state, "0000:00:03.0/vga");
    vga_state_text(&state);
    keep_vga_state(&state, "vga/text");
    vga_state_vbe(&state, 24, 16, 24, 80);
    keep_vga_state(&state, "vga/vbe");
}

/* The formats that are detected by their first bytes. */
static void keep_record_file(void)
{
    static const char pairs[] = MAKER_PAIRS MAKER_ROM_PAIRS;
    Maker maker = MAKER_INIT;

    maker_emulator(&maker, 2, 2, pairs, sizeof pairs - 1);
    keep(&maker, "record-file/libxl-record");

    maker = (Maker)MAKER_INIT;
    maker_u32(&maker, 1);
    maker_u32(&maker, 1);
    maker_legacy_entry(&maker, 64, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
    keep(&maker, "record-file/legacy");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    keep_streams();
    keep_legacy(32);
    keep_legacy(64);
    keep_pages();
    keep_vga();
    keep_record_file();
    return 0;
}
