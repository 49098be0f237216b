/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON of others, looked at before json-glib parses it. */
#ifndef XEN_PHYSMAP_JSON_LIMITS_H
#define XEN_PHYSMAP_JSON_LIMITS_H

#include <glib.h>

/*
 * Why this text may not go to json-glib, whose parser calls itself for each level of nesting, takes
 * some hundred bytes for each value, takes more for JSON than is, and forgets the first of two values;
 * NULL when it may. Text that passes need not be JSON.
 */
const char *json_refusal(const char *text, gsize length);

#endif
