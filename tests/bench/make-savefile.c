/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes sparse xl savefiles: of any length for measurements, or of the guest in the documents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "savefile-maker.h"

#define PFNS 1024
#define PAGE_SIZE 4096
#define PAGE_DATA 0x00000001

static void put(FILE *file, const Maker *maker)
{
    if (fwrite(maker->bytes->data, maker->bytes->len, 1, file) != 1) {
        perror("make-savefile");
        exit(1);
    }
    g_byte_array_set_size(maker->bytes, 0);
}

static void put_head(FILE *file, Maker *maker, const char *config)
{
    const guint8 zeros[48] = { 0 };

    maker_xl(maker, 3, config);
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc_headers(maker, 3, 2);
    maker_record(maker, 0x11, zeros, 48);
    maker_record(maker, 0x12, zeros, 16);
    maker_record(maker, 0x10, NULL, 0);
    put(file, maker);
}

/* The pages from `first` on, all zeros. */
static void put_pages(FILE *file, Maker *maker, guint64 first, guint64 count)
{
    while (count > 0) {
        guint32 n = MIN(count, PFNS);

        maker_u32(maker, PAGE_DATA);
        maker_u32(maker, 8 + n * (8 + PAGE_SIZE));
        maker_u32(maker, n);
        maker_u32(maker, 0);
        for (guint32 i = 0; i < n; i++) {
            maker_u64(maker, first + i);
        }
        put(file, maker);
        fseeko(file, (off_t)n * PAGE_SIZE, SEEK_CUR);
        first += n;
        count -= n;
    }
}

static void put_tail(FILE *file, Maker *maker, const char *pairs, gsize length)
{
    const guint8 zeros[24] = { 0 }, params[24] = { 1 };

    maker_record(maker, 0x08, zeros, 24);
    maker_record(maker, 0x0a, params, sizeof params);
    maker_record(maker, 0x09, zeros, 16);
    maker_record(maker, 0, NULL, 0);
    if (pairs) {
        maker_emulator(maker, 2, 2, pairs, length);
    }
    maker_emulator(maker, 3, 2, MAKER_LITERAL("QEVMstate"));
    maker_record(maker, 0, NULL, 0);
    put(file, maker);
}

/* 48 MiB, of which a stdvga has 16, and four e1000 cards. */
static void put_guest(FILE *file, Maker *maker)
{
    static const char config[] =
        "{\"c_info\": {\"type\": \"hvm\", \"name\": \"g1\", "
        "\"uuid\": \"0ab3f4a0-5a04-4be0-8fa1-1d4d5b7a1c01\"}, "
        "\"b_info\": {\"max_memkb\": 49152, \"video_memkb\": 16384, "
        "\"type.hvm\": {\"vga\": {\"kind\": \"std\"}, \"serial\": \"pty\"}}, "
        "\"disks\": [{\"pdev_path\": \"/guests/g1.img\", \"vdev\": \"xvda\", "
        "\"format\": \"raw\", \"readwrite\": 1}], "
        "\"nics\": [{\"mac\": \"00:16:3e:1a:2b:3c\", \"bridge\": \"xenbr0\", "
        "\"model\": \"e1000\"}]}";
#define BLOCK(offset, start, size, name)                                                           \
    "physmap/" offset "/start_addr\0" start "\0"                                                   \
    "physmap/" offset "/size\0" size "\0"                                                          \
    "physmap/" offset "/name\0"                                                                    \
    "0000:00:0" name "\0"
    static const char pairs[] = BLOCK("2000000", "f1000000", "1000000", "3.0/vga.vram")
        BLOCK("3000000", "3000000", "10000", "3.0/vga.rom")
            BLOCK("3040000", "3040000", "40000", "6.0/e1000.rom")
                BLOCK("3080000", "3080000", "40000", "7.0/e1000.rom")
                    BLOCK("30c0000", "30c0000", "40000", "8.0/e1000.rom")
                        BLOCK("3100000", "3100000", "40000", "9.0/e1000.rom");
#undef BLOCK

    put_head(file, maker, config);
    put_pages(file, maker, 0, 0x2000);
    put_pages(file, maker, 0x3000, 0x10);
    put_pages(file, maker, 0x3040, 0x100);
    put_pages(file, maker, 0xf1000, 0x1000);
    put_tail(file, maker, pairs, sizeof pairs - 1);
}

static void put_batches(FILE *file, Maker *maker, long batches, gboolean bare)
{
    static const char pairs[] = MAKER_PAIRS;

    put_head(file, maker, "{}");
    put_pages(file, maker, 0, (guint64)batches * PFNS);
    put_tail(file, maker, bare ? NULL : pairs, sizeof pairs - 1);
}

int main(int argc, char **argv)
{
    Maker maker = MAKER_INIT;
    gboolean guest = argc == 3 && strcmp(argv[1], "--guest") == 0;
    /* Without records for verify-stream-v2, which fails on them. */
    gboolean bare = argc == 4 && strcmp(argv[3], "--bare") == 0;
    FILE *file = argc >= 3 ? fopen(argv[2], "w") : NULL;

    if (!file) {
        fputs("usage: make-savefile BATCHES FILE [--bare]\n"
              "       make-savefile --guest FILE\n",
              stderr);
        return 2;
    }
    if (guest) {
        put_guest(file, &maker);
    } else {
        put_batches(file, &maker, atol(argv[1]), bare);
    }
    maker_clear(&maker);
    return fclose(file) ? 1 : 0;
}
