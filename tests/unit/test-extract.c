/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb extract: which pages it writes, and what it leaves when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "../mocks/run-verb.h"
#include "savefile.h"

/* Runs a verb with the arguments that follow. */
#define RUN(verb, input, ...) run_verb(verb, input, (const char *const[]){ __VA_ARGS__ })

/* A block of four pages at its BAR, and two cards of one kind with a page each. */
#define PAIRS                                                                                      \
    "physmap/10000/start_addr\0"                                                                   \
    "f1000000\0"                                                                                   \
    "physmap/10000/size\0"                                                                         \
    "4000\0"                                                                                       \
    "physmap/10000/name\0"                                                                         \
    "0000:00:03.0/vga.vram\0"                                                                      \
    "physmap/20000/start_addr\0"                                                                   \
    "20000\0"                                                                                      \
    "physmap/20000/size\0"                                                                         \
    "1000\0"                                                                                       \
    "physmap/20000/name\0"                                                                         \
    "e1000.rom\0"                                                                                  \
    "physmap/30000/start_addr\0"                                                                   \
    "30000\0"                                                                                      \
    "physmap/30000/size\0"                                                                         \
    "1000\0"                                                                                       \
    "physmap/30000/name\0"                                                                         \
    "e1000.rom\0"

static char *directory;

static int set_up(void **unused)
{
    (void)unused;
    directory = g_dir_make_tmp("extract-XXXXXX", NULL);
    return directory ? 0 : -1;
}

/* Counts the entries of the directory, and removes them. */
static guint empty_directory(void)
{
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        g_remove(path);
        n++;
    }
    g_dir_close(dir);
    return n;
}

static int tear_down(void **unused)
{
    (void)unused;
    empty_directory();
    g_rmdir(directory);
    g_clear_pointer(&directory, g_free);
    return 0;
}

/* PAGE_DATA with one pfn of this type; the page, if it has one, is filled with `fill`. */
static void put_page(Maker *maker, guint64 pfn, guint type, guint8 fill)
{
    guint8 page[4096];

    memset(page, fill, sizeof page);
    maker_u32(maker, 1);
    maker_u32(maker, 16 + (type < 13 ? sizeof page : 0));
    maker_u32(maker, 1);
    maker_u32(maker, 0);
    maker_u64(maker, (guint64)type << 60 | pfn);
    if (type < 13) {
        maker_put(maker, page, sizeof page);
    }
}

static void put_head(Maker *maker)
{
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc_headers(maker, 2, 2);
    maker_pages(maker, 0x20, 2, 1);
    maker_pages(maker, 0x30, 1, 1);
    maker_pages(maker, 0xf0fff, 6, 6);
}

static void put_tail(Maker *maker)
{
    maker_record(maker, 0, NULL, 0);
    maker_emulator(maker, 2, 2, MAKER_LITERAL(PAIRS));
    maker_record(maker, 0, NULL, 0);
}

/* Four pages, each of one byte's value. */
static void assert_pages(const char *bytes, gsize length, const char *fills)
{
    assert_int_equal(length, 4096 * strlen(fills));
    for (gsize i = 0; i < length; i++) {
        if (bytes[i] != (fills[i / 4096] == '-' ? 0 : fills[i / 4096])) {
            fail_msg("byte %zu is 0x%02x", i, (guint8)bytes[i]);
        }
    }
}

/* What extract writes for the block from a file. From a pipe, --at must write the same. */
static Run extract_vram(const Maker *maker, const char *fills)
{
    int file = maker_file(maker), end;
    pid_t writer;
    g_autofree char *out = g_build_filename(directory, "out", NULL);
    g_autofree char *bytes = NULL;
    gsize length;
    Run run = RUN(verb_extract, file, "extract", "-", "vga.vram", out, NULL), piped;

    assert_string_equal(run.err, "");
    assert_true(g_file_get_contents(out, &bytes, &length, NULL));
    assert_pages(bytes, length, fills);
    assert_int_equal(empty_directory(), 1);
    close(file);

    end = maker_pipe(maker, &writer);
    piped = RUN(verb_extract, end, "extract", "--at", "0xf1000000,16K", "-", "-", NULL);
    maker_pipe_end(end, writer);
    assert_int_equal(piped.end, run.end);
    assert_pages(piped.out, piped.bytes->len, fills);
    run_clear(&piped);
    return run;
}

