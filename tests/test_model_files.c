/* labels: threads */
/* Does every file that holds the same model give the same logits, and do a stopped load and a wrong
   call leave nothing behind? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_model.h"

#define ARCH "bitnet-b1.58"

/* Rows of Q6_K end with a block. */
static const struct trit_toy_shape wide = { 256, 128, 2, 8, 2 };
static const struct trit_toy_shape small = { 32, 64, 2, 4, 2 };
static struct trit_pool *pool;
static struct trit_toy toy;

static void logits_of_toy(float *logits)
{
    struct trit_error error = { .text = "" };
    if (trit_toy_run(&toy, pool, logits, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < TRIT_TOY_LOGITS; i++)
        assert_true(isfinite(logits[i]));
}

struct variant {
    const char *arch;
    uint32_t matrices, rows;
    bool untied, factors;
    const char *no_key;
    struct trit_toy_key set;
};

static void make(const struct variant *v, const struct trit_toy_shape *shape)
{
    trit_toy_init(&toy, v->arch, shape);
    trit_toy_retype(&toy, TOY_TRITS, v->matrices);
    trit_toy_retype(&toy, TOY_ROWS, v->rows);
    if (v->untied)
        trit_toy_add(&toy, "output.weight", "token_embd.weight");
    if (v->factors) {
        struct trit_toy_tensor *t = trit_toy_add(&toy, "rope_freqs.weight", "output_norm.weight");
        t->ne[0] = shape->hidden / shape->heads / 2;
        t->values = TOY_FACTORS;
    }
    if (v->no_key)
        trit_toy_drop_key(&toy, v->no_key);
    if (v->set.name)
        trit_toy_set(&toy, &v->set);
}

static void same_logits(const struct trit_toy_shape *shape, const struct variant *variants,
                        size_t n)
{
    static float first[TRIT_TOY_LOGITS], logits[TRIT_TOY_LOGITS];
    for (size_t i = 0; i < n; i++) {
        make(&variants[i], shape);
        logits_of_toy(i ? logits : first);
        if (i && memcmp(first, logits, sizeof logits))
            fail_msg("variant %zu: other logits than variant 0", i);
    }
    assert_true(first[0] != first[1] || first[0] != first[2]);
}

#define STORED(arch_, matrix, row) .arch = arch_, .matrices = matrix, .rows = row
#define USUAL                      STORED(ARCH, TRIT_I2_S, TRIT_F16)

static void one_model_many_files(void **state)
{
    (void)state;
    static const struct variant variants[] = {
        { USUAL },
        { STORED("bitnet-25", TRIT_I2_S, TRIT_F16) },
        { STORED(ARCH, TRIT_F32, TRIT_F16) },
        { STORED(ARCH, TRIT_F16, TRIT_BF16) },
        { STORED(ARCH, TRIT_BF16, TRIT_F32) },
        { STORED(ARCH, TRIT_I2_S, TRIT_Q8_0) },
        { STORED(ARCH, TRIT_I2_S, TRIT_Q6_K) },
        { STORED(ARCH, TRIT_I2_S, TRIT_Q6_K), .untied = true },
        { USUAL, .untied = true },
        { USUAL, .factors = true },
        { USUAL, .no_key = ARCH ".vocab_size" },
        { USUAL, .no_key = ARCH ".rope.dimension_count" },
        { USUAL, .no_key = "general.name" },
        { USUAL, .set = { TOY_F64("rope.freq_base", 1e4) } },
        { USUAL, .set = { TOY_I32("block_count", 2) } },
        { USUAL, .set = { TOY_U32("expert_count", 0) } },
        { USUAL, .set = { TOY_F32("rope.scaling.factor", 1) } },
        { USUAL, .set = { TOY_TEXT("hidden_activation", "relu2") } },
        { USUAL, .set = { TOY_TEXT("rope.scaling.type", "linear") } },
    };
    same_logits(&wide, variants, sizeof variants / sizeof *variants);
}

static void head_count_kv_is_head_count(void **state)
{
    (void)state;
    static const struct trit_toy_shape shape = { 32, 64, 2, 4, 4 };
    static const struct variant variants[] = {
        { USUAL },
        { USUAL, .no_key = ARCH ".attention.head_count_kv" },
        { STORED(ARCH, TRIT_BF16, TRIT_Q8_0), .untied = true },
    };
    same_logits(&shape, variants, sizeof variants / sizeof *variants);
}

/* Sizes that no kernel's tile divides. */
static void odd_shapes(void **state)
{
    (void)state;
    static const struct trit_toy_shape shapes[] = {
        { 33, 21, 1, 3, 1 }, { 2, 1, 3, 1, 1 }, { 34, 1, 1, 17, 1 }, { 5, 300, 1, 1, 1 }
    };
    static const struct variant variants[] = {
        { STORED(ARCH, TRIT_F32, TRIT_F16) },
        { STORED(ARCH, TRIT_F16, TRIT_BF16) },
        { STORED(ARCH, TRIT_BF16, TRIT_F32), .untied = true },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        same_logits(&shapes[i], variants, sizeof variants / sizeof *variants);
}

static void rope_factors_count(void **state)
{
    (void)state;
    static float plain[TRIT_TOY_LOGITS], scaled[TRIT_TOY_LOGITS];
    const struct variant v = { USUAL, .factors = true };
    make(&v, &small);
    logits_of_toy(plain);
    struct trit_toy_tensor *t = trit_toy_tensor(&toy, "rope_freqs.weight");
    t->spoiled = true;
    t->at = 1;
    t->with = 8;
    logits_of_toy(scaled);
    /* The first token, at position 0, is turned by nothing. */
    assert_memory_equal(plain, scaled, TRIT_TOY_VOCAB * sizeof *plain);
    assert_memory_not_equal(plain, scaled, sizeof plain);
}

/* The good small model, open. */
struct opened {
    uint8_t *data;
    struct trit_gguf *gguf;
};

static struct opened open_small(void)
{
    struct opened o;
    size_t bytes;
    trit_toy_init(&toy, ARCH, &small);
    o.data = trit_toy_write(&toy, &bytes);
    assert_int_equal(trit_gguf_parse(&o.gguf, o.data, bytes, "toy.gguf", NULL), TRIT_OK);
    return o;
}

static void close_small(struct opened *o)
{
    trit_gguf_close(o->gguf);
    free(o->data);
}

struct stop {
    size_t calls, allowed;
    uint64_t done, total;
};

static bool progress(void *arg, uint64_t done, uint64_t total)
{
    struct stop *s = arg;
    assert_true(done > s->done && done <= total && (!s->total || total == s->total));
    s->done = done;
    s->total = total;
    return s->calls++ < s->allowed;
}

static void stopped_anywhere(void **state)
{
    (void)state;
    struct opened o = open_small();
    for (size_t i = 0; i <= o.gguf->ntensors; i++) {
        struct stop stop = { .allowed = i };
        struct trit_load_options options = { .progress = progress, .progress_arg = &stop };
        struct trit_model *model;
        struct trit_error error = { .text = "" };
        const bool whole = i == o.gguf->ntensors;
        assert_int_equal(trit_model_load(&model, o.gguf, pool, &options, &error),
                         whole ? TRIT_OK : TRIT_ESTOPPED);
        assert_int_equal(stop.calls, whole ? i : i + 1);
        assert_true(whole ? stop.done == stop.total : model == NULL);
        assert_true(whole || !strcmp(error.text, "toy.gguf: loading was stopped"));
        trit_model_free(model);
    }
    close_small(&o);
}

static void session_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t context, chunk;
        const char *says; /* NULL: good */
    } rows[] = {
        { 0, 1, "context of 0 tokens" },
        { 1ull << 60, 1, "context of 1152921504606846976 tokens: must be 1 .. 16777216" },
        { (1 << 24) + 1, 1, "context of 16777217 tokens" },
        { SIZE_MAX, SIZE_MAX, "context of 18446744073709551615" },
        { 1, 0, "chunk of 0 tokens: must be 1 .. 16777216" },
        { 1, 1, NULL },
        { 16, 1ull << 60, NULL },
        { 16, SIZE_MAX, NULL },
    };
    struct opened o = open_small();
    struct trit_model *model;
    assert_int_equal(trit_model_load(&model, o.gguf, pool, NULL, NULL), TRIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static float logits[TRIT_TOY_VOCAB];
        struct trit_session *session;
        struct trit_error error = { .text = "" };
        const enum trit_code code =
            trit_session_create(&session, model, rows[i].context, rows[i].chunk, &error);
        assert_int_equal(code, rows[i].says ? TRIT_EARGUMENT : TRIT_OK);
        assert_true(!code == !!session);
        assert_true(!rows[i].says || strstr(error.text, rows[i].says));
        if (!code)
            assert_int_equal(trit_session_eval(session, trit_toy_tokens, 1, 0, logits, NULL),
                             TRIT_OK);
        trit_session_free(session);
    }
    trit_model_free(model);
    close_small(&o);
}

