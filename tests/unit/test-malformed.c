/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A corpus of malformed files: each refused by show and verify, with a message of its own, in under
 * a second and 64 MiB, and with nothing on show's standard output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "../mocks/savefile-offsets.h"

/* Overwrites 4 bytes with a little-endian number. */
static const struct {
    gsize at;
    guint32 value;
    const char *wanted;
} patches[] = {
    { 10, 0, "its magic is damaged" },
    { 32, 0x01020305, "its byteorder" },
    { 36, 0x13, "mandatory flags 0x10" },
    { 44, 0x7fffffff, "its configuration is" },
    { LIBXL + 4, 0, "LibxlFmt" },
    { LIBXL + 8, 0x03000000, "version 3; only 2" },
    { CONTEXT, 6, "its type is 0x6" },
    { CONTEXT, 0x7fffffff, "its type is 0x7fffffff" },
    { CONTEXT + 4, 8, "0 to 0 are allowed" },
    { LIBXC, 0, "eight ff" },
    { LIBXC + 12, 0x04000000, "version 4; only 2 and 3" },
    { LIBXC + 12, 0x01000000, "version 1; only 2 and 3" },
    { LIBXC + 12, 0x02000000, "no place in a stream of version 2" },
    { DOMAIN, 3, "guest type 3" },
    { DOMAIN, 1, "no place in the stream of a PV guest" },
    { DOMAIN + 4, 13, "page_shift 13" },
    { CPUID + 4, 47, "not 24 and a multiple of 24" },
    { CPUID + 4, 0, "the minimum is 24" },
    { MSR + 4, 15, "the minimum is 16" },
    { STATIC + 4, 8, "its length is 8" },
    { STATIC, 0x0d, "no STATIC_DATA_END before it" },
    { PAGES + 8, 0, "its pfn count 0" },
    { PAGES + 8, 5, "behind 5 pfns" },
    { PAGES + 8, 1, "behind 1 pfns" },
    { PAGES + 8, 0xffffffff, "its pfn count 4294967295" },
    { PAGES + 4, 4, "the minimum is 16" },
    { PAGES + 4, 0x10000000, "the limit is 134217728" },
    { PAGES + 4, 0x07000000, "behind 3 pfns it has 117440480" },
    { PAGES, 0x13, "its type is 0x13" },
    { TSC + 4, 23, "the minimum is 24" },
    { TSC, 2, "no place in the stream of an HVM guest" },
    { TSC, 0x0f, "CHECKPOINT_DIRTY_PFN_LIST" },
    { PARAMS + 4, 20, "not 8 and a multiple of 16" },
    { HVM + 4, 0, "the minimum is 1" },
    { LIBXC_END_AT + 4, 1, "its length is 1" },
    { XENSTORE + 4, 4, "8 to 4194304 are allowed" },
    { XENSTORE + 4, 0xffffffff, "8 to 4194304 are allowed" },
    { EMULATOR + 4, 7, "8 to 4294967295 are allowed" },
    { EMULATOR + 4, 0x7fffffff, "too early" },
    { END + 4, 4, "0 to 0 are allowed" },
    { END, 1, "it is the second one" },
    { END, 4, "there is no checkpoint that it could end" },
    { END, 5, "4 to 8 are allowed" },
};

#define START "physmap/2000000/start_addr\0"
#define SIZE "physmap/2000000/size\0"
#define NAME "physmap/2000000/name\0"
#define REST SIZE "1000000\0" NAME "vga.vram\0"
#define PAIRS(text, wanted)                                                                        \
    {                                                                                              \
        text, sizeof(text) - 1, wanted                                                             \
    }

