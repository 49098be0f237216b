/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A minimal toolstack: carries a domain's records from one host to another, through a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen-physmap/keys.h>
#include <xen-physmap/xenstore.h>

/*
 *     cc -o toolstack toolstack.c $(pkg-config --cflags --libs xen-physmap)
 *     ./toolstack save 7 >layout          when the guest is paused and its memory is saved
 *     ./toolstack restore 8 <layout       before its device model is started
 *
 * The file is what libxl puts in an EMULATOR_XENSTORE_DATA record: keys relative to
 * device-model/$domid/ and their values, each followed by a NUL.
 */

static gboolean print_pair(const char *key, const char *value, gpointer data, GError **error)
{
    (void)data;
    if (fwrite(key, strlen(key) + 1, 1, stdout) != 1 ||
        fwrite(value, strlen(value) + 1, 1, stdout) != 1) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't write the file");
        return FALSE;
    }
    return TRUE;
}

static gboolean save(const XenPhysmapOps *ops, guint32 domid, guint32 dm_domid, GError **error)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_xenstore_load(ops, domid, dm_domid, error);

    for (guint i = 0; table && i < xen_physmap_table_size(table); i++) {
        if (!xen_physmap_keys_foreach(xen_physmap_table_get(table, i), print_pair, NULL, error)) {
            return FALSE;
        }
    }
    if (table && fflush(stdout)) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, "can't write the file");
        return FALSE;
    }
    return table != NULL;
}

/* Checks all of the file before it applies any of it. */
static XenPhysmapTable *read_table(GError **error)
{
    g_autoptr(XenPhysmapKeys) keys = xen_physmap_keys_new();
    char *key = NULL, *value = NULL;
    size_t key_room = 0, value_room = 0;
    ssize_t key_length, value_length;
    gboolean ok = TRUE;

    while (ok && (key_length = getdelim(&key, &key_room, '\0', stdin)) > 0) {
        value_length = getdelim(&value, &value_room, '\0', stdin);
        ok = value_length > 0 && value[value_length - 1] == '\0';
        if (!ok) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "the file is cut");
        } else {
            ok = xen_physmap_keys_add(keys, key, key_length - 1, value, value_length - 1, error);
        }
    }
    free(key);
    free(value);
    return ok ? xen_physmap_keys_table(keys, error) : NULL;
}

static gboolean restore(const XenPhysmapOps *ops, guint32 domid, guint32 dm_domid, GError **error)
{
    g_autoptr(XenPhysmapTable) table = read_table(error);

    return table && xen_physmap_xenstore_store(ops, domid, dm_domid, NULL, table, error);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XenPhysmapOps) ops = NULL;
    gboolean saves = argc == 3 && strcmp(argv[1], "save") == 0;
    gboolean restores = argc == 3 && strcmp(argv[1], "restore") == 0;
    guint64 domid;
    guint32 dm_domid;

    if ((!saves && !restores) ||
        !g_ascii_string_to_unsigned(argv[2], 10, 0, 0x7fef, &domid, NULL)) {
        fputs("usage: toolstack save DOMID >FILE | toolstack restore DOMID <FILE\n", stderr);
        return 2;
    }
    if (!(ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_XENSTORE, &error)) ||
        !xen_physmap_xenstore_dm_domid(ops, domid, &dm_domid, &error) ||
        !(saves ? save : restore)(ops, domid, dm_domid, &error)) {
        fprintf(stderr, "toolstack: %s\n", error->message);
        return 1;
    }
    return 0;
}
