/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as xenstore nodes: reads or writes a whole table in one transaction. */
#include <xen-physmap/xenstore.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* The work within a transaction. It may run several times. */
typedef gboolean (*Body)(const XenPhysmapOps *ops, guint32 transaction, gpointer data,
                         GError **error);

static char *dm_path(guint32 domid, guint32 dm_domid)
{
    return g_strdup_printf("/local/domain/%u/device-model/%u", dm_domid, domid);
}

/*
 * When a quota is used up, oxenstored answers EQUOTA. libxenstore doesn't know it and makes it
 * EINVAL. The calls where this function is used have no invalid arguments.
 */
static void set_quota_errno(GError **error, int errnum, const char *what)
{
    if (errnum == EINVAL) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_QUOTA,
                    "%s: %s, by which oxenstored means that the domain's quota of xenstore nodes "
                    "or transactions is used up (quota-maxentity, quota-transaction)",
                    what, g_strerror(errnum));
    } else {
        xen_physmap_set_errno(error, errnum, "%s", what);
    }
}

/*
 * Runs the body in a transaction, again while there are conflicts. xenstored reports a conflict
 * only at the end. A reader may have failed because it saw an inconsistent state, so its failure
 * only counts if the end succeeds. So a read-only body that failed is ended as if it had succeeded.
 */
static gboolean in_transaction(const XenPhysmapOps *ops, gboolean writes, Body body, gpointer data,
                               GError **error)
{
    for (int try = 0; try < XEN_PHYSMAP_XENSTORE_TRIES; try++) {
        g_autoptr(GError) problem = NULL;
        guint32 transaction = ops->transaction_start(ops->opaque);
        gboolean done, ended;

        if (!transaction) {
            set_quota_errno(error, errno, "can't start a xenstore transaction");
            return FALSE;
        }
        done = body(ops, transaction, data, &problem);
        ended = ops->transaction_end(ops->opaque, transaction, !done && writes);
        if (!ended && errno != EAGAIN && done) {
            xen_physmap_set_errno(error, errno, "can't end a xenstore transaction");
            return FALSE;
        }
        if (ended && done) {
            return TRUE;
        }
        if (!done && (ended || errno != EAGAIN) &&
            !g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_CONFLICT)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        g_usleep(MIN(50UL << try, 10000));
    }
    xen_physmap_set_errno(error, EAGAIN, "%d xenstore transactions in a row met a conflict",
                          XEN_PHYSMAP_XENSTORE_TRIES);
    return FALSE;
}

/* --- domids --- */

/* Reads a decimal domid from a node; `otherwise` when the node doesn't exist. */
static gboolean read_domid(const XenPhysmapOps *ops, const char *path, guint32 otherwise,
                           guint32 *domid, GError **error)
{
    unsigned int length;
    char *text = ops->read(ops->opaque, 0, path, &length);
    guint64 number;
    gboolean ok;

    if (!text) {
        if (errno == ENOENT) {
            *domid = otherwise;
            return TRUE;
        }
        xen_physmap_set_errno(error, errno, "can't read %s", path);
        return FALSE;
    }
    ok = strlen(text) == length && g_ascii_string_to_unsigned(text, 10, 0, 0x7fef, &number, NULL);
    if (ok) {
        *domid = number;
    } else {
        g_autofree char *shown = xen_physmap_escape(text, length);

        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "%s: '%s' is not a domid",
                    path, shown);
    }
    free(text);
    return ok;
}

gboolean xen_physmap_xenstore_dm_domid(const XenPhysmapOps *ops, guint32 domid, guint32 *dm_domid,
                                       GError **error)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%u/image/device-model-domid", domid);

    return read_domid(ops, path, 0, dm_domid, error);
}

gboolean xen_physmap_xenstore_own_domid(const XenPhysmapOps *ops, guint32 *domid, GError **error)
{
    return read_domid(ops, "domid", 0, domid, error);
}

/* --- load --- */

typedef struct Load {
    char *path;
    XenPhysmapTable *table;
} Load;

