/* wraps: trit_train_quantise_inputs trit_train_quantise_weights
   numbers: double
   Are the gradients of all tensors the derivatives of the loss, with quantisers as their surrogate?
   An argument is another seed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/train/net.h"
#include "tests/double_surrogate.h"

enum { VOCAB = 23 };
static const double step = 2e-5; /* of all weights, in parts of their root mean square */

static uint64_t seed = 14, state;
static struct trit_pool *pool;
static double worst;

static double uniform(void)
{
    return (double)(int64_t)(trit_random_next(&state) >> 10) * 0x1p-53 - 1;
}

/* A model, and so many sequences of so many predictions, each pass taking `each` of them. */
struct example {
    const char *name;
    struct trit_train_shape shape;
    size_t length, sequences, each;
    size_t elements; /* of a tensor that are looked at, beside a direction through all */
};

struct study {
    const struct example *e;
    struct trit_train_net net;
    int32_t *tokens;
    double *nll, *above, *saved, *direction;
    size_t n; /* predictions */
};

/* Of pass i; each has another one. */
static double weight_of(size_t i)
{
    return 0.25 + 0.125 * (double)i;
}

/* All passes, forward alone or with gradients. */
static void evaluate(struct study *s, bool learns, double *nll)
{
    if (learns)
        trit_surrogate_record();
    else
        trit_surrogate_replay();
    trit_train_net_quantise(&s->net);
    for (size_t i = 0; i < s->e->sequences; i += s->e->each) {
        const size_t left = s->e->sequences - i, n = left < s->e->each ? left : s->e->each;
        const int32_t *tokens = s->tokens + i * (s->net.length + 1);
        if (learns)
            trit_train_net_learn(&s->net, tokens, n, weight_of(i / s->e->each),
                                 nll + i * s->net.length);
        else
            trit_train_net_forward(&s->net, tokens, n, nll + i * s->net.length);
    }
}

/* The mean slope of the loss along s->direction from -h to h, over n weights from `at` on. */
static double chord(struct study *s, size_t at, size_t n, double h)
{
    double *w = s->net.w + at, sum = 0;
    memcpy(s->saved, w, n * sizeof *w);
    for (int way = -1; way <= 1; way += 2) {
        for (size_t i = 0; i < n; i++)
            w[i] = s->saved[i] + way * h * s->direction[i];
        evaluate(s, false, way > 0 ? s->above : s->nll);
    }
    memcpy(w, s->saved, n * sizeof *w);
    for (size_t i = 0; i < s->n; i++)
        sum += weight_of(i / s->net.length / s->e->each) * (s->above[i] - s->nll[i]);
    return sum / (2 * h);
}

/* Without the error that grows with h: trits times whole steps make gates that are 0 to the bit,
   where relu^2 has two second derivatives. */
static double slope(struct study *s, size_t at, size_t n, double h)
{
    return 2 * chord(s, at, n, h / 2) - chord(s, at, n, h);
}

