/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb verify: each of its rules is broken once, and whole means whole in every wrapper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "../mocks/savefile-offsets.h"
#include "record-file.h"
#include "verify.h"

/* The names of the rules that found something in any test. */
static GHashTable *broken;

static void note_rules(const char *out)
{
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        const char *open = strrchr(lines[i], '[');

        if (open && g_str_has_suffix(open, "]")) {
            g_hash_table_add(broken, g_strndup(open + 1, strlen(open) - 2));
        }
    }
}

/* Verifies what was made, as a file and through a pipe. */
static Run verify(const Maker *maker)
{
    Run run = run_made(verb_verify, maker, (const char *[]){ "verify", "-", NULL });

    assert_string_equal(run.err, "");
    note_rules(run.out);
    return run;
}

static void check(Run *run, const char *wanted)
{
    if (!strstr(run->out, wanted)) {
        fail_msg("wanted '%s', got %s", wanted, run->out);
    }
    assert_int_equal(run->end, strstr(run->out, ": error: ") || strstr(run->out, ": warning: ")
                                   ? EXIT_FINDING
                                   : EXIT_FINE);
    run_clear(run);
}

static void expect(const Maker *maker, const char *wanted)
{
    Run run = verify(maker);

    check(&run, wanted);
}

/* The same of what has a tail, which only a file tells: a pipe isn't read any further. */
static void expect_of_file(const Maker *maker, const char *wanted)
{
    int file = maker_file(maker);
    Run run = run_verb(verb_verify, file, (const char *[]){ "verify", "-", NULL });

    note_rules(run.out);
    check(&run, wanted);
    close(file);
}

/* What the walker takes and verify doesn't: a byte at this place of the savefile. */
static const struct {
    gsize at;
    guint8 byte;
    const char *wanted;
} verify_patches[] = {
    { 40, 1, "0x28: warning: xl: optional flags 0x1" },
    { 48, 0xff, "0x30: error: the configuration: its length is 255" },
    { 52, 'x', "0x30: error: the configuration: " },
    { LIBXL + 15, 4, "0x43: error: libxl header: options 0x4 have reserved bits" },
    { LIBXC + 17, 2, "0x5f: error: libxc header: options 0x2 have reserved bits" },
    { LIBXC + 20, 1, "error: header: reserved bytes are not zero" },
    { DOMAIN + 6, 1, "error: domain header: reserved bytes are not zero" },
    { PAGES + 12, 1, "error: PAGE_DATA: reserved bytes are not zero" },
    { PAGES + 16 + 6, 0x10, "error: PAGE_DATA: pfn 0 has reserved bits set" },
    { PAGES + 16 + 7, 0x60, "error: PAGE_DATA: pfn 0 has type 6" },
    { PAGES + 16 + 7, 0xf0, "PAGE_DATA: by their types 1 pfns have a page, and there are 2" },
    { TSC + 8 + 20, 1, "error: X86_TSC_INFO: reserved bytes are not zero" },
    { PARAMS + 8, 2, "error: HVM_PARAMS: 2 parameters" },
    { PARAMS + 12, 1, "error: HVM_PARAMS: reserved bytes are not zero" },
    { HVM + 8 + 13, 1, "error: HVM_CONTEXT: padding is not zero" },
    { XENSTORE + 8, 3, "error: EMULATOR_XENSTORE_DATA: emulator 3" },
    { XENSTORE + 8 + 103, 1, "error: EMULATOR_XENSTORE_DATA: padding is not zero" },
    { EMULATOR + 8 + 17, 1, "error: EMULATOR_CONTEXT: padding is not zero" },
    { TSC + 3, 0x80, "note: an optional record of type 0x80000008" },
};

static void test_bytes(void **unused)
{
    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(verify_patches); i++) {
        Maker maker = MAKER_INIT;

        maker_xl(&maker, 3, "{}");
        maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
        maker.bytes->data[verify_patches[i].at] = verify_patches[i].byte;
        expect(&maker, verify_patches[i].wanted);
        maker_clear(&maker);
    }
}

/* --- whole guests --- */