static const struct {
    const char *pairs;
    gsize length;
    const char *wanted;
} records[] = {
    PAIRS(START, "has a key and no value"),
    PAIRS("physmap/2000000/size", "has no NUL after its key"),
    PAIRS(REST START "f1000000", "has no NUL after its value"),
    PAIRS(REST, "start_addr"),
    PAIRS(START "f1000000\0" NAME "vga.vram\0", "size"),
    PAIRS(START "f1000000\0" SIZE "1000000\0", "name"),
    PAIRS(START "0xf1000000\0" REST, "0xf1000000"),
    PAIRS(START "\0" REST, "start_addr"),
    PAIRS(START "-1\0" REST, "'-1'"),
    PAIRS(START " 1000\0" REST, "' 1000'"),
    PAIRS(START "f1000001\0" REST, "f1000001"),
    PAIRS(START "11111111111111111\0" REST, "11111111111111111"),
    PAIRS(START "fffffffffffff000\0" REST, "fffffffffffff000"),
    PAIRS(START "f1000000\0" SIZE "0\0" NAME "vga.vram\0", "size"),
    PAIRS(START "f1000000\0" SIZE "fffffffffffff000\0" NAME "vga.vram\0", "fffffffffffff000"),
    PAIRS(START "f1000000\0" SIZE "1000000\0" NAME "\0", "name"),
    PAIRS(START "f1000000\0" SIZE "1000000\0" NAME "vga\x1b[2J\0", "name"),
    PAIRS("physmap/\0"
          "1\0",
          "physmap/"),
    PAIRS("physmap/zz/size\0"
          "1000\0",
          "physmap/zz/size"),
    PAIRS("physmap//size\0"
          "1000\0",
          "physmap//size"),
    PAIRS("physmap/2000000/\0"
          "1000\0",
          "physmap/2000000/"),
    PAIRS("physmap/2000000/other\0"
          "1000\0",
          "physmap/2000000/other"),
    PAIRS("physmap/2000000/size/x\0"
          "1000\0",
          "physmap/2000000/size/x"),
    PAIRS("physmap/2000001/size\0"
          "1000\0"
          "physmap/2000001/start_addr\0"
          "1000\0"
          "physmap/2000001/name\0"
          "x\0",
          "2000001"),
    PAIRS("/physmap/2000000/size\0"
          "1000\0",
          "/physmap/2000000/size"),
    PAIRS("../physmap\0"
          "1000\0",
          "../physmap"),
    PAIRS("\0"
          "1000\0",
          "not a key"),
    PAIRS(MAKER_PAIRS SIZE "1000000\0", "physmap/2000000/size"),
    PAIRS(MAKER_PAIRS "physmap/4000000/start_addr\0"
                      "f1fff000\0"
                      "physmap/4000000/size\0"
                      "1000\0"
                      "physmap/4000000/name\0"
                      "x\0",
          "overlaps"),
    PAIRS(MAKER_PAIRS "physmap/2fff000/start_addr\0"
                      "1000\0"
                      "physmap/2fff000/size\0"
                      "1000\0"
                      "physmap/2fff000/name\0"
                      "x\0",
          "overlaps"),
    PAIRS(START "fec00000\0" REST, "covers the I/O APIC"),
    PAIRS(START "fe000000\0" SIZE "ed0000\0" NAME "vga.vram\0", "covers the I/O APIC"),
    PAIRS(START "fed00000\0" SIZE "1000\0" NAME "vga.vram\0", "covers the HPET"),
    PAIRS(START "feeff000\0" SIZE "1000\0" NAME "vga.vram\0", "covers the local APIC"),
    PAIRS(START "feff0000\0" SIZE "1000\0" NAME "vga.vram\0", "covers Xen's special pages"),
    PAIRS(MAKER_ROM_PAIRS "physmap/4000000/start_addr\0"
                          "4000000\0"
                          "physmap/4000000/size\0"
                          "1000\0"
                          "physmap/4000000/name\0"
                          "0000:00:04.0/e1000.rom\0",
          "0000:00:04.0/e1000.rom"),
};

/* The savefile ends here. */
static const gsize truncations[] = {
    20,         50,           LIBXL + 5,     CONTEXT + 4,   LIBXC + 9,
    DOMAIN + 8, CPUID + 4,    CPUID + 20,    PAGES + 12,    PAGES + 5000,
    HVM + 20,   LIBXC_END_AT, XENSTORE + 40, EMULATOR + 30, END
};

