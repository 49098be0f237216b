/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walker: good input, and everything that can be wrong with bad input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../mocks/savefile-maker.h"
#include "byte-source.h"
#include "input.h"
#include "stream.h"

/* A walk as text: a line for each item, then the error or the cut. */
static char *walk_fd(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = stream_open(fd, &error);
    GString *text = g_string_new(NULL);
    gboolean ok = stream != NULL;
    StreamItem item;

    while (ok && (ok = stream_next(stream, &item, &error))) {
        g_string_append_printf(text, "%d %s %" G_GUINT64_FORMAT "+%u+%" G_GUINT64_FORMAT "+%u",
                               item.layer, stream_item_name(&item), item.offset, item.head,
                               item.length, item.padding);
        if (item.layer == STREAM_END) {
            break;
        }
        if ((item.layer == STREAM_LIBXC_RECORD || item.layer == STREAM_LEGACY_CHUNK) &&
            item.type == 1) {
            g_string_append_printf(text, " %u/%u", item.pages.stored, item.pages.named);
        }
        g_string_append_c(text, '\n');
    }
    if (!ok) {
        assert_true(error->domain == XEN_PHYSMAP_ERROR);
        assert_int_equal(error->code, XEN_PHYSMAP_ERROR_INVALID);
        assert_null(strchr(error->message, '\n'));
        g_string_append_printf(text, "%s: %s", stream && stream_cut(stream) ? "cut" : "error",
                               error->message);
    }
    return g_string_free(text, FALSE);
}

/* Walks it as a file and as a pipe. The items are the same; a truncation may be noticed at another
 * place, since a pipe doesn't tell how much is left. */
static char *walk(const Maker *maker)
{
    pid_t writer;
    int file = maker_file(maker), pipe_end = maker_pipe(maker, &writer);
    char *from_file = walk_fd(file);
    g_autofree char *from_pipe = walk_fd(pipe_end);

    close(file);
    maker_pipe_end(pipe_end, writer);
    if (strstr(from_file, "too early")) {
        assert_non_null(strstr(from_pipe, "too early"));
    } else {
        assert_string_equal(from_file, from_pipe);
    }
    return from_file;
}

static void expect_walk(const Maker *maker, const char *wanted)
{
    g_autofree char *text = walk(maker);

    assert_string_equal(text, wanted);
}

/* The last line of the walk, an error or a cut, contains this. */
static void expect_failure(const Maker *maker, const char *kind, const char *wanted)
{
    g_autofree char *text = walk(maker);
    const char *line = strrchr(text, '\n');

    line = line ? line + 1 : text;
    if (!g_str_has_prefix(line, kind) || !strstr(line, wanted)) {
        fail_msg("wanted '%s: ...%s...', got '%s'", kind, wanted, line);
    }
}

static void test_xl(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_xl(&maker, 3, "{}");
    assert_int_equal(maker.bytes->len, 0x37);
    maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
    expect_walk(&maker, "0 xl 0+48+7+0\n"
                        "2 header 55+16+0+0\n"
                        "3 LIBXC_CONTEXT 71+8+0+0\n"
                        "4 header 79+24+0+0\n"
                        "5 domain header 103+16+0+0\n"
                        "6 X86_CPUID_POLICY 119+8+48+0\n"
                        "6 X86_MSR_POLICY 175+8+16+0\n"
                        "6 STATIC_DATA_END 199+8+0+0\n"
                        "6 PAGE_DATA 207+8+8224+0 2/3\n"
                        "6 PAGE_DATA 8439+8+4120+0 1/2\n"
                        "6 X86_TSC_INFO 12567+8+24+0\n"
                        "6 HVM_PARAMS 12599+8+24+0\n"
                        "6 HVM_CONTEXT 12631+8+13+3\n"
                        "6 END 12655+8+0+0\n"
                        "3 EMULATOR_XENSTORE_DATA 12663+8+103+1\n"
                        "3 EMULATOR_CONTEXT 12775+8+17+7\n"
                        "3 END 12807+8+0+0\n"
                        "9 end 12815+0+0+0");
    maker_clear(&maker);
}

