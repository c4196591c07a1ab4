/* Codes, value + 1, to blocks of the stored types: 1 bit, 2 bits and base 3. */
#include <string.h>

#include "runtime/convert/encode.h"

static void put_half(uint8_t *out, uint16_t d)
{
    memcpy(out, &d, sizeof d);
}

/* Bytes of four codes each, of which the first is in the lowest bits; they stand `apart`. */
static inline void quarters(const uint8_t *restrict codes, size_t apart, size_t bytes,
                            uint8_t *restrict out)
{
    for (size_t i = 0; i < bytes; i++) {
        const uint8_t *c = codes + (apart == 1 ? 4 * i : i);
        out[i] = (uint8_t)(c[0] | c[apart] << 2 | c[2 * apart] << 4 | c[3 * apart] << 6);
    }
}

/* The first code in the highest bits. */
void trit_put_i2_s(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    (void)d;
    for (size_t i = 0; i < 32; i++)
        out[i] = (uint8_t)(codes[i] << 6 | codes[32 + i] << 4 | codes[64 + i] << 2 | codes[96 + i]);
}

void trit_put_tq2_0(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    quarters(codes, 32, 32, out);
    quarters(codes + 128, 32, 32, out + 32);
    put_half(out + 64, d);
}

void trit_put_q2_0(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    put_half(out, d);
    quarters(codes, 1, 16, out + 2);
}

void trit_put_pq2_0(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    put_half(out, d);
    quarters(codes, 1, 32, out + 2);
}

/* A group of zeros, whose d is 0, is written as +0. */
void trit_put_q1_0(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    put_half(out, d);
    for (size_t i = 0; i < 16; i++, codes += 8) {
        unsigned byte = 0;
        for (size_t j = 0; j < 8; j++)
            byte |= (unsigned)(codes[j] != 0) << j;
        out[2 + i] = (uint8_t)byte;
    }
}

/* Numbers to the base 3 as fractions of 256, rounded up: five digits, the first on top, which stand
   `bytes` apart; of four the last is 0. */
static inline void thirds(const uint8_t *restrict codes, size_t bytes, size_t digits,
                          uint8_t *restrict out)
{
    for (size_t i = 0; i < bytes; i++) {
        uint16_t v = 0;
        for (size_t n = 0; n < 5; n++)
            v = (uint16_t)(3 * v + (n < digits ? codes[n * bytes + i] : 0));
        out[i] = (uint8_t)((uint16_t)(v * 256 + 242) / 243);
    }
}

void trit_put_tq1_0(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    thirds(codes, 32, 5, out);
    thirds(codes + 160, 16, 5, out + 32);
    thirds(codes + 240, 4, 4, out + 48);
    put_half(out + 52, d);
}

void trit_put_ptq1_0(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out)
{
    thirds(codes, 16, 5, out);
    thirds(codes + 80, 8, 5, out + 16);
    thirds(codes + 120, 2, 4, out + 24);
    put_half(out + 26, d);
}
