# SPDX-License-Identifier: LGPL-2.1-or-later
# In place of hvmloader: a guest that maps its framebuffer for the first time when a card is plugged in.
# It counts on its serial port, A to Z again and again, before and after. It asks nobody but QEMU for
# anything.

# QEMU's ACPI hot plug register with the slots that have got a card.
.set SLOTS_UP, 0xae00
.set PLACE, 0xf0000000

.text
.globl _start
_start:
    mov $stack, %esp
    call find_vga
    mov $VGA_BAR0, %eax
    mov $PLACE, %ebx
    call pci_write
    xor %edi, %edi              # the framebuffer, as soon as it is mapped
    xor %ebp, %ebp
1:  lea 'A'(%ebp), %eax
    call print_char
    inc %ebp
    cmp $26, %ebp
    jne 2f
    xor %ebp, %ebp
2:  test %edi, %edi
    jnz 1b
    mov $SLOTS_UP, %dx
    in %dx, %eax
    test %eax, %eax
    jz 1b
    mov $PCI_COMMAND, %eax      # decoding of I/O and memory on
    mov $3, %ebx
    call pci_write
    mov $PLACE, %edi
    call draw
    mov 4 * 12345(%edi), %eax
    mov $mapped, %esi
    cmp $(12345 * 0x01010101 & 0xffffffff) ^ 0x00ff8800, %eax
    je 3f
    mov $failed, %esi
3:  call print
    jmp 1b

.include "devices.inc"

.data
mapped: .asciz " mapped "
failed: .asciz " BAD "

.bss
    .skip 1024
stack:
