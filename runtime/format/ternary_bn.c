/* IQ2_BN, IQ2_BN_R4 and IQ1_BN: a scale for each row, and codes in blocks of 64. Source: FORMATS,
   sections 7 and 8. */
#include <math.h>

#include "runtime/base/half.h"
#include "runtime/format/internal.h"

enum { BLOCK = 64, IQ2_BYTES = 16, IQ1_BYTES = 13, ROWS = 4 };

static enum trit_code check_scale(const struct trit_row_source *s, size_t row, float d)
{
    return isfinite(d) && !signbit(d) ? TRIT_OK : trit_row_bad_scale(s, row, d);
}

/* Bits 2l of byte i are column 16*l + i of a block. */
enum trit_code trit_row_iq2_bn(const struct trit_row_source *s, size_t row, uint8_t *codes,
                               float *d)
{
    const size_t blocks = (size_t)s->tensor->ne[0] / BLOCK;
    const uint8_t *restrict in = s->tensor->data + row * (sizeof *d + blocks * IQ2_BYTES);
    uint8_t *restrict to = codes;
    memcpy(d, in, sizeof *d);
    in += sizeof *d;
    for (size_t b = 0; b < blocks; b++, in += IQ2_BYTES, to += BLOCK)
        for (size_t l = 0; l < 4; l++)
            for (size_t i = 0; i < IQ2_BYTES; i++)
                to[16 * l + i] = in[i] >> 2 * l & 3;
    return check_scale(s, row, *d);
}

/* Four scales, then four bytes of each row in turn, whose bits 2j are the columns 4*j further on.
 */
enum trit_code trit_row_iq2_bn_r4(const struct trit_row_source *s, size_t row, uint8_t *codes,
                                  float *d)
{
    const size_t k = (size_t)s->tensor->ne[0], r = row % ROWS;
    const uint8_t *restrict in =
        s->tensor->data + row / ROWS * (ROWS * sizeof *d + k / BLOCK * (ROWS * IQ2_BYTES));
    uint8_t *restrict to = codes;
    memcpy(d, in + r * sizeof *d, sizeof *d);
    in += ROWS * sizeof *d + r * 4;
    for (size_t x = 0; x < k; x += 16, in += 16, to += 16) {
        uint32_t four;
        memcpy(&four, in, sizeof four);
        for (size_t j = 0; j < 4; j++) {
            const uint32_t some = four >> 2 * j & 0x03030303;
            memcpy(to + 4 * j, &some, sizeof some);
        }
    }
    return check_scale(s, row, *d);
}

/* The digits to the base 3 of a byte, the least significant of five first, each in a byte. */
static uint64_t digits(uint8_t byte)
{
    static const uint8_t powers[] = { 81, 27, 9, 3, 1 };
    uint64_t all = 0;
    for (size_t j = 0; j < 5; j++) {
        const uint8_t v = (uint8_t)(byte * powers[j]);
        all |= (uint64_t)((v > 85) + (v > 170)) << 8 * j;
    }
    return all;
}

/* 16 columns are five of each of three bytes, and one of the block's last. */
enum trit_code trit_row_iq1_bn(const struct trit_row_source *s, size_t row, uint8_t *codes,
                               float *d)
{
    const size_t blocks = (size_t)s->tensor->ne[0] / BLOCK;
    const uint8_t *restrict in = s->tensor->data + row * (2 + blocks * IQ1_BYTES);
    uint64_t table[256];
    for (size_t i = 0; i < 256; i++)
        table[i] = digits((uint8_t)i);
    *d = trit_f16_f32(trit_half_at(in));
    in += 2;
    for (size_t b = 0; b < blocks; b++, in += IQ1_BYTES, codes += BLOCK)
        for (size_t part = 0; part < 4; part++) {
            uint8_t *to = codes + 16 * part;
            memcpy(to, &table[in[3 * part]], 8);
            memcpy(to + 5, &table[in[3 * part + 1]], 8);
            memcpy(to + 10, &table[in[3 * part + 2]], 5);
            to[15] = (uint8_t)(table[in[12]] >> 8 * part & 3);
        }
    return check_scale(s, row, *d);
}
