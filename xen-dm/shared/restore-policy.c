/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy's words and values. */
#include "restore-policy.h"

static const char *const names[] = {
    [RESTORE_REFUSE] = "refuse",
    [RESTORE_WARN] = "warn",
    [RESTORE_OFF] = "off",
};

gboolean restore_policy_parse(const char *text, RestorePolicy *policy)
{
    *policy = RESTORE_REFUSE;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(text, names[i]) == 0) {
            *policy = i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *restore_policy_name(RestorePolicy policy)
{
    return names[policy];
}
