/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb edit: what it changes, what it doesn't, and that it never stops half-way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "../mocks/run-verb.h"

/* Most streams here have hardly a page of their blocks. */
#define EDIT(...) ((const char *[]){ "edit", "--force", __VA_ARGS__, NULL })

static void put_savefile(Maker *maker, const char *pairs, gsize length)
{
    maker_xl(maker, 3, "{}");
    maker_libxl(maker, pairs, length);
    maker_put(maker, MAKER_LITERAL("what the two ends of a migration say then"));
}

static void expect_bytes(const Run *run, const Maker *wanted)
{
    assert_string_equal(run->err, "");
    assert_int_equal(run->end, EXIT_FINE);
    assert_int_equal(run->bytes->len, wanted->bytes->len);
    assert_memory_equal(run->bytes->data, wanted->bytes->data, wanted->bytes->len);
}

/* The edits turn `maker` into `wanted`. */
static void expect_edit(const Maker *maker, const char *const *args, const Maker *wanted)
{
    Run run = run_made(verb_edit, maker, args);

    expect_bytes(&run, wanted);
    run_clear(&run);
}

/* If a file can't be edited, there is no output; the output to a pipe has no END. */
static void expect_refusal(const Maker *maker, const char *const *args, const char *wanted)
{
    pid_t writer;
    int file = maker_file(maker), pipe_end = maker_pipe(maker, &writer);
    Run run = run_verb(verb_edit, file, args), piped = run_verb(verb_edit, pipe_end, args);

    close(file);
    maker_pipe_end(pipe_end, writer);
    assert_int_equal(run.end, EXIT_FINDING);
    assert_int_equal(piped.end, EXIT_FINDING);
    if (!strstr(run.err, wanted)) {
        fail_msg("wanted '%s', got '%s'", wanted, run.err);
    }
    assert_int_equal(run.bytes->len, 0);
    assert_in_range(piped.bytes->len, 0, maker->bytes->len - 8);
    run_clear(&run);
    run_clear(&piped);
}

static void test_nothing(void **unused)
{
    static const char odd[] = MAKER_ROM_PAIRS MAKER_PAIRS "other\0"
                                                          "value\0";

    (void)unused;
    for (guint big = 0; big <= 1; big++) {
        Maker maker = { g_byte_array_new(), big };

        put_savefile(&maker, odd, sizeof odd - 1);
        expect_edit(&maker, EDIT("-", "-"), &maker);
        /* The value that it has already. */
        expect_edit(&maker, EDIT("--set", "vga.vram:size=1000000", "-", "-"), &maker);
        maker_clear(&maker);
    }
}

