/* The random parts of a synthetic model: how trits and normal values are drawn, and how each stored
 * type holds them. */
#include "runtime/synth/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/random.h"
#include "runtime/format/gguf.h"

enum { DRAWS = 1 << 16, LOOKUPS = 4, STEPS = 8 };

/* The integer types: a value's standard deviation is Q8_STEP or Q6_STEP steps, so that the range
 * holds 4 of them. */
enum { Q8_STEP = 31, Q6_STEP = 8, Q6_SCALE = 64 };

struct trit_noise {
    uint8_t trits[DRAWS]; /* four codes of I2_S */
    float normal[DRAWS];  /* standard normal values, ascending */
    uint16_t f16[DRAWS];  /* the same times spread */
    uint16_t bf16[DRAWS];
    int8_t q8[DRAWS];
    uint8_t q6[DRAWS]; /* 0 .. 63, 32 more than the value */
    float spread;
};

/* Byte b holds four codes; the byte's probability, cut to whole draws, is the product of theirs. */
static void make_trits(uint8_t *table)
{
    static const uint64_t p[3] = { 289, 422, 289 }; /* per mille */
    uint64_t sum = 0;
    size_t at = 0;
    for (unsigned i = 0; i < 81; i++) {
        unsigned a = i / 27, b = i / 9 % 3, c = i / 3 % 3, d = i % 3;
        sum += p[a] * p[b] * p[c] * p[d];
        for (; at < sum * DRAWS / 1000000000000; at++)
            table[at] = (uint8_t)(a << 6 | b << 4 | c << 2 | d);
    }
}

/* The normal quantile x(p) has the slope v = sqrt(2 pi) exp(x^2 / 2), so that v' = x v^2: a Taylor
   series from the median on, with + and * alone, which give the same table everywhere. */
static void make_normal(float *table)
{
    double x = 0, v = 2.5066282746310002, h = 1.0 / DRAWS / STEPS;
    for (size_t i = 0; i < DRAWS / 2; i++) {
        for (size_t step = 0; step < STEPS; step++) {
            double a = x * v * v, b = (1 + 2 * x * x) * v * v * v;
            double c = (7 + 6 * x * x) * a * v * v;
            if (step == STEPS / 2) {
                table[DRAWS / 2 + i] = (float)x;
                table[DRAWS / 2 - 1 - i] = (float)-x;
            }
            x += h * (v + h * (a / 2 + h * b / 6));
            v += h * (a + h * (b / 2 + h * c / 6));
        }
    }
}

static int clamp(float v, int low, int high)
{
    int i = (int)(v + (v < 0 ? -0.5f : 0.5f));
    return i < low ? low : i > high ? high : i;
}

struct trit_noise *trit_noise_create(float spread)
{
    struct trit_noise *n = malloc(sizeof *n);
    if (!n)
        return NULL;
    n->spread = spread;
    make_trits(n->trits);
    make_normal(n->normal);
    for (size_t i = 0; i < DRAWS; i++) {
        float v = n->normal[i] * spread;
        uint32_t bits = trit_f32_bits(v);
        n->f16[i] = trit_f32_f16(v);
        n->bf16[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        n->q8[i] = (int8_t)clamp(n->normal[i] * Q8_STEP, -127, 127);
        n->q6[i] = (uint8_t)(clamp(n->normal[i] * Q6_STEP, -32, 31) + 32);
    }
    return n;
}

void trit_noise_free(struct trit_noise *noise)
{
    free(noise);
}

uint64_t trit_noise_seed(uint64_t seed, uint64_t tensor, uint64_t unit)
{
    return trit_random_mix(trit_random_mix(trit_random_mix(seed + 1) + tensor) + unit);
}

typedef void fill_fn(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                     size_t count, uint8_t *out);

void trit_noise_trits(const struct trit_noise *n, uint64_t *state, size_t bytes, uint8_t *out)
{
    for (size_t i = 0; i < bytes; i += LOOKUPS) {
        uint64_t r = trit_random_next(state);
        for (size_t j = 0; j < LOOKUPS; j++, r >>= 16)
            out[i + j] = n->trits[r & 0xffff];
    }
}

static void fill_i2_s(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                      size_t count, uint8_t *out)
{
    (void)use;
    trit_noise_trits(n, &state, count / 4, out);
}

/* The same draws as I2_S, block by block, so that both types hold the same matrix. */
static void fill_trits_f16(const struct trit_noise *n, const struct trit_noise_use *use,
                           uint64_t state, size_t count, uint8_t *out)
{
    uint16_t d = trit_f32_f16(use->size), values[4] = { d | 0x8000, 0, d, 0 };
    for (size_t e = 0; e < count; e += 128) {
        uint8_t block[32];
        uint16_t w[128];
        trit_noise_trits(n, &state, sizeof block, block);
        for (size_t i = 0; i < 128; i++)
            w[i] = values[block[i % 32] >> (6 - i / 32 * 2) & 3];
        memcpy(out + 2 * e, w, 2 * (count - e < 128 ? count - e : 128));
    }
}

static void fill_16(const uint16_t *table, uint64_t state, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i += LOOKUPS) {
        uint16_t v[LOOKUPS];
        uint64_t r = trit_random_next(&state);
        for (size_t j = 0; j < LOOKUPS; j++, r >>= 16)
            v[j] = table[r & 0xffff];
        memcpy(out + 2 * i, v, 2 * (count - i < LOOKUPS ? count - i : LOOKUPS));
    }
}

static void fill_f16(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                     size_t count, uint8_t *out)
{
    (void)use;
    fill_16(n->f16, state, count, out);
}

static void fill_bf16(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                      size_t count, uint8_t *out)
{
    (void)use;
    fill_16(n->bf16, state, count, out);
}

