/* labels: threads
   wraps: malloc calloc realloc aligned_alloc strdup strndup mmap
   Does whatever is read or made say TRIT_EMEMORY and leave nothing behind, whichever allocation
   fails? And does an evaluation that fails leave every sequence where it was? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/cache/cache.h"
#include "runtime/decode/decode.h"
#include "runtime/head/head.h"
#include "runtime/library.h"
#include "runtime/plan/profile.h"
#include "runtime/text/tokenizer.h"
#include "tests/lib_memory.h"
#include "tests/lib_model.h"

enum { VOCAB = TRIT_TOY_VOCAB, MOST = 20000 };

static const struct trit_toy_shape shape = { 96, 160, 2, 6, 2 };
static char folder[] = "/tmp/trit-memory-XXXXXX";
static struct trit_pool *pool;
static struct trit_gguf *gguf;   /* of toy.gguf */
static struct trit_model *model; /* of it */
static struct trit_work *work;   /* for it */
static struct trit_cache *cache; /* packed of it */

/* A step that is tried with every allocation of it failing; it undoes what it did. */
typedef enum trit_code step(struct trit_error *error);

static enum trit_code open_gguf(struct trit_error *error)
{
    struct trit_gguf *g;
    const enum trit_code code = trit_gguf_open(&g, "toy.gguf", error);
    trit_gguf_close(g);
    return code;
}

static enum trit_code load_tokenizer(struct trit_error *error)
{
    struct trit_tokenizer *t;
    const enum trit_code code = trit_tokenizer_load(&t, gguf, error);
    trit_tokenizer_free(t);
    return code;
}

static enum trit_code encode(struct trit_error *error)
{
    static struct trit_tokenizer *t; /* of the program's life */
    int32_t *ids = NULL;
    size_t n;
    enum trit_code code = t ? TRIT_OK : trit_tokenizer_load(&t, gguf, error);
    if (!code)
        code = trit_tokenizer_encode(t, (struct trit_text){ "abab \xc3\xa4 1234", 12 }, true, &ids,
                                     &n, error);
    free(ids);
    return code;
}

static enum trit_code read_profile(struct trit_error *error)
{
    struct trit_profile *p;
    const enum trit_code code = trit_profile_read(&p, "toy.profile", error);
    trit_profile_free(p);
    return code;
}

static enum trit_code open_cache(struct trit_error *error)
{
    struct trit_cache *c;
    enum trit_code code = trit_cache_open(&c, "toy.pack", error);
    if (!code)
        code = trit_cache_verify(c, pool, error);
    trit_cache_close(c);
    return code;
}

static enum trit_code load_model(struct trit_error *error)
{
    struct trit_model *m;
    const enum trit_code code = trit_model_load(&m, gguf, pool, NULL, error);
    trit_model_free(m);
    return code;
}

static enum trit_code load_packed_model(struct trit_error *error)
{
    struct trit_model *m;
    const struct trit_load_options options = { .cache = cache };
    const enum trit_code code = trit_model_load(&m, gguf, pool, &options, error);
    trit_model_free(m);
    return code;
}

static enum trit_code create_session(struct trit_error *error)
{
    struct trit_session *s;
    const enum trit_code code = trit_session_create(&s, model, 64, 16, error);
    trit_session_free(s);
    return code;
}

static enum trit_code create_pool(struct trit_error *error)
{
    struct trit_pool *p;
    const enum trit_code code = trit_pool_create(&p, 3, error);
    trit_pool_destroy(p);
    return code;
}

static enum trit_code load_library(struct trit_error *error)
{
    return trit_library_load("toy.so", NULL, NULL, NULL, error);
}

/* The descriptor that the next file would get. */
static int next_file(void)
{
    const int fd = dup(STDIN_FILENO);
    close(fd);
    return fd;
}

