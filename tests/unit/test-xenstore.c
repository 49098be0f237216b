/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in xenstore: loaded and stored, with other writers, and with every fault. */
#include "expect.h"

#include <errno.h>
#include <string.h>

#include <xen-physmap/xenstore.h>

#include "sweep.h"

#define DM "/local/domain/0/device-model/5"
#define PHYSMAP DM "/physmap"

static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

/* The nodes as in docs/formats.md, written without the library. */
static void write_record(FakeHost *host, const XenPhysmapRecord *record)
{
    const struct {
        const char *node;
        char *value;
    } nodes[] = {
        { "start_addr", g_strdup_printf("%" G_GINT64_MODIFIER "x", record->start_addr) },
        { "size", g_strdup_printf("%" G_GINT64_MODIFIER "x", record->size) },
        { "name", g_strdup(record->name) },
    };

    for (guint i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *path = g_strdup_printf(PHYSMAP "/%" G_GINT64_MODIFIER "x/%s",
                                                record->phys_offset, nodes[i].node);

        fake_host_write(host, path, nodes[i].value);
        g_free(nodes[i].value);
    }
}

/* A host where the toolstack has created the device model's node. */
static FakeHost *new_host(void)
{
    FakeHost *host = fake_host_new();

    fake_host_write(host, "/local/domain/0/domid", "0");
    fake_host_write(host, DM "/state", "running");
    return host;
}

static XenPhysmapTable *load(FakeHost *host)
{
    GError *error = NULL;
    XenPhysmapTable *table = xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error);

    expect_no_error(error);
    return table;
}

static gboolean store(FakeHost *host, const XenPhysmapTable *before, const XenPhysmapTable *after,
                      GError **error)
{
    return xen_physmap_xenstore_store(fake_host_ops(host), 5, 0, before, after, error);
}

/* --- load --- */

static void test_load(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) none = load(host);
    g_autoptr(XenPhysmapTable) table = NULL;

    (void)unused;
    assert_int_equal(xen_physmap_table_size(none), 0);
    write_record(host, &rom4);
    write_record(host, &vram);
    /* A foreign node within a record is ignored. */
    fake_host_write(host, PHYSMAP "/3000000/comment", "mine");
    table = load(host);
    expect_records(table, vram, rom4);
    expect_no_leaks(host);
}

static void test_load_other_device_model_domain(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(XenPhysmapTable) table = NULL;

    (void)unused;
    fake_host_write(host, "/local/domain/7/device-model/5/physmap/1000/start_addr", "2000");
    fake_host_write(host, "/local/domain/7/device-model/5/physmap/1000/size", "1000");
    fake_host_write(host, "/local/domain/7/device-model/5/physmap/1000/name", "rom");
    table = xen_physmap_xenstore_load(fake_host_ops(host), 5, 7, NULL);
    expect_records(table, { "rom", 0x1000, 0x2000, 0x1000 });
}

/* A host with two good records, and with this node or (NULL) without it. */
static void expect_refused(const char *node, const char *value, XenPhysmapError code,
                           const char *reason)
{
    g_autoptr(FakeHost) host = new_host();
    g_autofree char *path = g_strdup_printf(PHYSMAP "/%s", node);
    GError *error = NULL;

    write_record(host, &vram);
    write_record(host, &rom4);
    if (value) {
        fake_host_write(host, path, value);
    } else {
        fake_host_rm(host, path);
    }
    g_autofree char *before = fake_host_dump(host, "/");

    assert_null(xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error));
    expect_error(&error, code, reason);
    g_autofree char *after = fake_host_dump(host, "/");

    assert_string_equal(before, after);
    expect_no_leaks(host);
}

