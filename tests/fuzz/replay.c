/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main of a fuzz target without libFuzzer: tries the files it is given, or that are in the
 * folders it is given, and with -s for so many seconds what becomes of them when they are mutated.
 *
 * The rounds follow from XEN_PHYSMAP_TEST_SEED, which is printed. The input that a crash or a hang
 * was about is in PROGRAM-crash.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#include "fuzz.h"
#include "mutate.h"

/* The longest time for one input, on a busy machine too. */
#define HANG_SECONDS 30

/* The input being tried, and the file that gets it after a crash. */
static const guint8 *current;
static gsize current_length;
static char *crash_path;

static void keep_current(void)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd >= 0 && write(fd, current, current_length) == (ssize_t)current_length) {
        static const char message[] = "the input is in ";

        if (write(STDERR_FILENO, message, sizeof message - 1) < 0 ||
            write(STDERR_FILENO, crash_path, strlen(crash_path)) < 0 ||
            write(STDERR_FILENO, "\n", 1) < 0) {
            _exit(1);
        }
    }
}

static void on_signal(int number)
{
    keep_current();
    /* SA_RESETHAND: this time the signal ends the process. */
    raise(number);
}

/* The sanitizers end a program by themselves. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch_for_the_end(void)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM, SIGTERM };
    const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(keep_current);
    }
    for (guint i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

static void try(const guint8 *bytes, gsize length)
{
    /* Exactly as long as the input, so that valgrind and the sanitizers see reads after its end. */
    guint8 *exact = malloc(length);

    if (length > 0) {
        memcpy(exact, bytes, length);
    }
    current = exact;
    current_length = length;
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(exact, length);
    alarm(0);
    current_length = 0;
    free(exact);
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The file, or the files in the folder, always in the same order. */
static GPtrArray *list(const char *path)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (!dir) {
        g_ptr_array_add(paths, g_strdup(path));
    }
    while (dir && (name = g_dir_read_name(dir))) {
        g_ptr_array_add(paths, g_build_filename(path, name, NULL));
    }
    g_ptr_array_sort(paths, by_name);
    return paths;
}

/* FALSE when one can't be read. */
static gboolean replay(const char *argument, GPtrArray *seeds)
{
    g_autoptr(GPtrArray) paths = list(argument);
    gboolean fine = TRUE;

    for (guint i = 0; i < paths->len; i++) {
        char *bytes;
        gsize length;

        if (g_file_get_contents(paths->pdata[i], &bytes, &length, NULL)) {
            g_ptr_array_add(seeds, g_bytes_new_take(bytes, length));
            try((guint8 *)bytes, length);
        } else {
            fprintf(stderr, "can't read %s\n", (char *)paths->pdata[i]);
            fine = FALSE;
        }
    }
    return fine;
}

static void mutate_for(double seconds, const GPtrArray *seeds)
{
    const char *text = g_getenv("XEN_PHYSMAP_TEST_SEED");
    guint32 seed = text ? strtoul(text, NULL, 10) : g_random_int();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    gint64 end = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
    guint64 rounds = 0;

    fprintf(stderr, "XEN_PHYSMAP_TEST_SEED=%u\n", seed);
    while (g_get_monotonic_time() < end) {
        g_autoptr(GByteArray) bytes = mutate(rand, seeds);

        try(bytes->data, bytes->len);
        rounds++;
    }
    printf("%" G_GUINT64_FORMAT " rounds\n", rounds);
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) seeds = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    double seconds = 0;
    gboolean fine = TRUE;
    int first = 1;

    if (argc > 2 && strcmp(argv[1], "-s") == 0) {
        seconds = g_ascii_strtod(argv[2], NULL);
        first = 3;
    }
    crash_path = g_strconcat(argv[0], "-crash", NULL);
    watch_for_the_end();
    for (int i = first; i < argc; i++) {
        fine = replay(argv[i], seeds) && fine;
    }
    if (seconds > 0 && seeds->len > 0) {
        mutate_for(seconds, seeds);
    }
    g_free(crash_path);
    return fine ? 0 : 1;
}
