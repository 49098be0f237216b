/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device model in a stub domain, with a real xenstored: what that domain may do, and may not. */
#include "expect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include <xen-physmap/keys.h>
#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

#include "record-file.h"
#include "run-verb.h"

/* Guest 3 is served by stub domain 7. */
#define GUEST 3
#define STUB 7
#define DM "/local/domain/7/device-model/3"
#define PHYSMAP DM "/physmap"

#define VRAM_NAME "0000:00:03.0/vga.vram"

static const XenPhysmapRecord vram = { VRAM_NAME, 0x2000000, 0x2000000, 0x10000 };
static const XenPhysmapRecord in_bar = { VRAM_NAME, 0x2000000, 0xf1000000, 0x10000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3000000, 0x3000000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3040000, 0x3040000, 0x40000 };

/* Domain 0 with libxenstore's calls, as libxl makes them; and the library in each domain. */
static struct xs_handle *xl;
static XenPhysmapOps *dom0, *stub;

static void must(gboolean done, const char *what)
{
    if (!done) {
        fail_msg("%s: %s", what, g_strerror(errno));
    }
}

static void put(const char *path, const char *value)
{
    must(xs_write(xl, XBT_NULL, path, value, strlen(value)), path);
}

/* A node with the permissions that libxl sets: an owner, and a reader. */
static void make_node(const char *path, unsigned int owner, unsigned int reader)
{
    struct xs_permissions permissions[] = { { .id = owner, .perms = XS_PERM_NONE },
                                            { .id = reader, .perms = XS_PERM_READ } };

    must(xs_mkdir(xl, XBT_NULL, path), path);
    must(xs_set_permissions(xl, XBT_NULL, path, permissions, G_N_ELEMENTS(permissions)), path);
}

static XenPhysmapOps *open_ops(void)
{
    GError *error = NULL;
    XenPhysmapOps *ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error);

    expect_no_error(error);
    return ops;
}

static int introduce(void **state)
{
    g_autofree char *socket = g_strdup(getenv("XENSTORED_PATH"));
    g_autofree char *of_stub = g_build_filename(getenv("XENSTORED_RUNDIR"), "domain-7", NULL);

    (void)state;
    dom0 = open_ops();
    xl = xs_open(0);
    must(xl != NULL, "xs_open");
    /* A domid, a page and a port. The stub only uses the domid. */
    must(xs_introduce_domain(xl, GUEST, 1003, 1), "xs_introduce_domain");
    must(xs_introduce_domain(xl, STUB, 1007, 1), "xs_introduce_domain");
    setenv("XENSTORED_PATH", of_stub, 1);
    stub = open_ops();
    /* The verb that is run is domain 0's. */
    setenv("XENSTORED_PATH", socket, 1);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    xen_physmap_ops_close(stub);
    xen_physmap_ops_close(dom0);
    xs_close(xl);
    return 0;
}

/* What libxl creates for a guest with a stub domain before that starts, in this order. */
static int setup(void **state)
{
    (void)state;
    xs_rm(xl, XBT_NULL, "/local/domain/3");
    xs_rm(xl, XBT_NULL, "/local/domain/7");
    xs_rm(xl, XBT_NULL, "/local/domain/0/device-model");
    make_node("/local/domain/3", 0, GUEST);
    make_node("/local/domain/3/data", GUEST, GUEST);
    put("/local/domain/3/name", "guest");
    make_node("/local/domain/7", 0, STUB);
    put("/local/domain/7/name", "guest-dm");
    put("/local/domain/7/domid", "7");
    put("/local/domain/3/image/device-model-domid", "7");
    put("/local/domain/7/target", "3");
    must(xs_set_target(xl, STUB, GUEST), "xs_set_target");
    make_node(DM, STUB, GUEST);
    return 0;
}

static gboolean store(const XenPhysmapOps *ops, guint32 domid, guint32 dm_domid,
                      const XenPhysmapTable *table, GError **error)
{
    return xen_physmap_xenstore_store(ops, domid, dm_domid, NULL, table, error);
}

