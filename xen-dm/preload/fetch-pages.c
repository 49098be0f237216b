/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moves a saved framebuffer's pages to where QEMU, loading the state, looks for them. */
#include "fetch-pages.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "recorder.h"

static xendevicemodel_handle *handle;
static xenforeignmemory_handle *memory;

void fetch_pages_by(xendevicemodel_handle *dmod)
{
    __atomic_store_n(&handle, dmod, __ATOMIC_RELEASE);
}

void fetch_pages_from(xenforeignmemory_handle *fmem)
{
    __atomic_store_n(&memory, fmem, __ATOMIC_RELEASE);
}

/* Whether the guest has the first and the last of these pages: 2, 1 or 0 of them; -1: unknown. */
static int count_ends(xenforeignmemory_handle *fmem, uint32_t domid, size_t num, xen_pfn_t first)
{
    const xen_pfn_t ends[] = { first, first + num - 1 };
    int errors[G_N_ELEMENTS(ends)] = { 0 };
    void *pages = xenforeignmemory_map(fmem, domid, PROT_READ, G_N_ELEMENTS(ends), ends, errors);

    if (!pages) {
        return -1;
    }
    xenforeignmemory_unmap(fmem, pages, G_N_ELEMENTS(ends));
    return !errors[0] + !errors[1];
}

void fetch_pages(xenforeignmemory_handle *fmem, uint32_t domid, size_t num, const xen_pfn_t *gfns)
{
    xendevicemodel_handle *dmod = __atomic_load_n(&handle, __ATOMIC_ACQUIRE);
    guint64 from;

    for (size_t i = 1; i < num; i++) {
        if (gfns[i] != gfns[0] + i) {
            return;
        }
    }
    if (!dmod || num > UINT32_MAX || !recorder_saved_place(num * XC_PAGE_SIZE, &from) ||
        from >> XC_PAGE_SHIFT == gfns[0] || count_ends(fmem, domid, num, gfns[0]) != 0 ||
        count_ends(fmem, domid, num, from >> XC_PAGE_SHIFT) != 2) {
        return;
    }
    if (xendevicemodel_relocate_memory(dmod, domid, num, from >> XC_PAGE_SHIFT, gfns[0]) == 0) {
        recorder_moved(from, gfns[0] << XC_PAGE_SHIFT);
    }
}

gboolean fetch_pages_are_anothers(size_t num, const xen_pfn_t *gfns)
{
    return num && gfns[num - 1] == gfns[0] + num - 1 &&
           recorder_saved_over(gfns[0] << XC_PAGE_SHIFT, (guint64)num << XC_PAGE_SHIFT);
}

void *fetch_pages_private(size_t num, int *errors)
{
    void *pages = mmap(NULL, num << XC_PAGE_SHIFT, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t i = 0; errors && i < num; i++) {
        errors[i] = 0;
    }
    return pages == MAP_FAILED ? NULL : pages;
}

void *fetch_pages_find_dummy(const char *maps, guint64 size)
{
    void *found = NULL;
    guint n = 0;

    for (const char *line = maps; line && *line; line = strchr(line, '\n')) {
        guint64 first, end;
        int used = 0;

        line += *line == '\n';
        if (sscanf(line, "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x rw-s %*x %*s %*u %n",
                   &first, &end, &used) == 2 &&
            used && g_str_has_prefix(line + used, "/dev/zero (deleted)") && end - first == size) {
            found = (void *)(uintptr_t)first;
            n++;
        }
    }
    return n == 1 ? found : NULL;
}

gboolean fetch_pages_adopt(guint32 domid, guint64 start_addr, guint64 size)
{
    xenforeignmemory_handle *fmem = __atomic_load_n(&memory, __ATOMIC_ACQUIRE);
    g_autofree char *maps = NULL;
    size_t num = size >> XC_PAGE_SHIFT;
    g_autofree xen_pfn_t *gfns = g_try_new(xen_pfn_t, num);
    g_autofree int *errors = g_try_new0(int, num);
    void *dummy, *pages;

    if (!fmem || !gfns || !errors || !g_file_get_contents("/proc/self/maps", &maps, NULL, NULL) ||
        !(dummy = fetch_pages_find_dummy(maps, size))) {
        return FALSE;
    }
    for (size_t i = 0; i < num; i++) {
        gfns[i] = (start_addr >> XC_PAGE_SHIFT) + i;
    }
    /*
     * First to another address, to be sure that all pages exist: a mapping that fails at the
     * dummy's address removes the dummy.
     */
    pages = xenforeignmemory_map(fmem, domid, PROT_READ, num, gfns, errors);
    if (!pages) {
        return FALSE;
    }
    xenforeignmemory_unmap(fmem, pages, num);
    for (size_t i = 0; i < num; i++) {
        if (errors[i]) {
            return FALSE;
        }
    }
    return xenforeignmemory_map2(fmem, domid, dummy, PROT_READ | PROT_WRITE, MAP_FIXED, num, gfns,
                                 errors) == dummy;
}
