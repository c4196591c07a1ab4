/* labels: threads */
/* Are weights and inputs quantised as CONVENTIONS.md defines them, weights with the same bits by
   any number of threads? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/random.h"
#include "runtime/train/ops.h"
#include "runtime/train/quantise.h"

/* Element by element, as it is written there. */
static float mean_of(const float *w, size_t n, size_t k)
{
    double sum = 0;
    for (size_t r = 0; r < n; r++) {
        double p[8] = { 0 };
        for (size_t i = 0; i < k; i++)
            p[i % 8] += (double)fabsf(w[r * k + i]);
        sum += ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
    }
    return (float)(sum / ((double)n * (double)k));
}

static float weight(float w, bool binary, float s, float d)
{
    const float t = w * s < -1 ? -1 : w * s > 1 ? 1 : w * s;
    return binary ? (w < 0 ? -d : d) : rintf(t) * d;
}

static void expect(const struct trit_train_shape *shape, const struct trit_train_tensor *t,
                   const float *w, float *wq)
{
    const bool binary = shape->weights == TRIT_TRAIN_BINARY;
    const bool groups = shape->weight_group;
    const size_t all = t->n * t->k, group = groups ? TRIT_TRAIN_GROUP : all;
    for (size_t at = 0; at < all; at += group) {
        const float mean =
            fmaxf(groups ? mean_of(w + at, 1, group) : mean_of(w, t->n, t->k), 1e-5f);
        float d = binary ? mean : 1.0f / (1.0f / mean), s = 1.0f / mean;
        if (shape->input_group) {
            d = trit_f16_f32(trit_f32_f16(mean));
            s = 1.0f / d;
        }
        for (size_t i = at; i < at + group; i++)
            wq[i] = weight(w[i], binary, s, d);
    }
}

static struct trit_pool *pools[3];

/* Seed 1: zeros; 4: a quarter and three, so that half of them are ties; else zeros of both signs,
   tiny and large values. */
static void fill(float *w, size_t n, uint64_t seed)
{
    uint64_t state = seed;
    for (size_t i = 0; i < n; i++) {
        const uint64_t r = trit_random_next(&state);
        const float x = (float)((int32_t)(r >> 40) - (1 << 23)) * 0x1p-23f;
        w[i] = r % 11 == 0 ? copysignf(0, x) : r % 13 == 0 ? x * 1e-7f : x * x * x;
    }
    for (size_t i = 0; seed == 4 && i < n; i++)
        w[i] = copysignf(i % 2 ? 0.25f : 0.75f, w[i]);
    if (seed == 1)
        memset(w, 0, n * sizeof *w);
}

enum groups { NONE, INPUTS, ALL };

static void check(enum trit_train_weights weights, enum groups groups, size_t n, size_t k,
                  uint64_t seed)
{
    const struct trit_train_shape shape = { .weights = weights,
                                            .weight_group = groups == ALL ? TRIT_TRAIN_GROUP : 0,
                                            .input_group = groups ? TRIT_TRAIN_GROUP : 0 };
    const struct trit_train_tensor t = { .role = TRIT_TRAIN_MATRIX, .n = n, .k = k };
    const size_t all = n * k;
    float *w = malloc(all * sizeof *w), *wanted = malloc(all * sizeof *w),
          *got = malloc((all + 1) * sizeof *w);
    fill(w, all, seed);
    expect(&shape, &t, w, wanted);
    for (size_t i = 0; i < 3; i++) {
        memset(got, 0xee, (all + 1) * sizeof *got);
        trit_train_quantise_weights(pools[i], &shape, &t, w, got);
        for (size_t j = 0; j < all; j++)
            if (got[j] != wanted[j])
                fail_msg("weights %d, groups %d, %zu x %zu, seed %llu: element %zu of %g is %g, "
                         "wanted %g",
                         weights, groups, n, k, (unsigned long long)seed, j, (double)w[j],
                         (double)got[j], (double)wanted[j]);
        assert_int_equal(trit_f32_bits(got[all]), 0xeeeeeeee);
    }
    free(w);
    free(wanted);
    free(got);
}

static void definitions(void **state)
{
    (void)state;
    static const size_t whole[][2] = { { 1, 1 },    { 3, 2 },      { 5, 127 },  { 64, 300 },
                                       { 2, 4099 }, { 1100, 129 }, { 33, 1024 } };
    static const size_t groups[][2] = { { 1, 128 }, { 3, 384 }, { 257, 256 } };
    for (int weights = TRIT_TRAIN_TERNARY; weights <= TRIT_TRAIN_BINARY; weights++)
        for (uint64_t seed = 1; seed < 5; seed++) {
            for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
                check(weights, NONE, whole[i][0], whole[i][1], seed);
            for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
                check(weights, INPUTS + seed % 2, groups[i][0], groups[i][1], seed);
        }
}

