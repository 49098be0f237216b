/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model of Xen, QEMUs, files and a clock, which moves a little with each operation. */
#include "fake-world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xen/hvm/ioreq.h>

#include "fake-host.h"
#include "monitor.h"
#include "names.h"
#include "update.h"

#define SERVERS 8
#define LIBXL_LOCK 2 /* of the locks */
#define STANDBY_LOCK 4
#define STANDBY_LOCK_1 UPDATE_FOLDER "/1/pausing"
#define BACKEND "/local/domain/0/backend/vkbd/1/0/state"
#define BACKEND_STATUS "/local/domain/0/backend/vkbd/1/0/hotplug-status"
#define FRONTEND "/local/domain/1/device/vkbd/0"
#define DM_STATE "/local/domain/0/device-model/1/state"
#define DM_PID "/local/domain/1/image/device-model-pid"
#define MONITOR "/run/xen/qmp-physmap-1"
#define LAUNCHER "/usr/libexec/xen-physmap/xen-physmap-qemu"
#define COPY UPDATE_PROGRAM_FOLDER "/qemu-1" /* of the old program */
#define PCI "/local/domain/0/backend/pci/1"
#define QDISK "/local/domain/0/backend/qdisk/1"
#define DISK "/local/domain/1/device/vbd/768"

/* How long things take, in microseconds. */
#define OPERATION_US 100
#define SERVER_US 20000
#define PAUSING_US 5000
#define SETUP_US 60000
#define LOAD_US 40000
#define NOTICE_US 50000
#define VCPU_US 5000
#define TIMEOUT_US 30000000
#define CUT_CLOCK_US (1000 * G_TIME_SPAN_SECOND)

typedef enum { WAITING, SETUP, HELD, LOADING, RUNNING, STOPPED } Phase;

typedef struct Qemu {
    ProcessId id;
    char *program;
    Phase phase;
    gboolean alive, hangs, reaped;
    gboolean has_keyboard;
    gboolean safe;     /* it has WORLD_SAFE_ARG */
    gboolean compared; /* its devices with those that the guest has now */
    gboolean held;     /* the updater that started it has its end of the socket */
    gboolean released; /* and has it go on */
    gboolean pausing;  /* it has the guest paused, and holds the lock for that */
    gboolean piped;    /* the updater has its end of the pipe */
    GByteArray *fed;
    guint generation; /* of the devices, when it was stopped */
    gint64 since;     /* in this phase */
    gint64 orphaned;  /* the updater let go of it */
    gint64 dies_at;   /* 0: not by itself */
} Qemu;

typedef struct Server {
    gboolean exists, enabled;
    guint owner; /* of the QEMUs */
    guint8 *pages;
} Server;

struct FakeWorld {
    UpdateOps ops;
    XenPhysmapOps xenstore;
    FakeHost *host; /* xenstore's nodes */
    gint64 now, paused_until;
    GPtrArray *qemus;
    Server servers[SERVERS];
    GHashTable *files;   /* path: GBytes */
    GHashTable *sockets; /* path: the QEMU's number + 1 */
    GHashTable *folders;
    gboolean exists, dying, destroying, saver, connected, replaced;
    gboolean connects;   /* to a disk that QEMU serves, as soon as the new QEMU is set up */
    gboolean reconnects; /* its keyboard, with the old QEMU, as soon as the new one is set up */
    Refusal refusal;
    const char *touched;
    guint drives;        /* of the old QEMU, for paravirtual drivers; a new one doesn't have them */
    const char *crashes; /* this program, when it saves the devices' state */
    const char *broken;  /* this program, while it is set up */
    guint locks;
    int pauses;
    guint generation; /* of the guest's devices: they change while it runs */
    guint count, order_at, changed_at, looked, decided; /* by number of operation */
    FaultKind order, lasting;
    FaultKind next_order; /* after that */
    guint next_at;
    const char *happened_at, *lasting_name;
    gboolean happened, cut, lost_qemu, settled;
    int mapped;
    char *violation;
    GString *story;
};

static gboolean has_file(const FakeWorld *world, const char *path)
{
    return g_hash_table_contains(world->files, path);
}

static void violate(FakeWorld *world, const char *what)
{
    if (!world->violation) {
        world->violation = g_strdup(what);
        g_string_append_printf(world->story, " VIOLATION");
    }
}

static Qemu *qemu_at(const FakeWorld *world, guint i)
{
    return g_ptr_array_index(world->qemus, i);
}

static Qemu *qemu_of(const FakeWorld *world, const ProcessId *id, guint *number)
{
    for (guint i = 0; i < world->qemus->len; i++) {
        if (qemu_at(world, i)->id.pid == id->pid && qemu_at(world, i)->id.started == id->started) {
            if (number) {
                *number = i;
            }
            return qemu_at(world, i);
        }
    }
    return NULL;
}

static char *node(FakeWorld *world, const char *path)
{
    const XenPhysmapOps *ops = fake_host_ops(world->host);
    unsigned int length;
    char *value = ops->read(ops->opaque, 0, path, &length);
    char *copy = g_strdup(value);

    free(value);
    return copy;
}

static gboolean node_is(FakeWorld *world, const char *path, const char *value)
{
    g_autofree char *found = node(world, path);

    return g_strcmp0(found, value) == 0;
}

static int server_of(const FakeWorld *world, guint qemu)
{
    for (int i = 0; i < SERVERS; i++) {
        if (world->servers[i].exists && world->servers[i].owner == qemu) {
            return i;
        }
    }
    return -1;
}

static void make_server(FakeWorld *world, guint qemu, gboolean enabled)
{
    for (int i = 0; i < SERVERS; i++) {
        Server *server = &world->servers[i];

        if (!server->exists) {
            *server = (Server){ TRUE, enabled, qemu, g_malloc0(2 * XC_PAGE_SIZE) };
            return;
        }
    }
    violate(world, "Xen has no room for one more I/O request server");
}

static struct ioreq *requests(const Server *server)
{
    return (struct ioreq *)(server->pages + XC_PAGE_SIZE);
}

static void destroy_server(FakeWorld *world, guint id)
{
    Server *server = &world->servers[id];

    if (requests(server)[0].state != STATE_IOREQ_NONE && world->exists && !world->lost_qemu) {
        violate(world, "a server was destroyed that has a request of a vcpu");
    }
    if (world->mapped) {
        violate(world, "a server was destroyed whose pages are mapped");
    }
    g_clear_pointer(&server->pages, g_free);
    *server = (Server){ 0 };
}

static void destroy_servers(FakeWorld *world)
{
    for (guint i = 0; i < SERVERS; i++) {
        if (world->servers[i].exists) {
            destroy_server(world, i);
        }
    }
}

static void set_phase(FakeWorld *world, Qemu *qemu, Phase phase)
{
    qemu->phase = phase;
    qemu->since = world->now;
}

static gboolean serves(const Qemu *qemu)
{
    return qemu->alive && !qemu->hangs && qemu->phase == RUNNING;
}

static void unpause_after_server(FakeWorld *world, Qemu *qemu)
{
    if (qemu->pausing) {
        world->locks &= ~STANDBY_LOCK;
        world->pauses--;
        qemu->pausing = FALSE;
    }
}