static void test_load_refuses(void **unused)
{
    static const struct {
        const char *node, *value, *reason;
    } cases[] = {
        { "3000000/name", NULL, "physmap/3000000: the record lacks its name" },
        { "3000000/size", NULL, "physmap/3000000: the record lacks its size" },
        { "3000000/start_addr", NULL, "physmap/3000000: the record lacks its start_addr" },
        { "3000000/size", "", "'' is not a number" },
        { "3000000/size", "40000\n", "physmap/3000000/size: '40000\\x0a' is not a number" },
        { "3000000/size", "0", "size is 0" },
        { "3000000/start_addr", "F1000000", "'F1000000' is not a number" },
        { "3000000/start_addr", "f1000000", "overlaps 0000:00:03.0/vga.vram" },
        { "3000000/name", "\033]0;x\007", "'\\x1b]0;x\\x07' has a byte" },
        { "3000000/name", "0000:00:03.0/vga.vram", "two records are named" },
        { "junk/size", "1000", "physmap/junk" },
        { "junk", "", "physmap/junk: the record lacks its start_addr" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        expect_refused(cases[i].node, cases[i].value, XEN_PHYSMAP_ERROR_INVALID, cases[i].reason);
    }
    /* A real xenstored neither creates nor reads such nodes. */
    expect_refused("\033[31m/size", "1000", XEN_PHYSMAP_ERROR_SYSTEM, "physmap/\\x1b[31m");
    expect_refused("../size", "1000", XEN_PHYSMAP_ERROR_SYSTEM, "physmap/..");
}

static void test_load_thousands(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    GError *error = NULL;
    XenPhysmapRecord record = { "rom", 0, 0, 0x1000 };

    (void)unused;
    for (guint i = 0; i <= XEN_PHYSMAP_TABLE_MAX; i++) {
        record.phys_offset = record.start_addr = (guint64)i << XEN_PHYSMAP_PAGE_SHIFT;
        write_record(host, &record);
    }
    assert_null(xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "too many records");
    fake_host_rm(host, PHYSMAP "/1000");
    g_autoptr(XenPhysmapTable) table = load(host);

    assert_int_equal(xen_physmap_table_size(table), XEN_PHYSMAP_TABLE_MAX);
}

/* A state that a guest can't cause; nothing else in the records is wrong. */
static void test_load_fixed_pages(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    GError *error = NULL;

    (void)unused;
    write_record(host, &vram);
    fake_host_write(host, PHYSMAP "/2000000/start_addr", "fe000000");
    assert_null(xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "covers the I/O APIC at 0xfec00000");
}

static void test_load_long_value(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autofree char *value = g_strnfill(4096, '7');
    GError *error = NULL;

    (void)unused;
    write_record(host, &vram);
    fake_host_write(host, PHYSMAP "/2000000/start_addr", value);
    assert_null(xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error));
    assert_true(strlen(error->message) < 512);
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "'7777");
}

/* Another writer replaces rom4 by rom5, node by node as old QEMU does. */
static void replace_rom(FakeHost *host, gpointer unused)
{
    (void)unused;
    fake_host_rm(host, PHYSMAP "/3000000");
    write_record(host, &rom5);
}

static void test_load_sees_no_mix(void **unused)
{
    guint calls;

    (void)unused;
    {
        g_autoptr(FakeHost) host = new_host();

        write_record(host, &vram);
        write_record(host, &rom4);
        fake_host_behave(host);
        xen_physmap_table_free(load(host));
        calls = fake_host_calls(host, FAKE_ANY);
    }
    for (guint n = 1; n <= calls; n++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) table = NULL;

        write_record(host, &vram);
        write_record(host, &rom4);
        fake_host_before(host, FAKE_ANY, n, replace_rom, NULL);
        table = load(host);
        expect_records(table, vram, rom5);
        expect_no_leaks(host);
    }
}

/* --- store --- */

