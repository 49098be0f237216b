/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds disks, sockets and passed-through devices in a configuration, of xl or of libvirt. */
#include "config-devices.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <xen-physmap/record.h>

/* QEMU closes a disk some seconds after the last byte of the savefile was written. */
#define CLOSING_SECONDS 10

static gboolean is(const ConfigValue *value, const char *text)
{
    return value && strcmp(value->value, text) == 0;
}

/* TRUE when the value has one of these paths, of which the last is NULL. */
static gboolean is_at_one_of(const ConfigValue *value, const char *const *paths)
{
    while (*paths && !config_value_is_at(value, *paths)) {
        paths++;
    }
    return *paths != NULL;
}

/* The value at the path that begins with `prefix` and goes on with `path`; NULL if there is none. */
static ConfigValue *value_in(const ConfigText *config, const char *prefix, const char *path)
{
    g_autofree char *full = g_strconcat(prefix, path, NULL);

    return config_text_find(config, full);
}

/* The value's path without its last `up` names. */
static char *above(const ConfigText *config, const ConfigValue *value, guint up)
{
    gsize length = strlen(value->path);

    while (up > 0 && length > 0) {
        length--;
        up -= value->path[length] == (config->xml ? '/' : '.');
    }
    return g_strndup(value->path, length);
}

static ConfigValue *beside(const ConfigText *config, const ConfigValue *value, guint up,
                           const char *path)
{
    g_autofree char *prefix = above(config, value, up);

    return value_in(config, prefix, path);
}

/* --- arguments of QEMU --- */

static gboolean is_argument(const ConfigValue *value)
{
    static const char *const paths[] = {
        "b_info.extra",
        "b_info.extra_hvm",
        "b_info.extra_pv",
        "domain/xen:commandline/xen:arg/@value",
        "domain/qemu:commandline/qemu:arg/@value",
        NULL,
    };

    return is_at_one_of(value, paths);
}

char *config_argument_with(const char *argument, const char *key, const char *old, const char *new)
{
    g_auto(GStrv) parts = g_strsplit(argument, ",", -1);
    gboolean found = FALSE;

    for (char **part = parts; *part; part++) {
        if (g_str_has_prefix(*part, key) && (!old || strcmp(*part + strlen(key), old) == 0)) {
            g_free(*part);
            *part = g_strconcat(key, new, NULL);
            found = TRUE;
        }
    }
    return found ? g_strjoinv(",", parts) : NULL;
}

/* The value of a part of an argument; NULL if it has none. */
static char *argument_part(const char *argument, const char *key)
{
    g_auto(GStrv) parts = g_strsplit(argument, ",", -1);

    for (char **part = parts; *part; part++) {
        if (g_str_has_prefix(*part, key)) {
            return g_strdup(*part + strlen(key));
        }
    }
    return NULL;
}

/* --- disks --- */

static void disk_free(gpointer data)
{
    ConfigDisk *disk = data;

    g_free(disk->path);
    g_free(disk);
}

/* TRUE when the guest only reads the disk, or may share it. `prefix` is that of the disk's values. */
static gboolean is_read_only(const ConfigText *config, const char *prefix)
{
    if (config->xml) {
        return value_in(config, prefix, "/readonly[1]") ||
               value_in(config, prefix, "/shareable[1]") ||
               is(value_in(config, prefix, "/@device"), "cdrom");
    }
    return is(value_in(config, prefix, ".readwrite"), "0") ||
           is(value_in(config, prefix, ".is_cdrom"), "1");
}

static ConfigDisk *device_disk(const ConfigText *config, ConfigValue *file)
{
    g_autofree char *prefix = above(config, file, config->xml ? 2 : 1);
    ConfigDisk *disk = g_new0(ConfigDisk, 1);

    disk->file = file;
    disk->path = g_strdup(file->value);
    disk->format = value_in(config, prefix, config->xml ? "/driver[1]/@type" : ".format");
    disk->backend = config->xml ? NULL : value_in(config, prefix, ".backend");
    disk->writable = !is_read_only(config, prefix);
    return disk;
}

/* An argument such as "file=/a.img,format=raw,if=ide"; NULL if it isn't a disk. */
static ConfigDisk *argument_disk(ConfigValue *value)
{
    char *path = argument_part(value->value, "file=");
    g_autofree char *readonly = argument_part(value->value, "readonly=");
    g_autofree char *media = argument_part(value->value, "media=");
    ConfigDisk *disk;

    if (!path) {
        return NULL;
    }
    disk = g_new0(ConfigDisk, 1);
    disk->file = value;
    disk->path = path;
    disk->argument = TRUE;
    disk->writable = g_strcmp0(readonly, "on") != 0 && g_strcmp0(media, "cdrom") != 0;
    return disk;
}

