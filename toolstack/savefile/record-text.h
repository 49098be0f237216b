/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as a table in text, and as a JSON object. */
#ifndef XEN_PHYSMAP_RECORD_TEXT_H
#define XEN_PHYSMAP_RECORD_TEXT_H

#include <stdio.h>

#include <json-glib/json-glib.h>
#include <xen-physmap/table.h>

/* For records that belong to no running domain. */
#define RECORD_TEXT_NO_DOMID (-1)

/*
 * The version of the JSON that the verbs print, see docs/formats.md section 8. It changes when a
 * member gets another meaning or is removed, not when one is added.
 */
#define RECORD_TEXT_VERSION 1

/* Columns with a heading: name, size, guest address, offset, moved or in place. */
void record_text_text(FILE *out, const XenPhysmapTable *table);

/* {"version": 1, "verb": VERB}, which the verb completes. */
JsonObject *record_text_answer(const char *verb);

/* {"domid": DOMID, "name": NAME}. */
JsonObject *record_text_domain(guint32 domid, const char *name);

/* {"severity": "error", "warning" or "note", "text": TEXT}. */
JsonObject *record_text_finding(const char *severity, const char *text);

/* One record, as an element of "records". */
JsonObject *record_text_record(const XenPhysmapRecord *record);

/* An array of strings, which may be NULL for none. */
JsonArray *record_text_strings(const GPtrArray *strings);

/* Adds "records", in the order of phys_offset. */
void record_text_add_records(JsonObject *object, const XenPhysmapTable *table);

/* Adds a string of any bytes, such as a file's name, as UTF-8. */
void record_text_add_bytes(JsonObject *object, const char *member, const char *bytes);

/*
 * Adds an address as the number MEMBER and the string MEMBER_hex, both null when there is none. The
 * number is also null above 2^63 - 1, which JSON-GLib can't print.
 */
void record_text_add_address(JsonObject *object, const char *member, const guint64 *address);

/* Parses JSON from outside: UTF-8, and not nested so deep that the parser would run out of stack.
 * INVALID when it can't be read. The caller owns the node. */
JsonNode *record_text_load_json(const char *text, gsize length, GError **error);

/*
 * The records of an object that list (of one domain), show, save or another verb prints; other members
 * are ignored. An address is a number or a string of 0x and hexadecimal digits. INVALID when it isn't
 * such an object. The caller owns the table.
 */
XenPhysmapTable *record_text_parse_json(const char *text, gsize length, GError **error);

/* The text of an object, which it frees: indented, or on one line. Free it with g_free. */
char *record_text_json(JsonObject *object, gboolean indented);

/* Prints an object, indented, and frees it. */
void record_text_print_json(FILE *out, JsonObject *object);

/* Bytes as "16 MiB", exact, in the largest unit that leaves a whole number. Free with g_free. */
char *record_text_size(guint64 size);

#endif
