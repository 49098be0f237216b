/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes and addresses as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "number.h"

static void test_forms(void **unused)
{
    static const struct {
        const char *text;
        guint base;
        guint64 value;
    } good[] = {
        { "0", 10, 0 },
        { "4096", 10, 4096 },
        { "0x1000", 10, 4096 },
        { "0X1000", 16, 4096 },
        { "1000", 16, 4096 },
        { "f1000000", 16, 0xf1000000 },
        { "16M", 10, 16 << 20 },
        { "16M", 16, 16 << 20 },
        { "16m", 10, 16 << 20 },
        { "16MiB", 10, 16 << 20 },
        { "4k", 10, 4096 },
        { "0x10K", 10, 16 << 10 },
        { "2G", 10, G_GUINT64_CONSTANT(2) << 30 },
        { "1T", 16, G_GUINT64_CONSTANT(1) << 40 },
        { "18446744073709551615", 10, G_MAXUINT64 },
        { "16777215T", 10, G_GUINT64_CONSTANT(16777215) << 40 },
    };
    static const struct {
        const char *text;
        guint base;
    } bad[] = {
        { "", 10 },
        { "M", 10 },
        { "0x", 10 },
        { "-1", 10 },
        { "+1", 10 },
        { " 1", 10 },
        { "1 ", 10 },
        { "1.5M", 10 },
        { "ff", 10 },
        { "1MM", 10 },
        { "18446744073709551616", 10 },
        { "iB", 10 },
        { "xiB", 10 },
        { "16777216T", 10 },
        { "0x-1", 10 },
        { "fM", 16 },
        { "1E", 10 },
        { "0xM", 10 },
    };
    guint64 value;

    (void)unused;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        if (!number_parse(good[i].text, good[i].base, &value) || value != good[i].value) {
            fail_msg("%s", good[i].text);
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        if (number_parse(bad[i].text, bad[i].base, &value)) {
            fail_msg("%s", bad[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms) };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