static void expect_loaded(const XenPhysmapOps *ops, const XenPhysmapTable *wanted)
{
    GError *error = NULL;
    g_autoptr(XenPhysmapTable) table = xen_physmap_xenstore_load(ops, GUEST, STUB, &error);

    expect_no_error(error);
    assert_true(xen_physmap_table_equal(table, wanted));
}

/* As libxl saves: domain 0 lists the entries and reads three nodes of each. */
static XenPhysmapTable *save_as_libxl(void)
{
    static const char *const nodes[] = { "start_addr", "size", "name" };
    unsigned int num = 0, length;
    char **entries = xs_directory(xl, XBT_NULL, PHYSMAP, &num);
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    XenPhysmapTable *table;
    GError *error = NULL;

    must(entries != NULL, PHYSMAP);
    for (unsigned int i = 0; i < num * G_N_ELEMENTS(nodes); i++) {
        g_autofree char *key = g_strdup_printf("physmap/%s/%s", entries[i / 3], nodes[i % 3]);
        g_autofree char *path = g_strdup_printf(DM "/%s", key);
        char *value = xs_read(xl, XBT_NULL, path, &length);

        must(value != NULL, path);
        assert_true(xen_physmap_keys_add(keys, key, strlen(key), value, length, NULL));
        free(value);
    }
    free(entries);
    table = xen_physmap_keys_table(keys, &error);
    expect_no_error(error);
    return table;
}

/* As libxl restores: domain 0 writes each pair of the savefile, without a transaction. */
static gboolean write_as_libxl(const char *key, const char *value, gpointer data, GError **error)
{
    g_autofree char *path = g_strdup_printf(DM "/%s", key);

    (void)data;
    (void)error;
    put(path, value);
    return TRUE;
}

static void test_numbers(void **state)
{
    guint32 domid = 99;
    GError *error = NULL;

    (void)state;
    assert_true(xen_physmap_xenstore_own_domid(stub, &domid, &error));
    assert_int_equal(domid, STUB);
    assert_true(xen_physmap_xenstore_own_domid(dom0, &domid, &error));
    assert_int_equal(domid, 0);
    assert_true(xen_physmap_xenstore_dm_domid(dom0, GUEST, &domid, &error));
    assert_int_equal(domid, STUB);
}

static void test_life(void **state)
{
    g_autoptr(XenPhysmapState) io = xen_physmap_state_open(stub, GUEST, STUB);
    g_autoptr(XenPhysmapTable) both = table_of(in_bar, rom4);
    g_autoptr(XenPhysmapTable) one = table_of(in_bar);
    GError *error = NULL;

    (void)state;
    assert_true(xen_physmap_state_block_add(io, vram.name, vram.phys_offset, vram.size, &error));
    assert_true(xen_physmap_state_block_add(io, rom4.name, rom4.phys_offset, rom4.size, &error));
    /* Records a relocation with xen_physmap_state_update: there is no hypervisor to move pages. */
    assert_true(xen_physmap_state_update(io, both, &error));
    expect_loaded(stub, both);
    expect_loaded(dom0, both);
    g_autoptr(XenPhysmapTable) saved = save_as_libxl();

    assert_true(xen_physmap_table_equal(saved, both));
    Run run = run_verb(verb_list, -1, (const char *const[]){ "list", "guest", NULL });

    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "domain 3 (guest), device model in domain 7"));
    assert_non_null(strstr(run.out, VRAM_NAME));
    run_clear(&run);
    assert_true(xen_physmap_state_block_del(io, rom4.phys_offset, &error));
    expect_loaded(dom0, one);
}