/* A run changes nothing, all at once or in passes, and its error is told. */
static void refused(const struct trit_run *run, bool prefill, const char *says)
{
    const size_t before = trit_session_position(run->session);
    struct trit_error error;
    const enum trit_code code =
        prefill ? trit_session_prefill(run, &error)
                : trit_model_eval(trit_session_work(run->session), run, 1, &error);
    assert_int_equal(code, TRIT_EARGUMENT);
    if (!strstr(error.text, says))
        fail_msg("expected '%s': %s", says, error.text);
    assert_int_equal(trit_session_position(run->session), before);
}

static void bad_tokens_change_nothing(void **state)
{
    (void)state;
    enum { CONTEXT = TRIT_TOY_TOKENS, BEFORE = 3 };
    static const int32_t negative[] = { 1, -1 }, past[] = { 1, TRIT_TOY_VOCAB },
                         large[] = { INT32_MAX }, small_[] = { INT32_MIN };
    static const struct {
        const int32_t *tokens;
        size_t count, first;
        const char *says;
    } rows[] = {
        { negative, 2, 0, "token 1 has id -1: the vocabulary has 259" },
        { past, 2, 0, "token 1 has id 259" },
        { large, 1, 1, "token 0 has id 2147483647" },
        { small_, 1, 0, "token 0 has id -2147483648" },
        { trit_toy_tokens, TRIT_TOY_TOKENS - BEFORE + 1, 0,
          "5 tokens after 3 do not fit a context of 7" },
        { trit_toy_tokens, SIZE_MAX, 0, "do not fit a context of 7" },
        { trit_toy_tokens, 2, 3, "logits from token 3 of 2" },
    };
    static float whole[TRIT_TOY_LOGITS], rest[TRIT_TOY_LOGITS], untouched[2 * TRIT_TOY_VOCAB];
    struct opened o = open_small();
    struct trit_model *model;
    struct trit_session *s;
    struct trit_error error;
    assert_int_equal(trit_model_load(&model, o.gguf, pool, NULL, NULL), TRIT_OK);
    assert_int_equal(trit_toy_use(model, whole, &error), TRIT_OK);
    assert_int_equal(trit_session_create(&s, model, CONTEXT, 2, NULL), TRIT_OK);
    assert_int_equal(trit_session_eval(s, trit_toy_tokens, BEFORE, 0, rest, NULL), TRIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct trit_run run = { .session = s,
                                      .tokens = rows[i].tokens,
                                      .count = rows[i].count,
                                      .first = rows[i].first,
                                      .logits = untouched };
        refused(&run, false, rows[i].says);
        refused(&run, true, rows[i].says);
    }
    for (size_t i = 0; i < sizeof untouched / sizeof *untouched; i++)
        assert_true(untouched[i] == 0);
    assert_int_equal(trit_session_eval(s, NULL, 0, 0, NULL, NULL), TRIT_OK);
    assert_int_equal(trit_session_eval(s, trit_toy_tokens + BEFORE, TRIT_TOY_TOKENS - BEFORE, 0,
                                       rest + BEFORE * TRIT_TOY_VOCAB, NULL),
                     TRIT_OK);
    assert_memory_equal(whole, rest, sizeof whole);
    assert_int_equal(trit_session_eval(s, trit_toy_tokens, 1, 0, untouched, &error),
                     TRIT_EARGUMENT);
    trit_session_free(s);
    trit_model_free(model);
    close_small(&o);
}

