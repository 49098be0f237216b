/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All of a savefile's guest-physical memory as one file, in the formats that other tools read. */
#ifndef XEN_PHYSMAP_MEMORY_IMAGE_H
#define XEN_PHYSMAP_MEMORY_IMAGE_H

#include "atomic-file.h"
#include "savefile.h"

typedef enum {
    MEMORY_RAW,  /* each page is at its address; what is missing is a hole */
    MEMORY_ELF,  /* a core, with the vcpus' registers */
    MEMORY_LIME, /* a header and the bytes of each range that is there */
} MemoryFormat;

#define MEMORY_FORMATS "raw, elf, lime"

typedef struct MemoryImage {
    guint64 end;              /* the end of the last page, in bytes */
    guint64 pages;            /* how many bytes were written */
    guint64 stretches;        /* in how many ranges they are */
    guint64 ram, ram_missing; /* pages of RAM (0: unknown), and of these the missing ones */
    guint vcpus;              /* how many have their registers in the image */
} MemoryImage;

/* SYSTEM when there is no such format. */
gboolean memory_image_format(const char *name, MemoryFormat *format, GError **error);

/*
 * Writes the memory of the file `fd`, of which `contents` was read, to the output; the caller
 * commits it. `image` becomes what was written. Takes no more memory than the index of pages does.
 */
gboolean memory_image_write(int fd, const Savefile *contents, MemoryFormat format,
                            AtomicFile *output, MemoryImage *image, GError **error);

#endif
