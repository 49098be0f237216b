/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices in a configuration that two guests can't share; the age of its disks. */
#ifndef XEN_PHYSMAP_CONFIG_DEVICES_H
#define XEN_PHYSMAP_CONFIG_DEVICES_H

#include <time.h>

#include "config-text.h"

/* A disk with a file or device. The values belong to the ConfigText. */
typedef struct ConfigDisk {
    ConfigValue *file;    /* in an argument of QEMU: the whole argument */
    ConfigValue *format;  /* NULL: the configuration has none */
    ConfigValue *backend; /* as above */
    char *path;
    gboolean writable;
    gboolean argument;
} ConfigDisk;

/* All of them. */
GPtrArray *config_disks(const ConfigText *config);

/* Changes the disk to this qcow2 file. */
gboolean config_disk_set_overlay(const ConfigDisk *disk, const char *path, GError **error);

/* The format in qemu-img's terms: "raw" or "qcow2"; NULL for any other. */
const char *config_disk_format(const ConfigDisk *disk);

/* An argument of QEMU with its part `key` (such as "file=") changed from `old` (NULL: any) to `new`;
 * NULL when it has no such part. */
char *config_argument_with(const char *argument, const char *key, const char *old, const char *new);

/* Replaces the guest's name in paths that contain it, such as a socket's, by the new one. */
gboolean config_rename_paths(const ConfigText *config, const char *old, const char *new,
                             GError **error);

/* What two guests can't share, one string for each, made to be printed. `config` is a changed copy of
 * `original`, and `other` another one, or NULL. What was set counts as the guest's own, unless
 * `other` has it too. What was set to what it was is meant to be shared. */
GPtrArray *config_shared(const ConfigText *config, const ConfigText *original,
                         const ConfigText *other);

/* Disks that were written after the savefile: one string for each, for messages. */
GPtrArray *config_changed_disks(const ConfigText *config, time_t saved);

#endif