/* With allocation 0, 1, 2, ... failing, alone or with all after it, until none is left to fail. */
static void each_allocation(step *run, bool may_do_without)
{
    size_t done_without = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        size_t at = 0, failed = 1;
        for (; at < MOST && failed; at++) {
            struct trit_error error = { .text = "" };
            const int file = next_file();
            trit_memory_deny(at, lasting);
            const enum trit_code code = run(&error);
            failed = trit_memory_grant();
            if (code && next_file() != file)
                fail_msg("allocation %zu: a file is left open", at);
            if (code && (code != TRIT_EMEMORY || !*error.text))
                fail_msg("allocation %zu: code %d, '%s'", at, code, error.text);
            if (code && !failed)
                fail_msg("without a failure: %s", error.text);
            if (!code && failed && !may_do_without)
                fail_msg("allocation %zu failed, and nobody was told", at);
            done_without += !code && failed;
        }
        assert_in_range(at, 2, MOST - 1);
        print_message("%zu allocations, %zu that it can do without\n", at - 1, done_without);
    }
}

static void a_gguf_is_opened(void **state)
{
    (void)state;
    each_allocation(open_gguf, false);
}

static void a_tokenizer_is_loaded(void **state)
{
    (void)state;
    each_allocation(load_tokenizer, false);
    assert_int_equal(encode(NULL), TRIT_OK);
    each_allocation(encode, false);
}

static void a_profile_is_read(void **state)
{
    (void)state;
    each_allocation(read_profile, false);
}

static void a_packed_cache_is_opened(void **state)
{
    (void)state;
    each_allocation(open_cache, true); /* without memory on huge pages the file serves */
}

/* Without memory for the fingerprint of a packing or for trying a kernel, others serve. */
static void a_model_is_loaded(void **state)
{
    (void)state;
    each_allocation(load_model, true);
    each_allocation(load_packed_model, true);
}

static void a_session_is_made(void **state)
{
    (void)state;
    each_allocation(create_session, false);
}

static void a_pool_is_made(void **state)
{
    (void)state;
    each_allocation(create_pool, false);
}

/* A library of two kernels, as users make them. */
static void make_library(void)
{
    static const char script[] =
        "exec >/dev/null 2>&1; \"$TRITMILL\" generate --isa c --shape 256x256 -o gen && "
        "grep -E '(gemv|gemm)_t2_i8_[0-9]*x8x16_k256_n256__c,' gen/kernels.inc >rows && "
        "mv rows gen/kernels.inc && ${CC:-cc} -std=gnu11 -O1 -w -fPIC -ffp-contract=off -shared "
        "-nostartfiles -I\"$TRIT_SOURCE\" -Igen gen/library.c "
        "$(sed 's/^TRIT_KERNEL(\\([^,]*\\),.*/gen\\/\\1.c/' gen/kernels.inc) -o toy.so && rm -r "
        "gen";
    assert_int_equal(system(script), 0);
}

static void a_library_is_loaded(void **state)
{
    (void)state;
    if (system("command -v ${CC:-cc} >/dev/null")) {
        print_message("no C compiler\n");
        skip();
    }
    make_library();
    each_allocation(load_library, true); /* without a page to tell, kernels are not tried */
}

/* What two sequences ask for: more tokens than a pass takes, the best of the last ones of each. */
struct question {
    struct trit_session *session[2];
    struct trit_candidate best[2][VOCAB];
    struct trit_top top[2];
    struct trit_run runs[2];
};

static void join(struct question *q)
{
    static const int32_t tokens[] = { 72, 256, 0, 255, 258, 72, 9 };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(trit_session_join(&q->session[i], work, 64, NULL), TRIT_OK);
        q->top[i] = (struct trit_top){ .k = 1, .best = q->best[i] };
        q->runs[i] = (struct trit_run){ .session = q->session[i],
                                        .tokens = tokens + i,
                                        .count = 6,
                                        .first = 5,
                                        .top = &q->top[i] };
    }
}

static void leave(struct question *q)
{
    for (size_t i = 0; i < 2; i++)
        trit_session_free(q->session[i]);
}

