/* Random trits and signs in groups of columns with a scale each, in the layouts of the types that
   hold such. Source: FORMATS-2, section 1. */
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/format/gguf.h"
#include "runtime/synth/internal.h"

enum { GROUP = TRIT_NOISE_GROUP };

/* Writes a group: codes are its columns' values + 1. */
typedef void put_fn(const uint8_t *codes, uint16_t scale, uint8_t *out);

static void put_f16(const uint8_t *codes, uint16_t scale, uint8_t *out)
{
    const uint16_t values[3] = { scale | 0x8000, 0, scale };
    for (size_t i = 0; i < GROUP; i++)
        memcpy(out + 2 * i, &values[codes[i]], 2);
}

/* Four codes a byte, the first at the bottom. */
static void put_quarters(const uint8_t *codes, size_t bytes, uint8_t *out)
{
    for (size_t i = 0; i < bytes; i++, codes += 4)
        out[i] = (uint8_t)(codes[0] | codes[1] << 2 | codes[2] << 4 | codes[3] << 6);
}

static void put_pq2_0(const uint8_t *codes, uint16_t scale, uint8_t *out)
{
    memcpy(out, &scale, 2);
    put_quarters(codes, GROUP / 4, out + 2);
}

/* Two blocks, whose scales are equal. */
static void put_q2_0(const uint8_t *codes, uint16_t scale, uint8_t *out)
{
    for (size_t half = 0; half < 2; half++, codes += GROUP / 2, out += 2 + GROUP / 8) {
        memcpy(out, &scale, 2);
        put_quarters(codes, GROUP / 8, out + 2);
    }
}

/* n bytes of `digits` digits to the base 3, as a fraction of 256; digit d of byte i is column
   n*d + i. */
static void put_thirds(const uint8_t *codes, size_t n, unsigned digits, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        for (unsigned d = 0; d < 5; d++)
            v = 3 * v + (d < digits ? codes[n * d + i] : 0);
        out[i] = (uint8_t)((v * 256 + 242) / 243);
    }
}

static void put_ptq1_0(const uint8_t *codes, uint16_t scale, uint8_t *out)
{
    put_thirds(codes, 16, 5, out);
    put_thirds(codes + 80, 8, 5, out + 16);
    put_thirds(codes + 120, 2, 4, out + 24);
    memcpy(out + 26, &scale, 2);
}

static const struct {
    uint32_t type;
    size_t bytes; /* of a group */
    put_fn *put;
} forms[] = {
    { TRIT_F16, 2 * GROUP, put_f16 },
    { TRIT_Q2_0, 2 * (2 + GROUP / 8), put_q2_0 },
    { TRIT_PQ2_0, 2 + GROUP / 4, put_pq2_0 },
    { TRIT_PTQ1_0, 2 + 26, put_ptq1_0 },
};

static void fill_trits(const struct trit_noise *noise, float size, size_t form, uint64_t state,
                       size_t count, uint8_t *out)
{
    for (size_t e = 0; e < count; e += GROUP, out += forms[form].bytes) {
        uint8_t drawn[GROUP / 4], codes[GROUP];
        trit_noise_trits(noise, &state, sizeof drawn, drawn);
        for (size_t i = 0; i < sizeof drawn; i++)
            for (size_t j = 0; j < 4; j++)
                codes[4 * i + j] = drawn[i] >> (6 - 2 * j) & 3;
        forms[form].put(codes, trit_noise_scale(size, trit_random_next(&state)), out);
    }
}

static void fill_q1_0(float size, uint64_t state, size_t count, uint8_t *out)
{
    for (size_t e = 0; e < count; e += GROUP, out += 2 + GROUP / 8) {
        const uint64_t signs[2] = { trit_random_next(&state), trit_random_next(&state) };
        const uint16_t scale = trit_noise_scale(size, trit_random_next(&state));
        memcpy(out, &scale, 2);
        memcpy(out + 2, signs, sizeof signs);
    }
}

void trit_noise_groups(const struct trit_noise *noise, float size, uint32_t type, uint64_t state,
                       size_t count, uint8_t *out)
{
    if (type == TRIT_Q1_0)
        fill_q1_0(size, state, count, out);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            fill_trits(noise, size, i, state, count, out);
}
