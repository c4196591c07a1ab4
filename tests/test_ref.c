/* Do the reference kernels compute what CONVENTIONS.md says? Against values worked out by hand, and
   against binary64. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/math.h"
#include "runtime/kernel/ref.h"

#define same_float(a, b) assert_int_equal(trit_f32_bits(a), trit_f32_bits(b))

/* Ones are lost beside 2^24 unless they are added to each other first: the order is visible. */
static void r16_adds_in_its_order(void **state)
{
    (void)state;
    float t[40] = { 0 };
    t[0] = 0x1p24f;
    t[16] = 1.0f; /* same partial sum: lost */
    t[32] = 1.0f;
    same_float(trit_ref_r16(t, 40), 0x1p24f);
    t[32] = 0.0f;
    t[17] = 1.0f; /* p[1] and p[5] meet in the tree before they meet p[0] */
    t[5] = 1.0f;
    same_float(trit_ref_r16(t, 40), 0x1p24f + 2.0f);
    t[5] = 0.0f;
    t[8] = 1.0f; /* meets p[0] first: lost */
    same_float(trit_ref_r16(t, 40), 0x1p24f);
    same_float(trit_ref_r16(t, 0), 0.0f);
    t[0] = -0.0f;
    same_float(trit_ref_r16(t, 1), 0.0f);
}

static void exp_is_near_binary64(void **state)
{
    (void)state;
    for (float x = -87.0f; x <= 88.0f; x += 0.0037f) {
        double want = exp((double)x), got = (double)trit_ref_exp(x);
        assert_true(fabs(got - want) <= 4e-7 * want);
        same_float(trit_ref_exp(x), trit_expf(x));
    }
}

static void exp_ends_where_defined(void **state)
{
    (void)state;
    same_float(trit_ref_exp(0.0f), 1.0f);
    same_float(trit_ref_exp(-0.0f), 1.0f);
    same_float(trit_ref_exp(-INFINITY), trit_ref_exp(-87.0f));
    same_float(trit_ref_exp(NAN), trit_ref_exp(-87.0f));
    same_float(trit_ref_exp(INFINITY), trit_ref_exp(88.0f));
    same_float(trit_ref_exp(1e30f), trit_ref_exp(88.0f));
}

static void mm_multiplies(void **state)
{
    (void)state;
    const int8_t w[2][3] = { { 1, -1, 0 }, { 1, 1, 1 } },
                 a[2][4] = { { 100, -28, 5, 99 }, { -128, 127, 3, 99 } };
    const float d[2] = { 0.5f, 2.0f }, s[2] = { 4.0f, 0.25f };
    float y[2][3] = { { 7, 7, 7 }, { 7, 7, 7 } };
    trit_ref_mm(2, 2, 3, w[0], d, a[0], 4, s, y[0], 3);
    const float want[2][3] = { { 16.0f, 38.5f, 7 }, { -510.0f, 16.0f, 7 } };
    assert_memory_equal(y, want, sizeof y);
}

static void quant_rounds_half_to_even(void **state)
{
    (void)state;
    const float x[6] = { 127.0f, 0.5f, 1.5f, -2.5f, -0.0f, -126.5f };
    const int8_t want[8] = { 127, 0, 2, -2, 0, -126, 0, 0 };
    int8_t a[8];
    float s;
    int32_t sum;
    trit_ref_quant(6, 8, x, a, &s, &sum);
    same_float(s, 1.0f);
    assert_int_equal(sum, 1);
    assert_memory_equal(a, want, sizeof a);
}

