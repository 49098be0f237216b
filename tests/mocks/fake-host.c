/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host in memory: xenstored's rules for nodes and transactions, and guest pages in a memfd. */
#include "fake-host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#define PAGE ((gsize)XEN_PHYSMAP_PAGE_SIZE)

/* As in xenstored, a node holds its value and the names of its children, and its generation is
 * new whenever one of these changes. */
typedef struct Node {
    GBytes *value;
    GPtrArray *children;
    guint64 generation;
} Node;

/* A transaction's own copy of a node, taken when it first touches it. */
typedef struct Seen {
    Node *node;         /* NULL: it doesn't exist */
    guint64 generation; /* of the original; 0: it didn't exist */
    gboolean changed;
} Seen;

typedef struct Transaction {
    GHashTable *seen; /* by path */
} Transaction;

typedef struct Order {
    gboolean active;
    FakeCall kind;
    guint n;
    gboolean onwards;
    int errnum;
    FakeHostHook func;
    gpointer data;
} Order;

struct FakeHost {
    XenPhysmapOps ops;

    GHashTable *nodes; /* Node by path */
    guint64 generation;
    GHashTable *transactions; /* Transaction by id */
    guint32 last_transaction;
    gsize value_max, total_max;
    guint node_max;
    GPtrArray *denied;

    Order fault, hook;
    int lost_answer;
    guint calls[FAKE_ANY + 1];

    int memory; /* a memfd: the pages, in the order in which they were populated */
    guint64 n_pages;
    GHashTable *pages;  /* number of the page in `memory` by gfn */
    GHashTable *pinned; /* a set of gfns */
    GHashTable *mapped; /* number of pages by address */
    guint wrong_unmaps;
};

/* --- nodes --- */

static Node *node_new(GBytes *value)
{
    Node *node = g_new0(Node, 1);

    node->value = value;
    node->children = g_ptr_array_new_with_free_func(g_free);
    return node;
}

static Node *node_copy(const Node *node)
{
    Node *copy = node_new(g_bytes_ref(node->value));

    for (guint i = 0; i < node->children->len; i++) {
        g_ptr_array_add(copy->children, g_strdup(g_ptr_array_index(node->children, i)));
    }
    copy->generation = node->generation;
    return copy;
}

static void node_free(gpointer data)
{
    Node *node = data;

    if (node) {
        g_bytes_unref(node->value);
        g_ptr_array_unref(node->children);
        g_free(node);
    }
}

static void seen_free(gpointer data)
{
    node_free(((Seen *)data)->node);
    g_free(data);
}

static void transaction_free(gpointer data)
{
    g_hash_table_unref(((Transaction *)data)->seen);
    g_free(data);
}

static Seen *see(FakeHost *host, Transaction *transaction, const char *path)
{
    Seen *seen = g_hash_table_lookup(transaction->seen, path);

    if (!seen) {
        Node *node = g_hash_table_lookup(host->nodes, path);

        seen = g_new0(Seen, 1);
        seen->node = node ? node_copy(node) : NULL;
        seen->generation = node ? node->generation : 0;
        g_hash_table_insert(transaction->seen, g_strdup(path), seen);
    }
    return seen;
}

/* The node as the transaction sees it; NULL for `transaction` is none. */
static Node *get(FakeHost *host, Transaction *transaction, const char *path)
{
    return transaction ? see(host, transaction, path)->node
                       : g_hash_table_lookup(host->nodes, path);
}

/* Replaces a node; NULL removes it. Given the same node, notes that it has changed. */
static void set(FakeHost *host, Transaction *transaction, const char *path, Node *node)
{
    if (transaction) {
        Seen *seen = see(host, transaction, path);

        if (seen->node != node) {
            node_free(seen->node);
        }
        seen->node = node;
        seen->changed = TRUE;
    } else if (!node) {
        g_hash_table_remove(host->nodes, path);
    } else {
        node->generation = ++host->generation;
        if (g_hash_table_lookup(host->nodes, path) != node) {
            g_hash_table_insert(host->nodes, g_strdup(path), node);
        }
    }
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? g_strdup("/") : g_strndup(path, slash - path);
}

