/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moves a block as QEMU does, and prints the median of what the call took, in microseconds.
 * Run by the launcher it has the component inside, which wakes in programs with such a name only,
 * and prints too when the record was in xenstore, in milliseconds behind the call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>
#include <xendevicemodel.h>
#include <xenstore.h>

#include "median.h"

#define CALLS 501
/* No machine has a guest with this number, the highest one. */
#define DOMID 32751
#define FOLDER "device-model/32751"
#define OFFSET G_GUINT64_CONSTANT(0x2000000)
#define SIZE G_GUINT64_CONSTANT(0x1000000)
#define PLACE(i) (G_GUINT64_CONSTANT(0xf0000000) + (i) % 2 * SIZE)
/* By then the recorder sleeps, as it does between two moves by a guest. */
#define PAUSE_US 2000

static guint64 place = OFFSET;
static gint calling;

static void send_line(int fd, const char *line)
{
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0) {
        exit(1);
    }
}

/*
 * The monitor doesn't answer during a call, so a call that waited for its record would be noticed.
 */
static void await_return(void)
{
    double start = now();

    while (g_atomic_int_get(&calling)) {
        if (now() - start > 1) {
            fputs("relocate-qemu: the call waits for QEMU's monitor\n", stderr);
            _exit(1);
        }
        g_usleep(1);
    }
}

static gpointer monitor(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    FILE *commands = fdopen(fd, "r");
    char line[4096];

    send_line(fd, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
    while (fgets(line, sizeof line, commands)) {
        const char *id = strstr(line, "\"id\":");
        g_autofree char *answer = NULL, *sent = NULL;

        await_return();
        if (strstr(line, "info ramblock")) {
            answer = g_strdup_printf("\"vga.vram 4 KiB 0x%016" G_GINT64_MODIFIER "x "
                                     "0x%016" G_GINT64_MODIFIER "x 0x%016" G_GINT64_MODIFIER "x\"",
                                     OFFSET, SIZE, SIZE);
        } else if (strstr(line, "info mtree")) {
            answer = g_strdup_printf("\"FlatView #0\\r\\n AS \\\"memory\\\", root: system\\r\\n"
                                     "  %016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER "x "
                                     "(prio 1, ram): vga.vram\\r\\n\"",
                                     place, place + SIZE - 1);
        }
        sent = g_strdup_printf("{\"return\": %s, \"id\": %d}\r\n", answer ? answer : "{}",
                               id ? atoi(id + strlen("\"id\":")) : 0);
        send_line(fd, sent);
    }
    return NULL;
}

/* Seconds until xenstore has the block at its place. */
static double await_record(struct xs_handle *xs, double since)
{
    g_autofree char *expected = g_strdup_printf("%" G_GINT64_MODIFIER "x", place);
    gboolean there = FALSE;

    while (!there) {
        char *value = xs_read(xs, XBT_NULL, FOLDER "/physmap/2000000/start_addr", NULL);

        there = g_strcmp0(value, expected) == 0;
        free(value);
        if (!there && now() - since > 10) {
            fputs("relocate-qemu: the component records nothing\n", stderr);
            exit(1);
        }
    }
    return now() - since;
}

/* The descriptor of the monitor that the launcher added for the component, or -1. */
static int monitor_fd(char **argv)
{
    static const char option[] = "socket,id=xen-physmap-component,fd=";

    for (char **arg = argv; *arg; arg++) {
        if (g_str_has_prefix(*arg, option)) {
            return atoi(*arg + strlen(option));
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct xs_handle *xs = xs_open(0);
    xendevicemodel_handle *dmod = xendevicemodel_open(NULL, 0);
    int fd = monitor_fd(argv);
    double took[CALLS], recorded[CALLS] = { 0 };

    (void)argc;
    if (!xs || !dmod) {
        fputs("relocate-qemu: no xenstored\n", stderr);
        return 1;
    }
    if (fd >= 0) {
        g_thread_unref(g_thread_new("monitor", monitor, GINT_TO_POINTER(fd)));
    }
    xs_mkdir(xs, XBT_NULL, FOLDER);
    xs_write(xs, XBT_NULL, FOLDER "/state", "running", strlen("running"));
    for (int i = 0; i < CALLS; i++) {
        guint64 from = place;
        double start;

        g_usleep(PAUSE_US);
        g_atomic_int_set(&calling, 1);
        place = PLACE(i);
        start = now();
        xendevicemodel_relocate_memory(dmod, DOMID, SIZE >> 12, from >> 12, place >> 12);
        took[i] = now() - start;
        g_atomic_int_set(&calling, 0);
        if (fd >= 0) {
            recorded[i] = await_record(xs, start);
        }
    }
    printf("%.1f %.2f\n", median(took, CALLS) * 1e6, median(recorded, CALLS) * 1e3);
    return 0;
}