/* The other byte order gives the same items. */
static void test_endianness(void **unused)
{
    Maker little = MAKER_INIT, big = { g_byte_array_new(), TRUE };
    g_autofree char *wanted = NULL;

    (void)unused;
    maker_xl(&little, 2, NULL);
    maker_libxl(&little, MAKER_LITERAL(MAKER_PAIRS));
    maker_xl(&big, 2, NULL);
    maker_libxl(&big, MAKER_LITERAL(MAKER_PAIRS));
    assert_memory_not_equal(little.bytes->data, big.bytes->data, little.bytes->len);
    wanted = walk(&little);
    expect_walk(&big, wanted);
    maker_clear(&little);
    maker_clear(&big);
}

static void test_bare(void **unused)
{
    (void)unused;
    for (guint big = 0; big < 2; big++) {
        for (guint version = 2; version <= 3; version++) {
            Maker maker = { g_byte_array_new(), big };
            g_autofree char *text = NULL;

            maker_libxc(&maker, version, 0);
            text = walk(&maker);
            assert_true(g_str_has_prefix(text, "4 header 0+24+0+0\n"));
            assert_non_null(strstr(text, "END"));
            assert_null(strstr(text, "error"));
            maker_clear(&maker);
        }
    }
}

static void test_libvirt(void **unused)
{
    (void)unused;
    for (guint big = 0; big < 2; big++) {
        Maker maker = { g_byte_array_new(), big };
        g_autofree char *text = NULL;

        maker_libvirt(&maker, 2, "<domain type='xen'/>");
        maker_libxl(&maker, NULL, 0);
        text = walk(&maker);
        assert_true(g_str_has_prefix(text, "0 libvirt 0+64+21+0\n2 header 85+16+0+0\n"));
        assert_null(strstr(text, "error"));
        maker_clear(&maker);
    }
}

static void test_xapi(void **unused)
{
    Maker maker = MAKER_INIT;
    g_autofree char *text = NULL;

    (void)unused;
    maker_put(&maker, MAKER_LITERAL("XenSavedDomv2-\n"));
    maker_xapi_record(&maker, 0x0f, 9, "((time 0)");
    maker_xapi_record(&maker, 0xf0, 0, "");
    maker_libxc(&maker, 2, 0);
    maker_xapi_record(&maker, 0xf01, 4, "QEVM");
    maker_xapi_record(&maker, 0xffff, 0, "");
    text = walk(&maker);
    assert_true(g_str_has_prefix(text, "0 xapi 0+15+0+0\n1 Xenops 15+16+9+0\n1 Libxc 40+16+0+0\n"
                                       "4 header 56+24+0+0\n"));
    assert_non_null(strstr(text, "\n6 END "));
    assert_non_null(strstr(text, "\n1 Qemu_xen "));
    assert_non_null(strstr(text, "\n1 End_of_image "));
    assert_null(strstr(text, "error"));
    maker_clear(&maker);
}

