/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU as a process: what it was started with; starting another like it; ending it. */
#ifndef XEN_PHYSMAP_PROCESS_H
#define XEN_PHYSMAP_PROCESS_H

#include "launch-record.h"

/*
 * What a running QEMU was started with, so that another like it can be started. All of it is from
 * the launch record. /proc only shows that the process is the record's.
 */
typedef struct Process {
    ProcessId id;
    char *exe;         /* the program's file */
    char *identity;    /* of that file when QEMU was started */
    gboolean replaced; /* another file has that name now, or none */
    uid_t uid;         /* the user that it became when it gave up root; 0: it didn't */
    gid_t gid;
    char *folder;   /* its working directory */
    char *log;      /* the file that its stderr goes to, or /dev/null */
    char *launcher; /* our launcher, which starts the new one */
    GStrv args;     /* without the program, and without -incoming */
    GStrv env;
    GStrv cgroups;  /* folders of the control groups that it was started in */
    GStrv settings; /* launch_settings_read */
    char *distrust; /* why it can't be trusted; then only `id` and `log` are set. NULL: it can */
} Process;

/* The process with this pid, which must be a QEMU of the domain. */
Process *process_read(pid_t pid, guint32 domid, GError **error);

/* NULL is allowed. */
void process_free(Process *process);

/*
 * Sends a signal to it, but to no later process with its pid. FALSE with errno. It is no error when
 * the process is gone.
 */
gboolean process_signal(const ProcessId *id, int number);

/* Kills it and waits until it is gone. It is no error when it is gone already. */
gboolean process_end(const ProcessId *id, GError **error);

/*
 * Copies the program that it was started with and whose file was replaced. An error when the
 * process runs another program now.
 */
gboolean process_copy_program(const Process *process, const char *path, GError **error);

/* Adds to the arguments the folders where that program finds its ROMs, for its copy. */
gboolean process_keep_data_folders(Process *process, GError **error);

/*
 * Replaces an option's value, or appends the option. An option that can be given several times,
 * such as -device, is always appended, and so is a flag, whose value is NULL.
 */
void process_set_argument(GStrv *args, const char *option, const char *value);

/* A process that was started, and waits before it takes the guest over. */
typedef struct ProcessStart {
    ProcessId id;
    int hold;  /* a socket to it; -1: none */
    int state; /* the pipe for the device state; -1: none */
} ProcessStart;

/* No process yet. */
#define PROCESS_START_NONE                                                                         \
    {                                                                                              \
        .hold = -1, .state = -1                                                                    \
    }

/*
 * Starts the process that becomes a QEMU: through the launcher of `model`, with its environment,
 * folder, log and control groups, and with these arguments. `qemu` is the program. It waits for
 * process_begin before it does anything, so that its pid can be written down first. It ends when
 * the updater ends or calls process_let_go.
 */
gboolean process_prepare(const Process *model, const char *qemu, GStrv args, ProcessStart *start,
                         GError **error);

/*
 * Lets it start. QEMU sets all its devices up while another QEMU serves the guest (standby.h), and
 * loads no device state before process_go.
 */
gboolean process_begin(const ProcessStart *start, GError **error);

/* Waits until it is set up. FALSE when it isn't yet, or has ended. */
gboolean process_is_held(const ProcessStart *start, int timeout_ms);

/* Lets it take the guest over and load the state; process_feed gives it the state. */
gboolean process_go(ProcessStart *start, GError **error);

/*
 * Writes as much of the state as it takes now, from *done on, and advances *done. Closes the pipe
 * when all is written.
 */
gboolean process_feed(ProcessStart *start, const GByteArray *state, gsize *done, GError **error);

/* Closes our ends. The process ends, unless process_go was called. */
void process_let_go(ProcessStart *start);

/* How a child of ours ended, in words; NULL while it runs, or when it isn't our child. */
char *process_ending(const ProcessId *id);

/*
 * Runs a program for at most ten seconds, and returns what it printed. `argv` is NULL-ended and
 * begins with the program. `env` is its environment; NULL: ours. An error when the program isn't a
 * file that only root can change (trusted-file.h), when a signal comes, or when the program fails;
 * then with its last line.
 */
char *process_ask(const char *const *argv, char **env, GError **error);

/*
 * Runs "qemu -version" with the component from the launcher's folder preloaded, in the environment
 * `env`. *loaded is whether QEMU loaded it. An error when the program fails.
 */
gboolean process_probe(const char *launcher, char **env, const char *qemu, gboolean *loaded,
                       GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Process, process_free)

#endif
