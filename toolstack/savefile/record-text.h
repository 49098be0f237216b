/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as a table in text, and as a JSON object. */
#ifndef XEN_PHYSMAP_RECORD_TEXT_H
#define XEN_PHYSMAP_RECORD_TEXT_H

#include <stdio.h>

#include <json-glib/json-glib.h>
#include <xen-physmap/table.h>

/* For the "domid" of the JSON object: null, for records that aren't a running domain's. */
#define RECORD_TEXT_NO_DOMID (-1)

/* Columns with a heading: name, size, guest address, offset, moved or in place. */
void record_text_text(FILE *out, const XenPhysmapTable *table);

/* {"domid": N or null, "source": "...", "records": [...]}, records by phys_offset. */
JsonNode *record_text_json(const XenPhysmapTable *table, gint64 domid, const char *source);

/* One record as an element of "records". */
JsonObject *record_text_record_json(const XenPhysmapRecord *record);

/* Parses JSON from outside: UTF-8, and not nested so deep that the parser would run out of stack.
 * INVALID when it can't be read. The caller owns the node. */
JsonNode *record_text_load_json(const char *text, gsize length, GError **error);

/*
 * The records of such an object, in any order. Other members are ignored. INVALID when it isn't
 * such an object: a number has to be a string, 0x and hexadecimal. The caller owns the table.
 */
XenPhysmapTable *record_text_parse_json(const char *text, gsize length, GError **error);

/* Prints a node on one or more lines, and frees it. */
void record_text_print_json(FILE *out, JsonNode *node);

/* Bytes as "16 MiB", exact, in the largest unit that leaves a whole number. Free with g_free. */
char *record_text_size(guint64 size);

#endif