/* A search for more candidates than any before needs memory. */
static void a_failed_evaluation_can_be_repeated(void **state)
{
    static struct question now, wanted;
    (void)state;
    size_t failures = 0;
    join(&wanted);
    join(&now);
    for (size_t k = 1; k < 60; k += 10) {
        for (size_t i = 0; i < 2; i++)
            now.top[i].k = wanted.top[i].k = k;
        struct trit_error error = { .text = "" };
        const size_t position = trit_session_position(now.session[0]);
        trit_memory_deny(0, true);
        const enum trit_code code = trit_model_eval(work, now.runs, 2, &error);
        if (trit_memory_grant()) {
            assert_int_equal(code, TRIT_EMEMORY);
            assert_int_equal(trit_session_position(now.session[0]), position);
            assert_int_equal(trit_session_position(now.session[1]), position);
            assert_int_equal(trit_model_eval(work, now.runs, 2, &error), TRIT_OK);
            failures++;
        }
        assert_int_equal(trit_session_position(now.session[0]), position + 6);
        assert_int_equal(trit_session_position(now.session[1]), position + 6);
        assert_int_equal(trit_model_eval(work, wanted.runs, 2, NULL), TRIT_OK);
        for (size_t i = 0; i < 2; i++)
            assert_memory_equal(now.best[i], wanted.best[i], k * sizeof **now.best);
    }
    assert_true(failures > 1);
    leave(&now);
    leave(&wanted);
}

static int write_model(void)
{
    static struct trit_toy toy;
    struct trit_file *f;
    size_t bytes;
    trit_toy_init(&toy, "bitnet-b1.58", &shape);
    uint8_t *data = trit_toy_write(&toy, &bytes);
    if (trit_file_create(&f, "toy.gguf", NULL))
        return -1;
    trit_file_write(f, data, bytes);
    free(data);
    return trit_file_commit(f, NULL);
}

static int write_cache(void)
{
    struct trit_cache_source source;
    struct trit_section sections[64];
    const size_t n = trit_model_sections(model, sections, 64);
    return n > 64 || trit_cache_identify_whole(gguf, pool, &source, NULL) ||
           trit_cache_write("toy.pack", &source, sections, n, pool, NULL) ||
           trit_cache_open(&cache, "toy.pack", NULL);
}

static int write_profile(void)
{
    struct trit_profile *p;
    if (trit_profile_create(&p, NULL))
        return -1;
    struct trit_profile_row row = { .packing = "t2",
                                    .act = "i8",
                                    .n = 96,
                                    .k = 96,
                                    .threads = 1,
                                    .tokens = 1,
                                    .median_ns = 5e3,
                                    .kernel = "trit_gemv_t2_i8_1x8x16__c" };
    int failed = 0;
    for (; row.n < 960 && !failed; row.n += 96)
        failed = trit_profile_put(p, &row, NULL);
    failed = failed || trit_profile_write(p, "toy.profile", NULL);
    trit_profile_free(p);
    return failed;
}

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) || trit_pool_create(&pool, 2, NULL) || write_model() ||
        trit_gguf_open(&gguf, "toy.gguf", NULL) ||
        trit_model_load(&model, gguf, pool, &(struct trit_load_options){ 0 }, NULL) ||
        trit_work_create(&work, model, 4, NULL) || write_cache() || write_profile())
        return -1;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    static const char *const files[] = { "toy.gguf", "toy.pack", "toy.profile", "toy.so" };
    trit_work_free(work);
    trit_model_free(model);
    trit_cache_close(cache);
    trit_gguf_close(gguf);
    trit_pool_destroy(pool);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gguf_is_opened),
        cmocka_unit_test(a_tokenizer_is_loaded),
        cmocka_unit_test(a_profile_is_read),
        cmocka_unit_test(a_packed_cache_is_opened),
        cmocka_unit_test(a_model_is_loaded),
        cmocka_unit_test(a_session_is_made),
        cmocka_unit_test(a_pool_is_made),
        cmocka_unit_test(a_library_is_loaded),
        cmocka_unit_test(a_failed_evaluation_can_be_repeated),
    };
    unsetenv("TRITMILL_KERNEL");
    return cmocka_run_group_tests(tests, start, stop);
}
