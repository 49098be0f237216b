/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks JSON from outside before json-glib parses it. */
#ifndef XEN_PHYSMAP_JSON_LIMITS_H
#define XEN_PHYSMAP_JSON_LIMITS_H

#include <glib.h>

/*
 * Why this text must not go to json-glib, or NULL when it may. json-glib's parser recurses for each
 * level of nesting, needs some hundred bytes for each value, accepts more than JSON, and drops the
 * first of two values. Text that passes need not be valid JSON.
 */
const char *json_refusal(const char *text, gsize length);

#endif
