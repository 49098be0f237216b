# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that gives a page in the middle of its e1000's option ROM back to Xen, and counts on its
# serial port: A to Z.
.include "start.inc"

.set HYPERCALL_MEMORY_OP, 12
.set XENMEM_DECREASE_RESERVATION, 1
.set DOMID_SELF, 0x7ff0
.set HYPERCALLS, 0x20000
.set GFN, 0x3048                # with 48 MiB and the card at 06.0: the ninth page of its ROM

main:
    call draw
    mov $drawn, %esi
    call print
    push %edi
    mov $0x40000002, %eax       # Xen's CPUID leaf of the MSR that places the hypercall page
    cpuid
    mov %ebx, %ecx
    mov $HYPERCALLS, %eax
    xor %edx, %edx
    wrmsr
    mov $XENMEM_DECREASE_RESERVATION, %ebx
    mov $reservation, %ecx
    mov $(HYPERCALLS + 32 * HYPERCALL_MEMORY_OP), %eax
    call *%eax
    pop %edi
    mov $kept, %esi
    cmp $1, %eax                # the number of pages given up
    jne 1f
    mov $given, %esi
1:  call print
    xor %ebx, %ebx
2:  mov %ebx, (%edi)
    mov %ebx, %eax
    xor %edx, %edx
    mov $26, %ecx
    div %ecx
    lea 'A'(%edx), %eax
    call print_char
    inc %ebx
    call nap
    jmp 2b

.balign 4
gfn: .long GFN
reservation:
    .long gfn, 1, 0, 0          # the pages, how many, their order, flags
    .word DOMID_SELF, 0
drawn: .asciz "picture drawn\n"
given: .asciz "page given\n"
kept: .asciz "page kept\n"
