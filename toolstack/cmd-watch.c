/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap watch: follows the records of running domains through xenstore's watches. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <xenstore.h>

#include "domain.h"
#include "number.h"
#include "record-text.h"
#include "verb.h"

/*
 * An old QEMU writes the nodes of a record one after the other. A record that is still incomplete
 * after this time is reported.
 */
#define PATIENCE_MS 300

/* A domain that is followed, and its last known records. */
typedef struct Followed {
    Domain *domain;
    XenPhysmapTable *table;
} Followed;

typedef struct Watch {
    XenPhysmapOps *ops;
    struct xs_handle *xs;
    const char *name; /* only the domain of this name; or NULL */
    gint64 domid;     /* only this one; or -1 */
    gboolean json;
    gboolean started;         /* blocks that are found from now on have appeared */
    gboolean out_of_patience; /* records that break a rule are reported now */
    GHashTable *followed;     /* domid to Followed */
    GHashTable *dm_domids;    /* where a watch is set */
    GHashTable *dirty;        /* domids to look at */
    GHashTable *doubtful;     /* domids whose records broke a rule, to look at again */
} Watch;

static void followed_free(gpointer data)
{
    Followed *followed = data;

    domain_free(followed->domain);
    xen_physmap_table_free(followed->table);
    g_free(followed);
}

/* --- output --- */

static void say_json(const char *time, const Domain *domain, const char *event,
                     const XenPhysmapRecord *before, const XenPhysmapRecord *after)
{
    JsonObject *object = record_text_answer("watch");
    g_autofree char *text = NULL;

    json_object_set_string_member(object, "time", time);
    json_object_set_int_member(object, "domid", domain->domid);
    json_object_set_string_member(object, "name", domain->name);
    json_object_set_string_member(object, "event", event);
    json_object_set_object_member(object, "record", record_text_record(after ? after : before));
    record_text_add_address(object, "from", before ? &before->start_addr : NULL);
    record_text_add_address(object, "to", after ? &after->start_addr : NULL);
    text = record_text_json(object, FALSE);
    printf("%s\n", text);
}

/* One line for a block that was at `before` and is at `after`, one of which may be NULL. */
static void say(const Watch *watch, const Domain *domain, const XenPhysmapRecord *before,
                const XenPhysmapRecord *after)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S%:z");
    g_autofree char *from = before ? g_strdup_printf(HEX, before->start_addr) : NULL;
    g_autofree char *to = after ? g_strdup_printf(HEX, after->start_addr) : NULL;
    const XenPhysmapRecord *record = after ? after : before;
    const char *event = !after           ? "gone"
                        : before         ? "moved"
                        : watch->started ? "appeared"
                                         : "present";

    if (watch->json) {
        say_json(time, domain, event, before, after);
    } else {
        g_autofree char *size = record_text_size(record->size);

        printf("%s %u (%s) %s %s, %s, %s%s%s\n", time, domain->domid, domain->name, event,
               record->name, size, from ? from : "", from && to ? " -> " : "", to ? to : "");
    }
}

/* The record of the same block: it may have moved in the guest, but not in the device model. */
static const XenPhysmapRecord *same_block(const XenPhysmapTable *table,
                                          const XenPhysmapRecord *record)
{
    const XenPhysmapRecord *other = xen_physmap_table_find_phys(table, record->phys_offset);

    return other && other->phys_offset == record->phys_offset && other->size == record->size &&
                   strcmp(other->name, record->name) == 0
               ? other
               : NULL;
}

static void say_changes(const Watch *watch, const Domain *domain, const XenPhysmapTable *before,
                        const XenPhysmapTable *after)
{
    const XenPhysmapRecord *record, *other;

    for (guint i = 0; (record = xen_physmap_table_get(before, i)); i++) {
        if (!same_block(after, record)) {
            say(watch, domain, record, NULL);
        }
    }
    for (guint i = 0; (record = xen_physmap_table_get(after, i)); i++) {
        other = same_block(before, record);
        if (!other || other->start_addr != record->start_addr) {
            say(watch, domain, other, record);
        }
    }
}

