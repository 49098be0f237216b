/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vcpus, cards and disks that a guest has now, not those that it was started with. */
#include "update.h"

#include <string.h>

#include <xen-physmap/record.h>

#include "monitor.h"

/* The value of `name` in "DRIVER,name=VALUE,...", or NULL. */
static char *property(const char *argument, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(argument, ",", -1);
    gsize length = strlen(name);

    for (guint i = 0; parts[i]; i++) {
        if (strncmp(parts[i], name, length) == 0 && parts[i][length] == '=') {
            return g_strdup(parts[i] + length + 1);
        }
    }
    return NULL;
}

static gboolean is_among(const char *name, const GPtrArray *names)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* The id of the network card that this "-device" makes, or NULL. */
static char *card_of(const char *option, const char *value)
{
    g_autofree char *netdev = strcmp(option, "-device") == 0 ? property(value, "netdev") : NULL;

    return netdev ? property(value, "id") : NULL;
}

/* QEMU's name for the emulated disk that this "-drive" makes, or NULL. */
static char *disk_of(const char *option, const char *value)
{
    gboolean is_drive = strcmp(option, "-drive") == 0;
    g_autofree char *interface = is_drive ? property(value, "if") : NULL;
    g_autofree char *media = is_drive ? property(value, "media") : NULL;
    g_autofree char *index = is_drive ? property(value, "index") : NULL;
    char *id = is_drive ? property(value, "id") : NULL;
    guint64 number;

    if (g_strcmp0(interface, "ide") != 0 || g_strcmp0(media, "cdrom") == 0 || !index ||
        !g_ascii_string_to_unsigned(index, 10, 0, 3, &number, NULL)) {
        g_free(id);
        return NULL;
    }
    return id ? id : g_strdup_printf("ide%d-hd%d", (int)number / 2, (int)number % 2);
}

static gboolean is_netdev(const char *option, const char *value, const GPtrArray *dropped)
{
    g_autofree char *id = strcmp(option, "-netdev") == 0 ? property(value, "id") : NULL;

    return id && is_among(id, dropped);
}

/* Drops each option for which `should` returns TRUE, with its value. */
static void drop_if(GStrv *args,
                    gboolean (*should)(const char *option, const char *value, gpointer data),
                    gpointer data)
{
    GPtrArray *kept = g_ptr_array_new();

    for (guint i = 0; (*args)[i]; i++) {
        if ((*args)[i + 1] && should((*args)[i], (*args)[i + 1], data)) {
            g_free((*args)[i]);
            g_free((*args)[++i]);
        } else {
            g_ptr_array_add(kept, (*args)[i]);
        }
    }
    g_ptr_array_add(kept, NULL);
    g_free(*args);
    *args = (GStrv)g_ptr_array_free(kept, FALSE);
}

typedef struct Dropping {
    const GPtrArray *names;
    GPtrArray *netdevs, *notes;
} Dropping;

static gboolean is_unplugged(const char *option, const char *value, gpointer data)
{
    Dropping *dropping = data;
    g_autofree char *card = card_of(option, value);
    g_autofree char *disk = disk_of(option, value);
    const char *name = card ? card : disk;
    g_autofree char *shown = name ? xen_physmap_escape(name, -1) : NULL;

    if (!name || is_among(name, dropping->names)) {
        return FALSE;
    }
    if (card) {
        g_ptr_array_add(dropping->netdevs, property(value, "netdev"));
    }
    g_ptr_array_add(dropping->notes,
                    g_strdup_printf("the guest unplugged its emulated %s %s, and doesn't get it "
                                    "again",
                                    card ? "network card" : "disk", shown));
    return TRUE;
}

static gboolean is_left_over(const char *option, const char *value, gpointer data)
{
    return is_netdev(option, value, ((Dropping *)data)->netdevs);
}

void update_drop_unplugged(GStrv *args, const GPtrArray *names, GPtrArray *notes)
{
    g_autoptr(GPtrArray) netdevs = g_ptr_array_new_with_free_func(g_free);
    Dropping dropping = { names, netdevs, notes };

    drop_if(args, is_unplugged, &dropping);
    drop_if(args, is_left_over, &dropping);
}

