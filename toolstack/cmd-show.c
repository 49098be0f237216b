/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap show: prints what is in a savefile or stream, and its records. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "number.h"
#include "savefile.h"
#include "emulator-data.h"
#include "input.h"
#include "record-text.h"
#include "verb.h"

static void print_carrier(const Carrier *carrier, gboolean all)
{
    printf("%s at " HEX ", %" G_GUINT64_FORMAT " bytes", stream_item_name(&carrier->item),
           carrier->item.offset, carrier->item.length);
    if (carrier->item.layer == STREAM_LIBXL_RECORD) {
        printf(", %s, index %u", emulator_name(carrier->item.emulator.id),
               carrier->item.emulator.index);
    }
    putchar('\n');
    if (all && carrier->table) {
        record_text_text(stdout, carrier->table);
    }
}

static void print_escaped(const char *label, const char *text)
{
    g_autofree char *shown = xen_physmap_escape(text, -1);

    printf("%s %s", label, shown);
}

static void print_devices(const char *label, const GPtrArray *devices)
{
    for (guint i = 0; i < devices->len; i++) {
        print_escaped(label, devices->pdata[i]);
        putchar('\n');
    }
}

/* Whose savefile it is, by its configuration. */
static void print_config(const GuestConfig *config)
{
    g_autofree char *memory = record_text_size(config->memory);
    g_autofree char *target = record_text_size(config->target);
    g_autofree char *video = record_text_size(config->video);

    if (config->name || config->uuid) {
        print_escaped("name", config->name ? config->name : "unknown");
        print_escaped(", uuid", config->uuid ? config->uuid : "unknown");
        putchar('\n');
    }
    if (config->memory > 0) {
        printf("memory %s", memory);
        if (config->target > 0 && config->target != config->memory) {
            printf(", of which it has %s", target);
        }
        if (config->video > 0) {
            printf(", with %s of videoram", video);
        }
        if (config->vga) {
            print_escaped(", VGA", config->vga);
        }
        putchar('\n');
    }
    print_devices("disk", config->disks);
    print_devices("card", config->cards);
}

/* When the file was written, as text; NULL when it isn't a file. */
static char *time_written(int fd)
{
    struct stat st;
    g_autoptr(GDateTime) time = NULL;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return NULL;
    }
    time = g_date_time_new_from_unix_local(st.st_mtime);
    return time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S %z") : NULL;
}

static void print_text(const Savefile *contents, const char *source, const char *written,
                       gboolean all)
{
    g_autofree char *shown = xen_physmap_escape(source, -1);

    if (contents->config) {
        print_config(contents->config);
    }
    if (written) {
        printf("written %s\n", written);
    }
    printf("%s: %s%s", shown, contents->wrapper ? contents->wrapper : "a bare stream",
           contents->wrapper ? " savefile" : "");
    for (guint i = 0; i < contents->streams->len; i++) {
        printf(", %s", (const char *)contents->streams->pdata[i]);
    }
    putchar('\n');
    if (contents->guest) {
        printf("%s guest", contents->guest);
        if (contents->xen) {
            printf(", saved by Xen %s", contents->xen);
        }
        printf(", %" G_GUINT64_FORMAT " pages (%" G_GUINT64_FORMAT " pfns named)\n",
               contents->stored, contents->named);
    }
    if (contents->checkpoints > 0) {
        printf("%u checkpoints%s\n", contents->checkpoints,
               contents->cut ? ", and the input ends after the last one" : "");
    }
    if (contents->lacks) {
        printf("not complete: %s is missing, so no restore can succeed\n", contents->lacks);
    }
    for (guint i = 0; i < contents->carriers->len; i++) {
        print_carrier(contents->carriers->pdata[i], all);
    }
    putchar('\n');
    record_text_text(stdout, contents->table);
    if (xen_physmap_table_size(contents->table) == 0) {
        puts("no records: the device model wrote none into xenstore, or the guest has none");
    }
}

static void set_string(JsonObject *object, const char *member, const char *value)
{
    if (value) {
        json_object_set_string_member(object, member, value);
    } else {
        json_object_set_null_member(object, member);
    }
}

static JsonArray *devices_json(const GPtrArray *devices)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < devices->len; i++) {
        json_array_add_string_element(array, devices->pdata[i]);
    }
    return array;
}

static JsonObject *config_json(const GuestConfig *config)
{
    static const char *const types[] = {
        [CONFIG_UNKNOWN] = NULL,
        [CONFIG_PV] = "pv",
        [CONFIG_HVM] = "hvm",
        [CONFIG_PVH] = "pvh",
    };
    JsonObject *object = json_object_new();

    set_string(object, "name", config->name);
    set_string(object, "uuid", config->uuid);
    set_string(object, "type", types[config->type]);
    json_object_set_int_member(object, "memory", config->memory);
    json_object_set_int_member(object, "target", config->target);
    json_object_set_int_member(object, "videoram", config->video);
    set_string(object, "vga", config->vga);
    json_object_set_array_member(object, "disks", devices_json(config->disks));
    json_object_set_array_member(object, "cards", devices_json(config->cards));
    return object;
}