/* Norms, an embedding that stays, dense matrices. */
static void kept(void **state)
{
    (void)state;
    static const struct {
        struct trit_train_shape shape;
        enum trit_train_role role;
        enum trit_train_way way;
    } cases[] = {
        { { .weights = TRIT_TRAIN_DENSE }, TRIT_TRAIN_MATRIX, TRIT_TRAIN_KEPT },
        { { .weights = TRIT_TRAIN_TERNARY, .low_rows = 1 }, TRIT_TRAIN_NORM, TRIT_TRAIN_KEPT },
        { { .weights = TRIT_TRAIN_TERNARY, .weight_group = 128 },
          TRIT_TRAIN_ROWS,
          TRIT_TRAIN_KEPT },
        { { .weights = TRIT_TRAIN_TERNARY, .low_rows = 1 }, TRIT_TRAIN_ROWS, TRIT_TRAIN_GROUPED },
        { { .weights = TRIT_TRAIN_TERNARY, .low_rows = 1 }, TRIT_TRAIN_MATRIX, TRIT_TRAIN_WHOLE },
    };
    float w[256], wq[256];
    fill(w, 256, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct trit_train_tensor t = { .role = cases[i].role, .n = 2, .k = 128 };
        assert_int_equal(trit_train_way(&cases[i].shape, &t), cases[i].way);
        trit_train_quantise_weights(pools[2], &cases[i].shape, &t, w, wq);
        assert_int_equal(!memcmp(w, wq, sizeof w), cases[i].way == TRIT_TRAIN_KEPT);
    }
}

/* Of a group: the steps in 1, before they are limited. */
static float steps_of(unsigned bits, const float *x, size_t n)
{
    float largest = 0, p[16] = { 0 };
    for (size_t i = 0; i < n; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
        p[i % 16] += fabsf(x[i]);
    }
    for (size_t width = 8; width; width /= 2)
        for (size_t i = 0; i < width; i++)
            p[i] += p[i + width];
    return bits == 8 ? 127 / fmaxf(largest, 1e-5f) : 2.64575131f / fmaxf(p[0] / (float)n, 1e-5f);
}

static void check_inputs(const struct trit_train_inputs *how, size_t k, const float *x)
{
    const size_t group = how->group ? how->group : k;
    const float low = how->bits == 8 ? -128 : -8, high = how->bits == 8 ? 127 : 7;
    float got[513], in_place[512];
    got[k] = 3;
    memcpy(in_place, x, k * sizeof *x);
    trit_train_quantise_inputs(how, k, x, got);
    trit_train_quantise_inputs(how, k, in_place, in_place);
    assert_memory_equal(got, in_place, k * sizeof *got);
    assert_true(got[k] == 3);
    for (size_t i = 0; i < k; i++) {
        const float s = steps_of(how->bits, x + i / group * group, group);
        const float wanted = how->bits ? rintf(fminf(fmaxf(x[i] * s, low), high)) * (1 / s) : x[i];
        if (got[i] != wanted)
            fail_msg("%u bits, groups of %zu: input %zu of %zu, %g, is %g, wanted %g", how->bits,
                     how->group, i, k, (double)x[i], (double)got[i], (double)wanted);
    }
}

/* Of usual sizes, and so small that the least scale counts. */
static void inputs(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 5, 16, 127, 128, 300, 384 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned bits = 0; bits <= 8; bits += 4)
            for (uint64_t seed = 1; seed < 8; seed++) {
                float x[512];
                fill(x, sizes[i], seed);
                for (size_t j = 0; seed > 5 && j < sizes[i]; j++)
                    x[j] *= 1e-5f;
                check_inputs(&(struct trit_train_inputs){ 0, bits }, sizes[i], x);
                if (sizes[i] % TRIT_TRAIN_GROUP == 0)
                    check_inputs(&(struct trit_train_inputs){ TRIT_TRAIN_GROUP, bits }, sizes[i],
                                 x);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(definitions), cmocka_unit_test(kept),
                                        cmocka_unit_test(inputs) };
    for (int i = 0; i < 3; i++)
        if (trit_pool_create(&pools[i], i + 1, NULL))
            return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < 3; i++)
        trit_pool_destroy(pools[i]);
    return failed;
}
