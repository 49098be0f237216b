/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The assertions that several tests share, each reported at the line of its caller. */
#include "expect.h"

#include <stdlib.h>
#include <string.h>

static void fail_at(const char *file, int line, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void fail_at(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    print_error("%s\n", text);
    _fail(file, line);
}

void expect_message_at(const char *message, const char *file, int line)
{
    gsize n = message ? strlen(message) : 0;

    if (n == 0) {
        fail_at(file, line, "an error without a message");
    }
    for (gsize i = 0; i < n; i++) {
        if (message[i] < 0x20 || message[i] > 0x7e) {
            g_autofree char *shown = g_strescape(message, NULL);

            fail_at(file, line, "a byte that isn't printable in the message: %s", shown);
        }
    }
    if (message[n - 1] == '.' && !g_str_has_suffix(message, "...")) {
        fail_at(file, line, "a full stop at the end of the message: %s", message);
    }
}

void expect_error_at(GError **error, int code, const char *text, const char *file, int line)
{
    if (!*error) {
        fail_at(file, line, "no error was set; expected: %s", text);
    }
    if ((*error)->domain != XEN_PHYSMAP_ERROR || (*error)->code != code) {
        fail_at(file, line, "error code %d, expected %d: %s", (*error)->code, code,
                (*error)->message);
    }
    expect_message_at((*error)->message, file, line);
    if (!strstr((*error)->message, text)) {
        fail_at(file, line, "expected '%s' in the message: %s", text, (*error)->message);
    }
    g_clear_error(error);
}

void expect_no_error_at(const GError *error, const char *file, int line)
{
    if (error) {
        fail_at(file, line, "unexpected error: %s", error->message);
    }
}

void expect_no_leaks_at(const FakeHost *host, const char *file, int line)
{
    char *leaks = fake_host_leaks(host);

    if (leaks) {
        fail_at(file, line, "%s", leaks);
    }
}

static char *table_text(const XenPhysmapTable *table)
{
    GString *out = g_string_new(NULL);
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        g_string_append_printf(
            out, "%s %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x\n",
            record->name, record->phys_offset, record->start_addr, record->size);
    }
    return g_string_free(out, FALSE);
}

void expect_records_at(const XenPhysmapTable *table, const XenPhysmapRecord *records, guint n,
                       const char *file, int line)
{
    g_autoptr(XenPhysmapTable) wanted = table_of_at(records, n, file, line);

    if (!table || !xen_physmap_table_equal(table, wanted)) {
        g_autofree char *got = table ? table_text(table) : g_strdup("no table\n");
        g_autofree char *want = table_text(wanted);

        fail_at(file, line, "expected these records:\n%sbut there are:\n%s", want, got);
    }
}

XenPhysmapTable *table_of_at(const XenPhysmapRecord *records, guint n, const char *file, int line)
{
    XenPhysmapTable *table = xen_physmap_table_new();
    GError *error = NULL;

    for (guint i = 0; i < n; i++) {
        xen_physmap_table_add(table, &records[i], &error);
        expect_no_error_at(error, file, line);
    }
    return table;
}

guint64 environment_number(const char *name, guint64 otherwise)
{
    const char *text = g_getenv(name);
    guint64 number;

    if (!text) {
        return otherwise;
    }
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL)) {
        g_printerr("%s=%s is not a number\n", name, text);
        exit(1);
    }
    return number;
}
