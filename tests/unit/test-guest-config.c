/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's configuration in a savefile, and what the verb show says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "../mocks/run-verb.h"
#include "guest-config.h"

static const char json[] =
    "{\"c_info\":{\"type\":\"hvm\",\"name\":\"g1\",\"uuid\":\"42356ed2-6bca-44b4-8eb1-"
    "b5807b1171ac\"},"
    "\"b_info\":{\"max_memkb\":49152,\"target_memkb\":40960,\"video_memkb\":16384,"
    "\"type.hvm\":{\"mmio_hole_memkb\":1048576,\"vga\":{\"kind\":\"std\"}}},"
    "\"disks\":[{\"pdev_path\":\"/"
    "d\\u001b[2J\",\"vdev\":\"xvda\",\"format\":\"raw\"},{\"vdev\":\"hdc\"},7],"
    "\"nics\":[{\"mac\":\"00:16:3e:00:00:01\",\"bridge\":\"xenbr0\",\"model\":\"e1000\"},{}]}";

static const char xml[] =
    "<?xml version='1.0'?><domain type='xen'><name>g&lt;1</name>\n"
    "<uuid>42356ed2-6bca-44b4-8eb1-b5807b1171ac</uuid><memory unit='MiB'>48</memory>"
    "<currentMemory>40960</currentMemory><os><type arch='x86_64'>hvm</type></os><devices>"
    "<disk type='file'><driver name='qemu' type='raw'/><source file='/d'/><target "
    "dev='xvda'/></disk>"
    "<disk type='block'><source dev='/dev/x'/><target dev='hdc'/></disk>"
    "<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='xenbr0'/>"
    "<model type='e1000'/></interface>"
    "<video><model type='vga' vram='16384' heads='1'/></video></devices></domain>";

static void expect(const GuestConfig *config, const char *name, const char *disk)
{
    assert_non_null(config);
    assert_int_equal(config->type, CONFIG_HVM);
    assert_string_equal(config->name, name);
    assert_string_equal(config->uuid, "42356ed2-6bca-44b4-8eb1-b5807b1171ac");
    assert_int_equal(config->memory, 48 << 20);
    assert_int_equal(config->target, 40 << 20);
    assert_int_equal(config->video, 16 << 20);
    assert_string_equal(config->vga, "std");
    assert_int_equal(config->disks->len, 2);
    assert_string_equal(config->disks->pdata[0], disk);
    assert_int_equal(config->cards->len, 1);
    assert_string_equal(config->cards->pdata[0], "00:16:3e:00:00:01: e1000, bridge xenbr0");
}

static void test_parse(void **unused)
{
    g_autoptr(GuestConfig) xl = guest_config_parse(WRAPPER_XL, json, strlen(json), NULL);
    g_autoptr(GuestConfig) libvirt = guest_config_parse(WRAPPER_LIBVIRT, xml, strlen(xml), NULL);

    (void)unused;
    expect(xl, "g1", "xvda: /d\x1b[2J, raw");
    assert_string_equal(xl->disks->pdata[1], "hdc: empty");
    assert_int_equal(xl->low_ram_end, 0xc0000000);
    assert_int_equal(guest_config_low_ram(xl), 32 << 20);
    assert_true(guest_config_high_ram(xl) == G_GUINT64_CONSTANT(1) << 32);
    expect(libvirt, "g<1", "xvda: /d, raw");
    assert_string_equal(libvirt->disks->pdata[1], "hdc: /dev/x");
}

/* A value of the wrong form is ignored, and does no harm. */
static void test_odd(void **unused)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"c_info\":7,\"b_info\":[]}",
        "{\"c_info\":{\"name\":7},\"b_info\":{\"max_memkb\":-1,\"video_memkb\":9223372036854775807}"
        ","
        "\"disks\":{},\"nics\":[[]]}",
        "{\"b_info\":{\"max_memkb\":\"49152\",\"type.hvm\":{\"mmio_hole_memkb\":4294967296}}}",
    };
    static const char *const broken[] = { "{", "", "<domain/>", "{\"a\":1,\"a\":2}" };
    static const char *const broken_xml[] = { "<domain>", "", "{}", "<a></b>", "<a/><b/>\x01" };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GuestConfig) config =
            guest_config_parse(WRAPPER_XL, texts[i], strlen(texts[i]), NULL);

        assert_non_null(config);
        assert_null(config->name);
        assert_int_equal(config->memory, 0);
        assert_int_equal(config->video, 0);
        assert_true(config->low_ram_end == 0xf0000000);
        assert_int_equal(config->disks->len + config->cards->len, 0);
    }
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(guest_config_parse(WRAPPER_XL, broken[i], strlen(broken[i]), &error));
        assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    }
    for (guint i = 0; i < G_N_ELEMENTS(broken_xml); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(
            guest_config_parse(WRAPPER_LIBVIRT, broken_xml[i], strlen(broken_xml[i]), &error));
        assert_true(g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID));
    }
}