static void quant_takes_anything(void **state)
{
    (void)state;
    const float zeros[2] = { 0.0f, -0.0f }, infinite[3] = { -INFINITY, 1.0f, INFINITY },
                nan[2] = { NAN, 2.0f };
    int8_t a[3];
    float s;
    int32_t sum;
    trit_ref_quant(2, 3, zeros, a, &s, &sum);
    same_float(s, 127.0f / 1e-5f);
    assert_true(sum == 0 && a[0] == 0 && a[1] == 0 && a[2] == 0);
    /* Infinity times scale 0 is a NaN, which the definition makes -128. */
    trit_ref_quant(3, 3, infinite, a, &s, &sum);
    same_float(s, 0.0f);
    assert_true(sum == -256 && a[0] == -128 && a[1] == 0 && a[2] == -128);
    trit_ref_quant(2, 3, nan, a, &s, &sum);
    same_float(s, 63.5f);
    assert_true(sum == -1 && a[0] == -128 && a[1] == 127 && a[2] == 0);
}

/* Their mean is 2.64575131f: the scale is 1. */
static void quant4_rounds_half_to_even(void **state)
{
    (void)state;
    const float x[6] = { 0.5f, 1.5f, -2.5f, -0.0f, -5.5f, 6 * 2.64575131f - 10.0f };
    const int8_t want[8] = { 0, 2, -2, 0, -6, 6, 0, 0 };
    int8_t a[8];
    float s;
    int32_t sum;
    trit_ref_quant4(6, 8, x, a, &s, &sum);
    same_float(s, 1.0f);
    assert_int_equal(sum, 0);
    assert_memory_equal(a, want, sizeof a);
}

/* Unlike quant's, its scale shows any NaN; and sums that overflow. */
static void quant4_takes_anything(void **state)
{
    (void)state;
    const float zeros[2] = { 0.0f, -0.0f }, infinite[3] = { -INFINITY, 1.0f, INFINITY },
                huge[2] = { 0x1.8p127f, -0x1.8p127f }, nan[2] = { NAN, -2.0f },
                far[4] = { 100.0f, -100.0f, 0.0f, 0.0f };
    int8_t a[4];
    float s;
    int32_t sum;
    trit_ref_quant4(2, 3, zeros, a, &s, &sum);
    same_float(s, 2.64575131f / 1e-5f);
    assert_true(sum == 0 && a[0] == 0 && a[1] == 0 && a[2] == 0);
    trit_ref_quant4(3, 3, infinite, a, &s, &sum);
    same_float(s, 0.0f);
    assert_true(sum == -16 && a[0] == -8 && a[1] == 0 && a[2] == -8);
    trit_ref_quant4(2, 2, huge, a, &s, &sum);
    same_float(s, 0.0f);
    trit_ref_quant4(2, 3, nan, a, &s, &sum);
    same_float(s, 2.64575131f / 1e-5f);
    assert_true(sum == -16 && a[0] == -8 && a[1] == -8 && a[2] == 0);
    trit_ref_quant4(4, 4, far, a, &s, &sum);
    assert_true(a[0] == 5 && a[1] == -5 && a[2] == 0);
}

static void norm_is_near_binary64(void **state)
{
    (void)state;
    float x[100], w[100], y[100];
    double squares = 0;
    for (int i = 0; i < 100; i++) {
        x[i] = (float)(i * 37 % 101 - 50) * 0.13f;
        w[i] = 1.0f + (float)i / 64;
        squares += (double)x[i] * (double)x[i];
    }
    trit_ref_norm(100, x, w, 1e-5f, y);
    double r = 1 / sqrt(squares / 100 + (double)1e-5f);
    for (int i = 0; i < 100; i++)
        assert_true(fabs((double)y[i] - (double)x[i] * r * (double)w[i]) <=
                    1e-6 * fabs((double)y[i]));
    trit_ref_norm(100, x, w, 1e-5f, x);
    assert_memory_equal(x, y, sizeof x);
}

static void relu2_squares(void **state)
{
    (void)state;
    const float g[4] = { 3.0f, -3.0f, NAN, -0.0f }, u[4] = { 0.5f, 2.0f, 2.0f, -1.0f };
    float f[4];
    trit_ref_relu2(4, g, u, f);
    same_float(f[0], 4.5f);
    same_float(f[1], 0.0f);
    same_float(f[2], 0.0f);
    same_float(f[3], -0.0f);
}