/* Reads the three nodes of one record. libxl can't save a domain if one of them is missing. */
static gboolean load_record(const XenPhysmapOps *ops, guint32 transaction, const char *path,
                            const char *entry, XenPhysmapKeys *keys, GError **error)
{
    static const char *const nodes[] = { "start_addr", "size", "name" };
    g_autofree char *shown = xen_physmap_escape(entry, -1);

    for (guint i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *key = g_strdup_printf("physmap/%s/%s", entry, nodes[i]);
        g_autofree char *node = g_strdup_printf("%s/%s", path, key);
        unsigned int length;
        char *value = ops->read(ops->opaque, transaction, node, &length);
        gboolean ok;

        if (!value && errno == ENOENT) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                        "physmap/%s: the record lacks its %s, without which libxl can't save the "
                        "domain",
                        shown, nodes[i]);
            return FALSE;
        }
        if (!value) {
            xen_physmap_set_errno(error, errno, "can't read %s/physmap/%s/%s", path, shown,
                                  nodes[i]);
            return FALSE;
        }
        ok = xen_physmap_keys_add(keys, key, strlen(key), value, length, error);
        free(value);
        if (!ok) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean load_body(const XenPhysmapOps *ops, guint32 transaction, gpointer data,
                          GError **error)
{
    Load *load = data;
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    g_autofree char *physmap = g_strdup_printf("%s/physmap", load->path);
    unsigned int num = 0;
    char **entries = ops->directory(ops->opaque, transaction, physmap, &num);
    gboolean ok = TRUE;

    if (!entries && errno != ENOENT) {
        xen_physmap_set_errno(error, errno, "can't list %s", physmap);
        return FALSE;
    }
    for (unsigned int i = 0; i < num && ok; i++) {
        ok = load_record(ops, transaction, load->path, entries[i], keys, error);
    }
    free(entries);
    g_clear_pointer(&load->table, xen_physmap_table_free);
    load->table = ok ? xen_physmap_keys_table(keys, error) : NULL;
    return load->table != NULL;
}

XenPhysmapTable *xen_physmap_xenstore_load(const XenPhysmapOps *ops, guint32 domid,
                                           guint32 dm_domid, GError **error)
{
    g_autofree char *path = dm_path(domid, dm_domid);
    Load work = { .path = path };

    if (!in_transaction(ops, FALSE, load_body, &work, error)) {
        g_clear_pointer(&work.table, xen_physmap_table_free);
        g_prefix_error(error, "the records of domain %u (%s/physmap): ", domid, path);
    }
    return work.table;
}

/* --- store --- */

typedef struct Store {
    const char *path;
    const XenPhysmapTable *before, *after;
    const XenPhysmapOps *ops;
    guint32 transaction;
    const XenPhysmapTable *known; /* before, or NULL when it isn't true any more */
    GHashTable *there;            /* the names of the records in xenstore, if any is known */
    GHashTable *held;             /* the pairs of one record that are in xenstore */
} Store;

static gboolean remember_pair(const char *key, const char *value, gpointer data, GError **error)
{
    (void)error;
    g_hash_table_insert(((Store *)data)->held, g_strdup(key), g_strdup(value));
    return TRUE;
}

static gboolean write_pair(const char *key, const char *value, gpointer data, GError **error)
{
    Store *store = data;
    g_autofree char *node = g_strdup_printf("%s/%s", store->path, key);

    if (g_strcmp0(g_hash_table_lookup(store->held, key), value) == 0) {
        return TRUE;
    }
    if (store->ops->write(store->ops->opaque, store->transaction, node, value, strlen(value))) {
        return TRUE;
    }
    int errnum = errno;
    g_autofree char *what = g_strdup_printf("can't write %s", node);

    set_quota_errno(error, errnum, what);
    return FALSE;
}

static gboolean remove_node(Store *store, const char *node, GError **error)
{
    if (!store->ops->rm(store->ops->opaque, store->transaction, node)) {
        xen_physmap_set_errno(error, errno, "can't remove %s", node);
        return FALSE;
    }
    return TRUE;
}

/* The set of the names of a node's children, or NULL with errno. */
static GHashTable *list(const Store *store, const char *folder)
{
    unsigned int num = 0;
    char **names = store->ops->directory(store->ops->opaque, store->transaction, folder, &num);
    GHashTable *set;

    if (!names) {
        return NULL;
    }
    set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (unsigned int i = 0; i < num; i++) {
        g_hash_table_add(set, g_strdup(names[i]));
    }
    free(names);
    return set;
}