/* Only the updater waits for the lock; what else kills a QEMU doesn't come while it has the guest paused. */
static void die(FakeWorld *world, Qemu *qemu)
{
    unpause_after_server(world, qemu);
    qemu->alive = FALSE;
}

static GByteArray *device_state(const FakeWorld *world)
{
    GByteArray *state = g_byte_array_new();
    guint8 filler[512] = { 0 };
    g_autofree char *text = g_strdup_printf("devices %u;", world->generation);

    g_byte_array_append(state, (const guint8 *)text, strlen(text));
    g_byte_array_append(state, filler, sizeof filler);
    return state;
}

/* The state that it was fed is the guest's as it is now. */
static void load(FakeWorld *world, Qemu *qemu, guint number)
{
    g_autoptr(GByteArray) state = device_state(world);

    if (qemu->piped || qemu->hangs || world->now < qemu->since + LOAD_US) {
        return;
    }
    if (qemu->fed->len < state->len) {
        die(world, qemu); /* the stream ended too early */
        return;
    }
    if (qemu->fed->len != state->len || memcmp(qemu->fed->data, state->data, state->len) != 0) {
        violate(world, "a QEMU loaded a device state that isn't the guest's");
    }
    set_phase(world, qemu, RUNNING);
    world->servers[server_of(world, number)].enabled = TRUE;
    fake_host_write(world->host, DM_STATE, "running");
}

static void set_socket(FakeWorld *world, guint number, const char *path)
{
    g_hash_table_replace(world->sockets, g_strdup(path), GUINT_TO_POINTER(number + 1));
}

/* A QEMU sets up the keyboard's backend, if it is asked to and hasn't yet. */
static void set_keyboard_up(FakeWorld *world, Qemu *qemu)
{
    gboolean connected = node_is(world, FRONTEND "/state", "4");

    if (!qemu->alive || qemu->hangs || qemu->has_keyboard || !node_is(world, BACKEND, "1")) {
        return;
    }
    for (guint i = 0; connected && i < world->qemus->len; i++) {
        if (qemu_at(world, i)->alive && qemu_at(world, i)->has_keyboard) {
            violate(world, "a QEMU takes the keyboard while another one has its event channel");
        }
    }
    qemu->has_keyboard = TRUE;
    fake_host_write(world->host, BACKEND_STATUS, "connected");
    fake_host_write(world->host, BACKEND, connected ? "4" : "2");
}

/* FALSE while the updater has the lock, before it kills this QEMU. */
static gboolean pause_for_server(FakeWorld *world, Qemu *qemu)
{
    if (world->locks & STANDBY_LOCK) {
        return FALSE;
    }
    world->locks |= STANDBY_LOCK;
    world->pauses++;
    qemu->pausing = TRUE;
    qemu->since = world->now;
    return TRUE;
}

static void step_qemu(FakeWorld *world, Qemu *qemu, guint number)
{
    if (qemu->pausing && world->now > qemu->since + PAUSING_US) {
        unpause_after_server(world, qemu);
    }
    if (qemu->phase < LOADING && !qemu->held && !qemu->released &&
        world->now > qemu->orphaned + (qemu->phase == WAITING ? 0 : NOTICE_US)) {
        die(world, qemu);
        return;
    }
    if (qemu->hangs) {
        return;
    }
    /* Without the domain, what it asks of Xen fails. */
    if (!world->exists && qemu->phase != HELD && qemu->phase < RUNNING) {
        die(world, qemu);
        return;
    }
    switch (qemu->phase) {
    case SETUP:
        if (world->now > qemu->since + SERVER_US && server_of(world, number) < 0 &&
            pause_for_server(world, qemu)) {
            make_server(world, number, FALSE);
            set_socket(world, number, MONITOR ".next");
            if (node_is(world, QDISK "/5632/params", "") &&
                node_is(world, QDISK "/5632/state", "1")) {
                violate(world, "QEMU is asked to set up an empty CD drive's backend, and crashes");
            }
        }
        if (world->now > qemu->since + SETUP_US && server_of(world, number) >= 0) {
            set_phase(world, qemu, HELD);
        }
        break;
    case HELD:
        if (qemu->released) {
            set_phase(world, qemu, LOADING);
        }
        break;
    case LOADING:
        load(world, qemu, number);
        break;
    default:
        break;
    }
}

/* The guest has one vcpu. It asks, waits for the answer, takes it when it runs, and asks again. */
static void turn_vcpu(FakeWorld *world, gboolean runs)
{
    gboolean waits = FALSE;
    int asked = -1;

    for (guint i = 0; i < SERVERS; i++) {
        Server *server = &world->servers[i];
        struct ioreq *request = server->exists ? &requests(server)[0] : NULL;

        if (!request) {
            continue;
        }
        if (request->state == STATE_IORESP_READY && runs &&
            world->now > world->paused_until + VCPU_US) {
            request->state = STATE_IOREQ_NONE;
        } else if (request->state == STATE_IOREQ_READY && serves(qemu_at(world, server->owner))) {
            request->state = STATE_IORESP_READY;
        }
        waits |= request->state != STATE_IOREQ_NONE;
        asked = server->enabled ? (int)i : asked;
    }
    if (runs && !waits && asked >= 0) {
        requests(&world->servers[asked])[0].state = STATE_IOREQ_READY;
    }
}

static void serve(FakeWorld *world)
{
    guint serving = 0, gone = 0;
    gboolean runs = world->exists && !world->dying && world->pauses == 0;

    for (guint i = 0; i < world->qemus->len; i++) {
        Qemu *qemu = qemu_at(world, i);
        int server = server_of(world, i);
        gboolean asked = server >= 0 && world->servers[server].enabled;

        serving += qemu->alive && qemu->phase == RUNNING && asked;
        gone += !qemu->alive && asked;
    }
    world->paused_until = runs ? world->paused_until : world->now;
    turn_vcpu(world, runs);
    if (serving > 1) {
        violate(world, "two QEMUs serve the guest");
    }
    if (runs && (serving == 0 || gone) && !world->lost_qemu) {
        violate(world, gone ? "the guest runs, and a QEMU that is gone is asked"
                            : "the guest runs, and no QEMU serves it");
    }
    if (runs && serving) {
        world->generation++;
    }
}

/* The end of xl destroy, for which it waits for libxl's lock. */
static void finish_destroy(FakeWorld *world)
{
    world->exists = world->destroying = FALSE;
    if (!world->mapped) {
        destroy_servers(world);
    }
}

/* Time runs so much faster than it is asked to: what waits for a QEMU that hangs does so in fewer steps. */
#define HASTE 50

static void advance(FakeWorld *world, gint64 us)
{
    world->now += us;
    if (world->destroying && !(world->locks & LIBXL_LOCK)) {
        finish_destroy(world);
    }
    for (guint i = 0; i < world->qemus->len; i++) {
        if (qemu_at(world, i)->dies_at && world->now > qemu_at(world, i)->dies_at) {
            die(world, qemu_at(world, i));
        }
        if (qemu_at(world, i)->alive) {
            step_qemu(world, qemu_at(world, i), i);
        }
        if (server_of(world, i) >= 0) {
            set_keyboard_up(world, qemu_at(world, i));
        }
    }
    serve(world);
}

