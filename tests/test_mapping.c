/* labels: threads */
/* Is a mapped file that becomes shorter told with its own name, once, on whichever thread it is
   read? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/mapping.h"
#include "runtime/format/gguf_write.h"
#include "runtime/thread/pool.h"
#include "tests/lib_gguf.h"

enum { FILES = 5, THREADS = 4, BYTES = 1 << 20 };

static char folder[] = "/tmp/trit-mapping-XXXXXX";
static _Atomic unsigned sink;

static void name_of(int i, char name[32])
{
    snprintf(name, 32, "file %d", i);
}

static int enter_folder(void **state)
{
    static char data[BYTES];
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) || mkdir("some\nwhere", 0700))
        return -1;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        name_of(i, name);
        const int fd = open(name, O_WRONLY | O_CREAT, 0600);
        if (fd < 0 || write(fd, data, sizeof data) != sizeof data || close(fd))
            return -1;
    }
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        name_of(i, name);
        unlink(name);
    }
    return rmdir("some\nwhere") || rmdir(folder) ? -1 : 0;
}

/* What child(arg) said on stderr before it ended; its wait status is returned. */
static int said_by(void (*child)(int), int arg, char said[512])
{
    int ends[2], status;
    size_t n = 0;
    ssize_t got;
    assert_return_code(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        alarm(30);
        child(arg);
        _exit(9);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + n, 511 - n)) > 0)
        n += (size_t)got;
    said[n] = 0;
    close(ends[0]);
    waitpid(pid, &status, 0);
    return status;
}

static void map_all(struct trit_mapping *mappings)
{
    for (int i = 0; i < FILES; i++) {
        char name[32];
        name_of(i, name);
        const int fd = open(name, O_RDWR);
        if (fd < 0 || ftruncate(fd, BYTES) ||
            trit_mapping_open(&mappings[i], fd, BYTES, i % 2, name, NULL))
            _exit(8);
        close(fd);
    }
}

static void read_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_mapping *m = arg;
    for (size_t i = begin; i < end; i++)
        sink += m->base[i * 4096];
}

/* Every thread reads the file after it was cut to nothing. */
static void read_what_was_cut(int which)
{
    static struct trit_mapping mappings[FILES];
    struct trit_pool *pool;
    char name[32];
    trit_mapping_guard();
    map_all(mappings);
    trit_mapping_close(&mappings[(which + 1) % FILES]);
    name_of(which, name);
    if (trit_pool_create(&pool, THREADS, NULL) || truncate(name, 0))
        _exit(7);
    trit_pool_for(pool, BYTES / 4096, 1, read_some, &mappings[which]);
}

static void the_right_file_is_named_once(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char said[512], line[128];
        const int status = said_by(read_what_was_cut, i % FILES, said);
        snprintf(line, sizeof line,
                 "tritmill: file %d: the file became shorter while it was read\n", i % FILES);
        assert_string_equal(said, line);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    }
}

/* The thread that made the pool reads nothing. */
static void read_on_a_worker(void *arg, size_t begin, size_t end, int thread)
{
    if (thread > 0)
        read_some(arg, begin, end, thread);
    else
        usleep(1000);
}

static void read_apart(int which)
{
    static struct trit_mapping mappings[FILES];
    struct trit_pool *pool;
    trit_mapping_guard();
    map_all(mappings);
    if (trit_pool_create(&pool, 2, NULL) || truncate("file 0", 0))
        _exit(7);
    for (;;)
        trit_pool_for(pool, BYTES / 4096, 1, read_on_a_worker, &mappings[which]);
}

