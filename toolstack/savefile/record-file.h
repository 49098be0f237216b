/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in a file of their own, in any format that toolstacks use; see docs/formats.md. */
#ifndef XEN_PHYSMAP_RECORD_FILE_H
#define XEN_PHYSMAP_RECORD_FILE_H

#include <xen-physmap/table.h>

typedef enum {
    RECORD_FORM_JSON,         /* section 8 */
    RECORD_FORM_LIBXL_BODY,   /* section 4: the body of an EMULATOR_XENSTORE_DATA record */
    RECORD_FORM_LIBXL_RECORD, /* with its header and padding */
    RECORD_FORM_LEGACY,       /* section 7.1: the toolstack blob, as a 64-bit toolstack wrote it */
    RECORD_FORM_LEGACY32,     /* and as a 32-bit one did */
    RECORD_FORM_STREAM,       /* a whole savefile or stream, which is only read */
    RECORD_FORM_UNKNOWN,      /* to be detected */
} RecordForm;

/* The names of the formats, for --help. */
#define RECORD_FORM_NAMES "json, libxl-body, libxl-record, legacy, legacy32"

/* INVALID when the name isn't in RECORD_FORM_NAMES. Without a name, *format is unchanged. */
gboolean record_file_format(const char *name, RecordForm *format, GError **error);

/* The records in a format; `source` is for the JSON, see record_text_json. */
GByteArray *record_file_encode(const XenPhysmapTable *table, RecordForm format, gint64 domid,
                               const char *source, GError **error);

/*
 * Reads records in one of the formats; those that count from a whole savefile. With
 * RECORD_FORM_UNKNOWN it detects the format. A stream in a pipe is read to its END, all else to the
 * end of the input. The caller owns the table.
 */
XenPhysmapTable *record_file_read(int fd, RecordForm format, GError **error);

/* The same of a file, or standard input for "-"; its name is in the message. */
XenPhysmapTable *record_file_load(const char *name, RecordForm format, GError **error);

/* Writes the records to a file, completely or not at all, or to standard output for "-". */
gboolean record_file_save(const char *name, const XenPhysmapTable *table, RecordForm format,
                          gint64 domid, const char *source, GError **error);

#endif