/* The state of the guest's devices, in a QEMU or a file. */
static gboolean has_state(const FakeWorld *world)
{
    g_autoptr(GByteArray) state = device_state(world);
    GBytes *file = g_hash_table_lookup(world->files, UPDATE_FOLDER "/1/" UPDATE_STATE_FILE);
    gboolean has = file && g_bytes_get_size(file) == state->len &&
                   memcmp(g_bytes_get_data(file, NULL), state->data, state->len) == 0;

    for (guint i = 0; i < world->qemus->len; i++) {
        const Qemu *qemu = qemu_at(world, i);

        has |= serves(qemu) || (qemu->alive && !qemu->hangs && qemu->phase == STOPPED &&
                                qemu->generation == world->generation);
    }
    return has;
}

static void fault_qemus(FakeWorld *world, const char *program, gboolean hang)
{
    for (guint i = 0; i < world->qemus->len; i++) {
        Qemu *qemu = qemu_at(world, i);

        if (qemu->alive && strcmp(qemu->program, program) == 0) {
            unpause_after_server(world, qemu);
            qemu->hangs = TRUE;
            if (!hang) {
                die(world, qemu);
            }
        }
    }
    world->lost_qemu |= !has_state(world);
}

/* xl destroy: pauses it, ends the QEMU that xenstore names, removes its nodes. */
static void destroy_domain(FakeWorld *world)
{
    g_autofree char *pid = node(world, DM_PID);

    for (guint i = 0; i < world->qemus->len; i++) {
        if (pid && qemu_at(world, i)->id.pid == atoi(pid)) {
            die(world, qemu_at(world, i));
        }
    }
    world->pauses++;
    fake_host_rm(world->host, "/local/domain/1");
    fake_host_rm(world->host, "/local/domain/0/backend/vkbd/1");
    fake_host_rm(world->host, "/local/domain/0/device-model/1");
    world->destroying = TRUE;
    world->lost_qemu |= !has_state(world);
}

static void kill_updater(FakeWorld *world)
{
    world->cut = TRUE;
    world->locks = 0;
    world->mapped = 0;
    for (guint i = 0; i < world->qemus->len; i++) {
        Qemu *qemu = qemu_at(world, i);

        world->locks |= qemu->pausing ? STANDBY_LOCK : 0;

        qemu->orphaned = qemu->held ? world->now : qemu->orphaned;
        qemu->held = qemu->piped = FALSE;
    }
}

/* Operations that the guest, its QEMU or a toolstack could notice. */
static gboolean is_touch(const char *name)
{
    static const char *const names[] = {
        "process_prepare",
        "process_end",
        "process_begin",
        "process_go",
        "process_feed",
        "monitor_cont",
        "monitor_save",
        "domain_pause",
        "monitor_set_vnc_password",
        "domain_unpause",
        "server_switch_off",
        "server_destroy",
        "rename",
        "write",
        "rm",
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static void happen(FakeWorld *world, const char *name)
{
    g_string_append_printf(world->story, " <%d at %s, operation %u>", world->order, name,
                           world->order_at);
    world->happened = TRUE;
    world->happened_at = name;
    world->changed_at = world->order_at;
    /* Between the last look at a QEMU and the moment in which the guest runs on it. */
    world->lost_qemu |= world->order >= FAULT_OLD_DIES && world->order <= FAULT_NEW_HANGS &&
                        (strcmp(name, "domain_unpause") == 0 || strcmp(name, "unlink") == 0);
    switch (world->order) {
    case FAULT_OLD_DIES:
    case FAULT_OLD_HANGS:
        fault_qemus(world, WORLD_OLD, world->order == FAULT_OLD_HANGS);
        break;
    case FAULT_NEW_DIES:
    case FAULT_NEW_HANGS:
        fault_qemus(world, WORLD_NEW, world->order == FAULT_NEW_HANGS);
        break;
    case FAULT_SIGNAL:
        update_interrupt();
        break;
    case FAULT_DESTROY:
        destroy_domain(world);
        break;
    case FAULT_SAVER:
        world->saver = TRUE;
        break;
    case FAULT_CUT:
        kill_updater(world);
        break;
    case FAULT_FAIL_FROM:
        world->lasting = FAULT_FAIL;
        world->lasting_name = name;
        break;
    default:
        break;
    }
}

/* Whether the operation is to do its work. */
static gboolean enter(FakeWorld *world, const char *name)
{
    gboolean now;

    if (world->cut) {
        errno = EIO;
        return FALSE;
    }
    advance(world, OPERATION_US);
    now = world->order != FAULT_NONE && !world->happened && world->count == world->order_at;
    world->count++;
    g_string_append_printf(world->story, " %s", name);
    if (!world->touched && is_touch(name)) {
        world->touched = name;
    }
    if (now) {
        happen(world, name);
    } else if (world->happened && world->next_order && world->count > world->order_at + 2) {
        world_order(world, world->next_order, world->next_at);
        world->next_order = FAULT_NONE;
    }
    if (world->cut || (now && world->order == FAULT_FAIL) ||
        (world->lasting == FAULT_FAIL && strcmp(name, world->lasting_name) == 0)) {
        errno = EIO;
        return FALSE;
    }
    if (now && world->order == FAULT_STALL) {
        advance(world, TIMEOUT_US);
        errno = ETIMEDOUT;
        return FALSE;
    }
    return TRUE;
}

/* Whether what it did is told. */
static gboolean leave(FakeWorld *world)
{
    gboolean now = world->happened && world->count == world->order_at + 1 && !world->settled;

    if (now && world->order == FAULT_CUT_AFTER) {
        kill_updater(world);
    }
    if (now && (world->order == FAULT_CUT_AFTER || world->order == FAULT_FAIL_AFTER)) {
        world->settled = TRUE;
        errno = EIO;
        return FALSE;
    }
    return TRUE;
}

static gboolean fail(GError **error, const char *text)
{
    g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_SYSTEM, text);
    return FALSE;
}

/* The clock, and what can't fail */

static void fake_tell(void *opaque, const char *line)
{
    FakeWorld *world = opaque;

    g_string_append_printf(world->story, "\n    %s\n   ", line);
}

static gint64 fake_now(void *opaque)
{
    FakeWorld *world = opaque;

    world->now += world->cut ? CUT_CLOCK_US : 0;
    return world->now;
}

static void fake_sleep(void *opaque, gint64 us)
{
    FakeWorld *world = opaque;

    if (!world->cut) {
        advance(world, us * HASTE);
    }
}

static gboolean fake_is_alive(void *opaque, const ProcessId *id)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, id, NULL);

    world->looked = world->count;
    return !world->cut && qemu && qemu->alive;
}

/* Processes */

static gboolean fake_end(void *opaque, const ProcessId *id, GError **error)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, id, NULL);

    if (!qemu || (!qemu->alive && !world->cut)) {
        return TRUE;
    }
    if (!enter(world, "process_end")) {
        return fail(error, "can't end a process");
    }
    if (qemu->pausing) {
        world->locks &= ~STANDBY_LOCK;
        qemu->pausing = FALSE; /* and the guest stays paused */
    }
    die(world, qemu);
    return leave(world) || fail(error, "can't end a process");
}

static gboolean fake_end_all(void *opaque, const ProcessId *id, uid_t user, gboolean own,
                             const ProcessId *spare, GPtrArray *notes, GError **error)
{
    (void)user;
    (void)own;
    (void)spare;
    (void)notes;
    return fake_end(opaque, id, error);
}

