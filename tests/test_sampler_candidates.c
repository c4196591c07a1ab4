/* Does the sampler choose from a head's candidates what it chooses from whole rows of logits? And
   from rows under a mask never what the mask forbids? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/decode/sampler.h"

enum { VOCAB = 997, TEXTS = 600, TOKENS = 24, DRAFT = 4, BIASES = 20 };

static uint64_t state = 20;

static uint32_t random_below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

static float random_float(void)
{
    return (float)random_below(1 << 20) / (1 << 19) - 1;
}

/* Kinds of rows: smooth; few different values, so that many are equal; with what is not finite. */
static void make_row(float *row, uint32_t kind)
{
    static const float odd[] = { INFINITY, -INFINITY, NAN, FLT_MAX / 4, -0.0f, 0.0f };
    for (size_t i = 0; i < VOCAB; i++) {
        row[i] = 8 * random_float() * random_float() * random_float();
        if (kind == 1)
            row[i] = (float)(int)(row[i] * 2);
        if (kind == 2 && !random_below(50))
            row[i] = odd[random_below(6)];
        if (kind == 3)
            row[i] = random_below(10) ? -INFINITY : NAN;
    }
}

static const float *sorted_row;

/* By falling logit, NaN last, equal ones by rising id. */
static int by_logit(const void *a, const void *b)
{
    const int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    const float x = sorted_row[i], y = sorted_row[j];
    const int known = !isnan(x) - !isnan(y);
    return known ? -known : x > y ? -1 : x < y ? 1 : (i > j) - (i < j);
}

/* What runtime/head/head.h promises. */
static void answer(const float *row, struct trit_top *top)
{
    static int32_t ids[VOCAB];
    static bool also[VOCAB];
    memset(also, 0, sizeof also);
    for (size_t i = 0; i < top->nalso; i++)
        also[top->also[i]] = true;
    for (int32_t i = 0; i < VOCAB; i++)
        ids[i] = i;
    sorted_row = row;
    qsort(ids, VOCAB, sizeof *ids, by_logit);
    size_t others = 0;
    top->count = 0;
    for (size_t i = 0; i < VOCAB; i++)
        if (also[ids[i]] || others < top->k) {
            others += !also[ids[i]];
            top->best[top->count++] = (struct trit_candidate){ row[ids[i]], ids[i] };
        }
}

/* Few of them, some of one id, some far up, some that forbid. */
static size_t random_biases(struct trit_bias *bias)
{
    static const float adds[] = { 3, -2, 100, -100, 0, -INFINITY, FLT_MAX };
    const size_t n = random_below(2) ? 0 : random_below(BIASES + 1);
    for (size_t i = 0; i < n; i++)
        bias[i] = (struct trit_bias){ (int32_t)random_below(i % 3 ? VOCAB : 5),
                                      adds[random_below(random_below(8) ? 6 : 7)] };
    return n;
}

static struct trit_sampling random_sampling(void)
{
    static const float temperatures[] = { 0, 0.1f, 0.8f, 1.5f }, penalties[] = { 1, 1.3f, 0.7f },
                       others[] = { 0, 0, 0.7f, -0.7f };
    static const int ks[] = { 1, 2, 40, 300, 2000 }, windows[] = { 0, 3, 64, -1 };
    static struct trit_bias bias[BIASES];
    return (struct trit_sampling){
        .temperature = temperatures[random_below(4)],
        .top_k = ks[random_below(5)],
        .top_p = random_below(2) ? 1 : 0.9f,
        .min_p = random_below(2) ? 0 : 0.05f,
        .repeat_penalty = penalties[random_below(3)],
        .repeat_last_n = windows[random_below(4)],
        .presence_penalty = others[random_below(4)],
        .frequency_penalty = others[random_below(4)],
        .bias = bias,
        .nbias = random_biases(bias),
        .seed = random_below(1000),
    };
}

static struct trit_sampler *create(const struct trit_sampling *params)
{
    struct trit_sampler *s;
    assert_int_equal(trit_sampler_create(&s, params, VOCAB, NULL), TRIT_OK);
    return s;
}

static void ban_some(struct trit_sampler *a, struct trit_sampler *b)
{
    for (uint32_t n = random_below(3); n > 0; n--) {
        int32_t id = (int32_t)random_below(VOCAB);
        assert_true(trit_sampler_ban(a, id) && trit_sampler_ban(b, id));
    }
}

/* One text: both draw as many numbers, so one difference would show in all that follows. The
   choices of one answer go on while a random draft, some of it right, is right. Returns how many
   candidates decided. */
