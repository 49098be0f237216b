/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes good and bad savefiles and streams for tests, from docs/formats.md alone. */
#ifndef SAVEFILE_MAKER_H
#define SAVEFILE_MAKER_H

#include <sys/types.h>

#include <glib.h>

/* Bytes that can be appended to, and the byte order of the numbers appended. */
typedef struct Maker {
    GByteArray *bytes;
    gboolean big_endian;
} Maker;

#define MAKER_INIT                                                                                 \
    {                                                                                              \
        g_byte_array_new(), FALSE                                                                  \
    }

/* The three pairs of docs/formats.md section 4, which are a record with a bare name. */
#define MAKER_PAIRS                                                                                \
    "physmap/2000000/start_addr\0"                                                                 \
    "f1000000\0"                                                                                   \
    "physmap/2000000/size\0"                                                                       \
    "1000000\0"                                                                                    \
    "physmap/2000000/name\0"                                                                       \
    "vga.vram\0"

/* A second record. */
#define MAKER_ROM_PAIRS                                                                            \
    "physmap/3000000/start_addr\0"                                                                 \
    "3000000\0"                                                                                    \
    "physmap/3000000/size\0"                                                                       \
    "40000\0"                                                                                      \
    "physmap/3000000/name\0"                                                                       \
    "0000:00:04.0/e1000.rom\0"

#define MAKER_LITERAL(text) (text), sizeof(text) - 1

void maker_clear(Maker *maker);

void maker_put(Maker *maker, const void *bytes, gsize length);
void maker_u32(Maker *maker, guint32 value);
void maker_u64(Maker *maker, guint64 value);

/* Overwrites 4 bytes with a number. */
void maker_patch(Maker *maker, gsize at, guint32 value);

void maker_xl(Maker *maker, guint32 mandatory_flags, const char *config);
void maker_libvirt(Maker *maker, guint32 version, const char *xml);
void maker_xapi_record(Maker *maker, guint64 type, guint64 length, const char *body);

void maker_libxl_header(Maker *maker);
void maker_libxc_headers(Maker *maker, guint32 version, guint32 guest);
void maker_record(Maker *maker, guint32 type, const void *body, gsize length);

/* PAGE_DATA with the pfns from `first` on, of which the first `stored` have a page. Each page is
 * filled with the low byte of its pfn. */
void maker_pages(Maker *maker, guint64 first, guint32 named, guint32 stored);

/* An EMULATOR record of either type. */
void maker_emulator(Maker *maker, guint32 type, guint32 id, const void *data, gsize length);

/* A complete libxc stream of an HVM guest, with two batches of pages. */
void maker_libxc(Maker *maker, guint32 version, guint32 last);

/* A libxl stream around that, with EMULATOR_XENSTORE_DATA of these pairs if there are some. */
void maker_libxl(Maker *maker, const void *pairs, gsize length);

/* A record of the legacy toolstack blob; word is 32 or 64. */
void maker_legacy_entry(Maker *maker, guint word, guint64 phys_offset, guint64 start_addr,
                        guint64 size, const char *name);

/* A legacy stream of an HVM guest, with this blob. */
void maker_legacy(Maker *maker, guint word, const GByteArray *blob);

/* A file, or a pipe, which another process may have to fill. The caller closes it; maker_pipe_end waits. */
int maker_file(const Maker *maker);
int maker_pipe(const Maker *maker, pid_t *writer);
void maker_pipe_end(int fd, pid_t writer);

#endif