/* The node; it and its parents are created if they don't exist. */
static Node *make(FakeHost *host, Transaction *transaction, const char *path)
{
    Node *node = get(host, transaction, path);

    if (!node) {
        g_autofree char *parent_path = parent_of(path);
        Node *parent = make(host, transaction, parent_path);

        g_ptr_array_add(parent->children, g_strdup(strrchr(path, '/') + 1));
        set(host, transaction, parent_path, parent);
        node = node_new(g_bytes_new(NULL, 0));
        set(host, transaction, path, node);
    }
    return node;
}

static void put(FakeHost *host, Transaction *transaction, const char *path, const void *data,
                gsize length)
{
    Node *node = make(host, transaction, path);

    g_bytes_unref(node->value);
    node->value = g_bytes_new(data, length);
    set(host, transaction, path, node);
}

static void drop_below(FakeHost *host, Transaction *transaction, const char *path)
{
    Node *node = get(host, transaction, path);

    for (guint i = 0; i < node->children->len; i++) {
        g_autofree char *child =
            g_strdup_printf("%s/%s", path, (char *)g_ptr_array_index(node->children, i));

        drop_below(host, transaction, child);
    }
    set(host, transaction, path, NULL);
}

static void drop(FakeHost *host, Transaction *transaction, const char *path)
{
    g_autofree char *parent_path = parent_of(path);
    Node *parent = get(host, transaction, parent_path);
    guint place;

    drop_below(host, transaction, path);
    if (g_ptr_array_find_with_equal_func(parent->children, strrchr(path, '/') + 1, g_str_equal,
                                         &place)) {
        g_ptr_array_remove_index(parent->children, place);
    }
    set(host, transaction, parent_path, parent);
}

/* --- the library's calls --- */

static gboolean due(const FakeHost *host, const Order *order, FakeCall kind)
{
    guint n = host->calls[order->kind];

    return order->active && (order->kind == kind || order->kind == FAKE_ANY) &&
           (order->onwards ? n >= order->n : n == order->n);
}

/* Counts a call. FALSE, with errno, when it has to fail. */
static gboolean begin(FakeHost *host, FakeCall kind)
{
    host->calls[kind]++;
    host->calls[FAKE_ANY]++;
    if (due(host, &host->hook, kind)) {
        host->hook.active = FALSE;
        host->hook.func(host, host->hook.data);
    }
    if (due(host, &host->fault, kind)) {
        errno = host->fault.errnum;
        return FALSE;
    }
    return TRUE;
}

/* Finds the transaction and the absolute path of a request, under xenstored's rules. */
static gboolean look_up(FakeHost *host, guint32 id, const char *path, Transaction **transaction,
                        char **absolute)
{
    static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-/_@";

    *transaction = id ? g_hash_table_lookup(host->transactions, GUINT_TO_POINTER(id)) : NULL;
    if (id && !*transaction) {
        errno = ENOENT;
        return FALSE;
    }
    if (!*path || strspn(path, valid) != strlen(path) || strstr(path, "//") ||
        (path[1] && g_str_has_suffix(path, "/")) || strlen(path) > 3072) {
        errno = EINVAL;
        return FALSE;
    }
    *absolute = *path == '/' ? g_strdup(path) : g_strdup_printf("/local/domain/0/%s", path);
    for (guint i = 0; i < host->denied->len; i++) {
        const char *denied = g_ptr_array_index(host->denied, i);
        gsize n = strlen(denied);

        if (strncmp(*absolute, denied, n) == 0 && ((*absolute)[n] == '/' || !(*absolute)[n])) {
            g_clear_pointer(absolute, g_free);
            errno = EACCES;
            return FALSE;
        }
    }
    return TRUE;
}