static void test_legacy(void **unused)
{
    static const char *const wanted[] = {
        "0 xl 0+48+0+0\n"
        "7 header 48+4+0+0\n"
        "8 page batch 52+12+4096+0 1/2\n"
        "8 VCPU info 4160+8+8+0\n"
        "8 HVM ident_pt 4176+4+12+0\n"
        "8 TOOLSTACK 4192+8+45+0\n"
        "8 last checkpoint 4245+4+0+0\n"
        "8 end 4249+4+0+0\n"
        "8 magic pfns 4253+24+0+0\n"
        "8 HVM context 4277+4+5+0\n"
        "8 QEMU state 4286+25+9+0\n"
        "9 end 4320+0+0+0",
        "0 xl 0+48+0+0\n"
        "7 header 48+8+0+0\n"
        "8 page batch 56+20+4096+0 1/2\n"
        "8 VCPU info 4172+8+8+0\n"
        "8 HVM ident_pt 4188+4+12+0\n"
        "8 TOOLSTACK 4204+8+49+0\n"
        "8 last checkpoint 4261+4+0+0\n"
        "8 end 4265+4+0+0\n"
        "8 magic pfns 4269+24+0+0\n"
        "8 HVM context 4293+4+5+0\n"
        "8 QEMU state 4302+25+9+0\n"
        "9 end 4336+0+0+0",
    };

    (void)unused;
    for (guint i = 0; i < 2; i++) {
        Maker maker = MAKER_INIT, blob = MAKER_INIT;
        guint word = i ? 64 : 32;

        maker_u32(&blob, 1);
        maker_u32(&blob, 1);
        maker_legacy_entry(&blob, word, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
        maker_xl(&maker, 0, NULL);
        maker_legacy(&maker, word, blob.bytes);
        expect_walk(&maker, wanted[i]);
        maker_clear(&maker);
        maker_clear(&blob);
    }
}

/* The part of a checkpointed stream between two parts of libxc. */
static void put_checkpoint(Maker *maker)
{
    maker_emulator(maker, 2, 2, MAKER_LITERAL(MAKER_PAIRS));
    maker_emulator(maker, 3, 2, "QEVM", 4);
    maker_record(maker, 4, NULL, 0);
}

static void test_checkpoints(void **unused)
{
    Maker maker = MAKER_INIT;
    gsize complete, all;
    g_autofree char *text = NULL;

    (void)unused;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc(&maker, 3, 0x0e);
    put_checkpoint(&maker);
    complete = maker.bytes->len;
    maker_record(&maker, 5, "\0\0\0\0", 4); /* COLO */
    maker_pages(&maker, 7, 1, 1);
    maker_record(&maker, 0x0e, NULL, 0);
    put_checkpoint(&maker);
    expect_failure(&maker, "cut", "too early");
    maker_record(&maker, 0, NULL, 0);
    all = maker.bytes->len;
    maker_record(&maker, 0, NULL, 0);
    text = walk(&maker);
    assert_null(strstr(text, "error"));
    assert_non_null(strstr(text, "3 CHECKPOINT_STATE"));

    /* An end before the end of the first checkpoint is an error, one after it is a cut. */
    for (gsize length = all; length-- > complete - 200;) {
        maker.bytes->len = length;
        expect_failure(&maker, length < complete ? "error" : "cut", "too early");
    }
    maker_clear(&maker);
}

/* A filter in a pipe must neither wait for nor read what comes after the stream. */
static void test_takes_no_more(void **unused)
{
    Maker maker = MAKER_INIT;
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = NULL;
    StreamItem item;
    char behind[8] = "";
    int fds[2];

    (void)unused;
    maker_libxl_header(&maker);
    maker_record(&maker, 0, NULL, 0);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], maker.bytes->data, maker.bytes->len), maker.bytes->len);
    stream = stream_open(fds[0], &error);
    do {
        assert_true(stream_next(stream, &item, &error));
    } while (item.layer != STREAM_END);
    assert_int_equal(stream_offset(stream), maker.bytes->len);
    assert_int_equal(write(fds[1], "behind", 6), 6);
    assert_int_equal(read(fds[0], behind, sizeof behind), 6);
    assert_string_equal(behind, "behind");
    close(fds[0]);
    close(fds[1]);
    maker_clear(&maker);
}

/* How many bytes this process has read so far; -1 when the kernel doesn't tell. */
static gint64 bytes_read(guint64 *calls)
{
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents("/proc/self/io", &text, NULL, NULL)) {
        return -1;
    }
    line = strstr(text, "syscr: ");
    *calls = line ? g_ascii_strtoull(line + 7, NULL, 10) : 0;
    return g_ascii_strtoll(text + strlen("rchar: "), NULL, 10);
}

