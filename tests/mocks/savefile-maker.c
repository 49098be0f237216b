/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes what the walker reads, and shares no code with it. */
#include "savefile-maker.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void maker_clear(Maker *maker)
{
    g_byte_array_unref(maker->bytes);
    maker->bytes = NULL;
}

void maker_put(Maker *maker, const void *bytes, gsize length)
{
    g_byte_array_append(maker->bytes, bytes, length);
}

static void put_number(Maker *maker, guint64 value, guint size)
{
    for (guint i = 0; i < size; i++) {
        guint8 byte = value >> 8 * (maker->big_endian ? size - 1 - i : i);

        maker_put(maker, &byte, 1);
    }
}

static void put_u16(Maker *maker, guint16 value)
{
    put_number(maker, value, 2);
}

void maker_u32(Maker *maker, guint32 value)
{
    put_number(maker, value, 4);
}

void maker_u64(Maker *maker, guint64 value)
{
    put_number(maker, value, 8);
}

void maker_patch(Maker *maker, gsize at, guint32 value)
{
    Maker number = { g_byte_array_new(), maker->big_endian };

    maker_u32(&number, value);
    memcpy(maker->bytes->data + at, number.bytes->data, 4);
    maker_clear(&number);
}

void maker_xl(Maker *maker, guint32 mandatory_flags, const char *config)
{
    guint32 length = config ? strlen(config) + 1 : 0;

    maker_put(maker, MAKER_LITERAL("Xen saved domain, xl format\n \0 \r"));
    maker_u32(maker, 0x01020304);
    maker_u32(maker, mandatory_flags);
    maker_u32(maker, 0);
    maker_u32(maker, config ? 4 + length : 0);
    if (config) {
        maker_u32(maker, length);
        maker_put(maker, config, length);
    }
}

void maker_libvirt(Maker *maker, guint32 version, const char *xml)
{
    maker_put(maker, MAKER_LITERAL("libvirt-xml\n \0 \r"));
    maker_u32(maker, version);
    maker_u32(maker, strlen(xml) + 1);
    for (guint i = 0; i < 10; i++) {
        maker_u32(maker, 0);
    }
    maker_put(maker, xml, strlen(xml) + 1);
}

void maker_xapi_record(Maker *maker, guint64 type, guint64 length, const char *body)
{
    maker_u64(maker, type);
    maker_u64(maker, length);
    maker_put(maker, body, strlen(body));
}

void maker_libxl_header(Maker *maker)
{
    static const guint8 version[] = { 0, 0, 0, 2, 0, 0, 0 };
    guint8 options = maker->big_endian;

    maker_put(maker, "LibxlFmt", 8);
    maker_put(maker, version, sizeof version);
    maker_put(maker, &options, 1);
}

void maker_libxc_headers(Maker *maker, guint32 version, guint32 guest)
{
    guint8 head[24] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'X', 'E', 'N', 'F' };

    head[15] = version;
    head[17] = maker->big_endian;
    maker_put(maker, head, sizeof head);
    maker_u32(maker, guest);
    put_u16(maker, 12);
    put_u16(maker, 0);
    maker_u32(maker, 4);
    maker_u32(maker, 17);
}

static void pad(Maker *maker, gsize length)
{
    maker_put(maker, "\0\0\0\0\0\0\0", -length & 7);
}

void maker_record(Maker *maker, guint32 type, const void *body, gsize length)
{
    maker_u32(maker, type);
    maker_u32(maker, length);
    maker_put(maker, body, length);
    pad(maker, length);
}

void maker_pages(Maker *maker, guint64 first, guint32 named, guint32 stored)
{
    maker_u32(maker, 1);
    maker_u32(maker, 8 + 8 * named + 4096 * stored);
    maker_u32(maker, named);
    maker_u32(maker, 0);
    for (guint64 pfn = first; pfn < first + named; pfn++) {
        maker_u64(maker, pfn - first < stored ? pfn : pfn | G_GUINT64_CONSTANT(0xf) << 60);
    }
    for (guint64 pfn = first; pfn < first + stored; pfn++) {
        guint8 page[4096];

        memset(page, pfn, sizeof page);
        maker_put(maker, page, sizeof page);
    }
}

void maker_emulator(Maker *maker, guint32 type, guint32 id, const void *data, gsize length)
{
    maker_u32(maker, type);
    maker_u32(maker, 8 + length);
    maker_u32(maker, id);
    maker_u32(maker, 0);
    maker_put(maker, data, length);
    pad(maker, length);
}

