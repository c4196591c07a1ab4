/* labels: threads */
/* Does a model give the same logits from a packed cache, and only from its own? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cache/cache.h"
#include "tests/lib_model.h"

#define MODEL "toy.gguf"

static const struct trit_toy_shape shape = { 96, 160, 2, 6, 2 };
static char folder[] = "/tmp/trit-model-cache-XXXXXX", path[PATH_MAX];
static struct trit_pool *pool;
static struct trit_toy toy;
static float wanted[TRIT_TOY_LOGITS];

static void write_bytes(const char *name, const void *data, size_t bytes)
{
    struct trit_file *f;
    assert_int_equal(trit_file_create(&f, name, NULL), TRIT_OK);
    trit_file_write(f, data, bytes);
    assert_int_equal(trit_file_commit(f, NULL), TRIT_OK);
}

static void write_model(void)
{
    size_t bytes;
    trit_toy_init(&toy, "bitnet-b1.58", &shape);
    uint8_t *data = trit_toy_write(&toy, &bytes);
    write_bytes(MODEL, data, bytes);
    free(data);
}

static void write_cache(const struct trit_gguf *gguf, struct trit_model *model)
{
    struct trit_cache_source source;
    struct trit_error error = { .text = "" };
    const size_t n = trit_model_sections(model, NULL, 0);
    struct trit_section *sections = trit_alloc(n, sizeof *sections);
    assert_int_equal(trit_model_sections(model, sections, n), n);
    for (size_t i = 0; i < n; i++)
        assert_true(sections[i].layout > 1); /* every one has its fingerprint */
    if (trit_cache_identify_whole(gguf, pool, &source, &error) ||
        trit_cache_user_path(&source, path, sizeof path, &error) ||
        trit_file_make_folders(path, &error) ||
        trit_cache_write(path, &source, sections, n, pool, &error))
        fail_msg("%s", error.text);
    free(sections);
}

/* What a load with the packed cache that is found now gives: its cost, and the right logits. */
static struct trit_model_cost use(bool write, char log[1100])
{
    static float logits[TRIT_TOY_LOGITS];
    struct trit_gguf *gguf;
    struct trit_model *model;
    struct trit_error error = { .text = "" };
    if (trit_gguf_open(&gguf, MODEL, &error))
        fail_msg("%s", error.text);
    struct trit_cache *cache = trit_cache_find(gguf, NULL, pool, log, 1100);
    const struct trit_load_options options = { .cache = cache };
    if (trit_model_load(&model, gguf, pool, &options, &error) ||
        trit_toy_use(model, logits, &error))
        fail_msg("%s", error.text);
    const struct trit_model_cost cost = *trit_model_cost(model);
    if (write)
        write_cache(gguf, model);
    trit_model_free(model);
    trit_cache_close(cache);
    trit_gguf_close(gguf);
    assert_memory_equal(logits, wanted, sizeof wanted);
    return cost;
}

static int start(void **state)
{
    (void)state;
    struct trit_error error = { .text = "" };
    char log[1100];
    if (!mkdtemp(folder) || chdir(folder) || setenv("XDG_CACHE_HOME", folder, 1) ||
        unsetenv("TRITMILL_CACHE") || trit_pool_create(&pool, 2, NULL))
        return -1;
    write_model();
    if (trit_toy_run(&toy, pool, wanted, &error))
        return -1;
    const struct trit_model_cost cost = use(true, log);
    return cost.cached || cost.uncached || *log ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    trit_pool_destroy(pool);
    unlink(path);
    unlink(MODEL);
    rmdir("tritmill");
    return rmdir(folder);
}

static void a_packed_model_gives_the_same_logits(void **state)
{
    (void)state;
    char log[1100];
    const struct trit_model_cost cost = use(false, log);
    assert_string_equal(log, "");
    assert_true(cost.cached >= 4 * shape.layers);
    assert_int_equal(cost.uncached, 0);
}

static void a_touched_model_is_still_the_same(void **state)
{
    (void)state;
    char log[1100];
    const struct timespec times[2] = { { 1000000000, 1 }, { 1000000000, 1 } };
    assert_int_equal(utimensat(AT_FDCWD, MODEL, times, 0), 0);
    assert_true(use(false, log).cached > 0);
    assert_string_equal(log, "");
}