static char *fake_ending(void *opaque, const ProcessId *id)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, id, NULL);
    gboolean tells = !world->cut && qemu && !qemu->alive && !qemu->reaped;

    if (tells) {
        qemu->reaped = TRUE;
    }
    return tells ? g_strdup("was killed by signal 9 (Killed)") : NULL;
}

static GStrv first_args(const FakeWorld *world)
{
    return g_strsplit(world->refusal == REFUSAL_DESCRIPTOR
                          ? "-xen-domid 1 -machine xenfv -netdev tap,id=net0,fd=3"
                          : "-xen-domid 1 -machine xenfv -device usb-tablet -serial pty",
                      " ", -1);
}

static Process *fake_process_read(void *opaque, pid_t pid, guint32 domid, GError **error)
{
    FakeWorld *world = opaque;
    g_autoptr(Process) process = NULL;

    (void)domid;
    if (!enter(world, "process_read") || pid != qemu_at(world, 0)->id.pid ||
        !qemu_at(world, 0)->alive) {
        fail(error, "no such process");
        return NULL;
    }
    process = g_new0(Process, 1);
    process->id = qemu_at(world, 0)->id;
    process->exe = g_strdup(WORLD_OLD);
    process->replaced = world->replaced;
    process->folder = g_strdup("/");
    process->log = g_strdup("/var/log/xen/qemu-dm-g1.log");
    process->launcher = g_strdup(LAUNCHER);
    process->args = first_args(world);
    process->env = g_new0(char *, 1);
    process->cgroups = g_new0(char *, 1);
    if (world->refusal == REFUSAL_DISTRUST) {
        process->distrust = g_strdup("its QEMU runs another program");
    }
    if (!leave(world)) {
        fail(error, "no such process");
        return NULL;
    }
    return g_steal_pointer(&process);
}

static gboolean fake_copy_program(void *opaque, const Process *process, const char *path,
                                  GError **error)
{
    FakeWorld *world = opaque;

    (void)process;
    if (!enter(world, "process_copy_program")) {
        return fail(error, "can't copy the running QEMU");
    }
    g_hash_table_replace(world->files, g_strdup(path), g_bytes_new(WORLD_OLD, strlen(WORLD_OLD)));
    return leave(world) || fail(error, "can't copy the running QEMU");
}

static gboolean fake_keep_data_folders(void *opaque, Process *process, GError **error)
{
    FakeWorld *world = opaque;

    if (!enter(world, "process_keep_data_folders")) {
        return fail(error, "the program fails");
    }
    process_set_argument(&process->args, "-L", "/usr/share/qemu");
    return leave(world) || fail(error, "the program fails");
}

static gboolean fake_probe(void *opaque, const Process *model, const char *qemu, gboolean *loaded,
                           GError **error)
{
    FakeWorld *world = opaque;

    (void)model;
    (void)qemu;
    *loaded = world->refusal != REFUSAL_COMPONENT;
    return (enter(world, "process_probe") && leave(world)) || fail(error, "the program fails");
}

static char *fake_ask(void *opaque, const char *const *argv, GError **error)
{
    FakeWorld *world = opaque;
    gboolean new = strcmp(argv[0], WORLD_NEW) == 0;

    if (!enter(world, "process_ask") || !leave(world)) {
        fail(error, "the program fails");
        return NULL;
    }
    if (strcmp(argv[1], "-machine") == 0) {
        return g_strdup(new && world->refusal == REFUSAL_MACHINE
                            ? "pc  Standard PC\n"
                            : "xenfv  Xen guest (alias of xenfv-4.2)\nxenfv-4.2  Xen guest\n");
    }
    return g_strdup(new && world->refusal == REFUSAL_DEVICE ? "name \"e1000\"\n"
                                                            : "name \"usb-tablet\"\n");
}

static char *fake_image_trouble(void *opaque, const Process *process, const char *path,
                                gboolean read_only, gint64 deadline)
{
    FakeWorld *world = opaque;

    (void)process;
    (void)path;
    (void)read_only;
    (void)deadline;
    return !enter(world, "image_trouble") || !leave(world) ? g_strdup("it can't be looked at")
           : world->refusal == REFUSAL_IMAGE               ? g_strdup("permission denied")
                                                           : NULL;
}

static GPtrArray *fake_layout_check(void *opaque, const Domain *domain, XenPhysmapTable **table,
                                    GPtrArray *notes, GError **error)
{
    static const XenPhysmapRecord record = { "0000:00:03.0/vga.vram", 0x2000000, 0xf1000000,
                                             0x1000000 };
    FakeWorld *world = opaque;
    GPtrArray *findings;

    (void)domain;
    if (!enter(world, "layout_check") || !leave(world)) {
        fail(error, "QMP: no answer");
        return NULL;
    }
    *table = xen_physmap_table_new();
    if (world->refusal != REFUSAL_RECORDS) {
        xen_physmap_table_add(*table, &record, NULL);
    }
    g_ptr_array_add(notes, g_strdup("a block can't be seen"));
    findings = g_ptr_array_new_with_free_func(g_free);
    if (world->refusal == REFUSAL_LAYOUT) {
        g_ptr_array_add(findings, g_strdup("missing: 0000:00:03.0/vga.vram"));
    }
    return findings;
}

static gboolean fake_prepare(void *opaque, const Process *model, const char *program, GStrv args,
                             ProcessStart *start, GError **error)
{
    FakeWorld *world = opaque;
    Qemu *qemu;

    (void)model;
    if (!enter(world, "process_prepare")) {
        return fail(error, "can't start a process");
    }
    if (strcmp(program, COPY) == 0 && !has_file(world, COPY)) {
        violate(world, "the copy of the old program is missed");
    }
    if (start->hold >= 0 || start->state >= 0) {
        violate(world, "the channels of a QEMU are forgotten");
    }
    qemu = g_new0(Qemu, 1);
    qemu->id = (ProcessId){ 100 + world->qemus->len, world->now };
    qemu->program = g_strdup(strcmp(program, COPY) == 0 ? WORLD_OLD : program);
    qemu->alive = qemu->held = qemu->piped = TRUE;
    qemu->safe = g_strv_contains((const char *const *)args, WORLD_SAFE_ARG);
    qemu->fed = g_byte_array_new();
    set_phase(world, qemu, WAITING);
    g_ptr_array_add(world->qemus, qemu);
    start->id = qemu->id;
    start->hold = start->state = world->qemus->len - 1;
    if (!leave(world)) {
        if (!world->cut) {
            die(world, qemu); /* as a fork that failed */
            start->hold = start->state = -1;
        }
        return fail(error, "can't start a process");
    }
    return TRUE;
}

static gboolean fake_begin(void *opaque, const ProcessStart *start, GError **error)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, &start->id, NULL);

    if (!enter(world, "process_begin") || !qemu->alive) {
        return fail(error, "QEMU isn't there any more");
    }
    set_phase(world, qemu, SETUP);
    if (g_strcmp0(world->broken, qemu->program) == 0) {
        qemu->dies_at = world->now + SETUP_US / 2;
    }
    return leave(world) || fail(error, "QEMU isn't there any more");
}

