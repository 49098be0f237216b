# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that hammers its devices and believes no answer: a port, a string of port reads, a
# register in MMIO, PCI configuration space, the framebuffer, and the legacy window, whose writes
# Xen buffers. Each register has to hold the last round's number, then take this round's. Counts its
# rounds on the serial port, A to Z again and again; ends with "BAD" and what was wrong.
# Needs an e1000 card.
.include "start.inc"

.set SCRATCH, 0x3ff             # the serial port's scratch register
.set LEDCTL, 0xe00              # a register of the e1000 that keeps what is written
.set INTERRUPT_LINE, 0x3c
.set WINDOW, 0xa0000
.set ROUNDS_A_LETTER, 8

main:
    call find_nic
    mov $ready, %esi
    call print
    xor %ebx, %ebx
    mov $SCRATCH, %dx
    mov $0, %al
    out %al, %dx
    mov nic, %esi
    movl $0, LEDCTL(%esi)
    mov $INTERRUPT_LINE, %eax
    call pci_write
round:
    mov $SCRATCH, %dx           # the port: the last number, then this one
    in %dx, %al
    mov $'1', %ah
    cmp %bl, %al
    jne bad
    lea 1(%ebx), %eax
    out %al, %dx
    in %dx, %al
    lea 1(%ebx), %ecx
    mov $'2', %ah
    cmp %cl, %al
    jne bad

    push %edi                   # eight at once
    mov $buffer, %edi
    mov $8, %ecx
    cld
    rep insb
    pop %edi
    mov $8, %ecx
    lea 1(%ebx), %edx
    mov $'3', %ah
1:  cmp %dl, buffer - 1(%ecx)
    jne bad
    loop 1b

    mov nic, %esi               # MMIO
    mov $'4', %ah
    cmp %ebx, LEDCTL(%esi)
    jne bad
    lea 1(%ebx), %ecx
    mov %ecx, LEDCTL(%esi)
    mov $'5', %ah
    cmp %ecx, LEDCTL(%esi)
    jne bad

    mov $INTERRUPT_LINE, %eax   # configuration space
    call pci_read
    mov %al, %cl
    mov $'6', %ah
    cmp %bl, %cl
    jne bad
    inc %ebx
    mov $INTERRUPT_LINE, %eax
    call pci_write
    mov $INTERRUPT_LINE, %eax
    call pci_read
    mov %al, %cl
    mov $'7', %ah
    cmp %bl, %cl
    jne bad

    mov %ebx, %esi              # the framebuffer: the last round's pixel, and a new one
    and $0xffff, %esi
    mov %ebx, 0x80000(%edi, %esi, 4)
    lea -1(%ebx), %ecx
    mov %ecx, %esi
    and $0xffff, %esi
    jecxz 2f
    mov $'8', %ah
    cmp %ecx, 0x80000(%edi, %esi, 4)
    jne bad

2:  mov %ebx, %esi              # sixteen writes through the window, all there behind an answer
    and $0xff, %esi
    mov $16, %ecx
3:  lea (%ebx, %ecx), %eax
    lea (%esi, %ecx), %edx
    mov %eax, WINDOW(, %edx, 4)
    loop 3b
    mov $SCRATCH, %dx
    in %dx, %al
    mov $16, %ecx
4:  lea (%ebx, %ecx), %eax
    lea (%esi, %ecx), %edx
    cmp %eax, (%edi, %edx, 4)
    mov $'9', %ah
    jne bad
    loop 4b

    mov %ebx, %eax
    xor %edx, %edx
    mov $ROUNDS_A_LETTER, %ecx
    div %ecx
    test %edx, %edx
    jnz round
    dec %eax
    xor %edx, %edx
    mov $26, %ecx
    div %ecx
    lea 'A'(%edx), %eax
    call print_char
    jmp round

bad:
    mov %ah, what
    mov $failed, %esi
    jmp print

# The first e1000 on bus 0; leaves the address of its registers in `nic`.
find_nic:
    mov $0x80000000, %ecx
1:  mov %ecx, %eax
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    in %dx, %eax
    cmp $0x100e8086, %eax
    je 2f
    add $0x800, %ecx
    cmp $0x80010000, %ecx
    jne 1b
    mov $no_nic, %esi
    call print
    jmp forever
2:  lea 0x10(%ecx), %eax
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    in %dx, %eax
    and $~0xf, %eax
    mov %eax, nic
    ret

nic: .long 0
buffer: .space 8
ready: .asciz "ready\n"
no_nic: .asciz "no e1000\n"
failed: .ascii "\nBAD"
what: .asciz "?\n"