static void limit_memory(void)
{
    /* AddressSanitizer wants more memory for itself. */
#ifndef __SANITIZE_ADDRESS__
    const struct rlimit memory = { 64 << 20, 64 << 20 };

    setrlimit(RLIMIT_DATA, &memory);
#endif
}

static int limited(VerbFunc verb, int argc, char **argv)
{
    const struct rlimit seconds = { 1, 1 };

    limit_memory();
    setrlimit(RLIMIT_CPU, &seconds);
    return verb(argc, argv);
}

static int limited_show(int argc, char **argv)
{
    return limited(verb_show, argc, argv);
}

static int limited_verify(int argc, char **argv)
{
    return limited(verb_verify, argc, argv);
}

/* Both verbs refuse it, with `wanted` in the message, which no other file got before. */
static void expect_refusal(GHashTable *messages, const Maker *maker, const char *wanted)
{
    Run shown = run_made(limited_show, maker, (const char *[]){ "show", "-", NULL });
    Run verified = run_made(limited_verify, maker, (const char *[]){ "verify", "-", NULL });
    const char *message = shown.err + strlen("xen-physmap show: -: ");

    if (shown.end != EXIT_FINDING || verified.end != EXIT_FINDING || !strstr(shown.err, wanted)) {
        fail_msg("wanted '%s'; show %d: %s; verify %d: %s%s", wanted, shown.end, shown.err,
                 verified.end, verified.out, verified.err);
    }
    assert_int_equal(shown.bytes->len, 0);
    assert_string_equal(verified.err, "");
    assert_non_null(strstr(verified.out, ": error: "));
    assert_ptr_equal(strchr(shown.err, '\n'), shown.err + strlen(shown.err) - 1);
    if (!g_hash_table_add(messages, g_strdup(message))) {
        fail_msg("seen before: %s", message);
    }
    run_clear(&shown);
    run_clear(&verified);
}

static void put_savefile(Maker *maker, const char *pairs, gsize length)
{
    maker_xl(maker, 3, "{}");
    maker_libxl(maker, pairs, length);
}

static void put_xapi(Maker *maker)
{
    maker_put(maker, MAKER_LITERAL("XenSavedDomv2-\n"));
    maker_xapi_record(maker, 0xf0, 0, "");
    maker_libxc(maker, 2, 0);
}

/* Other wrappers, and files that aren't savefiles. */
static void refuse_others(GHashTable *messages)
{
    Maker maker = MAKER_INIT;

    expect_refusal(messages, &maker, "");
    maker_put(&maker,
              MAKER_LITERAL("#!/bin/sh\necho this is not a savefile, but it could be one\n"));
    expect_refusal(messages, &maker, "");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libvirt(&maker, 3, "<domain/>");
    expect_refusal(messages, &maker, "version 3; only 1 and 2");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_xapi(&maker);
    maker_xapi_record(&maker, 0x77, 0, "");
    expect_refusal(messages, &maker, "its type is 0x77");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_xapi(&maker);
    maker_xapi_record(&maker, 0xffff, 1, "x");
    expect_refusal(messages, &maker, "and not 0");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_xapi(&maker);
    maker_xapi_record(&maker, 0xf0, 0, "");
    expect_refusal(messages, &maker, "second stream");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_xapi(&maker);
    maker_xapi_record(&maker, 0xf01, G_MAXUINT64, "");
    expect_refusal(messages, &maker, "more than 2147483647 is refused");
    maker_clear(&maker);
}

/* A legacy stream with this chunk, and otherwise valid. */
static void refuse_chunk(GHashTable *messages, gint32 number, guint32 field, const char *wanted)
{
    Maker maker = MAKER_INIT;

    maker_xl(&maker, 1, NULL);
    maker_u64(&maker, 0xf1001);
    maker_u32(&maker, number);
    maker_u32(&maker, field);
    maker_u64(&maker, 0);
    expect_refusal(messages, &maker, wanted);
    maker_clear(&maker);
}

