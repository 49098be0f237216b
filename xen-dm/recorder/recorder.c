/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The recorder: takes a survey after each poke, and writes what it finds to xenstore. */
#include "recorder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen-physmap/gate.h>
#include <xen-physmap/state.h>
#include <xen-physmap/xenstore.h>

#include "names.h"
#include "survey.h"

/* QEMU's main loop answers within milliseconds. A stuck one must not stop the guest. */
#define QMP_TIMEOUT_MS 10000

/* After a failure it tries again, later each time. */
#define RETRY_FIRST_MS 20
#define RETRY_LAST_MS 10000

/* If the layout can't be compared after this time, the restore is refused. libxl gives up after 60 s. */
#define GATE_TIMEOUT_US (30 * G_TIME_SPAN_SECOND)

/* How long the second survey may wait after the one that passed the gate. */
#define AFTER_GATE_MS 500

/* How often to try to get a port that the old QEMU uses until it ends. */
#define CLAIM_MS 100
#define CLAIMS_SILENT 100

/* At most this many of QEMU's lines that can't be parsed are reported. */
#define PROBLEMS_SAID 32

/* Added to the eventfd by a poke. A nudge adds 1; a survey then waits NUDGE_US, to serve several. */
#define URGENT (G_GUINT64_CONSTANT(1) << 32)
#define NUDGE_US (10 * G_TIME_SPAN_MILLISECOND)

/* A block that the saved guest had moved: where it had its pages, and where they are now. */
typedef struct SavedPlace {
    guint64 size, saved, now;
} SavedPlace;

static struct {
    /* Set once by recorder_init, before the thread exists. */
    guint32 domid;
    RestorePolicy policy;
    char *incoming;                 /* where the device state is; NULL for a new guest */
    const RecorderStandby *standby; /* NULL: this QEMU serves the guest alone */
    RecorderAdopt *adopt;
    QmpClient *qmp;
    XenPhysmapOps *ops;

    /* Between QEMU's threads and ours. */
    pthread_once_t started;
    int wake_fd; /* -1: not at work */
    pthread_mutex_t lock;
    gboolean ended; /* under lock, as the next two */
    RecorderResume resume;
    gpointer resume_data;
    GArray *saved;    /* of SavedPlace, for a saved guest; under lock, as the next one */
    gboolean loading; /* QEMU loads the state, or has done so */

    /* Used by the thread alone. */
    XenPhysmapState *state;
    gboolean gate_due; /* a saved guest, whose layout wasn't compared yet */
    gint64 gate_since; /* monotonic, in us */
    gboolean stale;    /* the layout may differ from the records */
    gboolean stopped;  /* the guest is stopped, perhaps to be saved */
    gboolean recorded; /* the layout is in xenstore, as of the last survey that worked */
    GHashTable *said;  /* what couldn't be parsed */
    gboolean qmp_lost;
    int retry_ms;
    guint claims;    /* in which a port was found taken */
    char *complaint; /* the last message, so that it is logged once */
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
        return; /* no log, and nowhere to say so */
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
    self.state = xen_physmap_state_open(self.ops, self.domid, dm_domid);
    /* What was known before the connection broke is in xenstore. */
    if (self.recorded && !xen_physmap_state_load(self.state, error)) {
        g_clear_pointer(&self.state, xen_physmap_state_close);
        return FALSE;
    }
    return TRUE;
}

static void say_all(const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++) {
        say("%s", (const char *)g_ptr_array_index(lines, i));
    }
}

/*
 * Ends QEMU. libxl sees that its device model ended before it reported that it is running, fails
 * the restore and destroys the domain, which never ran. In an update the old QEMU still serves the
 * guest.
 */
static void refuse(void)
{
    if (self.standby) {
        say("refusing to take over domain %u; update-dm goes back to the old QEMU", self.domid);
    } else {
        say("refusing to run domain %u; its savefile, or the source of its migration, is unharmed",
            self.domid);
    }
    recorder_end();
    _exit(1);
}

