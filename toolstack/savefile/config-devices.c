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

static ConfigValue *find(const ConfigText *config, const char *path)
{
    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];

        if (strcmp(value->path, path) == 0) {
            return value;
        }
    }
    return NULL;
}

/* The value at `path` in the same device as `value`, whose path ends with `own`. */
static ConfigValue *sibling(const ConfigText *config, const ConfigValue *value, const char *own,
                            const char *path)
{
    g_autofree char *full =
        g_strdup_printf("%.*s%s", (int)(strlen(value->path) - strlen(own)), value->path, path);

    return find(config, full);
}

static gboolean is(const ConfigValue *value, const char *text)
{
    return value && strcmp(value->value, text) == 0;
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
    };

    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (config_value_is_at(value, paths[i])) {
            return TRUE;
        }
    }
    return FALSE;
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
    g_free(disk->device);
    g_free(disk);
}

static ConfigDisk *disk_new(ConfigValue *file, const ConfigValue *device)
{
    ConfigDisk *disk = g_new0(ConfigDisk, 1);

    disk->file = file;
    disk->path = g_strdup(file->value);
    disk->device = device ? g_strdup(device->value) : NULL;
    return disk;
}

static ConfigDisk *xl_disk(const ConfigText *config, ConfigValue *file)
{
    static const char own[] = ".pdev_path";
    ConfigDisk *disk = disk_new(file, sibling(config, file, own, ".vdev"));

    disk->format = sibling(config, file, own, ".format");
    disk->backend = sibling(config, file, own, ".backend");
    disk->writable = !is(sibling(config, file, own, ".readwrite"), "0") &&
                     !is(sibling(config, file, own, ".is_cdrom"), "1");
    return disk;
}

static ConfigDisk *libvirt_disk(const ConfigText *config, ConfigValue *file, const char *own)
{
    ConfigDisk *disk = disk_new(file, sibling(config, file, own, "/target[1]/@dev"));
    const ConfigValue *device = sibling(config, file, own, "/@device");

    disk->format = sibling(config, file, own, "/driver[1]/@type");
    disk->writable = !sibling(config, file, own, "/readonly[1]") &&
                     !sibling(config, file, own, "/shareable[1]") && !is(device, "cdrom");
    return disk;
}

/* An argument such as "file=/a.img,format=raw,if=ide"; NULL if it isn't a disk. */
static ConfigDisk *argument_disk(ConfigValue *value)
{
    g_autofree char *path = argument_part(value->value, "file=");
    g_autofree char *readonly = argument_part(value->value, "readonly=");
    g_autofree char *media = argument_part(value->value, "media=");
    ConfigDisk *disk;

    if (!path) {
        return NULL;
    }
    disk = disk_new(value, NULL);
    g_free(disk->path);
    disk->path = g_steal_pointer(&path);
    disk->argument = TRUE;
    disk->writable = g_strcmp0(readonly, "on") != 0 && g_strcmp0(media, "cdrom") != 0;
    return disk;
}

