/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap mount, as a process of its own: what programs see of the files. */
#include "../mocks/savefile-maker.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>
#include <glib/gstdio.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>
#include <xen-physmap/record.h>

#include "mount-tree.h"
#include "stream.h"

#define PAGE XEN_PHYSMAP_PAGE_SIZE
#define COMMAND "build/xen-physmap"

/* The guest of these tests: RAM at pfns 0 and up, a block at 0x3000000, and one at 0xf1000000. */
#define RAM_PAGES 512
#define ROM_PFN 0x3000
#define VRAM_PFN 0xf1000
#define VRAM_PAGES 0x1000

static const char pairs[] = "physmap/2000000/start_addr\0"
                            "f1000000\0"
                            "physmap/2000000/size\0"
                            "1000000\0"
                            "physmap/2000000/name\0"
                            "0000:00:03.0/vga.vram\0"
                            "physmap/3000000/start_addr\0"
                            "3000000\0"
                            "physmap/3000000/size\0"
                            "2000\0"
                            "physmap/3000000/name\0"
                            "../../etc/e1000.rom\0"
                            "physmap/4000000/start_addr\0"
                            "4000000\0"
                            "physmap/4000000/size\0"
                            "1000\0"
                            "physmap/4000000/name\0"
                            "0000:00:03.0";

typedef struct Fixture {
    char *folder, *savefile, *mount;
    pid_t server; /* xen-physmap mount --foreground */
    int input;    /* the end of a pipe that it follows, or -1 */
    FILE *errors;
} Fixture;

/* --- the savefile --- */

static void put_context(Maker *maker)
{
    g_autoptr(GByteArray) body = g_byte_array_new();

    for (guint16 i = 0; i < 2; i++) {
        const struct hvm_save_descriptor descriptor = { HVM_SAVE_CODE(CPU), i,
                                                        sizeof(struct hvm_hw_cpu) };
        const struct hvm_hw_cpu cpu = { .rip = 0xffffffff81000000ULL + i, .rsp = 0x1234 };

        g_byte_array_append(body, (const guint8 *)&descriptor, sizeof descriptor);
        g_byte_array_append(body, (const guint8 *)&cpu, sizeof cpu);
    }
    maker_record(maker, LIBXC_HVM_CONTEXT, body->data, body->len);
}

/* Pages, each filled with the low byte of its pfn; *first is where the second half of them starts. */
static void put_savefile(Maker *maker, gsize *half)
{
    const guint8 params[8] = { 0 };

    maker_xl(maker, 3, "{\"name\":\"g1\"}");
    maker_libxl_header(maker);
    maker_record(maker, LIBXL_LIBXC_CONTEXT, NULL, 0);
    maker_libxc_headers(maker, 2, GUEST_X86_HVM);
    maker_pages(maker, 0, RAM_PAGES, RAM_PAGES);
    maker_pages(maker, ROM_PFN, 2, 1);
    *half = maker->bytes->len;
    for (guint32 at = 0; at < VRAM_PAGES; at += 1024) {
        maker_pages(maker, VRAM_PFN + at, 1024, 1024);
    }
    put_context(maker);
    maker_record(maker, LIBXC_HVM_PARAMS, params, sizeof params);
    maker_record(maker, LIBXC_END, NULL, 0);
    maker_emulator(maker, LIBXL_EMULATOR_XENSTORE_DATA, 2, pairs, sizeof pairs);
    maker_emulator(maker, LIBXL_EMULATOR_CONTEXT, 2, MAKER_LITERAL("state of QEMU"));
    maker_record(maker, LIBXL_END, NULL, 0);
}

/* --- the mount --- */

static char *path_of(const Fixture *fixture, const char *file)
{
    return g_build_filename(fixture->mount, file, NULL);
}

static gboolean is_mounted(const Fixture *fixture)
{
    g_autofree char *status = path_of(fixture, "status");

    return access(status, F_OK) == 0;
}