static size_t one_text(uint32_t kind)
{
    static float row[VOCAB];
    static struct trit_candidate best[2 * VOCAB];
    const struct trit_sampling params = random_sampling();
    struct trit_sampler *whole = create(&params), *few = create(&params);
    size_t asked = 0;
    ban_some(whole, few);
    for (size_t i = 0; i < TOKENS;) {
        int32_t draft[DRAFT], chosen;
        struct trit_top top = { .best = best };
        for (size_t j = 0; j < DRAFT; j++)
            draft[j] = (int32_t)random_below(VOCAB);
        const bool can = trit_sampler_ask(few, draft, DRAFT, &top);
        for (size_t j = 0; j <= DRAFT; j++, i++) {
            make_row(row, kind);
            chosen = trit_sampler_next(whole, row);
            if (can)
                answer(row, &top);
            if (chosen !=
                (can ? trit_sampler_pick(few, top.best, top.count) : trit_sampler_next(few, row)))
                fail_msg("token %zu, kind %u, k %d", i, (unsigned)kind, params.top_k);
            asked += can;
            if (j < DRAFT && random_below(2))
                break; /* the draft was wrong: it is not what both are told */
            const int32_t next = j < DRAFT ? draft[j] : chosen;
            trit_sampler_accept(whole, next);
            trit_sampler_accept(few, next);
        }
    }
    trit_sampler_free(whole);
    trit_sampler_free(few);
    return asked;
}

static void candidates_decide_as_whole_rows_do(void **s)
{
    (void)s;
    size_t asked = 0;
    for (uint32_t i = 0; i < TEXTS; i++)
        asked += one_text(i % 4);
    print_message("%zu choices from candidates\n", asked);
    assert_true(asked > TEXTS * TOKENS / 2);
}

/* A sampler under masks, now all ids, now one, now those that are biased away, banned or NaN: the
   choice is allowed, and is what a row has that holds -infinity for the others. */
static void masks_are_never_breached(void **unused)
{
    (void)unused;
    static float row[VOCAB], bare[VOCAB];
    uint32_t bits[VOCAB / 32 + 1];
    for (size_t text = 0; text < TEXTS / 10; text++) {
        const struct trit_sampling params = random_sampling();
        struct trit_sampler *masked = create(&params), *plain = create(&params);
        struct trit_top top = { 0 };
        ban_some(masked, plain);
        for (size_t i = 0; i < TOKENS; i++) {
            const uint32_t density = 1 + random_below(3) * VOCAB / 2, must = random_below(VOCAB);
            make_row(row, (uint32_t)text % 4);
            memset(bits, 0, sizeof bits);
            bits[must / 32] |= 1u << must % 32;
            for (uint32_t j = 0; j < density; j++) {
                const uint32_t id = random_below(VOCAB);
                bits[id / 32] |= 1u << id % 32;
            }
            for (uint32_t j = 0; j < VOCAB; j++)
                bare[j] = bits[j / 32] >> j % 32 & 1 ? row[j] : -INFINITY;
            trit_sampler_mask(masked, bits);
            assert_false(trit_sampler_ask(masked, NULL, 0, &top));
            const int32_t chosen = trit_sampler_next(masked, row),
                          other = trit_sampler_next(plain, bare);
            assert_true(bits[chosen / 32] >> chosen % 32 & 1);
            if (bare[other] > -INFINITY)
                assert_int_equal(chosen, other);
            trit_sampler_accept(masked, chosen);
            trit_sampler_accept(plain, chosen);
        }
        trit_sampler_free(masked);
        trit_sampler_free(plain);
    }
}

static void what_is_asked(void **s)
{
    (void)s;
    struct trit_top top = { 0 };
    struct trit_sampling params = { .temperature = 1, .top_p = 1, .repeat_penalty = 1 };
    struct trit_sampler *all = create(&params);
    assert_false(trit_sampler_ask(all, NULL, 0, &top)); /* the whole distribution */
    params.top_k = 40;
    struct trit_sampler *forty = create(&params);
    assert_true(trit_sampler_ask(forty, NULL, 0, &top));
    assert_true(top.k == 40 && top.nalso == 0);
    params = (struct trit_sampling){ .repeat_penalty = 2, .repeat_last_n = 2, .top_p = 1 };
    struct trit_sampler *greedy = create(&params);
    assert_true(trit_sampler_ban(greedy, 3));
    for (int32_t i = 5; i < 9; i++)
        trit_sampler_accept(greedy, i);
    assert_true(trit_sampler_ask(greedy, (const int32_t[]){ 11 }, 1, &top));
    assert_true(top.k == 1 && top.nalso == 4);
    assert_true(top.also[0] == 3 && top.also[3] == 11);
    assert_false(trit_sampler_ban(greedy, VOCAB) || trit_sampler_ban(greedy, -1));
    trit_sampler_free(all);
    trit_sampler_free(forty);
    trit_sampler_free(greedy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_decide_as_whole_rows_do),
        cmocka_unit_test(masks_are_never_breached),
        cmocka_unit_test(what_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
