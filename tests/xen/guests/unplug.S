# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that unplugs its emulated network cards, as each one with PV drivers does, again and again,
# so also after a restore. It counts on its serial port: A to Z.
.include "start.inc"

# The unplug protocol: a 16-bit write to this port, with bits for what is to go.
.set UNPLUG, 0x10
.set UNPLUG_NICS, 2

main:
    call draw
    mov $drawn, %esi
    call print
    xor %ebx, %ebx
1:  mov %ebx, (%edi)
    mov $UNPLUG, %dx
    mov $UNPLUG_NICS, %ax
    out %ax, %dx
    mov %ebx, %eax
    xor %edx, %edx
    mov $26, %ecx
    div %ecx
    lea 'A'(%edx), %eax
    call print_char
    inc %ebx
    call nap
    jmp 1b
drawn: .asciz "picture drawn\n"
