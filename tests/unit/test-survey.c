/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's layout: the parsers of its monitor's text, the QMP client, and both together. */
#include "expect.h"

#include <errno.h>
#include <string.h>

#include "fake-qmp.h"
#include "qmp.h"
#include "survey.h"

/* As QEMU 7.2 prints it for a guest of 32 MiB with stdvga and two e1000 cards. */
static const char ramblocks[] =
    "              Block Name    PSize              Offset               Used              Total"
    "                HVA  RO\r\n"
    "                 xen.ram    4 KiB  0x0000000000000000 0x0000000002000000 0x0000000002000000"
    " 0x0000000000000000  rw\r\n"
    "   0000:00:03.0/vga.vram    4 KiB  0x0000000002000000 0x0000000001000000 0x0000000001000000"
    " 0x00007f2c94000000  rw\r\n"
    "  0000:00:04.0/e1000.rom    4 KiB  0x0000000003010000 0x0000000000040000 0x0000000000040000"
    " 0x00007f2c93e00000  ro\r\n"
    "  0000:00:05.0/e1000.rom    4 KiB  0x0000000003050000 0x0000000000040000 0x0000000000040000"
    " 0x00007f2c93c00000  ro\r\n"
    "    0000:00:03.0/vga.rom    4 KiB  0x0000000003000000 0x0000000000010000 0x0000000000010000"
    " 0x00007f2c95000000  ro\r\n";

static const char mtree[] =
    "FlatView #0\r\n"
    " AS \"xen-platform\", root: bus master container\r\n"
    " Root memory region: (none)\r\n"
    "  No rendered FlatView\r\n"
    "\r\n"
    "FlatView #1\r\n"
    " AS \"I/O\", root: io\r\n"
    " Root memory region: io\r\n"
    "  0000000002000000-0000000002ffffff (prio 0, i/o): vga.vram\r\n"
    "\r\n"
    "FlatView #2\r\n"
    " AS \"memory\", root: system\r\n"
    " AS \"cpu-memory-0\", root: system\r\n"
    " Root memory region: system\r\n"
    "  0000000000000000-000000000009ffff (prio 0, ram): xen.ram\r\n"
    "  00000000000a0000-00000000000affff (prio 1, ram): vga.vram @0000000000020000\r\n"
    "  00000000000b0000-00000000000bffff (prio 1, i/o): vga-lowmem @0000000000010000\r\n"
    "  00000000000c0000-0000000001ffffff (prio 0, ram): xen.ram @00000000000c0000\r\n"
    "  00000000f1000000-00000000f1ffffff (prio 1, ram): vga.vram\r\n"
    "  00000000f2000000-00000000f203ffff (prio 1, rom): e1000.rom\r\n"
    "  00000000f2060000-00000000f20603ff (prio 1, i/o): edid\r\n"
    "\r\n";

/* --- the parsers --- */

/* The records in the texts, before Xen was asked. */
static const XenPhysmapRecord vram_there = { "0000:00:03.0/vga.vram", 0x2000000, 0x2000000,
                                             0x1000000 };
static const XenPhysmapRecord vram = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000, 0x1000000 };
static const XenPhysmapRecord vga_rom = { "0000:00:03.0/vga.rom", 0x3000000, 0x3000000, 0x10000 };
static const XenPhysmapRecord rom4 = { "0000:00:04.0/e1000.rom", 0x3010000, 0x3010000, 0x40000 };
static const XenPhysmapRecord rom5 = { "0000:00:05.0/e1000.rom", 0x3050000, 0x3050000, 0x40000 };

static void test_ramblocks(void **unused)
{
    GError *error = NULL;
    g_autoptr(SurveyBlocks) blocks = survey_parse_ramblocks(ramblocks, &error);

    (void)unused;
    expect_no_error(error);
    assert_int_equal(blocks->problems->len, 0);
    expect_records(blocks->named, vram_there, vga_rom, rom4, rom5);
}

static void test_ramblocks_of_other_qemus(void **unused)
{
    /* Without HVA and RO, as older versions print it; with LF only; with tabs. */
    g_autoptr(SurveyBlocks) blocks = survey_parse_ramblocks(
        "Block Name PSize Offset Used Total\n"
        "\txen.ram\t4 KiB  0x0 0x2000000 0x2000000\n"
        "vga.vram    2 MiB  0x0000000002000000 0x0000000001000000 0x0000000001000000\n\n",
        NULL);
    g_autoptr(SurveyBlocks) none = survey_parse_ramblocks("", NULL);

    (void)unused;
    expect_records(blocks->named, { "vga.vram", 0x2000000, 0x2000000, 0x1000000 });
    assert_non_null(none);
    assert_int_equal(xen_physmap_table_size(none->named), 0);
}