static void test_show(void **unused)
{
    Maker maker = MAKER_INIT, bare = MAKER_INIT;
    Run run;

    (void)unused;
    maker_xl(&maker, 3, json);
    maker_libxl(&maker, NULL, 0);
    run = run_made(verb_show, &maker, (const char *[]){ "show", "-", NULL });
    assert_int_equal(run.end, EXIT_FINE);
    assert_true(g_str_has_prefix(run.out,
                                 "name g1, uuid 42356ed2-6bca-44b4-8eb1-b5807b1171ac\n"
                                 "memory 48 MiB, of which it has 40 MiB, with 16 MiB of videoram, "
                                 "VGA std\n"
                                 "disk xvda: /d\\x1b[2J, raw\n"
                                 "disk hdc: empty\n"
                                 "card 00:16:3e:00:00:01: e1000, bridge xenbr0\n"));
    run_clear(&run);
    run = run_made(verb_show, &maker, (const char *[]){ "show", "--config", "-", NULL });
    assert_int_equal(run.end, EXIT_FINE);
    assert_int_equal(run.bytes->len, strlen(json) + 1);
    assert_memory_equal(run.out, json, strlen(json));
    run_clear(&run);
    run = run_made(verb_show, &maker, (const char *[]){ "show", "--json", "-", NULL });
    assert_non_null(strstr(run.out, "\"videoram\" : 16777216"));
    run_clear(&run);
    maker_clear(&maker);

    maker_libxl(&bare, NULL, 0);
    run = run_made(verb_show, &bare, (const char *[]){ "show", "--config", "-", NULL });
    assert_int_equal(run.end, EXIT_TROUBLE);
    assert_string_equal(run.err, "xen-physmap show: -: a bare stream has no configuration\n");
    run_clear(&run);
    maker_clear(&bare);
}

/* What isn't a savefile is named. */
static void test_foreign(void **unused)
{
    static const struct {
        const char *bytes, *wanted;
    } cases[] = {
        { "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0\x3e\0", "an ELF core" },
        { "\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\4\0\x3e", "an ELF core" },
        { "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0", "a program" },
        { "QEVM\0\0\0\3aaaaaaaaaaaa", "the state of a QEMU alone" },
        { "LibvirtQemudSave\0\0\0\0", "libvirt's image of a KVM guest; virsh" },
        { "QFI\xfb\0\0\0\3aaaaaaaaaaaa", "a disk image in qcow2" },
        { "conectixaaaaaaaaaaaa", "a disk image in VHD;" },
        { "vhdxfileaaaaaaaaaaaa", "a disk image in VHDX" },
        { "LinuxGuestRecordaaaa", "Xen 4.1 or older" },
        { "BZh91AY&SYaaaaaaaaaa", "bzip2 -dc" },
        { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "begins with zeros" },
        { "a\x1b[2Jaaaaaaaaaaaaaaa", "it starts neither as one of xl" },
    };

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = MAKER_INIT;
        int reader;
        pid_t writer;
        Run run;

        maker_put(&maker, cases[i].bytes, 20);
        reader = maker_pipe(&maker, &writer);
        run = run_verb(verb_show, reader, (const char *[]){ "show", "-", NULL });
        maker_pipe_end(reader, writer);
        assert_int_equal(run.end, EXIT_FINDING);
        if (!strstr(run.err, cases[i].wanted) || !strstr(run.err, "this is not a savefile: it ")) {
            fail_msg("%s", run.err);
        }
        run_clear(&run);
        maker_clear(&maker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_odd),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_foreign),
    };

    return cmocka_run_group_tests_name("guest-config", tests, NULL, NULL);
}