static void test_orders(void **unused)
{
    static const char before[] = MAKER_PAIRS MAKER_ROM_PAIRS "other\0"
                                                             "value\0";
    static const char moved[] = "physmap/2000000/start_addr\0"
                                "f2000000\0"
                                "physmap/2000000/size\0"
                                "1000000\0"
                                "physmap/2000000/name\0"
                                "vga.vram\0" MAKER_ROM_PAIRS "other\0"
                                "value\0";
    static const char renamed[] = MAKER_PAIRS "physmap/3000000/start_addr\0"
                                              "3000000\0"
                                              "physmap/3000000/size\0"
                                              "40000\0"
                                              "physmap/3000000/name\0"
                                              "0000:00:05.0/e1000.rom\0"
                                              "other\0"
                                              "value\0";
    static const char removed[] = MAKER_PAIRS "other\0"
                                              "value\0";
    static const char stripped[] = "other\0"
                                   "value\0";
    static const char swapped[] = "physmap/2000000/start_addr\0"
                                  "3000000\0"
                                  "physmap/2000000/size\0"
                                  "1000000\0"
                                  "physmap/2000000/name\0"
                                  "vga.vram\0"
                                  "physmap/3000000/start_addr\0"
                                  "f1000000\0"
                                  "physmap/3000000/size\0"
                                  "40000\0"
                                  "physmap/3000000/name\0"
                                  "0000:00:04.0/e1000.rom\0"
                                  "other\0"
                                  "value\0";
    static const char changed[] = "physmap/2000000/start_addr\0"
                                  "3000000\0"
                                  "physmap/2000000/size\0"
                                  "40000\0"
                                  "physmap/2000000/name\0"
                                  "0000:00:04.0/e1000.rom\0"
                                  "physmap/3000000/start_addr\0"
                                  "f1000000\0"
                                  "physmap/3000000/size\0"
                                  "1000000\0"
                                  "physmap/3000000/name\0"
                                  "vga.vram\0"
                                  "other\0"
                                  "value\0";
    const struct {
        const char *const *args;
        const char *pairs;
        gsize length;
    } cases[] = {
        { EDIT("--set", "vga.vram:start_addr=f2000000", "-", "-"), moved, sizeof moved - 1 },
        { EDIT("--set", "@2000000:start_addr=0xf2000000", "-", "-"), moved, sizeof moved - 1 },
        { EDIT("--rename", "e1000.rom=0000:00:05.0/e1000.rom", "-", "-"), renamed,
          sizeof renamed - 1 },
        { EDIT("--set", "0000:00:04.0/e1000.rom:name=0000:00:05.0/e1000.rom", "-", "-"), renamed,
          sizeof renamed - 1 },
        { EDIT("--remove", "e1000.rom", "-", "-"), removed, sizeof removed - 1 },
        { EDIT("--strip", "-", "-"), stripped, sizeof stripped - 1 },
        { EDIT("--set", "vga.vram:start_addr=3000000", "--set", "e1000.rom:start_addr=f1000000",
               "-", "-"),
          swapped, sizeof swapped - 1 },
        { EDIT("--set", "vga.vram:phys_offset=3000000", "--set", "e1000.rom:phys_offset=2000000",
               "-", "-"),
          changed, sizeof changed - 1 },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = { g_byte_array_new(), i % 2 }, wanted = { g_byte_array_new(), i % 2 };

        put_savefile(&maker, before, sizeof before - 1);
        put_savefile(&wanted, cases[i].pairs, cases[i].length);
        expect_edit(&maker, cases[i].args, &wanted);
        maker_clear(&maker);
        maker_clear(&wanted);
    }
}