/* Ends QEMU, since the layout isn't the saved one, or can't be compared, and the policy says so. */
static void refuse_by_policy(void)
{
    if (!self.standby) {
        say("domain %u: " ENV_POLICY "=warn lets such a guest run", self.domid);
    }
    refuse();
}

/* The result of either half of the gate: writes the log, and decides whether QEMU goes on. */
static void conclude(gboolean passed, const GPtrArray *report)
{
    if (!passed) {
        say("domain %u: the layout of this QEMU is not the one that the guest was saved with:",
            self.domid);
    }
    say_all(report);
    if (!passed && self.policy == RESTORE_REFUSE) {
        refuse_by_policy();
    }
    if (!passed) {
        say("domain %u goes on anyway, since " ENV_POLICY " is %s", self.domid,
            restore_policy_name(self.policy));
    }
}

/*
 * The first half of the gate. A QEMU whose blocks have other sizes would fail to load the state,
 * and couldn't say what is wrong. FALSE when the layout couldn't be compared.
 */
static gboolean admit(GError **error)
{
    g_autoptr(GPtrArray) report = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(SurveyBlocks) blocks = NULL;

    if (!open_state(error) || !xen_physmap_state_load(self.state, error) ||
        !(blocks = survey_blocks(self.qmp, QMP_TIMEOUT_MS, error))) {
        return FALSE;
    }
    conclude(xen_physmap_gate_admits(xen_physmap_state_table(self.state), blocks->named, report),
             report);
    return TRUE;
}

/* Notes the blocks that the saved guest had moved, for recorder_saved_place. */
static void note_saved_places(const XenPhysmapTable *saved)
{
    const XenPhysmapRecord *record;

    pthread_mutex_lock(&self.lock);
    if (self.saved) {
        g_array_unref(self.saved);
    }
    self.saved = g_array_new(FALSE, FALSE, sizeof(SavedPlace));
    for (guint i = 0; (record = xen_physmap_table_get(saved, i)); i++) {
        SavedPlace place = { record->size, record->start_addr, record->start_addr };

        if (record->start_addr != record->phys_offset) {
            g_array_append_val(self.saved, place);
        }
    }
    pthread_mutex_unlock(&self.lock);
}

gboolean recorder_saved_place(guint64 size, guint64 *start_addr)
{
    guint n = 0;

    pthread_mutex_lock(&self.lock);
    for (guint i = 0; self.saved && i < self.saved->len; i++) {
        const SavedPlace *place = &g_array_index(self.saved, SavedPlace, i);

        if (place->size == size) {
            *start_addr = place->now;
            n++;
        }
    }
    pthread_mutex_unlock(&self.lock);
    return n == 1;
}

gboolean recorder_saved_over(guint64 start_addr, guint64 size)
{
    gboolean over = FALSE;

    pthread_mutex_lock(&self.lock);
    for (guint i = 0; self.saved && !self.loading && i < self.saved->len; i++) {
        const SavedPlace *place = &g_array_index(self.saved, SavedPlace, i);

        over =
            over || (place->saved < start_addr + size && start_addr < place->saved + place->size);
    }
    pthread_mutex_unlock(&self.lock);
    return over;
}

void recorder_moved(guint64 from, guint64 to)
{
    pthread_mutex_lock(&self.lock);
    for (guint i = 0; self.saved && i < self.saved->len; i++) {
        SavedPlace *place = &g_array_index(self.saved, SavedPlace, i);

        if (place->now == from) {
            place->now = to;
        }
    }
    pthread_mutex_unlock(&self.lock);
    say("domain %u: the pages at 0x%" G_GINT64_MODIFIER "x went to 0x%" G_GINT64_MODIFIER
        "x, where the guest had last mapped them",
        self.domid, from, to);
}