/* The pages of a file cost nothing: one read of 16 bytes for each record. */
static void test_reads_no_pages(void **unused)
{
    const guint batches = 200;
    Maker maker = MAKER_INIT;
    guint64 calls_before, calls;
    gint64 before, after;
    g_autofree char *text = NULL;
    int fd;

    (void)unused;
    maker_libxc_headers(&maker, 2, 2);
    for (guint i = 0; i < batches; i++) {
        maker_pages(&maker, i * 8, 8, 8);
    }
    maker_record(&maker, 0, NULL, 0);
    fd = maker_file(&maker);
    bytes_read(&calls_before);
    before = bytes_read(&calls_before); /* again, to know the cost of asking */
    text = walk_fd(fd);
    after = bytes_read(&calls);
    assert_null(strstr(text, "error"));
    close(fd);
    /* A program that this one runs under (see tests/run) reads too, which is counted here. */
    if (before < 0 || g_getenv("RUN_UNDER")) {
        g_clear_pointer(&text, g_free);
        maker_clear(&maker);
        print_message("# skip: reads can't be counted here\n");
        skip();
    }
    /* The two headers, and what reading /proc/self/io itself took. */
    assert_in_range(after - before, 16 * batches, 16 * batches + 1024);
    assert_in_range(calls - calls_before, batches, batches + 16);
    maker_clear(&maker);
}

static void test_body(void **unused)
{
    Maker maker = MAKER_INIT;
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = NULL;
    g_autofree guint8 *body = NULL;
    StreamItem item;
    int fd;

    (void)unused;
    maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
    fd = maker_file(&maker);
    stream = stream_open(fd, &error);
    do {
        assert_true(stream_next(stream, &item, &error));
    } while (item.layer != STREAM_LIBXL_RECORD || item.type != LIBXL_EMULATOR_XENSTORE_DATA);
    assert_int_equal(item.emulator.id, 2);
    body = stream_body(stream, item.length, &error);
    assert_memory_equal(body + 8, MAKER_PAIRS, sizeof MAKER_PAIRS - 1);
    assert_true(stream_next(stream, &item, &error));
    assert_string_equal(stream_item_name(&item), "EMULATOR_CONTEXT");
    assert_null(stream_body(stream, item.length - 1, &error));
    assert_non_null(strstr(error->message, "more than 16 is refused"));
    close(fd);
    maker_clear(&maker);
}

/* Every way to end too early is an error, and none is anything else. */
static void test_truncated(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_xl(&maker, 3, "{}");
    maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
    for (gsize length = maker.bytes->len; length-- > 0;) {
        /* Ends within a page are all alike. */
        if (length > 300 && length < 12500) {
            length = 300;
        }
        maker.bytes->len = length;
        expect_failure(&maker, "error",
                       length == 0  ? "the input is empty"
                       : length < 8 ? "this is not a savefile"
                                    : "too early");
    }
    maker_clear(&maker);
}

/* Whatever a byte of the frame is changed to, the walk ends with END, a cut or an error. */
static void test_damaged(void **unused)
{
    static const guint8 values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_xl(&maker, 3, "{}");
    maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
    for (gsize at = 0; at < maker.bytes->len; at++) {
        guint8 was = maker.bytes->data[at];

        if (at == 300) {
            at = 12500;
        }
        for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
            int fd;

            maker.bytes->data[at] = values[i];
            fd = maker_file(&maker);
            g_free(walk_fd(fd));
            close(fd);
        }
        maker.bytes->data[at] = was;
    }
    maker_clear(&maker);
}

