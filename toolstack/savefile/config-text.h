/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values in a guest's configuration, and changing one while all other bytes stay. */
#ifndef XEN_PHYSMAP_CONFIG_TEXT_H
#define XEN_PHYSMAP_CONFIG_TEXT_H

#include <xen-physmap/error.h>

typedef enum {
    CONFIG_VALUE_STRING,
    CONFIG_VALUE_NUMBER,
    CONFIG_VALUE_BOOLEAN,
    CONFIG_VALUE_TEXT,      /* all of an XML element that has no other in it */
    CONFIG_VALUE_ATTRIBUTE, /* of an XML element */
    CONFIG_VALUE_EMPTY,     /* an XML element such as <readonly/>: it can't be given a value */
} ConfigValueKind;

/*
 * One value. The path of a JSON value is as in "disks[0].pdev_path", that of an XML one as in
 * "domain/devices/disk[1]/source/@file", where elements of the same name are counted from 1.
 */
typedef struct ConfigValue {
    ConfigValueKind kind;
    char *path;
    char *value; /* without quotes and escapes; the new one, once it is set */
    gsize start; /* where it is in the text, without quotes */
    gsize end;
    char *spelling; /* the new value as it is to be in the text; NULL: it stays */
} ConfigValue;

typedef struct ConfigText {
    gboolean xml;
    char *text;
    gsize length;
    GPtrArray *values; /* of ConfigValue, in the text's order */
} ConfigText;

/* INVALID, with the offset in the text, when it is no JSON (or XML) of which each value is known. */
ConfigText *config_text_parse(gboolean xml, const char *text, gsize length, GError **error);

/* NULL is allowed. */
void config_text_free(ConfigText *config);

/* TRUE when the value is at this path. An index that is left out of `path` fits every index. */
gboolean config_value_is_at(const ConfigValue *value, const char *path);

/* Gives it a new value of the same kind. INVALID when `text` can't be one. */
gboolean config_value_set(ConfigValue *value, const char *text, GError **error);

/* The text with the new values in it. */
GString *config_text_result(const ConfigText *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigText, config_text_free)

#endif
