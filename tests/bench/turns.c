/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turns ROUNDS COMMAND...: runs shell commands by turns, and prints a line with the medians of
 * each. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "median.h"

#define MOST_ROUNDS 64

typedef struct Cost {
    double seconds[MOST_ROUNDS];
    long kib;          /* the most memory in any round */
    long reads, bytes; /* read calls and their bytes, in the last round */
} Cost;

/* This program's, and those of the commands that it has waited for. */
static void count_reads(long *reads, long *bytes)
{
    char line[128];
    FILE *file = fopen("/proc/self/io", "r");

    *reads = *bytes = 0;
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "syscr: %ld", reads);
        sscanf(line, "rchar: %ld", bytes);
    }
    if (file) {
        fclose(file);
    }
}

static void run(const char *command, Cost *cost, int round)
{
    long reads, bytes;
    double start;
    struct rusage usage;
    int status;
    pid_t pid;

    count_reads(&reads, &bytes);
    start = now();
    pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    wait4(pid, &status, 0, &usage);
    cost->seconds[round] = now() - start;
    count_reads(&cost->reads, &cost->bytes);
    cost->reads -= reads;
    cost->bytes -= bytes;
    if (status != 0) {
        fprintf(stderr, "turns: failed: %s\n", command);
        exit(1);
    }
    if (usage.ru_maxrss > cost->kib) {
        cost->kib = usage.ru_maxrss;
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[1]) : 0;
    Cost *costs = calloc(argc, sizeof *costs);

    if (rounds < 1 || rounds > MOST_ROUNDS || !costs) {
        fputs("usage: turns ROUNDS COMMAND...\n", stderr);
        return 2;
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 2; i < argc; i++) {
            run(argv[i], &costs[i], round);
        }
    }
    for (int i = 2; i < argc; i++) {
        printf("%.6f %ld %ld %ld\n", median(costs[i].seconds, rounds), costs[i].kib, costs[i].reads,
               costs[i].bytes);
    }
    free(costs);
    return 0;
}