/* A domain with broken records doesn't hide the others. */
static void test_list_all(void **state)
{
    (void)state;
    xen_physmap_keys_foreach(&in_bar, write_as_libxl, NULL, NULL);
    put("/local/domain/4/name", "other");
    put("/local/domain/0/device-model/4/physmap/1000/size", "all");
    Run run = run_verb(verb_list, -1, (const char *const[]){ "list", NULL });

    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.out, "domain 3 (guest)"));
    assert_non_null(strstr(run.err, "domain 4"));
    run_clear(&run);
    run = run_verb(verb_list, -1, (const char *const[]){ "list", "other", NULL });
    assert_int_equal(run.end, EXIT_FINDING);
    assert_string_equal(run.out, "");
    run_clear(&run);
}

/* The verb restore doesn't replace what a device model may be using. */
static void test_restore_verb(void **state)
{
    g_autoptr(XenPhysmapTable) one = table_of(in_bar), two = table_of(rom4);
    g_autofree char *name = NULL;

    (void)state;
    close(g_file_open_tmp("xen-physmap-XXXXXX", &name, NULL));
    xen_physmap_keys_foreach(&in_bar, write_as_libxl, NULL, NULL);
    for (guint i = 0; i < 3; i++) {
        const char *const force[] = { "restore", "--force", "3", name, NULL };
        const XenPhysmapTable *given = i == 1 ? one : two, *wanted = i == 2 ? two : one;
        Run run;

        assert_true(record_file_save(name, given, RECORD_FORM_JSON, 3, "", NULL));
        run = i == 2
                  ? run_verb(verb_restore, -1, force)
                  : run_verb(verb_restore, -1, (const char *const[]){ "restore", "3", name, NULL });
        assert_int_equal(run.end, i == 0 ? EXIT_FINDING : EXIT_FINE);
        assert_true((strstr(run.err, "--force replaces them") != NULL) == (i == 0));
        expect_loaded(dom0, wanted);
        run_clear(&run);
    }
    unlink(name);
}

/* Domain 0 writes the records of a savefile back, and the stub domain may change them. */
static void test_restore(void **state)
{
    g_autoptr(XenPhysmapState) io = xen_physmap_state_open(stub, GUEST, STUB);
    g_autoptr(XenPhysmapTable) next = table_of(vram, rom5);
    GError *error = NULL;

    (void)state;
    xen_physmap_keys_foreach(&in_bar, write_as_libxl, NULL, NULL);
    xen_physmap_keys_foreach(&rom4, write_as_libxl, NULL, NULL);
    assert_true(xen_physmap_state_load(io, &error));
    expect_records(xen_physmap_state_table(io), in_bar, rom4);
    assert_true(xen_physmap_state_update(io, next, &error));
    expect_no_error(error);
    expect_loaded(dom0, next);
}