GPtrArray *config_disks(const ConfigText *config)
{
    static const char *const sources[] = {
        "domain/devices/disk/source/@file",
        "domain/devices/disk/source/@dev",
        NULL,
    };
    GPtrArray *disks = g_ptr_array_new_with_free_func(disk_free);

    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];
        ConfigDisk *disk = NULL;

        if (is_argument(value)) {
            disk = argument_disk(value);
        } else if (is_at_one_of(value, sources) ||
                   (*value->value && config_value_is_at(value, "disks.pdev_path"))) {
            disk = device_disk(config, value);
        }
        if (disk) {
            g_ptr_array_add(disks, disk);
        }
    }
    return disks;
}

gboolean config_disk_set_overlay(const ConfigDisk *disk, const char *path, GError **error)
{
    if (disk->argument) {
        g_autofree char *file = config_argument_with(disk->file->value, "file=", NULL, path);
        g_autofree char *both = config_argument_with(file, "format=", NULL, "qcow2");

        return config_value_set(disk->file, both ? both : file, error);
    }
    return config_value_set(disk->file, path, error) &&
           (!disk->format || config_value_set(disk->format, "qcow2", error)) &&
           /* Only QEMU can read qcow2. */
           (!disk->backend || config_value_set(disk->backend, "qdisk", error));
}

const char *config_disk_format(const ConfigDisk *disk)
{
    g_autofree char *part = disk->argument ? argument_part(disk->file->value, "format=") : NULL;
    const char *format = disk->format ? disk->format->value : part;

    return g_strcmp0(format, "raw") == 0 ? "raw" : g_strcmp0(format, "qcow2") == 0 ? "qcow2" : NULL;
}

/* --- what has the guest's name in it --- */

static gboolean has_path(const ConfigValue *value)
{
    static const char *const paths[] = {
        "b_info.type.hvm.serial",
        "b_info.type.hvm.serial_list",
        "channels.connection.socket.path",
        "domain/devices/serial/source/@path",
        "domain/devices/console/source/@path",
        "domain/devices/parallel/source/@path",
        "domain/devices/channel/source/@path",
        "domain/devices/serial/log/@file",
        "domain/devices/console/log/@file",
        "domain/devices/parallel/log/@file",
        "domain/devices/channel/log/@file",
        "domain/devices/graphics/@socket",
        "domain/devices/graphics/listen/@socket",
        NULL,
    };

    return is_at_one_of(value, paths);
}

/* A character with which a longer name could continue. */
static gboolean in_word(char c)
{
    return g_ascii_isalnum(c) || c == '_' || (guchar)c >= 0x80;
}

/* The text with each whole word `old` replaced. */
static char *replace_words(const char *text, const char *old, const char *new)
{
    g_autoptr(GString) result = g_string_new(NULL);
    gsize length = strlen(old);
    const char *at = text, *found;

    while ((found = strstr(at, old))) {
        gboolean whole = (found == text || !in_word(found[-1])) && !in_word(found[length]);

        g_string_append_len(result, at, found - at);
        g_string_append(result, whole ? new : old);
        at = found + length;
    }
    g_string_append(result, at);
    return g_string_free(g_steal_pointer(&result), FALSE);
}

