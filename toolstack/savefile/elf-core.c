/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes the head of the core. Memory is read from the savefile when it is needed. */
#include "elf-core.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include <xen-physmap/record.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>

#define PAGE XEN_PHYSMAP_PAGE_SIZE

/* More program headers would need another form of the ELF header. */
#define LOADS_MAX 60000

/* Xen's own limit for HVM guests is 128. */
#define VCPUS_MAX 1024

/*
 * The contents of NT_PRSTATUS on x86-64, as Linux writes it (struct elf_prstatus in its
 * sys/procfs.h).
 */
typedef struct PrStatus {
    guint8 signal[12];
    guint16 cursig, pad;
    guint64 pending, held;
    guint32 pid, parent, group, session;
    guint64 times[8];
    guint64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
    guint64 rip, cs, rflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
    guint32 fpu_valid, end_pad;
} PrStatus;

G_STATIC_ASSERT(sizeof(PrStatus) == 336);

struct ElfCore {
    GByteArray *head;
    GArray *loads;  /* of GuestRange, in the order of their addresses */
    GArray *places; /* of guint64: where each of them is in the core */
    guint64 size;
    guint vcpus;
};

static void add_note(GByteArray *notes, guint32 type, const void *body, guint32 length)
{
    const Elf64_Nhdr note = { .n_namesz = sizeof "CORE", .n_descsz = length, .n_type = type };
    static const guint8 zeros[4];

    g_byte_array_append(notes, (const guint8 *)&note, sizeof note);
    g_byte_array_append(notes, (const guint8 *)"CORE\0\0\0", 8);
    g_byte_array_append(notes, body, length);
    g_byte_array_append(notes, zeros, -length % 4);
}

static void add_vcpu(GByteArray *notes, const struct hvm_hw_cpu *cpu, guint32 number)
{
    const PrStatus status = {
        .pid = number + 1, /* debuggers take 0 as no thread */
        .rax = cpu->rax,
        .rbx = cpu->rbx,
        .rcx = cpu->rcx,
        .rdx = cpu->rdx,
        .rsi = cpu->rsi,
        .rdi = cpu->rdi,
        .rbp = cpu->rbp,
        .rsp = cpu->rsp,
        .r8 = cpu->r8,
        .r9 = cpu->r9,
        .r10 = cpu->r10,
        .r11 = cpu->r11,
        .r12 = cpu->r12,
        .r13 = cpu->r13,
        .r14 = cpu->r14,
        .r15 = cpu->r15,
        .orig_rax = G_MAXUINT64, /* not in a system call */
        .rip = cpu->rip,
        .rflags = cpu->rflags,
        .cs = cpu->cs_sel,
        .ss = cpu->ss_sel,
        .ds = cpu->ds_sel,
        .es = cpu->es_sel,
        .fs = cpu->fs_sel,
        .gs = cpu->gs_sel,
        .fs_base = cpu->fs_base,
        .gs_base = cpu->gs_base,
    };

    add_note(notes, NT_PRSTATUS, &status, sizeof status);
}

/* The vcpus among Xen's records. Each record has a descriptor and a body (public/hvm/save.h). */
static guint add_vcpus(GByteArray *notes, const guint8 *context, gsize length)
{
    guint n = 0;

    for (gsize at = 0; context && length - at >= sizeof(struct hvm_save_descriptor);) {
        struct hvm_save_descriptor descriptor;

        memcpy(&descriptor, context + at, sizeof descriptor);
        at += sizeof descriptor;
        if (descriptor.length > length - at) {
            break;
        }
        /* Later versions of Xen only appended to it. */
        if (descriptor.typecode == HVM_SAVE_CODE(CPU) && n < VCPUS_MAX &&
            descriptor.length >= offsetof(struct hvm_hw_cpu, msr_flags)) {
            struct hvm_hw_cpu cpu = { 0 };

            memcpy(&cpu, context + at, MIN(descriptor.length, sizeof cpu));
            add_vcpu(notes, &cpu, descriptor.instance);
            n++;
        }
        at += descriptor.length;
    }
    return n;
}