static void other_kernels_pack_anew(void **state)
{
    (void)state;
    char log[1100];
    static const char *const packings[] = { "t2", "t5", "b2", "l2" };
    size_t others = 0;
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "trit_gem?_%s_*__c*", packings[i]);
        assert_int_equal(setenv("TRITMILL_KERNEL", pattern, 1), 0);
        const struct trit_model_cost cost = use(false, log);
        others += cost.uncached > 0;
    }
    assert_int_equal(unsetenv("TRITMILL_KERNEL"), 0);
    assert_true(others >= 3);
}

static void no_damage_changes_a_logit(void **state)
{
    (void)state;
    char *data, log[1100];
    size_t bytes, refused = 0;
    assert_int_equal(trit_file_read(path, 1 << 24, &data, &bytes, NULL), TRIT_OK);
    for (size_t at = 5; at < bytes; at += bytes / 40) {
        data[at] ^= 8;
        write_bytes(path, data, bytes);
        data[at] ^= 8;
        refused += use(false, log).cached == 0;
        assert_true(!*log || strstr(log, "the packed cache is ignored"));
    }
    assert_true(refused >= 30); /* the rest: padding */
    write_bytes(path, data, bytes / 2);
    assert_int_equal(use(false, log).cached, 0);
    assert_non_null(strstr(log, "a damaged packed cache"));
    write_bytes(path, data, bytes);
    assert_true(use(false, log).cached > 0);
    free(data);
}

/* Whatever the clock says. */
static void a_changed_model_is_another(void **state)
{
    (void)state;
    char *data, log[1100];
    size_t bytes;
    struct trit_gguf *gguf;
    assert_int_equal(trit_file_read(MODEL, 1 << 24, &data, &bytes, NULL), TRIT_OK);
    for (size_t at = 40; at < bytes; at += bytes / 50) {
        data[at] ^= 1;
        write_bytes(MODEL, data, bytes);
        data[at] ^= 1;
        if (trit_gguf_open(&gguf, MODEL, NULL))
            continue; /* no GGUF any more */
        struct trit_cache *found = trit_cache_find(gguf, NULL, pool, log, sizeof log),
                          *named = trit_cache_find(gguf, path, pool, log, sizeof log);
        if (found || named)
            fail_msg("byte %zu: the cache of another model is taken", at);
        assert_true(strstr(log, "has changed since") || strstr(log, "of another model"));
        trit_gguf_close(gguf);
    }
    write_bytes(MODEL, data, bytes);
    free(data);
}

/* What was packed of the bytes before must not answer for the bytes after. */
static void a_model_written_to_while_it_is_packed_is_refused(void **state)
{
    (void)state;
    struct trit_cache_source source;
    struct trit_error error;
    struct trit_gguf *gguf;
    char *data;
    size_t bytes;
    assert_int_equal(trit_file_read(MODEL, 1 << 24, &data, &bytes, NULL), TRIT_OK);
    assert_int_equal(trit_gguf_open(&gguf, MODEL, &error), TRIT_OK);
    usleep(20000); /* a tick of the clock */
    const int fd = open(MODEL, O_WRONLY);
    assert_int_equal(pwrite(fd, data + bytes - 100, 1, (off_t)bytes - 100), 1);
    close(fd);
    assert_int_equal(trit_cache_identify_whole(gguf, pool, &source, &error), TRIT_EIO);
    assert_string_equal(error.text, MODEL ": was changed while it was in use");
    trit_gguf_close(gguf);
    free(data);
}

int main(void)
{
    static const struct CMUnitTest all[] = {
        cmocka_unit_test(a_packed_model_gives_the_same_logits),
        cmocka_unit_test(a_touched_model_is_still_the_same),
        cmocka_unit_test(other_kernels_pack_anew),
        cmocka_unit_test(no_damage_changes_a_logit),
        cmocka_unit_test(a_changed_model_is_another),
        cmocka_unit_test(a_model_written_to_while_it_is_packed_is_refused),
    };
    return cmocka_run_group_tests(all, start, stop);
}