/*
 * Finds out which of the known records exist, since a xenstored that was restarted has lost them.
 * If none does, the domain's node has to exist: it is removed with the domain, and a write would
 * create it again. Removes entries that aren't known.
 */
static gboolean find_records(Store *store, GError **error)
{
    g_autofree char *physmap = g_strdup_printf("%s/physmap", store->path);
    g_autoptr(GHashTable) folder = NULL;

    store->known = store->before;
    if (store->known && xen_physmap_table_size(store->known)) {
        store->there = list(store, physmap);
        if (store->there) {
            return TRUE;
        }
        if (errno != ENOENT) {
            xen_physmap_set_errno(error, errno, "can't list %s", physmap);
            return FALSE;
        }
        store->known = NULL;
    }
    folder = list(store, store->path);
    if (!folder) {
        xen_physmap_set_errno(error, errno, "can't find %s", store->path);
        return FALSE;
    }
    return store->known || !g_hash_table_contains(folder, "physmap") ||
           remove_node(store, physmap, error);
}

/* The record with the same phys_offset in the other table, or NULL. */
static const XenPhysmapRecord *counterpart(const XenPhysmapTable *table,
                                           const XenPhysmapRecord *record)
{
    const XenPhysmapRecord *other =
        table ? xen_physmap_table_find_phys(table, record->phys_offset) : NULL;

    return other && other->phys_offset == record->phys_offset ? other : NULL;
}

static gboolean is_there(const Store *store, const XenPhysmapRecord *record)
{
    g_autofree char *name = g_strdup_printf("%" G_GINT64_MODIFIER "x", record->phys_offset);

    return g_hash_table_contains(store->there, name);
}

static gboolean remove_stale(Store *store, GError **error)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; store->known && (record = xen_physmap_table_get(store->known, i)); i++) {
        if (!counterpart(store->after, record) && is_there(store, record)) {
            g_autofree char *node = g_strdup_printf("%s/physmap/%" G_GINT64_MODIFIER "x",
                                                    store->path, record->phys_offset);

            if (!remove_node(store, node, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* Writes the nodes that differ; all of them when there is no old record. */
static gboolean write_record(Store *store, const XenPhysmapRecord *old,
                             const XenPhysmapRecord *record, GError **error)
{
    if (old && xen_physmap_record_equal(old, record)) {
        return TRUE;
    }
    g_hash_table_remove_all(store->held);
    if (old) {
        xen_physmap_keys_foreach(old, remember_pair, store, NULL);
    }
    return xen_physmap_keys_foreach(record, write_pair, store, error);
}

static gboolean store_body(const XenPhysmapOps *ops, guint32 transaction, gpointer data,
                           GError **error)
{
    Store *store = data;
    const XenPhysmapRecord *record, *old;
    gboolean ok;

    store->ops = ops;
    store->transaction = transaction;
    store->there = NULL;
    store->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    ok = find_records(store, error) && remove_stale(store, error);
    for (guint i = 0; ok && (record = xen_physmap_table_get(store->after, i)); i++) {
        old = counterpart(store->known, record);
        ok = write_record(store, old && is_there(store, old) ? old : NULL, record, error);
    }
    g_clear_pointer(&store->there, g_hash_table_unref);
    g_hash_table_unref(store->held);
    return ok;
}

gboolean xen_physmap_xenstore_store(const XenPhysmapOps *ops, guint32 domid, guint32 dm_domid,
                                    const XenPhysmapTable *before, const XenPhysmapTable *after,
                                    GError **error)
{
    g_autofree char *path = dm_path(domid, dm_domid);
    Store work = { .path = path, .before = before, .after = after };

    if (before && xen_physmap_table_equal(before, after)) {
        return TRUE;
    }
    if (!in_transaction(ops, TRUE, store_body, &work, error)) {
        g_prefix_error(error, "the records of domain %u (%s/physmap): ", domid, path);
        return FALSE;
    }
    return TRUE;
}
