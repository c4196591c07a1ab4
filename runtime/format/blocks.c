/* Blocks of the stored types that have a scale each: 1 bit, 2 bits and base 3 to codes, value + 1.
   Source: FORMATS, sections 4 and 5; FORMATS-2, section 1. */
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

/* Digits to the base 3, the first on top: a byte is a fraction of 256, whose next digit counts the
   thirds that it reaches; three times it, without what passes 256, has the digits after. Digit d of
   bytes 0 .. 15 are columns 16*d on, of the next eight 80 + 8*d, of the last two, which have four,
   120 + 2*d. All bytes at once, in whole vectors. */
static void codes_ptq1_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    uint8_t left[32] = { 0 }, digits[32];
    memcpy(left, block, 26);
    for (size_t d = 0; d < 5; d++) {
        for (size_t i = 0; i < 32; i++)
            digits[i] = (uint8_t)((left[i] > 85) + (left[i] > 170));
        for (size_t i = 0; i < 32; i++)
            left[i] = (uint8_t)(3 * left[i]);
        memcpy(codes + 16 * d, digits, 16);
        memcpy(codes + 80 + 8 * d, digits + 16, 8);
        if (d < 4)
            memcpy(codes + 120 + 2 * d, digits + 24, 2);
    }
}

/* The same over 48 bytes of five digits, 32 and 16 side by side, and four bytes of four. */
static void codes_tq1_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    uint8_t left[64] = { 0 }, digits[64];
    memcpy(left, block, 52);
    for (size_t d = 0; d < 5; d++) {
        for (size_t i = 0; i < 64; i++)
            digits[i] = (uint8_t)((left[i] > 85) + (left[i] > 170));
        for (size_t i = 0; i < 64; i++)
            left[i] = (uint8_t)(3 * left[i]);
        memcpy(codes + 32 * d, digits, 32);
        memcpy(codes + 160 + 16 * d, digits + 32, 16);
        if (d < 4)
            memcpy(codes + 240 + 4 * d, digits + 48, 4);
    }
}

/* Bits 2l of byte i are column 32*l + i, of the next 32 bytes 128 columns further. */
static void codes_tq2_0(const uint8_t *restrict block, uint8_t *restrict codes)
{
    for (size_t half = 0; half < 2; half++, block += 32)
        for (size_t l = 0; l < 4; l++, codes += 32)
            for (size_t i = 0; i < 32; i++)
                codes[i] = block[i] >> 2 * l & 3;
}

const struct trit_block_type *trit_block_find(uint32_t type)
{
    static const struct trit_block_type types[] = {
        { TRIT_Q1_0, 128, 18, 0, codes_q1_0 },    { TRIT_Q2_0, 64, 18, 0, codes_q2_0 },
        { TRIT_PQ2_0, 128, 34, 0, codes_pq2_0 },  { TRIT_PTQ1_0, 128, 28, 26, codes_ptq1_0 },
        { TRIT_TQ1_0, 256, 54, 52, codes_tq1_0 }, { TRIT_TQ2_0, 256, 66, 64, codes_tq2_0 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return &types[i];
    return NULL;
}