static gboolean fake_is_held(void *opaque, const ProcessStart *start, int timeout_ms)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, &start->id, NULL);

    if (!enter(world, "process_is_held")) {
        return FALSE;
    }
    if (!qemu->alive || qemu->hangs || qemu->phase != HELD) {
        advance(world, timeout_ms * 1000 * HASTE);
    }
    if (world->reconnects && qemu->phase == HELD) {
        fake_host_write(world->host, BACKEND_STATUS, "connected");
    }
    if (world->connects && qemu->phase == HELD) {
        fake_host_write(world->host, QDISK "/768/frontend", DISK);
        fake_host_write(world->host, DISK "/state", "4");
    }
    return leave(world) && qemu->alive && !qemu->hangs && qemu->phase == HELD;
}

static gboolean fake_go(void *opaque, ProcessStart *start, GError **error)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, &start->id, NULL);

    if (!enter(world, "process_go") || start->hold < 0) {
        return fail(error, "QEMU isn't there any more");
    }
    if (strcmp(qemu->program, WORLD_NEW) == 0 && !qemu->compared) {
        violate(world, "a QEMU takes over whose devices were not compared");
    }
    start->hold = -1;
    qemu->held = FALSE;
    qemu->released = qemu->alive;
    return leave(world) && qemu->alive ? TRUE : fail(error, "QEMU isn't there any more");
}

static gboolean fake_feed(void *opaque, ProcessStart *start, const GByteArray *state, gsize *done,
                          GError **error)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, &start->id, NULL);
    gsize some = MIN(state->len - *done, 200);

    if (!enter(world, "process_feed") || !qemu->alive) {
        return fail(error, "QEMU doesn't take its device state");
    }
    if (!qemu->hangs) {
        g_byte_array_append(qemu->fed, state->data + *done, some);
        *done += some;
    }
    if (*done == state->len) {
        start->state = -1;
        qemu->piped = FALSE;
        qemu->since = world->now;
    }
    return leave(world) || fail(error, "QEMU doesn't take its device state");
}

static void fake_let_go(void *opaque, ProcessStart *start)
{
    FakeWorld *world = opaque;
    Qemu *qemu = qemu_of(world, &start->id, NULL);

    if (!world->cut && qemu && start->hold >= 0) {
        qemu->held = FALSE;
        qemu->orphaned = world->now;
    }
    if (!world->cut && qemu && start->state >= 0) {
        qemu->piped = FALSE;
    }
    start->hold = start->state = -1;
}

static gboolean fake_runs(void *opaque, const ProcessId *id, const char *path)
{
    FakeWorld *world = opaque;
    const Qemu *qemu = qemu_of(world, id, NULL);

    return enter(world, "process_runs") && leave(world) && qemu && strcmp(qemu->program, path) == 0;
}

static gboolean fake_has_pty(void *opaque, const ProcessId *id, guint number)
{
    FakeWorld *world = opaque;

    return enter(world, "process_has_pty") && leave(world) && fake_is_alive(opaque, id) &&
           number == (guint)id->pid;
}

static char *fake_other(void *opaque, guint32 domid)
{
    FakeWorld *world = opaque;

    (void)domid;
    enter(world, "other_at_work");
    return world->saver ? g_strdup("somebody saves it") : NULL;
}

/* The monitor: of the QEMU that listens at the domain's socket */

static Qemu *monitor(FakeWorld *world, const char *command, GError **error)
{
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(world->sockets, MONITOR));
    Qemu *qemu = number ? qemu_at(world, number - 1) : NULL;

    if (!enter(world, command)) {
        fail(error, "QMP: no answer");
        return NULL;
    }
    if (!qemu || !qemu->alive || qemu->hangs) {
        if (qemu && qemu->alive) {
            advance(world, TIMEOUT_US);
        }
        fail(error, "QMP: no answer");
        return NULL;
    }
    return qemu;
}

static gboolean answered(FakeWorld *world, GError **error)
{
    return leave(world) || fail(error, "QMP: no answer");
}

static gboolean fake_running(void *opaque, guint32 domid, gboolean *running, GError **error)
{
    FakeWorld *world = opaque;
    Qemu *qemu = monitor(opaque, "monitor_running", error);

    (void)domid;
    *running = qemu && qemu->phase == RUNNING && world->refusal != REFUSAL_STOPPED;
    return qemu && answered(opaque, error);
}

static MonitorParts *fake_parts(void *opaque, guint32 domid, gboolean standby, GError **error)
{
    FakeWorld *world = opaque;
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(world->sockets, MONITOR ".next"));
    MonitorParts *parts;

    (void)domid;
    if (standby && (!enter(world, "monitor_parts") || !number || !leave(world) ||
                    !qemu_at(world, number - 1)->alive || qemu_at(world, number - 1)->hangs)) {
        fail(error, "QMP: no answer");
        return NULL;
    }
    if (!standby && (!monitor(world, "monitor_parts", error) || !answered(world, error))) {
        return NULL;
    }
    if (standby) {
        qemu_at(world, number - 1)->compared = TRUE;
    }
    parts = g_new0(MonitorParts, 1);
    parts->lines = g_ptr_array_new_with_free_func(g_free);
    parts->names = g_ptr_array_new_with_free_func(g_free);
    parts->empty = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(parts->lines, g_strdup("vcpu 0"));
    for (guint i = 0; !standby && i < world->drives; i++) {
        g_ptr_array_add(parts->lines, g_strdup_printf(MONITOR_UNNAMED_DRIVE " with /%u.iso", i));
    }
    return parts;
}

static gboolean fake_cont(void *opaque, guint32 domid, GError **error)
{
    FakeWorld *world = opaque;
    guint number = 0;
    Qemu *qemu = monitor(opaque, "monitor_cont", error);

    (void)domid;
    if (!qemu) {
        return FALSE;
    }
    set_phase(world, qemu, RUNNING);
    qemu_of(world, &qemu->id, &number);
    if (server_of(world, number) >= 0) {
        world->servers[server_of(world, number)].enabled = TRUE;
    }
    return answered(opaque, error);
}

static gboolean fake_save(void *opaque, guint32 domid, GByteArray *state, gsize limit,
                          GError **error)
{
    FakeWorld *world = opaque;
    guint number = 0;
    Qemu *qemu = monitor(opaque, "monitor_save", error);
    g_autoptr(GByteArray) saved = device_state(world);

    (void)domid;
    (void)limit;
    if (!qemu) {
        return FALSE;
    }
    if (g_strcmp0(world->crashes, qemu->program) == 0 && !qemu->safe) {
        violate(world, "a QEMU that crashes in it is asked to save its devices");
    }
    if (world->exists && world->pauses == 0) {
        violate(world, "the devices are saved of a guest that runs");
    }
    set_phase(world, qemu, STOPPED);
    qemu->generation = world->generation;
    qemu_of(world, &qemu->id, &number);
    if (server_of(world, number) >= 0) {
        world->servers[server_of(world, number)].enabled = FALSE;
    }
    g_byte_array_append(state, saved->data, saved->len);
    return answered(opaque, error);
}

