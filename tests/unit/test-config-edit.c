/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration in a savefile is edited: what changes, and that all else stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "config-edit.h"

#define EDIT(...) ((const char *[]){ "edit", __VA_ARGS__, "-", "-", NULL })

static const char json[] =
    "{ \"c_info\" :{\"type\":\"hvm\", \"name\":\"g\\u00e91\\n\",\"uuid\":\"42356ed2-6bca-44b4-8eb1-"
    "b5807b1171ac\"},\t\"b_info\":{\"max_memkb\":49152,\"on\":true,\"no\":null,"
    "\"extra\":[\"-drive\",\"format=raw,file=/d,if=ide\"],\"type.hvm\":{\"serial\":\"\"}},\n"
    "\"disks\":[{\"pdev_path\":\"\\/d\",\"vdev\":\"xvda\"},{\"pdev_path\":\"/e\"}],"
    "\"nics\":[{\"mac\":\"00:16:3e:00:00:01\"},{\"mac\":\"00:16:3e:00:00:02\"}]}\n";

static const char xml[] =
    "<?xml version='1.0'?>\n<domain type='xen'><!-- <name>no</name> --><name>g&lt;1</name >\n"
    "<uuid>42356ed2-6bca-44b4-8eb1-b5807b1171ac</uuid><memory unit='KiB'>49152</memory>"
    "<os><type arch='x86_64'>hvm</type></os><devices>"
    "<disk type='file'><driver name='qemu' type=\"raw\"/><source file='/d'/></disk>"
    "<disk type='block'><source dev = \"/e\" /></disk><odd>a<b/>c</odd>"
    "<interface type='bridge'><mac address='00:16:3e:00:00:01'/></interface>"
    "</devices></domain>";

/* What one edit makes of the text: `from` becomes `to`, and nothing else changes. */
static void expect(gboolean is_xml, const char *const *args, const char *from, const char *to)
{
    const char *text = is_xml ? xml : json, *found = strstr(text, from);
    g_autofree char *start = g_strndup(text, found - text);
    g_autofree char *wanted = g_strconcat(start, to, found + strlen(from), NULL);

    for (guint big = 0; big <= 1; big++) {
        Maker maker = { g_byte_array_new(), big }, after = { g_byte_array_new(), big };
        Run run;

        if (is_xml) {
            maker_libvirt(&maker, 2, text);
            maker_libvirt(&after, 2, wanted);
        } else {
            maker_xl(&maker, 3, text);
            maker_xl(&after, 3, wanted);
        }
        maker_libxl(&maker, MAKER_LITERAL(MAKER_PAIRS));
        maker_libxl(&after, MAKER_LITERAL(MAKER_PAIRS));
        run = run_made(verb_edit, &maker, args);
        assert_string_equal(run.err, "");
        assert_int_equal(run.end, EXIT_FINE);
        assert_int_equal(run.bytes->len, after.bytes->len);
        assert_memory_equal(run.bytes->data, after.bytes->data, after.bytes->len);
        run_clear(&run);
        maker_clear(&maker);
        maker_clear(&after);
    }
}