/* --- looking --- */

/* Sets a watch on all device models that run in this domain. */
static gboolean watch_dm(Watch *watch, guint32 dm_domid, GError **error)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%u/device-model", dm_domid);

    if (g_hash_table_contains(watch->dm_domids, GUINT_TO_POINTER(dm_domid))) {
        return TRUE;
    }
    if (!xs_watch(watch->xs, path, "device-model")) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't watch %s in xenstore: %s", path, g_strerror(errno));
        return FALSE;
    }
    g_hash_table_add(watch->dm_domids, GUINT_TO_POINTER(dm_domid));
    return TRUE;
}

/* xl appends this to the name of a domain that is restored or migrated in, until it is complete. */
static gboolean is_named(const Domain *domain, const char *name)
{
    gsize length = strlen(name);

    return strncmp(domain->name, name, length) == 0 &&
           (domain->name[length] == '\0' || strcmp(domain->name + length, "--incoming") == 0);
}

static gboolean is_wanted(const Watch *watch, const Domain *domain)
{
    return watch->name         ? is_named(domain, watch->name)
           : watch->domid >= 0 ? domain->domid == watch->domid
                               : TRUE;
}

/* Finds the domain. NULL without an error when it doesn't exist or isn't wanted. */
static Domain *look_up(const Watch *watch, guint32 domid, GError **error)
{
    g_autofree char *text = g_strdup_printf("%u", domid);
    g_autoptr(GError) problem = NULL;
    g_autoptr(Domain) domain = domain_find(watch->ops, text, &problem);
    gboolean known = g_hash_table_contains(watch->followed, GUINT_TO_POINTER(domid));

    if (!domain) {
        if (!g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&problem));
        }
        return NULL;
    }
    return known || is_wanted(watch, domain) ? g_steal_pointer(&domain) : NULL;
}

/* A domain's records can't be read. They may be half written: after a while they are reported. */
static void doubt_records(Watch *watch, const Domain *domain, const GError *problem)
{
    gpointer domid = GUINT_TO_POINTER(domain->domid);

    if (!watch->out_of_patience) {
        g_hash_table_add(watch->doubtful, domid);
    } else if (g_hash_table_remove(watch->doubtful, domid)) {
        fprintf(stderr, "%s: domain %u (%s): %s\n", g_get_prgname(), domain->domid, domain->name,
                problem->message);
    }
}

/* Prints what has changed in a domain since the last look. */
static gboolean look(Watch *watch, guint32 domid, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(Domain) domain = look_up(watch, domid, &problem);
    g_autoptr(XenPhysmapTable) table = NULL, nothing = xen_physmap_table_new();
    Followed *followed = g_hash_table_lookup(watch->followed, GUINT_TO_POINTER(domid));

    if (problem || (domain && !watch_dm(watch, domain->dm_domid, &problem))) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!domain) {
        g_hash_table_remove(watch->doubtful, GUINT_TO_POINTER(domid));
        if (followed) {
            say_changes(watch, followed->domain, followed->table, nothing);
            g_hash_table_remove(watch->followed, GUINT_TO_POINTER(domid));
        }
        return TRUE;
    }
    table = domain_records(watch->ops, domain, &problem);
    if (!table && g_error_matches(problem, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID)) {
        doubt_records(watch, domain, problem);
        if (followed) {
            return TRUE;
        }
        table = xen_physmap_table_new();
    } else if (!table) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    } else {
        g_hash_table_remove(watch->doubtful, GUINT_TO_POINTER(domid));
    }
    say_changes(watch, domain, followed ? followed->table : nothing, table);
    followed = g_new0(Followed, 1);
    followed->domain = g_steal_pointer(&domain);
    followed->table = g_steal_pointer(&table);
    g_hash_table_replace(watch->followed, GUINT_TO_POINTER(domid), followed);
    return TRUE;
}

