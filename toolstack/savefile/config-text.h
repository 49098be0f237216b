/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values in a guest's configuration. One can be changed, and all other bytes stay the same. */
#ifndef XEN_PHYSMAP_CONFIG_TEXT_H
#define XEN_PHYSMAP_CONFIG_TEXT_H

#include <xen-physmap/error.h>

typedef enum {
    CONFIG_VALUE_STRING,
    CONFIG_VALUE_NUMBER,
    CONFIG_VALUE_BOOLEAN,
    CONFIG_VALUE_TEXT,      /* a whole XML element that contains no other */
    CONFIG_VALUE_ATTRIBUTE, /* of an XML element */
    CONFIG_VALUE_EMPTY,     /* an XML element such as <readonly/>: it can't get a value */
} ConfigValueKind;

/*
 * One value. The path of a JSON value is as in "disks[0].pdev_path", that of an XML one as in
 * "domain/devices/disk[1]/source/@file", where elements of the same name are counted from 1.
 */
typedef struct ConfigValue {
    ConfigValueKind kind;
    char *path;
    char *value; /* without quotes and escapes; the new one, once it is set */
    gsize start; /* its position in the text, without quotes */
    gsize end;
    char *spelling; /* the new value, as it will be in the text; NULL: unchanged */
} ConfigValue;

typedef struct ConfigText {
    gboolean xml;
    char *text;
    gsize length;
    GPtrArray *values; /* of ConfigValue, in the order of the text */
    GHashTable *paths; /* the same by their paths */
    /* What makes it possible that a toolstack finds a value that isn't in `values`, or that has
     * another path there; NULL if nothing does. */
    const char *hidden;
} ConfigText;

/* INVALID, with the offset in the text, when it isn't valid JSON or XML. */
ConfigText *config_text_parse(gboolean xml, const char *text, gsize length, GError **error);

/* NULL is allowed. */
void config_text_free(ConfigText *config);

/* The value with exactly this path, the first one if several have it; NULL if there is none. */
ConfigValue *config_text_find(const ConfigText *config, const char *path);

/* TRUE when the value has this path. If `path` leaves out an index, any index fits. */
gboolean config_value_is_at(const ConfigValue *value, const char *path);

/* Gives it a new value of the same kind. INVALID when `text` can't be one. */
gboolean config_value_set(ConfigValue *value, const char *text, GError **error);

/* The text with the new values. */
GString *config_text_result(const ConfigText *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigText, config_text_free)

#endif