/* A stream with one wrong field: its place, its new value, and the message. */
static void test_contradictions(void **unused)
{
    static const struct {
        guint32 at, value;
        const char *wanted;
    } cases[] = {
        /* xl's wrapper, 48 bytes */
        { 0x20, 0x01020305, "wrapper of xl at 0x0: its byteorder is 0x01020305" },
        { 0x24, 0x7, "mandatory flags 0x4" },
        { 0x2c, 0x7fffffff, "its configuration is 2147483647 bytes long" },
        /* libxl's header at 0x30, of which the numbers are big-endian; LIBXC_CONTEXT at 0x40 */
        { 0x30, 0, "libxl header at 0x30: it doesn't start with \"LibxlFmt\"" },
        { 0x38, 0x03000000, "version 3; only 2 is known" },
        { 0x40, 6, "libxl record of unknown type at 0x40: its type is 0x6" },
        { 0x40, 4, "CHECKPOINT_END at 0x40: there is no checkpoint that it could end" },
        { 0x40, 5, "CHECKPOINT_STATE at 0x40: its length is 0" },
        { 0x40, 2, "EMULATOR_XENSTORE_DATA at 0x40: its length is 0" },
        { 0x44, 8, "LIBXC_CONTEXT at 0x40: its length is 8; 0 to 0" },
        /* libxc's headers at 0x48 and 0x60 */
        { 0x48, 0, "libxc image header at 0x48: it doesn't start" },
        { 0x54, 0x04000000, "version 4" },
        { 0x60, 3, "libxc domain header at 0x60: guest type 3" },
        { 0x64, 13, "page_shift 13" },
        /* X86_CPUID_POLICY at 0x70, MSR at 0xa8, STATIC_DATA_END at 0xc0, PAGE_DATA at 0xc8 */
        { 0x54, 0x02000000, "X86_CPUID_POLICY at 0x70: it has no place in a stream of version 2" },
        { 0x60, 1, "HVM_PARAMS at 0x3130: it has no place in the stream of a PV guest" },
        { 0x70, 0x13, "its type is 0x13, and it isn't optional" },
        { 0x70, 7, "SHARED_INFO at 0x70: it has no place in the stream of an HVM guest" },
        { 0x70, 0xf, "CHECKPOINT_DIRTY_PFN_LIST at 0x70: it has no place" },
        { 0x74, 47, "its length is 47, which is not 24 and a multiple of 24" },
        { 0x74, 0x08000001, "its length is 134217729; the limit is 134217728" },
        { 0xa8, 0x10, "STATIC_DATA_END at 0xa8: its length is 16, which is not 0" },
        { 0xc0, 0x0d, "PAGE_DATA at 0xc8: there was no STATIC_DATA_END before it" },
        { 0xcc, 8, "PAGE_DATA at 0xc8: its length is 8; the minimum is 16" },
        { 0xd0, 0, "its pfn count 0" },
        { 0xd0, 0xffffffff, "its pfn count 4294967295" },
        { 0xd0, 4, "behind 4 pfns it has 8184 bytes" },
        { 0xd0, 1, "behind 1 pfns it has 8208 bytes" },
        /* HVM_PARAMS at 0x3130, END at 0x3158, EMULATOR_XENSTORE_DATA at 0x3160 */
        { 0x3134, 23, "HVM_PARAMS at 0x3130: its length is 23, which is not 8 and a multiple" },
        { 0x3168, 0x10, "STATIC_DATA_END at 0x3168: it is the second one" },
        { 0x316c, 1, "END at 0x3168: its length is 1" },
        { 0x3174, 7, "EMULATOR_XENSTORE_DATA at 0x3170: its length is 7" },
        { 0x3174, 0xfffffff8, "its length is 4294967288; 8 to 4194304" },
        { 0x31e0, 1, "LIBXC_CONTEXT at 0x31e0: its length is 17" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = MAKER_INIT;

        maker_xl(&maker, 2, NULL);
        maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
        maker_patch(&maker, cases[i].at, cases[i].value);
        expect_failure(&maker, "error", cases[i].wanted);
        maker_clear(&maker);
    }
}

static void test_order(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc(&maker, 3, 0x0e);
    maker_record(&maker, 0, NULL, 0);
    expect_failure(&maker, "error", "END at 0x3140: it is within a checkpoint");
    maker_clear(&maker);

    maker = (Maker)MAKER_INIT;
    maker_libxl_header(&maker);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc(&maker, 3, 0);
    maker_record(&maker, 1, NULL, 0);
    expect_failure(&maker, "error", "LIBXC_CONTEXT at 0x3140: it is the second one");
    maker_clear(&maker);
}

static void test_optional(void **unused)
{
    Maker maker = MAKER_INIT;

    (void)unused;
    maker_libxl_header(&maker);
    maker_record(&maker, 0x80000006, "abc", 3);
    maker_record(&maker, 1, NULL, 0);
    maker_libxc_headers(&maker, 2, 1);
    maker_record(&maker, 0x80000001, "abcdefghi", 9);
    maker_record(&maker, 0, NULL, 0);
    maker_record(&maker, 0, NULL, 0);
    expect_walk(&maker, "2 header 0+16+0+0\n"
                        "3 (optional) 16+8+3+5\n"
                        "3 LIBXC_CONTEXT 32+8+0+0\n"
                        "4 header 40+24+0+0\n"
                        "5 domain header 64+16+0+0\n"
                        "6 (optional) 80+8+9+7\n"
                        "6 END 104+8+0+0\n"
                        "3 END 112+8+0+0\n"
                        "9 end 120+0+0+0");
    maker_clear(&maker);
}

static void test_other_wrappers_refused(void **unused)
{
    static const struct {
        guint64 type, length;
        const char *wanted;
    } xapi[] = {
        { 0x10, 0, "XAPI record of unknown type at 0xf: its type is 0x10" },
        { G_GUINT64_CONSTANT(0x10000000f), 0, "its type is 0x10000000f" },
        { 0x0f, G_MAXUINT64, "its length is 18446744073709551615, and more than" },
        { 0xffff, 1, "End_of_image at 0xf: its length is 1, and not 0" },
        { 0x0f, 100, "too early" },
        { 0xf2, 0, "legacy stream's header at 0x1f: the input ends" },
    };
    Maker maker = MAKER_INIT;

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(xapi); i++) {
        g_byte_array_set_size(maker.bytes, 0);
        maker_put(&maker, MAKER_LITERAL("XenSavedDomv2-\n"));
        maker_xapi_record(&maker, xapi[i].type, xapi[i].length, "");
        expect_failure(&maker, "error", xapi[i].wanted);
    }
    g_byte_array_set_size(maker.bytes, 0);
    maker_libvirt(&maker, 3, "");
    expect_failure(&maker, "error", "wrapper of libvirt at 0x0: version 3");
    g_byte_array_set_size(maker.bytes, 0);
    maker_put(&maker, MAKER_LITERAL("Xen saved donkey, xl format\n \0 \r0123456789abcdef"));
    expect_failure(&maker, "error", "wrapper of xl at 0x0: its magic is damaged");
    g_byte_array_set_size(maker.bytes, 0);
    maker_put(&maker, MAKER_LITERAL("#!/bin/sh\n"));
    expect_failure(&maker, "error", "this is not a savefile");
    maker_clear(&maker);
}

