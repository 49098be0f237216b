/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The component built into QEMU, with QEMU's side faked: what it records, maps and refuses. */
#include "expect.h"

#include <setjmp.h>
#include <stdio.h>

#include <xen-physmap/ops.h>

/* The file calls these two of the library; the host is a fake one, and a refusal ends a test only. */
static XenPhysmapOps *open_fake(XenPhysmapOpsFlags flags, GError **error);
static void end(int status);
#define xen_physmap_ops_open open_fake
#define exit end
#include "../../xen-dm/qemu-patches/physmap/new/hw/xen/xen-physmap.c"
#undef exit

#define PHYSMAP "/local/domain/0/device-model/7/physmap"
#define VRAM "0000:00:03.0/vga.vram"
#define CARD "0000:00:06.0/e1000.rom"

struct RAMBlock {
    const char *id;
    uint64_t offset, size;
};

/* --- QEMU, as far as the file sees it --- */

uint32_t xen_domid = 7;

static struct {
    FakeHost *host;
    RAMBlock blocks[8];
    guint n;
    bool incoming, ended;
    jmp_buf refused;
    GString *log;
    Notifier *done;
    DeviceListener *devices;
    void (*bh)(void *opaque);
    guint scheduled;
    /* The list of moved blocks in xen-hvm.c. */
    hwaddr moved_offset, moved_addr;
} vm;

static XenPhysmapOps *open_fake(XenPhysmapOpsFlags flags, GError **error)
{
    return (XenPhysmapOps *)fake_host_ops(vm.host);
}

/* What a QEMU has allocated when it exits is left here, since the test goes on. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static void end(int status)
{
    assert_int_equal(status, 1);
    vm.ended = true;
    longjmp(vm.refused, 1);
}

bool runstate_check(RunState state)
{
    return vm.incoming;
}

static void add_to_log(const char *format, va_list args) G_GNUC_PRINTF(1, 0);

static void add_to_log(const char *format, va_list args)
{
    g_string_append_vprintf(vm.log, format, args);
    g_string_append_c(vm.log, '\n');
}

#define LOGS(name, result, value)                                                                  \
    result name(const char *format, ...)                                                           \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, format);                                                                    \
        add_to_log(format, args);                                                                  \
        va_end(args);                                                                              \
        return value;                                                                              \
    }
LOGS(error_report, void, )
LOGS(warn_report, void, )
LOGS(info_report, void, )
LOGS(error_printf, int, 0)
LOGS(warn_report_once, bool, true)

const char *qemu_ram_get_idstr(RAMBlock *rb)
{
    return rb->id;
}

ram_addr_t qemu_ram_get_offset(RAMBlock *rb)
{
    return rb->offset;
}

ram_addr_t qemu_ram_get_used_length(RAMBlock *rb)
{
    return rb->size;
}

int qemu_ram_foreach_block(int (*func)(RAMBlock *rb, void *opaque), void *opaque)
{
    for (guint i = 0; i < vm.n; i++) {
        func(&vm.blocks[i], opaque);
    }
    return 0;
}

void qemu_add_machine_init_done_notifier(Notifier *notifier)
{
    vm.done = notifier;
}

void device_listener_register(DeviceListener *listener)
{
    vm.devices = listener;
}

QEMUBH *qemu_bh_new(void (*func)(void *opaque), void *opaque)
{
    vm.bh = func;
    return (QEMUBH *)&vm;
}

void qemu_bh_schedule(QEMUBH *bh)
{
    vm.scheduled++;
}

static hwaddr place(hwaddr phys_offset)
{
    return phys_offset == vm.moved_offset ? vm.moved_addr : phys_offset;
}

static void restore(hwaddr phys_offset, hwaddr start_addr, ram_addr_t size)
{
    vm.moved_offset = phys_offset;
    vm.moved_addr = start_addr;
}

/* --- a guest --- */

static void add(const char *id, uint64_t offset, uint64_t size, bool populate)
{
    vm.blocks[vm.n++] = (RAMBlock){ id, offset, size };
    if (populate) {
        fake_host_populate(vm.host, offset >> 12, size >> 12, offset);
    }
}

