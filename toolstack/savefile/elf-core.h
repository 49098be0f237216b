/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ELF core file of a guest's memory and vcpus, for gdb, crash and others. */
#ifndef XEN_PHYSMAP_ELF_CORE_H
#define XEN_PHYSMAP_ELF_CORE_H

#include "guest-memory.h"

/*
 * The core has a head (ELF header, program headers, notes) and then each range of memory that the
 * savefile has, one PT_LOAD each. p_paddr and p_vaddr are the guest-physical address. Each vcpu is
 * an NT_PRSTATUS note. Immutable, so any number of threads may use it.
 */
typedef struct ElfCore ElfCore;

/*
 * `context` is the body of the stream's HVM_CONTEXT record, or NULL if there is none. A truncated
 * record in it ends the list of vcpus.
 */
ElfCore *elf_core_new(const GuestMemory *memory, const guint8 *context, gsize length);

/* NULL is allowed. */
void elf_core_free(ElfCore *core);

guint64 elf_core_size(const ElfCore *core);

guint elf_core_vcpus(const ElfCore *core);

/*
 * Reads bytes at `offset`. `memory` and `fd` are those of guest_memory_read, and so are the errors.
 */
gboolean elf_core_read(const ElfCore *core, const GuestMemory *memory, int fd, guint64 offset,
                       void *buffer, gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ElfCore, elf_core_free)

#endif
