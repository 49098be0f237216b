# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest with VGA cards at 03.0 and 08.0 that switches the BARs of one off and on again, then those of
# the other. On its serial port it says a and A for the first, b and B for the second.
.include "start.inc"

.set TICKS, 100                 # of each phase
.set FIRST, 0x80001800
.set SECOND, 0x80004000

main:
1:  movl $FIRST, vga
    mov $'a', %al
    call blink
    movl $SECOND, vga
    mov $'b', %al
    call blink
    jmp 1b

# blink: switches the card's memory off, says %al, waits, switches it on, says the capital, waits.
blink:
    mov $1, %ebx
    call switch
    sub $('a' - 'A'), %al
    mov $3, %ebx
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