static GPtrArray *fake_blocked(void *opaque, guint32 domid, GError **error)
{
    FakeWorld *world = opaque;
    GPtrArray *reasons;

    (void)domid;
    if (!monitor(world, "monitor_blocked_reasons", error) || !answered(world, error)) {
        return NULL;
    }
    reasons = g_ptr_array_new_with_free_func(g_free);
    if (world->refusal == REFUSAL_BLOCKED) {
        g_ptr_array_add(reasons, g_strdup("a device can't be migrated"));
    }
    return reasons;
}

static void image_free(gpointer data)
{
    g_free(((MonitorImage *)data)->path);
    g_free(data);
}

static GPtrArray *fake_images(void *opaque, guint32 domid, GError **error)
{
    GPtrArray *images;

    (void)domid;
    if (!monitor(opaque, "monitor_images", error) || !answered(opaque, error)) {
        return NULL;
    }
    images = g_ptr_array_new_with_free_func(image_free);
    for (guint i = 0; i < 2; i++) {
        MonitorImage *image = g_new0(MonitorImage, 1);

        image->path = g_strdup_printf("/var/lib/images/%u.img", i);
        g_ptr_array_add(images, image);
    }
    return images;
}

static gboolean fake_try_save(void *opaque, guint32 domid, gsize limit, GError **error)
{
    FakeWorld *world = opaque;
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(world->sockets, MONITOR ".next"));
    Qemu *qemu = number ? qemu_at(world, number - 1) : NULL;

    (void)domid;
    (void)limit;
    if (!enter(world, "monitor_try_save") || !qemu || !qemu->alive || qemu->hangs) {
        return fail(error, "QMP: no answer");
    }
    if (g_strcmp0(world->crashes, qemu->program) == 0) {
        /* It closes its socket first. */
        qemu->dies_at = world->now + G_TIME_SPAN_SECOND;
        return fail(error, "QMP: no answer");
    }
    return answered(world, error);
}

static GPtrArray *fake_ptys(void *opaque, guint32 domid, GError **error)
{
    Qemu *qemu = monitor(opaque, "monitor_serial_ptys", error);
    GPtrArray *ptys;

    (void)domid;
    if (!qemu || !answered(opaque, error)) {
        return NULL;
    }
    ptys = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(ptys, g_strdup_printf("/dev/pts/%d", (int)qemu->id.pid));
    return ptys;
}

static MonitorVnc *fake_vnc(void *opaque, guint32 domid, GError **error)
{
    MonitorVnc *vnc;

    (void)domid;
    if (!monitor(opaque, "monitor_vnc", error) || !answered(opaque, error)) {
        return NULL;
    }
    vnc = g_new0(MonitorVnc, 1);
    vnc->host = g_strdup("127.0.0.1");
    vnc->service = g_strdup("5900");
    vnc->clients = g_ptr_array_new_with_free_func(g_free);
    return vnc;
}

static gboolean fake_set_password(void *opaque, guint32 domid, const char *password, GError **error)
{
    (void)domid;
    (void)password;
    return monitor(opaque, "monitor_set_vnc_password", error) && answered(opaque, error);
}

/* The hypervisor */

static int result(FakeWorld *world)
{
    return leave(world) ? 0 : -1;
}

static int gone(void)
{
    errno = ESRCH;
    return -1;
}

static int fake_info(void *opaque, guint32 domid, IoreqInfo *info)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (!enter(world, "domain_info")) {
        return -1;
    }
    *info = (IoreqInfo){ .hvm = world->refusal != REFUSAL_PV,
                         .paused = world->pauses > 0 || world->refusal == REFUSAL_PAUSED,
                         .shutdown = world->refusal == REFUSAL_SHUTDOWN,
                         .dying = world->dying };
    return world->exists ? result(world) : gone();
}

static int fake_pause(void *opaque, guint32 domid)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (!enter(world, "domain_pause")) {
        return -1;
    }
    world->pauses++;
    return world->exists ? result(world) : gone();
}

static int fake_unpause(void *opaque, guint32 domid)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (!enter(world, "domain_unpause")) {
        return -1;
    }
    world->pauses = MAX(0, world->pauses - 1);
    return world->exists ? result(world) : gone();
}

static gboolean fake_online(void *opaque, guint32 domid, guint vcpu)
{
    (void)opaque;
    (void)domid;
    return vcpu == 0;
}

static int fake_look(void *opaque, guint32 domid, guint id)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (id >= 2 && !world->servers[id].exists) {
        errno = ENOENT; /* not worth a fault for each */
        return -1;
    }
    if (!enter(world, "server_look")) {
        return -1;
    }
    if (!world->exists ||
        !(world->servers[id].exists || (id == 1 && world->refusal == REFUSAL_SERVER))) {
        errno = world->exists ? ENOENT : ESRCH;
        return -1;
    }
    return result(world);
}

static int fake_switch_off(void *opaque, guint32 domid, guint id)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (!enter(world, "server_switch_off")) {
        return -1;
    }
    world->servers[id].enabled = FALSE;
    return world->exists ? result(world) : gone();
}

static int fake_destroy(void *opaque, guint32 domid, guint id)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (!enter(world, "server_destroy")) {
        return -1;
    }
    if (!world->exists || !world->servers[id].exists) {
        errno = world->exists ? ENOENT : ESRCH;
        return -1;
    }
    destroy_server(world, id);
    return result(world);
}

static const volatile void *fake_map(void *opaque, guint32 domid, guint id, void **handle)
{
    FakeWorld *world = opaque;

    (void)domid;
    if (!enter(world, "server_map") || !world->servers[id].exists || !leave(world)) {
        return NULL;
    }
    world->mapped++;
    *handle = g_memdup2(world->servers[id].pages, 1);
    return world->servers[id].pages;
}

static void fake_unmap(void *opaque, void *handle)
{
    FakeWorld *world = opaque;

    g_free(handle);
    world->mapped -= world->mapped > 0;
    if (!world->exists && !world->mapped) {
        destroy_servers(world);
    }
}

/* Files */

static int fake_make_folder(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    if (!enter(world, "make_folder")) {
        return -1;
    }
    g_hash_table_add(world->folders, g_strdup(path));
    return result(world);
}

static int fake_lock(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    if (!enter(world, "lock") || !leave(world)) {
        return -1;
    }
    for (int i = 2; i >= 0; i--) {
        const char *start = i == 0 ? UPDATE_FOLDER : i == 1 ? "/var/lib/xen" : STANDBY_LOCK_1;

        if (g_str_has_prefix(path, start)) {
            errno = EWOULDBLOCK;
            if (world->locks & 1u << i) {
                return -1;
            }
            world->locks |= 1u << i;
            return i;
        }
    }
    errno = ENOENT;
    return -1;
}

static void fake_unlock(void *opaque, int lock)
{
    FakeWorld *world = opaque;

    if (!world->cut) {
        world->locks &= ~(1u << lock);
    }
}

static gboolean fake_exists(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    return world->cut || has_file(world, path);
}

static gboolean fake_is_socket(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    return !world->cut && g_hash_table_contains(world->sockets, path);
}

static int fake_may_execute(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    if (!enter(world, "may_execute")) {
        return -1;
    }
    if ((world->refusal == REFUSAL_LAUNCHER && strcmp(path, LAUNCHER) == 0) ||
        (world->refusal == REFUSAL_PROGRAM && strcmp(path, WORLD_NEW) == 0)) {
        errno = ENOENT;
        return -1;
    }
    return result(world);
}

