/* Scales of columns, told by magnitudes: bit patterns without a sign. */
#include "runtime/convert/fit.h"

#include "runtime/base/half.h"

enum { MAG = 0x7fffffff, INFINITE = 0x7f800000 };
#define SIGN 0x80000000u

bool trit_fit_trits(const float *restrict x, size_t n, uint8_t *restrict codes,
                    struct trit_fit *fit)
{
    size_t first = 0;
    while (first < n && x[first] == 0)
        first++;
    const uint32_t d = first < n ? trit_f32_bits(x[first]) & MAG : 0;
    uint32_t bad = 0, zeros = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t w = trit_f32_bits(x[i]), m = w & MAG;
        bad |= (uint32_t)(m != 0) & (uint32_t)(m != d);
        zeros |= (uint32_t)(m == 0);
        codes[i] = (uint8_t)(1 + (m != 0) - 2 * (w > SIGN));
    }
    *fit = (struct trit_fit){ d, zeros && d };
    return !bad && d < INFINITE;
}

/* The least magnitude but 0, and the greatest. */
static void ends(const float *restrict x, size_t n, uint32_t *lo, uint32_t *hi)
{
    uint32_t below = UINT32_MAX, top = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t m = trit_f32_bits(x[i]) & MAG;
        below = m - 1 < below ? m - 1 : below; /* a zero less one is above all others */
        top = m > top ? m : top;
    }
    *lo = below + 1;
    *hi = top;
}

bool trit_fit_twos(const float *restrict x, size_t n, uint8_t *restrict codes, struct trit_fit *fit)
{
    uint32_t lo, hi, bad = 0, zeros = 0;
    ends(x, n, &lo, &hi);
    for (size_t i = 0; i < n; i++) {
        const uint32_t w = trit_f32_bits(x[i]), m = w & MAG;
        bad |= (uint32_t)(m != 0) & (uint32_t)(m != lo) & (uint32_t)(w != hi);
        zeros |= (uint32_t)(m == 0);
        codes[i] = (uint8_t)(1 + (m != 0) + (w == hi) - 2 * (w > SIGN));
    }
    *fit = (struct trit_fit){ lo, zeros };
    return !bad && hi < INFINITE && trit_f32_bits(2 * trit_bits_f32(lo)) == hi;
}

/* From 2^-14 on ten bits are left of 23; below it has the multiples of 2^-24, which a sum with 2^23
   does not round. */
bool trit_fit_f16(const float *x, size_t n)
{
    const uint32_t least = 0x38800000, past = 0x47800000;
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t m = trit_f32_bits(x[i]) & MAG, is_small = 0 - (uint32_t)(m < least);
        const float steps = trit_bits_f32(m) * 0x1p24f, whole = (steps + 0x1p23f) - 0x1p23f;
        const uint32_t large = (m & 0x1fff) | (uint32_t)(m >= past);
        bad |= (is_small & (uint32_t)(whole != steps)) | (~is_small & large);
    }
    return !bad;
}

bool trit_fit_bf16(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t w = trit_f32_bits(x[i]);
        bad |= (w & 0xffff) | (uint32_t)((w & MAG) >= INFINITE);
    }
    return !bad;
}

bool trit_fit_half(uint32_t d)
{
    const float x = trit_bits_f32(d);
    return trit_fit_f16(&x, 1);
}