/* As QEMU 7.2 prints it when the guest has unplugged a card; and an id with a blank in it. */
static void test_ramblocks_nameless(void **unused)
{
    g_autoptr(SurveyBlocks) blocks = survey_parse_ramblocks(
        "                             4 KiB  0x0000000003040000 0x0000000000040000 "
        "0x0000000000040000\r\n"
        "            p/a block   4 KiB  0x0000000003080000 0x0000000000040000 "
        "0x0000000000040000\r\n",
        NULL);

    (void)unused;
    assert_non_null(blocks);
    assert_int_equal(blocks->problems->len, 0);
    expect_records(blocks->named, { "p/a block", 0x3080000, 0x3080000, 0x40000 });
    assert_int_equal(blocks->nameless->len, 1);
    assert_int_equal(g_array_index(blocks->nameless, SurveyStretch, 0).phys_offset, 0x3040000);
    assert_int_equal(g_array_index(blocks->nameless, SurveyStretch, 0).size, 0x40000);
}

static void test_ramblocks_garbage(void **unused)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        { "unknown command: 'info ramblock'\r\n", "'unknown command: 'info ramblock''" },
        { "vga.vram 4 KiB 0x2000000 0x1000000\r\n", "can't be parsed" },
        { "vga.vram 4 KiB 2000000 0x1000 0x1000\r\n", "can't be parsed" },
        { "vga.vram 4 KiB 0x-2000000 0x1000 0x1000\r\n", "can't be parsed" },
        { "vga.vram 4 KiB 0x2000000 0x1000 0x10000000000000000\r\n", "can't be parsed" },
        { "vga.vram 4 KiB 0x2000000 0x1000 0x\r\n", "can't be parsed" },
        { "\033[2J 4 KiB 0x2000000 0x1000\r\n", "'\\x1b[2J 4 KiB" },
        { "a\033[2J 4 KiB 0x2000000 0x1000 0x1000\r\n", "'a\\x1b[2J' has a byte" },
        { "vga.vram 4 KiB 0x2000001 0x1000 0x1000\r\n", "not a multiple" },
        { "vga.vram 4 KiB 0x2000000 0x0 0x0\r\n", "size is 0" },
        { "vga.vram 4 KiB 0xfffffffffffff000 0x1000 0x1000\r\n", "runs past the end" },
        { " 4 KiB 0x2000001 0x1000 0x1000\r\n", "not a multiple" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *with_good = g_strconcat(ramblocks, cases[i].text, NULL);
        g_autoptr(SurveyBlocks) blocks = NULL;
        GError *error = NULL;

        assert_null(survey_parse_ramblocks(cases[i].text, &error));
        expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, cases[i].reason);
        /* If other lines can be parsed, only that block is missing. */
        blocks = survey_parse_ramblocks(with_good, &error);
        expect_no_error(error);
        expect_records(blocks->named, vram_there, vga_rom, rom4, rom5);
        assert_int_equal(blocks->problems->len, 1);
        expect_message(g_ptr_array_index(blocks->problems, 0));
        assert_non_null(strstr(g_ptr_array_index(blocks->problems, 0), cases[i].reason));
    }
}

/* Of two blocks that contradict each other, the second is dropped; and few lines are reported. */
static void test_ramblocks_contradict(void **unused)
{
    static const char *const texts[] = {
        "p/a 4 KiB 0x0 0x1000 0x1000\np/b 4 KiB 0x0 0x1000 0x1000\n",
        "p/a 4 KiB 0x0 0x1000 0x1000\np/a 4 KiB 0x1000 0x1000 0x1000\n",
    };
    g_autoptr(GString) many = g_string_new("p/a 4 KiB 0x0 0x1000 0x1000\n");
    g_autoptr(SurveyBlocks) all = NULL;

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(SurveyBlocks) blocks = survey_parse_ramblocks(texts[i], NULL);

        assert_non_null(blocks);
        expect_records(blocks->named, { "p/a", 0, 0, 0x1000 });
        assert_int_equal(blocks->problems->len, 1);
    }
    for (guint i = 0; i < 10000; i++) {
        g_string_append(many, "nonsense\n");
    }
    all = survey_parse_ramblocks(many->str, NULL);
    assert_non_null(all);
    assert_in_range(all->problems->len, 1, 100);
}

