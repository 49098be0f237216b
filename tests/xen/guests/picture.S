# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that draws a picture, says so on its serial port, and waits.
.include "start.inc"

main:
    call draw
    mov $drawn, %esi
    jmp print
drawn: .asciz "picture drawn\n"
