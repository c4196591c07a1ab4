/* labels: threads */
/* Has a step of training the same bits with any number of threads and in whatever room, and are its
   losses those of each sequence alone? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/thread/internal.h"
#include "runtime/train/adamw.h"

/* Tokens are three pieces of work, and a fourth that is short. */
enum { SEQUENCES = 9, LENGTH = 97, VOCAB = 150, TOKENS = SEQUENCES * LENGTH };

struct result {
    size_t floats;
    float *w, *g, *m, *v; /* after an update, and a pass behind it */
    float nll[2 * TOKENS];
    double norm;
};

static int32_t tokens[SEQUENCES * (LENGTH + 1)];

static void make_net(struct trit_train_net *net, const struct trit_train_shape *shape,
                     struct trit_pool *pool, size_t sequences)
{
    struct trit_error error = { .text = "" };
    if (trit_train_shape_check(shape, &error) ||
        trit_train_net_create(net, shape, pool, sequences, &error))
        fail_msg("%s", error.text);
    trit_train_net_begin(net, 3);
    trit_train_net_quantise(net);
}

static void make_result(struct result *r, size_t floats)
{
    *r = (struct result){ .floats = floats, .w = calloc(4 * floats, sizeof *r->w) };
    assert_non_null(r->w);
    r->g = r->w + floats;
    r->m = r->g + floats;
    r->v = r->m + floats;
}

/* Two steps, the second without its update; `each` sequences a pass. */
static void train(const struct trit_train_shape *shape, int threads, size_t room, size_t each,
                  struct result *r)
{
    const struct trit_train_rate rate = { 1e-3, 0.1, 1 };
    struct trit_train_net net;
    struct trit_pool *pool;
    assert_int_equal(trit_pool_create(&pool, threads, NULL), TRIT_OK);
    make_net(&net, shape, pool, room);
    make_result(r, net.layout.floats);
    for (int step = 0; step < 2; step++) {
        for (size_t i = 0; i < SEQUENCES; i += each) {
            trit_pool_set_active(pool, threads);
            const size_t n = SEQUENCES - i < each ? SEQUENCES - i : each;
            trit_train_net_learn(&net, tokens + i * (LENGTH + 1), n, 1.0f / TOKENS,
                                 r->nll + step * TOKENS + i * LENGTH);
        }
        if (step == 0) {
            r->norm = trit_train_update(&net, r->m, r->v, 1, &rate);
            trit_train_net_quantise(&net);
        }
    }
    memcpy(r->w, net.w, r->floats * sizeof *r->w);
    memcpy(r->g, net.g, r->floats * sizeof *r->g);
    trit_train_net_free(&net);
    trit_pool_destroy(pool);
}

static void check_same(const struct result *a, const struct result *b, const char *what)
{
    const float *const x[] = { a->nll, a->nll + TOKENS, a->g, a->w, a->m, a->v };
    const float *const y[] = { b->nll, b->nll + TOKENS, b->g, b->w, b->m, b->v };
    static const char *const names[] = {
        "the first loss", "the second loss",   "the gradients",
        "the weights",    "the first moments", "the second moments"
    };
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < (i < 2 ? TOKENS : a->floats); j++)
            if (memcmp(x[i] + j, y[i] + j, sizeof **x))
                fail_msg("%s: %s have other bits, from %zu on: %.9g and %.9g", what, names[i], j,
                         (double)x[i][j], (double)y[i][j]);
    assert_true(a->norm == b->norm);
}

static const struct trit_train_shape shapes[] = {
    { .family = TRIT_TRAIN_BITNET,
      .weights = TRIT_TRAIN_TERNARY,
      .weight_group = TRIT_TRAIN_GROUP,
      .input_group = TRIT_TRAIN_GROUP,
      .input_bits = 8,
      .hadamard = 128,
      .low_rows = 1,
      .vocab = VOCAB,
      .hidden = 128,
      .ffn = 256,
      .layers = 2,
      .heads = 4,
      .kv_heads = 2,
      .head_dim = 32,
      .context = LENGTH,
      .eps = 1e-5f,
      .rope_base = 1e4f },
    { .family = TRIT_TRAIN_QWEN3,
      .weights = TRIT_TRAIN_BINARY,
      .input_bits = 4,
      .vocab = VOCAB,
      .hidden = 72,
      .ffn = 136,
      .layers = 2,
      .heads = 3,
      .kv_heads = 3,
      .head_dim = 20,
      .context = LENGTH,
      .eps = 1e-6f,
      .rope_base = 1e4f },
};

static void steps(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int threads;
        size_t room;
    } others[] = { { "two threads", 2, SEQUENCES },
                   { "three threads", 3, SEQUENCES },
                   { "more room", 2, SEQUENCES + 4 } };
    for (size_t i = 0; i < 2; i++)
        for (size_t each = SEQUENCES; each; each = each > 4 ? 4 : 0) {
            struct result one, other;
            train(&shapes[i], 1, SEQUENCES, each, &one);
            for (size_t j = 0; j < sizeof others / sizeof *others; j++) {
                train(&shapes[i], others[j].threads, others[j].room, each, &other);
                check_same(&one, &other, others[j].name);
                free(other.w);
            }
            free(one.w);
        }
}

/* Sequences do not know each other: a pass may take any number of them. BLAS rounds a row in
   another way where there are more or fewer, so that bits are not the same; dense models, since a
   quantiser may make a whole step of that. */
static void losses(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct trit_train_shape shape = shapes[i];
        shape.weights = TRIT_TRAIN_DENSE;
        shape.weight_group = shape.input_group = shape.input_bits = 0;
        shape.hadamard = shape.low_rows = 0;
        float all[TOKENS], nll[TOKENS];
        struct trit_train_net net;
        struct trit_pool *pool;
        assert_int_equal(trit_pool_create(&pool, 2, NULL), TRIT_OK);
        make_net(&net, &shape, pool, SEQUENCES);
        trit_train_net_forward(&net, tokens, SEQUENCES, all);
        for (size_t each = 1; each < SEQUENCES; each *= 4) {
            for (size_t s = 0; s < SEQUENCES; s += each) {
                const size_t n = SEQUENCES - s < each ? SEQUENCES - s : each;
                trit_train_net_forward(&net, tokens + s * (LENGTH + 1), n, nll + s * LENGTH);
            }
            for (size_t j = 0; j < TOKENS; j++)
                if (!(fabsf(nll[j] - all[j]) < 1e-5f * all[j]))
                    fail_msg("with %zu a pass the loss of token %zu is %.9g, wanted %.9g", each, j,
                             (double)nll[j], (double)all[j]);
        }
        trit_train_net_free(&net);
        trit_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(steps), cmocka_unit_test(losses) };
    uint64_t state = 5;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        tokens[i] = (int32_t)(trit_random_next(&state) % VOCAB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