static void test_store_writes_the_abi(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) after = table_of(vram, { "rom", 0, 0, 0x1000 });
    GError *error = NULL;

    (void)unused;
    assert_true(store(host, NULL, after, &error));
    g_autofree char *dump = fake_host_dump(host, PHYSMAP "/0");
    g_autofree char *moved = fake_host_dump(host, PHYSMAP "/2000000");

    assert_string_equal(dump, PHYSMAP "/0 = \"\"\n" PHYSMAP "/0/name = \"rom\"\n" PHYSMAP
                                      "/0/size = \"1000\"\n" PHYSMAP "/0/start_addr = \"0\"\n");
    assert_string_equal(moved, PHYSMAP "/2000000 = \"\"\n" PHYSMAP
                                       "/2000000/name = \"0000:00:03.0/vga.vram\"\n" PHYSMAP
                                       "/2000000/size = \"1000000\"\n" PHYSMAP
                                       "/2000000/start_addr = \"f1000000\"\n");
    expect_no_leaks(host);
}

static void test_store_follows_the_difference(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    XenPhysmapRecord moved = vram;

    moved.start_addr = 0xe0000000;
    g_autoptr(XenPhysmapTable) before = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) after = table_of(moved, rom5);
    g_autoptr(XenPhysmapTable) stored = NULL;

    (void)unused;
    write_record(host, &vram);
    write_record(host, &rom4);
    assert_true(store(host, before, after, NULL));
    stored = load(host);
    expect_records(stored, moved, rom5);
    g_autofree char *gone = fake_host_dump(host, PHYSMAP "/3000000");

    assert_string_equal(gone, "");
}

/* Only the nodes that differ are written: one for a relocation. */
static void test_store_writes_what_changed(void **unused)
{
    XenPhysmapRecord moved = vram, renamed = vram;
    g_autoptr(XenPhysmapTable) before = table_of(vram, rom4);

    (void)unused;
    moved.start_addr = 0xe0000000;
    renamed.name[0] = '1';
    renamed.size -= 0x1000;
    const struct {
        XenPhysmapRecord record;
        guint writes;
    } cases[] = { { moved, 1 }, { renamed, 2 } };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) after = table_of(cases[i].record, rom4);
        g_autoptr(XenPhysmapTable) stored = NULL;

        write_record(host, &vram);
        write_record(host, &rom4);
        fake_host_behave(host);
        assert_true(store(host, before, after, NULL));
        assert_int_equal(fake_host_calls(host, FAKE_WRITE), cases[i].writes);
        /* Plus the start and the end of the transaction, and a list of the records. */
        assert_int_equal(fake_host_calls(host, FAKE_ANY), cases[i].writes + 3);
        stored = load(host);
        expect_records(stored, cases[i].record, rom4);
    }
}

/* xenstored was restarted, or somebody removed records. An incomplete record is never written. */
static void test_store_writes_whole_what_is_gone(void **unused)
{
    XenPhysmapRecord moved = vram;
    const char *const gone[] = { PHYSMAP, PHYSMAP "/2000000", PHYSMAP "/3000000" };
    g_autoptr(XenPhysmapTable) before = table_of(vram, rom4, rom5);

    (void)unused;
    moved.start_addr = 0xe0000000;
    g_autoptr(XenPhysmapTable) after = table_of(moved, rom4);

    for (guint i = 0; i < G_N_ELEMENTS(gone); i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) stored = NULL;
        GError *error = NULL;

        write_record(host, &vram);
        write_record(host, &rom4);
        write_record(host, &rom5);
        fake_host_rm(host, gone[i]);
        assert_true(store(host, before, after, &error));
        expect_no_error(error);
        stored = load(host);
        expect_records(stored, moved, rom4);
        expect_no_leaks(host);
    }
}

static void test_store_leaves_the_rest_alone(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) before = table_of(vram);
    g_autoptr(XenPhysmapTable) after = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) stored = NULL;
    XenPhysmapRecord changed = vram;

    (void)unused;
    /* Others changed a record that is unchanged for us, and added one. */
    changed.start_addr = 0xe0000000;
    write_record(host, &changed);
    write_record(host, &rom5);
    assert_true(store(host, before, after, NULL));
    stored = load(host);
    expect_records(stored, changed, rom4, rom5);
}