static void softmax_is_a_piece(void **state)
{
    (void)state;
    float s[4] = { 2.0f, 4.0f, -INFINITY, 9.0f }, max, sum;
    trit_ref_softmax(1, 1, 3, 4, 0.5f, s, 4, &max, &sum);
    same_float(max, 2.0f);
    same_float(s[0], trit_ref_exp(-1.0f));
    same_float(s[1], 1.0f);
    same_float(s[2], trit_ref_exp(-87.0f));
    same_float(s[3], 0.0f);
    same_float(sum, s[0] + s[1]); /* the third is below the last bit */
    float two[10] = { 1.0f, 1.0f, 7.0f, 7.0f, 9.0f, 1.0f, 1.0f, 1.0f, 7.0f, 9.0f }, m[2], l[2];
    trit_ref_softmax(2, 1, 2, 4, 1.0f, two, 5, m, l); /* a row more, a position more */
    same_float(l[0], 2.0f);
    same_float(l[1], 3.0f);
    same_float(two[3], 0.0f);
    same_float(two[4], 9.0f);
}

/* Small integers: exact, so only the indexing is in question. */
static void attention_indexes(void **state)
{
    (void)state;
    enum { HD = 3, NT = 20, LD = 40 };
    uint16_t k[2 * HD * 16], v[NT * 4];
    float q[2][4], s[2][LD], o[2][4], p[2][LD];
    for (int t = 0; t < 32; t++)
        for (int d = 0; d < HD; d++)
            k[t / 16 * HD * 16 + d * 16 + t % 16] = trit_f32_f16((float)(t * 3 + d));
    for (int t = 0; t < NT; t++)
        for (int d = 0; d < 4; d++)
            v[t * 4 + d] = trit_f32_f16((float)(t - d));
    for (int i = 0; i < 2; i++) {
        for (int d = 0; d < 4; d++)
            q[i][d] = (float)(i + d + 1);
        for (int t = 0; t < LD; t++)
            p[i][t] = (float)(i ? 1 : t);
    }
    trit_ref_qk(2, HD, NT, q[0], 4, k, s[0], LD);
    for (int t = 0; t < 32; t++) {
        same_float(s[0][t], (float)(18 * t + 8));
        same_float(s[1][t], (float)(27 * t + 11));
    }
    trit_ref_pv(2, HD, NT, p[0], LD, v, 4, o[0], 4);
    for (int d = 0; d < HD; d++) {
        same_float(o[0][d], (float)(2470 - 190 * d));
        same_float(o[1][d], (float)(190 - 20 * d));
    }
}

static void head_reads_every_type(void **state)
{
    (void)state;
    enum { N = 2, K = 18 };
    float e[N * K], scale[N * 2], x[K], want[N], y[N];
    uint16_t f16[N * K], bf16[N * K];
    int8_t i8[N * K];
    for (int i = 0; i < N * 2; i++)
        scale[i] = 0.25f * (float)(1 << i);
    for (int i = 0; i < N * K; i++) {
        i8[i] = (int8_t)(i * 7 % 11 - 5);
        e[i] = (float)i8[i] * scale[i / K * 2 + i % K / 16];
        f16[i] = trit_f32_f16(e[i]);
        bf16[i] = (uint16_t)(trit_f32_bits(e[i]) >> 16);
    }
    for (int i = 0; i < K; i++)
        x[i] = 0.1f * (float)(i - 7);
    for (int j = 0; j < N; j++) {
        float t[K];
        for (int i = 0; i < K; i++)
            t[i] = e[j * K + i] * x[i];
        want[j] = trit_ref_r16(t, K);
    }
    const struct {
        trit_head_fn *fn;
        const void *rows;
    } types[] = { { trit_ref_head_f16, f16 },
                  { trit_ref_head_bf16, bf16 },
                  { trit_ref_head_f32, e },
                  { trit_ref_head_i8, i8 } };
    for (int i = 0; i < 4; i++) {
        types[i].fn(1, N, K, types[i].rows, scale, x, K, y, N);
        assert_memory_equal(y, want, sizeof y);
    }
}