static void fill_f32(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                     size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        float v = use->mean + use->size * n->normal[trit_random_next(&state) >> 48];
        memcpy(out + 4 * i, &v, 4);
    }
}

uint16_t trit_noise_scale(float f, uint64_t r)
{
    return (uint16_t)(trit_f32_f16(f) + (r & 63));
}

static void put_scale(float f, uint64_t r, uint8_t *out)
{
    const uint16_t h = trit_noise_scale(f, r);
    memcpy(out, &h, 2);
}

static void fill_q8_0(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                      size_t count, uint8_t *out)
{
    (void)use;
    for (size_t b = 0; b < count / 32; b++, out += 34) {
        put_scale(n->spread / Q8_STEP, trit_random_next(&state), out);
        for (size_t i = 0; i < 32; i += LOOKUPS) {
            uint64_t r = trit_random_next(&state);
            for (size_t j = 0; j < LOOKUPS; j++, r >>= 16)
                out[2 + i + j] = (uint8_t)n->q8[r & 0xffff];
        }
    }
}

static void fill_sized_q8_0(const struct trit_noise *n, const struct trit_noise_use *use,
                            uint64_t state, size_t count, uint8_t *out)
{
    const float steps = use->size / use->step;
    for (size_t b = 0; b < count / 32; b++, out += 34) {
        put_scale(use->step, trit_random_next(&state), out);
        for (size_t i = 0; i < 32; i += LOOKUPS) {
            uint64_t r = trit_random_next(&state);
            for (size_t j = 0; j < LOOKUPS; j++, r >>= 16)
                out[2 + i + j] = (uint8_t)clamp(n->normal[r & 0xffff] * steps, -127, 127);
        }
    }
}

/* Layout as in runtime/format/rows.c: the four values of one draw share a byte of qh and two of ql.
 */
static void fill_q6_half(const struct trit_noise *n, uint64_t *state, uint8_t *ql, uint8_t *qh)
{
    for (size_t l = 0; l < 32; l++) {
        uint8_t q[LOOKUPS];
        uint64_t r = trit_random_next(state);
        for (size_t j = 0; j < LOOKUPS; j++, r >>= 16)
            q[j] = n->q6[r & 0xffff];
        ql[l] = (uint8_t)((q[0] & 15) | q[2] << 4);
        ql[32 + l] = (uint8_t)((q[1] & 15) | q[3] << 4);
        qh[l] = (uint8_t)(q[0] >> 4 | (q[1] >> 4) << 2 | (q[2] >> 4) << 4 | (q[3] >> 4) << 6);
    }
}

static void fill_q6_k(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                      size_t count, uint8_t *out)
{
    (void)use;
    for (size_t b = 0; b < count / 256; b++, out += 210) {
        uint64_t r = trit_random_next(&state);
        fill_q6_half(n, &state, out, out + 128);
        fill_q6_half(n, &state, out + 64, out + 160);
        for (size_t g = 0; g < 16; g++)
            out[192 + g] = (uint8_t)(Q6_SCALE - 8 + (r >> (4 * g) & 15));
        put_scale(n->spread / (Q6_STEP * Q6_SCALE), trit_random_next(&state), out + 208);
    }
}

static void fill_tq1_0(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                       size_t count, uint8_t *out)
{
    trit_noise_folded(n, use->size, TRIT_TQ1_0, state, count, out);
}

static void fill_tq2_0(const struct trit_noise *n, const struct trit_noise_use *use, uint64_t state,
                       size_t count, uint8_t *out)
{
    trit_noise_folded(n, use->size, TRIT_TQ2_0, state, count, out);
}

static void fill_sized_bf16(const struct trit_noise *n, const struct trit_noise_use *use,
                            uint64_t state, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = trit_f32_bits(use->size * n->normal[trit_random_next(&state) >> 48]);
        const uint16_t v = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        memcpy(out + 2 * i, &v, 2);
    }
}

static const struct {
    uint32_t type;
    enum trit_noise_values values;
    fill_fn *fill;
} forms[] = {
    { TRIT_I2_S, TRIT_NOISE_TRITS, fill_i2_s },
    { TRIT_F16, TRIT_NOISE_TRITS, fill_trits_f16 },
    { TRIT_TQ1_0, TRIT_NOISE_TRITS, fill_tq1_0 },
    { TRIT_TQ2_0, TRIT_NOISE_TRITS, fill_tq2_0 },
    { TRIT_F16, TRIT_NOISE_NORMAL, fill_f16 },
    { TRIT_BF16, TRIT_NOISE_NORMAL, fill_bf16 },
    { TRIT_F32, TRIT_NOISE_NORMAL, fill_f32 },
    { TRIT_Q8_0, TRIT_NOISE_NORMAL, fill_q8_0 },
    { TRIT_Q6_K, TRIT_NOISE_NORMAL, fill_q6_k },
    { TRIT_F32, TRIT_NOISE_SLOPES, trit_noise_slopes },
    { TRIT_F32, TRIT_NOISE_STEPS, trit_noise_steps },
    { TRIT_Q8_0, TRIT_NOISE_SIZED, fill_sized_q8_0 },
    { TRIT_BF16, TRIT_NOISE_SIZED, fill_sized_bf16 },
};

size_t trit_noise_fill(const struct trit_noise *noise, const struct trit_noise_use *use,
                       uint32_t type, uint64_t seed, size_t count, uint8_t *out)
{
    const struct trit_type_info *info = trit_type_find(type);
    if (use->values == TRIT_NOISE_GROUPS) {
        trit_noise_groups(noise, use->size, type, seed, count, out);
        return count / info->block * info->bytes;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type && forms[i].values == use->values) {
            forms[i].fill(noise, use, seed, count, out);
            return count / info->block * info->bytes;
        }
    return 0;
}
