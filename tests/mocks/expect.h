/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cmocka with what it needs included first, and the assertions that several tests share. */
#ifndef EXPECT_H
#define EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <xen-physmap/table.h>

#include "fake-host.h"

/* All of these fail the test at the line that calls them. */

/* An error of the project with this code, whose message has `text` in it, is one line and can be
 * sent to a terminal. Clears *error. */
#define expect_error(error, code, text) expect_error_at(error, code, text, __FILE__, __LINE__)
void expect_error_at(GError **error, int code, const char *text, const char *file, int line);

/* No error, or its message is the test's. */
#define expect_no_error(error) expect_no_error_at(error, __FILE__, __LINE__)
void expect_no_error_at(const GError *error, const char *file, int line);

/* One line of printable ASCII, not empty, without a full stop at its end. */
#define expect_message(message) expect_message_at(message, __FILE__, __LINE__)
void expect_message_at(const char *message, const char *file, int line);

/* The library has released everything that it got from the host. */
#define expect_no_leaks(host) expect_no_leaks_at(host, __FILE__, __LINE__)
void expect_no_leaks_at(const FakeHost *host, const char *file, int line);

/* The table holds exactly these records, given in the order of phys_offset. */
#define expect_records(table, ...)                                                                 \
    expect_records_at(table, (const XenPhysmapRecord[]){ __VA_ARGS__ },                            \
                      sizeof((const XenPhysmapRecord[]){ __VA_ARGS__ }) /                          \
                          sizeof(XenPhysmapRecord),                                                \
                      __FILE__, __LINE__)
void expect_records_at(const XenPhysmapTable *table, const XenPhysmapRecord *records, guint n,
                       const char *file, int line);

/* A table of these records, which must be valid. */
#define table_of(...)                                                                              \
    table_of_at((const XenPhysmapRecord[]){ __VA_ARGS__ },                                         \
                sizeof((const XenPhysmapRecord[]){ __VA_ARGS__ }) / sizeof(XenPhysmapRecord),      \
                __FILE__, __LINE__)
XenPhysmapTable *table_of_at(const XenPhysmapRecord *records, guint n, const char *file, int line);

/* A number from the environment, for seeds and sizes of randomized tests. */
guint64 environment_number(const char *name, guint64 otherwise);

#endif
