/* Is a file replaced as a whole or not at all, and only by one of its kind; is it read back within
   its limit? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"

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

static bool is_song(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, "song ");
}

static const struct trit_file_kind song = { "a song", is_song, 0644 };

static enum trit_code write_song(const char *path, struct trit_error *error)
{
    struct trit_file *f;
    if (trit_file_create_as(&f, path, &song, error) != TRIT_OK)
        return error->code;
    trit_file_write(f, "song 2", 6);
    return trit_file_commit(f, error);
}

static void only_files_of_the_kind_are_replaced(void **state)
{
    (void)state;
    struct trit_error error;
    static const struct {
        const char *old;
        bool replaced;
    } rows[] = { { "song 1", true }, { "", true }, { "a note", false }, { "son", false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_text("f", rows[i].old);
        assert_int_equal(write_song("f", &error), rows[i].replaced ? TRIT_OK : TRIT_EIO);
        expect_text("f", rows[i].replaced ? "song 2" : rows[i].old);
    }
    assert_non_null(strstr(error.text, "f: is there and is not a song"));
    assert_int_equal(write_song("new", &error), TRIT_OK);
    expect_text("new", "song 2");
    unlink("new");
    unlink("f");
}

static void what_came_meanwhile_is_not_replaced(void **state)
{
    (void)state;
    struct trit_file *f;
    struct trit_error error;
    assert_int_equal(trit_file_create_as(&f, "f", &song, &error), TRIT_OK);
    trit_file_write(f, "song 2", 6);
    write_text("f", "a note");
    assert_int_equal(trit_file_commit(f, &error), TRIT_EIO);
    expect_text("f", "a note");
    write_text("f", "song 1");
    assert_int_equal(trit_file_create_as(&f, "f", &song, &error), TRIT_OK);
    unlink("f");
    assert_int_equal(trit_file_commit(f, &error), TRIT_OK);
    expect_text("f", "");
    unlink("f");
}

static void no_input_is_written(void **state)
{
    (void)state;
    struct trit_error error;
    const char *const inputs[] = { NULL, "absent", "f" };
    write_text("f", "song 1");
    assert_return_code(symlink("f", "link"), 0);
    assert_return_code(link("f", "twin"), 0);
    static const char *const same[] = { "f", "./f", "link", "twin", "./absent" };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(trit_output_check(same[i], &song, inputs, 3, &error), TRIT_EARGUMENT);
        assert_non_null(strstr(error.text, "this command uses the same file"));
    }
    assert_int_equal(trit_output_check("f", &song, inputs, 2, &error), TRIT_OK);
    assert_int_equal(trit_output_check("other", &song, inputs, 3, &error), TRIT_OK);
    assert_int_equal(
        trit_output_check("/dev/null", &song, (const char *const[]){ "/dev/null" }, 1, &error),
        TRIT_OK);
    unlink("link");
    unlink("twin");
    unlink("f");
}

static void places_that_cannot_be_written_are_told_first(void **state)
{
    (void)state;
    struct trit_error error;
    static const struct {
        const char *path, *says;
    } rows[] = {
        { ".", ".: is a folder, not a regular file" },
        { "absent/", "absent/: cannot write: " },
        { "absent/f", "absent/f: cannot write: the folder absent: No such file or directory" },
        { "f/f", "f/f: cannot write: Not a directory" },
        { "nowhere", "nowhere: is a symbolic link that leads nowhere" },
        { "/proc/tritmill/f", "the folder /proc/tritmill: No such file or directory" },
    };
    write_text("f", "song 1");
    assert_return_code(symlink("absent", "nowhere"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(trit_output_check(rows[i].path, &song, NULL, 0, &error), TRIT_EIO);
        if (!strstr(error.text, rows[i].says))
            fail_msg("'%s' does not say '%s'", error.text, rows[i].says);
    }
    assert_int_equal(access("absent", F_OK), -1);
    unlink("nowhere");
    unlink("f");
}

static void what_others_may_write_is_not_ours(void **state)
{
    (void)state;
    struct trit_error error;
    size_t bytes;
    int fd;
    write_text("f", "12345");
    assert_return_code(symlink("f", "link"), 0);
    for (mode_t mode = 0; mode <= 0777; mode++) {
        const bool ours = !(mode & 022);
        assert_return_code(chmod("f", mode | 0400), 0);
        const enum trit_code code = trit_file_open_own("link", 0, &fd, &bytes, &error);
        assert_int_equal(code, ours ? TRIT_OK : TRIT_EUNSUPPORTED);
        if (ours)
            close(fd);
        else
            assert_string_equal(error.text,
                                "link: can be written by others than its owner (chmod go-w)");
    }
    assert_return_code(chmod("f", 0600), 0);
    assert_int_equal(trit_file_open_own("f", O_NOFOLLOW, &fd, &bytes, &error), TRIT_OK);
    assert_int_equal(bytes, 5);
    close(fd);
    assert_int_equal(trit_file_open_own("link", O_NOFOLLOW, &fd, &bytes, &error),
                     TRIT_EUNSUPPORTED);
    assert_int_equal(trit_file_open_own(".", 0, &fd, &bytes, &error), TRIT_EUNSUPPORTED);
    assert_int_equal(trit_file_open_own("absent", 0, &fd, &bytes, &error), TRIT_EIO);
    unlink("link");
    unlink("f");
}

static void a_private_kind_is_private(void **state)
{
    (void)state;
    struct trit_error error;
    struct stat st;
    const mode_t mask = umask(0);
    assert_int_equal(write_song("f", &error), TRIT_OK);
    assert_return_code(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_return_code(chmod("f", 0667), 0);
    assert_int_equal(write_song("f", &error), TRIT_OK);
    assert_return_code(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0645);
    umask(mask);
    unlink("f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_file_stays_until_the_new_one_is_whole),
        cmocka_unit_test(mode_and_links_stay),
        cmocka_unit_test(devices_are_written_not_replaced),
        cmocka_unit_test(reading_has_a_limit),
        cmocka_unit_test(files_are_found_where_they_may_be),
        cmocka_unit_test(only_files_of_the_kind_are_replaced),
        cmocka_unit_test(what_came_meanwhile_is_not_replaced),
        cmocka_unit_test(no_input_is_written),
        cmocka_unit_test(places_that_cannot_be_written_are_told_first),
        cmocka_unit_test(what_others_may_write_is_not_ours),
        cmocka_unit_test(a_private_kind_is_private),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