GPtrArray *config_disks(const ConfigText *config)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func(disk_free);

    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];
        ConfigDisk *disk = NULL;

        if (is_argument(value)) {
            disk = argument_disk(value);
        } else if (*value->value && config_value_is_at(value, "disks.pdev_path")) {
            disk = xl_disk(config, value);
        } else if (config_value_is_at(value, "domain/devices/disk/source/@file")) {
            disk = libvirt_disk(config, value, "/source[1]/@file");
        } else if (config_value_is_at(value, "domain/devices/disk/source/@dev")) {
            disk = libvirt_disk(config, value, "/source[1]/@dev");
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

static const char *const path_values[] = {
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
};

static gboolean has_path(const ConfigValue *value)
{
    for (guint i = 0; i < G_N_ELEMENTS(path_values); i++) {
        if (config_value_is_at(value, path_values[i])) {
            return TRUE;
        }
    }
    return is_argument(value);
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
        if (value->spelling || file || !has_path(value) || !strchr(value->value, '/') ||
            *value->value == '{') {
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

/* TRUE for a serial port or the like, which every guest gets its own of. */
static gboolean is_made_for_each(const ConfigText *config, const ConfigValue *value)
{
    static const char *const made[] = { "pty", "none", "null", "stdio", "vc", "" };

    for (guint i = 0; i < G_N_ELEMENTS(made); i++) {
        if (is(value, made[i])) {
            return TRUE;
        }
    }
    return g_str_has_prefix(value->value, "/dev/pts/") ||
           is(sibling(config, value, "/source[1]/@path", "/@type"), "pty");
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

/* TRUE when the display has a number, which a second one can't have. */
static gboolean is_fixed_display(const ConfigText *config, const ConfigValue *value)
{
    if (config_value_is_at(value, "domain/devices/graphics/@tlsPort")) {
        return !is(value, "-1") && !is(sibling(config, value, "/@tlsPort", "/@autoport"), "yes");
    }
    if (config_value_is_at(value, "domain/devices/graphics/@websocket")) {
        return !is(value, "-1");
    }
    if (config_value_is_at(value, "b_info.type.hvm.spice.port") ||
        config_value_is_at(value, "b_info.type.hvm.spice.tls_port")) {
        return !is(value, "0");
    }
    if (config_value_is_at(value, "domain/devices/graphics/@port")) {
        return !is(value, "-1") && !is(sibling(config, value, "/@port", "/@autoport"), "yes");
    }
    return (config_value_is_at(value, "b_info.type.hvm.vnc.display") ||
            config_value_is_at(value, "vfbs.vnc.display")) &&
           !is(sibling(config, value, ".display", ".findunused"), "True") &&
           !is(sibling(config, value, ".display", ".enable"), "False");
}

static gboolean is_interface_name(const ConfigValue *value)
{
    return (config_value_is_at(value, "nics.ifname") && *value->value) ||
           /* Except libvirt's own, which it creates for each guest. */
           (config_value_is_at(value, "domain/devices/interface/target/@dev") &&
            !g_str_has_prefix(value->value, "vif") && !g_str_has_prefix(value->value, "vnet"));
}

/* The kind of thing that a value belongs to, such as "disks" or "hostdev": its name. NULL for values
 * of the guest itself. */
static char *kind_of(const ConfigText *config, const ConfigValue *value)
{
    static const char *const resources[] = { "ioports", "irqs", "iomem", "rdm" };
    const char *name = value->path;
    gboolean guest = !config->xml && g_str_has_prefix(name, "b_info.");

    if (config->xml) {
        g_auto(GStrv) parts = g_strsplit(name, "/", 4);

        if (g_strv_length(parts) < 3 || !g_str_has_prefix(parts[0], "domain[") ||
            !g_str_has_prefix(parts[1], "devices[") || *parts[2] == '@') {
            return NULL;
        }
        return g_strndup(parts[2], strcspn(parts[2], "["));
    }
    name += guest ? strlen("b_info.") : 0;
    for (guint i = 0; guest && i < G_N_ELEMENTS(resources); i++) {
        gsize length = strlen(resources[i]);

        if (g_str_has_prefix(name, resources[i]) && strchr("[.", name[length])) {
            return g_strdup(resources[i]);
        }
    }
    return guest ? NULL : g_strndup(name, strcspn(name, "[."));
}

/* Devices that aren't known to be fine in two guests at a time. */
static void add_devices(const ConfigText *config, GPtrArray *list)
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
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < config->values->len; i++) {
        const ConfigValue *value = config->values->pdata[i];
        char *kind = kind_of(config, value);
        const char *what = "a device that clone doesn't know";

        if (!kind || g_strv_contains(fine, kind) ||
            (!config->xml && g_str_has_prefix(kind, "on_"))) {
            g_free(kind);
            continue;
        }
        for (guint j = 0; j < G_N_ELEMENTS(names); j++) {
            what = strcmp(kind, names[j].kind) == 0 ? names[j].what : what;
        }
        if (g_hash_table_add(seen, kind)) {
            add(list, "it has %s (%s), which only one guest can have", what, value->path);
        }
    }
}

/* The length of the start of the path that says which device it is, such as "disks[0]"; 0 if it is
 * of none of this kind. */
static gsize device_length(const ConfigText *config, const ConfigValue *value, const char *kind)
{
    g_autofree char *own = kind_of(config, value);
    const char *at = value->path;

    if (g_strcmp0(own, kind) != 0) {
        return 0;
    }
    for (guint i = 0; config->xml && i < 2; i++) {
        at = strchr(at, '/') + 1;
    }
    at = strchr(at, ']');
    return at ? at + 1 - value->path : 0;
}

/* TRUE when the disk's file is what the toolstack opens: libvirt ignores it for other types. */
static gboolean is_opened(const ConfigText *config, const ConfigDisk *disk, const char *device)
{
    g_autofree char *path = g_strconcat(device, "/@type", NULL);
    const ConfigValue *type = find(config, path);

    return g_str_has_prefix(disk->file->path, device) &&
           (!config->xml ||
            (is(type, "file") &&
             strcmp(disk->file->path + strlen(device), "/source[1]/@file") == 0) ||
            (is(type, "block") &&
             strcmp(disk->file->path + strlen(device), "/source[1]/@dev") == 0));
}

/* A disk whose source isn't a file or device, such as a volume, may be the same for two guests. */
static void add_unknown_disks(const ConfigText *config, const GPtrArray *disks, GPtrArray *list)
{
    static const char *const harmless[] = { "/readonly[1]", "/shareable[1]" };
    gsize before = 0;
    const char *last = "";

    for (guint i = 0; i < config->values->len; i++) {
        const ConfigValue *value = config->values->pdata[i];
        gsize length = device_length(config, value, config->xml ? "disk" : "disks");
        g_autofree char *device = g_strndup(value->path, length);
        gboolean known = length == 0 || (length == before && strncmp(last, device, length) == 0);

        if (known) {
            continue;
        }
        before = length;
        last = value->path;
        for (guint j = 0; j < disks->len; j++) {
            known = known || is_opened(config, disks->pdata[j], device);
        }
        for (guint j = 0; config->xml && j < G_N_ELEMENTS(harmless); j++) {
            g_autofree char *path = g_strconcat(device, harmless[j], NULL);

            known = known || find(config, path);
        }
        if (!known) {
            g_autofree char *path =
                g_strconcat(device, config->xml ? "/@device" : ".is_cdrom", NULL);
            g_autofree char *readwrite = g_strconcat(device, ".readwrite", NULL);

            known = is(find(config, path), config->xml ? "cdrom" : "1") ||
                    (!config->xml && is(find(config, readwrite), "0"));
        }
        if (!known) {
            add(list,
                "two guests may write to the disk %s, which is not a file or device with a path",
                device);
        }
    }
}

/* TRUE for a card that is a device of the host, or has a socket. */
static gboolean is_other_card(const ConfigValue *value)
{
    static const char *const shared[] = { "bridge", "network", "ethernet", "user", NULL };

    return config_value_is_at(value, "domain/devices/interface/@type") &&
           !g_strv_contains(shared, value->value);
}

static gboolean is_usb_of_host(const ConfigValue *value)
{
    static const char *const emulated[] = { "", "tablet", "mouse", "keyboard", NULL };

    return (config_value_is_at(value, "b_info.type.hvm.usbdevice") ||
            config_value_is_at(value, "b_info.type.hvm.usbdevice_list")) &&
           !g_strv_contains(emulated, value->value);
}

/* TRUE for a port of the host at which a serial port or the like listens. */
static gboolean is_service(const ConfigText *config, const ConfigValue *value)
{
    static const char *const paths[] = {
        "domain/devices/serial/source/@service",
        "domain/devices/console/source/@service",
        "domain/devices/parallel/source/@service",
        "domain/devices/channel/source/@service",
    };

    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (config_value_is_at(value, paths[i])) {
            return !is(sibling(config, value, "/@service", "/@mode"), "connect");
        }
    }
    return FALSE;
}

/* TRUE for a path of one of libvirt's devices, except what guests only read. */
static gboolean is_other_path(const ConfigText *config, const ConfigValue *value)
{
    static const char *const read[] = {
        "domain/devices/emulator",         "domain/devices/interface/script/@path",
        "domain/devices/rng/backend",      "domain/devices/disk/source/@file",
        "domain/devices/disk/source/@dev",
    };
    g_autofree char *kind = config->xml ? kind_of(config, value) : NULL;

    if (!kind || *value->value != '/' || g_str_has_prefix(value->value, "/dev/pts/") ||
        (strcmp(kind, "disk") == 0 && strstr(value->path, "/backingStore["))) {
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(read); i++) {
        if (config_value_is_at(value, read[i])) {
            return FALSE;
        }
    }
    return TRUE;
}

/* TRUE when only this guest has the value, or was told to share it. */
static gboolean is_own(const ConfigText *config, const ConfigValue *value,
                       const ConfigText *original, const ConfigText *other)
{
    const ConfigValue *before, *beside;
    guint i;

    if (!value->spelling || !g_ptr_array_find(config->values, value, &i)) {
        return FALSE;
    }
    before = original->values->pdata[i];
    beside = other ? other->values->pdata[i] : NULL;
    if (is(before, value->value)) {
        return TRUE;
    }
    return !is(beside, value->value) &&
           (!is_argument(value) || (!arguments_share(before->value, value->value) &&
                                    (!beside || !arguments_share(beside->value, value->value))));
}

/* What a value names that only one guest can have; NULL if nothing. */
static const char *named_by(const ConfigText *config, const ConfigValue *value)
{
    if (is_argument(value)) {
        return argument_names_something(value->value) ? "an argument of QEMU," : NULL;
    }
    return has_path(value)                   ? is_made_for_each(config, value) ? NULL : "the path"
           : is_fixed_display(config, value) ? "the display"
           : is_interface_name(value)        ? "the network interface"
           : is_other_card(value)            ? "a network card of the type"
           : is_usb_of_host(value)           ? "the USB device"
           : is_service(config, value)       ? "the port"
           : is_other_path(config, value)    ? "the path"
           : config_value_is_at(value, "domain/os/nvram") ? "the file of UEFI's variables,"
                                                          : NULL;
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

        if (disk->writable && !is_own(config, disk->file, original, other)) {
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
        if (what && !is_own(config, value, original, other)) {
            add(list,
                "two guests would have %s %s; give each its own by --set-config '%s=VALUE' "
                "with {name} in it",
                what, value->value, value->path);
        }
    }
    add_unknown_disks(config, disks, list);
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
