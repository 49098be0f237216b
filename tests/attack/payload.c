/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an attacker wants root to run, as a program or preloaded into one: it leaves a mark. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "attack.h"

__attribute__((constructor)) static void run(void)
{
    if (getuid() == 0) {
        close(open(ATTACK_MARK, O_WRONLY | O_CREAT, 0600));
    }
}

int main(void)
{
    /* Root ran what it believes to be QEMU. That is what the attacker waits for. */
    if (getuid() == 0) {
        puts("/usr/share/qemu");
        return 0;
    }
    for (;;) {
        pause();
    }
}
