# SPDX-License-Identifier: LGPL-2.1-or-later
# A PVH guest, which has no device model: asks Xen to suspend it, as a save needs, and waits.

.set XEN_ELFNOTE_PHYS32_ENTRY, 18
.set HYPERCALL_SCHED_OP, 29
.set SCHEDOP_SHUTDOWN, 2
.set SHUTDOWN_SUSPEND, 2

.section .note.Xen, "a", @note
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long _start

.text
.globl _start
_start:
    mov $stack, %esp
    mov $0x40000000, %ebp           # Xen's CPUID leaves; its viridian ones aren't on
    lea 2(%ebp), %eax
    cpuid
    mov %ebx, %ecx                  # the MSR that places the hypercall page
    mov $hypercalls, %eax
    xor %edx, %edx
    wrmsr
    mov $SCHEDOP_SHUTDOWN, %ebx
    mov $reason, %ecx
    call hypercalls + 32 * HYPERCALL_SCHED_OP
1:  pause
    jmp 1b

.balign 4
reason: .long SHUTDOWN_SUSPEND

.bss
.balign 4096
hypercalls: .skip 4096
    .skip 1024
stack:
