/* f16 and bf16 as they stand in files, one value at a time. */
#ifndef TRIT_HALF_H
#define TRIT_HALF_H

#include <stdint.h>
#include <string.h>

static inline float trit_bits_f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline uint32_t trit_f32_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

static inline float trit_bf16_f32(uint16_t b)
{
    return trit_bits_f32((uint32_t)b << 16);
}

/* Exact for every f16, denormal, infinity and NaN included (a NaN becomes quiet, as vcvtph2ps has
 * it). */
static inline float trit_f16_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, mag = h & 0x7fff;
    if (mag >= 0x7c00)
        return trit_bits_f32(sign | 0x7f800000 | mag << 13 | (mag > 0x7c00 ? 0x400000 : 0));
    if (mag < 0x400) /* denormal: mag * 2^-24, exact in binary32 */
        return trit_bits_f32(sign | trit_f32_bits((float)mag * 5.9604644775390625e-8f));
    return trit_bits_f32(sign | ((mag << 13) + 0x38000000));
}

/* The same for loops, without a branch: a small one as the difference of normal numbers, an
   infinity or NaN with the exponent's bias added twice. A NaN keeps its bits. */
static inline float trit_f16_f32_plain(uint16_t h)
{
    const uint32_t mag = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t is_small = 0 - (uint32_t)(mag < 0x800000);
    const uint32_t is_last = 0 - (uint32_t)(mag >= 0x0f800000);
    const uint32_t large = mag + 0x38000000 + (is_last & 0x38000000);
    const uint32_t small = trit_f32_bits(trit_bits_f32(mag + 0x38800000) - 6.103515625e-05f);
    return trit_bits_f32((small & is_small) | (large & ~is_small) | sign);
}

/* Rounds to nearest, ties to even; past the range to infinity. */
static inline uint16_t trit_f32_f16(float f)
{
    uint32_t bits = trit_f32_bits(f), sign = bits >> 16 & 0x8000, mag = bits & 0x7fffffff;
    if (mag > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (mag >> 13 & 0x3ff));
    if (mag >= 0x47800000) /* 65536 and up */
        return (uint16_t)(sign | 0x7c00);
    if (mag < 0x38800000) { /* below 2^-14: the sum's last bit is 2^-24, and its rounding is ours */
        float sum = trit_bits_f32(mag) + 0.5f;
        return (uint16_t)(sign | (trit_f32_bits(sum) - 0x3f000000));
    }
    return (uint16_t)(sign | ((mag - 0x38000000 + 0xfff + (mag >> 13 & 1)) >> 13));
}

#endif