static void a_worker_tells_too(void **state)
{
    (void)state;
    char said[512];
    const int status = said_by(read_apart, 0, said);
    assert_string_equal(said, "tritmill: file 0: the file became shorter while it was read\n");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void read_a_cut_model(int unused)
{
    struct trit_gguf *g;
    (void)unused;
    trit_mapping_guard();
    if (trit_gguf_open(&g, "some\nwhere/t.gguf", NULL) || truncate("some\nwhere/t.gguf", 100))
        _exit(3);
    _exit(trit_gguf_walk(g) ? 4 : 5);
}

static void a_model_that_shrinks_is_told(void **state)
{
    (void)state;
    struct trit_gguf_writer *w;
    static float data[4096];
    char said[512];
    assert_int_equal(trit_gguf_writer_create(&w, "some\nwhere/t.gguf", NULL), TRIT_OK);
    trit_gguf_put_tensor(w, "a", TRIT_F32, 1, (uint64_t[]){ 4096 });
    trit_gguf_write_begin(w, NULL);
    trit_gguf_write(w, data, sizeof data);
    assert_int_equal(trit_gguf_writer_finish(w, NULL), TRIT_OK);
    const int status = said_by(read_a_cut_model, 0, said);
    assert_string_equal(said,
                        "tritmill: some?where/t.gguf: the file became shorter while it was read\n");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    unlink("some\nwhere/t.gguf");
}

static void fault_elsewhere_of_a_server(int asked)
{
    trit_mapping_survive();
    raise(asked);
}

/* The exit code: what was not as it should be. Half of the file stays as it was. */
static void read_and_go_on(int which)
{
    static struct trit_mapping m[FILES];
    struct trit_pool *pool;
    char name[32];
    trit_mapping_survive();
    map_all(m);
    name_of(which, name);
    if (trit_pool_create(&pool, THREADS, NULL) || truncate(name, BYTES / 2))
        _exit(7);
    for (int i = 0; i < FILES; i++) {
        trit_pool_for(pool, BYTES / 4096, 1, read_some, &m[i]);
        if (trit_mapping_broken(&m[i]) != (i == which))
            _exit(6);
    }
    const uint8_t *cut = m[which].base;
    for (size_t i = 0; i < BYTES; i++)
        if (cut[i] != (i < BYTES / 2 ? 'a' : 0))
            _exit(5);
    for (int i = 0; i < FILES; i++)
        trit_mapping_close(&m[i]);
    map_all(m);
    for (int i = 0; i < FILES; i++)
        if (trit_mapping_broken(&m[i]))
            _exit(4);
    _exit(0);
}

static void fill(const char *name)
{
    static char data[BYTES];
    memset(data, 'a', sizeof data);
    const int fd = open(name, O_WRONLY);
    assert_int_equal(write(fd, data, sizeof data), sizeof data);
    close(fd);
}

static void a_server_goes_on_and_knows_it(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char said[512], name[32];
        name_of(i % FILES, name);
        fill(name);
        const int status = said_by(read_and_go_on, i % FILES, said);
        assert_string_equal(said, "");
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void a_server_dies_of_other_faults(void **state)
{
    (void)state;
    char said[512];
    const int status = said_by(fault_elsewhere_of_a_server, SIGBUS, said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* Mapped, closed, cut, and read without a mapping's name; a fault that has nothing to do with
 * files. */
static void fault_elsewhere(int asked)
{
    static struct trit_mapping mappings[FILES];
    trit_mapping_guard();
    map_all(mappings);
    raise(asked);
}

static void other_faults_kill_as_ever(void **state)
{
    (void)state;
    char said[512];
    const int status = said_by(fault_elsewhere, SIGBUS, said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    assert_string_equal(said, "");
}

static void there_may_be_more_than_have_names(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static struct trit_mapping many[MANY];
    const int fd = open("file 1", O_RDWR);
    assert_return_code(ftruncate(fd, BYTES), 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            assert_int_equal(trit_mapping_open(&many[i], fd, BYTES, i & 1, "f", NULL), TRIT_OK);
        for (int i = 0; i < MANY; i++)
            sink += many[i].base[BYTES - 1];
        for (int i = 0; i < MANY; i++)
            trit_mapping_close(&many[i]);
    }
    trit_mapping_close(&many[0]); /* again: nothing */
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_file_is_named_once),
        cmocka_unit_test(a_worker_tells_too),
        cmocka_unit_test(a_model_that_shrinks_is_told),
        cmocka_unit_test(other_faults_kill_as_ever),
        cmocka_unit_test(a_server_goes_on_and_knows_it),
        cmocka_unit_test(a_server_dies_of_other_faults),
        cmocka_unit_test(there_may_be_more_than_have_names),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
