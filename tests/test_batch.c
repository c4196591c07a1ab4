/* labels: threads */
/* Does a sequence get the same logits, to the bit, whoever shares its passes: others that join and
   leave at any step, prompts beside single tokens, rewinds? And does a wrong call change nothing?
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/head/head.h"
#include "tests/lib_model.h"

enum {
    TEXTS = 8,
    LONGEST = 300,
    PLACES = 8,
    STEPS = 60,
    MOST = 40, /* tokens of a place in one step */
    BEST = 3,
    VOCAB = TRIT_TOY_VOCAB
};

/* A text and the logits after each of its tokens when it is alone. */
struct text {
    size_t length;
    int32_t tokens[LONGEST];
    float logits[LONGEST][VOCAB];
};

/* A sequence that is on its way through a text, and what a step answers it. */
struct place {
    struct trit_session *session;
    const struct text *text;
    float logits[MOST][VOCAB];
    struct trit_top top[MOST];
    struct trit_candidate best[MOST][BEST];
};

static struct text texts[TEXTS];
static uint32_t seed;

static size_t below(size_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (size_t)(seed >> 8) % n;
}

/* Of a model's file. */
struct kind {
    const char *arch;
    uint32_t type;
};
static const struct kind i2_s = { "bitnet-b1.58", TRIT_I2_S }, f16 = { "bitnet-b1.58", TRIT_F16 },
                         groups = { "qwen3", TRIT_F16 }, packed = { "qwen3", TRIT_PQ2_0 },
                         experts = { "maple", TRIT_I2_S };

/* The toy's norms of inner products become those of q's and k's heads. */
static void norm_heads(struct trit_toy *toy, const struct trit_toy_shape *shape)
{
    static const char *const names[][2] = { { "attn_sub_norm", "attn_q_norm" },
                                            { "ffn_sub_norm", "attn_k_norm" } };
    for (size_t i = 0; i < 2 * shape->layers; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%zu.%s.weight", i / 2, names[i % 2][0]);
        struct trit_toy_tensor *t = trit_toy_tensor(toy, name);
        snprintf(t->name, sizeof t->name, "blk.%zu.%s.weight", i / 2, names[i % 2][1]);
        t->ne[0] = shape->hidden / shape->heads;
    }
}

static struct trit_model *load(const struct trit_toy_shape *shape, const struct kind *kind,
                               struct trit_pool *pool, struct trit_gguf **gguf, uint8_t **image)
{
    static struct trit_toy toy;
    struct trit_error error;
    struct trit_model *model;
    size_t bytes;
    if (kind == &experts)
        trit_toy_experts(&toy, shape, &(struct trit_toy_experts){ 7, 3, 50 });
    else
        trit_toy_init(&toy, kind->arch, shape);
    if (kind == &packed)
        trit_toy_tensor(&toy, "token_embd.weight")->values = TOY_TRITS;
    trit_toy_retype(&toy, TOY_TRITS, kind->type);
    if (kind == &groups || kind == &packed)
        norm_heads(&toy, shape);
    *image = trit_toy_write(&toy, &bytes);
    assert_int_equal(trit_gguf_parse(gguf, *image, bytes, "toy.gguf", &error), TRIT_OK);
    if (trit_model_load(&model, *gguf, pool, NULL, &error))
        fail_msg("%s", error.text);
    return model;
}

static void write_texts(struct trit_model *model)
{
    for (size_t i = 0; i < TEXTS; i++) {
        struct text *t = &texts[i];
        struct trit_session *alone;
        t->length = i == 0 ? LONGEST : 1 + below(LONGEST);
        for (size_t j = 0; j < t->length; j++)
            t->tokens[j] = (int32_t)below(VOCAB);
        assert_int_equal(trit_session_create(&alone, model, LONGEST, 16, NULL), TRIT_OK);
        assert_int_equal(trit_session_eval(alone, t->tokens, t->length, 0, t->logits[0], NULL),
                         TRIT_OK);
        trit_session_free(alone);
    }
}

/* What a place takes part with in a step: often nothing or one token, else some, or a rewind. */
static size_t wish(struct trit_work *work, struct place *p)
{
    if (!p->session) {
        p->text = &texts[below(TEXTS)];
        assert_int_equal(trit_session_join(&p->session, work, p->text->length, NULL), TRIT_OK);
    }
    const size_t done = trit_session_position(p->session), left = p->text->length - done;
    const size_t kind = below(8);
    if (kind == 0 || left == 0)
        return 0;
    if (kind == 1 && done > 0) {
        trit_session_rewind(p->session, below(done));
        return 1;
    }
    const size_t most = left < MOST ? left : MOST;
    return kind < 6 ? 1 : 1 + below(most);
}

static void leave(struct place *p)
{
    trit_session_free(p->session);
    p->session = NULL;
}

/* Half of the runs want all logits, the others the best. */
static struct trit_run make_run(struct place *p, size_t count)
{
    const size_t at = trit_session_position(p->session);
    for (size_t i = 0; i < MOST; i++)
        p->top[i] = (struct trit_top){ .k = BEST, .best = p->best[i] };
    return (struct trit_run){ .session = p->session,
                              .tokens = p->text->tokens + at,
                              .count = count,
                              .first = below(count + 1),
                              .logits = p->logits[0],
                              .top = below(2) ? p->top : NULL };
}

