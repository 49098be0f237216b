/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap update-dm: a new QEMU takes over a running guest. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "record-text.h"
#include "update.h"
#include "verb.h"

#define TIMEOUT_S 60

typedef struct Wish {
    UpdateOptions options;
    gboolean dry_run, resume, all, outdated, keep_going, json;
} Wish;

static void on_signal(int number)
{
    (void)number;
    update_interrupt();
}

/* Appends one guest's result to the JSON. */
static void report(JsonArray *results, const Update *update, const Domain *domain,
                   const char *outcome, const GPtrArray *reasons, const GError *error)
{
    JsonObject *object = record_text_domain(domain->domid, domain->name);
    JsonArray *findings = json_array_new();

    json_object_set_string_member(object, "outcome", outcome);
    for (guint i = 0; reasons && i < reasons->len; i++) {
        json_array_add_object_element(findings, record_text_finding("error", reasons->pdata[i]));
    }
    json_object_set_array_member(object, "findings", findings);
    json_object_set_array_member(object, "notes",
                                 record_text_strings(update ? update->notes : NULL));
    if (error) {
        json_object_set_string_member(object, "error", error->message);
    }
    if (update) {
        if (update->failed_step) {
            json_object_set_string_member(object, "failed_step", update->failed_step);
            json_object_set_string_member(object, "reason", update->reason);
        }
        if (update->old) {
            g_autofree char *log = xen_physmap_escape(update->old->log, -1);

            json_object_set_string_member(object, "log", log);
        }
        if (update->pause_us) {
            json_object_set_double_member(object, "pause_ms", update->pause_us / 1000.0);
        }
    }
    json_array_add_object_element(results, object);
}

/* --quiet leaves out what isn't a failure. */
static void say(gboolean failure, const Domain *domain, const char *kind, const char *text)
{
    fprintf(failure ? stderr : verb_words(TRUE), "domain %u (%s): %s%s\n", domain->domid,
            domain->name, kind, text);
}

static int conclude(const Wish *wish, Update *update, UpdateOutcome outcome, JsonArray *results,
                    const GError *error)
{
    static const char *const words[] = {
        [UPDATE_DONE] = "updated", [UPDATE_BACK] = "rolled-back", [UPDATE_STUCK] = "unfinished",
        [UPDATE_GONE] = "gone",    [UPDATE_LOST] = "lost",
    };
    const Domain *domain = update->domain;
    g_autofree char *log = xen_physmap_escape(update->old ? update->old->log : "", -1);
    g_autofree char *text = NULL, *left = NULL;

    report(results, update, domain, words[outcome], NULL, error);
    for (guint i = 0; i < update->notes->len; i++) {
        say(FALSE, domain, "note: ", g_ptr_array_index(update->notes, i));
    }
    switch (outcome) {
    case UPDATE_DONE:
        text = update->pause_us ? g_strdup_printf("%s serves it; it stood still for %.1f ms",
                                                  update->new_program, update->pause_us / 1000.0)
                                : g_strdup_printf("%s serves it", update->new_program);
        break;
    case UPDATE_BACK:
        text = g_strdup_printf("goes on with the old QEMU: '%s' failed: %s (QEMU's log is %s)",
                               update->failed_step, update->reason, log);
        break;
    case UPDATE_GONE:
        text = g_strdup("was destroyed meanwhile; its QEMUs were ended");
        break;
    case UPDATE_LOST:
        text = g_strdup_printf("no QEMU serves it, and none can: %s (QEMU's log is %s); its memory "
                               "is still in Xen ('xl dump-core' keeps it), but the state of its "
                               "devices is gone: destroy it and start it again",
                               error ? error->message : update->reason, log);
        break;
    default:
        left = update_left(update);
        text = g_strdup_printf("unfinished: %s (QEMU's log is %s); %s; xen-physmap update-dm "
                               "--resume %u tries again",
                               error ? error->message : "for no known reason", log, left,
                               domain->domid);
        break;
    }
    say(outcome != UPDATE_DONE, domain, "", text);
    return outcome == UPDATE_DONE || (outcome == UPDATE_BACK && wish->resume) ? EXIT_FINE
                                                                              : EXIT_FINDING;
}