/* The ranges of memory. If there are too many, those that are close to each other are joined. */
static GArray *find_loads(const GuestMemory *memory)
{
    GArray *loads = NULL;

    for (guint64 gap = 0; !loads; gap = gap ? gap * 2 : PAGE) {
        GuestRange range = { 0 };

        loads = g_array_new(FALSE, FALSE, sizeof range);
        while (loads->len <= LOADS_MAX && guest_memory_next(memory, range.end, &range)) {
            GuestRange *last =
                loads->len ? &g_array_index(loads, GuestRange, loads->len - 1) : NULL;

            if (last && range.start - last->end <= gap) {
                last->end = range.end;
            } else {
                g_array_append_val(loads, range);
            }
        }
        if (loads->len > LOADS_MAX) {
            g_clear_pointer(&loads, g_array_unref);
        }
    }
    return loads;
}

static void add_header(ElfCore *core, guint64 notes)
{
    const Elf64_Ehdr header = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof header,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = core->loads->len + 1,
    };
    const Elf64_Phdr note = {
        .p_type = PT_NOTE,
        .p_offset = sizeof header + header.e_phnum * sizeof note,
        .p_filesz = notes,
        .p_memsz = notes,
        .p_align = 4,
    };
    guint64 at = (note.p_offset + notes + PAGE - 1) / PAGE * PAGE;

    g_byte_array_append(core->head, (const guint8 *)&header, sizeof header);
    g_byte_array_append(core->head, (const guint8 *)&note, sizeof note);
    for (guint i = 0; i < core->loads->len; i++) {
        const GuestRange *range = &g_array_index(core->loads, GuestRange, i);
        const Elf64_Phdr load = {
            .p_type = PT_LOAD,
            .p_flags = PF_R | PF_W | PF_X,
            .p_offset = at,
            .p_vaddr = range->start,
            .p_paddr = range->start,
            .p_filesz = range->end - range->start,
            .p_memsz = range->end - range->start,
            .p_align = PAGE,
        };

        g_byte_array_append(core->head, (const guint8 *)&load, sizeof load);
        g_array_append_val(core->places, at);
        at += load.p_filesz;
    }
    core->size = at;
}

ElfCore *elf_core_new(const GuestMemory *memory, const guint8 *context, gsize length)
{
    ElfCore *core = g_new0(ElfCore, 1);
    g_autoptr(GByteArray) notes = g_byte_array_new();
    gsize filled;

    core->head = g_byte_array_new();
    core->loads = find_loads(memory);
    core->places = g_array_new(FALSE, FALSE, sizeof(guint64));
    core->vcpus = add_vcpus(notes, context, length);
    add_header(core, notes->len);
    g_byte_array_append(core->head, notes->data, notes->len);
    filled = core->head->len;
    g_byte_array_set_size(core->head, (filled + PAGE - 1) / PAGE * PAGE);
    memset(core->head->data + filled, 0, core->head->len - filled);
    return core;
}

void elf_core_free(ElfCore *core)
{
    if (core) {
        g_byte_array_unref(core->head);
        g_array_unref(core->loads);
        g_array_unref(core->places);
        g_free(core);
    }
}

guint64 elf_core_size(const ElfCore *core)
{
    return core->size;
}

guint elf_core_vcpus(const ElfCore *core)
{
    return core->vcpus;
}

/* The last range that begins at or before `offset` in the core; `offset` is after the head. */
static guint find_load(const ElfCore *core, guint64 offset)
{
    guint low = 0, high = core->places->len;

    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(core->places, guint64, middle) <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

gboolean elf_core_read(const ElfCore *core, const GuestMemory *memory, int fd, guint64 offset,
                       void *buffer, gsize length, GError **error)
{
    guint8 *to = buffer;

    while (length > 0) {
        gsize n;

        if (offset < core->head->len) {
            n = MIN(core->head->len - offset, length);
            memcpy(to, core->head->data + offset, n);
        } else {
            guint i = find_load(core, offset);
            const GuestRange *range = &g_array_index(core->loads, GuestRange, i);
            guint64 within = offset - g_array_index(core->places, guint64, i);

            n = MIN(range->end - range->start - within, length);
            if (!guest_memory_read(memory, fd, range->start + within, to, n, error)) {
                return FALSE;
            }
        }
        to += n;
        offset += n;
        length -= n;
    }
    return TRUE;
}
