/* Is a file replaced as a whole or not at all, and is it read back within its limit? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/guard.h"
#include "runtime/base/file.h"
#include "runtime/format/gguf_write.h"
#include "tests/lib_gguf.h"

static char folder[] = "/tmp/trit-file-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where anything was left behind */
}

static void write_text(const char *path, const char *text)
{
    struct trit_file *f;
    struct trit_error error;
    if (trit_file_create(&f, path, &error) != TRIT_OK)
        fail_msg("%s", error.text);
    trit_file_write(f, text, strlen(text));
    assert_int_equal(trit_file_size(f), strlen(text));
    assert_false(trit_file_failed(f));
    assert_int_equal(trit_file_commit(f, &error), TRIT_OK);
}

static void expect_text(const char *path, const char *text)
{
    char *data;
    size_t n;
    struct trit_error error;
    if (trit_file_read(path, 100, &data, &n, &error) != TRIT_OK)
        fail_msg("%s", error.text);
    assert_string_equal(data, text);
    assert_int_equal(n, strlen(text));
    free(data);
}

static void the_old_file_stays_until_the_new_one_is_whole(void **state)
{
    (void)state;
    struct trit_file *f;
    struct trit_error error;
    write_text("f", "old");
    assert_int_equal(trit_file_create(&f, "f", &error), TRIT_OK);
    trit_file_write(f, "new", 3);
    expect_text("f", "old");
    trit_file_abandon(f);
    expect_text("f", "old");
    write_text("f", "newer");
    expect_text("f", "newer");
    trit_file_abandon(NULL);
    unlink("f");
}

static void mode_and_links_stay(void **state)
{
    (void)state;
    struct stat st;
    write_text("f", "one");
    assert_return_code(chmod("f", 0640), 0);
    assert_return_code(symlink("f", "link"), 0);
    write_text("link", "two");
    expect_text("f", "two");
    assert_return_code(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_return_code(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    unlink("link");
    unlink("f");
}

static void devices_are_written_not_replaced(void **state)
{
    (void)state;
    struct stat st;
    struct trit_file *f;
    struct trit_error error;
    write_text("/dev/null", "away");
    assert_return_code(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(trit_file_create(&f, "/dev/full", &error), TRIT_OK);
    trit_file_write(f, "text", 4);
    assert_int_equal(trit_file_commit(f, &error), TRIT_EIO);
    assert_string_equal(error.text, "/dev/full: cannot write: No space left on device");
    assert_int_equal(trit_file_create(&f, ".", &error), TRIT_EIO);
    assert_string_equal(error.text, ".: cannot write: Is a directory");
    assert_null(f);
}

static void reading_has_a_limit(void **state)
{
    (void)state;
    char *data;
    size_t n;
    struct trit_error error;
    write_text("f", "12345");
    assert_int_equal(trit_file_read("f", 5, &data, &n, &error), TRIT_OK);
    assert_int_equal(n, 5);
    assert_int_equal(data[5], 0);
    free(data);
    assert_int_equal(trit_file_read("f", 4, &data, &n, &error), TRIT_EUNSUPPORTED);
    assert_string_equal(error.text, "f: is larger than 4 bytes");
    assert_null(data);
    assert_int_equal(trit_file_read("/dev/zero", 1000000, &data, &n, &error), TRIT_EUNSUPPORTED);
    assert_int_equal(trit_file_read("/dev/null", 0, &data, &n, &error), TRIT_OK);
    assert_int_equal(n, 0);
    free(data);
    assert_int_equal(trit_file_read("absent", 4, &data, &n, &error), TRIT_EIO);
    assert_string_equal(error.text, "absent: No such file or directory");
    assert_int_equal(trit_file_read(".", 4, &data, &n, &error), TRIT_EIO);
    unlink("f");
}

static void files_are_found_where_they_may_be(void **state)
{
    (void)state;
    char path[256];
    write_text("f", "x");
    assert_true(trit_file_locate(NULL, "no such file", "f", path, sizeof path));
    assert_string_equal(path, "f");
    assert_false(trit_file_locate(NULL, "no such file", "absent", path, sizeof path));
    assert_false(trit_file_locate(NULL, "no such file", "f", path, 1));
    setenv("TRIT_TEST_PLACE", "absent", 1); /* asked for by name: nothing else will do */
    assert_false(trit_file_locate("TRIT_TEST_PLACE", "no such file", "f", path, sizeof path));
    setenv("TRIT_TEST_PLACE", "/", 1);
    assert_true(trit_file_locate("TRIT_TEST_PLACE", "no such file", "f", path, sizeof path));
    assert_string_equal(path, "/");
    setenv("TRIT_TEST_PLACE", "", 1);
    assert_true(trit_file_locate("TRIT_TEST_PLACE", "no such file", "f", path, sizeof path));
    assert_string_equal(path, "f");
    unlink("f");
}

/* In a child: opens t.gguf, cuts it, reads it. */
static void read_what_was_cut(int stderr_to, const char *cache)
{
    struct trit_gguf *g;
    dup2(stderr_to, STDERR_FILENO);
    trit_guard_mapping("some\nwhere/t.gguf");
    if (cache)
        trit_guard_cache("t.gguf", cache);
    if (trit_gguf_open(&g, "t.gguf", NULL) != TRIT_OK || truncate("t.gguf", 100) != 0)
        _exit(3);
    _exit(trit_gguf_walk(g) ? 4 : 5);
}

static void expect_told(const char *cache, const char *line)
{
    struct trit_gguf_writer *w;
    static float data[4096];
    assert_int_equal(trit_gguf_writer_create(&w, "t.gguf", NULL), TRIT_OK);
    trit_gguf_put_tensor(w, "a", TRIT_F32, 1, (uint64_t[]){ 4096 });
    trit_gguf_write_begin(w, NULL);
    trit_gguf_write(w, data, sizeof data);
    assert_int_equal(trit_gguf_writer_finish(w, NULL), TRIT_OK);
    int ends[2], status;
    char said[256] = { 0 };
    assert_return_code(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        read_what_was_cut(ends[1], cache);
    close(ends[1]);
    waitpid(child, &status, 0);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    assert_string_equal(said, line);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    unlink("t.gguf");
}

static void a_file_that_shrinks_is_told(void **state)
{
    (void)state;
    expect_told(NULL, "tritmill: some?where/t.gguf: the file became shorter while it was read\n");
    expect_told("t.pack", "tritmill: t.gguf or its packed cache t.pack: the file became shorter "
                          "while it was read\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_file_stays_until_the_new_one_is_whole),
        cmocka_unit_test(mode_and_links_stay),
        cmocka_unit_test(devices_are_written_not_replaced),
        cmocka_unit_test(reading_has_a_limit),
        cmocka_unit_test(files_are_found_where_they_may_be),
        cmocka_unit_test(a_file_that_shrinks_is_told),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