/* For each kind of damage there is an edit that repairs it; without the edit it is refused. */
static void test_repairs(void **unused)
{
#define VGA(node, value) "physmap/2000000/" node "\0" value "\0"
#define VGA_START VGA("start_addr", "f1000000")
#define VGA_SIZE VGA("size", "1000000")
#define VGA_NAME VGA("name", "vga.vram")
#define OTHER                                                                                      \
    "other\0"                                                                                      \
    "value\0"
    static const char whole[] = MAKER_PAIRS MAKER_ROM_PAIRS OTHER;
    const struct {
        const char *pairs;
        gsize length;
        const char *wanted; /* why it is refused without the edit */
        const char *const *args;
    } cases[] = {
#define CASE(pairs, wanted, ...)                                                                   \
    { pairs OTHER, sizeof(pairs OTHER) - 1, wanted, EDIT(__VA_ARGS__, "-", "-") }
        CASE(VGA_START VGA("size", "10000g0") VGA_NAME MAKER_ROM_PAIRS, "'10000g0' is not", "--set",
             "vga.vram:size=1000000"),
        CASE("physmap/20000z0/start_addr\0"
             "f1000000\0"
             "physmap/20000z0/size\0"
             "1000000\0"
             "physmap/20000z0/name\0"
             "vga.vram\0" MAKER_ROM_PAIRS,
             "physmap/20000z0/start_addr", "--set", "@20000z0:phys_offset=2000000"),
        CASE("physmap/02000000/start_addr\0"
             "f1000000\0"
             "physmap/02000000/size\0"
             "1000000\0"
             "physmap/02000000/name\0"
             "vga.vram\0" MAKER_ROM_PAIRS,
             "leading zeros", "--set", "@2000000:phys_offset=2000000"),
        CASE(VGA_START VGA_NAME MAKER_ROM_PAIRS, "lacks its size", "--set",
             "vga.vram:size=1000000"),
        CASE(VGA_START VGA_SIZE MAKER_ROM_PAIRS, "lacks its name", "--rename", "@2000000=vga.vram"),
        CASE(MAKER_PAIRS VGA("name", "vga.vram") MAKER_ROM_PAIRS, "occurs twice", "--rename",
             "@2000000=vga.vram"),
        CASE(MAKER_PAIRS MAKER_PAIRS MAKER_ROM_PAIRS, "occurs twice", "--set",
             "vga.vram:start_addr=f1000000", "--set", "vga.vram:size=1000000", "--set",
             "vga.vram:name=vga.vram"),
        CASE(MAKER_PAIRS VGA("flags", "1") MAKER_ROM_PAIRS, "physmap/2000000/flags", "--remove",
             "@2000000/flags"),
        CASE(VGA_START VGA("Size", "1000000") VGA_NAME MAKER_ROM_PAIRS, "physmap/2000000/Size",
             "--remove", "@0x2000000/Size", "--set", "vga.vram:size=1000000"),
        CASE(MAKER_PAIRS MAKER_ROM_PAIRS "physmap/4000000/size\0"
                                         "1000\0",
             "lacks its start_addr", "--remove", "@4000000"),
        CASE(MAKER_PAIRS MAKER_ROM_PAIRS "physmap/4000000/start_addr\0"
                                         "4000000\0"
                                         "physmap/4000000/size\0"
                                         "40000\0"
                                         "physmap/4000000/name\0"
                                         "0000:00:04.0/e1000.rom\0",
             "two records are named", "--remove", "@4000000"),
        CASE(VGA("start_addr", "3000000") VGA_SIZE VGA_NAME MAKER_ROM_PAIRS, "overlaps", "--set",
             "vga.vram:start_addr=f1000000"),
        CASE(VGA_START VGA("size", "2000000") VGA_NAME MAKER_ROM_PAIRS, "overlaps", "--set",
             "@2000000:size=1000000"),
#undef CASE
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = MAKER_INIT, wanted = MAKER_INIT;

        put_savefile(&maker, cases[i].pairs, cases[i].length);
        put_savefile(&wanted, whole, sizeof whole - 1);
        expect_refusal(&maker, EDIT("-", "-"), cases[i].wanted);
        /* It doesn't matter that the input was valid. */
        expect_refusal(&maker, EDIT("--set", "@3000000:size=40000", "-", "-"), cases[i].wanted);
        expect_edit(&maker, cases[i].args, &wanted);
        maker_clear(&maker);
        maker_clear(&wanted);
    }
}

/* A file with these bytes; the caller unlinks and frees its name. */
static char *make_file(const void *bytes, gsize length)
{
    char *name = NULL;
    int fd = g_file_open_tmp("xen-physmap-XXXXXX", &name, NULL);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
    return name;
}

static void drop_file(char *name)
{
    g_unlink(name);
    g_free(name);
}

static const char json[] =
    "{ \"records\": [ { \"name\": \"vga.vram\", \"phys_offset\": \"0x2000000\", \"more\": 1,"
    "\"start_addr\": \"0xf1000000\", \"size\": \"0x1000000\" } ], \"domid\": 7 }";

/* Imported records replace others. If there are none, they go where libxl writes them. */
static void test_import(void **unused)
{
    char *name = make_file(json, sizeof json - 1);
    Maker maker = MAKER_INIT, wanted = MAKER_INIT, none = MAKER_INIT, broken = MAKER_INIT;
    Maker unreadable = MAKER_INIT;

    (void)unused;
    put_savefile(&maker, MAKER_LITERAL(MAKER_ROM_PAIRS));
    put_savefile(&wanted, MAKER_LITERAL(MAKER_PAIRS));
    put_savefile(&none, NULL, 0);
    put_savefile(&broken, MAKER_LITERAL("physmap/zz/size\0"
                                        "1\0"));
    put_savefile(&unreadable, MAKER_LITERAL("other\0"
                                            "value\0"
                                            "physmap/2000000/si"));
    expect_edit(&maker, EDIT("--import", name, "-", "-"), &wanted);
    expect_edit(&none, EDIT("--import", name, "-", "-"), &wanted);
    expect_edit(&broken, EDIT("--import", name, "-", "-"), &wanted);
    expect_edit(&wanted, EDIT("--import", name, "-", "-"), &wanted);
    expect_edit(&wanted, EDIT("--strip", "-", "-"), &none);
    expect_edit(&broken, EDIT("--strip", "-", "-"), &none);
    expect_edit(&unreadable, EDIT("--import", name, "-", "-"), &wanted);
    maker_clear(&maker);
    maker_clear(&wanted);
    maker_clear(&none);
    maker_clear(&broken);
    maker_clear(&unreadable);
    drop_file(name);
}