static int resume(const Wish *wish, Update *update, JsonArray *results)
{
    g_autoptr(GError) error = NULL;
    UpdateOutcome outcome;

    if (!update_is_unfinished(update)) {
        say(FALSE, update->domain, "", "no update of it was cut off");
        report(results, update, update->domain, "nothing", NULL, NULL);
        return EXIT_FINE;
    }
    outcome = update_resume(update, &error);
    return conclude(wish, update, outcome, results, error);
}

/* Takes the guest's lock, runs the preflight, then the update; or only reports with --dry-run. */
static int update_one(const UpdateOps *ops, Domain *domain, const Wish *wish, JsonArray *results)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Update) update = update_new(ops, domain, &error);
    g_autoptr(GPtrArray) reasons = NULL;
    UpdateOutcome outcome;

    if (update && wish->resume) {
        return resume(wish, update, results);
    }
    if (!update || !(reasons = update_ready(update, &wish->options, &error))) {
        report(results, update, domain, "failed", NULL, error);
        return verb_fail(g_steal_pointer(&error));
    }
    if (reasons->len) {
        for (guint i = 0; i < reasons->len; i++) {
            say(TRUE, domain, "refused: ", g_ptr_array_index(reasons, i));
        }
        report(results, update, domain, "refused", reasons, NULL);
        return EXIT_FINDING;
    }
    if (wish->dry_run) {
        update_tell(update, verb_words(TRUE));
        for (guint i = 0; i < update->notes->len; i++) {
            say(FALSE, domain, "note: ", g_ptr_array_index(update->notes, i));
        }
        report(results, update, domain, "ready", NULL, NULL);
        return EXIT_FINE;
    }
    outcome = update_run(update, &error);
    return conclude(wish, update, outcome, results, error);
}

/* A domain that was destroyed when its update was cut off, which left QEMUs behind; or NULL. */
static Domain *departed(const char *domid)
{
    g_autofree char *path = g_strconcat(UPDATE_FOLDER "/", domid, "/journal", NULL);
    Domain *domain;
    guint64 number;

    if (!g_ascii_string_to_unsigned(domid, 10, 1, G_MAXUINT32, &number, NULL) ||
        !g_file_test(path, G_FILE_TEST_EXISTS)) {
        return NULL;
    }
    domain = g_new0(Domain, 1);
    domain->domid = number;
    domain->name = g_strdup("destroyed");
    return domain;
}

/* The domain that was named, or all that have a device model. */
static GPtrArray *chosen(XenPhysmapOps *ops, const Wish *wish, const char *name, GError **error)
{
    g_autoptr(GError) problem = NULL;
    GPtrArray *domains;
    Domain *domain;

    if (wish->all) {
        return domain_all(ops, error);
    }
    if (!(domain = domain_find(ops, name, &problem)) &&
        !(wish->resume && (domain = departed(name)))) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    domains = g_ptr_array_new_with_free_func((GDestroyNotify)domain_free);
    g_ptr_array_add(domains, domain);
    return domains;
}

/* One domain of --all. *skipped when it isn't an HVM guest with records, or not outdated. */
static int update_next(const UpdateOps *ops, Domain *domain, const Wish *wish, gboolean *skipped,
                       JsonArray *results)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *why = wish->resume ? NULL : update_unfit(ops, domain, wish->outdated, &error);

    *skipped = why != NULL;
    if (error) {
        report(results, NULL, domain, "failed", NULL, error);
        return verb_fail(g_steal_pointer(&error));
    }
    if (why) {
        g_autoptr(GPtrArray) reasons = g_ptr_array_new();

        g_ptr_array_add(reasons, why);
        say(FALSE, domain, "skipped: ", why);
        report(results, NULL, domain, "skipped", reasons, NULL);
        return EXIT_FINE;
    }
    return update_one(ops, domain, wish, results);
}

static int update_all(const UpdateOps *ops, GPtrArray *domains, const Wish *wish,
                      JsonArray *results)
{
    guint done = 0, failed = 0, skipped = 0, left;
    int worst = EXIT_FINE;

    for (guint i = 0; i < domains->len && !update_was_signalled(); i++) {
        gboolean skip;
        int end = update_next(ops, g_ptr_array_index(domains, i), wish, &skip, results);

        worst = MAX(worst, end);
        done += end == EXIT_FINE && !skip;
        failed += end != EXIT_FINE;
        skipped += skip;
        if (failed && !wish->keep_going) {
            break;
        }
    }
    left = domains->len - done - failed - skipped;
    fprintf(failed || left ? stderr : verb_words(TRUE),
            "%u %s, %u failed or refused, %u skipped, %u not touched\n", done,
            wish->dry_run  ? "ready"
            : wish->resume ? "resumed"
                           : "updated",
            failed, skipped, left);
    return left && worst == EXIT_FINE ? EXIT_FINDING : worst;
}

