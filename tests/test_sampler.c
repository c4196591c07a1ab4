/* Does the sampler draw what its parameters say, and the same tokens for the same seed on every
 * machine? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/decode/logprob.h"
#include "runtime/decode/sampler.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Everything off: plain softmax at temperature 1. */
static const struct trit_sampling plain = {
    .temperature = 1.0f, .top_p = 1.0f, .repeat_penalty = 1.0f, .seed = 7
};

static struct trit_sampler *create(const struct trit_sampling *params, size_t vocab)
{
    struct trit_sampler *s;
    struct trit_error error = { 0 };
    enum trit_code code = trit_sampler_create(&s, params, vocab, &error);
    if (code)
        print_error("%s\n", error.text);
    assert_int_equal(code, TRIT_OK);
    return s;
}

static int32_t once(struct trit_sampling params, const float *logits, size_t vocab)
{
    struct trit_sampler *s = create(&params, vocab);
    int32_t token = trit_sampler_next(s, logits);
    trit_sampler_free(s);
    return token;
}

/* How often each token comes in `draws` draws. */
static void tally(struct trit_sampling params, const float *logits, size_t vocab, int draws,
                  int *seen)
{
    struct trit_sampler *s = create(&params, vocab);
    memset(seen, 0, vocab * sizeof *seen);
    for (int i = 0; i < draws; i++)
        seen[trit_sampler_next(s, logits)]++;
    trit_sampler_free(s);
}

/* Sum of (seen - expected)^2 / expected; p need not be normalised, where it is 0 nothing may be
 * seen. */
