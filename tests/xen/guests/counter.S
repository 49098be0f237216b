# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that draws a picture, and counts in it and on its serial port: A to Z, repeatedly.
.include "start.inc"

main:
    call draw
    mov $drawn, %esi
    call print
    xor %ebx, %ebx
1:  mov %ebx, (%edi)
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