static void test_legacy(void **unused)
{
    char *name = make_file(json, sizeof json - 1);

    (void)unused;
    for (guint word = 32; word <= 64; word += 32) {
        Maker maker = MAKER_INIT, wanted = MAKER_INIT, blob = MAKER_INIT, other = MAKER_INIT;

        maker_u32(&blob, 1);
        maker_u32(&blob, 1);
        maker_legacy_entry(&blob, word, 0x2000000, 0xf2000000, 0x1000000, "vga.vram");
        maker_u32(&other, 1);
        maker_u32(&other, 1);
        maker_legacy_entry(&other, word, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
        if (word == 64) {
            memset(other.bytes->data + other.bytes->len - 4, 0, 4);
        }
        maker_xl(&maker, 1, NULL);
        maker_legacy(&maker, word, blob.bytes);
        maker_xl(&wanted, 1, NULL);
        maker_legacy(&wanted, word, other.bytes);
        expect_edit(&maker, EDIT("-", "-"), &maker);
        expect_edit(&maker, EDIT("--set", "vga.vram:start_addr=f1000000", "-", "-"), &wanted);
        expect_edit(&maker, EDIT("--import", name, "-", "-"), &wanted);

        /* Another record covers it. */
        maker_clear(&maker);
        maker = (Maker)MAKER_INIT;
        maker_patch(&blob, 4, 2);
        maker_legacy_entry(&blob, word, 0x3000000, 0xf2000000, 0x40000, "e1000.rom");
        maker_xl(&maker, 1, NULL);
        maker_legacy(&maker, word, blob.bytes);
        expect_refusal(&maker, EDIT("-", "-"), "overlaps");
        expect_edit(
            &maker,
            EDIT("--set", "vga.vram:start_addr=f1000000", "--remove", "e1000.rom", "-", "-"),
            &wanted);
        maker_clear(&maker);
        maker_clear(&wanted);
        maker_clear(&blob);
        maker_clear(&other);
    }
    drop_file(name);
}

/* Every state is edited; the input ends in the middle of a record, as it does when the sender
 * dies, and so does the output. */
static void put_checkpoints(Maker *maker, char digit)
{
    static const char pairs[] = MAKER_PAIRS;
    g_autofree char *moved = g_memdup2(pairs, sizeof pairs);

    moved[strlen("physmap/2000000/start_addr") + 2] = digit;
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc(maker, 3, 0x0e);
    for (guint i = 0; i < 3; i++) {
        maker_emulator(maker, 2, 2, moved, sizeof pairs - 1);
        maker_record(maker, 4, NULL, 0);
        maker_pages(maker, 0, 1, 1);
        maker_record(maker, 0x0e, NULL, 0);
    }
    g_byte_array_set_size(maker->bytes, maker->bytes->len - 1000);
}

static void test_checkpoints(void **unused)
{
    Maker maker = MAKER_INIT, wanted = MAKER_INIT;

    (void)unused;
    put_checkpoints(&maker, '1');
    put_checkpoints(&wanted, '2');
    expect_edit(&maker, EDIT("-", "-"), &maker);
    expect_edit(&maker, EDIT("--set", "vga.vram:start_addr=f2000000", "-", "-"), &wanted);
    maker_clear(&maker);
    maker_clear(&wanted);
}

static void test_refusals(void **unused)
{
    static const char two[] = MAKER_PAIRS "physmap/4000000/start_addr\0"
                                          "4000000\0"
                                          "physmap/4000000/size\0"
                                          "40000\0"
                                          "physmap/4000000/name\0"
                                          "vga.vram\0";
    char *name = make_file(json, sizeof json - 1);
    Maker maker = MAKER_INIT, bare = MAKER_INIT;

    (void)unused;
    maker_libxl(&maker, two, sizeof two - 1);
    expect_refusal(&maker, EDIT("--set", "vga.vram:size=1000", "-", "-"), "as in @2000000");
    expect_refusal(&maker, EDIT("--set", "@4000000:start_addr=f1000000", "-", "-"), "overlaps");
    expect_refusal(&maker, EDIT("--set", "@4000000:size=0", "-", "-"), "size");
    expect_refusal(&maker, EDIT("--set", "@4000000:size=fff", "-", "-"), "multiple");
    expect_refusal(&maker, EDIT("--set", "@4000000:name=", "-", "-"), "name");
    expect_refusal(&maker, EDIT("--remove", "e1000.rom", "-", "-"), "no such record");
    expect_refusal(&maker, EDIT("--rename", "x=y", "-", "-"), "no such record");
    maker_libxc(&bare, 3, 0);
    expect_refusal(&bare, EDIT("--import", name, "-", "-"), "no place for records");
    maker_clear(&maker);
    maker_clear(&bare);
    drop_file(name);
}

static void test_usage(void **unused)
{
    const char *const *const cases[] = {
        EDIT("-"),
        EDIT("--set", "vga.vram:nonsense=1", "-", "-"),
        EDIT("--set", "vga.vram:size=0xg", "-", "-"),
        EDIT("--set", "vga.vram:size=-1", "-", "-"),
        EDIT("--rename", "vga.vram", "-", "-"),
        EDIT("--import", "/nonexistent", "-", "-"),
        EDIT("/nonexistent", "-"),
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Run run = run_verb(verb_edit, -1, cases[i]);

        assert_int_equal(run.end, EXIT_TROUBLE);
        assert_int_equal(run.bytes->len, 0);
        run_clear(&run);
    }
}

static guint count_files(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

/* A file is replaced completely or stays; no other file is left. */
static void test_files(void **unused)
{
    g_autofree char *folder = g_dir_make_tmp("xen-physmap-XXXXXX", NULL);
    g_autofree char *name = g_build_filename(folder, "g1.save", NULL);
    g_autofree char *link = g_build_filename(folder, "link", NULL);
    g_autofree char *contents = NULL;
    Maker maker = MAKER_INIT, wanted = MAKER_INIT;
    struct stat st;
    gsize length;
    Run run;

    (void)unused;
    put_savefile(&maker, MAKER_LITERAL(MAKER_PAIRS));
    put_savefile(&wanted, NULL, 0);
    assert_true(g_file_set_contents(name, (char *)maker.bytes->data, maker.bytes->len, NULL));
    assert_int_equal(chmod(name, 0640), 0);
    assert_int_equal(symlink("g1.save", link), 0);

    run = run_verb(verb_edit, -1, EDIT("--remove", "nothing", name, name));
    assert_int_equal(run.end, EXIT_FINDING);
    run_clear(&run);
    assert_true(g_file_get_contents(name, &contents, &length, NULL));
    assert_int_equal(length, maker.bytes->len);
    g_free(contents);

    run = run_verb(verb_edit, -1, EDIT("--strip", name, link));
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "it is a symbolic link"));
    run_clear(&run);

    run = run_verb(verb_edit, -1, EDIT("--strip", link, name));
    assert_int_equal(run.end, EXIT_FINE);
    assert_int_equal(run.bytes->len, 0);
    run_clear(&run);
    assert_true(g_file_get_contents(name, &contents, &length, NULL));
    assert_int_equal(length, wanted.bytes->len);
    assert_memory_equal(contents, wanted.bytes->data, length);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(count_files(folder), 2);

    run = run_verb(verb_edit, -1, EDIT(name, folder));
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_non_null(strstr(run.err, "directory"));
    run_clear(&run);
    g_unlink(name);
    g_unlink(link);
    g_rmdir(folder);
    maker_clear(&maker);
    maker_clear(&wanted);
}