static void test_values(void **unused)
{
    (void)unused;
    expect(FALSE, EDIT("--name", "g2"), "g\\u00e91\\n", "g2");
    expect(FALSE, EDIT("--uuid", "00000000-0000-4000-8000-000000000001"),
           "42356ed2-6bca-44b4-8eb1-b5807b1171ac", "00000000-0000-4000-8000-000000000001");
    expect(FALSE, EDIT("--disk", "/e=/f=\"\\"), "\"/e\"", "\"/f=\\\"\\\\\"");
    expect(FALSE, EDIT("--set-config", "b_info.max_memkb=-1.5e+3"), "49152", "-1.5e+3");
    expect(FALSE, EDIT("--set-config", "b_info.on=false"), "true", "false");
    expect(FALSE, EDIT("--set-config", "b_info.type.hvm.serial=pty"), "\"serial\":\"\"",
           "\"serial\":\"pty\"");
    expect(FALSE, EDIT("--set-config", "disks.vdev=hda"), "xvda", "hda");
    expect(FALSE, EDIT("--set-config", "nics[1].mac=x"), "00:16:3e:00:00:02", "x");
    expect(TRUE, EDIT("--name", "g2"), "g&lt;1", "g2");
    expect(TRUE, EDIT("--set-config", "domain/name=<g&2>"), "g&lt;1", "&lt;g&amp;2&gt;");
    expect(TRUE, EDIT("--disk", "/e='\""), "\"/e\"", "\"&apos;&quot;\"");
    expect(TRUE, EDIT("--set-config", "domain/memory=1"), "49152", "1");
    expect(TRUE, EDIT("--set-config", "domain/memory/@unit=MiB"), "KiB", "MiB");
    expect(TRUE, EDIT("--set-config", "domain/devices/disk[1]/driver/@type=qcow2"), "\"raw\"",
           "\"qcow2\"");
    expect(TRUE, EDIT("--set-config", "domain[1]/devices/disk[2]/@type=file"), "block", "file");
}

/* A disk occurs in several places. */
static void test_disk(void **unused)
{
    ConfigOrders orders = { .disks = (char *[]){ (char *)"/d=/n", NULL } };
    g_autoptr(GString) text = config_edit(WRAPPER_XL, json, strlen(json), &orders, NULL);

    (void)unused;
    assert_non_null(text);
    assert_non_null(strstr(text->str, "\"format=raw,file=/n,if=ide\""));
    assert_non_null(strstr(text->str, "\"pdev_path\":\"/n\""));
    assert_null(strstr(text->str, "/d"));
}

/* A generated value differs from all others, and has the right form. */
static void test_new(void **unused)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    (void)unused;
    for (guint i = 0; i < 16; i++) {
        ConfigOrders orders = { .uuid = g_strdup("new"), .new_macs = TRUE };
        g_autoptr(GString) text = NULL;
        const char *first, *second;

        assert_true(config_orders_prepare(&orders, NULL));
        assert_true(g_uuid_string_is_valid(orders.uuid));
        assert_true(g_hash_table_add(seen, g_strdup(orders.uuid)));
        text = config_edit(WRAPPER_XL, json, strlen(json), &orders, NULL);
        assert_non_null(text);
        assert_non_null(strstr(text->str, orders.uuid));
        first = strstr(text->str, "\"mac\":\"00:16:3e:");
        second = strstr(first + 1, "\"mac\":\"00:16:3e:");
        assert_non_null(second);
        assert_true(first[16] < '8');
        assert_int_not_equal(memcmp(first, second, 24), 0);
        g_free(orders.uuid);
    }
}

static void test_config(void **unused)
{
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("config-XXXXXX", &name, NULL);

    (void)unused;
    assert_int_equal(write(fd, MAKER_LITERAL("{\"c_info\":{\"type\":\"hvm\",\"name\":\"n\"}}\0")),
                     37);
    close(fd);
    expect(FALSE, EDIT("--config", name, "--name", "m"), json,
           "{\"c_info\":{\"type\":\"hvm\",\"name\":\"m\"}}");
    unlink(name);
}

/* A configuration of another type of guest doesn't fit the stream. */
static void test_type(void **unused)
{
    ConfigOrders text = { .text = (char *)"{\"c_info\":{\"type\":\"pv\",\"name\":\"n\"}}" };
    ConfigOrders setting = { .settings = (char *[]){ (char *)"domain/os/type=linux", NULL } };
    g_autoptr(GError) first = NULL, second = NULL;

    (void)unused;
    assert_null(config_edit(WRAPPER_XL, json, strlen(json), &text, &first));
    assert_non_null(strstr(first->message, "another type of guest"));
    assert_null(config_edit(WRAPPER_LIBVIRT, xml, strlen(xml), &setting, &second));
    assert_non_null(strstr(second->message, "another type of guest"));
}