static void test_store_unknown_replaces_all(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) after = table_of(vram);
    g_autoptr(XenPhysmapTable) stored = NULL;

    (void)unused;
    write_record(host, &rom4);
    fake_host_write(host, PHYSMAP "/2000000/comment", "old");
    fake_host_write(host, PHYSMAP "/junk", "x");
    assert_true(store(host, NULL, after, NULL));
    stored = load(host);
    expect_records(stored, vram);
    g_autofree char *dump = fake_host_dump(host, PHYSMAP);
    g_autofree char *state = fake_host_dump(host, DM "/state");

    assert_null(strstr(dump, "comment"));
    assert_null(strstr(dump, "junk"));
    assert_string_equal(state, DM "/state = \"running\"\n");
}

static void test_store_nothing_asks_nothing(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) table = table_of(vram);

    (void)unused;
    fake_host_behave(host);
    assert_true(store(host, table, table, NULL));
    assert_int_equal(fake_host_calls(host, FAKE_ANY), 0);
}

/* The node is removed with the domain. A write must not create it again for the next domain with
 * its domid. */
static void test_store_of_a_gone_domain(void **unused)
{
    g_autoptr(XenPhysmapTable) none = xen_physmap_table_new();
    g_autoptr(XenPhysmapTable) one = table_of(vram);
    g_autoptr(XenPhysmapTable) two = table_of(vram, rom4);
    const struct {
        const XenPhysmapTable *before, *after;
    } cases[] = { { NULL, none }, { NULL, one }, { none, one }, { one, two }, { two, one } };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = new_host();
        GError *error = NULL;

        fake_host_rm(host, DM);
        assert_false(store(host, cases[i].before, cases[i].after, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, DM);
        g_autofree char *dump = fake_host_dump(host, DM);

        assert_string_equal(dump, "");
        expect_no_leaks(host);
    }
}

/* --- other writers --- */

static void add_rom5(FakeHost *host, gpointer unused)
{
    (void)unused;
    write_record(host, &rom5);
}

static void test_no_lost_update(void **unused)
{
    g_autoptr(XenPhysmapTable) before = table_of(vram);
    g_autoptr(XenPhysmapTable) after = table_of(vram, rom4);
    guint calls;

    (void)unused;
    {
        g_autoptr(FakeHost) host = new_host();

        write_record(host, &vram);
        fake_host_behave(host);
        assert_true(store(host, before, after, NULL));
        calls = fake_host_calls(host, FAKE_ANY);
    }
    for (guint n = 1; n <= calls; n++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) stored = NULL;
        GError *error = NULL;

        write_record(host, &vram);
        fake_host_before(host, FAKE_ANY, n, add_rom5, NULL);
        assert_true(store(host, before, after, &error));
        expect_no_error(error);
        stored = load(host);
        expect_records(stored, vram, rom4, rom5);
        expect_no_leaks(host);
    }
}

static void test_conflicts_are_bounded(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) after = table_of(vram);
    g_autofree char *before = fake_host_dump(host, "/");
    GError *error = NULL;

    (void)unused;
    fake_host_fail_from(host, FAKE_TRANSACTION_END, 1, EAGAIN);
    assert_false(store(host, NULL, after, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_CONFLICT, "32 xenstore transactions in a row");
    assert_int_equal(fake_host_calls(host, FAKE_TRANSACTION_START), XEN_PHYSMAP_XENSTORE_TRIES);
    g_autofree char *now = fake_host_dump(host, "/");

    assert_string_equal(before, now);

    fake_host_fail_from(host, FAKE_TRANSACTION_END, 1, EAGAIN);
    assert_null(xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_CONFLICT, "others keep changing");
    assert_int_equal(fake_host_calls(host, FAKE_TRANSACTION_START), XEN_PHYSMAP_XENSTORE_TRIES);
    expect_no_leaks(host);
}

static void behave(FakeHost *host, gpointer unused)
{
    (void)unused;
    fake_host_behave(host);
}

