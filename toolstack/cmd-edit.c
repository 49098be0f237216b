/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap edit: changes records, configuration and blocks in a savefile or stream, and nothing
 * else. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record-file.h"
#include "block-contents.h"
#include "config-edit.h"
#include "savefile.h"
#include "emulator-data.h"
#include "fail.h"
#include "guest-config.h"
#include "input.h"
#include "legacy-blob.h"
#include "number.h"
#include "raw-records.h"
#include "atomic-file.h"
#include "verb.h"
#include "verify.h"

/* The edits. */
typedef struct Orders {
    gboolean strip, force;
    XenPhysmapTable *import;                /* NULL: none */
    char **removals, **renames, **settings; /* NULL: none */
    ConfigOrders config;
    char **contents;       /* "BLOCK=FILE" */
    BlockContents *blocks; /* records to import; NULL: none, or not known yet */
} Orders;

/* One pass over the input. */
typedef struct Edit {
    const Orders *orders;
    Stream *stream;
    XenPhysmapTable *state;  /* all edited records of the state that is being read */
    XenPhysmapTable *result; /* those of the last complete state */
    GHashTable *done;        /* the edits that found their record in this state */
    gboolean carried;        /* it had an item with records, or was given one */
    gboolean libxl;          /* the stream is a libxl stream */
} Edit;

/* The value in the form that records have. Its effect on the layout is checked at the end. */
static char *spell(const char *field, const char *value, GError **error)
{
    g_autofree char *shown = NULL;
    guint64 number;

    if (strcmp(field, "name") == 0) {
        if (strlen(value) > XEN_PHYSMAP_NAME_MAX) {
            invalid(error, "a name has %d bytes at most", XEN_PHYSMAP_NAME_MAX);
            return NULL;
        }
        return g_strdup(value);
    }
    if (number_parse(value, 16, &number)) {
        return g_strdup_printf("%" G_GINT64_MODIFIER "x", number);
    }
    shown = xen_physmap_escape(value, -1);
    invalid(error, "'%s' is not a number: it is hexadecimal, or ends in K, M, G or T", shown);
    return NULL;
}

/* Splits "BLOCK:FIELD=VALUE". A block's name contains colons, so the field is searched for. */
static gboolean split_setting(const char *setting, char **block, const char **field,
                              const char **value, GError **error)
{
    static const char *const fields[] = { "name", "phys_offset", "start_addr", "size" };
    const char *first = NULL;
    g_autofree char *shown = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autofree char *needle = g_strdup_printf(":%s=", fields[i]);
        const char *at = strstr(setting, needle);

        if (at && at > setting && (!first || at < first)) {
            first = at;
            *field = fields[i];
            *value = at + strlen(needle);
        }
    }
    if (first) {
        *block = g_strndup(setting, first - setting);
        return TRUE;
    }
    shown = xen_physmap_escape(setting, -1);
    return invalid(error,
                   "'%s' is not BLOCK:FIELD=VALUE with a FIELD of name, phys_offset, "
                   "start_addr and size",
                   shown);
}

static gboolean split_rename(const char *rename, char **block, const char **name, GError **error)
{
    const char *equals = strchr(rename, '=');
    g_autofree char *shown = NULL;

    if (equals && equals > rename) {
        *block = g_strndup(rename, equals - rename);
        *name = equals + 1;
        return TRUE;
    }
    shown = xen_physmap_escape(rename, -1);
    return invalid(error, "'%s' is not OLD=NEW", shown);
}

/* Gives a block another value, if it is among the records. */
static gboolean change(Edit *edit, RawRecords *records, const char *order, const char *block,
                       const char *field, const char *value, GError **error)
{
    g_autofree char *spelt = spell(field, value, error);
    gboolean found = FALSE;

    if (!spelt || !raw_records_set(records, block, field, spelt, &found, error)) {
        return FALSE;
    }
    if (found) {
        g_hash_table_add(edit->done, (gpointer)order);
    }
    return TRUE;
}