/* What came with the guest, with what was moved since. */
static XenPhysmapTable *saved_layout(void)
{
    XenPhysmapTable *saved = xen_physmap_table_copy(xen_physmap_state_table(self.state));

    pthread_mutex_lock(&self.lock);
    for (guint i = 0; self.saved && i < self.saved->len; i++) {
        const SavedPlace *place = &g_array_index(self.saved, SavedPlace, i);
        const XenPhysmapRecord *record = xen_physmap_table_find_guest(saved, place->saved);

        if (record && record->start_addr == place->saved && place->now != place->saved) {
            xen_physmap_table_move(saved, record->phys_offset, place->now, NULL);
        }
    }
    pthread_mutex_unlock(&self.lock);
    return saved;
}

/* Blocks that QEMU is to find when it maps them again. */
static void adopt_hidden(const Survey *actual)
{
    const XenPhysmapRecord *block;

    for (guint i = 0; (block = xen_physmap_table_get(actual->hidden, i)); i++) {
        if (!self.adopt(self.domid, block->start_addr, block->size)) {
            say("domain %u: %s was mapped nowhere when the guest was saved; its screen may stand "
                "still until it sets its mode again",
                self.domid, block->name);
        }
    }
}

static guint count_unplugged(const XenPhysmapTable *table)
{
    const XenPhysmapRecord *record;
    guint n = 0;

    for (guint i = 0; (record = xen_physmap_table_get(table, i)); i++) {
        n += strcmp(record->name, XEN_PHYSMAP_UNPLUGGED_NAME) == 0;
    }
    return n;
}

/* The second half. FALSE when the layout couldn't be compared. */
static gboolean pass_gate(const Survey *actual, GError **error)
{
    g_autoptr(GPtrArray) report = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(XenPhysmapTable) saved = saved_layout();
    gboolean passed;

    if (xen_physmap_table_size(saved) == 0) {
        self.gate_due = FALSE;
        say("domain %u came without records, so its layout can't be checked", self.domid);
        return TRUE;
    }
    passed = xen_physmap_gate_passes(saved, actual->table, actual->absent, report);
    if (!xen_physmap_gate_finds_pages(self.ops, self.domid, actual->table, report, &passed,
                                      error)) {
        return FALSE;
    }
    self.gate_due = FALSE;
    conclude(passed, report);
    if (passed) {
        adopt_hidden(actual);
        say("domain %u: the layout is the one it was saved with, %u ramblocks", self.domid,
            xen_physmap_table_size(saved) - count_unplugged(saved));
    }
    return TRUE;
}

/* The layout of a saved guest couldn't be compared. FALSE when it has to be tried again. */
static gboolean give_up_judging(const GError *error)
{
    /* A problem that ends by itself, such as a restart of xenstored, gets some time. */
    gboolean passing = g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE) ||
                       g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_CONFLICT);

    if (passing && g_get_monotonic_time() - self.gate_since < GATE_TIMEOUT_US) {
        return FALSE;
    }
    say("domain %u: the layout can't be compared with the saved one: %s", self.domid,
        error->message);
    if (self.policy == RESTORE_REFUSE) {
        refuse_by_policy();
    }
    return TRUE;
}

/* Reports a line of QEMU's that can't be parsed once, and only a few of them. */
static void say_problems(const GPtrArray *problems)
{
    for (guint i = 0; i < problems->len; i++) {
        const char *problem = g_ptr_array_index(problems, i);

        if (g_hash_table_size(self.said) < PROBLEMS_SAID &&
            g_hash_table_add(self.said, g_strdup(problem))) {
            say("domain %u: %s; that block alone isn't recorded", self.domid, problem);
        }
    }
}