enum { WITHOUT_CONTEXT = 1, WITHOUT_PARAMS = 2, WITHOUT_EMULATOR = 4, WITHOUT_MODEL = 8 };

typedef enum { BARE, XL, LIBVIRT, XAPI, N_WRAPPERS } Wrapper;

#define HVM_JSON                                                                                   \
    "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"type.hvm\":{\"vga\":{\"kind\":\"none\"}}}}"
#define PVH_JSON "{\"c_info\":{\"type\":\"pvh\"},\"b_info\":{\"type.pvh\":{}}}"
#define HVM_XML "<domain type='xen'><os><type>hvm</type></os></domain>"
#define PVH_XML "<domain type='xen'><os><type>xenpvh</type></os></domain>"

/* HVM_PARAMS with the number of the pages of I/O request servers, which a device model needs. */
static void put_params(Maker *maker, gboolean device_model)
{
    Maker params = { g_byte_array_new(), maker->big_endian };

    maker_u32(&params, device_model ? 2 : 1);
    maker_u32(&params, 0);
    maker_u64(&params, 1);
    maker_u64(&params, 0xfeff);
    if (device_model) {
        maker_u64(&params, 33);
        maker_u64(&params, 8);
    }
    maker_record(maker, 0x0a, params.bytes->data, params.bytes->len);
    maker_clear(&params);
}

static void put_libxc(Maker *maker, guint without)
{
    guint8 zeros[24] = { 0 };

    maker_libxc_headers(maker, 2, 2);
    maker_pages(maker, 0, 3, 2);
    if (!(without & WITHOUT_CONTEXT)) {
        maker_record(maker, 0x09, zeros, 24);
    }
    if (!(without & WITHOUT_PARAMS)) {
        put_params(maker, !(without & WITHOUT_MODEL));
    }
    maker_record(maker, 0, NULL, 0);
}

static void put_guest(Maker *maker, Wrapper wrapper, guint without)
{
    gboolean model = !(without & WITHOUT_MODEL), emulator = model && !(without & WITHOUT_EMULATOR);

    if (wrapper == XAPI) {
        maker_put(maker, MAKER_LITERAL("XenSavedDomv2-\n"));
        maker_xapi_record(maker, 0xf0, 0, "");
        put_libxc(maker, without);
        if (emulator) {
            maker_xapi_record(maker, 0xf01, 4, "QEVM");
        }
        maker_xapi_record(maker, 0xffff, 0, "");
        return;
    }
    if (wrapper == XL) {
        maker_xl(maker, 3, model ? HVM_JSON : PVH_JSON);
    } else if (wrapper == LIBVIRT) {
        maker_libvirt(maker, 2, model ? HVM_XML : PVH_XML);
    }
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    put_libxc(maker, without);
    if (emulator) {
        maker_emulator(maker, 3, 2, MAKER_LITERAL("QEVM"));
    }
    maker_record(maker, 0, NULL, 0);
}

/* What has to be whole is not restored from when it isn't, and doesn't count as a guest without
 * records. */
static void expect_no_records(const Maker *maker)
{
    g_autoptr(GError) error = NULL;
    int file = maker_file(maker);
    g_autoptr(XenPhysmapTable) table = record_file_read(file, RECORD_FORM_UNKNOWN, &error);
    Run run = run_verb(verb_restore, file, (const char *[]){ "restore", "1", "-", NULL });

    assert_null(table);
    assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.err, error->message));
    run_clear(&run);
    close(file);
}