static guint32 op_transaction_start(void *opaque)
{
    FakeHost *host = opaque;
    Transaction *transaction;

    if (!begin(host, FAKE_TRANSACTION_START)) {
        return 0;
    }
    transaction = g_new0(Transaction, 1);
    transaction->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, seen_free);
    g_hash_table_insert(host->transactions, GUINT_TO_POINTER(++host->last_transaction),
                        transaction);
    return host->last_transaction;
}

/* Whether others have changed nothing that the transaction looked at. */
static gboolean undisturbed(FakeHost *host, Transaction *transaction)
{
    GHashTableIter iter;
    gpointer path, value;

    g_hash_table_iter_init(&iter, transaction->seen);
    while (g_hash_table_iter_next(&iter, &path, &value)) {
        const Node *now = g_hash_table_lookup(host->nodes, path);

        if ((now ? now->generation : 0) != ((Seen *)value)->generation) {
            return FALSE;
        }
    }
    return TRUE;
}

static void commit(FakeHost *host, Transaction *transaction)
{
    GHashTableIter iter;
    gpointer path, value;

    g_hash_table_iter_init(&iter, transaction->seen);
    while (g_hash_table_iter_next(&iter, &path, &value)) {
        Seen *seen = value;

        if (seen->changed) {
            set(host, NULL, path, g_steal_pointer(&seen->node));
        }
    }
}

static gboolean op_transaction_end(void *opaque, guint32 id, gboolean abort)
{
    FakeHost *host = opaque;
    gboolean ok = begin(host, FAKE_TRANSACTION_END);
    Transaction *transaction = g_hash_table_lookup(host->transactions, GUINT_TO_POINTER(id));
    int errnum = ok ? 0 : errno;

    if (ok && !transaction) {
        errnum = ENOENT;
    } else if (ok && !abort && !undisturbed(host, transaction)) {
        errnum = EAGAIN;
    } else if (ok && !abort) {
        commit(host, transaction);
        errnum = host->lost_answer;
        host->lost_answer = 0;
    }
    /* Whatever the answer is, the transaction has ended. */
    g_hash_table_remove(host->transactions, GUINT_TO_POINTER(id));
    errno = errnum;
    return errnum == 0;
}

static char **op_directory(void *opaque, guint32 id, const char *path, unsigned int *num)
{
    FakeHost *host = opaque;
    Transaction *transaction;
    g_autofree char *absolute = NULL;
    Node *node;
    gsize bytes = 0;
    char **block, *names;

    if (!begin(host, FAKE_DIRECTORY) || !look_up(host, id, path, &transaction, &absolute)) {
        return NULL;
    }
    if (!(node = get(host, transaction, absolute))) {
        errno = ENOENT;
        return NULL;
    }
    for (guint i = 0; i < node->children->len; i++) {
        bytes += strlen(g_ptr_array_index(node->children, i)) + 1;
    }
    /* As libxenstore does: one block, with the pointers, then the strings. */
    *num = node->children->len;
    block = malloc(*num * sizeof *block + bytes + 1);
    names = (char *)(block + *num);
    for (guint i = 0; i < *num; i++) {
        block[i] = names;
        names = g_stpcpy(names, g_ptr_array_index(node->children, i)) + 1;
    }
    return block;
}

static void *op_read(void *opaque, guint32 id, const char *path, unsigned int *length)
{
    FakeHost *host = opaque;
    Transaction *transaction;
    g_autofree char *absolute = NULL;
    Node *node;
    gsize size;
    const void *data;
    char *copy;

    if (!begin(host, FAKE_READ) || !look_up(host, id, path, &transaction, &absolute)) {
        return NULL;
    }
    if (!(node = get(host, transaction, absolute))) {
        errno = ENOENT;
        return NULL;
    }
    data = g_bytes_get_data(node->value, &size);
    copy = calloc(1, size + 1);
    if (size) {
        memcpy(copy, data, size);
    }
    *length = size;
    return copy;
}

