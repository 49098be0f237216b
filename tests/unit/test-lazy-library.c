/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Libraries that are loaded when they are needed: what happens when one isn't there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "lazy-library.h"

static void expect(const char *soname, const char *name, gboolean there)
{
    const char *const names[] = { "strlen", name, NULL };
    void *functions[2] = { NULL };
    const LazyLibrary library = { soname, names, functions };

    errno = 0;
    assert_int_equal(lazy_library_load(&library), there);
    assert_int_equal(lazy_library_load(&library), there);
    assert_int_equal(errno, there ? 0 : ELIBACC);
    assert_int_equal(functions[0] != NULL, there);
    if (there) {
        assert_int_equal(((size_t(*)(const char *))functions[0])("four"), 4);
    }
}

static void test_load(void **unused)
{
    (void)unused;
    expect("libc.so.6", "strtol", TRUE);
    expect("libc.so.6", "no_such_function_of_it", FALSE);
    expect("libxenctrl.so.0.1", "strtol", FALSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_load) };

    return cmocka_run_group_tests_name("lazy-library", tests, NULL, NULL);
}
