/* Roundings that a user asks for by name, as llama.cpp's formats have them: to nearest in each
   block, the same on every machine. */
#include <math.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/convert/encode.h"

enum { Q8_BLOCK = 32, Q6_BLOCK = 256, Q6_GROUP = 16, Q6_GROUPS = Q6_BLOCK / Q6_GROUP };

/* Halves away from zero; |x| is below 2^23. */
static int nearest(float x)
{
    const int whole = (int)x;
    const float rest = x - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

static bool is_half(uint16_t h)
{
    return (h & 0x7c00) != 0x7c00;
}

bool trit_round_f16(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                    uint32_t *d)
{
    (void)e, (void)d;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        const uint16_t h = trit_f32_f16(x[i]);
        good &= is_half(h);
        memcpy(out + 2 * i, &h, sizeof h);
    }
    return good;
}

/* The value of the greatest magnitude; false where one is not finite. */
static bool greatest(const float *x, size_t n, float *most)
{
    bool good = true;
    *most = 0;
    for (size_t i = 0; i < n; i++) {
        good &= isfinite(x[i]) != 0;
        *most = fabsf(x[i]) > fabsf(*most) ? x[i] : *most;
    }
    return good;
}

bool trit_round_q8_0(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                     uint32_t *scale)
{
    (void)e, (void)scale;
    bool good = true;
    for (size_t b = 0; b < n; b += Q8_BLOCK, out += 2 + Q8_BLOCK) {
        float most;
        if (!greatest(x + b, Q8_BLOCK, &most))
            return false;
        const float d = fabsf(most) / 127.0f;
        const uint16_t h = trit_f32_f16(d);
        const float inverse = h ? 1.0f / d : 0; /* of what f16 has no step for nothing is left */
        good &= is_half(h);
        memcpy(out, &h, sizeof h);
        for (size_t i = 0; good && i < Q8_BLOCK; i++)
            out[2 + i] = (uint8_t)(int8_t)nearest(x[b + i] * inverse);
    }
    return good;
}

/* Groups of 16 have scales of 8 bits times the block's; the greatest value of a group is -32. */
static bool scales_q6(const float *x, uint16_t *h, int8_t scales[Q6_GROUPS])
{
    float step[Q6_GROUPS], most;
    for (size_t g = 0; g < Q6_GROUPS; g++) {
        if (!greatest(x + g * Q6_GROUP, Q6_GROUP, &most))
            return false;
        step[g] = most / -32.0f;
    }
    if (!greatest(step, Q6_GROUPS, &most))
        return false;
    *h = trit_f32_f16(most / -128.0f);
    const float d = trit_f16_f32(*h), inverse = d < 0 || d > 0 ? 1.0f / d : 0;
    for (size_t g = 0; g < Q6_GROUPS; g++) {
        const float s = fminf(fmaxf(step[g] * inverse, -128), 127);
        scales[g] = (int8_t)nearest(s);
    }
    return is_half(*h);
}

/* Element e = 32 * part + l of a half: its low four bits in nibble part / 2 of ql[32 * (part % 2) +
   l], its high two in bits 2 * part of qh[l]. */
static void put_q6_half(const uint8_t *q, uint8_t *ql, uint8_t *qh)
{
    memset(ql, 0, 64);
    memset(qh, 0, 32);
    for (size_t part = 0; part < 4; part++)
        for (size_t l = 0; l < 32; l++) {
            const unsigned v = q[32 * part + l];
            ql[32 * (part % 2) + l] |= (uint8_t)((v & 15) << 4 * (part / 2));
            qh[l] |= (uint8_t)(v >> 4 << 2 * part);
        }
}

bool trit_round_q6_k(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                     uint32_t *scale)
{
    (void)e, (void)scale;
    for (size_t b = 0; b < n; b += Q6_BLOCK, out += 210) {
        uint8_t q[Q6_BLOCK];
        int8_t scales[Q6_GROUPS];
        uint16_t h;
        if (!scales_q6(x + b, &h, scales))
            return false;
        for (size_t i = 0; i < Q6_BLOCK; i++) {
            const float d = trit_f16_f32(h) * (float)scales[i / Q6_GROUP];
            const float v = d < 0 || d > 0 ? fminf(fmaxf(x[b + i] / d, -32), 31) : 0;
            q[i] = (uint8_t)(nearest(v) + 32);
        }
        put_q6_half(q, out, out + 128);
        put_q6_half(q + 128, out + 64, out + 160);
        memcpy(out + 192, scales, sizeof scales);
        memcpy(out + 208, &h, sizeof h);
    }
    return true;
}
