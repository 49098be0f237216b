/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a saved framebuffer's pages are moved to where QEMU looks for them, and when they aren't. */
#include "expect.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "fetch-pages.h"
#include "recorder.h"

#define PAGES 0x1000

static struct {
    guint64 saved; /* 0: no such block */
    guint64 there; /* the guest has PAGES pages from here on */
    guint64 also;  /* and one here */
    int relocate_error;
    gboolean maps;
    guint64 from, to; /* of the relocation */
    guint64 told_from, told_to;
    void *dummy;
} fake;

gboolean recorder_saved_place(guint64 size, guint64 *start_addr)
{
    *start_addr = fake.saved;
    return fake.saved && size == (guint64)PAGES << 12;
}

gboolean recorder_saved_over(guint64 start_addr, guint64 size)
{
    return fake.saved < start_addr + size && start_addr < fake.saved + ((guint64)PAGES << 12);
}

void recorder_moved(guint64 from, guint64 to)
{
    fake.told_from = from;
    fake.told_to = to;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t arr[], int err[])
{
    (void)fmem, (void)prot;
    assert_int_equal(dom, 5);
    for (size_t i = 0; i < pages; i++) {
        gboolean there = arr[i] >= fake.there >> 12 && arr[i] < (fake.there >> 12) + PAGES;

        err[i] = there || arr[i] == fake.also >> 12 ? 0 : -EINVAL;
    }
    return fake.maps ? &fake : NULL;
}

void *xenforeignmemory_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
                            int flags, size_t pages, const xen_pfn_t arr[], int err[])
{
    assert_int_equal(prot, PROT_READ | PROT_WRITE);
    assert_int_equal(flags, MAP_FIXED);
    assert_ptr_equal(addr, fake.dummy);
    assert_non_null(xenforeignmemory_map(fmem, dom, prot, pages, arr, err));
    return addr;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem, (void)pages;
    assert_ptr_equal(addr, &fake);
    return 0;
}

int xendevicemodel_relocate_memory(xendevicemodel_handle *dmod, domid_t domid, uint32_t size,
                                   uint64_t src_gfn, uint64_t dst_gfn)
{
    assert_ptr_equal(dmod, &fake);
    assert_int_equal(domid, 5);
    assert_int_equal(size, PAGES);
    fake.from = src_gfn << 12;
    fake.to = dst_gfn << 12;
    errno = fake.relocate_error;
    return fake.relocate_error ? -1 : 0;
}

/* QEMU maps `num` pages from this address on; every second page if `step` is 2. */
static gboolean fetches(guint64 address, size_t num, guint step)
{
    g_autofree xen_pfn_t *gfns = g_new(xen_pfn_t, num);

    for (size_t i = 0; i < num; i++) {
        gfns[i] = (address >> 12) + i * step;
    }
    fake.from = fake.to = fake.told_to = 0;
    fetch_pages(NULL, 5, num, gfns);
    return fake.to != 0;
}

static int set_up(void **unused)
{
    (void)unused;
    memset(&fake, 0, sizeof fake);
    fake.saved = fake.there = 0xf0000000;
    fake.maps = TRUE;
    return 0;
}

/* The first test: QEMU's connection isn't known yet. */
static void test_no_connection(void **unused)
{
    (void)unused;
    assert_false(fetches(0xf4000000, PAGES, 1));
}

static void test_fetched(void **unused)
{
    (void)unused;
    fetch_pages_by((xendevicemodel_handle *)&fake);
    assert_true(fetches(0xf4000000, PAGES, 1));
    assert_int_equal(fake.from, 0xf0000000);
    assert_int_equal(fake.to, 0xf4000000);
    assert_int_equal(fake.told_from, 0xf0000000);
    assert_int_equal(fake.told_to, 0xf4000000);
    /* A move that Xen refuses isn't reported as done. */
    fake.relocate_error = EPERM;
    assert_true(fetches(0xf4000000, PAGES, 1));
    assert_int_equal(fake.told_to, 0);
}

