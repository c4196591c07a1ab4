/* Elementary functions from IEEE + - * / alone, so that a result is the same on every CPU and with
   every libm. Series are Taylor's, long enough that what is cut off lies below 2^-56 of the result.
 */
#include "runtime/base/math.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/half.h"

/* Adding and taking away 1.5 * 2^52 rounds |x| < 2^51 to the nearest integer, ties to even; the
   sum's low mantissa bits are that integer, in two's complement. */
static const double to_integer = 0x1.8p52;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* c[0] + c[1] x + ... + c[n-1] x^(n-1) */
static double horner(const double *c, size_t n, double x)
{
    double p = c[n - 1];
    for (size_t i = n - 1; i-- > 0;)
        p = p * x + c[i];
    return p;
}

/* ln 2 in two parts, the first with 42 bits: its product with an exponent is exact. */
static const double log2_e = 0x1.71547652b82fep+0;
static const double ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45;

/* 2^n for -1022 <= n <= 1023 */
static double power_of_two(int n)
{
    return from_bits((uint64_t)(n + 1023) << 52);
}

double trit_exp(double x)
{
    /* clang-format off */
    static const double c[] = {
        1.0,           1.0,            1.0 / 2,         1.0 / 6,          1.0 / 24,
        1.0 / 120,     1.0 / 720,      1.0 / 5040,      1.0 / 40320,      1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
    };
    /* clang-format on */
    if (x != x)
        return x;
    if (x < -746.0)
        return 0.0;
    if (x > 710.0)
        return from_bits(0x7ff0000000000000u);
    double n = (x * log2_e + to_integer) - to_integer;
    double r = (x - n * ln2_high) - n * ln2_low;
    double p = horner(c, sizeof c / sizeof *c, r);
    int half = (int)n / 2; /* two steps: n itself may lie outside the exponent's range */
    return p * power_of_two(half) * power_of_two((int)n - half);
}

/* log(1 + f) = 2 (s + s^3/3 + s^5/5 + ...) with s = f / (2 + f), |s| < 0.172 */
double trit_log(double x)
{
    static const double c[] = { 2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                                2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21 };
    const double infinity = from_bits(0x7ff0000000000000u);
    if (!(x > 0.0))
        return x == 0.0 ? -infinity : from_bits(0x7ff8000000000000u);
    if (x == infinity)
        return x;
    bool small = x < 0x1p-1022;
    uint64_t bits = bits_of(small ? x * 0x1p54 : x);
    int n = (int)(bits >> 52) - 1023 - (small ? 54 : 0);
    double m = from_bits((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
    if (m > 0x1.6a09e667f3bcdp+0) { /* sqrt 2 */
        m *= 0.5;
        n++;
    }
    double f = m - 1.0, s = f / (2.0 + f), z = s * s;
    double tail = s * z * horner(c, sizeof c / sizeof *c, z);
    return n * ln2_high + (2.0 * s + (tail + n * ln2_low));
}

/* r and quadrant with x = r + quadrant * pi/2, |r| <= pi/4. pi/2 stands in four parts; the first
   three have 33 bits, so that their products with a number below 2^20 are exact and no cancellation
   loses what is left: no double below 1e6 is nearer to a multiple of pi/2 than 6e-19. */
static double reduce(double x, unsigned *quadrant)
{
    double shifted = x * 0x1.45f306dc9c883p-1 + to_integer, n = shifted - to_integer;
    *quadrant = (unsigned)(bits_of(shifted) & 3);
    double r = (x - n * 0x1.921fb544p+0) - n * 0x1.0b4611a6p-34;
    return (r - n * 0x1.3198a2ep-69) - n * 0x1.b839a252049c1p-104;
}

static double sine_series(double r)
{
    static const double c[] = {
        -1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
        -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000
    };
    double z = r * r;
    return r + r * (z * horner(c, sizeof c / sizeof *c, z));
}

static double cosine_series(double r)
{
    static const double c[] = {
        1.0 / 24,        -1.0 / 720,         1.0 / 40320,         -1.0 / 3628800,
        1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000
    };
    double z = r * r;
    return 1.0 - (0.5 * z - z * z * horner(c, sizeof c / sizeof *c, z));
}

void trit_sincos(double x, double *sine, double *cosine)
{
    if (!(x > -0x1p30 && x < 0x1p30)) {
        *sine = *cosine = from_bits(0x7ff8000000000000u);
        return;
    }
    unsigned quadrant;
    double r = reduce(x, &quadrant), s = sine_series(r), c = cosine_series(r);
    double odd = quadrant & 1 ? c : s, even = quadrant & 1 ? s : c;
    *sine = quadrant & 2 ? -odd : odd;
    *cosine = quadrant == 1 || quadrant == 2 ? -even : even;
}