/* The last try counts as well as the first. */
static void test_conflicts_end(void **unused)
{
    static const guint conflicts[] = { 1, 2, XEN_PHYSMAP_XENSTORE_TRIES - 1 };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(conflicts); i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) after = table_of(vram);
        g_autoptr(XenPhysmapTable) stored = NULL;
        GError *error = NULL;

        fake_host_fail_from(host, FAKE_TRANSACTION_END, 1, EAGAIN);
        fake_host_before(host, FAKE_TRANSACTION_END, conflicts[i] + 1, behave, NULL);
        assert_true(store(host, NULL, after, &error));
        expect_no_error(error);
        stored = load(host);
        expect_records(stored, vram);
        expect_no_leaks(host);
    }
}

/* --- limits and rights --- */

static void test_quotas(void **unused)
{
    static const struct {
        gsize value;
        guint nodes;
        gsize total;
        const char *advice;
    } cases[] = {
        { 8, 0, 0, "quota-maxentrysize" },
        { 0, 9, 0, "quota-maxentity" },
        { 0, 0, 40, "memory quota" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) after = table_of(vram, rom4);
        g_autofree char *before = fake_host_dump(host, "/");
        GError *error = NULL;

        fake_host_limit(host, cases[i].value, cases[i].nodes, cases[i].total);
        assert_false(store(host, NULL, after, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_QUOTA, cases[i].advice);
        g_autofree char *now = fake_host_dump(host, "/");

        assert_string_equal(before, now);
        expect_no_leaks(host);
        fake_host_limit(host, 0, 0, 0);
        assert_true(store(host, NULL, after, &error));
    }
}

static void test_no_rights(void **unused)
{
    g_autoptr(FakeHost) host = new_host();
    g_autoptr(XenPhysmapTable) after = table_of(vram);
    GError *error = NULL;

    (void)unused;
    write_record(host, &rom4);
    fake_host_deny(host, PHYSMAP);
    assert_null(xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, PHYSMAP);
    assert_false(store(host, NULL, after, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, "run it as root");
    expect_no_leaks(host);
}

/* --- domids --- */

static void test_domids(void **unused)
{
    g_autoptr(FakeHost) host = fake_host_new();
    static const char *const wrong[] = {
        "", "x", "-1", "5 ", " 5", "0x5", "32752", "5\n", "99999999999999999999", "\033[2J"
    };
    const XenPhysmapOps *ops = fake_host_ops(host);
    guint32 domid = 99;
    GError *error = NULL;

    (void)unused;
    assert_true(xen_physmap_xenstore_own_domid(ops, &domid, &error));
    assert_int_equal(domid, 0);
    fake_host_write(host, "/local/domain/0/domid", "12");
    assert_true(xen_physmap_xenstore_own_domid(ops, &domid, &error));
    assert_int_equal(domid, 12);

    assert_true(xen_physmap_xenstore_dm_domid(ops, 5, &domid, &error));
    assert_int_equal(domid, 0);
    fake_host_write(host, "/local/domain/5/image/device-model-domid", "32751");
    assert_true(xen_physmap_xenstore_dm_domid(ops, 5, &domid, &error));
    assert_int_equal(domid, 32751);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        fake_host_write(host, "/local/domain/5/image/device-model-domid", wrong[i]);
        assert_false(xen_physmap_xenstore_dm_domid(ops, 5, &domid, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "is not a domid");
        assert_int_equal(domid, 32751);
    }
    fake_host_write_bytes(host, "/local/domain/5/image/device-model-domid", "5\0 6", 4);
    assert_false(xen_physmap_xenstore_dm_domid(ops, 5, &domid, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_INVALID, "'5\\x00 6' is not a domid");
}

/* --- the sweep --- */

static gpointer setup(FakeHost *host)
{
    fake_host_write(host, "/local/domain/0/domid", "0");
    fake_host_write(host, "/local/domain/5/image/device-model-domid", "0");
    fake_host_write(host, DM "/state", "running");
    write_record(host, &vram);
    write_record(host, &rom4);
    return NULL;
}

static gboolean run_store(FakeHost *host, const XenPhysmapTable *after, GError **error)
{
    g_autoptr(XenPhysmapTable) before = table_of(vram, rom4);

    return store(host, before, after, error);
}

static gboolean run_add(FakeHost *host, gpointer unused, GError **error)
{
    g_autoptr(XenPhysmapTable) after = table_of(vram, rom4, rom5);

    (void)unused;
    return run_store(host, after, error);
}

static gboolean run_remove(FakeHost *host, gpointer unused, GError **error)
{
    g_autoptr(XenPhysmapTable) after = table_of(vram);

    (void)unused;
    return run_store(host, after, error);
}

static gboolean run_swap(FakeHost *host, gpointer unused, GError **error)
{
    g_autoptr(XenPhysmapTable) after =
        table_of({ "0000:00:03.0/vga.vram", 0x2000000, 0xe0000000, 0x1000000 }, rom5);

    (void)unused;
    return run_store(host, after, error);
}

static gboolean run_replace(FakeHost *host, gpointer unused, GError **error)
{
    g_autoptr(XenPhysmapTable) after = table_of(vram, rom5);

    (void)unused;
    return store(host, NULL, after, error);
}

/* A load that succeeds has all records; or none, where ENOENT says that there are none. */
static gboolean run_load(FakeHost *host, gpointer unused, GError **error)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_xenstore_load(fake_host_ops(host), 5, 0, error);

    (void)unused;
    if (table && xen_physmap_table_size(table)) {
        expect_records(table, vram, rom4);
    }
    return table != NULL;
}

static gboolean run_dm_domid(FakeHost *host, gpointer unused, GError **error)
{
    guint32 domid = 99;
    gboolean done = xen_physmap_xenstore_dm_domid(fake_host_ops(host), 5, &domid, error);

    (void)unused;
    assert_int_equal(domid, done ? 0 : 99);
    return done;
}

static gboolean run_own_domid(FakeHost *host, gpointer unused, GError **error)
{
    guint32 domid = 99;
    gboolean done = xen_physmap_xenstore_own_domid(fake_host_ops(host), &domid, error);

    (void)unused;
    assert_int_equal(domid, done ? 0 : 99);
    return done;
}

static void test_sweep(void **unused)
{
    static const SweepCase cases[] = {
        { "load", setup, run_load, NULL, NULL },
        { "store: add", setup, run_add, NULL, NULL },
        { "store: remove", setup, run_remove, NULL, NULL },
        { "store: move one, replace one", setup, run_swap, NULL, NULL },
        { "store: replace all", setup, run_replace, NULL, NULL },
        { "dm_domid", setup, run_dm_domid, NULL, NULL },
        { "own_domid", setup, run_own_domid, NULL, NULL },
    };

    (void)unused;
    sweep(cases, G_N_ELEMENTS(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_other_device_model_domain),
        cmocka_unit_test(test_load_refuses),
        cmocka_unit_test(test_load_thousands),
        cmocka_unit_test(test_load_fixed_pages),
        cmocka_unit_test(test_load_long_value),
        cmocka_unit_test(test_load_sees_no_mix),
        cmocka_unit_test(test_store_writes_the_abi),
        cmocka_unit_test(test_store_follows_the_difference),
        cmocka_unit_test(test_store_writes_what_changed),
        cmocka_unit_test(test_store_writes_whole_what_is_gone),
        cmocka_unit_test(test_store_leaves_the_rest_alone),
        cmocka_unit_test(test_store_unknown_replaces_all),
        cmocka_unit_test(test_store_nothing_asks_nothing),
        cmocka_unit_test(test_store_of_a_gone_domain),
        cmocka_unit_test(test_no_lost_update),
        cmocka_unit_test(test_conflicts_are_bounded),
        cmocka_unit_test(test_conflicts_end),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_no_rights),
        cmocka_unit_test(test_domids),
        cmocka_unit_test(test_sweep),
    };

    return cmocka_run_group_tests_name("xenstore", tests, NULL, NULL);
}
