/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON of others, looked at before json-glib parses it. */
#ifndef XEN_PHYSMAP_JSON_H
#define XEN_PHYSMAP_JSON_H

#include <glib.h>

/*
 * Why this text may not go to json-glib, whose parser calls itself for each level of nesting and
 * takes some hundred bytes for each value; NULL when it may. Text that passes need not be JSON.
 */
const char *json_refusal(const char *text, gsize length);

#endif