static int update_chosen(const Wish *wish, const char *name, JsonArray *results)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) xenstore = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, &error);
    g_autoptr(GPtrArray) domains = xenstore ? chosen(xenstore, wish, name, &error) : NULL;
    g_autoptr(UpdateOps) ops = domains ? update_host_open(xenstore, &error) : NULL;

    if (!ops) {
        return verb_fail(g_steal_pointer(&error));
    }
    return wish->all ? update_all(ops, domains, wish, results)
                     : update_one(ops, g_ptr_array_index(domains, 0), wish, results);
}

int verb_update_dm(int argc, char **argv)
{
    Wish wish = { .options = { .timeout_s = TIMEOUT_S } };
    g_autofree char *qemu = NULL;
    g_auto(GStrv) set_args = NULL;
    const GOptionEntry entries[] = {
        { "qemu", 0, 0, G_OPTION_ARG_FILENAME, &qemu,
          "the new program (default: what is at its path)", "PATH" },
        { "set-arg", 0, 0, G_OPTION_ARG_STRING_ARRAY, &set_args,
          "replace an argument of QEMU's, or add it", "'-OPTION [VALUE]'" },
        { "timeout", 't', 0, G_OPTION_ARG_INT, &wish.options.timeout_s,
          "go back when it takes this many seconds (60)", "S" },
        { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &wish.dry_run,
          "check, tell what would happen, change nothing", NULL },
        { "resume", 'r', 0, G_OPTION_ARG_NONE, &wish.resume,
          "finish an update that was cut off, or go back", NULL },
        { "all", 'a', 0, G_OPTION_ARG_NONE, &wish.all, "all HVM guests with records, one by one",
          NULL },
        { "outdated", 'o', 0, G_OPTION_ARG_NONE, &wish.outdated,
          "with --all: only if the program was replaced", NULL },
        { "keep-going", 'k', 0, G_OPTION_ARG_NONE, &wish.keep_going,
          "with --all: go on after a failure or refusal", NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &wish.json, "print a JSON object", NULL },
        { 0 },
    };
    struct sigaction action = { .sa_handler = on_signal };
    JsonObject *answer;
    JsonArray *results;
    int end;

    if (!verb_options(
            &argc, &argv, entries, "DOMID|NAME|--all",
            "Puts a new QEMU under a running guest: starts it beside the old one, pauses\n"
            "the guest, hands the state of its devices over, and lets it go on; or goes\n"
            "back to the old QEMU.\n\n"
            "  xen-physmap update-dm --dry-run guest\n"
            "  xen-physmap update-dm --qemu /usr/local/bin/qemu-system-i386 guest\n"
            "  xen-physmap update-dm --resume guest\n"
            "  xen-physmap update-dm --all --outdated --keep-going\n\n"
            "Exit code 0 when it is done, 1 when it was refused, or tried and undone.",
            0, 1)) {
        return EXIT_TROUBLE;
    }
    if ((argc == 2) == wish.all || wish.options.timeout_s < 1 ||
        ((wish.outdated || wish.keep_going) && !wish.all)) {
        fprintf(stderr, "%s: %s\n", g_get_prgname(),
                wish.options.timeout_s < 1 ? "--timeout has to be positive"
                : (argc == 2) == wish.all  ? "name one domain, or --all"
                                           : "--outdated and --keep-going go with --all");
        return EXIT_TROUBLE;
    }
    for (guint i = 0; set_args && set_args[i]; i++) {
        if (*set_args[i] != '-') {
            fprintf(stderr, "%s: --set-arg begins with an option of QEMU's\n", g_get_prgname());
            return EXIT_TROUBLE;
        }
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* go on even if nobody reads the progress */
    wish.options.qemu = qemu;
    wish.options.set_args = set_args;
    results = json_array_new();
    end = update_chosen(&wish, argc == 2 ? argv[1] : NULL, results);
    answer = record_text_answer("update-dm");
    json_object_set_array_member(answer, "domains", results);
    if (wish.json) {
        record_text_print_json(stdout, json_object_ref(answer));
    }
    json_object_unref(answer);
    return end;
}
