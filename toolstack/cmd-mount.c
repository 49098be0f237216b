/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap mount: a savefile's memory and ramblocks as files. */
#include <stdio.h>
#include <unistd.h>

#include <xen-physmap/record.h>

#include "input.h"
#include "mount-fuse.h"
#include "verb.h"

static MountTree *open_tree(const char *name, gboolean follow, GError **error)
{
    int fd = follow ? input_open_plain(name, error) : input_open(name, error);
    MountTree *tree;

    if (fd < 0) {
        return NULL;
    }
    tree = follow ? mount_tree_follow(fd, name, error) : mount_tree_open(fd, name, error);
    if (!tree) {
        g_autofree char *shown = xen_physmap_escape(name, -1);

        g_prefix_error(error, "%s: ", shown);
    }
    return tree;
}

int verb_mount(int argc, char **argv)
{
    MountOptions mount = { 0 };
    g_autofree char *options = NULL;
    gboolean follow = FALSE;
    const GOptionEntry entries[] = {
        { "follow", 'F', 0, G_OPTION_ARG_NONE, &follow,
          "the savefile is still arriving: reads wait for their pages", NULL },
        { "foreground", 'f', 0, G_OPTION_ARG_NONE, &mount.foreground,
          "stay in the foreground, and report errors; Ctrl-C unmounts", NULL },
        { "options", 'o', 0, G_OPTION_ARG_STRING, &options,
          "options for the mount, such as allow_other", "OPTION,..." },
        { 0 },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(MountTree) tree = NULL;

    if (!verb_options(
            &argc, &argv, entries, "SAVEFILE|- DIR",
            "Shows a savefile as files, read only: blocks/DEVICE/NAME for each ramblock,\n"
            "memory for the guest's memory, memory.elf for gdb and crash, records.json, the\n"
            "config, QEMU's device-state, and status. Nothing is copied; a page is read from\n"
            "the savefile when a program touches it.\n"
            "\n"
            "  xen-physmap mount guest.save /mnt\n"
            "  gdb -c /mnt/memory.elf\n"
            "  fusermount3 -u /mnt",
            2, 2)) {
        return EXIT_TROUBLE;
    }
    mount.folder = argv[2];
    mount.options = options;
    if (!(tree = open_tree(argv[1], follow, &error)) || !mount_fuse_serve(tree, &mount, &error)) {
        return verb_fail(g_steal_pointer(&error));
    }
    return EXIT_FINE;
}
