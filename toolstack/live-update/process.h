/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU as a process: what it was started with, started again, and ended. */
#ifndef XEN_PHYSMAP_PROCESS_H
#define XEN_PHYSMAP_PROCESS_H

#include "launch-record.h"

/*
 * What a running QEMU was started with, so that one like it can be started. All of it is from the
 * launch record; /proc only tells that the process is the record's.
 */
typedef struct Process {
    ProcessId id;
    char *exe;         /* the program's file */
    char *identity;    /* of that file when QEMU was started */
    gboolean replaced; /* another file has that name now, or none */
    uid_t uid;         /* which it has since it gave up root; 0: it didn't */
    gid_t gid;
    char *folder;   /* its working directory */
    char *log;      /* the file behind its stderr, or /dev/null */
    char *launcher; /* our launcher, which starts the new one */
    GStrv args;     /* without the program, and without -incoming */
    GStrv env;
    GStrv cgroups;  /* folders of the control groups that it was started in */
    GStrv settings; /* launch_settings_read */
    char *distrust; /* why it can't be relied on, and only `id` and `log` are set; NULL: it can */
} Process;

/* The process of this pid, which has to be a QEMU for the domain. */
Process *process_read(pid_t pid, guint32 domid, GError **error);

/* NULL is allowed. */
void process_free(Process *process);

/* Sends a signal to it, and to no later process of its pid. FALSE with errno; none is fine. */
gboolean process_signal(const ProcessId *id, int number);

/* Kills it and waits until it is gone; none is fine. */
gboolean process_end(const ProcessId *id, GError **error);

/*
 * A copy of the program that it was started with, when its file was replaced meanwhile. An error when
 * the process runs another one by now.
 */
gboolean process_copy_program(const Process *process, const char *path, GError **error);

/* Adds the folders in which that program finds its ROMs to the arguments, for its copy. */
gboolean process_keep_data_folders(Process *process, GError **error);

/*
 * Sets an option's value where the option is, or appends both. One that can be given several
 * times, as -device, is always appended; and so is a flag, whose value is NULL.
 */
void process_set_argument(GStrv *args, const char *option, const char *value);

/* A process that was started, and is held before it takes the guest over. */
typedef struct ProcessStart {
    ProcessId id;
    int hold;  /* a socket to it; -1: none */
    int state; /* the pipe by which it gets the device state; -1: none */
} ProcessStart;

/* No process yet. */
#define PROCESS_START_NONE                                                                         \
    {                                                                                              \
        .hold = -1, .state = -1                                                                    \
    }

/*
 * Makes the process that becomes a QEMU, through the launcher of `model`, with its environment,
 * folder, log and control groups, and these arguments; `qemu` is the program. It waits for
 * process_begin before it does anything, so that its pid can be written down first. It ends when
 * the updater ends, or lets go of it.
 */
gboolean process_prepare(const Process *model, const char *qemu, GStrv args, ProcessStart *start,
                         GError **error);

/*
 * Lets it start. QEMU sets all its devices up while another serves the guest (standby.h), and
 * doesn't load the device state before process_go.
 */
gboolean process_begin(const ProcessStart *start, GError **error);

/* Waits for it to be set up. FALSE when it isn't yet, or ended. */
gboolean process_is_held(const ProcessStart *start, int timeout_ms);

/* Has it take the guest over, and load the state, which it is to be fed with. */
gboolean process_go(ProcessStart *start, GError **error);

/*
 * Gives it as much of the state as it takes now, from *done on, which moves. When all is given, the
 * pipe is closed.
 */
gboolean process_feed(ProcessStart *start, const GByteArray *state, gsize *done, GError **error);

/* Closes what we have of it. One that wasn't let go ends. */
void process_let_go(ProcessStart *start);

/* How a child of ours ended, in words; NULL while it runs or when it is no child of ours. */
char *process_ending(const ProcessId *id);

/*
 * Runs a program with the arguments, a NULL-ended list that begins with it, for at most ten
 * seconds, and returns what it printed. `env` is its environment; NULL: ours. An error when it
 * isn't a file that only root can change (trusted-file.h), when a signal comes, or when it fails:
 * then with its last line.
 */
char *process_ask(const char *const *argv, char **env, GError **error);

/*
 * Runs "qemu -version" with the component that lies beside the launcher preloaded, in the environment
 * `env`. *loaded is whether it was. An error when the program fails.
 */
gboolean process_probe(const char *launcher, char **env, const char *qemu, gboolean *loaded,
                       GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Process, process_free)

#endif