static void expect_refusal(Maker *maker, const char *const *args, const char *wanted)
{
    Run run = run_made(verb_edit, maker, args);

    if (run.end != EXIT_FINDING) {
        fail_msg("%s: not refused", wanted);
    }
    assert_int_equal(run.bytes->len, 0);
    if (!strstr(run.err, wanted)) {
        fail_msg("wanted '%s', got '%s'", wanted, run.err);
    }
    run_clear(&run);
}

static void test_refusals(void **unused)
{
    const struct {
        const char *const *args;
        const char *wanted;
    } cases[] = {
        { EDIT("--set-config", "b_info.max_memkb=08"), "b_info.max_memkb is a number" },
        { EDIT("--set-config", "b_info.max_memkb="), "b_info.max_memkb is a number" },
        { EDIT("--set-config", "b_info.on=True"), "b_info.on is true or false" },
        { EDIT("--set-config", "b_info.no=1"), "no value b_info.no" },
        { EDIT("--set-config", "b_info.type.hvm=1"), "no value b_info.type.hvm" },
        { EDIT("--set-config", "nics.mac=x"), "2 values nics.mac" },
        { EDIT("--set-config", "c_info.name=a\nb"), "control characters" },
        { EDIT("--set-config", "c_info.name="), "no name of a guest" },
        { EDIT("--disk", "/none=/x"), "no disk /none" },
    };
    Maker maker = MAKER_INIT, bare = MAKER_INIT, cfg = MAKER_INIT, xapi = MAKER_INIT;
    Maker longer = MAKER_INIT;

    (void)unused;
    maker_xl(&maker, 3, json);
    maker_libxl(&maker, NULL, 0);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        expect_refusal(&maker, cases[i].args, cases[i].wanted);
    }
    maker_libxl(&bare, NULL, 0);
    expect_refusal(&bare, EDIT("--name", "a"), "a bare stream has no configuration");
    maker_xl(&cfg, 2, "name = 'g1'");
    maker_libxl(&cfg, NULL, 0);
    expect_refusal(&cfg, EDIT("--name", "a"), "is not JSON");
    maker_put(&xapi, MAKER_LITERAL("XenSavedDomv2-\n"));
    expect_refusal(&xapi, EDIT("--name", "a"), "XAPI keeps");
    maker_xl(&longer, 3, json);
    maker_patch(&longer, 48, 0x7fffffff);
    maker_libxl(&longer, NULL, 0);
    expect_refusal(&longer, EDIT("--name", "a"), "doesn't fit the wrapper's");
    maker_clear(&maker);
    maker_clear(&bare);
    maker_clear(&cfg);
    maker_clear(&xapi);
    maker_clear(&longer);
}

/* A malformed option is wrong usage, whatever the file is. */
static void test_usage(void **unused)
{
    const char *const *const cases[] = {
        EDIT("--name", ""),         EDIT("--name", "7"),           EDIT("--name", "a/b"),
        EDIT("--name", "a b"),      EDIT("--name", ".."),          EDIT("--uuid", "old"),
        EDIT("--mac", "00:16:3e:"), EDIT("--disk", "a"),           EDIT("--disk", "=a"),
        EDIT("--set-config", "a"),  EDIT("--set-config", "=a"),    EDIT("--uuid", ""),
        EDIT("--mac", ""),          EDIT("--name", "a\x1b[2J\nb"),
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Run run = run_verb(verb_edit, -1, cases[i]);

        assert_int_equal(run.end, EXIT_TROUBLE);
        assert_null(strchr(run.err, '\x1b'));
        run_clear(&run);
    }
}