static int fake_room(void *opaque, const char *path, guint64 *bytes)
{
    FakeWorld *world = opaque;

    (void)path;
    *bytes = world->refusal == REFUSAL_ROOM ? 4096 : G_GUINT64_CONSTANT(1) << 40;
    return enter(world, "room") ? result(world) : -1;
}

static char *fake_read_file(void *opaque, const char *path, gsize *length)
{
    FakeWorld *world = opaque;
    GBytes *bytes = g_hash_table_lookup(world->files, path);
    char *data;

    if (!enter(world, "read_file") || !leave(world)) {
        return NULL;
    }
    if (!bytes) {
        errno = ENOENT;
        return NULL;
    }
    *length = g_bytes_get_size(bytes);
    data = g_malloc(*length + 1);
    memcpy(data, g_bytes_get_data(bytes, NULL), *length);
    data[*length] = '\0';
    return data;
}

static int fake_write_file(void *opaque, const char *path, const void *data, gsize length)
{
    FakeWorld *world = opaque;

    if (!enter(world, "write_file")) {
        return -1;
    }
    g_hash_table_replace(world->files, g_strdup(path), g_bytes_new(data, length));
    return result(world);
}

static int fake_rename(void *opaque, const char *from, const char *to)
{
    FakeWorld *world = opaque;
    gpointer owner = g_hash_table_lookup(world->sockets, from);

    if (!enter(world, "rename")) {
        return -1;
    }
    if (!owner) {
        errno = ENOENT;
        return -1;
    }
    g_hash_table_replace(world->sockets, g_strdup(to), owner);
    g_hash_table_remove(world->sockets, from);
    return result(world);
}

static int fake_unlink(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    if (!enter(world, "unlink")) {
        return -1;
    }
    if (!g_hash_table_remove(world->files, path) && !g_hash_table_remove(world->sockets, path)) {
        errno = ENOENT;
        return -1;
    }
    return result(world);
}

static gboolean is_in(gpointer key, gpointer value, gpointer folder)
{
    (void)value;
    return g_str_has_prefix(key, folder) && ((char *)key)[strlen(folder)] == '/';
}

static void fake_remove_folder(void *opaque, const char *path)
{
    FakeWorld *world = opaque;

    if (enter(world, "remove_folder")) {
        g_hash_table_foreach_remove(world->files, is_in, (gpointer)path);
        g_hash_table_remove(world->folders, path);
        leave(world);
    }
}

/* xenstore */

static char **fake_directory(void *opaque, guint32 transaction, const char *path, unsigned int *num)
{
    FakeWorld *world = opaque;
    const XenPhysmapOps *ops = fake_host_ops(world->host);

    /* Few kinds of backends are there; the others aren't worth a fault each. */
    if ((strstr(path, "/vkbd/") || strstr(path, "/pci/") ||
         (strstr(path, "/qdisk/") && world->refusal == REFUSAL_DISK)) &&
        (!enter(world, "directory") || !leave(world))) {
        return NULL;
    }
    return ops->directory(ops->opaque, transaction, path, num);
}

static void *fake_read(void *opaque, guint32 transaction, const char *path, unsigned int *length)
{
    FakeWorld *world = opaque;
    const XenPhysmapOps *ops = fake_host_ops(world->host);

    return enter(world, "read") && leave(world) ? ops->read(ops->opaque, transaction, path, length)
                                                : NULL;
}

static gboolean fake_write(void *opaque, guint32 transaction, const char *path, const void *data,
                           unsigned int length)
{
    FakeWorld *world = opaque;
    const XenPhysmapOps *ops = fake_host_ops(world->host);

    if (!enter(world, "write") || !ops->write(ops->opaque, transaction, path, data, length)) {
        return FALSE;
    }
    return leave(world);
}

static gboolean fake_rm(void *opaque, guint32 transaction, const char *path)
{
    FakeWorld *world = opaque;
    const XenPhysmapOps *ops = fake_host_ops(world->host);

    return enter(world, "rm") && ops->rm(ops->opaque, transaction, path) && leave(world);
}

/* The world itself */

static void qemu_free(gpointer data)
{
    Qemu *qemu = data;

    g_free(qemu->program);
    g_byte_array_unref(qemu->fed);
    g_free(qemu);
}

static void add_first(FakeWorld *world)
{
    Qemu *qemu = g_new0(Qemu, 1);

    qemu->id = (ProcessId){ 100, 1 };
    qemu->program = g_strdup(WORLD_OLD);
    qemu->alive = qemu->has_keyboard = TRUE;
    qemu->fed = g_byte_array_new();
    qemu->phase = RUNNING;
    g_ptr_array_add(world->qemus, qemu);
    make_server(world, 0, TRUE);
    requests(&world->servers[0])[0].state = STATE_IOREQ_READY;
    set_socket(world, 0, MONITOR);
}

FakeWorld *world_new(void)
{
    FakeWorld *world = g_new0(FakeWorld, 1);

    world->host = fake_host_new();
    world->exists = TRUE;
    world->now = G_TIME_SPAN_HOUR;
    world->qemus = g_ptr_array_new_with_free_func(qemu_free);
    world->files =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    world->sockets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->story = g_string_new(NULL);
    world->xenstore = (XenPhysmapOps){
        .opaque = world,
        .directory = fake_directory,
        .read = fake_read,
        .write = fake_write,
        .rm = fake_rm,
    };
    world->ops = (UpdateOps){
        .opaque = world,
        .xenstore = &world->xenstore,
        .tell = fake_tell,
        .now = fake_now,
        .sleep = fake_sleep,
        .process_read = fake_process_read,
        .process_copy_program = fake_copy_program,
        .process_keep_data_folders = fake_keep_data_folders,
        .process_probe = fake_probe,
        .process_ask = fake_ask,
        .process_is_alive = fake_is_alive,
        .process_end = fake_end,
        .process_end_all = fake_end_all,
        .process_ending = fake_ending,
        .process_prepare = fake_prepare,
        .process_begin = fake_begin,
        .process_is_held = fake_is_held,
        .process_go = fake_go,
        .process_feed = fake_feed,
        .process_let_go = fake_let_go,
        .process_runs = fake_runs,
        .process_has_pty = fake_has_pty,
        .image_trouble = fake_image_trouble,
        .layout_check = fake_layout_check,
        .other_at_work = fake_other,
        .monitor_running = fake_running,
        .monitor_parts = fake_parts,
        .monitor_cont = fake_cont,
        .monitor_save = fake_save,
        .monitor_blocked_reasons = fake_blocked,
        .monitor_images = fake_images,
        .monitor_try_save = fake_try_save,
        .monitor_serial_ptys = fake_ptys,
        .monitor_vnc = fake_vnc,
        .monitor_set_vnc_password = fake_set_password,
        .domain_info = fake_info,
        .domain_pause = fake_pause,
        .domain_unpause = fake_unpause,
        .vcpu_is_online = fake_online,
        .server_look = fake_look,
        .server_switch_off = fake_switch_off,
        .server_destroy = fake_destroy,
        .server_map = fake_map,
        .server_unmap = fake_unmap,
        .make_folder = fake_make_folder,
        .lock = fake_lock,
        .unlock = fake_unlock,
        .file_exists = fake_exists,
        .is_socket = fake_is_socket,
        .may_execute = fake_may_execute,
        .room = fake_room,
        .read_file = fake_read_file,
        .write_file = fake_write_file,
        .rename = fake_rename,
        .unlink = fake_unlink,
        .remove_folder = fake_remove_folder,
    };
    add_first(world);
    fake_host_write(world->host, "/local/domain/1/vm", "/vm/uuid-of-it");
    fake_host_write(world->host, DM_PID, "100");
    fake_host_write(world->host, DM_STATE, "running");
    fake_host_write(world->host, BACKEND, "2");
    fake_host_write(world->host, BACKEND_STATUS, "connected");
    fake_host_write(world->host, "/local/domain/0/backend/vkbd/1/0/frontend", FRONTEND);
    fake_host_write(world->host, FRONTEND "/state", "1");
    return world;
}