/* "COUNT,maxcpus=MAXIMUM", as libxl gives it, with another count. */
static void carry_vcpus(char **value, guint vcpus, GPtrArray *notes)
{
    gsize digits = strspn(*value, G_CSET_DIGITS);
    g_autofree char *given = g_strndup(*value, digits);
    guint64 count;
    char *other;

    if (!g_ascii_string_to_unsigned(given, 10, 1, G_MAXUINT, &count, NULL) || count >= vcpus ||
        ((*value)[digits] && (*value)[digits] != ',')) {
        return;
    }
    g_ptr_array_add(notes, g_strdup_printf("it has %u vcpus now, and was started with %s; the new "
                                           "QEMU gets %u",
                                           vcpus, given, vcpus));
    other = g_strdup_printf("%u%s", vcpus, *value + digits);
    g_free(*value);
    *value = other;
}

/* Without the medium and what is said of it. A comma in a path is doubled. */
static char *without_medium(const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    gboolean dropped = FALSE;

    for (guint i = 0; parts[i]; i++) {
        if (i == 0 || (*parts[i] && *parts[i - 1])) {
            dropped = g_str_has_prefix(parts[i], "file=") || g_str_has_prefix(parts[i], "file.") ||
                      g_str_has_prefix(parts[i], "format=");
        }
        if (!dropped) {
            g_ptr_array_add(kept, parts[i]);
        }
    }
    g_ptr_array_add(kept, NULL);
    return g_strjoinv(",", (char **)kept->pdata);
}

/* Only a drive that can be ejected has nothing in it. libxl 4.17 doesn't say that it is a CD's. */
static void carry_ejected(char **value, const GPtrArray *empty, GPtrArray *notes)
{
    g_autofree char *file = property(*value, "file"), *id = property(*value, "id");
    g_autofree char *shown = id ? xen_physmap_escape(id, -1) : NULL;
    char *other;

    if (!file || !id || !is_among(id, empty)) {
        return;
    }
    g_ptr_array_add(notes, g_strdup_printf("the CD in %s was ejected, and stays so", shown));
    other = without_medium(*value);
    g_free(*value);
    *value = other;
}

void update_carry_changes(GStrv *args, const MonitorParts *parts, GPtrArray *notes)
{
    for (guint i = 0; (*args)[i] && (*args)[i + 1]; i++) {
        if (strcmp((*args)[i], "-smp") == 0) {
            carry_vcpus(&(*args)[i + 1], parts->vcpus, notes);
        } else if (strcmp((*args)[i], "-drive") == 0) {
            carry_ejected(&(*args)[i + 1], parts->empty, notes);
        }
    }
}

static gboolean count_empty(Update *update, const char *path, gpointer data, GError **error)
{
    guint *count = data;
    gboolean empty;

    if (!update_is_empty(update, path, &empty, error)) {
        return FALSE;
    }
    *count += empty ? 1 : 0;
    return TRUE;
}

/*
 * The first line that isn't among the others, but for as many drives without a name as may be
 * missing.
 */
static const char *first_missing(const GPtrArray *lines, const GPtrArray *among, guint may_miss)
{
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);

        if (is_among(line, among)) {
            continue;
        }
        if (may_miss == 0 || !g_str_has_prefix(line, MONITOR_UNNAMED_DRIVE)) {
            return line;
        }
        may_miss--;
    }
    return NULL;
}

/*
 * QEMU has a CD twice: in the emulated drive, and for a paravirtual driver. xl cd-eject takes it from
 * the first only. The preflight has made sure that the guest isn't connected to the second.
 */
gboolean update_compare_parts(Update *update, GError **error)
{
    const UpdateOps *ops = update->ops;
    guint32 domid = update->domain->domid;
    guint ejected = 0;
    g_autoptr(MonitorParts) old = NULL;
    g_autoptr(MonitorParts) new = NULL;
    const char *lost, *found;

    if (!update_each_backend(update, count_empty, &ejected, error) ||
        !(old = ops->monitor_parts(ops->opaque, domid, FALSE, error)) ||
        !(new = ops->monitor_parts(ops->opaque, domid, TRUE, error))) {
        return FALSE;
    }
    lost = first_missing(old->lines, new->lines, ejected);
    found = first_missing(new->lines, old->lines, 0);
    if (lost || found) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "the guest was changed since its start: its QEMU has %s, and the new one %s; "
                    "undo that change, or shut the guest down and start it again",
                    lost ? lost : "no more", found ? found : "hasn't");
    }
    return !lost && !found;
}