void maker_libxc(Maker *maker, guint32 version, guint32 last)
{
    guint8 zeros[48] = { 0 };
    Maker params = { g_byte_array_new(), maker->big_endian };

    maker_libxc_headers(maker, version, 2);
    if (version >= 3) {
        maker_record(maker, 0x11, zeros, 48);
        maker_record(maker, 0x12, zeros, 16);
        maker_record(maker, 0x10, NULL, 0);
    }
    maker_pages(maker, 0, 3, 2);
    maker_pages(maker, 0xf1000, 2, 1);
    maker_record(maker, 0x08, zeros, 24);
    maker_u32(&params, 1);
    maker_u32(&params, 0);
    maker_u64(&params, 1);
    maker_u64(&params, 0xfeff);
    maker_record(maker, 0x0a, params.bytes->data, params.bytes->len);
    maker_clear(&params);
    maker_record(maker, 0x09, zeros, 13);
    maker_record(maker, last, NULL, 0);
}

void maker_libxl(Maker *maker, const void *pairs, gsize length)
{
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc(maker, 3, 0);
    if (length > 0) {
        maker_emulator(maker, 2, 2, pairs, length);
    }
    maker_emulator(maker, 3, 2, MAKER_LITERAL("QEVMstate"));
    maker_record(maker, 0, NULL, 0);
}

void maker_legacy_entry(Maker *maker, guint word, guint64 phys_offset, guint64 start_addr,
                        guint64 size, const char *name)
{
    maker_u64(maker, phys_offset);
    maker_u64(maker, start_addr);
    maker_u64(maker, size);
    maker_u32(maker, strlen(name) + 1);
    maker_put(maker, name, strlen(name) + 1);
    if (word == 64) {
        maker_put(maker, "\xaa\xaa\xaa\xaa", 4);
    }
}

static void put_word(Maker *maker, guint word, guint64 value)
{
    put_number(maker, value, word / 8);
}

void maker_legacy(Maker *maker, guint word, const GByteArray *blob)
{
    guint8 page[4096] = { 0 };

    put_word(maker, word, 0xf1001);
    maker_u32(maker, 2); /* a batch of two, one of them with a page */
    put_word(maker, word, 0);
    put_word(maker, word, 0xf0000001);
    maker_put(maker, page, sizeof page);
    maker_u32(maker, -2);
    maker_u32(maker, 0);
    maker_u64(maker, 1);
    maker_u32(maker, -3);
    maker_u32(maker, 0);
    maker_u64(maker, 0xfeffb);
    maker_u32(maker, -18);
    maker_u32(maker, blob->len);
    maker_put(maker, blob->data, blob->len);
    maker_u32(maker, -9);
    maker_u32(maker, 0);
    maker_u64(maker, 0xfeffd);
    maker_u64(maker, 0xfeffe);
    maker_u64(maker, 0xfefff);
    maker_u32(maker, 5);
    maker_put(maker, "hvmhv", 5);
    maker_put(maker, MAKER_LITERAL("DeviceModelRecord0002"));
    maker_u32(maker, 9);
    maker_put(maker, "QEVMstate", 9);
}

static void write_all(int fd, const guint8 *bytes, gsize length)
{
    while (length > 0) {
        gssize n = write(fd, bytes, length);

        if (n <= 0) {
            return; /* the reader has stopped reading */
        }
        bytes += n;
        length -= n;
    }
}

int maker_file(const Maker *maker)
{
    int fd = memfd_create("savefile", MFD_CLOEXEC);

    g_assert(fd >= 0);
    write_all(fd, maker->bytes->data, maker->bytes->len);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What a pipe has no room for is written by a process, not by a thread: tests fork, and a child of a
 * program with threads may find a lock taken for ever. */
int maker_pipe(const Maker *maker, pid_t *writer)
{
    int fds[2];

    g_assert(pipe(fds) == 0);
    *writer = 0;
    if ((int)maker->bytes->len <= fcntl(fds[1], F_GETPIPE_SZ)) {
        write_all(fds[1], maker->bytes->data, maker->bytes->len);
        close(fds[1]);
        return fds[0];
    }
    *writer = fork();
    g_assert(*writer >= 0);
    if (*writer == 0) {
        signal(SIGPIPE, SIG_IGN);
        close(fds[0]);
        write_all(fds[1], maker->bytes->data, maker->bytes->len);
        raise(SIGKILL); /* no end at which a leak checker would look */
    }
    close(fds[1]);
    return fds[0];
}

void maker_pipe_end(int fd, pid_t writer)
{
    close(fd);
    g_assert(!writer || waitpid(writer, NULL, 0) == writer);
}
