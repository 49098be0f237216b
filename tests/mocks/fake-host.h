/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Xen host in memory, which can be told to fail: the XenPhysmapOps that unit tests use. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <xen-physmap/ops.h>

/* The operations, to count and to fail them by kind. */
typedef enum {
    FAKE_TRANSACTION_START,
    FAKE_TRANSACTION_END,
    FAKE_DIRECTORY,
    FAKE_READ,
    FAKE_WRITE,
    FAKE_RM,
    FAKE_RELOCATE,
    FAKE_PIN,
    FAKE_MAP,
    FAKE_UNMAP,
    FAKE_ANY, /* all of the above, counted together */
} FakeCall;

typedef struct FakeHost FakeHost;

FakeHost *fake_host_new(void);
void fake_host_free(FakeHost *host);

/* The host as the library sees it. It has one guest, with any domid. */
const XenPhysmapOps *fake_host_ops(FakeHost *host);

/* What the library owes the host: transactions not ended, mappings not undone, and unmaps of what
 * was not mapped. NULL when there is none; otherwise free it with g_free. */
char *fake_host_leaks(const FakeHost *host);

/* --- xenstore, as another client sees it: uncounted, and no fault applies --- */

/* Unlike the operation, it makes nodes of any name: xenstored's rule on names isn't a promise. */
void fake_host_write(FakeHost *host, const char *path, const char *value);
void fake_host_write_bytes(FakeHost *host, const char *path, const void *data, gsize length);
void fake_host_rm(FakeHost *host, const char *path);

/* The node at a path and all below it, one line for each, sorted. Free it with g_free. */
char *fake_host_dump(const FakeHost *host, const char *path);

/* xenstored's limits; 0 is none. A longer value is E2BIG, one node more ENOSPC, one byte more
 * EDQUOT. */
void fake_host_limit(FakeHost *host, gsize value_bytes, guint nodes, gsize total_bytes);

/* From now on, calls on this path and all below it fail with EACCES. */
void fake_host_deny(FakeHost *host, const char *path);

/* --- faults --- */

/* Call number n of this kind, from 1 and counted from now, fails with errnum and does nothing. */
void fake_host_fail(FakeHost *host, FakeCall kind, guint n, int errnum);

/* Every later call fails too. */
void fake_host_fail_from(FakeHost *host, FakeCall kind, guint n, int errnum);

/* The next end of a transaction takes effect, but its answer is lost: it fails with errnum. */
void fake_host_lose_answer(FakeHost *host, int errnum);

/* `func` runs before call number n of this kind, from 1 and counted from now. */
typedef void (*FakeHostHook)(FakeHost *host, gpointer data);
void fake_host_before(FakeHost *host, FakeCall kind, guint n, FakeHostHook func, gpointer data);

/* Calls of this kind since the host was created, or since one of the functions above. */
guint fake_host_calls(const FakeHost *host, FakeCall kind);

/* Removes all faults and hooks, and counts from 0 again. */
void fake_host_behave(FakeHost *host);

/* --- the guest's pages --- */

/* Gives the guest `num` pages from gfn on. Each is filled with 64-bit words of tag, tag + 1... */
void fake_host_populate(FakeHost *host, guint64 gfn, guint64 num, guint64 tag);

/* Takes a page away, as a balloon does. */
void fake_host_depopulate(FakeHost *host, guint64 gfn);

/* The first word of the guest's page; 0 when there is no page. */
guint64 fake_host_tag(const FakeHost *host, guint64 gfn);

/* Whether accesses to this gfn were made write-back cached. */
gboolean fake_host_is_pinned(const FakeHost *host, guint64 gfn);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeHost, fake_host_free)

#endif