#define PAGE_PAIRS(at)                                                                             \
    "physmap/4000/start_addr\0" at "\0"                                                            \
    "physmap/4000/size\0"                                                                          \
    "1000\0"                                                                                       \
    "physmap/4000/name\0"                                                                          \
    "a.rom\0"

/* The result of an edit is checked where the input can be read twice. */
static void test_results(void **unused)
{
    static const struct {
        const char *option, *value, *wanted; /* NULL: it is written */
    } cases[] = {
        { "--set", "a.rom:start_addr=f2000000",
          "after this edit, a.rom: 1 of 1 pages are not in the stream, the first at 0xf2000000; "
          "--force writes it anyway" },
        { "--set", "a.rom:size=2000",
          "after this edit, a.rom: 1 of 2 pages are not in the stream" },
        { "--set", "a.rom:start_addr=1000",
          "after this edit, a.rom at 0x1000 lies in the guest's" },
        { "--set", "a.rom:start_addr=f1000000", NULL },
        { "--set", "a.rom:name=b.rom", NULL },
        { "--set", "a.rom:phys_offset=5000", NULL },
        { "--rename", "a.rom=b.rom", NULL },
    };
    static const char config[] = "{\"b_info\":{\"max_memkb\":16,\"type.hvm\":{\"vga\":{\"kind\":"
                                 "\"none\"}}}}";
    Maker maker = MAKER_INIT;
    int file, pipe_end;
    pid_t writer;

    (void)unused;
    maker_xl(&maker, 3, config);
    maker_libxl(&maker, MAKER_LITERAL(PAGE_PAIRS("f1000000")));
    file = maker_file(&maker);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Run run =
            run_verb(verb_edit, file,
                     (const char *[]){ "edit", cases[i].option, cases[i].value, "-", "-", NULL });

        assert_int_equal(run.end, cases[i].wanted ? EXIT_FINDING : EXIT_FINE);
        assert_int_equal(run.bytes->len == 0, cases[i].wanted != NULL);
        if (cases[i].wanted && !strstr(run.err, cases[i].wanted)) {
            fail_msg("%s", run.err);
        }
        run_clear(&run);
        run = run_verb(verb_edit, file, EDIT(cases[i].option, cases[i].value, "-", "-"));
        assert_int_equal(run.end, EXIT_FINE);
        assert_true(run.bytes->len > 0);
        run_clear(&run);
    }
    pipe_end = maker_pipe(&maker, &writer);
    Run run = run_verb(verb_edit, pipe_end,
                       (const char *[]){ "edit", cases[0].option, cases[0].value, "-", "-", NULL });

    assert_int_equal(run.end, EXIT_FINE);
    run_clear(&run);
    maker_pipe_end(pipe_end, writer);
    close(file);
    maker_clear(&maker);

    /* An error that was there before may stay while another one is repaired. */
    maker = (Maker)MAKER_INIT;
    maker_libxl(&maker, MAKER_LITERAL(PAGE_PAIRS("f2000000") MAKER_PAIRS));
    file = maker_file(&maker);
    run = run_verb(verb_edit, file,
                   (const char *[]){ "edit", "--set", "a.rom:start_addr=0", "-", "-", NULL });
    assert_int_equal(run.end, EXIT_FINE);
    run_clear(&run);
    close(file);
    maker_clear(&maker);
}