/* Whether the store, as the transaction sees it, would be within its limits. */
static gboolean within_limits(FakeHost *host, Transaction *transaction, const char *path,
                              gsize length)
{
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer key, value;
    guint nodes = 0;
    gsize total = length;

    if (length > XEN_PHYSMAP_PAGE_SIZE || (host->value_max && length > host->value_max)) {
        errno = E2BIG;
        return FALSE;
    }
    if (!host->node_max && !host->total_max) {
        return TRUE;
    }
    g_hash_table_iter_init(&iter, host->nodes);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_hash_table_add(paths, key);
    }
    g_hash_table_add(paths, (gpointer)path);
    if (transaction) {
        g_hash_table_iter_init(&iter, transaction->seen);
        while (g_hash_table_iter_next(&iter, &key, &value)) {
            if (((Seen *)value)->node) {
                g_hash_table_add(paths, key);
            } else if (strcmp(key, path) != 0) {
                g_hash_table_remove(paths, key);
            }
        }
    }
    g_hash_table_iter_init(&iter, paths);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Seen *seen = transaction ? g_hash_table_lookup(transaction->seen, key) : NULL;
        const Node *node = seen ? seen->node : g_hash_table_lookup(host->nodes, key);

        nodes++;
        total += node && strcmp(key, path) != 0 ? g_bytes_get_size(node->value) : 0;
    }
    errno = host->node_max && nodes > host->node_max     ? ENOSPC
            : host->total_max && total > host->total_max ? EDQUOT
                                                         : 0;
    return errno == 0;
}

static gboolean op_write(void *opaque, guint32 id, const char *path, const void *data,
                         unsigned int length)
{
    FakeHost *host = opaque;
    Transaction *transaction;
    g_autofree char *absolute = NULL;

    if (!begin(host, FAKE_WRITE) || !look_up(host, id, path, &transaction, &absolute) ||
        !within_limits(host, transaction, absolute, length)) {
        return FALSE;
    }
    put(host, transaction, absolute, data, length);
    return TRUE;
}

static gboolean op_rm(void *opaque, guint32 id, const char *path)
{
    FakeHost *host = opaque;
    Transaction *transaction;
    g_autofree char *absolute = NULL;
    g_autofree char *parent = NULL;

    if (!begin(host, FAKE_RM) || !look_up(host, id, path, &transaction, &absolute)) {
        return FALSE;
    }
    if (strcmp(absolute, "/") == 0) {
        errno = EINVAL;
        return FALSE;
    }
    if (get(host, transaction, absolute)) {
        drop(host, transaction, absolute);
        return TRUE;
    }
    parent = parent_of(absolute);
    errno = ENOENT;
    return get(host, transaction, parent) != NULL;
}

static int op_relocate(void *opaque, guint32 domid, guint32 nr_pages, guint64 src_gfn,
                       guint64 dst_gfn)
{
    FakeHost *host = opaque;

    (void)domid;
    if (!begin(host, FAKE_RELOCATE)) {
        return -1;
    }
    /* One page after the other, as Xen does. If the ranges overlap, some pages move twice. */
    for (guint32 i = 0; i < nr_pages; i++) {
        guint64 src = src_gfn + i, dst = dst_gfn + i;
        gpointer page;

        if (!g_hash_table_lookup_extended(host->pages, &src, NULL, &page)) {
            errno = EINVAL;
            return -1;
        }
        g_hash_table_remove(host->pages, &src);
        g_hash_table_insert(host->pages, g_memdup2(&dst, sizeof dst), page);
    }
    return 0;
}

static int op_pin(void *opaque, guint32 domid, guint64 start_gfn, guint64 end_gfn)
{
    FakeHost *host = opaque;

    (void)domid;
    if (!begin(host, FAKE_PIN)) {
        return -1;
    }
    for (guint64 gfn = start_gfn; gfn <= end_gfn; gfn++) {
        g_hash_table_add(host->pinned, g_memdup2(&gfn, sizeof gfn));
    }
    return 0;
}