static void same_best(const struct trit_top *top, const float *logits)
{
    bool taken[VOCAB] = { false };
    assert_int_equal(top->count, BEST);
    for (size_t i = 0; i < BEST; i++) {
        size_t best = VOCAB;
        for (size_t j = 0; j < VOCAB; j++)
            if (!taken[j] && (best == VOCAB || logits[j] > logits[best]))
                best = j;
        taken[best] = true;
        assert_int_equal(top->best[i].id, best);
        assert_memory_equal(&top->best[i].logit, &logits[best], sizeof logits[best]);
    }
}

static void check_run(const struct place *p, const struct trit_run *run)
{
    const size_t wanted = run->count - run->first;
    const size_t at = trit_session_position(p->session) - wanted;
    for (size_t i = 0; i < wanted && run->top; i++)
        same_best(&p->top[i], p->text->logits[at + i]);
    if (!run->top)
        assert_memory_equal(p->logits, p->text->logits[at], wanted * sizeof p->logits[0]);
}

static void step(struct trit_work *work, struct place *places)
{
    struct trit_run runs[PLACES];
    size_t n = 0;
    for (size_t i = 0; i < PLACES; i++) {
        const size_t count = wish(work, &places[i]);
        if (count)
            runs[n++] = make_run(&places[i], count);
    }
    assert_int_equal(trit_model_eval(work, runs, n, NULL), TRIT_OK);
    for (size_t i = 0, r = 0; i < PLACES; i++) {
        struct place *p = &places[i];
        if (r < n && runs[r].session == p->session)
            check_run(p, &runs[r++]);
        if (trit_session_position(p->session) == p->text->length || below(16) == 0)
            leave(p);
    }
}

static void mixed(const struct trit_toy_shape *shape, const struct kind *kind, int threads,
                  size_t chunk)
{
    struct trit_pool *pool;
    struct trit_gguf *gguf;
    struct trit_work *work;
    static struct place places[PLACES];
    uint8_t *image;
    assert_int_equal(trit_pool_create(&pool, threads, NULL), TRIT_OK);
    struct trit_model *model = load(shape, kind, pool, &gguf, &image);
    write_texts(model);
    assert_int_equal(trit_work_create(&work, model, chunk, NULL), TRIT_OK);
    for (int i = 0; i < STEPS; i++)
        step(work, places);
    for (size_t i = 0; i < PLACES; i++)
        leave(&places[i]);
    trit_work_free(work);
    trit_model_free(model);
    trit_gguf_close(gguf);
    trit_pool_destroy(pool);
    free(image);
}

static const struct trit_toy_shape grouped = { 256, 384, 2, 8, 2 };
static const struct trit_toy_shape odd = { 60, 100, 2, 6, 3 }; /* nothing fills its blocks */

static void same_bits_in_company(void **state)
{
    (void)state;
    seed = 1;
    mixed(&grouped, &i2_s, 2, 64);
    mixed(&grouped, &i2_s, 1, 512);
    mixed(&odd, &f16, 3, 7);
    mixed(&odd, &f16, 2, 1);
    mixed(&grouped, &groups, 2, 64);
    mixed(&grouped, &groups, 3, 5);
    mixed(&grouped, &packed, 2, 64);
    mixed(&grouped, &packed, 1, 40);
    mixed(&grouped, &experts, 2, 64);
    mixed(&grouped, &experts, 1, 7);
}

static void wrong_calls_change_nothing(void **state)
{
    (void)state;
    struct trit_pool *pool;
    struct trit_gguf *gguf;
    struct trit_work *work;
    struct trit_session *s[2];
    uint8_t *image;
    float logits[VOCAB];
    const int32_t good[3] = { 1, 2, 3 }, bad[3] = { 1, 2, VOCAB };
    assert_int_equal(trit_pool_create(&pool, 1, NULL), TRIT_OK);
    struct trit_model *model = load(&grouped, &i2_s, pool, &gguf, &image);
    assert_int_equal(trit_work_create(&work, model, 4, NULL), TRIT_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(trit_session_join(&s[i], work, 4, NULL), TRIT_OK);
    const struct trit_run wrong[][2] = {
        { { s[0], good, 3, 3, NULL, NULL, 0, NULL, NULL, false },
          { s[0], good, 1, 1, NULL, NULL, 0, NULL, NULL, false } },
        { { s[0], good, 3, 3, NULL, NULL, 0, NULL, NULL, false },
          { s[1], bad, 3, 3, NULL, NULL, 0, NULL, NULL, false } },
        { { s[0], good, 3, 3, NULL, NULL, 0, NULL, NULL, false },
          { s[1], good, 1, 2, logits, NULL, 0, NULL, NULL, false } },
        { { s[0], good, 3, 3, NULL, NULL, 0, NULL, NULL, false },
          { s[1], good, 5, 5, NULL, NULL, 0, NULL, NULL, false } },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(trit_model_eval(work, wrong[i], 2, NULL), TRIT_EARGUMENT);
        assert_int_equal(trit_session_position(s[0]), 0);
        assert_int_equal(trit_session_position(s[1]), 0);
    }
    assert_int_equal(trit_model_eval(work, wrong[0], 1, NULL), TRIT_OK);
    assert_int_equal(trit_model_eval(work, wrong[0], 0, NULL), TRIT_OK);
    assert_int_equal(trit_session_position(s[0]), 3);
    for (int i = 0; i < 2; i++)
        trit_session_free(s[i]);
    trit_work_free(work);
    trit_model_free(model);
    trit_gguf_close(gguf);
    trit_pool_destroy(pool);
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_in_company),
        cmocka_unit_test(wrong_calls_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
