/* Are the elementary functions as exact as runtime/base/math.h says, and the same numbers on every
   machine? The judge is the C library's long double, which the functions themselves never use. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/math.h"
#include "runtime/kernel/ref.h"

enum { SAMPLES = 200000 };

static uint64_t seed = 20250701;

static uint64_t next_bits(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = (*state ^ *state >> 32) * 0xd6e8feb86659fd93u;
    return z ^ z >> 32;
}

/* In [-range, range), every argument an exact function of the seed. */
static double next_number(uint64_t *state, double range)
{
    return ((double)(next_bits(state) >> 10) * 0x1p-53 - 1.0) * range;
}

static double ulps(double got, long double want)
{
    double rounded = fabs((double)want);
    double ulp = nextafter(rounded, INFINITY) - rounded;
    return (double)(fabsl((long double)got - want) / ulp);
}

static void within_ulps(double worst, double bound, const char *what)
{
    print_message("%s: %.2f ulp at worst\n", what, worst);
    assert_true(worst < bound);
}

static void test_exp(void **unused)
{
    (void)unused;
    double worst = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        double wide = next_number(&seed, 708.0), narrow = next_number(&seed, 2.0);
        worst = fmax(worst, ulps(trit_exp(wide), expl(wide)));
        worst = fmax(worst, ulps(trit_exp(narrow), expl(narrow)));
    }
    within_ulps(worst, 4.0, "exp");
    assert_true(trit_exp(0.0) == 1.0);
    assert_true(trit_exp(-INFINITY) == 0.0 && trit_exp(-1e300) == 0.0);
    assert_true(isinf(trit_exp(INFINITY)) && isinf(trit_exp(709.79)));
    assert_true(trit_exp(-745.0) == 0x1p-1074); /* the smallest denormal */
    assert_true(isnan(trit_exp(NAN)));
}

static void test_log(void **unused)
{
    (void)unused;
    double worst = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        double wide = trit_exp(next_number(&seed, 708.0)), narrow = fabs(next_number(&seed, 3.0));
        worst = fmax(worst, ulps(trit_log(wide), logl(wide)));
        worst = fmax(worst, ulps(trit_log(narrow), logl(narrow)));
    }
    within_ulps(worst, 4.0, "log");
    assert_true(trit_log(1.0) == 0.0);
    assert_true(ulps(trit_log(0x1p-1074), logl(0x1p-1074L)) < 4.0);
    assert_true(ulps(trit_log(DBL_MAX), logl(DBL_MAX)) < 4.0);
    assert_true(trit_log(0.0) == -INFINITY && trit_log(INFINITY) == INFINITY);
    assert_true(isnan(trit_log(-1.0)) && isnan(trit_log(NAN)));
}

static double sincos_ulps(double x)
{
    double s, c;
    trit_sincos(x, &s, &c);
    return fmax(ulps(s, sinl(x)), ulps(c, cosl(x)));
}

static void test_sincos(void **unused)
{
    (void)unused;
    double worst = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        worst = fmax(worst, sincos_ulps(next_number(&seed, 1e6)));
        worst = fmax(worst, sincos_ulps(next_number(&seed, 8.0)));
        worst = fmax(worst, sincos_ulps(i)); /* the angles of a rotary embedding's first pair */
        /* multiples of pi/2, where nearly all leading bits cancel */
        worst = fmax(worst, sincos_ulps((double)(next_bits(&seed) % 636619) * 1.5707963267948966));
    }
    within_ulps(worst, 4.0, "sin and cos");
}

/* The doubles below 1e6 that lie nearest to a multiple of pi/2, in absolute and in relative
 * distance. */
static void test_sincos_hardest(void **unused)
{
    (void)unused;
    static const double hard[] = { 0x1.6c6cbc45dc8dep+5, 321307.9594422229, 871790.3905748408 };
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        assert_true(sincos_ulps(hard[i]) < 4.0);
}

static void test_sincos_special(void **unused)
{
    (void)unused;
    static const double outside[] = { 0x1p30, -0x1p30, 1e300, INFINITY, -INFINITY, NAN };
    double s, c;
    trit_sincos(0.0, &s, &c);
    assert_true(s == 0.0 && c == 1.0);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        trit_sincos(outside[i], &s, &c);
        assert_true(isnan(s) && isnan(c));
    }
}

static void test_expf_equals_reference(void **unused)
{
    (void)unused;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 1009) {
        float x = trit_bits_f32((uint32_t)bits);
        assert_int_equal(trit_f32_bits(trit_expf(x)), trit_f32_bits(trit_ref_exp(x)));
    }
}

static void test_expf(void **unused)
{
    (void)unused;
    double worst = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        float x = (float)next_number(&seed, 87.0);
        double want = exp((double)x);
        worst = fmax(worst, fabs(trit_expf(x) - want) / want);
    }
    print_message("expf: relative error %.1e at worst\n", worst);
    assert_true(worst < 3e-7);
    assert_true(trit_expf(0.0f) == 1.0f);
    assert_true(trit_expf(-INFINITY) == trit_expf(-87.0f));
    assert_true(trit_expf(INFINITY) == trit_expf(88.0f) && isfinite(trit_expf(88.0f)));
    assert_true(trit_expf(NAN) == trit_expf(-87.0f)); /* max(NaN, -87) is -87 */
}

/* FNV-1a over the bits. */
static uint64_t hash_double(uint64_t hash, double x)
{
    unsigned char bytes[sizeof x];
    memcpy(bytes, &x, sizeof x);
    for (size_t i = 0; i < sizeof bytes; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* The golden value was taken once; every compiler and every CPU must give it. */
static void test_same_everywhere(void **unused)
{
    (void)unused;
    uint64_t state = 1, hash = 0xcbf29ce484222325u;
    for (int i = 0; i < 20000; i++) {
        double s, c;
        trit_sincos(next_number(&state, 1e6), &s, &c);
        hash = hash_double(hash_double(hash, s), c);
        hash = hash_double(hash, trit_exp(next_number(&state, 700.0)));
        hash = hash_double(hash, trit_log(fabs(next_number(&state, 1e9)) + 0x1p-60));
        hash = hash_double(hash, trit_expf((float)next_number(&state, 90.0)));
    }
    print_message("hash of 100000 results: %016llx\n", (unsigned long long)hash);
    assert_true(hash == 0xf3a59658068b1e3cu);
}

int main(void)
{
    const char *given = getenv("TRIT_SEED");
    seed = given ? strtoull(given, NULL, 0) : seed;
    print_message("TRIT_SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_sincos),
        cmocka_unit_test(test_sincos_hardest),
        cmocka_unit_test(test_sincos_special),
        cmocka_unit_test(test_expf_equals_reference),
        cmocka_unit_test(test_expf),
        cmocka_unit_test(test_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