/* Takes a survey and publishes it. */
static gboolean refresh(GError **error)
{
    g_autoptr(Survey) actual = NULL;

    if (!open_state(error) || (self.gate_due && !xen_physmap_state_load(self.state, error))) {
        return FALSE;
    }
    actual = survey_take(self.qmp, self.ops, self.domid, xen_physmap_state_table(self.state),
                         self.gate_due ? SURVEY_CLAIMED : SURVEY_OWN, QMP_TIMEOUT_MS, error);
    if (!actual) {
        return FALSE;
    }
    say_problems(actual->problems);
    if ((self.gate_due && !pass_gate(actual, error)) ||
        !xen_physmap_state_update(self.state, actual->table, error)) {
        return FALSE;
    }
    self.recorded = TRUE;
    return TRUE;
}

/* A broken connection has to be opened again. */
static void drop_broken_connection(const GError *error)
{
    if (g_error_matches(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE)) {
        g_clear_pointer(&self.state, xen_physmap_state_close);
        g_clear_pointer(&self.ops, xen_physmap_ops_close);
    }
}

static void try_refresh(void)
{
    g_autoptr(GError) error = NULL;

    /* Before the survey, not after: an event during the survey makes it stale again. */
    self.stale = FALSE;
    if (refresh(&error)) {
        if (self.complaint) {
            say("the records are up to date again");
        }
        g_clear_pointer(&self.complaint, g_free);
        self.retry_ms = 0;
        return;
    }
    self.stale = TRUE;
    if (self.gate_due) {
        self.gate_due = !give_up_judging(error);
    } else if (g_strcmp0(self.complaint, error->message) != 0) {
        say("can't record the layout of domain %u: %s; the guest runs on, and this is tried again",
            self.domid, error->message);
        g_free(self.complaint);
        self.complaint = g_strdup(error->message);
    }
    drop_broken_connection(error);
    self.retry_ms = CLAMP(self.retry_ms * 2, RETRY_FIRST_MS, RETRY_LAST_MS);
}

/* Sends QEMU's report that it is running, if it was held back. */
static void let_run(gboolean ending)
{
    RecorderResume resume;
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
    } else if (strcmp(event, "STOP") == 0) {
        self.stopped = TRUE;
    } else if (strcmp(event, "RESUME") == 0) {
        /* A survey right after the gate finds nothing new, and xl waits for the processor. */
        self.stale = self.stale || self.stopped || !self.incoming;
        self.stopped = FALSE;
    }
}

static void take_qmp_input(void)
{
    g_autoptr(GError) error = NULL;

    if (!qmp_client_dispatch(self.qmp, &error)) {
        /* QEMU or its monitor has ended: nobody can be asked. */
        self.qmp_lost = TRUE;
    }
}