static double length_of(size_t n, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static void compare(struct study *s, const char *what, size_t at, const double got[2], double floor)
{
    const double error = fabs(got[0] - got[1]) / fmax(fmax(fabs(got[0]), fabs(got[1])), floor);
    worst = fmax(worst, error);
    if (!(error < 1e-5))
        fail_msg("%s, %s, element %zu (seed %llu): the gradient is %.9g, differences give %.9g",
                 s->e->name, what, at, (unsigned long long)seed, got[0], got[1]);
}

/* Elements are compared to 1e-5 of themselves, but of a hundredth of the tensor's root mean square
   at least: a smaller one is a sum whose terms cancel, and the error of a difference, which higher
   derivatives and the loss's last bits make, does not cancel with them. Where all gradients are
   zero, as those of q and k are with a single key, only rounding is left of either. */
static double floor_of(const struct study *s, const struct trit_train_tensor *t)
{
    const double all = length_of(s->net.layout.floats, s->net.g);
    return fmax(0.01 * length_of(t->n * t->k, s->net.g + t->at) / sqrt((double)(t->n * t->k)),
                1e-9 * all);
}

static double scale_of(const struct study *s, const struct trit_train_tensor *t)
{
    return length_of(t->n * t->k, s->net.w + t->at) / sqrt((double)(t->n * t->k));
}

static void check_element(struct study *s, const struct trit_train_tensor *t, size_t i)
{
    s->direction[0] = 1;
    const double share = t->role == TRIT_TRAIN_NORM ? 1 : sqrt((double)t->k); /* of a product */
    const double h = step * share * scale_of(s, t);
    const double got[2] = { s->net.g[t->at + i], slope(s, t->at + i, 1, h) };
    compare(s, t->name, i, got, floor_of(s, t));
}

/* Along a direction as random as the tensor's weights are. */
static void check_direction(struct study *s, const struct trit_train_tensor *t)
{
    const size_t n = t->n * t->k;
    const double scale = scale_of(s, t);
    double got[2] = { 0 };
    for (size_t i = 0; i < n; i++) {
        s->direction[i] = uniform() * scale;
        got[0] += s->direction[i] * s->net.g[t->at + i];
    }
    got[1] = slope(s, t->at, n, step);
    compare(s, t->name, n, got, floor_of(s, t) * scale * sqrt((double)n));
}

/* The whole block. */
static void check_all(struct study *s)
{
    double got[2] = { 0 }, size = 0;
    memset(s->direction, 0, s->net.layout.floats * sizeof *s->direction);
    for (size_t j = 0; j < s->net.layout.ntensors; j++) {
        const struct trit_train_tensor *t = &s->net.layout.list[j];
        const double scale = scale_of(s, t);
        for (size_t i = t->at; i < t->at + t->n * t->k; i++) {
            s->direction[i] = uniform() * scale;
            got[0] += s->direction[i] * s->net.g[i];
        }
        size += pow(scale * length_of(t->n * t->k, s->net.g + t->at), 2);
    }
    got[1] = slope(s, 0, s->net.layout.floats, step);
    compare(s, "all tensors", 0, got, 0.01 * sqrt(size));
}

/* The place of the largest gradient below a bound. */
static size_t largest_below(const double *g, size_t n, double bound)
{
    size_t at = 0;
    double most = -1;
    for (size_t i = 0; i < n; i++)
        if (fabs(g[i]) > most && fabs(g[i]) < bound) {
            most = fabs(g[i]);
            at = i;
        }
    return at;
}

static void check_tensor(struct study *s, const struct trit_train_tensor *t)
{
    const double *g = s->net.g + t->at;
    const size_t n = t->n * t->k;
    double bound = INFINITY;
    for (size_t i = 0; i < s->e->elements; i++) {
        const size_t next = largest_below(g, n, bound);
        check_element(s, t, next);
        check_element(s, t, trit_random_next(&state) % n);
        bound = fabs(g[next]);
    }
    check_direction(s, t);
}

/* Norms about 1, matrices that keep the size of what they take. */
static void fill(struct study *s)
{
    for (size_t j = 0; j < s->net.layout.ntensors; j++) {
        const struct trit_train_tensor *t = &s->net.layout.list[j];
        for (size_t i = 0; i < t->n * t->k; i++)
            s->net.w[t->at + i] = t->role == TRIT_TRAIN_NORM ? 1 + 0.5 * uniform()
                                                             : 1.5 * uniform() / sqrt((double)t->k);
    }
    for (size_t i = 0; i < s->e->sequences * (s->net.length + 1); i++)
        s->tokens[i] = (int32_t)(trit_random_next(&state) % VOCAB);
}

static void begin(struct study *s, const struct example *e)
{
    struct trit_error error = { .text = "" };
    struct trit_train_shape shape = e->shape;
    *s = (struct study){ .e = e, .n = e->sequences * e->length };
    shape.vocab = VOCAB;
    shape.context = e->length < 2 ? 2 : (uint32_t)e->length;
    shape.eps = 1e-5f;
    shape.rope_base = 10000;
    if (trit_train_shape_check(&shape, &error) ||
        trit_train_net_create(&s->net, &shape, pool, e->each, &error))
        fail_msg("%s: %s", e->name, error.text);
    s->net.length = e->length;
    const size_t floats = s->net.layout.floats;
    s->tokens = calloc(e->sequences * (e->length + 1), sizeof *s->tokens);
    s->nll = calloc(2 * s->n + 2 * floats, sizeof *s->nll);
    assert_true(s->tokens && s->nll);
    s->above = s->nll + s->n;
    s->saved = s->above + s->n;
    s->direction = s->saved + floats;
    fill(s);
}

static void check(const struct example *e)
{
    struct study s;
    begin(&s, e);
    evaluate(&s, true, s.above);
    evaluate(&s, false, s.nll);
    for (size_t i = 0; i < s.n; i++)
        assert_true(fabs(s.nll[i] - s.above[i]) < 1e-12 * (1 + fabs(s.above[i])));
    for (size_t i = 0; i < s.net.layout.ntensors; i++)
        check_tensor(&s, &s.net.layout.list[i]);
    check_all(&s);
    free(s.tokens);
    free(s.nll);
    trit_train_net_free(&s.net);
}

enum { BITNET = TRIT_TRAIN_BITNET, QWEN3 = TRIT_TRAIN_QWEN3 };

/* family, weights, groups of weights and of inputs, bits, rotation, low rows, -, hidden, ffn,
   layers, heads, kv heads, size of heads. */
static const struct example examples[] = {
    { "bitnet, dense", { BITNET, 0, 0, 0, 0, 0, 0, 0, 24, 40, 1, 4, 4, 6, 0, 0, 0 }, 5, 2, 2, 3 },
    { "qwen3, dense, one kv head",
      { QWEN3, 0, 0, 0, 0, 0, 0, 0, 28, 37, 1, 4, 1, 10, 0, 0, 0 },
      7,
      3,
      2,
      2 },
    { "bitnet, ternary, 3 layers",
      { BITNET, 1, 0, 0, 8, 0, 0, 0, 32, 56, 3, 4, 2, 8, 0, 0, 0 },
      9,
      3,
      2,
      1 },
    { "qwen3, ternary, 3 layers",
      { QWEN3, 1, 0, 0, 8, 0, 0, 0, 36, 50, 3, 6, 2, 4, 0, 0, 0 },
      9,
      2,
      1,
      1 },
    { "bitnet, ternary groups",
      { BITNET, 1, 128, 128, 8, 0, 0, 0, 128, 256, 1, 4, 2, 32, 0, 0, 0 },
      6,
      2,
      2,
      2 },
    { "qwen3, ternary groups, 4 bits",
      { QWEN3, 1, 128, 128, 4, 0, 0, 0, 128, 128, 1, 2, 1, 64, 0, 0, 0 },
      6,
      2,
      1,
      2 },
    { "bitnet, binary", { BITNET, 2, 0, 0, 8, 0, 0, 0, 40, 72, 1, 2, 2, 20, 0, 0, 0 }, 8, 2, 2, 2 },
    { "qwen3, binary groups, low rows",
      { QWEN3, 2, 128, 128, 8, 0, 1, 0, 128, 128, 1, 4, 2, 32, 0, 0, 0 },
      6,
      3,
      2,
      2 },
    { "bitnet, ternary, 4 bits, rotation by 8",
      { BITNET, 1, 0, 0, 4, 8, 0, 0, 32, 56, 2, 4, 1, 8, 0, 0, 0 },
      9,
      2,
      2,
      2 },
    { "qwen3, ternary, 4 bits, rotation by 16",
      { QWEN3, 1, 0, 0, 4, 16, 0, 0, 36, 48, 1, 4, 2, 8, 0, 0, 0 },
      9,
      2,
      2,
      2 },
    { "bitnet, ternary, groups of inputs, low rows, rotation by 128",
      { BITNET, 1, 0, 128, 4, 128, 1, 0, 128, 128, 1, 2, 1, 64, 0, 0, 0 },
      6,
      2,
      2,
      2 },
    { "bitnet, one token",
      { BITNET, 1, 0, 0, 8, 0, 0, 0, 24, 40, 1, 4, 2, 6, 0, 0, 0 },
      1,
      3,
      2,
      2 },
    { "qwen3, two tokens",
      { QWEN3, 1, 0, 0, 8, 0, 0, 0, 24, 40, 1, 4, 2, 6, 0, 0, 0 },
      2,
      3,
      2,
      2 },
    { "bitnet, ternary, three pieces",
      { BITNET, 1, 0, 0, 8, 0, 0, 0, 16, 24, 1, 2, 1, 8, 0, 0, 0 },
      267,
      2,
      2,
      0 },
    { "qwen3, dense, many tokens",
      { QWEN3, 0, 0, 0, 0, 0, 0, 0, 12, 16, 1, 2, 1, 6, 0, 0, 0 },
      131,
      9,
      8,
      0 },
};

static void gradients(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check(&examples[i]);
    print_message("seed %llu: %.1e of a derivative at most\n", (unsigned long long)seed, worst);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gradients) };
    if (trit_pool_create(&pool, 1, NULL))
        return 1;
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    state = seed;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_pool_destroy(pool);
    trit_surrogate_free();
    return failed;
}