static void *op_map(void *opaque, guint32 domid, int prot, size_t num, const guint64 *gfns,
                    int *errors)
{
    FakeHost *host = opaque;
    char *address;

    (void)domid;
    if (!begin(host, FAKE_MAP)) {
        return NULL;
    }
    address = mmap(NULL, num * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) {
        return NULL;
    }
    for (size_t i = 0; i < num; i++) {
        gpointer page;

        /* Measured: the errors are negative. */
        errors[i] = g_hash_table_lookup_extended(host->pages, &gfns[i], NULL, &page) ? 0 : -EINVAL;
        if (!errors[i] && mmap(address + i * PAGE, PAGE, prot, MAP_SHARED | MAP_FIXED, host->memory,
                               GPOINTER_TO_SIZE(page) * PAGE) == MAP_FAILED) {
            g_error("fake host: can't map page %zu: %s", i, g_strerror(errno));
        }
    }
    g_hash_table_insert(host->mapped, address, GSIZE_TO_POINTER(num));
    return address;
}

static int op_unmap(void *opaque, void *address, size_t num)
{
    FakeHost *host = opaque;

    if (!begin(host, FAKE_UNMAP)) {
        return -1;
    }
    if (g_hash_table_lookup(host->mapped, address) != GSIZE_TO_POINTER(num)) {
        host->wrong_unmaps++;
        errno = EINVAL;
        return -1;
    }
    g_hash_table_remove(host->mapped, address);
    return munmap(address, num * PAGE);
}

/* --- the test's calls --- */

FakeHost *fake_host_new(void)
{
    FakeHost *host = g_new0(FakeHost, 1);

    host->ops = (XenPhysmapOps){
        .opaque = host,
        .transaction_start = op_transaction_start,
        .transaction_end = op_transaction_end,
        .directory = op_directory,
        .read = op_read,
        .write = op_write,
        .rm = op_rm,
        .relocate_memory = op_relocate,
        .pin_cacheattr = op_pin,
        .map = op_map,
        .unmap = op_unmap,
    };
    host->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
    set(host, NULL, "/", node_new(g_bytes_new(NULL, 0)));
    host->transactions = g_hash_table_new_full(NULL, NULL, NULL, transaction_free);
    host->denied = g_ptr_array_new_with_free_func(g_free);
    host->memory = memfd_create("fake-host", MFD_CLOEXEC);
    host->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    host->pinned = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    host->mapped = g_hash_table_new(NULL, NULL);
    return host;
}

void fake_host_free(FakeHost *host)
{
    if (host) {
        g_hash_table_unref(host->nodes);
        g_hash_table_unref(host->transactions);
        g_ptr_array_unref(host->denied);
        g_hash_table_unref(host->pages);
        g_hash_table_unref(host->pinned);
        g_hash_table_unref(host->mapped);
        close(host->memory);
        g_free(host);
    }
}

const XenPhysmapOps *fake_host_ops(FakeHost *host)
{
    return &host->ops;
}

char *fake_host_leaks(const FakeHost *host)
{
    guint transactions = g_hash_table_size(host->transactions);
    guint mappings = g_hash_table_size(host->mapped);

    if (!transactions && !mappings && !host->wrong_unmaps) {
        return NULL;
    }
    return g_strdup_printf("%u transactions not ended, %u mappings not undone, %u wrong unmaps",
                           transactions, mappings, host->wrong_unmaps);
}

void fake_host_write_bytes(FakeHost *host, const char *path, const void *data, gsize length)
{
    put(host, NULL, path, data, length);
}

void fake_host_write(FakeHost *host, const char *path, const char *value)
{
    put(host, NULL, path, value, strlen(value));
}

void fake_host_rm(FakeHost *host, const char *path)
{
    if (get(host, NULL, path)) {
        drop(host, NULL, path);
    }
}