/* Text that can't be parsed is refused, with the offset of the error. */
static void test_broken(void **unused)
{
    static const struct {
        gboolean xml;
        const char *text, *wanted;
    } cases[] = {
        { FALSE, "", "byte 0" },
        { FALSE, "{", "byte 1 of the configuration: a member has no name" },
        { FALSE, "{\"a\":1,}", "byte 7 of the configuration: a member has no name" },
        { FALSE, "{\"a\" 1}", "byte 5 of the configuration: a colon" },
        { FALSE, "[1 2]", "byte 3 of the configuration: a comma" },
        { FALSE, "[01]", "byte 1" },
        { FALSE, "[1,]", "byte 3" },
        { FALSE, "[-]", "byte 1" },
        { FALSE, "[1.]", "byte 1" },
        { FALSE, "[1e]", "byte 1" },
        { FALSE, "[\"a\tb\"]", "byte 3 of the configuration: a string doesn't end" },
        { FALSE, "[\"a", "byte 3 of the configuration: a string doesn't end" },
        { FALSE, "[\"\\x\"]", "byte 3 of the configuration: there is no such escape" },
        { FALSE, "[\"\\u12\"]", "is not a character" },
        { FALSE, "[\"\\u0000\"]", "is not a character" },
        { FALSE, "[\"\\ud800\"]", "half a character" },
        { FALSE, "[\"\\udc00\\ud800\"]", "half a character" },
        { FALSE, "[\"\\ud800\\u0041\"]", "half a character" },
        { FALSE, "[] x", "byte 3 of the configuration: there is more after the end" },
        { FALSE, "/* a */ {}", "byte 0" },
        { TRUE, "<a>", "isn't closed" },
        { TRUE, "<a></b>", "byte 6" },
        { TRUE, "</a>", "closes no element" },
        { TRUE, "<>", "byte 1 of the configuration: an element has no name" },
        { TRUE, "<a b></a>", "byte 4 of the configuration: an attribute has no value" },
        { TRUE, "<a b=c></a>", "between quotes" },
        { TRUE, "<a b='c></a>", "between quotes" },
        { TRUE, "<a", "no name" },
        { TRUE, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
          "byte 0 of the configuration: a document" },
        { TRUE, "<!-- <a></a>", "its --> is missing" },
        { TRUE, "<a><![CDATA[</a>", "its ]]> is missing" },
    };
    g_autofree char *deep = g_strnfill(100, '['), *path = g_strnfill(2000, 'a');
    g_autofree char *long_path = g_strdup_printf("{\"%s\":1}", path);
    g_autoptr(GString) many = g_string_new("[1");

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(config_text_parse(cases[i].xml, cases[i].text, strlen(cases[i].text), &error));
        if (!strstr(error->message, cases[i].wanted)) {
            fail_msg("%s: wanted '%s', got '%s'", cases[i].text, cases[i].wanted, error->message);
        }
    }
    for (guint i = 0; i < 20000; i++) {
        g_string_append(many, ",1");
    }
    g_string_append(many, "]");
    assert_null(config_text_parse(FALSE, deep, strlen(deep), NULL));
    assert_null(config_text_parse(FALSE, long_path, strlen(long_path), NULL));
    assert_null(config_text_parse(FALSE, many->str, many->len, NULL));
    assert_null(config_text_parse(FALSE, "[\"\xff\"]", 5, NULL));
    assert_null(config_text_parse(FALSE, "[]\0[]", 5, NULL));
}

/* Strings are found by their contents, however they are escaped. */
static void test_decoded(void **unused)
{
    static const char text[] = "[\"\\ud83d\\ude00\\\"\\/\\b\\f\\n\\r\\t\"]";
    static const char markup[] = "<a b='&lt;&gt;&amp;&quot;&apos;' c='&#65;'>&amp;amp;</a>";
    g_autoptr(ConfigText) config = config_text_parse(FALSE, text, strlen(text), NULL);
    g_autoptr(ConfigText) other = config_text_parse(TRUE, markup, strlen(markup), NULL);

    (void)unused;
    assert_non_null(config);
    assert_non_null(other);
    assert_string_equal(((ConfigValue *)config->values->pdata[0])->value,
                        "\xf0\x9f\x98\x80\"/\b\f\n\r\t");
    assert_int_equal(other->values->len, 2);
    assert_string_equal(((ConfigValue *)other->values->pdata[0])->value, "<>&\"'");
    assert_string_equal(((ConfigValue *)other->values->pdata[1])->value, "&amp;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_disk),
        cmocka_unit_test(test_new),     cmocka_unit_test(test_config),
        cmocka_unit_test(test_type),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_usage),   cmocka_unit_test(test_broken),
        cmocka_unit_test(test_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