static void read_is_the_exclusive_or(void **state)
{
    (void)state;
    static uint64_t words[256];
    for (int i = 0; i < 256; i++)
        words[i] = (uint64_t)i << (i % 40);
    uint64_t want = 0;
    for (int i = 0; i < 128; i++)
        want ^= words[i];
    assert_true(trit_ref_read(1024, words) == want);
}

/* The matrix (-1)^popcount(r & c), of small integers, for which the scale is exact too. */
static void rotate_is_the_matrix(void **state)
{
    (void)state;
    enum { B = 16, K = 2 * B };
    float x[K], before[K], after[K], y[K];
    for (int i = 0; i < K; i++) {
        x[i] = (float)(i * 7 % 13 - 6);
        before[i] = i % 3 ? 1.0f : -1.0f;
        after[i] = i % 5 ? 1.0f : -1.0f;
    }
    trit_ref_rotate(K, B, before, after, x, y);
    for (int r = 0; r < K; r++) {
        float want = 0;
        for (int c = r / B * B; c < r / B * B + B; c++)
            want += before[c] * x[c] * (__builtin_popcount(r & c & (B - 1)) % 2 ? -0.25f : 0.25f);
        same_float(y[r], after[r] * want);
    }
    trit_ref_rotate(K, B, NULL, NULL, y, x); /* its own inverse */
    trit_ref_rotate(K, B, NULL, NULL, x, x);
    assert_memory_equal(x, y, sizeof x);
}

/* Beside 2^24 a one is lost: which distance comes first is visible. */
static void rotate_begins_with_neighbours(void **state)
{
    (void)state;
    float x[4] = { 0x1p24f, 1.0f, 0.0f, 1.0f };
    trit_ref_rotate(4, 4, NULL, NULL, x, x);
    same_float(x[0], 0x1p23f);
    float z[4] = { 0x1p24f, 0.0f, 1.0f, 1.0f };
    trit_ref_rotate(4, 4, NULL, NULL, z, z);
    same_float(z[0], 0x1p23f + 1.0f);
}

/* SiLU in binary32. */
static float silu(float x)
{
    return x / (1.0f + trit_ref_exp(-x));
}

static void conv_sees_the_last_inputs(void **state)
{
    (void)state;
    const float w[3][2] = { { 1, 10 }, { 2, 20 }, { 4, 40 } }, s[2][2] = { { 3, 1 }, { 5, 0 } },
                x[3][2] = { { 7, 2 }, { 9, -1 }, { -11, 3 } };
    float y[3][2], next[2][2];
    trit_ref_conv(3, 2, 3, x[0], 2, w[0], s[0], next[0], 2, y[0], 2);
    same_float(y[0][0], silu(3 + 10 + 28));
    same_float(y[1][0], silu(5 + 14 + 36));
    same_float(y[2][0], silu(7 + 18 - 44));
    same_float(y[1][1], silu(0 + 40 - 40));
    assert_memory_equal(next, x[1], sizeof next);
    memcpy(next, s, sizeof next);
    for (int t = 0; t < 3; t++) { /* one by one, the state in place */
        float one[2];
        trit_ref_conv(1, 2, 3, x[t], 2, w[0], next[0], next[0], 2, one, 2);
        assert_memory_equal(one, y[t], sizeof one);
    }
    assert_memory_equal(next, x[1], sizeof next);
}

