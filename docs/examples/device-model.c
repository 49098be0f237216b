/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A minimal device model with one block of memory in the guest, which survives save and restore. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xendevicemodel.h>

#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

/*
 *     cc -o device-model device-model.c \
 *         $(pkg-config --cflags --libs xen-physmap xencontrol xendevicemodel)
 *     ./device-model 7               a new guest
 *     ./device-model 8 --restore     the same guest, restored with its records
 *
 * It registers a range of its own with Xen, and stays until its standard input ends. It doesn't
 * answer requests: this example isn't about taking them from the shared page.
 */

#define NAME "0000:00:1f.0/sample.ram"
/* Where the block is allocated, after all RAM of a small guest; and where its BAR is mapped. */
#define PHYS_OFFSET 0x8000000
#define START_ADDR 0xe8000000
#define SIZE 0x20000
#define NR_PAGES (SIZE >> XEN_PHYSMAP_PAGE_SHIFT)
/* The registers that the I/O request server serves; the block isn't among them. */
#define REGISTERS (START_ADDR + SIZE)

static guint32 domid;

static void fail(const char *what) G_GNUC_NORETURN;

static void fail(const char *what)
{
    fprintf(stderr, "device-model: %s\n", what);
    exit(1);
}

/* Every page contains its number, so that a page in the wrong place is noticed. */
static guint32 content(guint32 word)
{
    return 0x70000000 | word;
}

static void allocate(void)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xen_pfn_t gfns[NR_PAGES];

    for (guint i = 0; i < NR_PAGES; i++) {
        gfns[i] = (PHYS_OFFSET >> XEN_PHYSMAP_PAGE_SHIFT) + i;
    }
    if (!xc || xc_domain_populate_physmap_exact(xc, domid, NR_PAGES, 0, 0, gfns)) {
        fail("can't allocate the block's pages");
    }
    xc_interface_close(xc);
}

/* A new guest: allocates the block, records it, fills it, and moves it to its BAR. */
static gboolean start(XenPhysmapState *state, GError **error)
{
    guint32 *words;
    gsize size;

    allocate();
    if (!xen_physmap_state_block_add(state, NAME, PHYS_OFFSET, SIZE, error) ||
        !(words =
              xen_physmap_state_map(state, PHYS_OFFSET, PROT_READ | PROT_WRITE, &size, error))) {
        return FALSE;
    }
    for (guint i = 0; i < size / sizeof *words; i++) {
        words[i] = content(i);
    }
    xen_physmap_state_unmap(state, words, size);
    return xen_physmap_state_region_add(state, PHYS_OFFSET, START_ADDR, SIZE, error);
}

/*
 * A restored guest: Xen has restored the pages, the toolstack the records. Nothing is allocated.
 * The block must be where its record says, or the guest must not run.
 */
static gboolean restore(XenPhysmapState *state, GError **error)
{
    const XenPhysmapRecord *record;
    guint32 *words;
    gsize size;
    guint wrong = 0;

    if (!xen_physmap_state_load(state, error)) {
        return FALSE;
    }
    record = xen_physmap_table_find_name(xen_physmap_state_table(state), NAME);
    if (!record || record->size != SIZE) {
        fail("the guest was saved without the block " NAME);
    }
    if (!(words = xen_physmap_state_map(state, record->phys_offset, PROT_READ, &size, error))) {
        return FALSE;
    }
    for (guint i = 0; i < size / sizeof *words; i++) {
        wrong += words[i] != content(i);
    }
    xen_physmap_state_unmap(state, words, size);
    if (wrong) {
        fail("the block is not what was saved");
    }
    return xen_physmap_state_publish(state, error);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    g_autoptr(XenPhysmapState) state = NULL;
    xendevicemodel_handle *dmod;
    ioservid_t server;
    gboolean restores = argc == 3 && strcmp(argv[2], "--restore") == 0;
    guint64 number, where;
    guint32 own_domid;

    if ((argc != 2 && !restores) ||
        !g_ascii_string_to_unsigned(argv[1], 10, 1, 0x7fef, &number, NULL)) {
        fputs("usage: device-model DOMID [--restore]\n", stderr);
        return 2;
    }
    domid = number;
    if (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error)) ||
        !xen_physmap_xenstore_own_domid(ops, &own_domid, &error)) {
        fail(error->message);
    }
    dmod = xendevicemodel_open(NULL, 0);
    if (!dmod ||
        xendevicemodel_create_ioreq_server(dmod, domid, HVM_IOREQSRV_BUFIOREQ_OFF, &server) ||
        xendevicemodel_map_io_range_to_ioreq_server(dmod, domid, server, 1, REGISTERS,
                                                    REGISTERS + 0xfff) ||
        xendevicemodel_set_ioreq_server_state(dmod, domid, server, 1)) {
        fail("can't register with Xen");
    }
    state = xen_physmap_state_open(ops, domid, own_domid);
    if (!(restores ? restore : start)(state, &error)) {
        fail(error->message);
    }
    xen_physmap_state_phys_to_guest(state, PHYS_OFFSET, &where);
    printf("%s is at 0x%" G_GINT64_MODIFIER "x%s\n", NAME, where,
           restores ? ", with what was saved" : "");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    xendevicemodel_destroy_ioreq_server(dmod, domid, server);
    xendevicemodel_close(dmod);
    return 0;
}