/* Starts the command, and waits until the files are there. `input` is its standard input, or -1. */
static void start(Fixture *fixture, const char *savefile, const char *follow, int input)
{
    fixture->errors = tmpfile();
    fixture->server = fork();
    if (fixture->server == 0) {
        dup2(input, STDIN_FILENO);
        dup2(fileno(fixture->errors), STDERR_FILENO);
        close(fixture->input);
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that hits its limit leaves no mount */
        execl(COMMAND, COMMAND, "mount", "--foreground", savefile, fixture->mount, follow, NULL);
        _exit(127);
    }
    for (guint i = 0; i < 1000 && !is_mounted(fixture); i++) {
        if (waitpid(fixture->server, NULL, WNOHANG) != 0) {
            char said[1000] = "";

            pread(fileno(fixture->errors), said, sizeof said - 1, 0);
            fixture->server = 0;
            fail_msg("%s", said);
        }
        g_usleep(10000);
    }
    assert_true(is_mounted(fixture));
}

static int setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    Maker maker = MAKER_INIT;
    gsize half;

    fixture->folder = g_dir_make_tmp("xen-physmap-XXXXXX", NULL);
    fixture->savefile = g_build_filename(fixture->folder, "g1.save", NULL);
    fixture->mount = g_build_filename(fixture->folder, "mount", NULL);
    fixture->input = -1;
    g_mkdir(fixture->mount, 0700);
    put_savefile(&maker, &half);
    g_file_set_contents(fixture->savefile, (char *)maker.bytes->data, maker.bytes->len, NULL);
    maker_clear(&maker);
    *state = fixture;
    return 0;
}

/* SIGTERM unmounts; the exit code says that all was well. */
static int stop(Fixture *fixture)
{
    int status = -1;

    if (fixture->server > 0) {
        kill(fixture->server, SIGTERM);
        waitpid(fixture->server, &status, 0);
        fixture->server = 0;
    }
    return status;
}

static int teardown(void **state)
{
    Fixture *fixture = *state;

    stop(fixture);
    if (fixture->input >= 0) {
        close(fixture->input);
    }
    if (fixture->errors) {
        fclose(fixture->errors);
    }
    g_unlink(fixture->savefile);
    g_rmdir(fixture->mount);
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture->savefile);
    g_free(fixture->mount);
    g_free(fixture);
    return 0;
}

static int open_file(const Fixture *fixture, const char *file)
{
    g_autofree char *path = path_of(fixture, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        print_message("%s: %s\n", file, g_strerror(errno));
    }
    assert_true(fd >= 0);
    return fd;
}

static char *text_of(const Fixture *fixture, const char *file)
{
    g_autofree char *path = path_of(fixture, file);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static int byte_at(int fd, guint64 offset)
{
    guint8 byte;

    return pread(fd, &byte, 1, offset) == 1 ? byte : -1;
}

/* --- what the files hold --- */

static void test_files(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *text = NULL;
    struct stat st;
    int fd;

    start(fixture, fixture->savefile, NULL, -1);
    fd = open_file(fixture, "memory");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, (guint64)(VRAM_PFN + VRAM_PAGES) * PAGE);
    for (guint64 pfn = 0; pfn < RAM_PAGES; pfn++) {
        assert_int_equal(byte_at(fd, pfn * PAGE + 77), pfn & 0xff);
    }
    assert_int_equal(byte_at(fd, RAM_PAGES * PAGE), 0);
    assert_int_equal(lseek(fd, 0, SEEK_HOLE), RAM_PAGES * PAGE);
    assert_int_equal(lseek(fd, RAM_PAGES * PAGE, SEEK_DATA), ROM_PFN * PAGE);
    assert_int_equal(lseek(fd, (ROM_PFN + 1) * PAGE, SEEK_DATA), (guint64)VRAM_PFN * PAGE);
    close(fd);
    fd = open_file(fixture, "blocks/0000:00:03.0/vga.vram");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, VRAM_PAGES * PAGE);
    assert_int_equal(byte_at(fd, 5 * PAGE), (VRAM_PFN + 5) & 0xff);
    close(fd);
    /* Names that no path can have, or that a folder has. */
    fd = open_file(fixture, "blocks/.._.._etc_e1000.rom@3000000");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0x2000);
    close(fd);
    close(open_file(fixture, "blocks/0000:00:03.0@4000000"));
    text = text_of(fixture, "config.json");
    assert_string_equal(text, "{\"name\":\"g1\"}");
    g_free(text);
    text = text_of(fixture, "device-state");
    assert_non_null(strstr(text, "state of QEMU"));
    g_free(text);
    text = text_of(fixture, "status");
    assert_non_null(strstr(text, "state: complete\n"));
    assert_int_equal(stop(fixture), 0);
}