/* A block of two pages, one of which is sent twice. Its pages are filled with these bytes. */
static void put_block(Maker *maker, guint8 first, guint8 second)
{
    static const char pairs[] = "physmap/2000000/start_addr\0"
                                "f1000000\0"
                                "physmap/2000000/size\0"
                                "2000\0"
                                "physmap/2000000/name\0"
                                "0000:00:03.0/vga.vram\0";
    gsize at;

    maker_xl(maker, 3, "{}");
    maker_libxl_header(maker);
    maker_record(maker, 1, NULL, 0);
    maker_libxc_headers(maker, 2, 2);
    at = maker->bytes->len + 16 + 4 * 8;
    maker_pages(maker, 0xf0fff, 4, 4);
    memset(maker->bytes->data + at + 4096, first, 4096);
    memset(maker->bytes->data + at + 2 * 4096, second, 4096);
    at = maker->bytes->len + 16 + 8;
    maker_pages(maker, 0xf1001, 1, 1);
    memset(maker->bytes->data + at, second, 4096);
    maker_record(maker, 0, NULL, 0);
    maker_emulator(maker, 2, 2, pairs, sizeof pairs - 1);
    maker_emulator(maker, 3, 2, MAKER_LITERAL("QEVMstate"));
    maker_record(maker, 0, NULL, 0);
}