static void record_node(const char *name, uint64_t offset, uint64_t start, uint64_t size)
{
    const struct {
        const char *node;
        uint64_t value;
    } nodes[] = { { "start_addr", start }, { "size", size } };
    g_autofree char *path = g_strdup_printf(PHYSMAP "/%" PRIx64 "/name", offset);

    fake_host_write(vm.host, path, name);
    for (guint i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *node = g_strdup_printf(PHYSMAP "/%" PRIx64 "/%s", offset, nodes[i].node);
        g_autofree char *value = g_strdup_printf("%" PRIx64, nodes[i].value);

        fake_host_write(vm.host, node, value);
    }
}

/* The standard guest: a framebuffer, a card. */
static void add_blocks(bool populate)
{
    add("xen.ram", 0, 0x2000000, false);
    add(VRAM, 0x2000000, 0x100000, populate);
    add(CARD, 0x2100000, 0x40000, populate);
}

static int setup(void **state)
{
    memset(&vm, 0, sizeof vm);
    memset(&pm, 0, sizeof pm);
    vm.host = fake_host_new();
    vm.log = g_string_new(NULL);
    vm.moved_offset = UINT64_MAX;
    g_unsetenv("XEN_PHYSMAP_POLICY");
    fake_host_write(vm.host, "/local/domain/0/device-model/7/state", "");
    return 0;
}

static int teardown(void **state)
{
    xen_physmap_state_close(pm.state);
    xen_physmap_table_free(pm.saved);
    if (pm.moved) {
        g_array_unref(pm.moved);
    }
    g_free(pm.complaint);
    g_string_free(vm.log, TRUE);
    fake_host_free(vm.host);
    return 0;
}

static void start_new(void)
{
    xen_physmap_init(place, restore);
    add_blocks(true);
    vm.done->notify(vm.done, NULL);
}