static void test_whole(void **unused)
{
    static const struct {
        guint without;
        const char *lacks;
    } cases[] = {
        { WITHOUT_CONTEXT, "HVM_CONTEXT" },
        { WITHOUT_PARAMS, "HVM_PARAMS" },
        { WITHOUT_CONTEXT | WITHOUT_MODEL, "HVM_CONTEXT" },
        { WITHOUT_PARAMS | WITHOUT_MODEL, "HVM_PARAMS" },
        { WITHOUT_EMULATOR, "" },
    };

    (void)unused;
    for (Wrapper wrapper = 0; wrapper < N_WRAPPERS; wrapper++) {
        for (guint i = 0; i < 2; i++) {
            Maker maker = MAKER_INIT;

            put_guest(&maker, wrapper, i ? WITHOUT_MODEL : 0);
            expect(&maker, "-: 0 errors, 0 warnings");
            maker_clear(&maker);
        }
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            const char *lacks = *cases[i].lacks   ? cases[i].lacks
                                : wrapper == XAPI ? "Qemu_xen"
                                                  : "EMULATOR_CONTEXT";
            g_autofree char *wanted = g_strdup_printf(" without %s before it", lacks);
            Maker maker = MAKER_INIT;

            put_guest(&maker, wrapper, cases[i].without);
            expect(&maker, wanted);
            expect_no_records(&maker);
            maker_clear(&maker);
        }
    }
}

/* The file ends, or goes on with zeros, where any of its items begins. */
static void test_ends(void **unused)
{
    (void)unused;
    for (guint n = 0; n < 2 * N_WRAPPERS; n++) {
        g_autoptr(Stream) stream = NULL;
        Maker maker = MAKER_INIT;
        StreamItem item;
        gboolean model = n < N_WRAPPERS, emulator = FALSE;
        int file;

        put_guest(&maker, n % N_WRAPPERS, model ? 0 : WITHOUT_MODEL);
        file = maker_file(&maker);
        stream = stream_open(file, NULL);
        while (stream_next(stream, &item, NULL) && item.layer != STREAM_END) {
            Maker part = MAKER_INIT;

            if (item.offset > 0) {
                maker_put(&part, maker.bytes->data, item.offset);
                expect(&part, " error: ");
                expect_no_records(&part);
                g_byte_array_set_size(part.bytes, item.offset + 4096);
                memset(part.bytes->data + item.offset, 0, 4096);
                /* When all else is there, zeros end a stream as well as an END does. */
                if (emulator) {
                    expect_of_file(&part, "-: 0 errors");
                } else {
                    expect_of_file(&part, " error: ");
                    expect_no_records(&part);
                }
            }
            maker_clear(&part);
            emulator |= item.layer == STREAM_LIBXL_RECORD && item.type == LIBXL_EMULATOR_CONTEXT;
            emulator |= !model && item.layer == STREAM_LIBXC_RECORD &&
                        item.type == LIBXC_HVM_PARAMS && n % N_WRAPPERS != XAPI;
        }
        close(file);
        maker_clear(&maker);
    }
}

/* --- layouts --- */

/* A record of `size` at `start`, allocated at `phys`, all numbers in MiB, in a guest that has this
 * configuration; and the pages of it. */
static void put_layout(Maker *maker, const char *config, guint64 phys, guint64 start, guint64 size,
                       const char *name)
{
    g_autofree char *pairs =
        g_strdup_printf("physmap/%" G_GINT64_MODIFIER "x/start_addr|%" G_GINT64_MODIFIER
                        "x|physmap/%" G_GINT64_MODIFIER "x/size|%" G_GINT64_MODIFIER
                        "x|physmap/%" G_GINT64_MODIFIER "x/name|0000:00:03.0/%s|",
                        phys << 20, start << 20, phys << 20, size << 20, phys << 20, name);
    gsize length = strlen(pairs);
    guint8 zeros[24] = { 0 };

    g_strdelimit(pairs, "|", '\0');
    maker_xl(maker, 3, config);
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc_headers(maker, 2, 2);
    maker_pages(maker, 0, 16, 16);
    for (guint64 i = 0; i < size; i++) {
        maker_pages(maker, (start + i) << 8, 256, 256);
    }
    maker_record(maker, 0x09, zeros, 24);
    put_params(maker, TRUE);
    maker_record(maker, 0, NULL, 0);
    if (size > 0) {
        maker_emulator(maker, 2, 2, pairs, length);
    }
    maker_emulator(maker, 3, 2, NULL, 0);
    maker_record(maker, 0, NULL, 0);
}

