/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index of a savefile's pages: against a flat array, for streams that send pages again. */
#include "../mocks/savefile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xen-physmap/record.h>

#include "guest-memory.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE
#define PFNS 4096

/* PAGE_DATA with these pfns; a page of the first byte `fill` for each that isn't marked as absent. */
static void put_pages(Maker *maker, const guint64 *entries, guint32 n, guint8 fill, guint8 *model)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    const guint32 head[2] = { n, 0 };

    g_byte_array_append(body, (const guint8 *)head, sizeof head);
    g_byte_array_append(body, (const guint8 *)entries, n * sizeof *entries);
    for (guint32 i = 0; i < n; i++) {
        guint8 page[PAGE];

        if (entries[i] >> 60 < 13) {
            memset(page, fill, sizeof page);
            g_byte_array_append(body, page, sizeof page);
        }
        model[entries[i] & (PFNS - 1)] = entries[i] >> 60 < 13 ? fill : 0;
    }
    maker_record(maker, LIBXC_PAGE_DATA, body->data, body->len);
}

static GuestMemory *index_of(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = stream_open(fd, &error);
    GuestMemory *memory = guest_memory_new();
    StreamItem item;

    assert_non_null(stream);
    while (stream_next(stream, &item, &error) && item.layer != STREAM_END) {
        g_autoptr(GuestPages) pages = NULL;

        if (stream_has_pages(&item) && (!(pages = guest_pages_read(stream, &item, &error)) ||
                                        !guest_memory_add(memory, pages, &error))) {
            break;
        }
    }
    if (error) {
        print_message("%s\n", error->message);
    }
    assert_null(error);
    return memory;
}

static void compare(const GuestMemory *memory, int fd, const guint8 *model)
{
    g_autofree guint8 *bytes = g_malloc(PFNS * PAGE);
    guint64 pages = 0, end = 0;
    GuestRange range = { 0 };

    assert_true(guest_memory_read(memory, fd, 0, bytes, PFNS * PAGE, NULL));
    for (guint i = 0; i < PFNS; i++) {
        assert_int_equal(bytes[i * PAGE], model[i]);
        assert_int_equal(bytes[i * PAGE + PAGE - 1], model[i]);
        pages += model[i] != 0;
        end = model[i] ? (i + 1) * PAGE : end;
    }
    assert_int_equal(guest_memory_end(memory), end);
    assert_int_equal(guest_memory_pages(memory, 0, G_MAXUINT64), pages);
    /* The stretches are those of the array, each as long as it can be. */
    while (guest_memory_next(memory, range.end, &range)) {
        assert_true(range.start == 0 || model[range.start / PAGE - 1] == 0);
        for (guint64 i = range.start / PAGE; i < range.end / PAGE; i++) {
            assert_int_not_equal(model[i], 0);
        }
        assert_true(range.end == PFNS * PAGE || model[range.end / PAGE] == 0);
        pages -= (range.end - range.start) / PAGE;
    }
    assert_int_equal(pages, 0);
}

/* Pages sent again, taken back, in any order, and pieces of them read. */
static void test_random(void **state)
{
    (void)state;
    for (guint32 seed = 1; seed <= 40; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autofree guint8 *model = g_malloc0(PFNS);
        g_autoptr(GuestMemory) memory = NULL;
        Maker maker = MAKER_INIT;
        int fd;

        maker_libxc_headers(&maker, 2, 2);
        for (guint record = 1; record < 60; record++) {
            guint64 entries[64], first = g_rand_int_range(rand, 0, PFNS - 64);
            guint n = g_rand_int_range(rand, 1, 64);

            for (guint i = 0; i < n; i++) {
                guint64 pfn = record % 3 ? first + i : (guint64)g_rand_int_range(rand, 0, PFNS);

                entries[i] = pfn | (g_rand_int_range(rand, 0, 5) ? 0 : 0xdULL << 60);
            }
            put_pages(&maker, entries, n, record, model);
        }
        maker_record(&maker, LIBXC_END, NULL, 0);
        fd = maker_file(&maker);
        memory = index_of(fd);
        compare(memory, fd, model);
        close(fd);
        maker_clear(&maker);
    }
}

static void test_pieces(void **state)
{
    Maker maker = MAKER_INIT;
    guint8 bytes[3 * PAGE];
    g_autoptr(GuestMemory) memory = NULL;
    g_autoptr(GError) error = NULL;
    int fd;

    (void)state;
    maker_libxc_headers(&maker, 2, 2);
    maker_pages(&maker, 1, 2, 2);
    maker_record(&maker, LIBXC_END, NULL, 0);
    fd = maker_file(&maker);
    memory = index_of(fd);
    assert_true(guest_memory_read(memory, fd, PAGE - 10, bytes, 20, NULL));
    assert_int_equal(bytes[9], 0);
    assert_int_equal(bytes[10], 1);
    assert_true(guest_memory_read(memory, fd, 3 * PAGE - 1, bytes, 2, NULL));
    assert_int_equal(bytes[0], 2);
    assert_int_equal(bytes[1], 0);
    /* The file got shorter since. */
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_false(guest_memory_read(memory, fd, PAGE, bytes, PAGE, &error));
    assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    close(fd);
    maker_clear(&maker);
}

/* A stream of Xen 4.2 to 4.5 has its list ahead of the body. */
static void test_legacy(void **state)
{
    g_autoptr(GByteArray) blob = g_byte_array_new();
    Maker maker = MAKER_INIT;
    g_autoptr(GuestMemory) memory = NULL;
    GuestRange range = { 0 };
    guint pages = 0;
    int fd;

    (void)state;
    maker_xl(&maker, 0, NULL);
    maker_legacy(&maker, 64, blob);
    fd = maker_file(&maker);
    memory = index_of(fd);
    while (guest_memory_next(memory, range.end, &range)) {
        for (guint64 at = range.start; at < range.end; at += PAGE, pages++) {
            guint8 byte;

            assert_true(guest_memory_read(memory, fd, at, &byte, 1, NULL));
            assert_int_equal(byte, (guint8)(at / PAGE));
        }
    }
    assert_int_not_equal(pages, 0);
    close(fd);
    maker_clear(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_legacy),
    };

    return cmocka_run_group_tests_name("guest-memory", tests, NULL, NULL);
}