static gboolean carry_out_all(Edit *edit, RawRecords *records, GError **error)
{
    const Orders *orders = edit->orders;

    for (char **order = orders->removals; order && *order; order++) {
        gboolean found = FALSE;

        if (!raw_records_remove(records, *order, &found, error)) {
            return FALSE;
        }
        if (found) {
            g_hash_table_add(edit->done, *order);
        }
    }
    for (char **order = orders->renames; order && *order; order++) {
        g_autofree char *block = NULL;
        const char *name;

        if (!split_rename(*order, &block, &name, error) ||
            !change(edit, records, *order, block, "name", name, error)) {
            return FALSE;
        }
    }
    for (char **order = orders->settings; order && *order; order++) {
        g_autofree char *block = NULL;
        const char *field, *value;

        if (!split_setting(*order, &block, &field, &value, error) ||
            !change(edit, records, *order, block, field, value, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * Applies the edits to the records of one item. Only the result must be a layout: records that need
 * repair aren't one, nor are two records half-way through trading places.
 */
static XenPhysmapTable *edit_table(Edit *edit, const StreamItem *item, RawRecords *records,
                                   GError **error)
{
    g_autoptr(XenPhysmapTable) after = NULL;

    if (!carry_out_all(edit, records, error)) {
        return NULL;
    }
    after = raw_records_table(records, error);
    edit->carried = TRUE;
    if (!after) {
        g_prefix_error(error, "the records at 0x%" G_GINT64_MODIFIER "x would not make a layout: ",
                       item->offset);
        return NULL;
    }
    return savefile_add_records(edit->state, item, after, error) ? g_steal_pointer(&after) : NULL;
}

/* Every edit must have found its record in every state of the guest that has records. */
static gboolean check_done(const Edit *edit, char **orders, const char *option, GError **error)
{
    for (char **order = orders; order && *order; order++) {
        if (!g_hash_table_contains(edit->done, *order)) {
            g_autofree char *shown = xen_physmap_escape(*order, -1);

            return invalid(error, "--%s %s: there is no such record%s", option, shown,
                           edit->carried ? "" : ", nor any other");
        }
    }
    return TRUE;
}

static gboolean end_state(Edit *edit, GError **error)
{
    if (edit->orders->import && !edit->carried) {
        return invalid(
            error, "this kind of stream has no place for records; a libxl or a legacy stream has");
    }
    if (!check_done(edit, edit->orders->removals, "remove", error) ||
        !check_done(edit, edit->orders->renames, "rename", error) ||
        !check_done(edit, edit->orders->settings, "set", error)) {
        return FALSE;
    }
    edit->carried = FALSE;
    g_hash_table_remove_all(edit->done);
    xen_physmap_table_free(edit->result);
    edit->result = edit->state;
    edit->state = xen_physmap_table_new();
    return TRUE;
}

/* The item's body with this table in it, or NULL when there is nothing to put into one. */
static gboolean make_body(const StreamItem *item, const XenPhysmapTable *table, GPtrArray *others,
                          guint word, GByteArray **body, GError **error)
{
    EmulatorData data = { EMULATOR_QEMU, 0, (XenPhysmapTable *)table, others };

    *body = NULL;
    if (xen_physmap_table_size(table) == 0 && others->len == 0) {
        return TRUE;
    }
    if (item->layer != STREAM_LIBXL_RECORD) {
        *body = legacy_blob(table, word == 32 ? 32 : 64);
        return TRUE;
    }
    if (item->type == LIBXL_EMULATOR_XENSTORE_DATA) {
        data.id = item->emulator.id;
        data.index = item->emulator.index;
    }
    *body = emulator_body(&data, item->big_endian, error);
    return *body != NULL;
}

/* Edits an item that has records. */
static gboolean edit_item(Edit *edit, const StreamItem *item, GError **error)
{
    const Orders *orders = edit->orders;
    gboolean replace = orders->strip || orders->import;
    g_autoptr(RawRecords) read = raw_records_new(), none = raw_records_new();
    g_autoptr(XenPhysmapTable) before = NULL, empty = xen_physmap_table_new(), after = NULL;
    g_autoptr(GByteArray) body = NULL;
    g_autoptr(GError) problem = NULL;
    RawRecords *records = read;
    guint word = 0;

    if (savefile_read_pairs(edit->stream, item, &word, raw_records_add, read, &problem)) {
        before = raw_records_table(read, NULL);
    } else if (replace) {
        records = none;
    } else {
        g_propagate_prefixed_error(
            error, g_steal_pointer(&problem),
            "these records can't be edited, only replaced by --import or removed by --strip: ");
        return FALSE;
    }
    /* The first item of a state gets the imported records; the other items get none. */
    if (replace) {
        raw_records_replace(records, orders->import && !edit->carried ? orders->import : empty);
    }
    after = edit_table(edit, item, records, error);
    if (!after) {
        return FALSE;
    }
    if (before && xen_physmap_table_equal(before, after)) {
        return TRUE;
    }
    if (!make_body(item, after, raw_records_others(records), word, &body, error)) {
        return FALSE;
    }
    return body ? stream_replace(edit->stream, body->data, body->len, error)
                : stream_remove(edit->stream, error);
}

/* TRUE for the item before which the toolstacks write the records, if there are any. */
static gboolean is_place(const Edit *edit, const StreamItem *item)
{
    if (item->layer == STREAM_LEGACY_CHUNK) {
        return item->type == (guint32)LEGACY_LAST_CHECKPOINT || item->type == LEGACY_END;
    }
    return edit->libxl && item->layer == STREAM_LIBXL_RECORD &&
           (item->type == LIBXL_EMULATOR_CONTEXT || item->type == LIBXL_CHECKPOINT_END ||
            item->type == LIBXL_END);
}

/* Inserts the imported records into a state that had none. */
static gboolean insert_item(Edit *edit, const StreamItem *item, guint word, GError **error)
{
    gboolean legacy = item->layer == STREAM_LEGACY_CHUNK;
    g_autoptr(RawRecords) records = raw_records_new();
    g_autoptr(XenPhysmapTable) after = NULL;
    g_autoptr(GByteArray) body = NULL;

    raw_records_replace(records, edit->orders->import);
    after = edit_table(edit, item, records, error);
    if (!after || !make_body(item, after, raw_records_others(records), word, &body, error)) {
        return FALSE;
    }
    if (body) {
        stream_insert(edit->stream,
                      legacy ? (guint32)LEGACY_TOOLSTACK : LIBXL_EMULATOR_XENSTORE_DATA, body->data,
                      body->len);
    }
    return TRUE;
}

static gboolean edit_items(Edit *edit, GError **error)
{
    gboolean config = config_orders_any(&edit->orders->config);
    guint word = 64;
    StreamItem item;

    do {
        if (!stream_next(edit->stream, &item, error) ||
            (config && !config_edit_item(edit->stream, &item, &edit->orders->config, error))) {
            return FALSE;
        }
        config = FALSE; /* only the first item has one */
        if (edit->orders->blocks && stream_has_pages(&item) &&
            !block_contents_put(edit->orders->blocks, edit->stream, error)) {
            return FALSE;
        }
        edit->libxl |= item.layer == STREAM_LIBXL_HEADER;
        if (item.layer == STREAM_LEGACY_HEADER) {
            word = item.header.version;
        }
        if (savefile_has_records(&item)) {
            if (!edit_item(edit, &item, error)) {
                return FALSE;
            }
        } else if (edit->orders->import && !edit->carried && is_place(edit, &item) &&
                   !insert_item(edit, &item, word, error)) {
            return FALSE;
        }
        /* Before the item with which the state becomes complete for the reader. */
        if (savefile_completes_state(&item, edit->libxl) && !end_state(edit, error)) {
            return FALSE;
        }
    } while (item.layer != STREAM_END);
    return TRUE;
}

/*
 * One pass from the descriptor's position. Writes to `out`, or if that is negative, nowhere.
 * *result becomes the records that count, and may be NULL.
 */
static gboolean run(int in, int out, const Orders *orders, XenPhysmapTable **result, GError **error)
{
    g_autoptr(Stream) stream = stream_open(in, error);
    g_autoptr(GError) problem = NULL;
    Edit edit = { .orders = orders, .stream = stream };
    gboolean ok;

    if (!stream) {
        return FALSE;
    }
    if (out >= 0) {
        stream_tee(stream, out);
    }
    edit.state = xen_physmap_table_new();
    edit.done = g_hash_table_new(NULL, NULL);
    ok = edit_items(&edit, &problem) || stream_cut(stream);
    xen_physmap_table_free(edit.state);
    g_hash_table_unref(edit.done);
    if (ok && result) {
        *result = g_steal_pointer(&edit.result);
    }
    xen_physmap_table_free(edit.result);
    if (!ok) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    /* The two ends of a migration go on talking after the stream. */
    return out < 0 || stream_rest(stream, error);
}

/* --- checking the result --- */

/* TRUE when every block of the second is a block of the first, whatever its name. */
static gboolean has_same_places(const XenPhysmapTable *before, const XenPhysmapTable *after)
{
    const XenPhysmapRecord *record;

    for (guint i = 0; (record = xen_physmap_table_get(after, i)); i++) {
        const XenPhysmapRecord *was = xen_physmap_table_find_phys(before, record->phys_offset);

        if (!was || was->phys_offset != record->phys_offset ||
            was->start_addr != record->start_addr || was->size != record->size) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean has_finding(const GPtrArray *findings, guint n, const VerifyFinding *wanted)
{
    for (guint i = 0; i < n; i++) {
        const VerifyFinding *finding = findings->pdata[i];

        if (finding->rule == wanted->rule && strcmp(finding->text, wanted->text) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * The guest must be able to have the layout: INVALID when verify finds an error in it that the
 * input doesn't have.
 */
static gboolean check_result(int in, const XenPhysmapTable *result, GError **error)
{
    g_autoptr(Verify) verify = verify_new();
    guint n;

    if (!verify_run(verify, in, error)) {
        return FALSE;
    }
    if (verify->table && has_same_places(verify->table, result)) {
        return TRUE;
    }
    n = verify->findings->len;
    verify_layout(verify, result);
    for (guint i = n; i < verify->findings->len; i++) {
        const VerifyFinding *finding = verify->findings->pdata[i];

        if (finding->rule->severity == VERIFY_ERROR && !has_finding(verify->findings, n, finding)) {
            return invalid(error, "after this edit, %s; --force writes it anyway", finding->text);
        }
    }
    return TRUE;
}

/* TRUE when an edit can change a block's place. */
static gboolean changes_places(const Orders *orders)
{
    return orders->import || orders->settings;
}

static gboolean add_contents(Orders *orders, const XenPhysmapTable *table, const char *order,
                             GError **error)
{
    g_autofree char *block = NULL, *name = NULL;
    const XenPhysmapRecord *record;
    int fd;

    config_split(order, &block, &name);
    record = savefile_find_block(table, block, error);
    if (!record) {
        if (error) {
            (*error)->code = XEN_PHYSMAP_ERROR_INVALID; /* as of the other options */
        }
        return FALSE;
    }
    fd = input_open_plain(name, error);
    if (fd < 0) {
        g_autofree char *shown = xen_physmap_escape(name, -1);

        g_prefix_error(error, "%s: ", shown);
        return FALSE;
    }
    return block_contents_add(orders->blocks, record, fd, name, error);
}

/* Which pages get other contents is known when the records are, and they come after the pages. */
static gboolean load_contents(int in, Orders *orders, const XenPhysmapTable *table, GError **error)
{
    if (!orders->contents) {
        return TRUE;
    }
    if (!table) {
        return invalid(error, "it has no records, which would say where a block is");
    }
    orders->blocks = block_contents_new();
    for (char **order = orders->contents; *order; order++) {
        if (!add_contents(orders, table, *order, error)) {
            return FALSE;
        }
    }
    return block_contents_check(orders->blocks, in, error);
}

/*
 * A seekable input is first read without writing, so that an edit that can't be done leaves nothing
 * half-written. A pipe can only be read once.
 */
static gboolean edit_file(int in, const char *out_name, Orders *orders, GError **error)
{
    g_autoptr(AtomicFile) output = NULL;
    struct stat before;
    gboolean twice = lseek(in, 0, SEEK_CUR) >= 0 && fstat(in, &before) == 0;

    if (twice) {
        g_autoptr(XenPhysmapTable) result = NULL;

        if (!run(in, -1, orders, &result, error) ||
            (!orders->force && result && changes_places(orders) &&
             !check_result(in, result, error)) ||
            !load_contents(in, orders, result, error)) {
            return FALSE;
        }
    } else if (orders->contents) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM,
                            "for --contents it has to be a file that isn't compressed: the records "
                            "come after the pages, so it is read twice");
        return FALSE;
    }
    output = atomic_file_replace(out_name, in, error);
    return output && run(in, atomic_file_fd(output), orders, NULL, error) &&
           (!twice || input_check_unchanged(in, &before, error)) &&
           atomic_file_commit(output, error);
}

/* A malformed edit is wrong usage, and is reported before anything is read. */
static gboolean check_orders(const Orders *orders, GError **error)
{
    for (char **order = orders->renames; order && *order; order++) {
        g_autofree char *block = NULL;
        const char *name;

        if (!split_rename(*order, &block, &name, error)) {
            return FALSE;
        }
    }
    for (char **order = orders->settings; order && *order; order++) {
        g_autofree char *block = NULL, *spelt = NULL;
        const char *field, *value;

        if (!split_setting(*order, &block, &field, &value, error) ||
            !(spelt = spell(field, value, error))) {
            return FALSE;
        }
    }
    for (char **order = orders->contents; order && *order; order++) {
        g_autofree char *block = NULL, *name = NULL;
        g_autofree char *shown = xen_physmap_escape(*order, -1);

        if (!config_split(*order, &block, &name)) {
            return invalid(error, "'%s' is not BLOCK=FILE", shown);
        }
    }
    if (orders->strip && orders->import) {
        return invalid(error, "--strip and --import exclude each other");
    }
    return TRUE;
}

static gboolean check_mac(const char *mac, GError **error)
{
    g_autofree char *shown = mac ? xen_physmap_escape(mac, -1) : NULL;

    return !mac || strcmp(mac, "new") == 0 ||
           invalid(error, "--mac %s: it can only be 'new'; --set-config gives one card an address",
                   shown);
}

/* The text of a configuration. It is only read, and may have a NUL at its end. */
static char *load_config(const char *name, GError **error)
{
    g_autofree char *shown = xen_physmap_escape(name, -1);
    g_autofree char *text = g_malloc(GUEST_CONFIG_MAX + 2);
    int fd = input_open(name, error);
    gssize n, length = 0;

    if (fd < 0) {
        g_prefix_error(error, "%s: ", shown);
        return NULL;
    }
    while ((n = read(fd, text + length, GUEST_CONFIG_MAX + 1 - length)) > 0) {
        length += n;
    }
    close(fd);
    if (n < 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "%s: can't read it: %s",
                    shown, g_strerror(errno));
        return NULL;
    }
    text[length] = '\0';
    if (length > GUEST_CONFIG_MAX || strlen(text) + 1 < (gsize)length) {
        invalid(error, "%s: it is not a configuration: it %s", shown,
                length > GUEST_CONFIG_MAX ? "has more than 1 MiB" : "has a NUL");
        return NULL;
    }
    return g_steal_pointer(&text);
}

static void orders_clear(Orders *orders)
{
    xen_physmap_table_free(orders->import);
    block_contents_free(orders->blocks);
    g_strfreev(orders->contents);
    g_free(orders->config.text);
    g_free(orders->config.name);
    g_free(orders->config.uuid);
    g_strfreev(orders->config.disks);
    g_strfreev(orders->config.settings);
}

/* Reads the files that the options name, and checks the edits. The exit code; 0 if all is well. */
static int prepare(Orders *orders, const char *import, const char *config, const char *mac)
{
    g_autoptr(GError) error = NULL;

    if ((import && !(orders->import = record_file_load(import, RECORD_FORM_UNKNOWN, &error))) ||
        (config && !(orders->config.text = load_config(config, &error)))) {
        return verb_fail(g_steal_pointer(&error));
    }
    orders->config.new_macs = mac != NULL;
    if (!check_mac(mac, &error) || !check_orders(orders, &error) ||
        !config_orders_prepare(&orders->config, &error)) {
        return verb_misused(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}

/* Copies the input with the edits. The exit code. */
static int edit(const char *input, const char *output, Orders *orders)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *shown = xen_physmap_escape(input, -1);
    int in = input_open(input, &error);
    gboolean ok = in >= 0 && edit_file(in, output, orders, &error);

    if (in >= 0) {
        close(in);
    }
    if (!ok) {
        g_prefix_error(&error, "%s: ", shown);
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}

int verb_edit(int argc, char **argv)
{
    g_auto(GStrv) removals = NULL, renames = NULL, settings = NULL;
    g_autofree char *import = NULL, *config = NULL, *mac = NULL;
    Orders orders = { 0 };
    const GOptionEntry entries[] = {
        { "import", 'i', 0, G_OPTION_ARG_FILENAME, &import,
          "replace all records by those of a file that convert reads", "FILE" },
        { "strip", 0, 0, G_OPTION_ARG_NONE, &orders.strip, "remove all records", NULL },
        { "remove", 'r', 0, G_OPTION_ARG_STRING_ARRAY, &removals,
          "remove a record, or one node of it", "BLOCK|@OFFSET/NODE" },
        { "rename", 0, 0, G_OPTION_ARG_STRING_ARRAY, &renames, "give a record another name",
          "BLOCK=NEW" },
        { "set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
          "change name, phys_offset, start_addr or size (in hexadecimal)", "BLOCK:FIELD=VALUE" },
        { "force", 0, 0, G_OPTION_ARG_NONE, &orders.force,
          "write it even if a block is in the guest's RAM or has no pages", NULL },
        { "contents", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &orders.contents,
          "give a block the contents of a file, as extract writes it", "BLOCK=FILE" },
        { "config", 'c', 0, G_OPTION_ARG_FILENAME, &config,
          "replace the configuration by that of a file, as show --config prints it", "FILE" },
        { "name", 'n', 0, G_OPTION_ARG_STRING, &orders.config.name, "give the guest another name",
          "NAME" },
        { "uuid", 'u', 0, G_OPTION_ARG_STRING, &orders.config.uuid, "give it another UUID",
          "new|UUID" },
        { "mac", 0, 0, G_OPTION_ARG_STRING, &mac, "give its network cards new addresses", "new" },
        { "disk", 0, 0, G_OPTION_ARG_STRING_ARRAY, &orders.config.disks,
          "give it another disk for this one", "OLD=NEW" },
        { "set-config", 0, 0, G_OPTION_ARG_STRING_ARRAY, &orders.config.settings,
          "change any value of the configuration", "PATH=VALUE" },
        { 0 },
    };
    int end;

    if (!verb_options(
            &argc, &argv, entries, "IN|- OUT|-",
            "Copies a savefile or migration stream, and changes only what the options say:\n"
            "its records, or the guest's configuration. All other bytes stay.\n"
            "\n"
            "BLOCK is a record's name, its region's name if only one record fits it, or\n"
            "@OFFSET for its phys_offset, as a number or exactly as in the file. The records\n"
            "in IN may be broken; the result must be valid, and its blocks must have pages if\n"
            "IN is a file. Options may be repeated. They are applied in the order below.\n"
            "\n"
            "  xen-physmap edit --rename vga.rom=other.rom g1.save new.save\n"
            "  xen-physmap edit --remove @4000000 bad.save g1.save\n"
            "  xen-physmap edit --rename 0000:00:04.0/e1000.rom=0000:00:05.0/e1000.rom - -\n"
            "  xen-physmap edit --name g2 --uuid new --mac new g1.save g2.save\n"
            "\n"
            "A file is written completely or not at all, also when OUT is IN. In a pipe, the\n"
            "records come after the pages, so an error is found after the pages have been\n"
            "written. The output then ends, and can't be restored.",
            2, 2)) {
        return EXIT_TROUBLE;
    }
    orders.removals = removals;
    orders.renames = renames;
    orders.settings = settings;
    end = prepare(&orders, import, config, mac);
    if (end == EXIT_FINE) {
        /* A reader that is gone is an error, not a signal. */
        signal(SIGPIPE, SIG_IGN);
        end = edit(argv[1], argv[2], &orders);
    }
    orders_clear(&orders);
    return end;
}