/* --- events --- */

/* Domains appeared or disappeared: looks at all that are watched, and all that could be. */
static gboolean mark_all(Watch *watch, GError **error)
{
    g_autoptr(GPtrArray) domains = domain_all(watch->ops, error);
    GHashTableIter iter;
    gpointer domid;

    if (!domains) {
        return FALSE;
    }
    for (guint i = 0; i < domains->len; i++) {
        const Domain *domain = domains->pdata[i];

        g_hash_table_add(watch->dirty, GUINT_TO_POINTER(domain->domid));
    }
    g_hash_table_iter_init(&iter, watch->followed);
    while (g_hash_table_iter_next(&iter, &domid, NULL)) {
        g_hash_table_add(watch->dirty, domid);
    }
    return TRUE;
}

/* Marks the domain for a path under /local/domain/N/device-model. */
static void mark(Watch *watch, const char *path)
{
    const char *domid = strstr(path, "/device-model/");

    if (domid && g_ascii_isdigit(domid[strlen("/device-model/")])) {
        guint64 number = g_ascii_strtoull(domid + strlen("/device-model/"), NULL, 10);

        if (number < 0x7ff0) {
            g_hash_table_add(watch->dirty, GUINT_TO_POINTER((guint)number));
        }
    }
}

/* Takes all pending events, then looks once at each of their domains. */
static gboolean take_events(Watch *watch, GError **error)
{
    GHashTableIter iter;
    gpointer domid;
    char **event;

    while ((event = xs_check_watch(watch->xs))) {
        if (event[XS_WATCH_PATH][0] != '@') {
            mark(watch, event[XS_WATCH_PATH]);
        } else if (!mark_all(watch, error)) {
            free(event);
            return FALSE;
        }
        free(event);
    }
    g_hash_table_iter_init(&iter, watch->dirty);
    while (g_hash_table_iter_next(&iter, &domid, NULL)) {
        if (!look(watch, GPOINTER_TO_UINT(domid), error)) {
            return FALSE;
        }
    }
    g_hash_table_remove_all(watch->dirty);
    watch->out_of_patience = FALSE;
    return TRUE;
}

/* Looks again at domains whose records broke a rule. */
static void doubt(Watch *watch)
{
    GHashTableIter iter;
    gpointer domid;

    g_hash_table_iter_init(&iter, watch->doubtful);
    while (g_hash_table_iter_next(&iter, &domid, NULL)) {
        g_hash_table_add(watch->dirty, domid);
    }
    watch->out_of_patience = TRUE;
}

/* A domain named by its domid doesn't come back. */
static gboolean is_over(const Watch *watch)
{
    return watch->domid >= 0 &&
           !g_hash_table_contains(watch->followed, GUINT_TO_POINTER((guint)watch->domid));
}

