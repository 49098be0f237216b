/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes in order from a file or a pipe: read, looked at ahead, or passed over. */
#ifndef XEN_PHYSMAP_BYTE_SOURCE_H
#define XEN_PHYSMAP_BYTE_SOURCE_H

#include <xen-physmap/error.h>

/* The most that byte_source_peek can look ahead. */
#define SOURCE_AHEAD 16

/*
 * A seekable input is read by pread at the places asked for and nowhere else. Anything else is read
 * once, and never a byte further than was asked for: behind a migration stream its two ends go on
 * talking, and who waits for more than the stream would wait for ever.
 */
typedef struct ByteSource ByteSource;

/* Starts where the descriptor is now, which stays the caller's. SYSTEM when it can't be read. */
ByteSource *byte_source_open(int fd, GError **error);
void byte_source_close(ByteSource *source);

/* TRUE when passing over bytes costs nothing. */
gboolean byte_source_seekable(const ByteSource *source);

/* How many bytes of the input are behind us, what was before it was opened included. */
guint64 byte_source_offset(const ByteSource *source);

/* TRUE as soon as a call has failed because the input was at its end. */
gboolean byte_source_ended(const ByteSource *source);

/*
 * Looks at the next bytes without taking them: *got of them, which is `least` or more if there are
 * so many and less at the end of the input. They are the source's until its next call.
 */
gboolean byte_source_peek(ByteSource *source, gsize least, const guint8 **bytes, gsize *got,
                          GError **error);

/* Takes exactly `length` bytes. INVALID, with the offset, when the input ends before. */
gboolean byte_source_read(ByteSource *source, void *buffer, gsize length, GError **error);

/* Passes over `length` bytes. INVALID as above. */
gboolean byte_source_skip(ByteSource *source, guint64 length, GError **error);

/* Passes over `length` bytes, and keeps them from the tee. INVALID as above. */
gboolean byte_source_drop(ByteSource *source, guint64 length, GError **error);

/* INVALID as above when `length` more bytes can't be there; a pipe only tells when it is read. */
gboolean byte_source_check(ByteSource *source, guint64 length, GError **error);

/*
 * Every byte that is taken from now on goes to `fd` as well, which stays the caller's: what is
 * passed over directly, and what is read when it is flushed, so that it can be changed before.
 */
void byte_source_tee(ByteSource *source, int fd);

/* Keeps what is read for byte_source_held, as with a tee to nowhere. */
void byte_source_hold(ByteSource *source);

/* The bytes that were read and not yet flushed; NULL without a tee or byte_source_hold. The caller may
 * change them. */
GByteArray *byte_source_held(ByteSource *source);

/* Writes what is held to the tee. To be called ahead of reading on, or who sends us this input may
 * wait for the answer to bytes that are stuck here. */
gboolean byte_source_flush(ByteSource *source, GError **error);

/* Sends all that is left of the input to the tee. */
gboolean byte_source_rest(ByteSource *source, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ByteSource, byte_source_close)

#endif