/* max_memkb and video_memkb are in MiB here. */
static char *config_of(guint64 memory, guint64 video, const char *kind)
{
    return g_strdup_printf("{\"b_info\":{\"max_memkb\":%" G_GUINT64_FORMAT
                           ",\"video_memkb\":%" G_GUINT64_FORMAT
                           ",\"type.hvm\":{\"vga\":{\"kind\":\"%s\"}}}}",
                           memory << 10, video << 10, kind);
}

static void test_layout(void **unused)
{
    static const struct {
        guint64 memory, video;
        const char *kind;
        guint64 phys, start, size;
        const char *name, *wanted;
    } cases[] = {
        { 48, 16, "std", 32, 0xf10, 16, "vga.vram", "-: 0 errors, 0 warnings, 0 notes" },
        /* QEMU rounds up to a power of two. */
        { 64, 20, "std", 44, 0xf20, 32, "vga.vram", "-: 0 errors, 0 warnings, 0 notes" },
        { 64, 20, "std", 44, 0xf10, 16, "vga.vram",
          "vga.vram has 16 MiB, and of the configuration's videoram of 20 MiB QEMU makes 32 MiB "
          "[videoram-size]" },
        { 48, 8, "cirrus", 40, 0xf00, 8, "vga.vram", "-: 0 errors, 0 warnings, 0 notes" },
        { 48, 16, "cirrus", 32, 0xf00, 8, "vga.vram",
          "vga.vram has 8 MiB, and of the configuration's videoram of 16 MiB QEMU makes 16 MiB "
          "[videoram-size]" },
        { 48, 16, "qxl", 32, 0xf00, 8, "qxl.vgavram", "-: 0 errors, 0 warnings, 0 notes" },
        /* xl mem-max. */
        { 96, 16, "std", 32, 0xf10, 16, "vga.vram",
          "RAM ends at 0x5000000: the guest was started with 48 MiB, and xl mem-max has changed "
          "that since; restore it with maxmem=48 in the configuration [memory-grew]" },
        { 48, 16, "std", 64, 0xf10, 16, "vga.vram", "restore it with maxmem=80" },
        { 48, 16, "none", 64, 0xf10, 1, "e1000.rom", "-: 0 errors, 0 warnings" },
        { 8192, 16, "std", 4096 + 8192 - 16 - 3840, 0xf10, 16, "vga.vram",
          "-: 0 errors, 0 warnings" },
        { 8192, 16, "std", 4096 + 256, 0xf10, 16, "vga.vram", "started with 4112 MiB" },
        /* In RAM. */
        { 48, 16, "std", 32, 16, 16, "vga.vram",
          "vga.vram at 0x1000000 lies in the guest's RAM, which goes up to 0x2000000 "
          "[block-in-ram]" },
        { 48, 16, "std", 32, 31, 16, "vga.vram", "vga.vram at 0x1f00000 lies in the guest's RAM" },
        { 8192, 16, "std", 8432, 4097, 16, "vga.vram",
          "vga.vram at 0x100100000 lies in the guest's RAM, which goes from 4 GiB up to "
          "0x20f000000 [block-in-ram]" },
        { 8192, 16, "std", 8432, 8432, 16, "vga.vram", "-: 0 errors, 0 warnings" },
        { 48, 16, "std", 32, 0xf10, 1, "e1000.rom",
          "the configuration has a VGA, and there is no record of its videoram "
          "[videoram-record]" },
        { 48, 16, "std", 0, 0, 0, "", "there are no records, so no layout to check [no-records]" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *config = config_of(cases[i].memory, cases[i].video, cases[i].kind);
        Maker maker = MAKER_INIT;

        put_layout(&maker, config, cases[i].phys, cases[i].start, cases[i].size, cases[i].name);
        expect(&maker, cases[i].wanted);
        maker_clear(&maker);
    }
}

/* The stream goes on with what is wrong with it: pages, and records of libxc. */
static void put_odd(Maker *maker, void (*put)(Maker *maker), gboolean late)
{
    guint8 zeros[24] = { 0 };
    g_autofree char *config = config_of(48, 16, "std");

    maker_xl(maker, 3, config);
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc_headers(maker, 3, 2);
    maker_record(maker, 0x10, NULL, 0);
    maker_pages(maker, 0, 16, 16);
    if (!late) {
        put(maker);
    }
    maker_record(maker, 0x09, zeros, 24);
    put_params(maker, TRUE);
    if (late) {
        put(maker);
    }
    maker_record(maker, 0, NULL, 0);
    maker_emulator(maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_emulator(maker, 3, 2, NULL, 0);
    maker_record(maker, 0, NULL, 0);
}

static void put_pages(Maker *maker)
{
    maker_pages(maker, 4, 1, 1);
}

static void put_policy(Maker *maker)
{
    guint8 zeros[24] = { 0 };

    maker_record(maker, 0x11, zeros, 24);
}

static void put_verify(Maker *maker)
{
    maker_record(maker, 0x0d, NULL, 0);
}

static void put_toolstack(Maker *maker)
{
    maker_record(maker, 0x0b, NULL, 0);
}

static void put_empty_params(Maker *maker)
{
    guint8 zeros[8] = { 0 };

    maker_record(maker, 0x0a, zeros, 8);
}

/* As a QEMU leaves it that recorded its videoram and nothing else. */
static void put_unclaimed(Maker *maker)
{
    maker_pages(maker, 0x3000, 16, 16);
    maker_pages(maker, 0xfc001, 4, 4);
}

static void put_scattered(Maker *maker)
{
    for (guint64 i = 0; i < 9000; i++) {
        maker_pages(maker, i << 15, 1, 1);
    }
}

static void test_odd(void **unused)
{
    static const struct {
        void (*put)(Maker *maker);
        gboolean late; /* after the HVM context */
        const char *wanted;
    } cases[] = {
        { put_pages, TRUE, "warning: PAGE_DATA after HVM_CONTEXT [pages-order]" },
        { put_policy, TRUE, "X86_CPUID_POLICY after STATIC_DATA_END [policy-order]" },
        { put_verify, TRUE,
          "note: VERIFY: what follows repeats memory for comparison [verify-record]" },
        { put_toolstack, TRUE, "warning: TOOLSTACK: no released Xen reads it [toolstack-record]" },
        { put_empty_params, TRUE, "note: HVM_PARAMS is empty [empty-record]" },
        { put_unclaimed, FALSE,
          "16 pages above the guest's RAM belong to no record, the first at 0x3000000" },
        { put_scattered, FALSE, "note: the pfns are too far apart to keep track of [scattered]" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = MAKER_INIT;

        put_odd(&maker, cases[i].put, cases[i].late);
        expect(&maker, cases[i].wanted);
        maker_clear(&maker);
    }
}

/* A PV guest, with these records. */
static void expect_pv(const guint8 info[8], guint32 first, guint32 last, gboolean shared,
                      const char *wanted)
{
    guint8 frames[16] = { first, 0, 0, 0, last }, page[4096] = { 0 };
    Maker maker = MAKER_INIT;

    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 2, 1);
    maker_record(&maker, 0x02, info, 8);
    maker_record(&maker, 0x03, frames, 8);
    maker_pages(&maker, 0, 3, 2);
    if (shared) {
        maker_record(&maker, 0x07, page, sizeof page);
    }
    maker_record(&maker, 0, NULL, 0);
    maker_record(&maker, 0, NULL, 0);
    expect(&maker, wanted);
    maker_clear(&maker);
}

static void test_pv(void **unused)
{
    (void)unused;
    expect_pv((guint8[8]){ 8, 4 }, 0, 1, TRUE, "-: 0 errors, 0 warnings");
    expect_pv((guint8[8]){ 8, 5 }, 0, 1, TRUE, "5 levels of page tables [pv-info]");
    expect_pv((guint8[8]){ 8, 4, 1 }, 0, 1, TRUE, "X86_PV_INFO: reserved bytes are not zero");
    expect_pv((guint8[8]){ 8, 4 }, 2, 1, TRUE, "and the last 0x1 [p2m-frames]");
    expect_pv((guint8[8]){ 8, 4 }, 0, 1, FALSE, "END without SHARED_INFO before it");
}

/* The order of libxl's records, and what follows the last one. */
static void test_order(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_libxl_header(&maker);
    maker_record(&maker, 0, NULL, 0);
    expect(&maker, "END without LIBXC_CONTEXT before it [libxl-order]");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    put_libxc(&maker, 0);
    maker_emulator(&maker, 3, 2, NULL, 0);
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_record(&maker, 0, NULL, 0);
    expect(&maker, "the device model would miss it [xenstore-order]");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_guest(&maker, LIBVIRT, 0);
    maker.bytes->data[30] = 1;
    expect(&maker, "libvirt: reserved bytes are not zero [wrapper-reserved]");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libvirt(&maker, 2, "<domain><name></domain>");
    maker_libxl(&maker, NULL, 0);
    expect(&maker, "error: the configuration: XML: ");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc(&maker, 2, 0x0e);
    maker_emulator(&maker, 3, 2, NULL, 0);
    maker_record(&maker, 4, NULL, 0);
    expect(&maker, "the input ends after checkpoint 1, which counts [cut]");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl(&maker, MAKER_LITERAL("physmap/1/size\0"
                                      "1000\0"));
    expect(&maker, "[records]");
    maker_clear(&maker);
}

static void test_tail(void **unused)
{
    Maker maker = MAKER_INIT;
    int file;
    Run run;

    (void)unused;
    put_guest(&maker, XL, 0);
    maker_put(&maker, "tail", 4);
    file = maker_file(&maker);
    expect_of_file(&maker, "note: 4 bytes follow the stream's end [tail]");
    run = run_verb(verb_verify, file, (const char *[]){ "verify", "--json", "-", NULL });
    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "\"severity\" : \"note\""));
    assert_non_null(strstr(run.out, "\"rule\" : \"tail\""));
    run_clear(&run);
    close(file);
    maker_clear(&maker);
}

