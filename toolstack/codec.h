/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in a file of their own, in any of the forms that toolstacks use; see docs/formats.md. */
#ifndef XEN_PHYSMAP_CODEC_H
#define XEN_PHYSMAP_CODEC_H

#include <xen-physmap/table.h>

typedef enum {
    CODEC_JSON,             /* section 8 */
    CODEC_LIBXL_BODY,       /* section 4: the body of an EMULATOR_XENSTORE_DATA record */
    CODEC_LIBXL_RECORD,     /* with its header and padding */
    CODEC_LEGACY,           /* section 7.1: the toolstack blob, as a 64-bit toolstack wrote it */
    CODEC_LEGACY32,         /* and as a 32-bit one did */
    CODEC_STREAM,           /* a whole savefile or stream, which is only read */
    CODEC_UNKNOWN,          /* to be found out */
} CodecFormat;

/* The formats by name, for --help. */
#define CODEC_NAMES "json, libxl-body, libxl-record, legacy, legacy32"

/* INVALID when it is none of CODEC_NAMES; without a name *format stays as it was. */
gboolean codec_format(const char *name, CodecFormat *format, GError **error);

/* The records in a format that is written; `source` is for the JSON, see present_json. */
GByteArray *codec_encode(const XenPhysmapTable *table, CodecFormat format, gint64 domid,
                         const char *source, GError **error);

/*
 * Reads records in one of the formats, a whole savefile's included, those that count. With
 * CODEC_UNKNOWN it finds out which. Of a pipe a stream is read to its END; all else to the end of
 * the input. The caller owns the table.
 */
XenPhysmapTable *codec_read(int fd, CodecFormat format, GError **error);

/* The same of a file, or standard input for "-"; its name is in the message. */
XenPhysmapTable *codec_read_file(const char *name, CodecFormat format, GError **error);

/* Writes what codec_encode makes to a file, whole or not at all, or to standard output for "-". */
gboolean codec_write_file(const char *name, const XenPhysmapTable *table, CodecFormat format,
                          gint64 domid, const char *source, GError **error);

#endif