/* The old QEMU serves the guest until the updater ends the standby. */
static void await_turn(void)
{
    g_autoptr(GError) error = NULL;
    char byte = 0;

    if (send(self.standby->fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
        read(self.standby->fd, &byte, 1) != 1) {
        _exit(0);
    }
    close(self.standby->fd);
    if (!self.standby->end(&error)) {
        say("domain %u: can't take it over: %s", self.domid, error->message);
        _exit(1);
    }
}

/* Runs the first half of the gate, and has QEMU load the state. */
static void restore(void)
{
    g_autoptr(GError) error = NULL;
    gboolean judged = FALSE;

    self.gate_since = g_get_monotonic_time();
    while (!judged) {
        g_autoptr(GError) problem = NULL;

        judged = admit(&problem) || give_up_judging(problem);
        if (!judged) {
            drop_broken_connection(problem);
            g_usleep(RETRY_FIRST_MS * G_TIME_SPAN_MILLISECOND);
        }
    }
    if (self.standby) {
        await_turn();
    }
    if (self.state) {
        note_saved_places(xen_physmap_state_table(self.state));
    }
    pthread_mutex_lock(&self.lock);
    self.loading = TRUE;
    pthread_mutex_unlock(&self.lock);
    if (!qmp_client_migrate_incoming(self.qmp, self.incoming, QMP_TIMEOUT_MS, &error)) {
        say("domain %u: QEMU doesn't load the saved state: %s", self.domid, error->message);
        refuse();
    }
    self.gate_since = g_get_monotonic_time();
}

/* How long the thread may sleep if nothing wakes it, in ms; -1: forever. */
static int sleep_ms(void)
{
    if (self.stale) {
        return self.retry_ms;
    }
    if (!self.standby || self.standby->claim()) {
        return -1;
    }
    if (++self.claims == CLAIMS_SILENT) {
        say("domain %u: another process has taken a network port, for VNC perhaps, that the QEMU "
            "before had; it is tried until it is free",
            self.domid);
    }
    return CLAIM_MS;
}

static void *work(void *data)
{
    (void)data;
    prctl(PR_SET_NAME, "xen-physmap");
    qmp_client_on_event(self.qmp, on_event, NULL);
    self.said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (self.gate_due) {
        restore();
    }
    while (!self.qmp_lost) {
        struct pollfd fds[] = {
            { .fd = self.wake_fd, .events = POLLIN },
            { .fd = qmp_client_fd(self.qmp), .events = POLLIN },
        };
        gboolean judging = self.gate_due;
        eventfd_t count = 0;

        if (poll(fds, G_N_ELEMENTS(fds), sleep_ms()) < 0 && errno != EINTR) {
            break;
        }
        if (fds[1].revents) {
            take_qmp_input();
        }
        if (fds[0].revents && eventfd_read(self.wake_fd, &count) == 0) {
            self.stale = TRUE;
            if (count < URGENT) {
                g_usleep(NUDGE_US);
            }
        }
        if (self.stale && !self.qmp_lost) {
            try_refresh();
        }
        /* xl, which waits for this QEMU, needs the processor more than what came meanwhile. */
        if (judging && !self.gate_due && eventfd_read(self.wake_fd, &count) == 0) {
            self.stale = TRUE;
            self.retry_ms = AFTER_GATE_MS;
        }
        if (!self.gate_due) {
            let_run(FALSE);
        }
    }
    let_run(TRUE);
    return NULL;
}

/* QEMU chooses the threads that handle its signals. This one must not. */
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
        if (self.gate_due) {
            refuse();
        }
        self.ended = TRUE;
    } else {
        pthread_detach(thread);
    }
}

void recorder_init(guint32 domid, int qmp_fd, const char *incoming, RestorePolicy policy,
                   const RecorderStandby *standby, RecorderAdopt *adopt)
{
    g_autoptr(GError) error = NULL;

    self.domid = domid;
    self.incoming = g_strdup(incoming);
    self.gate_due = incoming != NULL;
    self.policy = policy;
    self.standby = standby;
    self.adopt = adopt;
    self.qmp = qmp_client_new(qmp_fd);
    /* A failure doesn't matter here: the thread tries again, and reports it. */
    if (connect_xen(&error) && incoming && open_state(NULL) &&
        xen_physmap_state_load(self.state, NULL)) {
        note_saved_places(xen_physmap_state_table(self.state));
    }
    self.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self.wake_fd < 0) {
        say("can't make an eventfd: %s; the layout is not recorded", g_strerror(errno));
        if (incoming) {
            refuse();
        }
    } else if (incoming) {
        pthread_once(&self.started, start);
    }
}

void recorder_end(void)
{
    /* QEMU removes its socket when it shuts down, and leaves it when it gives up on a restore. */
    if (self.qmp) {
        g_autofree char *socket = g_strdup_printf(QMP_SOCKET_FORMAT, self.domid);

        unlink(socket);
    }
}

void recorder_poke(void)
{
    if (self.wake_fd >= 0) {
        eventfd_write(self.wake_fd, URGENT);
    }
}

void recorder_nudge(void)
{
    if (self.wake_fd >= 0) {
        eventfd_write(self.wake_fd, 1);
    }
}

gboolean recorder_running(RecorderResume resume, gpointer data)
{
    RecorderResume before = NULL;
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
    recorder_poke();
    if (before) {
        before(before_data);
    }
    return taken;
}