static void expect_contents(const Maker *maker, const char *order, int end, const char *said)
{
    int file = maker_file(maker);
    Run run = run_verb(verb_edit, file, EDIT("--contents", order, "-", "-"));

    assert_int_equal(run.end, end);
    assert_int_equal(run.bytes->len, 0);
    if (!strstr(run.err, said)) {
        fail_msg("wanted '%s', got '%s'", said, run.err);
    }
    close(file);
    run_clear(&run);
}

static void test_contents(void **unused)
{
    for (guint big = 0; big <= 1; big++) {
        Maker maker = { g_byte_array_new(), big }, wanted = { g_byte_array_new(), big };
        Maker missing = { g_byte_array_new(), big };
        guint8 pages[2 * 4096];
        g_autofree char *name = NULL, *order = NULL;
        int file;
        Run run;

        (void)unused;
        memset(pages, 'a', 4096);
        memset(pages + 4096, 'b', 4096);
        name = make_file(pages, sizeof pages);
        order = g_strdup_printf("vga.vram=%s", name);
        put_block(&maker, 1, 2);
        put_block(&wanted, 'a', 'b');
        file = maker_file(&maker);
        run = run_verb(verb_edit, file, EDIT("--contents", order, "-", "-"));
        expect_bytes(&run, &wanted);
        run_clear(&run);
        close(file);

        file = maker_file(&maker);
        run = run_verb(verb_edit, file, EDIT("--contents", order, "-", name));
        assert_int_equal(run.end, EXIT_TROUBLE);
        assert_non_null(strstr(run.err, "the output goes into the input itself"));
        run_clear(&run);
        close(file);

        /* The block has the name that other options give it. */
        file = maker_file(&maker);
        run = run_verb(verb_edit, file,
                       EDIT("--contents", order, "--rename", "@2000000=vga.rom", "-", "-"));
        assert_int_equal(run.end, EXIT_FINDING);
        run_clear(&run);
        close(file);

        file = maker_file(&maker);
        run = run_verb(verb_edit, file, EDIT("--contents", order, "--contents", order, "-", "-"));
        assert_int_equal(run.end, EXIT_FINDING);
        assert_non_null(strstr(run.err, "vga.vram already gets the contents of another file"));
        run_clear(&run);
        close(file);

        maker_xl(&missing, 3, "{}");
        maker_libxl(&missing, MAKER_LITERAL("physmap/2000000/start_addr\0"
                                            "f1000000\0"
                                            "physmap/2000000/size\0"
                                            "2000\0"
                                            "physmap/2000000/name\0"
                                            "vga.vram\0"));
        expect_contents(&missing, order, EXIT_FINDING,
                        "the page at 0xf1001000 is not in the stream");
        expect_contents(&maker, "vga.vram=/none", EXIT_TROUBLE, "/none: can't open it");
        expect_contents(&maker, "vga.vram=/dev/null", EXIT_TROUBLE, "it is not a file");
        expect_contents(&maker, "vga.rom=/dev/null", EXIT_FINDING, "no record of 'vga.rom'");
        expect_contents(&maker, "vga.rom", EXIT_TROUBLE, "is not BLOCK=FILE");
        assert_int_equal(truncate(name, 4096), 0);
        expect_contents(&maker, order, EXIT_FINDING, "it has 4096 bytes");
        drop_file(g_steal_pointer(&name));
        maker_clear(&maker);
        maker_clear(&wanted);
        maker_clear(&missing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_orders),
        cmocka_unit_test(test_repairs),  cmocka_unit_test(test_import),
        cmocka_unit_test(test_legacy),   cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_usage),
        cmocka_unit_test(test_files),    cmocka_unit_test(test_results),
        cmocka_unit_test(test_contents),
    };

    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
