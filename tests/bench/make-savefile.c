/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make-savefile BATCHES FILE: a sparse savefile of xl with this many full PAGE_DATA records. */
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

int main(int argc, char **argv)
{
    Maker maker = MAKER_INIT;
    const guint8 zeros[48] = { 0 };
    /* Without records for verify-stream-v2, which fails on them. */
    gboolean bare = argc == 4 && strcmp(argv[3], "--bare") == 0;
    FILE *file = argc >= 3 ? fopen(argv[2], "w") : NULL;

    if (!file) {
        fputs("usage: make-savefile BATCHES FILE [--bare]\n", stderr);
        return 2;
    }
    maker_xl(&maker, 3, "{}");
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 3, 2);
    maker_record(&maker, 0x11, zeros, 48);
    maker_record(&maker, 0x12, zeros, 16);
    maker_record(&maker, 0x10, NULL, 0);
    put(file, &maker);
    for (long batch = 0; batch < atol(argv[1]); batch++) {
        maker_u32(&maker, PAGE_DATA);
        maker_u32(&maker, 8 + PFNS * (8 + PAGE_SIZE));
        maker_u32(&maker, PFNS);
        maker_u32(&maker, 0);
        for (guint64 i = 0; i < PFNS; i++) {
            maker_u64(&maker, batch * PFNS + i);
        }
        put(file, &maker);
        fseeko(file, PFNS * PAGE_SIZE, SEEK_CUR);
    }
    maker_record(&maker, 0x08, zeros, 24);
    maker_record(&maker, 0x09, zeros, 16);
    maker_record(&maker, 0, NULL, 0);
    if (!bare) {
        maker_emulator(&maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    }
    maker_emulator(&maker, 3, 2, MAKER_LITERAL("QEVMstate"));
    maker_record(&maker, 0, NULL, 0);
    put(file, &maker);
    maker_clear(&maker);
    return fclose(file) ? 1 : 0;
}
