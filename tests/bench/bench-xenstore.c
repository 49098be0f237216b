/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in a real xenstored: written and read by the library, and by the plain calls of QEMU and
 * libxl. */
#include <stdio.h>
#include <string.h>

#include <xenstore.h>

#include <xen-physmap/xenstore.h>

#include "median.h"

#define ROUNDS 15
#define DM "/local/domain/0/device-model/7"
#define PHYSMAP DM "/physmap"

static XenPhysmapOps *real;
static struct xs_handle *xs;
static int trips;

/* --- every call into xenstore is one round trip, and is counted --- */

static guint32 counted_start(void *opaque)
{
    trips++;
    return real->transaction_start(opaque);
}

static gboolean counted_end(void *opaque, guint32 transaction, gboolean abort)
{
    trips++;
    return real->transaction_end(opaque, transaction, abort);
}

static char **counted_directory(void *opaque, guint32 transaction, const char *path,
                                unsigned int *num)
{
    trips++;
    return real->directory(opaque, transaction, path, num);
}

static void *counted_read(void *opaque, guint32 transaction, const char *path, unsigned int *length)
{
    trips++;
    return real->read(opaque, transaction, path, length);
}

static gboolean counted_write(void *opaque, guint32 transaction, const char *path, const void *data,
                              unsigned int length)
{
    trips++;
    return real->write(opaque, transaction, path, data, length);
}

static gboolean counted_rm(void *opaque, guint32 transaction, const char *path)
{
    trips++;
    return real->rm(opaque, transaction, path);
}

/* --- the plain sequences --- */

static void plain_write(const char *key, const char *node, const char *value)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s/%s", PHYSMAP, key, node);
    trips++;
    if (!xs_write(xs, XBT_NULL, path, value, strlen(value))) {
        g_error("xs_write");
    }
}

/* QEMU built for Xen before 4.10: three writes for each record, without a transaction. */
static void plain_record(const XenPhysmapRecord *record)
{
    char key[32], value[32];

    snprintf(key, sizeof key, "%" G_GINT64_MODIFIER "x", record->phys_offset);
    snprintf(value, sizeof value, "%" G_GINT64_MODIFIER "x", record->start_addr);
    plain_write(key, "start_addr", value);
    snprintf(value, sizeof value, "%" G_GINT64_MODIFIER "x", record->size);
    plain_write(key, "size", value);
    plain_write(key, "name", record->name);
}

static void plain_record_all(const XenPhysmapTable *table)
{
    for (guint i = 0; i < xen_physmap_table_size(table); i++) {
        plain_record(xen_physmap_table_get(table, i));
    }
}

/* libxl on save: the directory, and three reads for each record, without a transaction. */
static guint plain_load(void)
{
    static const char *const nodes[] = { "start_addr", "size", "name" };
    unsigned int num = 0;
    char **entries = xs_directory(xs, XBT_NULL, PHYSMAP, &num);

    trips++;
    for (unsigned int i = 0; i < num; i++) {
        for (guint n = 0; n < G_N_ELEMENTS(nodes); n++) {
            char path[256];
            unsigned int length;
            char *value;

            snprintf(path, sizeof path, "%s/%s/%s", PHYSMAP, entries[i], nodes[n]);
            trips++;
            value = xs_read(xs, XBT_NULL, path, &length);
            if (!value) {
                g_error("xs_read");
            }
            free(value);
        }
    }
    free(entries);
    return num;
}

/* --- by turns --- */

static void die(GError *error)
{
    g_error("%s", error->message);
}

static void make_table(XenPhysmapTable *table, guint records)
{
    GError *error = NULL;

    for (guint i = 0; i < records; i++) {
        g_autofree char *name = g_strdup_printf("0000:%02x:%02x.0/e1000.rom", i >> 5, i & 31);
        XenPhysmapRecord record;

        if (!xen_physmap_record_init(&record, name, 0x3000000 + i * 0x40000,
                                     0x3000000 + i * 0x40000, 0x40000, &error) ||
            !xen_physmap_table_add(table, &record, &error)) {
            die(error);
        }
    }
}