/* Records of others: those that domain 0 keeps for its own guests, and those of other guests. */
static void test_no_rights(void **state)
{
    static const struct {
        guint32 domid, dm_domid;
        const char *folder;
        gboolean readable;
    } cases[] = {
        { GUEST, 0, "/local/domain/0/device-model/3", FALSE },
        { 4, 0, "/local/domain/0/device-model/4", FALSE },
        { 4, STUB, "/local/domain/7/device-model/4", FALSE },
        { GUEST, GUEST, "/local/domain/3/device-model/3", TRUE },
    };
    g_autoptr(XenPhysmapTable) theirs = table_of(vram, rom4);
    g_autoptr(XenPhysmapTable) ours = table_of(in_bar);

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *physmap = g_strdup_printf("%s/physmap", cases[i].folder);
        g_autoptr(XenPhysmapTable) now = NULL;
        GError *error = NULL;

        /* Guest 3 may read its own nodes, and its stub domain may read the same. */
        make_node(cases[i].folder, 0, cases[i].readable ? GUEST : 0);
        must(store(dom0, cases[i].domid, cases[i].dm_domid, theirs, NULL), physmap);
        assert_false(store(stub, cases[i].domid, cases[i].dm_domid, ours, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, cases[i].folder);
        assert_false(xen_physmap_xenstore_store(stub, cases[i].domid, cases[i].dm_domid, theirs,
                                                ours, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, physmap);
        now = xen_physmap_xenstore_load(stub, cases[i].domid, cases[i].dm_domid, &error);
        if (cases[i].readable) {
            expect_no_error(error);
        } else {
            expect_error(&error, XEN_PHYSMAP_ERROR_ACCESS, physmap);
            now = xen_physmap_xenstore_load(dom0, cases[i].domid, cases[i].dm_domid, NULL);
        }
        assert_true(xen_physmap_table_equal(now, theirs));
    }
    /* It may write the guest's nodes that the guest may write, and no others. */
    assert_true(stub->write(stub->opaque, 0, "/local/domain/3/data/x", "1", 1));
    assert_false(stub->write(stub->opaque, 0, "/local/domain/3/name", "x", 1));
    assert_int_equal(errno, EACCES);
}

/* It doesn't create a node for a domain for which libxl has created none. */
static void test_no_folder(void **state)
{
    g_autoptr(XenPhysmapTable) one = table_of(vram);
    GError *error = NULL;

    (void)state;
    assert_false(store(stub, 5, STUB, one, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_NOT_FOUND, "/local/domain/7/device-model/5");
}

/* By default both daemons let a domain have 1000 nodes; a record has four. */
static void test_quota(void **state)
{
    g_autoptr(XenPhysmapState) io = xen_physmap_state_open(stub, GUEST, STUB);
    g_autoptr(XenPhysmapTable) old = table_of(in_bar, rom4);
    g_autoptr(XenPhysmapTable) next = table_of(vram, rom5);
    g_autoptr(XenPhysmapTable) many = xen_physmap_table_new();
    GError *error = NULL;

    (void)state;
    for (guint i = 0; i < 300; i++) {
        guint64 place = 0x10000000 + (guint64)i * 0x1000;
        XenPhysmapRecord record = { "rom", place, place, 0x1000 };

        assert_true(xen_physmap_table_add(many, &record, NULL));
    }
    assert_true(xen_physmap_state_update(io, old, &error));
    assert_false(xen_physmap_state_update(io, many, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_QUOTA, "quota-maxentity");
    expect_loaded(dom0, old);
    /* What fits is recorded again. */
    assert_true(xen_physmap_state_update(io, next, &error));
    expect_no_error(error);
    expect_loaded(dom0, next);
    /* Domain 0 has no such limit. */
    assert_true(store(dom0, GUEST, STUB, many, &error));
}

/* Another device model has the domain's transactions open; a domain only gets a few. */
static void test_quota_of_transactions(void **state)
{
    g_autoptr(XenPhysmapTable) one = table_of(vram);
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(guint32));
    GError *error = NULL;
    guint32 transaction;

    (void)state;
    while (open->len < 100 && (transaction = stub->transaction_start(stub->opaque))) {
        g_array_append_val(open, transaction);
    }
    assert_false(store(stub, GUEST, STUB, one, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_QUOTA, "nodes or transactions is used up");
    for (guint i = 0; i < open->len; i++) {
        stub->transaction_end(stub->opaque, g_array_index(open, guint32, i), TRUE);
    }
    assert_true(store(stub, GUEST, STUB, one, &error));
    expect_loaded(dom0, one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_numbers, setup),
        cmocka_unit_test_setup(test_life, setup),
        cmocka_unit_test_setup(test_list_all, setup),
        cmocka_unit_test_setup(test_restore_verb, setup),
        cmocka_unit_test_setup(test_restore, setup),
        cmocka_unit_test_setup(test_no_rights, setup),
        cmocka_unit_test_setup(test_no_folder, setup),
        cmocka_unit_test_setup(test_quota, setup),
        cmocka_unit_test_setup(test_quota_of_transactions, setup),
    };

    if (!getenv("XENSTORED_PID")) {
        printf("1..0 # SKIP run it by tests/xenstored/with-xenstored\n");
        return 77;
    }
    return cmocka_run_group_tests_name("domain", tests, introduce, finish);
}