static void test_mtree(void **unused)
{
    g_autoptr(GPtrArray) ranges = survey_parse_mtree(mtree);
    gboolean bar = FALSE;

    (void)unused;
    for (guint i = 0; i < ranges->len; i++) {
        const SurveyRange *range = g_ptr_array_index(ranges, i);

        if (strcmp(range->region, "vga.vram") == 0) {
            /* Not the I/O space, and not the window at a0000, which shows only a part. */
            assert_false(bar);
            assert_int_equal(range->start_addr, 0xf1000000);
            assert_int_equal(range->size, 0x1000000);
            bar = TRUE;
        }
    }
    assert_true(bar);
}

static void test_mtree_garbage(void **unused)
{
    static const char *const texts[] = {
        "",
        "\r\n",
        "garbage",
        " AS \"memory\"",
        " AS \"memory\"\n  xyz-0 (prio 0, ram): a\n",
        " AS \"memory\"\n  0000-\n",
        " AS \"memory\"\n  2000-1000 (prio 0, ram): a\n",
        " AS \"memory\"\n  1000-1fff (prio 0, ram) a\n",
        " AS \"memory\"\n  1000-1fff\n",
        " AS \"memory\"\n  1000-1fff (prio 0, ram): a @0000\n",
        "  1000-1fff (prio 0, ram): a\n AS \"memory\"\n",
        " AS \"memory\"\nFlatView #1\n  1000-1fff (prio 0, ram): a\n",
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GPtrArray) ranges = survey_parse_mtree(texts[i]);

        assert_int_equal(ranges->len, 0);
    }
}

/* --- the QMP client --- */

/* Long enough for a busy machine; short where the test is about the time limit. */
#define ENOUGH_MS 20000
#define SHORT_MS 60

typedef struct Session {
    FakeQmp *qmp;
    QmpClient *client;
} Session;

#define start(steps) start_session(steps, G_N_ELEMENTS(steps))

static Session start_session(const FakeQmpStep *steps, guint n)
{
    Session session;
    int fd;

    session.qmp = fake_qmp_start(steps, n, &fd);
    session.client = qmp_client_new(fd);
    return session;
}

static void finish(Session *session)
{
    char *problem;

    qmp_client_free(session->client);
    problem = fake_qmp_finish(session->qmp);
    if (problem) {
        fail_msg("%s", problem);
    }
}

static void count_event(const char *event, gpointer data)
{
    assert_string_equal(event, "RESUME");
    ++*(guint *)data;
}

#define EVENT                                                                                      \
    "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"RESUME\", "               \
    "\"data\": {}}\r\n"