/* A disk is compared with the file, and not when its time isn't known. */
static void test_disk(void **unused)
{
    g_autofree char *name = NULL;
    int disk = g_file_open_tmp("disk-XXXXXX", &name, NULL);
    g_autofree char *json = g_strdup_printf("{\"disks\":[{\"pdev_path\":\"%s\"}]}", name);
    g_autofree char *xml = g_strdup_printf("<domain><devices><disk><source file='%s'/></disk>"
                                           "</devices></domain>",
                                           name);
    g_autofree char *wanted = g_strdup_printf("warning: the disk %s was written ", name);
    const struct timespec later[2] = { { time(NULL) + 60, 0 }, { time(NULL) + 60, 0 } };

    (void)unused;
    futimens(disk, later);
    for (guint i = 0; i < 2; i++) {
        Maker maker = MAKER_INIT;

        if (i == 0) {
            maker_xl(&maker, 3, json);
        } else {
            maker_libvirt(&maker, 2, xml);
        }
        maker_libxl(&maker, NULL, 0);
        expect_of_file(&maker, wanted);
        expect_of_file(&maker, " s after the savefile: the restored guest would destroy");
        expect_of_file(&maker, "[disk-changed]");
        maker_clear(&maker);
    }
    close(disk);
    unlink(name);
}

/* The last test: each rule of the table was broken by one of those above. */
static void test_every_rule(void **unused)
{
    (void)unused;
    for (guint i = 0; i < verify_n_rules; i++) {
        g_autofree char *name = g_strdelimit(g_strdup(verify_rules[i].name), "_", '-');

        if (!g_hash_table_contains(broken, name)) {
            fail_msg("no test breaks the rule %s", name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_ends),  cmocka_unit_test(test_layout),
        cmocka_unit_test(test_odd),   cmocka_unit_test(test_pv),
        cmocka_unit_test(test_order), cmocka_unit_test(test_tail),
        cmocka_unit_test(test_disk),  cmocka_unit_test(test_every_rule),
    };
    int failed;

    broken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    failed = cmocka_run_group_tests_name("verify", tests, NULL, NULL);
    g_hash_table_unref(broken);
    return failed;
}
