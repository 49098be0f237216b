/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load FILE: works the disk of the box's Linux guest for ever, from several processes at once, and reads
 * back what each wrote; answers on TCP port 7; and measures for how long the guest stood still.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define WORDS (BLOCK / sizeof(uint64_t))
#define WORKERS 4
#define BLOCKS 64 /* of each worker */
#define PORT 7

/* What all processes share. */
typedef struct Shared {
    volatile uint64_t written[WORKERS];
    volatile uint64_t gap_us;
} Shared;

static void give_up(const char *what)
{
    printf("BAD load: ");
    fflush(stdout);
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void child(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Each word of a block tells the worker, the block and the number of the write. */
static uint64_t word(unsigned worker, unsigned block, uint64_t number, unsigned at)
{
    return (number << 24 | worker << 16 | block << 8) ^ (at * 0x9e3779b97f4a7c15ull);
}

/* A write that is lost, is done twice or goes to another place leaves a block that isn't its last. */
static void work(const char *path, unsigned worker, Shared *shared)
{
    int fd = open(path, O_RDWR | O_DIRECT | O_DSYNC);
    uint64_t last[BLOCKS] = { 0 };
    uint64_t *data = aligned_alloc(BLOCK, BLOCK);
    uint64_t number = 0;

    if (fd < 0 || !data) {
        give_up(path);
    }
    for (;;) {
        unsigned block = ++number * 37 % BLOCKS;

        for (unsigned i = 0; i < WORDS; i++) {
            data[i] = word(worker, block, number, i);
        }
        if (pwrite(fd, data, BLOCK, (worker * BLOCKS + block) * BLOCK) != BLOCK) {
            give_up("write");
        }
        last[block] = number;
        shared->written[worker] = number;
        block = number * 11 % BLOCKS;
        if (!last[block]) {
            continue;
        }
        if (pread(fd, data, BLOCK, (worker * BLOCKS + block) * BLOCK) != BLOCK) {
            give_up("read");
        }
        for (unsigned i = 0; i < WORDS; i++) {
            if (data[i] != word(worker, block, last[block], i)) {
                printf("BAD load: worker %u, block %u, word %u: %llx, written was %llx\n", worker,
                       block, i, (unsigned long long)data[i],
                       (unsigned long long)word(worker, block, last[block], i));
                exit(1);
            }
        }
    }
}

/* Sends back what arrives, one connection after another. */
static void answer(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, 1)) {
        give_up("socket");
    }
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        char data[1024];
        ssize_t n;

        while (peer >= 0 && (n = read(peer, data, sizeof data)) > 0 && write(peer, data, n) == n) {
        }
        close(peer);
    }
}

static void measure(Shared *shared)
{
    const struct timespec moment = { .tv_nsec = 5000000 };
    uint64_t before = now_us();

    for (;;) {
        uint64_t now;

        nanosleep(&moment, NULL);
        now = now_us();
        if (now - before > shared->gap_us) {
            shared->gap_us = now - before;
        }
        before = now;
    }
}

int main(int argc, char **argv)
{
    Shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd;

    if (argc != 2 || shared == MAP_FAILED || (fd = open(argv[1], O_RDWR | O_CREAT, 0600)) < 0 ||
        posix_fallocate(fd, 0, WORKERS * BLOCKS * BLOCK)) {
        give_up("load");
    }
    close(fd);
    for (unsigned i = 0; i < WORKERS; i++) {
        if (fork() == 0) {
            child();
            work(argv[1], i, shared);
        }
    }
    if (fork() == 0) {
        child();
        answer();
    }
    if (fork() == 0) {
        child();
        measure(shared);
    }
    for (;;) {
        uint64_t total = 0, gap;

        sleep(1);
        for (unsigned i = 0; i < WORKERS; i++) {
            total += shared->written[i];
        }
        gap = shared->gap_us;
        shared->gap_us = 0;
        printf("load %llu gap %llu ms\n", (unsigned long long)total,
               (unsigned long long)gap / 1000);
        fflush(stdout);
    }
}