static void test_block(void **unused)
{
    (void)unused;
    for (gboolean big_endian = FALSE; big_endian <= TRUE; big_endian++) {
        Maker maker = { g_byte_array_new(), big_endian };
        Run run;

        put_head(&maker);
        put_tail(&maker);
        run = extract_vram(&maker, "-\1\2\3");
        run_clear(&run);
        maker_clear(&maker);
    }
}

/* The last mention of a page in the stream counts, also when it says that the page is gone. */
static void test_last_copy(void **unused)
{
    Maker maker = MAKER_INIT;
    Run run;

    (void)unused;
    put_head(&maker);
    put_page(&maker, 0xf1001, 0, 'b');
    put_page(&maker, 0xf1002, 0, 'c');
    put_page(&maker, 0xf1002, 15, 0);
    put_page(&maker, 0xf1003, 0, 'd');
    put_page(&maker, 0xf1003, 0, 0);
    put_page(&maker, 0xf1000, 14, 0);
    put_page(&maker, 0xf1000, 0, 'a');
    put_tail(&maker);
    run = extract_vram(&maker, "ab--");
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.out, "0000:00:03.0/vga.vram: 1 of 4 pages are not in the savefile "
                                    "and became holes, the first at 0xf1002000\n"));
    run_clear(&run);
    maker_clear(&maker);
}

/* A page that is gone, in a forged, very large block: there isn't one hole for each page. */
static void test_large(void **unused)
{
    struct rlimit before, limit;
    Maker maker = MAKER_INIT;
    g_autofree char *out = g_build_filename(directory, "out", NULL);
    struct stat st;
    int file;
    Run run;

    (void)unused;
    put_head(&maker);
    put_page(&maker, 0x10000001, 0, 'a');
    put_page(&maker, 0x10000001, 15, 0);
    put_page(&maker, 0x10000003, 0, 'b');
    put_tail(&maker);
    file = maker_file(&maker);
    getrlimit(RLIMIT_CPU, &before);
    limit = before;
    limit.rlim_cur = 20;
    setrlimit(RLIMIT_CPU, &limit);
    run = RUN(verb_extract, file, "extract", "--at", "0x10000000000,0x4000000000", "-", out, NULL);
    setrlimit(RLIMIT_CPU, &before);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.out, ": 67108863 of 67108864 pages are not in the savefile and "
                                    "became holes, the first at 0x10000000000\n"));
    assert_int_equal(stat(out, &st), 0);
    assert_true(st.st_blocks < 1024);
    run_clear(&run);
    close(file);
    maker_clear(&maker);
    empty_directory();
}

static void test_sparse(void **unused)
{
    Maker maker = MAKER_INIT;
    g_autofree char *out = g_build_filename(directory, "out", NULL);
    struct stat st;
    int file;
    Run run;

    (void)unused;
    put_head(&maker);
    put_tail(&maker);
    file = maker_file(&maker);
    run = RUN(verb_extract, file, "extract", "--at", "0x10000000000,0x100000000", "-", out,
              "--json", NULL);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.out, "\"pages\" : 0,"));
    assert_non_null(strstr(run.out, "\"missing\" : 1048576,"));
    assert_non_null(strstr(run.out, "\"first_missing\" : 1099511627776,"));
    assert_int_equal(stat(out, &st), 0);
    assert_true(st.st_size == G_GINT64_CONSTANT(0x100000000));
    assert_true(st.st_blocks < 1024);
    assert_int_equal(st.st_mode & 0777, 0600);
    run_clear(&run);
    close(file);
    maker_clear(&maker);
    empty_directory();
}

static void test_all(void **unused)
{
    static const char *const names[] = { "0000_00_03.0_vga.vram", "e1000.rom@20000",
                                         "e1000.rom@30000" };
    Maker maker = MAKER_INIT;
    int file;
    Run run;

    (void)unused;
    put_head(&maker);
    put_tail(&maker);
    file = maker_file(&maker);
    run = RUN(verb_extract, file, "extract", "--all", directory, "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_build_filename(directory, names[i], NULL);

        assert_true(g_file_test(name, G_FILE_TEST_IS_REGULAR));
    }
    assert_int_equal(empty_directory(), 3);
    run_clear(&run);
    close(file);
    maker_clear(&maker);
}