/* A saved guest arrives, with its pages where `start` says, and its state is loaded. */
static void arrive(const char *card, uint64_t start)
{
    vm.incoming = true;
    record_node(VRAM, 0x2000000, 0xf1000000, 0x100000);
    record_node(card, 0x2100000, 0x2100000, 0x40000);
    fake_host_populate(vm.host, start >> 12, 0x100, 5);
    fake_host_populate(vm.host, 0x2100, 0x40, 6);
    if (setjmp(vm.refused)) {
        return;
    }
    xen_physmap_init(place, restore);
    add_blocks(false);
    vm.done->notify(vm.done, NULL);
    xen_physmap_loaded(NULL);
    vm.incoming = false;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static void assert_record(const char *offset, const char *node, const char *value)
{
    g_autofree char *path = g_strdup_printf(PHYSMAP "/%s/%s", offset, node);
    g_autofree char *line = g_strdup_printf("%s = \"%s\"", path, value);
    g_autofree char *dump = fake_host_dump(vm.host, path);

    assert_has(dump, line);
}

static void test_new_guest(void **state)
{
    g_autofree char *dump = NULL;

    start_new();
    assert_record("2000000", "name", VRAM);
    assert_record("2000000", "start_addr", "2000000");
    assert_record("2100000", "name", CARD);
    dump = fake_host_dump(vm.host, PHYSMAP);
    assert_null(strstr(dump, "xen.ram"));
    /* The listener moves the framebuffer to its BAR, and later to another place. */
    assert_true(xen_physmap_relocate(0x2000000, 0xf1000000, 0x100000));
    restore(0x2000000, 0xf1000000, 0x100000);
    xen_physmap_changed();
    assert_record("2000000", "start_addr", "f1000000");
    assert_int_equal(fake_host_tag(vm.host, 0xf1000), 0x2000000);
    assert_true(fake_host_is_pinned(vm.host, 0xf10ff));
    assert_true(xen_physmap_relocate(0xf1000000, 0xf2000000, 0x100000));
    restore(0x2000000, 0xf2000000, 0x100000);
    xen_physmap_changed();
    assert_record("2000000", "start_addr", "f2000000");
    /* Nothing is where it was. */
    assert_false(xen_physmap_relocate(0xf1000000, 0xf3000000, 0x100000));
    assert_has(vm.log->str, "can't move 256 pages of domain 7 from 0xf1000000");
}

/* A card that the guest unplugs loses its id first, and then its block. */
static void test_unplug(void **state)
{
    start_new();
    vm.devices->unrealize(vm.devices, NULL);
    assert_int_equal(vm.scheduled, 1);
    vm.blocks[2].id = "";
    vm.bh(NULL);
    assert_record("2100000", "name", "unplugged");
    vm.n = 2;
    vm.bh(NULL);
    assert_record("2100000", "name", "unplugged");
    add("0000:00:07.0/e1000.rom", 0x2100000, 0x40000, false);
    vm.devices->realize(vm.devices, NULL);
    vm.bh(NULL);
    assert_record("2100000", "name", "0000:00:07.0/e1000.rom");
}

/* A block whose pages another one has isn't in the guest, and isn't recorded. */
static void test_without_pages(void **state)
{
    g_autofree char *dump = NULL;

    start_new();
    add("0000:00:08.0/e1000.rom", 0x2140000, 0x40000, false);
    vm.bh(NULL);
    dump = fake_host_dump(vm.host, PHYSMAP);
    assert_null(strstr(dump, "00:08.0"));
}

static void test_xenstore_fails(void **state)
{
    start_new();
    fake_host_fail_from(vm.host, FAKE_WRITE, 1, ENOSPC);
    restore(0x2000000, 0xf1000000, 0x100000);
    fake_host_populate(vm.host, 0xf1000, 0x100, 1);
    xen_physmap_changed();
    assert_has(vm.log->str, "can't record the layout of domain 7");
    g_string_truncate(vm.log, 0);
    xen_physmap_changed();
    assert_string_equal(vm.log->str, "");
    fake_host_behave(vm.host);
    xen_physmap_changed();
    assert_record("2000000", "start_addr", "f1000000");
}

static void test_restored(void **state)
{
    bool dummy = false;

    arrive(CARD, 0xf1000000);
    assert_false(vm.ended);
    assert_has(vm.log->str, "the layout is the one it was saved with, 2 ramblocks");
    assert_int_equal(vm.moved_addr, 0xf1000000);
    assert_int_equal(xen_physmap_to_guest(0x2000fff, &dummy), 0xf1000fff);
    assert_int_equal(xen_physmap_to_guest(0x2100000, &dummy), 0x2100000);
    assert_int_equal(xen_physmap_to_guest(0x1fff000, &dummy), 0x1fff000);
    assert_int_equal(xen_physmap_from_guest(0xf10fffff), 0x20fffff);
    assert_int_equal(xen_physmap_from_guest(0xf1100000), 0xf1100000);
    assert_false(dummy);
    assert_record("2000000", "start_addr", "f1000000");
}

/* Until the state is loaded, a ROM that was allocated where the framebuffer is must not be filled. */
static void test_covered(void **state)
{
    bool dummy = false;

    vm.incoming = true;
    record_node(VRAM, 0x2000000, 0xf1000000, 0x100000);
    xen_physmap_init(place, restore);
    assert_int_equal(xen_physmap_to_guest(0xf1000000, &dummy), 0xf1000000);
    assert_true(dummy);
}

/* The BAR was elsewhere than the pages when the guest was saved; QEMU moves them as it loads. */
static void test_moved_while_loading(void **state)
{
    vm.incoming = true;
    record_node(VRAM, 0x2000000, 0xf1000000, 0x100000);
    record_node(CARD, 0x2100000, 0x2100000, 0x40000);
    fake_host_populate(vm.host, 0xf1000, 0x100, 5);
    fake_host_populate(vm.host, 0x2100, 0x40, 6);
    xen_physmap_init(place, restore);
    add_blocks(false);
    vm.done->notify(vm.done, NULL);
    assert_true(xen_physmap_relocate(0xf1000000, 0xf2000000, 0x100000));
    restore(0x2000000, 0xf2000000, 0x100000);
    xen_physmap_loaded(NULL);
    assert_has(vm.log->str, "the layout is the one it was saved with");
    assert_record("2000000", "start_addr", "f2000000");
}

static void test_refused(void **state)
{
    /* The pages aren't where the record says. */
    arrive(CARD, 0xf5000000);
    assert_true(vm.ended);
    assert_has(vm.log->str, "misplaced: " VRAM);
    assert_has(vm.log->str, "refusing to run domain 7");
}

/* Another memory: the old framebuffer's pages aren't taken for an unplugged card's. */
static void test_other_memory(void **state)
{
    vm.incoming = true;
    record_node(VRAM, 0x2000000, 0xf1000000, 0x100000);
    record_node(CARD, 0x2100000, 0x2100000, 0x40000);
    fake_host_populate(vm.host, 0xf1000, 0x100, 5);
    fake_host_populate(vm.host, 0x2100, 0x40, 6);
    xen_physmap_init(place, restore);
    add("xen.ram", 0, 0x3000000, false);
    add(VRAM, 0x3000000, 0x100000, true);
    add(CARD, 0x3100000, 0x40000, false);
    vm.done->notify(vm.done, NULL);
    if (!setjmp(vm.refused)) {
        xen_physmap_loaded(NULL);
    }
    assert_true(vm.ended);
    assert_has(vm.log->str, "the saved guest had 32 MiB of memory besides its videoram");
}

static void test_not_admitted(void **state)
{
    arrive("0000:00:05.0/e1000.rom", 0xf1000000);
    assert_true(vm.ended);
    assert_has(vm.log->str, "missing: 0000:00:05.0/e1000.rom");
}

static void test_broken_records(void **state)
{
    fake_host_write(vm.host, PHYSMAP "/zzz/size", "1");
    arrive(CARD, 0xf1000000);
    assert_true(vm.ended);
    assert_has(vm.log->str, "its records can't be used: ");
}

static void test_not_comparable(void **state)
{
    vm.incoming = true;
    record_node(VRAM, 0x2000000, 0xf1000000, 0x100000);
    xen_physmap_init(place, restore);
    add(VRAM, 0x2000000, 0x100000, false);
    vm.done->notify(vm.done, NULL);
    fake_host_fail_from(vm.host, FAKE_MAP, 1, EACCES);
    if (!setjmp(vm.refused)) {
        xen_physmap_loaded(NULL);
    }
    assert_true(vm.ended);
    assert_has(vm.log->str, "the layout can't be compared with the saved one: ");
}

static void test_policies(void **state)
{
    g_setenv("XEN_PHYSMAP_POLICY", "warn", TRUE);
    arrive(CARD, 0xf5000000);
    assert_false(vm.ended);
    assert_has(vm.log->str, "domain 7 goes on anyway");
    teardown(state);
    setup(state);
    g_setenv("XEN_PHYSMAP_POLICY", "off", TRUE);
    xen_physmap_init(place, restore);
    assert_false(xen_physmap_active());
    assert_null(vm.done);
    assert_string_equal(vm.log->str, "");
}

/* Saved by a QEMU that recorded nothing. */
static void test_without_records(void **state)
{
    vm.incoming = true;
    fake_host_populate(vm.host, 0xf1000, 0x100, 5);
    fake_host_populate(vm.host, 0x2100, 0x40, 6);
    xen_physmap_init(place, restore);
    add_blocks(false);
    vm.done->notify(vm.done, NULL);
    restore(0x2000000, 0xf1000000, 0x100000);
    xen_physmap_loaded(NULL);
    assert_has(vm.log->str, "came without records");
    assert_record("2000000", "start_addr", "f1000000");
    assert_record("2100000", "name", CARD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_new_guest),
        TEST(test_unplug),
        TEST(test_without_pages),
        TEST(test_xenstore_fails),
        TEST(test_restored),
        TEST(test_covered),
        TEST(test_moved_while_loading),
        TEST(test_refused),
        TEST(test_other_memory),
        TEST(test_not_admitted),
        TEST(test_broken_records),
        TEST(test_not_comparable),
        TEST(test_policies),
        TEST(test_without_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