static void test_not_fetched(void **unused)
{
    (void)unused;
    /* QEMU maps the place where it was saved; another size; pages that aren't contiguous. */
    assert_false(fetches(0xf0000000, PAGES, 1));
    assert_false(fetches(0xf4000000, PAGES / 2, 1));
    assert_false(fetches(0xf4000000, PAGES, 2));
    /* There is a page at the destination, the first or the last; there is none at the source. */
    fake.also = 0xf4000000;
    assert_false(fetches(0xf4000000, PAGES, 1));
    fake.also = 0xf4fff000;
    assert_false(fetches(0xf4000000, PAGES, 1));
    fake.also = 0;
    fake.there = 0xf0001000;
    assert_false(fetches(0xf4000000, PAGES, 1));
    fake.there = fake.saved;
    /* No such block, or several; Xen can't be asked. */
    fake.saved = 0;
    assert_false(fetches(0xf4000000, PAGES, 1));
    fake.saved = fake.there;
    fake.maps = FALSE;
    assert_false(fetches(0xf4000000, PAGES, 1));
    fake.maps = TRUE;
    assert_true(fetches(0xf4000000, PAGES, 1));
}

/* QEMU's dummy: the only anonymous shared memory of the size. */
static void test_dummy(void **unused)
{
    static const char maps[] =
        "55d0c0000000-55d0c0800000 rw-p 00000000 00:00 0          [heap]\n"
        "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
        "7f1000000000-7f1000800000 rw-s 00000000 00:01 2345       /dev/zero (deleted)\n"
        "7f2000000000-7f2000400000 rw-s 00000000 00:01 2346       /dev/zero (deleted)\n"
        "7f3000000000-7f3000800000 r--s 00000000 00:01 2347       /dev/zero (deleted)\n"
        "7f4000000000-7f4000800000 rw-s 00000000 00:05 2348       /dev/xen/privcmd\n"
        "nonsense\n";
    g_autofree char *two =
        g_strconcat(maps, "7f5000000000-7f5000800000 rw-s 0 00:01 9 /dev/zero (deleted)", NULL);

    (void)unused;
    assert_ptr_equal(fetch_pages_find_dummy(maps, 0x800000), (void *)0x7f1000000000);
    assert_ptr_equal(fetch_pages_find_dummy(maps, 0x400000), (void *)0x7f2000000000);
    assert_null(fetch_pages_find_dummy(maps, 0x1000));
    assert_null(fetch_pages_find_dummy(two, 0x800000));
    assert_null(fetch_pages_find_dummy("", 0x800000));
}

/* The guest's pages take its place, if all are there and it is certain which it is. */
static void test_adopted(void **unused)
{
    guint64 size = (guint64)PAGES << 12;
    void *dummy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)unused;
    assert_true(dummy != MAP_FAILED);
    fake.dummy = dummy;
    assert_false(fetch_pages_adopt(5, 0xf0000000, size));
    fetch_pages_from((xenforeignmemory_handle *)&fake);
    fake.there += 0x1000;
    assert_false(fetch_pages_adopt(5, 0xf0000000, size));
    fake.there -= 0x1000;
    assert_false(fetch_pages_adopt(5, 0xf0000000, size / 2));
    assert_true(fetch_pages_adopt(5, 0xf0000000, size));
    assert_false(fetch_pages_adopt(5, 0xf0000000, G_GUINT64_CONSTANT(1) << 62));
    munmap(dummy, size);
    assert_false(fetch_pages_adopt(5, 0xf0000000, size));
}

/* A ROM where the framebuffer went. */
static void test_anothers(void **unused)
{
    const xen_pfn_t over[] = { 0xf0fff, 0xf1000 }, before[] = { 0xefffe, 0xeffff };
    const xen_pfn_t apart[] = { 0xefffe, 0xf0000 };
    int errors[] = { -1, -1 };
    char *pages;

    (void)unused;
    assert_true(fetch_pages_are_anothers(G_N_ELEMENTS(over), over));
    assert_false(fetch_pages_are_anothers(G_N_ELEMENTS(before), before));
    assert_false(fetch_pages_are_anothers(G_N_ELEMENTS(apart), apart));
    assert_false(fetch_pages_are_anothers(0, over));
    pages = fetch_pages_private(2, errors);
    assert_non_null(pages);
    assert_int_equal(errors[0] | errors[1], 0);
    pages[0x1fff] = 1;
    assert_int_equal(munmap(pages, 0x2000), 0);
    assert_null(fetch_pages_private((size_t)1 << 50, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_connection, set_up),
        cmocka_unit_test_setup(test_fetched, set_up),
        cmocka_unit_test_setup(test_not_fetched, set_up),
        cmocka_unit_test_setup(test_anothers, set_up),
        cmocka_unit_test(test_dummy),
        cmocka_unit_test_setup(test_adopted, set_up),
    };

    return cmocka_run_group_tests_name("fetch-pages", tests, NULL, NULL);
}
