/* Random trits in TQ1_0 and TQ2_0, whose blocks of 256 all have the matrix's scale, and their
   leads. Source: FORMATS, sections 4 and 5. */
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/gguf.h"
#include "runtime/synth/internal.h"

enum { BLOCK = 256, TQ1_BYTES = 54, TQ2_BYTES = 66 };

/* The same draws as I2_S. */
static void draw(const struct trit_noise *n, uint64_t *state, uint8_t *codes)
{
    for (size_t half = 0; half < BLOCK; half += 128) {
        uint8_t drawn[32];
        trit_noise_trits(n, state, sizeof drawn, drawn);
        for (size_t i = 0; i < 128; i++)
            codes[half + i] = drawn[i % 32] >> (6 - i / 32 * 2) & 3;
    }
}

static uint8_t byte_of(unsigned number)
{
    return (uint8_t)((number * 256 + 242) / 243);
}

/* Where an element stands: a byte, and which of its digits to the base 3, from the top. */
static size_t tq1_place(size_t e, unsigned *digit)
{
    const size_t first = e < 160 ? 0 : e < 240 ? 160 : 240, n = e < 160 ? 32 : e < 240 ? 16 : 4;
    *digit = (unsigned)((e - first) / n);
    return first / 5 + (e - first) % n;
}

static const uint8_t powers[5] = { 81, 27, 9, 3, 1 };

static void put_tq1_0(const uint8_t *codes, uint8_t *out)
{
    unsigned numbers[TQ1_BYTES] = { 0 }, digit;
    for (size_t e = 0; e < BLOCK; e++) {
        const size_t at = tq1_place(e, &digit);
        numbers[at] += codes[e] * powers[digit];
    }
    for (size_t i = 0; i < TQ1_BYTES - 2; i++)
        out[i] = byte_of(numbers[i]);
}

static void put_tq2_0(const uint8_t *codes, uint8_t *out)
{
    memset(out, 0, TQ2_BYTES - 2);
    for (size_t e = 0; e < BLOCK; e++)
        out[e / 128 * 32 + e % 32] |= (uint8_t)(codes[e] << e % 128 / 32 * 2);
}

void trit_noise_folded(const struct trit_noise *n, float size, uint32_t type, uint64_t state,
                       size_t count, uint8_t *out)
{
    const uint16_t scale = trit_f32_f16(size);
    const size_t bytes = type == TRIT_TQ1_0 ? TQ1_BYTES : TQ2_BYTES;
    for (size_t e = 0; e < count; e += BLOCK, out += bytes) {
        uint8_t codes[BLOCK];
        draw(n, &state, codes);
        (type == TRIT_TQ1_0 ? put_tq1_0 : put_tq2_0)(codes, out);
        memcpy(out + bytes - 2, &scale, 2);
    }
}

void trit_lead_tq1_0(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    unsigned digit;
    uint8_t *byte = out + e / BLOCK * TQ1_BYTES + tq1_place(e % BLOCK, &digit);
    const unsigned number = *byte * 243u >> 8, old = number / powers[digit] % 3;
    *byte = byte_of(number + ((unsigned)(use->lead_trit + 1) - old) * powers[digit]);
}

void trit_lead_tq2_0(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    uint8_t *byte = out + e / BLOCK * TQ2_BYTES + e % BLOCK / 128 * 32 + e % 32;
    const unsigned at = (unsigned)(e % 128 / 32 * 2);
    *byte = (uint8_t)((*byte & ~(3u << at)) | (unsigned)(use->lead_trit + 1) << at);
}