static double chi_square(const int *seen, const double *p, size_t n, int draws)
{
    double total = 0.0, chi = 0.0;
    for (size_t i = 0; i < n; i++)
        total += p[i];
    for (size_t i = 0; i < n; i++) {
        double expected = draws * p[i] / total;
        assert_true(p[i] > 0.0 || seen[i] == 0);
        if (p[i] > 0.0)
            chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    return chi;
}

static const float slope[8] = { 0.5f, 2.0f, -1.0f, 1.0f, 0.0f, 1.5f, -0.5f, -2.0f };

/* Checks 100,000 draws against exp(slope / temperature), restricted to the tokens of
   `allowed`. 24.3 is passed by one seed in a thousand at 7 degrees of freedom; the seed is fixed.
 */
static void check_distribution(struct trit_sampling params, unsigned allowed)
{
    int seen[COUNT(slope)];
    double p[COUNT(slope)];
    for (size_t i = 0; i < COUNT(slope); i++)
        p[i] = allowed >> i & 1 ? exp(slope[i] / params.temperature) : 0.0;
    tally(params, slope, COUNT(slope), 100000, seen);
    double chi = chi_square(seen, p, COUNT(slope), 100000);
    print_message("chi square %.2f\n", chi);
    assert_true(chi < 24.3);
}

static void test_distribution(void **unused)
{
    (void)unused;
    check_distribution(plain, 0xff);
}

static void test_temperature(void **unused)
{
    (void)unused;
    struct trit_sampling hot = plain, cold = plain;
    hot.temperature = 3.0f;
    cold.temperature = 0.5f;
    check_distribution(hot, 0xff);
    check_distribution(cold, 0xff);
}

static void test_top_k(void **unused)
{
    (void)unused;
    struct trit_sampling params = plain;
    params.top_k = 3; /* 2.0, 1.5, 1.0: tokens 1, 5, 3 */
    check_distribution(params, 1u << 1 | 1u << 5 | 1u << 3);
    params.top_k = 100;
    check_distribution(params, 0xff);
}

/* Shares at temperature 1, in order: .403 .244 .148 .090 .054 .033 .020 .007. The
   cut is made before the temperature is. */
static void test_top_p(void **unused)
{
    (void)unused;
    struct trit_sampling params = plain;
    params.temperature = 2.0f;
    params.top_p = 0.6f;
    check_distribution(params, 1u << 1 | 1u << 5);
    params.top_p = 0.7f;
    check_distribution(params, 1u << 1 | 1u << 5 | 1u << 3);
    params.top_p = 0.0f;
    check_distribution(params, 1u << 1);
}

static void test_min_p(void **unused)
{
    (void)unused;
    struct trit_sampling params = plain;
    params.temperature = 2.0f;
    params.min_p = 0.2f; /* exp(-1.5) is 0.223, exp(-2) is 0.135 */
    check_distribution(params, 1u << 1 | 1u << 5 | 1u << 3 | 1u << 0);
    params.min_p = 1.0f;
    check_distribution(params, 1u << 1);
}

/* top-p counts shares of what top-k left: 2.0 and 1.5 alone are 0.622 and 0.378. */
static void test_order_of_cuts(void **unused)
{
    (void)unused;
    struct trit_sampling params = plain;
    params.top_k = 2;
    params.top_p = 0.6f;
    check_distribution(params, 1u << 1);
}

static void test_greedy(void **unused)
{
    (void)unused;
    static const float ties[] = { -1.0f, 3.0f, 2.0f, 3.0f, 3.0f };
    struct trit_sampling params = plain;
    params.temperature = 0.0f;
    assert_int_equal(once(params, ties, COUNT(ties)), 1);
    params.temperature = -1.0f;
    assert_int_equal(once(params, ties, COUNT(ties)), 1);
    params.temperature = 1e-30f; /* so cold that only the best are left, evenly */
    params.top_k = 1;
    assert_int_equal(once(params, ties, COUNT(ties)), 1);
}

static void test_not_numbers(void **unused)
{
    (void)unused;
    const float inf = INFINITY, nan = NAN;
    const float mixed[] = { nan, -inf, 1.0f, nan, 0.0f }, all_nan[] = { nan, nan, nan };
    const float banned[] = { nan, -inf, -inf }, infinite[] = { 1.0f, inf, nan, inf };
    struct trit_sampling greedy = plain;
    int seen[5];
    greedy.temperature = 0.0f;
    assert_int_equal(once(greedy, mixed, 5), 2);
    assert_int_equal(once(greedy, all_nan, 3), 0);
    assert_int_equal(once(plain, all_nan, 3), 0);
    assert_int_equal(once(greedy, banned, 3), 1);
    assert_int_equal(once(plain, banned, 3), 1);
    tally(plain, mixed, 5, 1000, seen);
    assert_true(seen[2] > 0 && seen[4] > 0 && seen[2] + seen[4] == 1000);
    tally(plain, infinite, 4, 1000, seen);
    assert_true(seen[1] > 0 && seen[3] > 0 && seen[1] + seen[3] == 1000);
}

static void test_penalty(void **unused)
{
    (void)unused;
    const float positive[] = { 2.0f, 1.5f, 1.2f }, negative[] = { -1.0f, -1.5f, -3.0f };
    struct trit_sampling params = plain;
    params.temperature = 0.0f;
    params.repeat_penalty = 2.0f;
    params.repeat_last_n = 2;
    struct trit_sampler *s = create(&params, 3);
    assert_int_equal(trit_sampler_next(s, positive), 0);
    trit_sampler_accept(s, 0);
    assert_int_equal(trit_sampler_next(s, positive), 1); /* 1, 1.5, 1.2 */
    assert_int_equal(trit_sampler_next(s, negative), 1); /* -2, -1.5, -3 */
    trit_sampler_accept(s, 1);
    assert_int_equal(trit_sampler_next(s, positive), 2); /* 1, 0.75, 1.2 */
    trit_sampler_accept(s, 1);
    assert_int_equal(trit_sampler_next(s, positive),
                     0); /* 0 has left the window; 1 stands in it twice */
    trit_sampler_accept(s, 2);
    trit_sampler_accept(s, 2);
    assert_int_equal(trit_sampler_next(s, negative), 0); /* 1 has left as well */
    trit_sampler_accept(s, -1);                          /* outside the vocabulary: ignored */
    trit_sampler_accept(s, 3);
    trit_sampler_free(s);
}

static void test_penalty_over_everything(void **unused)
{
    (void)unused;
    const float logits[] = { 2.0f, 1.5f, 1.4f };
    struct trit_sampling params = plain;
    params.temperature = 0.0f;
    params.repeat_penalty = 2.0f;
    params.repeat_last_n = -1;
    struct trit_sampler *s = create(&params, 3);
    trit_sampler_accept(s, 0);
    for (int i = 0; i < 1000; i++)
        trit_sampler_accept(s, 1);
    assert_int_equal(trit_sampler_next(s, logits), 2);
    trit_sampler_free(s);
    params.repeat_last_n = 0;
    s = create(&params, 3);
    trit_sampler_accept(s, 0);
    assert_int_equal(trit_sampler_next(s, logits), 0);
    trit_sampler_free(s);
}

/* repeat, then what is taken for each time and what is taken once. */
static void test_frequency_and_presence(void **unused)
{
    (void)unused;
    const float logits[] = { 4.0f, 1.5f, 0.9f };
    struct trit_sampling params = plain;
    params.temperature = 0.0f;
    params.repeat_penalty = 2.0f;
    params.frequency_penalty = 0.25f;
    params.presence_penalty = 0.5f;
    params.repeat_last_n = 3;
    struct trit_sampler *s = create(&params, 3);
    trit_sampler_accept(s, 0);
    assert_int_equal(trit_sampler_next(s, logits), 1); /* 1.25, 1.5, 0.9 */
    trit_sampler_accept(s, 1);
    assert_int_equal(trit_sampler_next(s, logits), 0); /* 1.25, 0, 0.9 */
    trit_sampler_accept(s, 0);
    assert_int_equal(trit_sampler_next(s, logits), 0); /* 1, 0, 0.9 */
    trit_sampler_accept(s, 0);
    assert_int_equal(trit_sampler_next(s, logits), 0); /* the first 0 has left */
    trit_sampler_accept(s, 0);
    assert_int_equal(trit_sampler_next(s, logits), 1); /* 0.75, 1.5, 0.9 */
    trit_sampler_free(s);
}

static void test_bias(void **unused)
{
    (void)unused;
    const float logits[] = { 2.0f, 1.5f, -INFINITY };
    const struct trit_bias bias[] = { { 1, 0.25f }, { 0, -1.0f }, { 1, 0.25f } },
                           never[] = { { 0, -INFINITY }, { 1, -INFINITY } };
    struct trit_sampling params = plain;
    params.temperature = 0.0f;
    params.repeat_penalty = 4.0f;
    params.repeat_last_n = 1;
    params.bias = bias;
    params.nbias = 1;
    struct trit_sampler *s = create(&params, 3);
    assert_int_equal(trit_sampler_next(s, logits), 0); /* 2, 1.75 */
    trit_sampler_free(s);
    params.nbias = 3;
    s = create(&params, 3);
    assert_int_equal(trit_sampler_next(s, logits), 1); /* 1, 2 */
    trit_sampler_accept(s, 1);
    assert_int_equal(trit_sampler_next(s, logits), 0); /* 1, 0.5 */
    trit_sampler_free(s);
    params.bias = never;
    params.nbias = 2;
    params.temperature = 1.0f;
    s = create(&params, 3);
    assert_int_equal(trit_sampler_next(s, (const float[]){ 9, 9, -9 }), 2);
    trit_sampler_mask(s, (const uint32_t[]){ 2 });
    assert_int_equal(trit_sampler_next(s, (const float[]){ 9, 9, -9 }), 1);
    trit_sampler_free(s);
}

/* Against a softmax over all in long double, and the order of a full sort. */
static void test_logprobs(void **unused)
{
    (void)unused;
    const float row[] = { 1.0f, -INFINITY, 3.0f, NAN, 3.0f, -80.0f };
    const double whole = log(exp(1.0) + 2 * exp(3.0) + exp(-80.0));
    struct trit_logprob best[8];
    float chosen;
    assert_int_equal(trit_logprobs(row, 6, 0, &chosen, best, 8), 6);
    assert_true(fabs(chosen - (1 - whole)) < 1e-6);
    static const int32_t order[] = { 2, 4, 0, 5, 1, 3 };
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(best[i].id, order[i]);
    assert_true(fabs(best[1].logprob - (3 - whole)) < 1e-6);
    assert_true(fabs(best[3].logprob - (-80 - whole)) < 1e-5);
    assert_true(best[4].logprob == -INFINITY && best[5].logprob == -INFINITY);
    assert_int_equal(trit_logprobs(row, 6, 3, &chosen, best, 0), 0);
    assert_true(chosen == -INFINITY);
    assert_int_equal(trit_logprobs(row, 6, 4, &chosen, best, 2), 2);
    assert_true(best[0].id == 2 && best[1].id == 4 && chosen == best[1].logprob);
    const float same[] = { FLT_MAX, FLT_MAX, INFINITY };
    trit_logprobs(same, 3, 1, &chosen, best, 3);
    assert_true(fabs(chosen + log(3)) < 1e-6 && best[0].id == 0 && best[2].id == 2);
}

static void test_bad_parameters(void **unused)
{
    (void)unused;
    static const struct trit_bias outside[] = { { 8, 1 } }, infinite[] = { { 7, INFINITY } };
    static const struct {
        struct trit_sampling params;
        size_t vocab;
        const char *named;
    } bad[] = {
        { { .temperature = NAN, .top_p = 1, .repeat_penalty = 1 }, 8, "temperature" },
        { { .temperature = INFINITY, .top_p = 1, .repeat_penalty = 1 }, 8, "temperature" },
        { { .top_p = -0.1f, .repeat_penalty = 1 }, 8, "top_p" },
        { { .top_p = NAN, .repeat_penalty = 1 }, 8, "top_p" },
        { { .top_p = 1, .min_p = 1.5f, .repeat_penalty = 1 }, 8, "min_p" },
        { { .top_p = 1, .repeat_penalty = 0 }, 8, "repeat_penalty" },
        { { .top_p = 1, .repeat_penalty = INFINITY }, 8, "repeat_penalty" },
        { { .top_p = 1, .repeat_penalty = 1, .repeat_last_n = -2 }, 8, "repeat_last_n" },
        { { .top_p = 1, .repeat_penalty = 1, .presence_penalty = NAN }, 8, "presence_penalty" },
        { { .top_p = 1, .repeat_penalty = 1, .frequency_penalty = INFINITY },
          8,
          "frequency_penalty" },
        { { .top_p = 1, .repeat_penalty = 1, .bias = outside, .nbias = 1 }, 8, "token 8" },
        { { .top_p = 1, .repeat_penalty = 1, .bias = infinite, .nbias = 1 }, 8, "token 7" },
        { { .top_p = 1, .repeat_penalty = 1, .bias = infinite, .nbias = 9 }, 8, "biases" },
        { { .top_p = 1, .repeat_penalty = 1 }, 0, "vocabulary" },
        { { .top_p = 1, .repeat_penalty = 1 }, SIZE_MAX, "vocabulary" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct trit_sampler *s;
        struct trit_error error = { 0 };
        enum trit_code code = trit_sampler_create(&s, &bad[i].params, bad[i].vocab, &error);
        assert_int_equal(code, TRIT_EARGUMENT);
        assert_null(s);
        assert_non_null(strstr(error.text, bad[i].named));
    }
}

/* Logits of a large vocabulary, many of them equal, from integer arithmetic alone. */
static float *large_row(size_t vocab, uint32_t seed)
{
    float *logits = test_malloc(vocab * sizeof *logits);
    for (size_t i = 0; i < vocab; i++) {
        seed = seed * 1664525u + 1013904223u;
        logits[i] = (float)(seed >> 20) / 256.0f - 8.0f;
    }
    return logits;
}

static const float *sorted_row; /* what by_order compares */

static int by_order(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    if (sorted_row[i] != sorted_row[j])
        return sorted_row[i] > sorted_row[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

/* rank[id]: place of id in the order by logit, then id. */
static int32_t *ranks(const float *logits, size_t vocab)
{
    int32_t *order = test_malloc(vocab * sizeof *order), *rank = test_malloc(vocab * sizeof *rank);
    for (size_t i = 0; i < vocab; i++)
        order[i] = (int32_t)i;
    sorted_row = logits;
    qsort(order, vocab, sizeof *order, by_order);
    for (size_t i = 0; i < vocab; i++)
        rank[order[i]] = (int32_t)i;
    test_free(order);
    return rank;
}

/* The bounded selection must leave what a full sort would. At a temperature that makes all weights
   even, nothing past top_k may come and the far half of what is left must. */
static void test_selection_among_many(void **unused)
{
    (void)unused;
    enum { VOCAB = 128256 };
    static const int sizes[] = { 1, 40, 600, 100000 };
    float *logits = large_row(VOCAB, 3);
    int32_t *rank = ranks(logits, VOCAB);
    struct trit_sampling params = plain;
    params.temperature = 1e30f;
    for (size_t j = 0; j < COUNT(sizes); j++) {
        params.top_k = sizes[j];
        struct trit_sampler *s = create(&params, VOCAB);
        int32_t worst = 0;
        for (int i = 0; i < 30; i++) {
            int32_t at = rank[trit_sampler_next(s, logits)];
            worst = at > worst ? at : worst;
        }
        assert_true(worst < sizes[j]);
        assert_true(worst >= sizes[j] / 2);
        trit_sampler_free(s);
    }
    test_free(rank);
    test_free(logits);
}

static uint64_t golden_run(struct trit_sampling params, size_t vocab)
{
    uint64_t hash = 0xcbf29ce484222325u;
    struct trit_sampler *s = create(&params, vocab);
    for (uint32_t i = 0; i < 50; i++) {
        float *logits = large_row(vocab, i);
        int32_t token = trit_sampler_next(s, logits);
        trit_sampler_accept(s, token);
        hash = (hash ^ (uint32_t)token) * 0x100000001b3u;
        test_free(logits);
    }
    trit_sampler_free(s);
    return hash;
}

/* Golden values, also found by a separate program with a full sort: they may change only with the
 * documented order of the sampler. */
static void test_seed_reproduces(void **unused)
{
    (void)unused;
    struct trit_sampling all = { .temperature = 1.1f,
                                 .top_p = 0.9f,
                                 .min_p = 0.01f,
                                 .repeat_penalty = 1.2f,
                                 .repeat_last_n = -1,
                                 .seed = 42 };
    struct {
        struct trit_sampling params;
        uint64_t hash;
    } golden[] = {
        { trit_sampling_default, 0xacdf9af40784f160u },
        { plain, 0x631677cb2531833du },
        { all, 0x99e682dd29cc7154u },
    };
    for (size_t i = 0; i < COUNT(golden); i++) {
        uint64_t hash = golden_run(golden[i].params, 3000);
        print_message("run %zu: %016llx\n", i, (unsigned long long)hash);
        assert_true(hash == golden_run(golden[i].params, 3000));
        assert_true(hash == golden[i].hash);
    }
    struct trit_sampling other = plain;
    other.seed++;
    assert_true(golden_run(other, 3000) != golden_run(plain, 3000));
}

static void test_logits_unchanged(void **unused)
{
    (void)unused;
    struct trit_sampling params = trit_sampling_default;
    params.repeat_penalty = 1.5f;
    float *logits = large_row(2000, 9), *copy = large_row(2000, 9);
    struct trit_sampler *s = create(&params, 2000);
    for (int i = 0; i < 10; i++)
        trit_sampler_accept(s, trit_sampler_next(s, logits));
    assert_memory_equal(logits, copy, 2000 * sizeof *copy);
    trit_sampler_free(s);
    test_free(logits);
    test_free(copy);
}

static void test_one_token(void **unused)
{
    (void)unused;
    const float logits[] = { -5.0f };
    assert_int_equal(once(trit_sampling_default, logits, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_top_p),
        cmocka_unit_test(test_min_p),
        cmocka_unit_test(test_order_of_cuts),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_penalty),
        cmocka_unit_test(test_penalty_over_everything),
        cmocka_unit_test(test_frequency_and_presence),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_logprobs),
        cmocka_unit_test(test_bad_parameters),
        cmocka_unit_test(test_selection_among_many),
        cmocka_unit_test(test_seed_reproduces),
        cmocka_unit_test(test_logits_unchanged),
        cmocka_unit_test(test_one_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