static void prefill_gives_the_bits_of_one_pass(void **state)
{
    (void)state;
    static float whole[TRIT_TOY_LOGITS], logits[TRIT_TOY_LOGITS];
    struct opened o = open_small();
    struct trit_model *model;
    struct trit_error error;
    assert_int_equal(trit_model_load(&model, o.gguf, pool, NULL, NULL), TRIT_OK);
    assert_int_equal(trit_toy_use(model, whole, &error), TRIT_OK);
    for (size_t chunk = 1; chunk <= TRIT_TOY_TOKENS; chunk++) {
        struct trit_session *s;
        assert_int_equal(trit_session_create(&s, model, TRIT_TOY_TOKENS, chunk, NULL), TRIT_OK);
        for (size_t first = 0; first <= TRIT_TOY_TOKENS; first++) {
            float *from = logits + first * TRIT_TOY_VOCAB;
            const struct trit_run all = { .session = s,
                                          .tokens = trit_toy_tokens,
                                          .count = TRIT_TOY_TOKENS,
                                          .first = first,
                                          .logits = from };
            trit_session_rewind(s, 0);
            memset(logits, 0, sizeof logits);
            assert_int_equal(trit_session_prefill(&all, &error), TRIT_OK);
            assert_int_equal(trit_session_position(s), TRIT_TOY_TOKENS);
            assert_memory_equal(whole + first * TRIT_TOY_VOCAB, from,
                                (TRIT_TOY_TOKENS - first) * TRIT_TOY_VOCAB * sizeof *from);
        }
        trit_session_free(s);
    }
    trit_model_free(model);
    close_small(&o);
}

static int start(void **state)
{
    (void)state;
    return trit_pool_create(&pool, 2, NULL);
}

static int stop(void **state)
{
    (void)state;
    trit_pool_destroy(pool);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest all[] = {
        cmocka_unit_test(one_model_many_files),
        cmocka_unit_test(head_count_kv_is_head_count),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(rope_factors_count),
        cmocka_unit_test(stopped_anywhere),
        cmocka_unit_test(session_sizes),
        cmocka_unit_test(bad_tokens_change_nothing),
        cmocka_unit_test(prefill_gives_the_bits_of_one_pass),
    };
    return cmocka_run_group_tests(all, start, stop);
}