static void test_legacy_refused(void **unused)
{
    static const struct {
        guint32 at, value;
        const char *wanted;
    } cases[] = {
        /* A 32-bit stream at 0x30: p2m_size, then a batch. */
        { 0x34, 0xffffffff, "legacy stream's header at 0x30: it is a PV guest's" },
        { 0x34, 1025, "page batch at 0x34: it has 1025 pfns" },
        { 0x34, -5, "legacy chunk tmem at 0x34: streams with tmem" },
        { 0x34, -21, "its number is -21" },
        { 0x34, 0x80000000, "its number is -2147483648" },
        { 0x34, -18, "legacy chunk of unknown type at 0x3c: its number is -268435455" },
        { 0x1044, 4096, "VCPU info at 0x1040: its highest id is 4096" },
        { 0x1064, 0x08000001, "TOOLSTACK at 0x1060: its length is 134217729" },
        { 0, 0, "QEMU state at 0x" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = MAKER_INIT, blob = MAKER_INIT;

        maker_u32(&blob, 1);
        maker_u32(&blob, 1);
        maker_legacy_entry(&blob, 32, 0x2000000, 0xf1000000, 0x1000000, "vga.vram");
        maker_xl(&maker, 0, NULL);
        maker_legacy(&maker, 32, blob.bytes);
        maker_patch(&maker, cases[i].at, cases[i].value);
        if (i + 1 == G_N_ELEMENTS(cases)) { /* the signature isn't a number */
            g_byte_array_set_size(maker.bytes, 0);
            maker_xl(&maker, 0, NULL);
            maker_legacy(&maker, 32, blob.bytes);
            maker.bytes->data[maker.bytes->len - 20] = 'x';
        }
        expect_failure(&maker, "error", cases[i].wanted);
        maker_clear(&maker);
        maker_clear(&blob);
    }
}

/* Starts at the descriptor's position, and reports offsets in the whole file. */
static void test_in_the_middle(void **unused)
{
    Maker maker = MAKER_INIT;
    g_autofree char *text = NULL;
    int fd;

    (void)unused;
    maker_put(&maker, "12345", 5);
    maker_libxl_header(&maker);
    maker_record(&maker, 0, NULL, 0);
    fd = maker_file(&maker);
    lseek(fd, 5, SEEK_SET);
    text = walk_fd(fd);
    assert_string_equal(text, "2 header 5+16+0+0\n3 END 21+8+0+0\n9 end 29+0+0+0");
    close(fd);
    maker_clear(&maker);
}

static void test_unreadable(void **unused)
{
    g_autoptr(GError) error = NULL;

    (void)unused;
    assert_null(stream_open(-1, &error));
    assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM));
}