static void print(const char *what, guint records, double *ours, int our_trips, double *theirs,
                  int their_trips)
{
    double a = median(ours, ROUNDS) * 1e3, b = median(theirs, ROUNDS) * 1e3;

    printf("| %s %u records | %.3f ms, %d round trips | %.3f ms, %d round trips | %.2f, %+d |\n",
           what, records, a, our_trips, b, their_trips, b / a, our_trips - their_trips);
}

static void measure(const XenPhysmapOps *ops, guint records)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    double store[ROUNDS], plain_store[ROUNDS], load[ROUNDS], plain_loads[ROUNDS];
    int store_trips = 0, plain_store_trips = 0, load_trips = 0, plain_load_trips = 0;
    GError *error = NULL;

    make_table(table, records);
    for (int round = 0; round < ROUNDS; round++) {
        double start;

        real->rm(real->opaque, 0, PHYSMAP);
        trips = 0;
        start = now();
        plain_record_all(table);
        plain_store[round] = now() - start;
        plain_store_trips = trips;

        trips = 0;
        start = now();
        if (plain_load() != records) {
            g_error("libxl's way found other records");
        }
        plain_loads[round] = now() - start;
        plain_load_trips = trips;

        real->rm(real->opaque, 0, PHYSMAP);
        trips = 0;
        start = now();
        if (!xen_physmap_xenstore_store(ops, 7, 0, NULL, table, &error)) {
            die(error);
        }
        store[round] = now() - start;
        store_trips = trips;

        trips = 0;
        start = now();
        g_autoptr(XenPhysmapTable) loaded = xen_physmap_xenstore_load(ops, 7, 0, &error);

        load[round] = now() - start;
        load_trips = trips;
        if (!loaded || !xen_physmap_table_equal(loaded, table)) {
            g_error("the library's way found other records");
        }
    }
    print("recording", records, store, store_trips, plain_store, plain_store_trips);
    print("loading", records, load, load_trips, plain_loads, plain_load_trips);
}

/* One record is moved, as it happens while a guest runs. */
static void measure_relocation(const XenPhysmapOps *ops, guint records)
{
    g_autoptr(XenPhysmapTable) here = xen_physmap_table_new();
    double ours[ROUNDS], plain[ROUNDS];
    int our_trips = 0, plain_trips = 0;
    GError *error = NULL;

    make_table(here, records);
    g_autoptr(XenPhysmapTable) there = xen_physmap_table_copy(here);

    if (!xen_physmap_table_move(there, 0x3000000, 0xf1000000, &error) ||
        !xen_physmap_xenstore_store(ops, 7, 0, NULL, here, &error)) {
        die(error);
    }
    for (int round = 0; round < ROUNDS; round++) {
        double start;

        trips = 0;
        start = now();
        if (!xen_physmap_xenstore_store(ops, 7, 0, here, there, &error)) {
            die(error);
        }
        ours[round] = now() - start;
        our_trips = trips;

        trips = 0;
        start = now();
        plain_record(xen_physmap_table_get(here, 0));
        plain[round] = now() - start;
        plain_trips = trips;
    }
    print("a relocation among", records, ours, our_trips, plain, plain_trips);
}

int main(void)
{
    GError *error = NULL;
    XenPhysmapOps ops;

    real = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error);
    if (!real) {
        die(error);
    }
    xs = xs_open(0);
    ops = *real;
    ops.transaction_start = counted_start;
    ops.transaction_end = counted_end;
    ops.directory = counted_directory;
    ops.read = counted_read;
    ops.write = counted_write;
    ops.rm = counted_rm;
    real->write(real->opaque, 0, DM "/state", "running", 7);
    for (guint records = 1; records <= 256; records *= 4) {
        measure(&ops, records);
    }
    measure_relocation(&ops, 6);
    xs_close(xs);
    xen_physmap_ops_close(real);
    return 0;
}
