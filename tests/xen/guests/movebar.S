# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that moves its framebuffer's BAR around as firmware and systems do: disables decoding,
# sizes the BAR, sets it elsewhere, enables decoding; and checks that its picture moved with it.
.include "start.inc"

.set ROUNDS, 24

main:
    call draw
    mov $ROUNDS, %ebp
next_round:
    mov $places, %esi
next_place:
    lodsl
    test %eax, %eax
    jz round_done
    mov %eax, %edi
    mov $0, %ebx                # decoding off
    call set_command
    mov $VGA_BAR0, %eax         # sized: all ones, and the size read back
    mov $-1, %ebx
    call pci_write
    mov $VGA_BAR0, %eax
    call pci_read
    and $~0xf, %eax
    neg %eax
    cmp $0x1000000, %eax
    jne bad
    mov $VGA_BAR0, %eax
    mov %edi, %ebx
    call pci_write
    mov $2, %ebx                # decoding of memory on
    call set_command
    mov $VGA_BAR0, %eax
    call pci_read
    and $~0xf, %eax
    cmp %edi, %eax
    jne bad
    mov 4 * 12345(%edi), %eax   # a pixel of the picture
    cmp $(12345 * 0x01010101 & 0xffffffff) ^ 0x00ff8800, %eax
    jne bad
    mov 4(%edi), %eax           # and the tag that the place before left
    cmp tag, %eax
    jne bad
    mov %edi, 4(%edi)
    mov %edi, tag
    jmp next_place
round_done:
    mov $'.', %al
    call print_char
    dec %ebp
    jnz next_round
    mov $800, %ecx              # a white line at the top, where the BAR is now
    mov $-1, %eax
    push %edi
    rep stosl
    pop %edi
    mov $done, %esi
    jmp print
bad:
    mov $failed, %esi
    jmp print

# The command register's I/O and memory decoding; %ebx is the memory bit.
set_command:
    mov $PCI_COMMAND, %eax
    or $1, %ebx
    jmp pci_write

# 16 MiB each, in the MMIO hole, apart from what else is there. The last one is where it stays.
places: .long 0xf4000000, 0xf8000000, 0xf5000000, 0xf6000000, 0
tag: .long 0x01010101 ^ 0x00ff8800
done: .asciz "done\n"
failed: .asciz "bad\n"