gboolean config_rename_paths(const ConfigText *config, const char *old, const char *new,
                             GError **error)
{
    for (guint i = 0; *old && i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];
        g_autofree char *file = is_argument(value) ? argument_part(value->value, "file=") : NULL;
        g_autofree char *renamed = NULL;

        /* A new name isn't enough for a disk. */
        if (value->spelling || file || !(has_path(value) || is_argument(value)) ||
            !strchr(value->value, '/') || *value->value == '{') {
            continue;
        }
        renamed = replace_words(value->value, old, new);
        if (strcmp(renamed, value->value) != 0 && !config_value_set(value, renamed, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* --- what can't be shared --- */

static void add(GPtrArray *list, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add(GPtrArray *list, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(list, xen_physmap_escape(text, -1));
}

/* TRUE for a part of an argument of QEMU that may name a file, a socket, a port, an address of a
 * network card or a device of the host. */
static gboolean part_names_something(const char *part)
{
    static const char *const starts[] = {
        "{", "host", "vfio", "usb-host", "file=", "path=", "filename=", "file.filename=", "port=",
    };

    for (guint i = 0; i < G_N_ELEMENTS(starts); i++) {
        if (g_str_has_prefix(part, starts[i])) {
            return TRUE;
        }
    }
    return strchr(part, '/') || strchr(part, ':');
}

static gboolean argument_names_something(const char *argument)
{
    g_auto(GStrv) parts = g_strsplit(argument, ",", -1);
    gboolean found = FALSE;

    for (char **part = parts; *part; part++) {
        found = found || part_names_something(*part);
    }
    return found;
}

/* TRUE when both arguments name the same thing in some part. */
static gboolean arguments_share(const char *one, const char *two)
{
    g_auto(GStrv) parts = g_strsplit(one, ",", -1), others = g_strsplit(two, ",", -1);

    for (char **part = parts; *part; part++) {
        if (part_names_something(*part) && g_strv_contains((const char *const *)others, *part)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* TRUE for a serial port or the like, which every guest gets its own of. */
static gboolean is_made_for_each(const ConfigText *config, const ConfigValue *value)
{
    static const char *const made[] = { "pty", "none", "null", "stdio", "vc", "", NULL };

    return g_strv_contains(made, value->value) || g_str_has_prefix(value->value, "/dev/pts/") ||
           /* Its source, but not its log. */
           (g_str_has_suffix(value->path, "/@path") &&
            is(beside(config, value, 2, "/@type"), "pty"));
}

static gboolean is_automatic(const ConfigText *config, const ConfigValue *value)
{
    return is(beside(config, value, 1, "/@autoport"), "yes");
}

static gboolean is_found_or_off(const ConfigText *config, const ConfigValue *value)
{
    return is(beside(config, value, 1, ".findunused"), "True") ||
           is(beside(config, value, 1, ".enable"), "False");
}

/* libvirt creates these for each guest. */
static gboolean is_created(const ConfigText *config, const ConfigValue *value)
{
    (void)config;
    return g_str_has_prefix(value->value, "vif") || g_str_has_prefix(value->value, "vnet");
}

/* A port at which another program listens. */
static gboolean is_of_another(const ConfigText *config, const ConfigValue *value)
{
    return is(beside(config, value, 1, "/@mode"), "connect");
}

static const char *const none[] = { "-1", NULL }, *const zero[] = { "0", NULL };
static const char *const unnamed[] = { "", NULL };
static const char *const cards[] = { "bridge", "network", "ethernet", "user", NULL };
static const char *const emulated[] = { "", "tablet", "mouse", "keyboard", NULL };

/* What only one guest can have, unless the value is one of `fine`, or is_fine. Either can be NULL. */
static const struct Single {
    const char *path, *what;
    const char *const *fine;
    gboolean (*is_fine)(const ConfigText *config, const ConfigValue *value);
} singles[] = {
    { "b_info.type.hvm.vnc.display", "the display", NULL, is_found_or_off },
    { "vfbs.vnc.display", "the display", NULL, is_found_or_off },
    { "b_info.type.hvm.spice.port", "the display", zero, NULL },
    { "b_info.type.hvm.spice.tls_port", "the display", zero, NULL },
    { "domain/devices/graphics/@port", "the display", none, is_automatic },
    { "domain/devices/graphics/@tlsPort", "the display", none, is_automatic },
    { "domain/devices/graphics/@websocket", "the display", none, NULL },
    { "nics.ifname", "the network interface", unnamed, NULL },
    { "domain/devices/interface/target/@dev", "the network interface", NULL, is_created },
    { "domain/devices/interface/@type", "a network card of the type", cards, NULL },
    { "b_info.type.hvm.usbdevice", "the USB device", emulated, NULL },
    { "b_info.type.hvm.usbdevice_list", "the USB device", emulated, NULL },
    { "domain/devices/serial/source/@service", "the port", NULL, is_of_another },
    { "domain/devices/console/source/@service", "the port", NULL, is_of_another },
    { "domain/devices/parallel/source/@service", "the port", NULL, is_of_another },
    { "domain/devices/channel/source/@service", "the port", NULL, is_of_another },
    { "domain/os/nvram", "the file of UEFI's variables,", NULL, NULL },
};

/* Where in the path the name of the value's device begins; NULL for values of the guest itself. */
static const char *device_at(const ConfigText *config, const ConfigValue *value)
{
    static const char *const resources[] = { "ioports", "irqs", "iomem", "rdm" };
    const char *at = value->path;

    if (config->xml) {
        const char *list = strchr(at, '/'), *device = list ? strchr(list + 1, '/') : NULL;

        return device && g_str_has_prefix(at, "domain[") &&
                       g_str_has_prefix(list + 1, "devices[") && device[1] != '@'
                   ? device + 1
                   : NULL;
    }
    if (!g_str_has_prefix(at, "b_info.")) {
        return at;
    }
    at += strlen("b_info.");
    for (guint i = 0; i < G_N_ELEMENTS(resources); i++) {
        if (g_str_has_prefix(at, resources[i]) && strchr("[.", at[strlen(resources[i])])) {
            return at;
        }
    }
    return NULL;
}

/* The kind of the value's device, such as "disks" or "hostdev"; NULL for values of the guest. */
static char *kind_of(const ConfigText *config, const ConfigValue *value)
{
    const char *at = device_at(config, value);

    return at ? g_strndup(at, strcspn(at, config->xml ? "[" : "[.")) : NULL;
}

/* What a device of this kind is, if it isn't known to be fine in two guests at a time; or NULL. */
static const char *single_device(const ConfigText *config, const char *kind)
{
    static const char *const fine[] = {
        "c_info",     "b_info",   "disks",    "nics",      "vfbs",   "vkbs",    "channels",
        "usbctrls",   "emulator", "disk",     "interface", "serial", "console", "parallel",
        "channel",    "graphics", "video",    "input",     "sound",  "audio",   "memballoon",
        "controller", "rng",      "watchdog", "hub",       "panic",  NULL,
    };
    static const struct {
        const char *kind, *what;
    } names[] = {
        { "pcidevs", "a PCI device of the host" },
        { "usbdevs", "a USB device of the host" },
        { "vtpms", "a virtual TPM" },
        { "tpm", "a virtual TPM" },
        { "redirdev", "a USB device of a viewer" },
        { "dtdevs", "a device of the host" },
        { "hostdev", "a device of the host" },
        { "ioports", "a device of the host" },
        { "irqs", "a device of the host" },
        { "iomem", "a device of the host" },
    };

    if (g_strv_contains(fine, kind) || (!config->xml && g_str_has_prefix(kind, "on_"))) {
        return NULL;
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(kind, names[i].kind) == 0) {
            return names[i].what;
        }
    }
    return "a device that clone doesn't know";
}

/* One line for each kind of device that isn't known to be fine in two guests. */
static void add_devices(const ConfigText *config, GPtrArray *list)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < config->values->len; i++) {
        const ConfigValue *value = config->values->pdata[i];
        g_autofree char *kind = kind_of(config, value);
        const char *what = kind ? single_device(config, kind) : NULL;

        if (what && g_hash_table_add(seen, g_steal_pointer(&kind))) {
            add(list, "it has %s (%s), which only one guest can have", what, value->path);
        }
    }
}

/* TRUE when the toolstack opens a file or device for the disk: libvirt ignores those of other types. */
static gboolean has_file(const ConfigText *config, const char *prefix)
{
    const ConfigValue *type = value_in(config, prefix, "/@type");
    const ConfigValue *path = value_in(config, prefix, ".pdev_path");

    return config->xml ? (is(type, "file") && value_in(config, prefix, "/source[1]/@file")) ||
                             (is(type, "block") && value_in(config, prefix, "/source[1]/@dev"))
                       : path && *path->value;
}

/* A disk whose source isn't a file or device, such as a volume, may be the same for two guests. */
static void add_unknown_disks(const ConfigText *config, GPtrArray *list)
{
    g_autofree char *last = NULL;

    for (guint i = 0; i < config->values->len; i++) {
        const ConfigValue *value = config->values->pdata[i];
        g_autofree char *kind = kind_of(config, value);
        const char *end = device_at(config, value);
        g_autofree char *prefix = NULL;

        if (g_strcmp0(kind, config->xml ? "disk" : "disks") != 0) {
            continue;
        }
        end += strcspn(end, "]");
        prefix = g_strndup(value->path, end + (*end == ']') - value->path);
        /* The values of a disk follow each other. */
        if (g_strcmp0(prefix, last) != 0 && !has_file(config, prefix) &&
            !is_read_only(config, prefix)) {
            add(list,
                "two guests may write to the disk %s, which is not a file or device with a path",
                prefix);
        }
        g_free(last);
        last = g_steal_pointer(&prefix);
    }
}

/* TRUE for a path of one of libvirt's devices, except what guests only read. */
static gboolean is_other_path(const ConfigText *config, const ConfigValue *value)
{
    static const char *const read[] = {
        "domain/devices/emulator",         "domain/devices/interface/script/@path",
        "domain/devices/rng/backend",      "domain/devices/disk/source/@file",
        "domain/devices/disk/source/@dev", NULL,
    };
    const char *device = config->xml ? device_at(config, value) : NULL;

    return device && *value->value == '/' && !g_str_has_prefix(value->value, "/dev/pts/") &&
           !(g_str_has_prefix(device, "disk[") && strstr(device, "/backingStore[")) &&
           !is_at_one_of(value, read);
}

/* What a value names that only one guest can have; NULL if nothing. */
static const char *named_by(const ConfigText *config, const ConfigValue *value)
{
    if (is_argument(value)) {
        return argument_names_something(value->value) ? "an argument of QEMU," : NULL;
    }
    if (has_path(value)) {
        return is_made_for_each(config, value) ? NULL : "the path";
    }
    for (guint i = 0; i < G_N_ELEMENTS(singles); i++) {
        const struct Single *single = &singles[i];

        if (config_value_is_at(value, single->path)) {
            return (single->fine && g_strv_contains(single->fine, value->value)) ||
                           (single->is_fine && single->is_fine(config, value))
                       ? NULL
                       : single->what;
        }
    }
    return is_other_path(config, value) ? "the path" : NULL;
}

/* TRUE when only this guest has the value, or was told to share it. */
static gboolean is_own(const ConfigValue *value, const ConfigText *original,
                       const ConfigText *other)
{
    const ConfigValue *before = config_text_find(original, value->path);
    const ConfigValue *others = other ? config_text_find(other, value->path) : NULL;

    if (!value->spelling || !before) {
        return FALSE;
    }
    if (is(before, value->value)) {
        return TRUE;
    }
    return !is(others, value->value) &&
           (!is_argument(value) || (!arguments_share(before->value, value->value) &&
                                    (!others || !arguments_share(others->value, value->value))));
}

GPtrArray *config_shared(const ConfigText *config, const ConfigText *original,
                         const ConfigText *other)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) disks = config_disks(config);

    if (original->hidden || config->hidden) {
        add(list, "it can't be known what two guests would share: %s in its configuration",
            original->hidden ? original->hidden : config->hidden);
        return list;
    }
    for (guint i = 0; i < disks->len; i++) {
        const ConfigDisk *disk = disks->pdata[i];

        if (disk->writable && !is_own(disk->file, original, other)) {
            add(list,
                "two guests would write to the disk %s; give each its own by --disk OLD=NEW with "
                "{name} in it, or by --overlays",
                disk->path);
        }
    }
    for (guint i = 0; i < config->values->len; i++) {
        const ConfigValue *value = config->values->pdata[i];
        const char *what = named_by(config, value);

        if (is_argument(value) && strstr(value->value, ",,")) {
            add(list, "an argument of QEMU has two commas in a row, which clone doesn't read: %s",
                value->value);
        }
        if (what && !is_own(value, original, other)) {
            add(list,
                "two guests would have %s %s; give each its own by --set-config '%s=VALUE' "
                "with {name} in it",
                what, value->value, value->path);
        }
    }
    add_unknown_disks(config, list);
    add_devices(config, list);
    return list;
}

/* --- the age of disks --- */

GPtrArray *config_changed_disks(const ConfigText *config, time_t saved)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) disks = config_disks(config);

    for (guint i = 0; i < disks->len; i++) {
        const ConfigDisk *disk = disks->pdata[i];
        struct statx st;

        /* The savefile names the path: it mounts nothing, and no file server is asked. */
        if (disk->writable && *disk->path == '/' &&
            statx(AT_FDCWD, disk->path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
                  STATX_TYPE | STATX_MTIME, &st) == 0 &&
            S_ISREG(st.stx_mode) && st.stx_mtime.tv_sec > saved &&
            st.stx_mtime.tv_sec - saved > CLOSING_SECONDS) {
            add(list,
                "the disk %s was written %" G_GINT64_FORMAT
                " s after the savefile: the restored guest would destroy what is on it",
                disk->path, (gint64)st.stx_mtime.tv_sec - saved);
        }
    }
    return list;
}