/* A filter whose reader is gone doesn't wait for more input. */
static void test_reader_gone(void **unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = NULL;
    Maker maker = MAKER_INIT;
    int in[2], out[2];
    StreamItem item;

    (void)unused;
    signal(SIGPIPE, SIG_IGN);
    maker_xl(&maker, 2, NULL);
    assert_int_equal(pipe(in) | pipe(out), 0);
    assert_int_equal(write(in[1], maker.bytes->data, maker.bytes->len), maker.bytes->len);
    stream = stream_open(in[0], &error);
    stream_tee(stream, out[1]);
    assert_true(stream_next(stream, &item, &error));
    close(out[0]);
    alarm(10);
    while (stream_next(stream, &item, &error)) {
    }
    alarm(0);
    assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM));
    assert_non_null(strstr(error->message, "can't write the output: Broken pipe"));
    close(in[0]);
    close(in[1]);
    close(out[1]);
    maker_clear(&maker);
}

/* The first byte of a compressed file, and no more, from a peer that only reads from now on. */
static void test_half_closed_socket(void **unused)
{
    g_autoptr(GError) error = NULL;
    int ends[2], saved = dup(STDIN_FILENO);

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(write(ends[1], "\x1f", 1), 1);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    alarm(10);
    assert_int_equal(input_open("-", &error), STDIN_FILENO);
    alarm(0);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

/* What a file has lost while it is copied doesn't become a hole of the copy. */
static void test_file_shrinks(void **unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *in_name = NULL, *out_name = NULL;
    int in = g_file_open_tmp(NULL, &in_name, NULL), out = g_file_open_tmp(NULL, &out_name, NULL);
    ByteSource *source;

    (void)unused;
    assert_int_equal(ftruncate(in, 1 << 20), 0);
    source = byte_source_open(in, &error);
    byte_source_tee(source, out);
    assert_int_equal(ftruncate(in, 1 << 16), 0);
    assert_false(byte_source_skip(source, 1 << 20, &error));
    assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    assert_true(g_str_has_prefix(error->message, "the input ends at 0x10000, "));
    byte_source_close(source);
    close(in);
    close(out);
    unlink(in_name);
    unlink(out_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xl),
        cmocka_unit_test(test_endianness),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_libvirt),
        cmocka_unit_test(test_xapi),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_takes_no_more),
        cmocka_unit_test(test_reads_no_pages),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_reader_gone),
        cmocka_unit_test(test_optional),
        cmocka_unit_test(test_other_wrappers_refused),
        cmocka_unit_test(test_legacy_refused),
        cmocka_unit_test(test_in_the_middle),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_half_closed_socket),
        cmocka_unit_test(test_file_shrinks),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
