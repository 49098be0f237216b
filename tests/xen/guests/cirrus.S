# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that has its Cirrus card copy data to the screen, as one does that draws text. While the
# card waits for the data, QEMU doesn't show the framebuffer; it waits for a tick of the timer here,
# half of the time.
.include "start.inc"

.set GRAPHICS, 0x3ce
.set BLIT_DATA, 0x1000000       # behind the BAR's start: where the card takes the data
.set BYTES, 64

main:
    call draw
    mov $drawn, %esi
    call print
    xor %ebx, %ebx
next:
    mov $GRAPHICS, %dx          # the card's registers: index and value in one word
    mov $registers, %esi
1:  lodsw
    test %ax, %ax
    jz 2f
    out %ax, %dx
    jmp 1b
2:  call nap                    # it waits for the data
    xor %ecx, %ecx
3:  mov %ebx, BLIT_DATA(%edi,%ecx)
    add $4, %ecx
    cmp $BYTES, %ecx
    jne 3b
    call nap
    mov %ebx, %eax
    xor %edx, %edx
    mov $26, %ecx
    div %ecx
    lea 'A'(%edx), %eax
    call print_char
    inc %ebx
    jmp next

registers:
    .word ((BYTES - 1) << 8) | 0x20, 0x0021     # width
    .word 0x0022, 0x0023                        # one line
    .word (BYTES << 8) | 0x24, 0x0025           # pitch
    .word 0x0028, 0x1029, 0x002a                # to offset 0x1000
    .word 0x002c, 0x002d, 0x002e
    .word 0x0430, 0x0d32                        # from the processor; as it comes
    .word 0x0231, 0                             # start
drawn: .asciz "picture drawn\n"