void world_eject(FakeWorld *world)
{
    fake_host_write(world->host, QDISK "/5632/params", "");
    fake_host_write(world->host, QDISK "/5632/state", "2");
    world->drives++;
}

void world_add_drive(FakeWorld *world)
{
    world->drives++;
}

void world_crash_in_save(FakeWorld *world, const char *program)
{
    world->crashes = program;
}

void world_crash_in_setup(FakeWorld *world, const char *program)
{
    world->broken = program;
}

void world_reconnect_keyboard(FakeWorld *world)
{
    world->reconnects = TRUE;
}

void world_connect_disk(FakeWorld *world)
{
    world->connects = TRUE;
}

void world_connect(FakeWorld *world)
{
    world->connected = TRUE;
    fake_host_write(world->host, BACKEND, "4");
    fake_host_write(world->host, FRONTEND "/state", "4");
}

void world_replace_program(FakeWorld *world)
{
    world->replaced = TRUE;
}

void world_refuse(FakeWorld *world, Refusal refusal)
{
    world->refusal = refusal;
    if (refusal == REFUSAL_PCI) {
        fake_host_write(world->host, PCI "/0/state", "4");
    } else if (refusal == REFUSAL_DISK) {
        fake_host_write(world->host, QDISK "/768/frontend", DISK);
        fake_host_write(world->host, DISK "/state", "4");
    }
}

void world_free(FakeWorld *world)
{
    for (guint i = 0; i < SERVERS; i++) {
        g_free(world->servers[i].pages);
    }
    g_ptr_array_unref(world->qemus);
    g_hash_table_unref(world->files);
    g_hash_table_unref(world->sockets);
    g_hash_table_unref(world->folders);
    fake_host_free(world->host);
    g_free(world->violation);
    g_string_free(world->story, TRUE);
    g_free(world);
}

const UpdateOps *world_ops(FakeWorld *world)
{
    return &world->ops;
}

guint world_count(const FakeWorld *world)
{
    return world->count;
}

void world_order(FakeWorld *world, FaultKind kind, guint at)
{
    world->order = kind;
    world->order_at = world->count + at;
    world->happened = world->settled = FALSE;
}

void world_order_next(FakeWorld *world, FaultKind kind, guint at)
{
    world->next_order = kind;
    world->next_at = at;
}

gboolean world_happened(const FakeWorld *world)
{
    return world->happened;
}

const char *world_at(const FakeWorld *world)
{
    return world->happened_at;
}

gboolean world_is_cut(const FakeWorld *world)
{
    return world->cut;
}

void world_revive(FakeWorld *world)
{
    world->cut = FALSE;
    world->order = world->next_order = world->lasting = FAULT_NONE;
    g_string_append(world->story, "\n  [resume]");
}

const char *world_touched(const FakeWorld *world)
{
    return world->touched;
}

const char *world_violation(const FakeWorld *world)
{
    return world->violation;
}

gboolean world_has_domain(const FakeWorld *world)
{
    return world->exists;
}

gboolean world_lost_qemu(const FakeWorld *world)
{
    return world->lost_qemu;
}

void world_end_hangs(FakeWorld *world)
{
    for (guint i = 0; i < world->qemus->len; i++) {
        qemu_at(world, i)->hangs = FALSE;
    }
}

void world_decide(FakeWorld *world)
{
    world->decided = world->looked;
}

gboolean world_changed_since(const FakeWorld *world)
{
    return world->changed_at >= world->decided && (world->lost_qemu || !world->exists);
}

char *world_story(const FakeWorld *world)
{
    return g_strdup(world->story->str);
}

/* The only QEMU that is there serves the guest, and is named. */
static char *serving_trouble(FakeWorld *world, const char *program)
{
    Qemu *found = NULL;
    guint number = 0, servers = 0;
    g_autofree char *pid = NULL;

    for (guint i = 0; i < world->qemus->len; i++) {
        if (qemu_at(world, i)->alive) {
            if (found) {
                return g_strdup("two QEMUs are there");
            }
            found = qemu_at(world, i);
            number = i;
        }
    }
    for (guint i = 0; i < SERVERS; i++) {
        servers += world->servers[i].exists;
    }
    if (!program) {
        return found ? g_strdup("a QEMU is left") : servers ? g_strdup("a server is left") : NULL;
    }
    if (!found || strcmp(found->program, program) != 0) {
        return g_strdup_printf("%s serves the guest, and not %s",
                               found ? found->program : "no QEMU", program);
    }
    pid = g_strdup_printf("%d", (int)found->id.pid);
    if (found->phase != RUNNING || server_of(world, number) < 0 ||
        !world->servers[server_of(world, number)].enabled) {
        return g_strdup("the QEMU that is there doesn't serve the guest");
    }
    return servers != 1                           ? g_strdup("a server is left")
           : world->pauses                        ? g_strdup("the guest is paused")
           : !node_is(world, DM_STATE, "running") ? g_strdup("libxl isn't told that it runs")
           : !node_is(world, DM_PID, pid)         ? g_strdup("libxl isn't told its pid")
           : !node_is(world, BACKEND, world->connected ? "4" : "2")
               ? g_strdup("a backend's state is wrong")
           : !found->has_keyboard || !node_is(world, BACKEND_STATUS, "connected")
               ? g_strdup("its QEMU doesn't serve the keyboard")
           : GPOINTER_TO_UINT(g_hash_table_lookup(world->sockets, MONITOR)) != number + 1
               ? g_strdup("its monitor isn't at its place")
               : NULL;
}

void world_settle(FakeWorld *world)
{
    for (guint i = 0; i < 200; i++) {
        advance(world, G_TIME_SPAN_MILLISECOND);
    }
}

char *world_trouble(FakeWorld *world, const char *program)
{
    if (world->violation) {
        return g_strdup(world->violation);
    }
    if (g_hash_table_size(world->files)) {
        return g_strdup("files are left");
    }
    /* An empty folder that couldn't be removed does no harm. */
    if (!world->happened_at && g_hash_table_contains(world->folders, UPDATE_FOLDER "/1")) {
        return g_strdup("a folder is left");
    }
    if (!world->exists && !node_is(world, DM_PID, NULL)) {
        return g_strdup("nodes of a domain that is gone are left");
    }
    if (g_hash_table_contains(world->sockets, MONITOR ".next")) {
        return g_strdup("a socket is left");
    }
    if (world->mapped || world->locks) {
        return g_strdup(world->locks ? "the lock is left" : "pages are mapped still");
    }
    return serving_trouble(world, program);
}
