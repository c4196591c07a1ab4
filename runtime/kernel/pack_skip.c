/* Packing for kernels that skip rows (r5) or columns (c5): 64 bytes of five trits each. */
#include <assert.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"

enum { BYTES = 64, PLANES = 5, GROUP = BYTES * PLANES, TILE = 64 };

/* What stands for five digits, the number v to the base 3. */
static inline uint8_t stored(uint8_t v)
{
    return (uint8_t)((v * 256u + 242) / 243);
}

static void pack_group(const uint8_t *codes, uint8_t *out)
{
    for (size_t b = 0; b < BYTES; b++) {
        uint8_t v = 0;
        for (size_t p = 0; p < PLANES; p++)
            v = (uint8_t)(3 * v + codes[p * BYTES + b]);
        out[b] = stored(v);
    }
}

void trit_pack_r5(const struct trit_packing *packing, const struct trit_codes *c, size_t nr,
                  uint8_t *out)
{
    const size_t k = c->k;
    uint8_t ragged[GROUP];
    assert(packing->kr == GROUP);
    for (size_t r = 0; r < nr; r++)
        for (size_t x = 0; x < k; x += GROUP, out += BYTES) {
            const size_t valid = r >= c->rows ? 0 : k - x < GROUP ? k - x : GROUP;
            const uint8_t *from = c->codes + r * c->ld + x;
            if (valid < GROUP) {
                memset(ragged, 1, sizeof ragged);
                memcpy(ragged, valid ? from : ragged, valid);
                from = ragged;
            }
            pack_group(from, out);
        }
}

/* The five-digit numbers of `columns` columns of 64 bytes' worth of rows, the first of them `row`,
   row by row, so that memory is read along. */
static void numbers(const uint8_t *codes, size_t ld, size_t row, size_t rows, size_t columns,
                    uint8_t v[BYTES][TILE])
{
    for (size_t b = 0; b < BYTES; b++)
        for (size_t p = 0; p < PLANES; p++) {
            const size_t r = row + p * BYTES + b;
            for (size_t x = 0; x < columns; x++)
                v[b][x] = (uint8_t)((p ? 3 * v[b][x] : 0) + (r < rows ? codes[r * ld + x] : 1));
        }
}

void trit_pack_c5(const struct trit_packing *packing, const struct trit_codes *c, size_t nr,
                  uint8_t *out)
{
    const size_t column = nr / PLANES, k = c->k;
    uint8_t v[BYTES][TILE];
    assert(nr % GROUP == 0);
    for (size_t first = 0; first < k; first += TILE) {
        const size_t columns = k - first < TILE ? k - first : TILE;
        for (size_t row = 0; row < nr; row += GROUP) {
            numbers(c->codes + first, c->ld, row, c->rows, columns, v);
            for (size_t x = 0; x < columns; x++)
                for (size_t b = 0; b < BYTES; b++)
                    out[(first + x) * column + row / PLANES + b] = stored(v[b][x]);
        }
    }
    memset(out + k * column, 128,
           (trit_round_up(k, packing->kr) - k) * column); /* 128: five zeros */
}