static void test_qmp(void **unused)
{
    static const FakeQmpStep steps[] = {
        { QMP_SEND, EVENT },
        QMP_HELLO,
        { QMP_AWAIT, "\"command-line\":\"info one\"" },
        { QMP_SEND, EVENT },
        { QMP_SEND, "\r\n" EVENT },
        { QMP_TEXT, "first\r\n\"quoted\"" },
        { QMP_SEND, EVENT },
        { QMP_AWAIT, "info two" },
        { QMP_TEXT, "" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    Session session = start(steps);
    guint events = 0;
    GError *error = NULL;

    (void)unused;
    qmp_client_on_event(session.client, count_event, &events);
    g_autofree char *first = qmp_client_hmp(session.client, "info one", ENOUGH_MS, &error);

    expect_no_error(error);
    assert_string_equal(first, "first\r\n\"quoted\"");
    g_autofree char *second = qmp_client_hmp(session.client, "info two", ENOUGH_MS, &error);

    expect_no_error(error);
    assert_string_equal(second, "");
    assert_int_equal(events, 4);
    finish(&session);
}

static void expect_failure(const FakeQmpStep *steps, guint n, const char *reason, int timeout_ms)
{
    Session session = start_session(steps, n);
    GError *error = NULL;

    assert_null(qmp_client_hmp(session.client, "info one", timeout_ms, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, reason);
    finish(&session);
}

#define expect_fails(reason, timeout_ms, ...)                                                      \
    expect_failure((const FakeQmpStep[]){ __VA_ARGS__ },                                           \
                   G_N_ELEMENTS(((const FakeQmpStep[]){ __VA_ARGS__ })), reason, timeout_ms)

static void test_qmp_fails(void **unused)
{
    g_autofree char *nested = g_strnfill(1000000, '[');

    (void)unused;
    nested[999999] = '\n';
    expect_fails("nested more than", ENOUGH_MS, { QMP_SEND, nested }, { QMP_AWAIT_CLOSE, NULL });
    expect_fails("QEMU refused human-monitor-command: no such thing \\x1b[2J", ENOUGH_MS, QMP_HELLO,
                 { QMP_AWAIT, "info one" }, { QMP_REFUSE, "no such thing \033[2J" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("this is not a QMP socket", ENOUGH_MS, { QMP_SEND, "{\"hello\": 1}\n" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("QEMU sent 'SSH-2.0'", ENOUGH_MS, { QMP_SEND, "SSH-2.0\r\n" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("more than one value", ENOUGH_MS, { QMP_SEND, "{\"QMP\": {}} {}\n" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("more than one value", ENOUGH_MS, { QMP_SEND, "\"a\" {\"QMP\": {}}\n" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("not a JSON object", ENOUGH_MS, { QMP_SEND, "[1, 2]\r\n" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("'info one' without text", ENOUGH_MS, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_ANSWER, "{}" }, { QMP_AWAIT_CLOSE, NULL });
    expect_fails("'info one' without text", ENOUGH_MS, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_ANSWER, "7" }, { QMP_AWAIT_CLOSE, NULL });
    expect_fails("QEMU sent '\\x1bc'", ENOUGH_MS, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_SEND, "\033c\n" }, { QMP_AWAIT_CLOSE, NULL });
    expect_fails("string constant \"\\x1b[2J\"", ENOUGH_MS, { QMP_SEND, "{\"\033[2J\" 1}\n" },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("without a line end", ENOUGH_MS, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_FLOOD, "x" });
}

static void test_qmp_closed(void **unused)
{
    (void)unused;
    expect_fails("QEMU closed the connection", ENOUGH_MS, { QMP_SEND, "" });
    expect_fails("QEMU closed the connection", ENOUGH_MS, { QMP_SEND, QMP_GREETING },
                 { QMP_AWAIT, "qmp_capabilities" });
    expect_fails("QEMU closed the connection", ENOUGH_MS, QMP_HELLO, { QMP_AWAIT, "info one" });
    expect_fails("QEMU closed the connection", ENOUGH_MS, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_SEND, "{\"return\": \"cut o" });
}

static void test_qmp_timeouts(void **unused)
{
    (void)unused;
    expect_fails("QEMU didn't answer in time", SHORT_MS, { QMP_AWAIT_CLOSE, NULL });
    expect_fails("QEMU didn't answer in time", SHORT_MS, { QMP_SEND, QMP_GREETING },
                 { QMP_AWAIT_CLOSE, NULL });
    expect_fails("QEMU didn't answer in time", SHORT_MS * 10, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_SEND, EVENT }, { QMP_AWAIT_CLOSE, NULL });
    expect_fails("QEMU didn't answer in time", SHORT_MS * 10, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_FLOOD, EVENT });
    expect_fails("QEMU didn't answer in time", SHORT_MS * 10, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_FLOOD, "{\"return\": 1}\n" });
    expect_fails("QEMU didn't answer in time", SHORT_MS * 10, QMP_HELLO, { QMP_AWAIT, "info one" },
                 { QMP_SEND, "{\"return\": \"half a li" }, { QMP_AWAIT_CLOSE, NULL });
}

/* First no answer in time, and then the right one. */
static void expect_second_try(Session *session, const char *wanted)
{
    g_autofree char *command = g_strconcat("info ", wanted, NULL);
    g_autofree char *answer = NULL;
    GError *error = NULL;

    assert_null(qmp_client_hmp(session->client, "info one", SHORT_MS * 10, &error));
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "QEMU didn't answer in time");
    answer = qmp_client_hmp(session->client, command, ENOUGH_MS, &error);
    expect_no_error(error);
    assert_string_equal(answer, wanted);
    finish(session);
}

/* A late answer isn't taken as the answer to the next question. */
static void test_qmp_late_answer(void **unused)
{
    static const FakeQmpStep steps[] = {
        QMP_HELLO,           { QMP_AWAIT, "info one" }, { QMP_AWAIT, "info two" },
        { QMP_TEXT, "one" }, { QMP_TEXT, "two" },       { QMP_AWAIT_CLOSE, NULL },
    };
    Session session = start(steps);

    (void)unused;
    expect_second_try(&session, "two");
}

/* QEMU's main loop was busy while the connection was being set up; later it isn't. */
static void test_qmp_late_greeting(void **unused)
{
    static const FakeQmpStep steps[] = {
        { QMP_SEND, QMP_GREETING },
        { QMP_AWAIT, "qmp_capabilities" },
        { QMP_AWAIT, "qmp_capabilities" },
        { QMP_ANSWER, "{}" },
        { QMP_REFUSE, "Capabilities negotiation is already complete, command ignored" },
        { QMP_AWAIT, "info one" },
        { QMP_TEXT, "one" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    Session session = start(steps);

    (void)unused;
    expect_second_try(&session, "one");
}

static void test_qmp_dispatch(void **unused)
{
    static const FakeQmpStep steps[] = { QMP_HELLO,           { QMP_AWAIT, "info one" },
                                         { QMP_TEXT, "one" }, { QMP_AWAIT, "info two" },
                                         { QMP_SEND, EVENT }, { QMP_TEXT, "two" } };
    Session session = start(steps);
    guint events = 0;
    GError *error = NULL;

    (void)unused;
    qmp_client_on_event(session.client, count_event, &events);
    assert_true(qmp_client_dispatch(session.client, &error));
    g_free(qmp_client_hmp(session.client, "info one", ENOUGH_MS, &error));
    expect_no_error(error);
    g_free(qmp_client_hmp(session.client, "info two", ENOUGH_MS, &error));
    expect_no_error(error);
    assert_int_equal(events, 1);
    /* The script is over, and the connection with it. */
    for (guint i = 0; i < 2000 && !error; i++) {
        qmp_client_dispatch(session.client, &error);
        g_usleep(1000);
    }
    expect_error(&error, XEN_PHYSMAP_ERROR_UNAVAILABLE, "QEMU closed the connection");
    finish(&session);
}

/* --- the survey --- */

/* The guest of the texts above, with its framebuffer at its BAR and the second card unseen. */
static FakeHost *new_host(void)
{
    FakeHost *host = fake_host_new();

    fake_host_populate(host, 0x0, 16, 1);
    fake_host_populate(host, 0xf1000000 >> 12, 2, 1);
    fake_host_populate(host, 0x3000000 >> 12, 1, 1);
    fake_host_populate(host, 0x3010000 >> 12, 1, 1);
    return host;
}

static void test_survey(void **unused)
{
    static const FakeQmpStep steps[] = {
        QMP_HELLO,
        { QMP_AWAIT, "\"info ramblock\"" },
        { QMP_TEXT, ramblocks },
        { QMP_AWAIT, "\"info mtree -f\"" },
        { QMP_TEXT, mtree },
        { QMP_AWAIT_CLOSE, NULL },
    };
    g_autoptr(FakeHost) host = new_host();
    Session session = start(steps);
    g_autoptr(Survey) survey = NULL;
    GError *error = NULL;

    (void)unused;
    survey =
        survey_take(session.client, fake_host_ops(host), 5, NULL, SURVEY_OWN, ENOUGH_MS, &error);
    expect_no_error(error);
    expect_records(survey->table, vram, vga_rom, rom4);
    expect_records(survey->absent, rom5);
    finish(&session);
    expect_no_leaks(host);
}

/* A block that QEMU shows at its BAR, with its pages still where it was allocated. */
static void test_survey_believes_xen(void **unused)
{
    static const FakeQmpStep steps[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_TEXT, ramblocks },
        { QMP_AWAIT, "mtree" },
        { QMP_TEXT, mtree },
        { QMP_AWAIT_CLOSE, NULL },
    };
    g_autoptr(FakeHost) host = new_host();
    Session session = start(steps);
    g_autoptr(Survey) survey = NULL;
    XenPhysmapRecord in_place = vram;

    (void)unused;
    in_place.start_addr = in_place.phys_offset;
    fake_host_populate(host, 0x2000000 >> 12, 1, 1);
    fake_host_depopulate(host, 0xf1000000 >> 12);
    survey = survey_take(session.client, fake_host_ops(host), 5, NULL, SURVEY_OWN, ENOUGH_MS, NULL);
    assert_non_null(survey);
    expect_records(survey->table, in_place, vga_rom, rom4);
    finish(&session);
}

/* Unmapped for a moment while the guest sizes its BARs. It is still where it was. */
static void test_survey_remembers(void **unused)
{
    static const FakeQmpStep steps[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_TEXT, ramblocks },
        { QMP_AWAIT, "mtree" },
        { QMP_TEXT, "" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    XenPhysmapRecord resized = vram;

    (void)unused;
    resized.size = 0x800000;
    for (guint i = 0; i < 3; i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) before = i == 0   ? table_of(vram)
                                            : i == 1 ? table_of(resized)
                                                     : xen_physmap_table_new();
        Session session = start(steps);
        g_autoptr(Survey) survey = survey_take(session.client, fake_host_ops(host), 5, before,
                                               SURVEY_OWN, ENOUGH_MS, NULL);

        assert_non_null(survey);
        if (i == 0) {
            expect_records(survey->table, vram, vga_rom, rom4);
        } else {
            expect_records(survey->table, vga_rom, rom4);
            expect_records(survey->absent, vram_there, rom5);
        }
        finish(&session);
    }
}

/* One survey of these texts. */
static Survey *survey_of(FakeHost *host, const char *blocks, const char *ranges,
                         const XenPhysmapTable *known, SurveyTrust trust)
{
    const FakeQmpStep steps[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_TEXT, blocks },
        { QMP_AWAIT, "mtree" },
        { QMP_TEXT, ranges },
        { QMP_AWAIT_CLOSE, NULL },
    };
    Session session = start(steps);
    GError *error = NULL;
    Survey *survey =
        survey_take(session.client, fake_host_ops(host), 5, known, trust, ENOUGH_MS, &error);

    expect_no_error(error);
    finish(&session);
    expect_no_leaks(host);
    return survey;
}

static const char nameless[] = " xen.ram 4 KiB 0x0 0x2000000 0x2000000\n"
                               "0000:00:03.0/vga.vram 4 KiB 0x2000000 0x1000000 0x1000000\n"
                               "0000:00:03.0/vga.rom 4 KiB 0x3000000 0x10000 0x10000\n"
                               "        4 KiB 0x3010000 0x40000 0x40000\n"
                               "        4 KiB 0x3050000 0x40000 0x40000\n";

/* Two cards that were unplugged: QEMU lists their blocks without a name. One has pages. */
static void test_survey_unplugged(void **unused)
{
    const XenPhysmapRecord left = { XEN_PHYSMAP_UNPLUGGED_NAME, 0x3010000, 0x3010000, 0x40000 };

    (void)unused;
    for (guint i = 0; i < 2; i++) {
        g_autoptr(FakeHost) host = new_host();
        g_autoptr(XenPhysmapTable) known = i == 0 ? NULL : table_of(vram, vga_rom, rom4, rom5);
        g_autoptr(Survey) survey = survey_of(host, nameless, mtree, known, SURVEY_OWN);

        expect_records(survey->table, vram, vga_rom, left);
        assert_int_equal(xen_physmap_table_size(survey->absent), 0);
        assert_int_equal(survey->problems->len, 0);
    }
}

/* A card that the guest has ejected is gone from QEMU's list; its pages stay, until they go too, or
 * are another block's. Unless a line can't be understood: then it may be the card's. */
static void test_survey_ejected(void **unused)
{
    static const char gone[] = "p/a 4 KiB 0x2000000 0x1000 0x1000\n";
    static const char again[] = "p/a 4 KiB 0x2000000 0x1000 0x1000\n"
                                "p/b 4 KiB 0x3000000 0x2000 0x2000\n";
    static const char odd[] = "p/a 4 KiB 0x2000000 0x1000 0x1000\np/b is odd\n";
    const XenPhysmapRecord a = { "p/a", 0x2000000, 0x2000000, 0x1000 };
    const XenPhysmapRecord b = { "p/b", 0x3000000, 0x3000000, 0x2000 };
    const XenPhysmapRecord card = { "p/card", 0x3000000, 0xf0000000, 0x1000 };
    XenPhysmapRecord left = card;
    const struct {
        const char *blocks;
        guint64 page;
        XenPhysmapRecord known, expected;
    } cases[] = {
        { gone, 0xf0000000, card, left },
        { gone, 0xf0000000, left, left },
        { again, 0x3000000, card, b },
        { odd, 0xf0000000, card, card },
    };

    (void)unused;
    g_strlcpy(left.name, XEN_PHYSMAP_UNPLUGGED_NAME, sizeof left.name);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        XenPhysmapRecord known_record = i == 1 ? left : cases[i].known;
        XenPhysmapRecord expected = i < 2 ? left : cases[i].expected;
        g_autoptr(XenPhysmapTable) known = table_of(a, known_record);
        g_autoptr(Survey) survey = NULL;

        fake_host_populate(host, 0x2000000 >> 12, 1, 1);
        fake_host_populate(host, cases[i].page >> 12, 1, 1);
        survey = survey_of(host, cases[i].blocks, "", known, SURVEY_OWN);
        expect_records(survey->table, a, expected);
    }
}

/* RAM that reaches the hole: the framebuffer's BAR is where its ROM was allocated, and the ROM's
 * pages made room. */
static void test_survey_taken_place(void **unused)
{
    static const char blocks[] = "p/vga.vram 4 KiB 0xef800000 0x800000 0x800000\n"
                                 "p/vga.rom 4 KiB 0xf0000000 0x10000 0x10000\n";
    static const char shown[] = " AS \"memory\", root: system\n"
                                " 00000000f0000000-00000000f07fffff (prio 1, ram): vga.vram\n";
    const XenPhysmapRecord moved = { "p/vga.vram", 0xef800000, 0xf0000000, 0x800000 };
    const XenPhysmapRecord rom = { "p/vga.rom", 0xf0000000, 0xf0000000, 0x10000 };
    const XenPhysmapRecord there = { "p/vga.vram", 0xef800000, 0xef800000, 0x800000 };
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(XenPhysmapTable) known = table_of(there, rom);
    g_autoptr(Survey) survey = NULL;

    (void)unused;
    fake_host_populate(host, 0xf0000000 >> 12, 0x800, 1);
    survey = survey_of(host, blocks, shown, known, SURVEY_OWN);
    expect_records(survey->table, moved);
    expect_records(survey->absent, rom);
}

/* Pages at both places, as a live migration leaves them: where QEMU shows it. Not shown, in the
 * middle of a blit: a survey's own knowledge counts, and a record's only when there is nothing where
 * QEMU allocated it. */
static void test_survey_two_places(void **unused)
{
    static const char blocks[] = "p/vga.vram 4 KiB 0x2000000 0x800000 0x800000\n";
    static const char shown[] = " AS \"memory\", root: system\n"
                                " 00000000f0000000-00000000f07fffff (prio 1, ram): vga.vram\n";
    const XenPhysmapRecord moved = { "p/vga.vram", 0x2000000, 0xf0000000, 0x800000 };
    const XenPhysmapRecord there = { "p/vga.vram", 0x2000000, 0x2000000, 0x800000 };
    const struct {
        const char *ranges;
        SurveyTrust trust;
        gboolean both;
        const XenPhysmapRecord *expected;
    } cases[] = {
        { shown, SURVEY_CLAIMED, TRUE, &moved }, { shown, SURVEY_OWN, TRUE, &moved },
        { "", SURVEY_OWN, TRUE, &moved },        { "", SURVEY_CLAIMED, TRUE, &there },
        { "", SURVEY_CLAIMED, FALSE, &moved },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(XenPhysmapTable) known = table_of(moved);
        g_autoptr(Survey) survey = NULL;

        fake_host_populate(host, 0xf0000000 >> 12, 1, 1);
        if (cases[i].both) {
            fake_host_populate(host, 0x2000000 >> 12, 1, 1);
        }
        survey = survey_of(host, blocks, cases[i].ranges, known, cases[i].trust);
        expect_records(survey->table, *cases[i].expected);
        /* Moved, and not shown there. */
        assert_int_equal(xen_physmap_table_size(survey->hidden),
                         !*cases[i].ranges && cases[i].expected == &moved);
    }
}

/* Two cards of a kind, one of them not decoding: what is shown is the other one's. */
static void test_survey_two_of_a_kind(void **unused)
{
    static const char blocks[] = "p/1/vga.vram 4 KiB 0x2000000 0x800000 0x800000\n"
                                 "p/2/vga.vram 4 KiB 0x2800000 0x800000 0x800000\n";
    static const char shown[] = " AS \"memory\", root: system\n"
                                " 00000000f0000000-00000000f07fffff (prio 1, ram): vga.vram\n";
    static const char both[] = " AS \"memory\", root: system\n"
                               " 00000000f0000000-00000000f07fffff (prio 1, ram): vga.vram\n"
                               " 00000000f8000000-00000000f87fffff (prio 1, ram): vga.vram\n";
    const XenPhysmapRecord one_there = { "p/1/vga.vram", 0x2000000, 0x2000000, 0x800000 };
    const XenPhysmapRecord one = { "p/1/vga.vram", 0x2000000, 0xf0000000, 0x800000 };
    const XenPhysmapRecord two = { "p/2/vga.vram", 0x2800000, 0xf8000000, 0x800000 };
    g_autoptr(XenPhysmapTable) known = table_of(one, two);

    (void)unused;
    for (guint i = 0; i < 3; i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(Survey) survey = NULL;

        fake_host_populate(host, 0xf8000000 >> 12, 1, 1);
        if (i < 2) {
            fake_host_populate(host, 0xf0000000 >> 12, 1, 1);
            survey = survey_of(host, blocks, i == 0 ? shown : both, known, SURVEY_OWN);
            expect_records(survey->table, one, two);
        } else {
            /* Nothing is known, and QEMU has moved one of the two. */
            fake_host_populate(host, 0x2000000 >> 12, 1, 1);
            survey = survey_of(host, blocks, both, NULL, SURVEY_OWN);
            expect_records(survey->table, one_there, two);
        }
    }
}

/*
 * The work is in proportion to the length of QEMU's answer, whatever is in it: a thousand equal
 * names, a hundred thousand ranges, sizes that no domain has.
 */
static void test_survey_bounded(void **unused)
{
    g_autoptr(GString) blocks = g_string_new(NULL);
    g_autoptr(GString) ranges = g_string_new(" AS \"memory\", root: system\n");
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(Survey) survey = NULL;

    (void)unused;
    for (guint64 i = 0; i < 1000; i++) {
        g_string_append_printf(blocks, "ram 4 KiB 0x%" G_GINT64_MODIFIER "x 0x1000 0x1000\n",
                               i << 12);
    }
    g_string_append(blocks, "p/big 4 KiB 0x4000000000000000 0x4000000000000000 "
                            "0x4000000000000000\n");
    for (guint64 i = 0; i < 100000; i++) {
        guint64 start = 0x10000000000 + (i << 12);

        g_string_append_printf(
            ranges, " %016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER "x (prio 0, ram): ram\n",
            start, start + 0xfff);
    }
    survey = survey_of(host, blocks->str, ranges->str, NULL, SURVEY_OWN);
    assert_int_equal(xen_physmap_table_size(survey->absent), 1001);
    assert_true(fake_host_calls(host, FAKE_MAP) < 2000);
}

static void expect_no_survey(FakeHost *host, const FakeQmpStep *steps, guint n, int code,
                             const char *reason)
{
    Session session = start_session(steps, n);
    GError *error = NULL;

    assert_null(
        survey_take(session.client, fake_host_ops(host), 5, NULL, SURVEY_OWN, ENOUGH_MS, &error));
    expect_error(&error, code, reason);
    finish(&session);
    expect_no_leaks(host);
}

static void test_survey_fails(void **unused)
{
    static const FakeQmpStep refused[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_REFUSE, "busy" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    static const FakeQmpStep half[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_TEXT, ramblocks },
        { QMP_AWAIT, "mtree" },
    };
    static const FakeQmpStep garbage[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_TEXT, "unknown command\r\n" },
        { QMP_AWAIT_CLOSE, NULL },
    };
    static const FakeQmpStep good[] = {
        QMP_HELLO,
        { QMP_AWAIT, "ramblock" },
        { QMP_TEXT, ramblocks },
        { QMP_AWAIT, "mtree" },
        { QMP_TEXT, mtree },
        { QMP_AWAIT_CLOSE, NULL },
    };
    g_autoptr(FakeHost) host = new_host();

    (void)unused;
    expect_no_survey(host, refused, G_N_ELEMENTS(refused), XEN_PHYSMAP_ERROR_UNAVAILABLE, "busy");
    expect_no_survey(host, half, G_N_ELEMENTS(half), XEN_PHYSMAP_ERROR_UNAVAILABLE,
                     "QEMU closed the connection");
    expect_no_survey(host, garbage, G_N_ELEMENTS(garbage), XEN_PHYSMAP_ERROR_UNAVAILABLE,
                     "'unknown command'");
    for (guint n = 1; n <= 4; n++) {
        fake_host_fail(host, FAKE_MAP, n, EACCES);
        expect_no_survey(host, good, G_N_ELEMENTS(good), XEN_PHYSMAP_ERROR_ACCESS,
                         "can't map guest address");
        fake_host_behave(host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramblocks),
        cmocka_unit_test(test_ramblocks_of_other_qemus),
        cmocka_unit_test(test_ramblocks_nameless),
        cmocka_unit_test(test_ramblocks_garbage),
        cmocka_unit_test(test_ramblocks_contradict),
        cmocka_unit_test(test_mtree),
        cmocka_unit_test(test_mtree_garbage),
        cmocka_unit_test(test_qmp),
        cmocka_unit_test(test_qmp_fails),
        cmocka_unit_test(test_qmp_closed),
        cmocka_unit_test(test_qmp_timeouts),
        cmocka_unit_test(test_qmp_late_answer),
        cmocka_unit_test(test_qmp_late_greeting),
        cmocka_unit_test(test_qmp_dispatch),
        cmocka_unit_test(test_survey),
        cmocka_unit_test(test_survey_believes_xen),
        cmocka_unit_test(test_survey_remembers),
        cmocka_unit_test(test_survey_unplugged),
        cmocka_unit_test(test_survey_ejected),
        cmocka_unit_test(test_survey_taken_place),
        cmocka_unit_test(test_survey_two_places),
        cmocka_unit_test(test_survey_two_of_a_kind),
        cmocka_unit_test(test_survey_bounded),
        cmocka_unit_test(test_survey_fails),
    };

    return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