static void refuse_blob(GHashTable *messages, const Maker *blob, const char *wanted)
{
    Maker maker = MAKER_INIT;

    maker_xl(&maker, 1, NULL);
    maker_legacy(&maker, 64, blob->bytes);
    expect_refusal(messages, &maker, wanted);
    maker_clear(&maker);
}

static void refuse_legacy(GHashTable *messages)
{
    Maker blob = MAKER_INIT;

    refuse_chunk(messages, 1025, 0, "the limit is 1024");
    refuse_chunk(messages, -5, 0, "tmem");
    refuse_chunk(messages, -13, 0, "compression can't be read");
    refuse_chunk(messages, -99, 0, "its number is -99");
    refuse_chunk(messages, -2, 5000, "the limit is 4095");
    refuse_chunk(messages, -18, 0x40000000, "the limit is 4194304");
    refuse_chunk(messages, -7, 0, "too early");

    maker_u32(&blob, 2);
    maker_u32(&blob, 0);
    refuse_blob(messages, &blob, "version 1");
    maker_patch(&blob, 0, 1);
    maker_patch(&blob, 4, 5000);
    refuse_blob(messages, &blob, "the limit is 4096");
    maker_patch(&blob, 4, 1);
    refuse_blob(messages, &blob, "neither layout");
    maker_legacy_entry(&blob, 64, 0x2000001, 0xf1000000, 0x1000000, "vga.vram");
    refuse_blob(messages, &blob, "0x2000001");
    maker_clear(&blob);

    blob = (Maker)MAKER_INIT;
    maker_u32(&blob, 1);
    maker_u32(&blob, 1);
    maker_legacy_entry(&blob, 64, 0x2000000, 0xfe000000, 0x1000000, "vga.vram");
    refuse_blob(messages, &blob, "covers the I/O APIC");
    maker_clear(&blob);
}

static void test_corpus(void **unused)
{
    g_autoptr(GHashTable) messages = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(patches); i++) {
        Maker maker = MAKER_INIT;

        put_savefile(&maker, MAKER_LITERAL(MAKER_PAIRS));
        assert_int_equal(maker.bytes->len, LENGTH);
        maker_patch(&maker, patches[i].at, patches[i].value);
        expect_refusal(messages, &maker, patches[i].wanted);
        maker_clear(&maker);
    }
    for (guint i = 0; i < G_N_ELEMENTS(records); i++) {
        Maker maker = MAKER_INIT;

        put_savefile(&maker, records[i].pairs, records[i].length);
        expect_refusal(messages, &maker, records[i].wanted);
        maker_clear(&maker);
    }
    for (guint i = 0; i < G_N_ELEMENTS(truncations); i++) {
        Maker maker = MAKER_INIT;

        put_savefile(&maker, MAKER_LITERAL(MAKER_PAIRS));
        g_byte_array_set_size(maker.bytes, truncations[i]);
        expect_refusal(messages, &maker, "too early");
        maker_clear(&maker);
    }
    refuse_others(messages);
    refuse_legacy(messages);
    assert_true(g_hash_table_size(messages) >= 60);
}

static int frugal_verify(int argc, char **argv)
{
    limit_memory();
    return verb_verify(argc, argv);
}

/* A list of pfns without pages that is itself longer than the memory that verify has. */
static void test_long_list(void **unused)
{
    const guint32 named = 10 << 20;
    Maker maker = MAKER_INIT;
    guint64 end;
    int file;
    Run run;

    (void)unused;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 2, 2);
    maker_u32(&maker, 1);
    maker_u32(&maker, 8 + 8 * named);
    maker_u32(&maker, named);
    maker_u32(&maker, 0);
    end = maker.bytes->len + 8 * (guint64)named;
    file = maker_file(&maker);
    assert_int_equal(ftruncate(file, end), 0);
    run = run_verb(frugal_verify, file, (const char *[]){ "verify", "-", NULL });
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.out, "PAGE_DATA: by their types 10485760 pfns have a page, and "
                                    "there are 0 pages"));
    run_clear(&run);
    close(file);
    maker_clear(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_long_list),
    };

    return cmocka_run_group_tests_name("malformed", tests, NULL, NULL);
}
