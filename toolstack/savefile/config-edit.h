/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Edits the configuration in a savefile: its name and uuid, its disks, or any value. */
#ifndef XEN_PHYSMAP_CONFIG_EDIT_H
#define XEN_PHYSMAP_CONFIG_EDIT_H

#include "config-text.h"
#include "guest-config.h"

/* More network cards than any guest has, so that the addresses don't overflow. */
#define CARDS_MAX 256

/* The edits. What is NULL or FALSE isn't changed. */
typedef struct ConfigOrders {
    char *text; /* another configuration in place of the old one; ends with a NUL */
    char *name, *uuid;
    gboolean new_macs;
    guint32 first_mac; /* its last three bytes: the cards get consecutive addresses */
    char **disks;      /* "OLD=NEW" */
    char **settings;   /* "PATH=VALUE" */
} ConfigOrders;

/* TRUE when there is at least one edit. */
gboolean config_orders_any(const ConfigOrders *orders);

/* INVALID when an order is wrong in itself. Replaces a `uuid` of "new" by a new one, and chooses
 * the first address. */
gboolean config_orders_prepare(ConfigOrders *orders, GError **error);

/*
 * Applies `orders` to the text of a configuration. INVALID when an edit finds nothing to change, or
 * when the result isn't a configuration of the same type of guest.
 */
GString *config_edit(StreamWrapper wrapper, const char *text, gsize length,
                     const ConfigOrders *orders, GError **error);

/* The two parts of that. The values are changed in `config`; then its text is what the toolstack can
 * read: a configuration of the same kind of guest as `old`, which may be NULL. */
gboolean config_carry_out(const ConfigText *config, const ConfigOrders *orders, GError **error);
gboolean config_check(StreamWrapper wrapper, const GuestConfig *old, const GString *text,
                      GError **error);

/* The whole body of the STREAM_WRAPPER. */
typedef struct ConfigBody {
    guint8 *bytes;
    gsize length;
    gsize start, end; /* the configuration's text in it */
} ConfigBody;

/* That of the STREAM_WRAPPER that stream_next returned last. INVALID when it has no configuration
 * that can be edited. In any case the caller frees the bytes. */
gboolean config_body_read(Stream *stream, const StreamItem *item, ConfigBody *body, GError **error);

/* Replaces the configuration in the stream's output by another text. */
gboolean config_body_replace(Stream *stream, const StreamItem *item, const ConfigBody *body,
                             const GString *text, GError **error);

/* Applies the edits to the item that stream_next returned last, the first one of the stream. */
gboolean config_edit_item(Stream *stream, const StreamItem *item, const ConfigOrders *orders,
                          GError **error);

/* The two sides of "OLD=NEW". FALSE when it has another form. The caller frees both. */
gboolean config_split(const char *order, char **old, char **new);

#endif
