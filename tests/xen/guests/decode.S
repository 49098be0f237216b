# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that draws a picture, and then switches its framebuffer's BAR off and on again, as one does
# that sizes its BARs; on, it draws a white line at the top. It says - and + on its serial port.
.include "start.inc"

.set TICKS, 150                 # each takes 8 seconds

main:
    call draw
    mov $drawn, %esi
    call print
1:  mov $1, %ebx                # decoding of I/O only
    mov $'-', %al
    call switch
    mov $3, %ebx                # and of memory
    mov $PCI_COMMAND, %eax
    call pci_write
    push %edi
    mov $800, %ecx
    mov $-1, %eax
    rep stosl
    pop %edi
    mov $3, %ebx
    mov $'+', %al
    call switch
    jmp 1b

# switch: sets the command register to %ebx, says %al, and waits.
switch:
    push %eax
    mov $PCI_COMMAND, %eax
    call pci_write
    pop %eax
    call print_char
    mov $TICKS, %ebp
2:  call nap
    dec %ebp
    jnz 2b
    ret
drawn: .asciz "picture drawn\n"