/* The head of memory.elf, and the place of an address in it. */
/* A program that lists the files as soon as the savefile is mounted sees all of them. */
static void test_files_at_once(void **state)
{
    static const char *const names[] = { "blocks",     "config.json",  "device-state", "memory",
                                         "memory.elf", "records.json", "status" };
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(MountTree) tree =
        mount_tree_open(open(fixture->savefile, O_RDONLY), fixture->savefile, &error);

    assert_null(error);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        assert_true(mount_tree_lookup(tree, MOUNT_ROOT, names[i]) > 0);
    }
}

static void test_core(void **state)
{
    Fixture *fixture = *state;
    guint vcpus = 0, loads = 0;
    Elf64_Ehdr header;
    int fd;

    start(fixture, fixture->savefile, NULL, -1);
    fd = open_file(fixture, "memory.elf");
    assert_int_equal(pread(fd, &header, sizeof header, 0), sizeof header);
    assert_memory_equal(header.e_ident, ELFMAG, SELFMAG);
    for (guint i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr program;

        assert_int_equal(pread(fd, &program, sizeof program, header.e_phoff + i * sizeof program),
                         sizeof program);
        if (program.p_type == PT_NOTE) {
            const gsize rip = sizeof(Elf64_Nhdr) + 8 + 112 + 16 * 8;
            guint64 value;

            vcpus = program.p_filesz / (sizeof(Elf64_Nhdr) + 8 + 336);
            assert_int_equal(pread(fd, &value, sizeof value, program.p_offset + rip), sizeof value);
            assert_true(value == 0xffffffff81000000ULL);
        } else {
            assert_int_equal(program.p_type, PT_LOAD);
            assert_int_equal(byte_at(fd, program.p_offset), (program.p_paddr / PAGE) & 0xff);
            loads++;
        }
    }
    assert_int_equal(vcpus, 2);
    assert_int_equal(loads, 3);
    close(fd);
}

/* gdb, where there is one, finds the same in it. */
static void test_gdb(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *gdb = g_find_program_in_path("gdb"), *out = NULL, *core = NULL;

    if (!gdb) {
        skip();
    }
    start(fixture, fixture->savefile, NULL, -1);
    core = path_of(fixture, "memory.elf");
    {
        const char *const arguments[] = { gdb,        "-nx", "-batch",       "-c",
                                          core,       "-ex", "x/2xb 0x5fff", "-ex",
                                          "thread 2", "-ex", "print/x $rip", NULL };

        assert_true(g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                                 NULL, &out, NULL, NULL, NULL));
    }
    assert_non_null(strstr(out, "0x5fff:\t0x05\t0x06"));
    assert_non_null(strstr(out, "= 0xffffffff81000001"));
    assert_int_equal(stop(fixture), 0);
}

