/* Blocks of the stored types that have a scale each: 1 bit, 2 bits and base 3 to codes, value + 1.
   Source: FORMATS-2, section 1. */
#include "runtime/format/internal.h"

/* Bit j of byte i is column 8*i + j: 0 for -1, 1 for +1. Each bit alone in its byte, then 0x7f
   added, which carries into the top bit and no further. */
static void codes_q1_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    const uint64_t bits = 0x8040201008040201, ones = 0x0101010101010101;
    for (size_t i = 0; i < 16; i++) {
        const uint64_t alone = block[2 + i] * ones & bits;
        const uint64_t eight = (alone + 0x7f * ones) >> 6 & 2 * ones;
        memcpy(codes + 8 * i, &eight, sizeof eight);
    }
}

/* Bits 2j of byte i are column 4*i + j. */
static inline void quarters(const uint8_t *restrict in, size_t n, uint8_t *restrict codes)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t b = in[i], four = (b | b << 6 | b << 12 | b << 18) & 0x03030303;
        memcpy(codes + 4 * i, &four, sizeof four);
    }
}

static void codes_q2_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    quarters(block + 2, 16, codes);
}

static void codes_pq2_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    quarters(block + 2, 32, codes);
}

/* n bytes of `digits` digits to the base 3: digit d of byte i is column n*d + i. What is left of
   the number after d digits is its low eight bits, and three times that has the next on top; it is
   at most 3 * 255 >> 8 = 2. */
static inline void thirds(const uint8_t *restrict in, size_t n, size_t digits,
                          uint8_t *restrict codes)
{
    static const uint8_t powers[] = { 1, 3, 9, 27, 81 };
    for (size_t d = 0; d < digits; d++)
        for (size_t i = 0; i < n; i++)
            codes[n * d + i] = (uint8_t)((uint8_t)(in[i] * powers[d]) * 3 >> 8);
}

static void codes_ptq1_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    thirds(block, 16, 5, codes);
    thirds(block + 16, 8, 5, codes + 80);
    thirds(block + 24, 2, 4, codes + 120);
}

const struct trit_block_type *trit_block_find(uint32_t type)
{
    static const struct trit_block_type types[] = {
        { TRIT_Q1_0, 128, 18, 0, codes_q1_0 },
        { TRIT_Q2_0, 64, 18, 0, codes_q2_0 },
        { TRIT_PQ2_0, 128, 34, 0, codes_pq2_0 },
        { TRIT_PTQ1_0, 128, 28, 26, codes_ptq1_0 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return &types[i];
    return NULL;
}
