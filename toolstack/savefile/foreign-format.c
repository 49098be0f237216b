/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table of formats that people mistake for savefiles. */
#include "foreign-format.h"

#include <string.h>

#include "bytes.h"

#define MAGIC(text) text, sizeof(text) - 1

static const struct {
    const char *magic;
    gsize length;
    const char *compressor; /* NULL: it isn't compressed */
    const char *what;
} formats[] = {
    { MAGIC("\x1f\x8b"), "gzip", "a file that gzip compressed; uncompress it first, with gzip -d" },
    { MAGIC("\xfd"
            "7zXZ\0"),
      "xz", "a file that xz compressed; uncompress it first, with xz -d" },
    { MAGIC("\x28\xb5\x2f\xfd"), "zstd",
      "a file that zstd compressed; uncompress it first, with zstd -d" },
    { MAGIC("\x04\x22\x4d\x18"), "lz4",
      "a file that lz4 compressed; uncompress it first, with lz4 -d" },
    { MAGIC("BZh"), NULL, "a file that bzip2 compressed; pipe it through bzip2 -dc" },
    { MAGIC("QEVM"), NULL,
      "the state of a QEMU alone, or a KVM guest's migration; there is no memory of a Xen guest "
      "in it" },
    { MAGIC("LibvirtQemudSave"), NULL,
      "libvirt's image of a KVM guest; virsh restore reads it, and Xen can't" },
    { MAGIC("LibvirtQemudPart"), NULL,
      "libvirt's image of a KVM guest, and not complete; Xen can't read it" },
    { MAGIC("QFI\xfb"), NULL, "a disk image in qcow2; see qemu-img info" },
    { MAGIC("conectix"), NULL, "a disk image in VHD; see qemu-img info" },
    { MAGIC("vhdxfile"), NULL, "a disk image in VHDX; see qemu-img info" },
    { MAGIC("KDMV"), NULL, "a disk image in VMDK; see qemu-img info" },
    { MAGIC("LinuxGuestRecor"), NULL,
      "a savefile of Xen 4.1 or older, made by xm; that Xen has to restore it" },
    { MAGIC("{"), NULL, "text, JSON perhaps; xen-physmap convert and diff read records in JSON" },
    { MAGIC("<domain"), NULL, "libvirt's XML of a domain; virsh save makes a savefile" },
};

/* In the file's byte order, the type in the ELF header is 4 for a core. */
static gboolean is_elf(const guint8 *bytes, gsize length, gboolean core)
{
    return length >= 18 && memcmp(bytes, "\177ELF", 4) == 0 &&
           (bytes_u16(bytes + 16, bytes[5] == 2) == 4) == core;
}

const char *foreign_format_describe(const guint8 *bytes, gsize length)
{
    if (is_elf(bytes, length, TRUE)) {
        return "an ELF core, as xl dump-core or virsh dump writes; gdb and crash read it, and "
               "nothing can restore it";
    }
    if (is_elf(bytes, length, FALSE)) {
        return "a program";
    }
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (length >= formats[i].length &&
            memcmp(bytes, formats[i].magic, formats[i].length) == 0) {
            return formats[i].what;
        }
    }
    return length > 0 && bytes_are_zero(bytes, length) ? "a file that begins with zeros" : NULL;
}

const char *foreign_format_compressor(const guint8 *bytes, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].compressor && length >= formats[i].length &&
            memcmp(bytes, formats[i].magic, formats[i].length) == 0) {
            return formats[i].compressor;
        }
    }
    return NULL;
}

gboolean foreign_format_is_undecided(const guint8 *bytes, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].compressor && length < formats[i].length &&
            memcmp(bytes, formats[i].magic, length) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}