static JsonObject *carrier_json(const Carrier *carrier, gboolean all)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "type", stream_item_name(&carrier->item));
    json_object_set_int_member(object, "offset", carrier->item.offset);
    json_object_set_int_member(object, "length", carrier->item.length);
    if (carrier->item.layer == STREAM_LIBXL_RECORD) {
        json_object_set_int_member(object, "emulator", carrier->item.emulator.id);
        json_object_set_int_member(object, "index", carrier->item.emulator.index);
    } else {
        json_object_set_null_member(object, "emulator");
        json_object_set_null_member(object, "index");
    }
    if (all && carrier->table) {
        record_text_add_records(object, carrier->table);
    }
    return object;
}

static void print_json(const Savefile *contents, const char *source, const char *written,
                       gboolean all)
{
    JsonObject *object = record_text_answer("show"), *pages = json_object_new();
    JsonArray *streams = json_array_new(), *carriers = json_array_new();

    record_text_add_bytes(object, "source", source);
    record_text_add_records(object, contents->table);
    if (contents->config) {
        json_object_set_object_member(object, "config", config_json(contents->config));
    } else {
        json_object_set_null_member(object, "config");
    }
    set_string(object, "written", written);
    set_string(object, "wrapper", contents->wrapper);
    for (guint i = 0; i < contents->streams->len; i++) {
        json_array_add_string_element(streams, contents->streams->pdata[i]);
    }
    json_object_set_array_member(object, "streams", streams);
    set_string(object, "guest", contents->guest);
    set_string(object, "xen", contents->xen);
    json_object_set_int_member(pages, "named", contents->named);
    json_object_set_int_member(pages, "stored", contents->stored);
    json_object_set_object_member(object, "pages", pages);
    json_object_set_int_member(object, "checkpoints", contents->checkpoints);
    json_object_set_boolean_member(object, "cut", contents->cut);
    set_string(object, "lacks", contents->lacks);
    for (guint i = 0; i < contents->carriers->len; i++) {
        json_array_add_object_element(carriers, carrier_json(contents->carriers->pdata[i], all));
    }
    json_object_set_array_member(object, "emulators", carriers);
    record_text_print_json(stdout, object);
}

/* The whole configuration, as it is in the file. On a terminal, without control characters. */
static gboolean show_config(const Savefile *contents, GError **error)
{
    const char *text = contents->config ? contents->config->text : NULL;
    gboolean terminal = isatty(STDOUT_FILENO);

    if (!text) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                            contents->wrapper ? "there is no configuration that can be read in it"
                                              : "a bare stream has no configuration");
        return FALSE;
    }
    for (const char *at = text; *at; at++) {
        gboolean safe = !terminal || *at == '\n' || *at == '\t' || g_ascii_isprint(*at);

        putchar(safe ? *at : '?');
    }
    if (!g_str_has_suffix(text, "\n")) {
        putchar('\n');
    }
    return TRUE;
}

int verb_show(int argc, char **argv)
{
    gboolean all = FALSE, json = FALSE, config = FALSE;
    const GOptionEntry entries[] = {
        { "all", 'a', 0, G_OPTION_ARG_NONE, &all,
          "print the records of every checkpoint, not only the last", NULL },
        { "config", 'c', 0, G_OPTION_ARG_NONE, &config,
          "print the guest's configuration alone, as its toolstack put it there", NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "print a JSON object", NULL },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Savefile) contents = NULL;
    g_autofree char *written = NULL;
    int fd;

    if (!verb_options(&argc, &argv, entries, "SAVEFILE|-",
                      "Prints what is in a savefile or migration stream, and its records.", 1, 1)) {
        return EXIT_TROUBLE;
    }
    fd = input_open(argv[1], &error);
    stream = fd >= 0 ? stream_open(fd, &error) : NULL;
    contents = stream ? savefile_read(stream, all, &error) : NULL;
    if (fd >= 0) {
        written = strcmp(argv[1], "-") == 0 ? NULL : time_written(fd);
        close(fd);
    }
    if (!contents || (config && !show_config(contents, &error))) {
        g_autofree char *shown = xen_physmap_escape(argv[1], -1);

        g_prefix_error(&error, "%s: ", shown);
        return verb_fail(g_steal_pointer(&error));
    }
    if (!config) {
        (json ? print_json : print_text)(contents, argv[1], written, all);
    }
    return EXIT_FINE;
}