char *fake_host_dump(const FakeHost *host, const char *path)
{
    g_autoptr(GList) paths = g_hash_table_get_keys(host->nodes);
    GString *out = g_string_new(NULL);

    paths = g_list_sort(paths, (GCompareFunc)strcmp);
    for (GList *item = paths; item; item = item->next) {
        const char *name = item->data, *rest = name + strlen(path);
        const Node *node = g_hash_table_lookup(host->nodes, name);

        if (g_str_has_prefix(name, path) && (!*rest || *rest == '/')) {
            gsize size;
            const char *data = g_bytes_get_data(node->value, &size);
            g_autofree char *value = g_strndup(size ? data : "", size);
            g_autofree char *shown = g_strescape(value, NULL);

            g_string_append_printf(out, "%s = \"%s\"\n", name, shown);
        }
    }
    return g_string_free(out, FALSE);
}

void fake_host_limit(FakeHost *host, gsize value_bytes, guint nodes, gsize total_bytes)
{
    host->value_max = value_bytes;
    host->node_max = nodes;
    host->total_max = total_bytes;
}

void fake_host_deny(FakeHost *host, const char *path)
{
    g_ptr_array_add(host->denied, g_strdup(path));
}

static void order(FakeHost *host, Order *which, const Order *what)
{
    *which = *what;
    which->active = TRUE;
    memset(host->calls, 0, sizeof host->calls);
}

void fake_host_fail(FakeHost *host, FakeCall kind, guint n, int errnum)
{
    order(host, &host->fault, &(Order){ .kind = kind, .n = n, .errnum = errnum });
}

void fake_host_fail_from(FakeHost *host, FakeCall kind, guint n, int errnum)
{
    order(host, &host->fault, &(Order){ .kind = kind, .n = n, .errnum = errnum, .onwards = TRUE });
}

void fake_host_lose_answer(FakeHost *host, int errnum)
{
    host->lost_answer = errnum;
}

void fake_host_before(FakeHost *host, FakeCall kind, guint n, FakeHostHook func, gpointer data)
{
    order(host, &host->hook, &(Order){ .kind = kind, .n = n, .func = func, .data = data });
}

guint fake_host_calls(const FakeHost *host, FakeCall kind)
{
    return host->calls[kind];
}

void fake_host_behave(FakeHost *host)
{
    host->fault.active = FALSE;
    host->hook.active = FALSE;
    host->lost_answer = 0;
    memset(host->calls, 0, sizeof host->calls);
}

void fake_host_populate(FakeHost *host, guint64 gfn, guint64 num, guint64 tag)
{
    for (guint64 i = 0; i < num; i++) {
        guint64 page[512], here = gfn + i;

        for (guint word = 0; word < G_N_ELEMENTS(page); word++) {
            page[word] = tag + i + word;
        }
        if (pwrite(host->memory, page, sizeof page, host->n_pages * PAGE) != sizeof page) {
            g_error("fake host: no memory for page %" G_GUINT64_FORMAT, host->n_pages);
        }
        g_hash_table_insert(host->pages, g_memdup2(&here, sizeof here),
                            GSIZE_TO_POINTER(host->n_pages++));
    }
}

void fake_host_depopulate(FakeHost *host, guint64 gfn)
{
    g_hash_table_remove(host->pages, &gfn);
}

guint64 fake_host_tag(const FakeHost *host, guint64 gfn)
{
    gpointer page;
    guint64 tag;

    if (!g_hash_table_lookup_extended(host->pages, &gfn, NULL, &page) ||
        pread(host->memory, &tag, sizeof tag, GPOINTER_TO_SIZE(page) * PAGE) != sizeof tag) {
        return 0;
    }
    return tag;
}

gboolean fake_host_is_pinned(const FakeHost *host, guint64 gfn)
{
    return g_hash_table_contains(host->pinned, &gfn);
}
