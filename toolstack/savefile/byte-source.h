/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a file or a pipe in order. Can look ahead, and skip bytes. */
#ifndef XEN_PHYSMAP_BYTE_SOURCE_H
#define XEN_PHYSMAP_BYTE_SOURCE_H

#include <xen-physmap/error.h>

/* How far byte_source_peek can look ahead. */
#define SOURCE_AHEAD 18

/*
 * A seekable input is only read where it is asked for, with pread. Any other input is read once,
 * and never further than asked for: the two ends of a migration go on talking after the stream, and
 * waiting for more than the stream would never end.
 */
typedef struct ByteSource ByteSource;

/* Starts at the descriptor's position. The caller keeps it. SYSTEM when it can't be read. */
ByteSource *byte_source_open(int fd, GError **error);
void byte_source_close(ByteSource *source);

/* TRUE when skipping bytes costs nothing. */
gboolean byte_source_seekable(const ByteSource *source);

/* The position in the input, counted from its beginning. */
guint64 byte_source_offset(const ByteSource *source);

/* How long the input is; 0 when it can't be told. */
guint64 byte_source_size(const ByteSource *source);

/* TRUE once a call has failed because the input had ended. */
gboolean byte_source_ended(const ByteSource *source);

/*
 * Returns the next bytes without taking them. *got is their number: `least` or more, or less at the
 * end of the input. They are valid until the next call.
 */
gboolean byte_source_peek(ByteSource *source, gsize least, const guint8 **bytes, gsize *got,
                          GError **error);

/* Takes exactly `length` bytes. INVALID, with the offset, when the input ends earlier. */
gboolean byte_source_read(ByteSource *source, void *buffer, gsize length, GError **error);

/* Skips `length` bytes. INVALID as above. */
gboolean byte_source_skip(ByteSource *source, guint64 length, GError **error);

/* Skips `length` bytes, and doesn't send them to the tee. INVALID as above. */
gboolean byte_source_drop(ByteSource *source, guint64 length, GError **error);

/* INVALID as above when `length` more bytes can't exist. For a pipe this is known only later. */
gboolean byte_source_check(ByteSource *source, guint64 length, GError **error);

/*
 * From now on, sends every byte that is taken to `fd` too. The caller keeps it. Skipped bytes are
 * sent at once, bytes that are read only when they are flushed, so that they can be changed before.
 */
void byte_source_tee(ByteSource *source, int fd);

/* Keeps the bytes that are read for byte_source_held, as with a tee, but sends them nowhere. */
void byte_source_hold(ByteSource *source);

/* The bytes that were read and not flushed; NULL without a tee or byte_source_hold. The caller may
 * change them. */
GByteArray *byte_source_held(ByteSource *source);

/* Sends the held bytes to the tee. Call it before reading on: the sender of this input may wait for
 * the answer to bytes that are held here. */
gboolean byte_source_flush(ByteSource *source, GError **error);

/* Sends the rest of the input to the tee. */
gboolean byte_source_rest(ByteSource *source, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ByteSource, byte_source_close)

#endif