/* Runs until a signal comes, nobody reads its output, or the only domain is gone. */
static gboolean follow(Watch *watch, int signals, GError **error)
{
    struct pollfd fds[] = { { .fd = xs_fileno(watch->xs), .events = POLLIN },
                            { .fd = signals, .events = POLLIN },
                            { .fd = STDOUT_FILENO } };

    while (!is_over(watch)) {
        int timeout = g_hash_table_size(watch->doubtful) ? PATIENCE_MS : -1;
        int ready;

        if (fflush(stdout) && errno == EPIPE) {
            __fpurge(stdout); /* nobody reads the output: this is an end, not a failure */
            clearerr(stdout);
            return TRUE;
        }
        ready = poll(fds, G_N_ELEMENTS(fds), timeout);
        if (ready < 0 && errno != EINTR) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't wait: %s",
                        g_strerror(errno));
            return FALSE;
        }
        if (fds[1].revents || fds[2].revents & (POLLERR | POLLHUP)) {
            return TRUE;
        }
        if (ready == 0) {
            doubt(watch);
        }
        if (fds[0].revents & (POLLERR | POLLHUP) && !(fds[0].revents & POLLIN)) {
            g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                                "xenstored closed the connection");
            return FALSE;
        }
        if (!take_events(watch, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean start(Watch *watch, GError **error)
{
    if (!xs_watch(watch->xs, "@introduceDomain", "domains") ||
        !xs_watch(watch->xs, "@releaseDomain", "domains")) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't watch for domains in xenstore: %s", g_strerror(errno));
        return FALSE;
    }
    if (!watch_dm(watch, 0, error) || !mark_all(watch, error) || !take_events(watch, error)) {
        return FALSE;
    }
    watch->started = TRUE;
    return TRUE;
}

/* FALSE, with an error, when a domid was given and there is no such domain. */
static gboolean choose(Watch *watch, const char *domain, GError **error)
{
    g_autoptr(Domain) found = NULL;
    g_autoptr(GError) problem = NULL;
    guint64 domid;

    watch->domid = -1;
    if (!domain) {
        return TRUE;
    }
    if (!g_ascii_string_to_unsigned(domain, 10, 0, 0x7fef, &domid, NULL)) {
        watch->name = domain;
        if (!domain_find(watch->ops, domain, &problem)) {
            fprintf(stderr, "%s: %s; waiting for it\n", g_get_prgname(), problem->message);
        }
        return TRUE;
    }
    watch->domid = domid;
    g_hash_table_add(watch->dirty, GUINT_TO_POINTER((guint)domid));
    return (found = domain_find(watch->ops, domain, error)) != NULL;
}

static gboolean watch_domains(Watch *watch, const char *domain, GError **error)
{
    sigset_t mask;
    gboolean ok;
    int signals;

    signal(SIGPIPE, SIG_IGN);
    /* Blocked before libxenstore starts its thread. */
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signals = signalfd(-1, &mask, SFD_CLOEXEC);
    watch->ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, error);
    if (!watch->ops) {
        close(signals);
        return FALSE;
    }
    watch->xs = xs_open(0);
    if (!watch->xs) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't reach xenstored a second time: %s", g_strerror(errno));
    }
    ok = watch->xs && choose(watch, domain, error) && start(watch, error) &&
         follow(watch, signals, error);
    if (watch->xs) {
        xs_close(watch->xs);
    }
    xen_physmap_ops_close(watch->ops);
    close(signals);
    return ok;
}

int verb_watch(int argc, char **argv)
{
    gboolean all = FALSE;
    Watch watch = { 0 };
    const GOptionEntry entries[] = {
        { "all", 'a', 0, G_OPTION_ARG_NONE, &all, "every domain (the default)", NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &watch.json, "print one JSON object per line", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (!verb_options(
            &argc, &argv, entries, "[DOMID|NAME|--all]",
            "Prints a line for each ramblock that is present at the start, and then when one\n"
            "appears, moves or disappears, with its old and new guest address. With a name,\n"
            "it goes on when another domain gets this name, as after a restore; with a domid,\n"
            "until the domain is gone. It ends on SIGINT, SIGTERM, or when nobody reads its\n"
            "output.",
            0, 1)) {
        return EXIT_TROUBLE;
    }
    if (all && argc > 1) {
        fprintf(stderr, "%s: name a domain or give --all, not both\n", g_get_prgname());
        return EXIT_TROUBLE;
    }
    watch.followed = g_hash_table_new_full(NULL, NULL, NULL, followed_free);
    watch.dm_domids = g_hash_table_new(NULL, NULL);
    watch.dirty = g_hash_table_new(NULL, NULL);
    watch.doubtful = g_hash_table_new(NULL, NULL);
    ok = watch_domains(&watch, argc > 1 ? argv[1] : NULL, &error);
    g_hash_table_unref(watch.followed);
    g_hash_table_unref(watch.dm_domids);
    g_hash_table_unref(watch.dirty);
    g_hash_table_unref(watch.doubtful);
    return ok ? EXIT_FINE : verb_fail(g_steal_pointer(&error));
}
