/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The component's thread: surveys the layout after each poke, and publishes what it finds. */
#include "component.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

#include "survey.h"

/* QEMU's main loop answers within milliseconds; a stuck one must not keep the guest from running. */
#define QMP_TIMEOUT_MS 10000

/* After a failure the next try comes by itself, later each time. */
#define RETRY_FIRST_MS 20
#define RETRY_LAST_MS 10000

static struct {
    /* Set once by component_init, before the thread is there. */
    guint32 domid;
    gboolean incoming;
    QmpClient *qmp;
    XenPhysmapOps *ops;

    /* Between QEMU's threads and ours. */
    pthread_once_t started;
    int wake_fd;                        /* -1: not at work */
    pthread_mutex_t lock;
    gboolean ended;                     /* under lock, as the next two */
    ComponentResume resume;
    gpointer resume_data;

    /* Ours alone. */
    XenIOState *state;
    gboolean stale;                     /* the layout may differ from the records */
    gboolean qmp_lost;
    int retry_ms;
    char *complaint;                    /* what was last said, so that it is said once */
} self = { .started = PTHREAD_ONCE_INIT, .wake_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* To stderr, which libxl keeps as /var/log/xen/qemu-dm-$name.log. One write, to stay one line. */
static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *line = g_strdup_printf("xen-physmap: %s\n", text);

    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        return;                         /* no log, and nowhere to say so */
    }
}

static gboolean connect_xen(GError **error)
{
    if (!self.ops) {
        self.ops = xen_physmap_ops_open(XEN_PHYSMAP_OPS_HYPERVISOR, error);
    }
    return self.ops != NULL;
}

static gboolean open_state(GError **error)
{
    guint32 dm_domid;

    if (self.state) {
        return TRUE;
    }
    if (!connect_xen(error) || !xen_physmap_xenstore_own_domid(self.ops, &dm_domid, error)) {
        return FALSE;
    }
    self.state = xen_io_state_open(self.ops, self.domid, dm_domid);
    return TRUE;
}

/* On a restore: says it when the layout that came with the guest is not the one that is here. */
static void compare_with_saved(const XenPhysmapTable *actual)
{
    g_autoptr(GError) error = NULL;

    if (!xen_io_state_load(self.state, &error)) {
        say("the records that came with the guest can't be used: %s", error->message);
    } else if (xen_physmap_table_size(xen_io_state_table(self.state)) == 0) {
        say("the guest came without records; its layout can't be checked");
    } else if (!xen_physmap_table_equal(xen_io_state_table(self.state), actual)) {
        say("the layout differs from the records that came with the guest");
    }
}

/* One survey, published. */
static gboolean refresh(GError **error)
{
    g_autoptr(Survey) actual = NULL;
    gboolean first = self.state == NULL;

    if (!open_state(error) ||
        !(actual = survey_take(self.qmp, self.ops, self.domid, QMP_TIMEOUT_MS, error))) {
        return FALSE;
    }
    if (first && self.incoming) {
        compare_with_saved(actual->table);
    }
    return xen_io_state_update(self.state, actual->table, error);
}

static void try_refresh(void)
{
    g_autoptr(GError) error = NULL;

    if (refresh(&error)) {
        if (self.complaint) {
            say("the records are up to date again");
        }
        g_clear_pointer(&self.complaint, g_free);
        self.stale = FALSE;
        self.retry_ms = 0;
        return;
    }
    if (g_strcmp0(self.complaint, error->message) != 0) {
        say("can't record the layout of domain %u: %s; the guest runs on, and this is tried again",
            self.domid, error->message);
        g_free(self.complaint);
        self.complaint = g_strdup(error->message);
    }
    self.retry_ms = CLAMP(self.retry_ms * 2, RETRY_FIRST_MS, RETRY_LAST_MS);
}

/* Lets QEMU's report go on that it is running, if one was held. */
static void let_run(gboolean ending)
{
    ComponentResume resume;
    gpointer data;

    pthread_mutex_lock(&self.lock);
    self.ended = ending;
    resume = self.resume;
    data = self.resume_data;
    self.resume = NULL;
    pthread_mutex_unlock(&self.lock);
    if (resume) {
        resume(data);
    }
}

static void on_event(const char *event, gpointer data)
{
    (void)data;
    if (strcmp(event, "DEVICE_DELETED") == 0) {
        self.stale = TRUE;
    }
}

static void take_qmp_input(void)
{
    g_autoptr(GError) error = NULL;

    if (!qmp_client_dispatch(self.qmp, &error)) {
        /* QEMU ends, or its monitor does: there is nobody left to ask. */
        self.qmp_lost = TRUE;
    }
}

static void *work(void *data)
{
    (void)data;
    prctl(PR_SET_NAME, "xen-physmap");
    qmp_client_on_event(self.qmp, on_event, NULL);
    while (!self.qmp_lost) {
        struct pollfd fds[] = {
            { .fd = self.wake_fd, .events = POLLIN },
            { .fd = qmp_client_fd(self.qmp), .events = POLLIN },
        };
        eventfd_t count;

        if (poll(fds, G_N_ELEMENTS(fds), self.stale && self.retry_ms ? self.retry_ms : -1) < 0 &&
            errno != EINTR) {
            break;
        }
        if (fds[1].revents) {
            take_qmp_input();
        }
        if (fds[0].revents && eventfd_read(self.wake_fd, &count) == 0) {
            self.stale = TRUE;
        }
        if (self.stale && !self.qmp_lost) {
            try_refresh();
        }
        let_run(FALSE);
    }
    let_run(TRUE);
    return NULL;
}

/* QEMU handles its signals in threads of its own choice, and ours is none of them. */
static void start(void)
{
    pthread_t thread;
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, NULL, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        say("can't start a thread: %s; the layout is not recorded", g_strerror(rc));
        self.ended = TRUE;
    } else {
        pthread_detach(thread);
    }
}

void component_init(guint32 domid, int qmp_fd, gboolean incoming)
{
    g_autoptr(GError) error = NULL;

    self.domid = domid;
    self.incoming = incoming;
    self.qmp = qmp_client_new(qmp_fd);
    /* Failing here is no loss: the thread tries again, and has something to say then. */
    connect_xen(&error);
    self.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self.wake_fd < 0) {
        say("can't make an eventfd: %s; the layout is not recorded", g_strerror(errno));
    }
}

void component_poke(void)
{
    if (self.wake_fd >= 0) {
        eventfd_write(self.wake_fd, 1);
    }
}

gboolean component_running(ComponentResume resume, gpointer data)
{
    ComponentResume before = NULL;
    gpointer before_data = NULL;
    gboolean taken;

    if (self.wake_fd < 0) {
        return FALSE;
    }
    pthread_once(&self.started, start);
    pthread_mutex_lock(&self.lock);
    taken = !self.ended;
    if (taken) {
        before = self.resume;
        before_data = self.resume_data;
        self.resume = resume;
        self.resume_data = data;
    }
    pthread_mutex_unlock(&self.lock);
    component_poke();
    if (before) {
        before(before_data);
    }
    return taken;
}
