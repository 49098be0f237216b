/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap verify: checks a savefile against the rules of its format and of a layout. */
#include <stdio.h>
#include <unistd.h>

#include "input.h"
#include "number.h"
#include "record-text.h"
#include "verb.h"
#include "verify.h"

/* For the manual. */
static char *rule_name(const VerifyRule *rule)
{
    return g_strdelimit(g_strdup(rule->name), "_", '-');
}

static void print_text(const Verify *verify, const char *source)
{
    g_autofree char *shown = xen_physmap_escape(source, -1);

    for (guint i = 0; i < verify->findings->len; i++) {
        const VerifyFinding *finding = verify->findings->pdata[i];
        g_autofree char *rule = rule_name(finding->rule);

        printf(HEX ": %s: %s [%s]\n", finding->offset, verify_severities[finding->rule->severity],
               finding->text, rule);
    }
    printf("%s:", shown);
    for (guint i = 0; i < VERIFY_SEVERITIES; i++) {
        printf("%s %u %s%s", i ? "," : "", verify->counts[i], verify_severities[i],
               verify->counts[i] == 1 ? "" : "s");
    }
    if (verify->counts[VERIFY_ERROR] + verify->counts[VERIFY_WARNING] == 0) {
        printf("; %" G_GUINT64_FORMAT " pages, %u records", verify->n_pages,
               verify->table ? xen_physmap_table_size(verify->table) : 0);
    }
    putchar('\n');
}

static void print_json(const Verify *verify, const char *source)
{
    g_autoptr(XenPhysmapTable) none = xen_physmap_table_new();
    JsonObject *answer = record_text_answer("verify"), *counts = json_object_new();
    JsonArray *findings = json_array_new();

    record_text_add_bytes(answer, "source", source);
    record_text_add_records(answer, verify->table ? verify->table : none);
    for (guint i = 0; i < verify->findings->len; i++) {
        const VerifyFinding *finding = verify->findings->pdata[i];
        JsonObject *element =
            record_text_finding(verify_severities[finding->rule->severity], finding->text);
        g_autofree char *rule = rule_name(finding->rule);

        json_object_set_int_member(element, "offset", finding->offset);
        json_object_set_string_member(element, "rule", rule);
        json_array_add_object_element(findings, element);
    }
    json_object_set_array_member(answer, "findings", findings);
    for (guint i = 0; i < VERIFY_SEVERITIES; i++) {
        json_object_set_int_member(counts, verify_severities[i], verify->counts[i]);
    }
    json_object_set_object_member(answer, "counts", counts);
    record_text_print_json(stdout, answer);
}

int verb_verify(int argc, char **argv)
{
    gboolean json = FALSE, readable = FALSE;
    const GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Verify) verify = NULL;
    int fd;

    if (!verb_options(
            &argc, &argv, entries, "SAVEFILE|-",
            "Checks a savefile or migration stream against the rules of its format, and its\n"
            "records against the rules of a layout. Prints a line for each finding: offset,\n"
            "severity, text, rule. xen-physmap-verify(1) lists the rules.\n"
            "\n"
            "error: a restore fails, or the guest gets wrong memory\n"
            "warning: no toolstack writes such a file, or a disk is newer than it\n"
            "note: information\n"
            "\n"
            "Exit code 0 when there are only notes, otherwise 1.",
            1, 1)) {
        return EXIT_TROUBLE;
    }
    verify = verify_new();
    fd = input_open(argv[1], &error);
    if (fd >= 0) {
        readable = verify_run(verify, fd, &error);
        close(fd);
    }
    if (!readable) {
        g_autofree char *shown = xen_physmap_escape(argv[1], -1);

        g_prefix_error(&error, "%s: ", shown);
        return verb_fail(g_steal_pointer(&error));
    }
    (json ? print_json : print_text)(verify, argv[1]);
    return verify->counts[VERIFY_ERROR] + verify->counts[VERIFY_WARNING] ? EXIT_FINDING : EXIT_FINE;
}
