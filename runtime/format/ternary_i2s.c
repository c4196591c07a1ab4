/* I2_S: 2-bit codes and one scale for the whole tensor, in its three layouts. Source: FORMATS,
   section 3. */
#include <math.h>

#include "runtime/format/internal.h"

enum { TAIL = 32, ROWS = 4 };

/* A block of 4 * width codes, of which the first `width` stand in the top bits of its bytes. */
static inline void unpack(const uint8_t *restrict in, size_t width, uint8_t *restrict codes)
{
    for (size_t i = 0; i < width; i++) {
        const uint8_t b = in[i];
        codes[i] = b >> 6;
        codes[width + i] = b >> 4 & 3;
        codes[2 * width + i] = b >> 2 & 3;
        codes[3 * width + i] = b & 3;
    }
}

/* Elements e .. end-1 of a flat array of such blocks, which know nothing of rows. */
static inline __attribute__((always_inline)) void unpack_flat(const uint8_t *data, size_t width,
                                                              size_t e, size_t end, uint8_t *codes)
{
    const size_t block = 4 * width;
    uint8_t all[4 * 32];
    while (e < end) {
        const uint8_t *in = data + e / block * width;
        const size_t at = e % block, count = block - at < end - e ? block - at : end - e;
        if (count == block) {
            unpack(in, width, codes);
        } else {
            unpack(in, width, all);
            memcpy(codes, all + at, count);
        }
        codes += count;
        e += count;
    }
}

/* Row `row` of four that share their bytes, the first in the top bits. */
static void unpack_row4(const uint8_t *restrict in, size_t row, size_t k, uint8_t *restrict codes)
{
    const unsigned shift = 6 - 2 * (unsigned)(row % ROWS);
    for (size_t i = 0; i < k; i++)
        codes[i] = in[i] >> shift & 3;
}

enum trit_code trit_row_i2_s(const struct trit_row_source *s, size_t row, uint8_t *codes, float *d)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const size_t k = (size_t)t->ne[0], e = row * k;
    memcpy(d, t->data + k * (size_t)t->ne[1] / 4, sizeof *d);
    switch (s->gguf->i2s) {
    case TRIT_I2S_128:
        unpack_flat(t->data, 32, e, e + k, codes);
        break;
    case TRIT_I2S_64:
        unpack_flat(t->data, 16, e, e + k, codes);
        break;
    case TRIT_I2S_ROWS4:
        unpack_row4(t->data + row / ROWS * k, row, k, codes);
        break;
    }
    return TRIT_OK;
}

/* What a layout asks of the number of weights, or of rows. */
static const struct {
    size_t weights, rows;
    const char *what;
} layouts[] = {
    [TRIT_I2S_128] = { 128, 1, "128 weights in 32 bytes" },
    [TRIT_I2S_64] = { 64, 1, "64 weights in 16 bytes" },
    [TRIT_I2S_ROWS4] = { 4, ROWS, "four rows in the bytes of one" },
};

enum trit_code trit_check_i2_s(const struct trit_row_source *s)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const enum trit_i2s layout = s->gguf->i2s;
    const size_t n = (size_t)(t->ne[0] * t->ne[1]);
    float d;
    if (n % layouts[layout].weights || t->ne[1] % layouts[layout].rows || t->bytes != n / 4 + TAIL)
        return trit_fail(s->error, TRIT_EFORMAT,
                         "%s: tensor '%.*s': %zu weights in %llu bytes, %llu rows: I2_S has %s, "
                         "then 32 bytes for the scale",
                         s->gguf->path, (int)t->name.n, t->name.s, n, (unsigned long long)t->bytes,
                         (unsigned long long)t->ne[1], layouts[layout].what);
    memcpy(&d, t->data + n / 4, sizeof d);
    if (!(isfinite(d) && d >= 0))
        return trit_fail(s->error, TRIT_EFORMAT,
                         "%s: tensor '%.*s': its I2_S scale is %g, not a positive number",
                         s->gguf->path, (int)t->name.n, t->name.s, (double)d);
    return TRIT_OK;
}