/* Pages after the last complete checkpoint don't count. */
static void test_checkpoints(void **unused)
{
    Maker maker = MAKER_INIT;
    pid_t writer;
    int file, end;
    Run run;

    (void)unused;
    put_head(&maker);
    maker_record(&maker, 0x0e, NULL, 0);
    maker_emulator(&maker, 2, 2, MAKER_LITERAL(PAIRS));
    maker_record(&maker, 4, NULL, 0);
    put_page(&maker, 0xf1001, 0, 'b');
    file = maker_file(&maker);
    run = RUN(verb_extract, file, "extract", "-", "vga.vram", "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_pages(run.out, run.bytes->len, "-\1\2\3");
    run_clear(&run);
    close(file);
    end = maker_pipe(&maker, &writer);
    run = RUN(verb_extract, end, "extract", "--at", "0xf1000000,16K", "-", "-", NULL);
    maker_pipe_end(end, writer);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_int_equal(run.bytes->len, 0);
    assert_non_null(strstr(run.err, "too early"));
    run_clear(&run);
    maker_clear(&maker);
}

static void test_legacy(void **unused)
{
    (void)unused;
    for (guint word = 32; word <= 64; word += 32) {
        Maker maker = MAKER_INIT, blob = MAKER_INIT;
        int file;
        Run run;

        maker_u32(&blob, 1);
        maker_u32(&blob, 1);
        maker_legacy_entry(&blob, word, 0x2000000, 0, 0x2000, "vga.vram");
        maker_xl(&maker, 0, NULL);
        maker_legacy(&maker, word, blob.bytes);
        file = maker_file(&maker);
        run = RUN(verb_extract, file, "extract", "-", "vga.vram", "-", NULL);
        assert_int_equal(run.end, EXIT_FINDING);
        assert_pages(run.out, run.bytes->len, "--");
        assert_non_null(strstr(run.err, "1 of 2 pages are not in the savefile and became holes, "
                                        "the first at 0x1000\n"));
        run_clear(&run);
        close(file);
        maker_clear(&maker);
        maker_clear(&blob);
    }
}

/* One line on stderr, the exit code, and nothing written. */
static void expect_failure(const Maker *maker, const char *block, int end, const char *wanted)
{
    int file = maker_file(maker);
    g_autofree char *out = g_build_filename(directory, "out", NULL);
    Run run = RUN(verb_extract, file, "extract", "-", block, out, NULL);

    if (run.end != end || !strstr(run.err, wanted)) {
        fail_msg("wanted exit %d and '%s', got %d and '%s'", end, wanted, run.end, run.err);
    }
    assert_string_equal(run.out, "");
    assert_int_equal(empty_directory(), 0);
    run_clear(&run);
    close(file);
}

static void test_refused(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    put_head(&maker);
    put_tail(&maker);
    expect_failure(&maker, "vga", EXIT_TROUBLE, "there is no record of 'vga'; xen-physmap show");
    expect_failure(&maker, "e1000.rom", EXIT_TROUBLE, "'e1000.rom' can be 2 blocks, ");
    maker.bytes->len -= 9;
    expect_failure(&maker, "vga.vram", EXIT_FINDING, "too early");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_head(&maker);
    put_page(&maker, 0xf1000, 5, 0);
    put_tail(&maker);
    expect_failure(&maker, "vga.vram", EXIT_FINDING, "pfn 0xf1000 is of type 5");
    maker_clear(&maker);

    /* A list that disagrees with the length. */
    maker = (Maker)MAKER_INIT;
    put_head(&maker);
    put_page(&maker, 0xf1000, 0, 0);
    maker.bytes->data[maker.bytes->len - 4096 - 1] = 0xf0;
    put_tail(&maker);
    expect_failure(&maker, "vga.vram", EXIT_FINDING, "its pfns have 0 pages, and 1 follow");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    put_head(&maker);
    put_page(&maker, 0xf1000, 15, 0);
    maker.bytes->data[maker.bytes->len - 1] = 0;
    put_tail(&maker);
    expect_failure(&maker, "vga.vram", EXIT_FINDING,
                   "its pfns have more pages than the 0 that follow");
    maker_clear(&maker);
}

static void test_usage(void **unused)
{
    static const struct {
        const char *args[4];
        const char *wanted;
    } cases[] = {
        { { "x" }, "name the block" },
        { { "x", "y", "z", "a" }, "wrong number of arguments" },
        { { "--all", "x", "y", "z" }, "too many arguments" },
        { { "x", "y", "-", "--json" }, "can't take both" },
        { { "--at", "1", "/dev/null" }, "--at wants" },
        { { "--at=0x1000", "-", "out" }, "--at wants ADDRESS,SIZE" },
        { { "--at=0x1000,12", "-", "out" }, "--at: " },
        { { "--at=0x1000,4K,1", "-", "out" }, "--at wants ADDRESS,SIZE" },
        { { "-", "vga.vram", "out" },
          "without --at ADDRESS,SIZE: in a stream the records come after" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const *args = cases[i].args;
        Maker nothing = MAKER_INIT;
        pid_t writer;
        int end = maker_pipe(&nothing, &writer);
        Run run = RUN(verb_extract, end, "extract", args[0], args[1], args[2], args[3], NULL);

        maker_pipe_end(end, writer);
        if (!strstr(run.err, cases[i].wanted)) {
            fail_msg("wanted '%s', got '%s'", cases[i].wanted, run.err);
        }
        assert_int_not_equal(run.end, EXIT_FINE);
        run_clear(&run);
        maker_clear(&nothing);
    }
}

static gboolean want_vram(guint64 pfn, gboolean stored, gpointer data)
{
    (void)stored;
    (void)data;
    return pfn >= 0xf1000 && pfn < 0xf1004;
}

static gboolean count_page(guint64 pfn, const guint8 *page, gpointer data, GError **error)
{
    (void)error;
    assert_int_equal(page[4095], pfn & 0xff);
    (*(guint *)data)++;
    return TRUE;
}

/* How many bytes this process has read so far; 0 when the kernel doesn't say. */
static guint64 bytes_read(void)
{
    g_autofree char *text = NULL;

    return g_file_get_contents("/proc/self/io", &text, NULL, NULL)
               ? g_ascii_strtoull(text + strlen("rchar: "), NULL, 10)
               : 0;
}

/* Only headers, lists and the wanted pages are read. */
static void test_reads_its_own(void **unused)
{
    const guint batches = 100;
    Maker maker = MAKER_INIT;
    guint count = 0;
    const StreamPages pages = { want_vram, count_page, &count };
    g_autoptr(GError) error = NULL;
    guint64 before, after;
    int file;

    (void)unused;
    put_head(&maker);
    for (guint i = 0; i < batches; i++) {
        maker_pages(&maker, 0x1000 + i * 8, 8, 8);
    }
    put_tail(&maker);
    file = maker_file(&maker);
    before = bytes_read();
    assert_true(savefile_pages(file, G_MAXUINT64, &pages, &error));
    after = bytes_read();
    assert_int_equal(count, 4);
    assert_in_range(after - before, 0, batches * (16 + 8 * 8) + 4 * 4096 + 2048);
    close(file);
    maker_clear(&maker);
}

/* A guest with 2 MiB of RAM, of which this page isn't there (0: none), a page of a block, and a page
 * that was sent twice. */
static int memory_file(guint64 without, gboolean config)
{
    static const char text[] = "{\"b_info\":{\"max_memkb\":2048,\"type.hvm\":{\"vga\":{\"kind\":"
                               "\"none\"}}}}";
    Maker maker = MAKER_INIT;
    int file;

    if (config) {
        maker_xl(&maker, 3, text);
    }
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 2, 2);
    for (guint64 pfn = 0; pfn < 512; pfn++) {
        if ((pfn < 0xa0 || pfn >= 0xc0) && (without == 0 || pfn != without)) {
            put_page(&maker, pfn, 0, pfn == 0x101 ? 'x' : 'r');
        }
    }
    put_page(&maker, 0x101, 0, 'R');
    put_page(&maker, 0xf1000, 0, 'b');
    put_page(&maker, 0xf1001, 0, 'c');
    put_page(&maker, 0xf1001, 15, 0);
    maker_record(&maker, 0, NULL, 0);
    maker_emulator(&maker, 2, 2,
                   MAKER_LITERAL("physmap/200000/start_addr\0"
                                 "f1000000\0"
                                 "physmap/200000/size\0"
                                 "1000\0"
                                 "physmap/200000/name\0"
                                 "a.rom\0"));
    maker_record(&maker, 0, NULL, 0);
    file = maker_file(&maker);
    maker_clear(&maker);
    return file;
}

static int byte_at(const char *name, off_t at)
{
    int fd = open(name, O_RDONLY);
    guint8 byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    close(fd);
    return byte;
}

static void test_memory(void **unused)
{
    g_autofree char *out = g_build_filename(directory, "out", NULL);
    int file = memory_file(0, TRUE);
    struct stat st;
    char *bytes;
    gsize length;
    Run run;

    (void)unused;
    run = RUN(verb_extract, file, "extract", "--memory", out, "-", NULL);
    assert_string_equal(run.err, "");
    assert_int_equal(run.end, EXIT_FINE);
    assert_non_null(strstr(run.out, "memory: 481 pages in 3 stretches up to 0xf1001000 to "));
    run_clear(&run);
    assert_int_equal(stat(out, &st), 0);
    assert_true(st.st_size == 0xf1001000);
    assert_true(st.st_blocks < 2 * 4096);
    assert_int_equal(byte_at(out, 0), 'r');
    assert_int_equal(byte_at(out, 0xa0000), 0);
    assert_int_equal(byte_at(out, 0x101000), 'R');
    assert_int_equal(byte_at(out, 0x200000), 0);
    assert_int_equal(byte_at(out, 0xf1000fff), 'b');

    run = RUN(verb_extract, file, "extract", "--memory", out, "--format", "lime", "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    run_clear(&run);
    assert_true(g_file_get_contents(out, &bytes, &length, NULL));
    assert_int_equal(length, 3 * 32 + 481 * 4096);
    assert_memory_equal(bytes, "EMiL\1\0\0\0\0\0\0\0\0\0\0\0\xff\xff\x09\0\0\0\0\0", 24);
    assert_memory_equal(bytes + 32 + 0xa0000,
                        "EMiL\1\0\0\0\0\0\x0c\0\0\0\0\0\xff\xff\x1f\0\0\0\0\0", 24);
    g_free(bytes);

    run = RUN(verb_extract, file, "extract", "--memory", "-", "--format", "elf", "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    assert_memory_equal(run.out, "\177ELF", 4);
    assert_non_null(strstr(run.err, " to -, as elf"));
    run_clear(&run);
    close(file);

    /* What isn't RAM may be missing; RAM may not, if the configuration says how much there is. */
    file = memory_file(0x1ff, TRUE);
    run = RUN(verb_extract, file, "extract", "--memory", out, "-", NULL);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_non_null(strstr(run.out, "1 of 480 pages of RAM are not in the savefile\n"));
    run_clear(&run);
    close(file);
    file = memory_file(0x1ff, FALSE);
    run = RUN(verb_extract, file, "extract", "--memory", out, "-", NULL);
    assert_int_equal(run.end, EXIT_FINE);
    run_clear(&run);

    run = RUN(verb_extract, file, "extract", "--memory", out, "--format", "vmss", "-", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "the formats are raw, elf, lime"));
    run_clear(&run);
    run = RUN(verb_extract, file, "extract", "--memory", out, "--all", "x", "-", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    run_clear(&run);
    run = RUN(verb_extract, file, "extract", "--format", "elf", "-", "vga.vram", NULL);
    assert_int_equal(run.end, EXIT_TROUBLE);
    run_clear(&run);
    close(file);
    empty_directory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),         cmocka_unit_test(test_last_copy),
        cmocka_unit_test(test_large),         cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_all),           cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_legacy),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_reads_its_own),
    };

    return cmocka_run_group_tests_name("extract", tests, set_up, tear_down);
}