static void l2_and_gnorm_are_near_binary64(void **state)
{
    (void)state;
    enum { K = 100 };
    float x[K], w[K], z[K], y[K], g[K], u[K];
    double squares = 0;
    for (int i = 0; i < K; i++) {
        x[i] = (float)(i * 37 % 101 - 50) * 0.0013f;
        w[i] = 1.0f + (float)i / 64;
        z[i] = (float)(i - 50) / 8;
        squares += (double)x[i] * (double)x[i];
    }
    trit_ref_l2(K, x, 0.125f, y);
    trit_ref_gnorm(K, x, w, 1e-6f, z, g);
    trit_ref_sigmoid(K, z, x, u);
    for (int i = 0; i < K; i++) {
        const double xi = (double)x[i], open = 1 / (1 + exp(-(double)z[i])),
                     l2 = xi / sqrt(squares + 1e-6) / 8,
                     gnorm = xi / sqrt(squares / K + 1e-6) * (double)w[i] * (double)z[i] * open;
        assert_true(fabs((double)y[i] - l2) <= 1e-6 * fabs(l2));
        assert_true(fabs((double)g[i] - gnorm) <= 2e-6 * fabs(gnorm));
        assert_true(fabs((double)u[i] - xi * open) <= 2e-6 * fabs(xi * open));
    }
}

/* Two rows, 17 columns in two blocks; small numbers: exact. */
static void delta_corrects_what_the_key_finds(void **state)
{
    (void)state;
    enum { DK = 2, DV = 17 };
    const float q[3][2] = { { 1, 1 }, { 2, 0 }, { 0, 4 } },
                k[3][2] = { { 1, 0 }, { 0, 2 }, { 1, 1 } }, decay[3] = { 1, 0.5f, 0.25f },
                beta[3] = { 1, 0.5f, 2 };
    float s[2 * 16 * DK] = { 0 }, one[2 * 16 * DK] = { 0 }, v[3][DV], o[3][DV], want[2] = { 0 };
    for (int t = 0; t < 3; t++)
        for (int j = 0; j < DV; j++)
            v[t][j] = (float)(t + j + 1);
    trit_ref_delta(3, DK, DV, q[0], k[0], 2, v[0], DV, decay, beta, 1, s, s, o[0], DV);
    for (int t = 0; t < 3; t++) { /* the last column, by hand */
        const float a = want[0] * decay[t], b = want[1] * decay[t],
                    d = beta[t] * (v[t][16] - (a * k[t][0] + b * k[t][1]));
        want[0] = a + k[t][0] * d, want[1] = b + k[t][1] * d;
        same_float(o[t][16], want[0] * q[t][0] + want[1] * q[t][1]);
    }
    same_float(s[16 * DK], want[0]);
    same_float(s[16 * DK + 16], want[1]);
    for (int t = 0; t < 3; t++) { /* one by one */
        float y[DV];
        trit_ref_delta(1, DK, DV, q[t], k[t], 2, v[t], DV, decay + t, beta + t, 1, one, NULL, y,
                       DV);
        assert_memory_equal(y, o[t], sizeof y);
        trit_ref_delta(1, DK, DV, q[t], k[t], 2, v[t], DV, decay + t, beta + t, 1, one, one, y, DV);
        assert_memory_equal(y, o[t], sizeof y);
    }
    assert_memory_equal(one, s, sizeof s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r16_adds_in_its_order),
        cmocka_unit_test(exp_is_near_binary64),
        cmocka_unit_test(exp_ends_where_defined),
        cmocka_unit_test(mm_multiplies),
        cmocka_unit_test(quant_rounds_half_to_even),
        cmocka_unit_test(quant_takes_anything),
        cmocka_unit_test(quant4_rounds_half_to_even),
        cmocka_unit_test(quant4_takes_anything),
        cmocka_unit_test(norm_is_near_binary64),
        cmocka_unit_test(relu2_squares),
        cmocka_unit_test(softmax_is_a_piece),
        cmocka_unit_test(attention_indexes),
        cmocka_unit_test(head_reads_every_type),
        cmocka_unit_test(read_is_the_exclusive_or),
        cmocka_unit_test(rotate_is_the_matrix),
        cmocka_unit_test(rotate_begins_with_neighbours),
        cmocka_unit_test(conv_sees_the_last_inputs),
        cmocka_unit_test(l2_and_gnorm_are_near_binary64),
        cmocka_unit_test(delta_corrects_what_the_key_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
