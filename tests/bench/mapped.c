/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mapped random FILE: prints the median time of reading a page at random, in microseconds.
 * mapped private FILE N: N processes map it privately, read all of it and write to one page; prints
 * what they hold of memory together, in MiB. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "median.h"

#define PAGE 4096
#define READS 1000
#define PROCESSES 1000

static double times[READS];
static pid_t processes[PROCESSES];

static int random_pages(int fd, off_t size)
{
    char page[PAGE];

    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    srandom(1);
    for (int i = 0; i < READS; i++) {
        off_t at = (off_t)(((unsigned long)random() << 20 ^ random()) % (size / PAGE)) * PAGE;
        double start = now();

        if (pread(fd, page, PAGE, at) != PAGE) {
            perror("mapped");
            return 1;
        }
        times[i] = now() - start;
    }
    printf("%.1f\n", median(times, READS) * 1e6);
    return 0;
}

/* In a process of its own: says that it is ready, and waits for its end. */
static void hold(int fd, off_t size, int ready)
{
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    volatile char sum = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (off_t at = 0; bytes != MAP_FAILED && at < size; at += PAGE) {
        sum += bytes[at];
    }
    if (bytes != MAP_FAILED) {
        bytes[0] = 1;
        if (write(ready, "", 1) == 1) {
            pause();
        }
    }
    _exit(1);
}

/* What a process holds, shared pages in proportion, in KiB. */
static long proportion(pid_t process)
{
    char name[64], line[256];
    long kib = 0;
    FILE *file;

    snprintf(name, sizeof name, "/proc/%d/smaps_rollup", process);
    file = fopen(name, "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Pss: %ld", &kib) != 1) {
    }
    if (file) {
        fclose(file);
    }
    return kib;
}

static int private_maps(int fd, off_t size, int n)
{
    int ready[2], started = 0;
    long kib = 0;
    char byte;

    if (pipe(ready) != 0) {
        perror("mapped");
        return 1;
    }
    for (; started < n && (processes[started] = fork()) >= 0; started++) {
        if (processes[started] == 0) {
            close(ready[0]);
            hold(fd, size, ready[1]);
        }
    }
    close(ready[1]);
    for (int i = 0; i < started && read(ready[0], &byte, 1) == 1; i++) {
    }
    for (int i = 0; i < started; i++) {
        kib += proportion(processes[i]);
    }
    for (int i = 0; i < started; i++) {
        kill(processes[i], SIGKILL);
        waitpid(processes[i], NULL, 0);
    }
    printf("%ld\n", kib / 1024);
    return started < n;
}

int main(int argc, char **argv)
{
    int fd = argc > 2 ? open(argv[2], O_RDONLY) : -1;
    int n = argc > 3 ? atoi(argv[3]) : 0;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || n > PROCESSES) {
        fputs("usage: mapped random FILE | private FILE N\n", stderr);
        return 2;
    }
    return n > 0 ? private_maps(fd, st.st_size, n) : random_pages(fd, st.st_size);
}