/* A hundred processes map a block, see the same, and write to their own. */
static void test_private_maps(void **state)
{
    Fixture *fixture = *state;
    pid_t children[100];
    guint8 *map;
    int fd;

    start(fixture, fixture->savefile, NULL, -1);
    fd = open_file(fixture, "blocks/0000:00:03.0/vga.vram");
    map = mmap(NULL, VRAM_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    assert_true(map != MAP_FAILED);
    for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            gboolean right = map[7 * PAGE] == ((VRAM_PFN + 7) & 0xff);

            map[7 * PAGE] = i;
            _exit(right && map[7 * PAGE] == i ? 0 : 1);
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
        int status;

        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(map[7 * PAGE], (VRAM_PFN + 7) & 0xff);
    assert_int_equal(byte_at(fd, 7 * PAGE), (VRAM_PFN + 7) & 0xff);
    munmap(map, VRAM_PAGES * PAGE);
    map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(map[1], VRAM_PFN & 0xff);
    munmap(map, PAGE);
    close(fd);
}

static void test_cut(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *status = NULL;
    int fd;

    start(fixture, fixture->savefile, NULL, -1);
    fd = open_file(fixture, "memory"); /* the index is whole */
    assert_int_equal(truncate(fixture->savefile, 100 * PAGE), 0);
    errno = 0;
    assert_int_equal(byte_at(fd, (guint64)VRAM_PFN * PAGE), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(byte_at(fd, 0), 0);
    close(fd);
    status = text_of(fixture, "status");
    assert_non_null(strstr(status, "trouble: the savefile ends at "));
}

static void test_removed(void **state)
{
    Fixture *fixture = *state;
    int fd;

    start(fixture, fixture->savefile, NULL, -1);
    assert_int_equal(g_unlink(fixture->savefile), 0);
    fd = open_file(fixture, "memory");
    assert_int_equal(byte_at(fd, 3 * PAGE), 3);
    close(fd);
}

/* --- a stream that is still arriving --- */

typedef struct Reader {
    int fd;
    guint64 offset;
    gint *ended; /* counts those that have their byte */
    int byte;
} Reader;

static gpointer read_byte(gpointer data)
{
    Reader *reader = data;

    reader->byte = byte_at(reader->fd, reader->offset);
    g_atomic_int_inc(reader->ended);
    return NULL;
}

static void write_part(int fd, const Maker *maker, gsize from, gsize to)
{
    while (from < to) {
        gssize n = write(fd, maker->bytes->data + from, to - from);

        assert_true(n > 0);
        from += n;
    }
}

/* Readers of pages that haven't arrived wait, however many there are. No other reader waits. */
static void follow(Fixture *fixture, const char *savefile, int input, int output)
{
    enum { READERS = 1000 };
    g_autofree Reader *readers = g_new0(Reader, READERS);
    g_autofree GThread **threads = g_new0(GThread *, READERS);
    g_autofree char *status = NULL;
    Maker maker = MAKER_INIT;
    gint ended = 0;
    gsize half;
    int fd;

    put_savefile(&maker, &half);
    start(fixture, savefile, "--follow", input);
    write_part(output, &maker, 0, half + 100);
    fd = open_file(fixture, "memory");
    for (guint i = 0; i < READERS; i++) {
        guint64 pfn = VRAM_PFN + i * 4;

        readers[i] = (Reader){ fd, pfn * PAGE, &ended, -1 };
        threads[i] = g_thread_new("reader", read_byte, &readers[i]);
    }
    /* These wait for the rest; what has arrived can be read meanwhile. */
    for (guint64 pfn = 0; pfn < RAM_PAGES; pfn++) {
        assert_int_equal(byte_at(fd, pfn * PAGE), pfn & 0xff);
    }
    assert_int_equal(g_atomic_int_get(&ended), 0);
    status = text_of(fixture, "status");
    assert_non_null(strstr(status, "state: arriving\n"));
    write_part(output, &maker, half + 100, maker.bytes->len);
    for (guint i = 0; i < READERS; i++) {
        g_thread_join(threads[i]);
        assert_int_equal(readers[i].byte, (VRAM_PFN + i * 4) & 0xff);
    }
    for (guint i = 0; i < 1000 && !strstr(status, "state: complete\n"); i++) {
        g_usleep(10000);
        g_free(status);
        status = text_of(fixture, "status");
    }
    assert_non_null(strstr(status, "state: complete\n"));
    close(fd);
    fd = open_file(fixture, "blocks/0000:00:03.0/vga.vram");
    assert_int_equal(byte_at(fd, 9 * PAGE), (VRAM_PFN + 9) & 0xff);
    close(fd);
    maker_clear(&maker);
}

static void test_follow_pipe(void **state)
{
    Fixture *fixture = *state;
    int pipe[2];

    assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
    fixture->input = pipe[1];
    follow(fixture, "-", pipe[0], pipe[1]);
    close(pipe[0]);
}

static void test_follow_file(void **state)
{
    Fixture *fixture = *state;
    int fd = open(fixture->savefile, O_WRONLY | O_TRUNC | O_CLOEXEC);

    follow(fixture, fixture->savefile, -1, fd);
    close(fd);
}

/* The sender dies: readers that wait get an error, and what has arrived can still be read. */
static void test_broken_off(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *status = NULL;
    Maker maker = MAKER_INIT;
    gint ended = 0;
    Reader reader;
    GThread *thread;
    int pipe[2], fd;
    gsize half;

    assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
    fixture->input = pipe[1];
    start(fixture, "-", "--follow", pipe[0]);
    close(pipe[0]);
    put_savefile(&maker, &half);
    write_part(pipe[1], &maker, 0, half);
    fd = open_file(fixture, "memory");
    reader = (Reader){ fd, (guint64)VRAM_PFN * PAGE, &ended, 0 };
    thread = g_thread_new("reader", read_byte, &reader);
    assert_int_equal(byte_at(fd, 4 * PAGE), 4);
    close(pipe[1]);
    fixture->input = -1;
    g_thread_join(thread);
    assert_int_equal(reader.byte, -1);
    assert_int_equal(byte_at(fd, 5 * PAGE), 5);
    close(fd);
    status = text_of(fixture, "status");
    assert_non_null(strstr(status, "state: broken off: "));
    maker_clear(&maker);
}

/* A process that waits can be ended. */
static void test_interrupt(void **state)
{
    Fixture *fixture = *state;
    int pipe[2], fd, status;
    pid_t child;

    assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
    fixture->input = pipe[1];
    start(fixture, "-", "--follow", pipe[0]);
    close(pipe[0]);
    fd = open_file(fixture, "memory");
    child = fork();
    if (child == 0) {
        byte_at(fd, 0);
        _exit(0);
    }
    g_usleep(100000);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(fd);
    /* So can the mount itself, while a reader waits. */
    assert_int_equal(stop(fixture), 0);
}

static gboolean can_mount(void)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    g_autofree char *help = NULL;

    if (fd < 0) {
        printf("1..0 # SKIP /dev/fuse can't be opened: %s\n", g_strerror(errno));
        return FALSE;
    }
    close(fd);
    if (!g_spawn_command_line_sync(COMMAND " --help", &help, NULL, NULL, NULL) ||
        !strstr(help, "mount ")) {
        puts("1..0 # SKIP built without libfuse3");
        return FALSE;
    }
    return TRUE;
}

#define TEST(func) cmocka_unit_test_setup_teardown(func, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files),      TEST(test_files_at_once), TEST(test_core),
        TEST(test_gdb),        TEST(test_private_maps),  TEST(test_cut),
        TEST(test_removed),    TEST(test_follow_pipe),   TEST(test_follow_file),
        TEST(test_broken_off), TEST(test_interrupt),
    };

    return can_mount() ? cmocka_run_group_tests_name("mount", tests, NULL, NULL) : 77;
}
