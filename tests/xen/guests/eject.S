# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that draws a picture, and ejects each card that it is asked to give up.
.include "start.inc"

# QEMU's ACPI hot plug registers: which slots are to go, and the slot to eject.
.set SLOTS_DOWN, 0xae04
.set SLOTS_EJECT, 0xae08

main:
    call draw
    mov $drawn, %esi
    call print
1:  mov $SLOTS_DOWN, %dx
    in %dx, %eax
    test %eax, %eax
    jz 2f
    mov $SLOTS_EJECT, %dx
    out %eax, %dx
2:  call nap
    jmp 1b
drawn: .asciz "picture drawn\n"
