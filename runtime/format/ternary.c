/* The stored forms of ternary matrices: I2_S, and float rows that hold only {-d, 0, +d}. */
#include "runtime/format/ternary.h"

#include <math.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/internal.h"

enum { BLOCK = 128, BLOCK_BYTES = 32, PLANE = 32, I2_S_TAIL = 32 };

/* What a row decoder needs to know, and where it says what is wrong. */
struct source {
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *tensor;
    struct trit_error *error;
};

typedef enum trit_code row_fn(const struct source *s, size_t row, uint8_t *codes, float *d);

/* I2_S: a flat array of 2-bit codes, 128 in 32 bytes, whose blocks know nothing of rows. */

static void unpack_block(const uint8_t *restrict in, uint8_t *restrict codes)
{
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        uint8_t b = in[i];
        codes[i] = b >> 6;
        codes[PLANE + i] = b >> 4 & 3;
        codes[2 * PLANE + i] = b >> 2 & 3;
        codes[3 * PLANE + i] = b & 3;
    }
}

/* Not zero if one of the block's codes is 3. */
static uint64_t threes(const uint8_t *in)
{
    uint64_t w[BLOCK_BYTES / 8], found = 0;
    memcpy(w, in, sizeof w);
    for (size_t i = 0; i < BLOCK_BYTES / 8; i++)
        found |= w[i] & w[i] >> 1;
    return found & 0x5555555555555555;
}

/* Elements first .. first+count-1 of one block. */
static uint64_t unpack_part(const uint8_t *block, size_t first, size_t count, uint8_t *codes)
{
    uint8_t all[BLOCK];
    unpack_block(block, all);
    memcpy(codes, all + first, count);
    return threes(block);
}

/* The first code 3 from element `from` on; there is one. */
static enum trit_code code_three(const struct source *s, size_t from)
{
    const struct trit_gguf_tensor *t = s->tensor;
    size_t e = from, n = t->ne[0] * t->ne[1];
    while (e + 1 < n &&
           (t->data[e / BLOCK * BLOCK_BYTES + e % PLANE] >> (6 - 2 * (e % BLOCK / PLANE)) & 3) != 3)
        e++;
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' row %zu, column %zu: I2_S code 3 is no trit", s->gguf->path,
                     (int)t->name.n, t->name.s, e / (size_t)t->ne[0], e % (size_t)t->ne[0]);
}

static enum trit_code row_i2_s(const struct source *s, size_t row, uint8_t *codes, float *d)
{
    const struct trit_gguf_tensor *t = s->tensor;
    size_t k = t->ne[0], e = row * k, end = e + k, first = e / BLOCK * BLOCK;
    uint64_t bad = 0;
    memcpy(d, t->data + k * (size_t)t->ne[1] / 4, sizeof *d);
    while (e < end) {
        const uint8_t *block = t->data + e / BLOCK * BLOCK_BYTES;
        size_t in = e % BLOCK, count = BLOCK - in < end - e ? BLOCK - in : end - e;
        if (count < BLOCK) {
            bad |= unpack_part(block, in, count, codes);
        } else {
            bad |= threes(block);
            unpack_block(block, codes);
        }
        codes += count;
        e += count;
    }
    return bad ? code_three(s, first) : TRIT_OK;
}

/* The one scale of an I2_S tensor. */
static enum trit_code check_i2_s(const struct source *s)
{
    const struct trit_gguf_tensor *t = s->tensor;
    size_t n = t->ne[0] * t->ne[1];
    float d;
    if (n % BLOCK || t->bytes != n / 4 + I2_S_TAIL)
        return trit_fail(s->error, TRIT_EFORMAT,
                         "%s: tensor '%.*s': %zu weights in %llu bytes: I2_S has 128 weights in 32 "
                         "bytes, then 32 bytes for the scale",
                         s->gguf->path, (int)t->name.n, t->name.s, n, (unsigned long long)t->bytes);
    memcpy(&d, t->data + n / 4, sizeof d);
    if (!(isfinite(d) && d >= 0))
        return trit_fail(s->error, TRIT_EFORMAT,
                         "%s: tensor '%.*s': its I2_S scale is %g, not a positive number",
                         s->gguf->path, (int)t->name.n, t->name.s, (double)d);
    return TRIT_OK;
}

/* Float rows. A magnitude is the bit pattern without its sign: zero is 0, and the rest must agree.
 */

static enum trit_code not_ternary(const struct source *s, size_t row, size_t column, float value,
                                  float d)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const char *path = s->gguf->path;
    int n = (int)t->name.n;
    if (!isfinite(value))
        return trit_fail(s->error, TRIT_EFORMAT, "%s: tensor '%.*s' row %zu, column %zu is %g",
                         path, n, t->name.s, row, column, (double)value);
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' row %zu, column %zu: %.9g is neither 0 nor ±%.9g: not a "
                     "ternary matrix",
                     path, n, t->name.s, row, column, (double)value, (double)d);
}

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The row's codes if its magnitudes are 0 and mag; else the first column that is neither, k if
 * none. */
static size_t codes16(const uint8_t *restrict in, size_t k, uint16_t mag, uint8_t *restrict codes)
{
    uint8_t bad = 0;
    for (size_t i = 0; i < k; i++) {
        uint16_t v = trit_half_at(in + 2 * i), m = v & 0x7fff;
        bad |= (m != 0) & (m != mag);
        codes[i] = (uint8_t)(1 + (m != 0) - (v > 0x8000) * 2);
    }
    size_t i = bad ? 0 : k;
    while (i < k &&
           ((trit_half_at(in + 2 * i) & 0x7fff) == 0 || (trit_half_at(in + 2 * i) & 0x7fff) == mag))
        i++;
    return i;
}

static size_t codes32(const uint8_t *restrict in, size_t k, uint32_t mag, uint8_t *restrict codes)
{
    uint8_t bad = 0;
    for (size_t i = 0; i < k; i++) {
        uint32_t v = load32(in + 4 * i), m = v & 0x7fffffff;
        bad |= (m != 0) & (m != mag);
        codes[i] = (uint8_t)(1 + (m != 0) - (v > 0x80000000) * 2);
    }
    size_t i = bad ? 0 : k;
    while (i < k &&
           ((load32(in + 4 * i) & 0x7fffffff) == 0 || (load32(in + 4 * i) & 0x7fffffff) == mag))
        i++;
    return i;
}

static enum trit_code row_16(const struct source *s, size_t row, uint8_t *codes, float *d,
                             float (*value)(uint16_t))
{
    size_t k = s->tensor->ne[0], first = 0;
    const uint8_t *in = s->tensor->data + row * k * 2;
    while (first < k && (trit_half_at(in + 2 * first) & 0x7fff) == 0)
        first++;
    uint16_t mag = first < k ? trit_half_at(in + 2 * first) & 0x7fff : 0;
    *d = value(mag);
    if (!isfinite(*d))
        return not_ternary(s, row, first, *d, 0);
    size_t bad = codes16(in, k, mag, codes);
    return bad < k ? not_ternary(s, row, bad, value(trit_half_at(in + 2 * bad)), *d) : TRIT_OK;
}

static enum trit_code row_f16(const struct source *s, size_t row, uint8_t *codes, float *d)
{
    return row_16(s, row, codes, d, trit_f16_f32);
}

static enum trit_code row_bf16(const struct source *s, size_t row, uint8_t *codes, float *d)
{
    return row_16(s, row, codes, d, trit_bf16_f32);
}

static enum trit_code row_f32(const struct source *s, size_t row, uint8_t *codes, float *d)
{
    size_t k = s->tensor->ne[0], first = 0;
    const uint8_t *in = s->tensor->data + row * k * 4;
    while (first < k && (load32(in + 4 * first) & 0x7fffffff) == 0)
        first++;
    uint32_t mag = first < k ? load32(in + 4 * first) & 0x7fffffff : 0;
    *d = trit_bits_f32(mag);
    if (!isfinite(*d))
        return not_ternary(s, row, first, *d, 0);
    size_t bad = codes32(in, k, mag, codes);
    return bad < k ? not_ternary(s, row, bad, trit_bits_f32(load32(in + 4 * bad)), *d) : TRIT_OK;
}

static enum trit_code check_nothing(const struct source *s)
{
    (void)s;
    return TRIT_OK;
}

static const struct form {
    uint32_t type;
    row_fn *row;
    enum trit_code (*check)(const struct source *s);
} forms[] = {
    { TRIT_I2_S, row_i2_s, check_i2_s },
    { TRIT_F16, row_f16, check_nothing },
    { TRIT_BF16, row_bf16, check_nothing },
    { TRIT_F32, row_f32, check_nothing },
};

static const struct form *form_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            return &forms[i];
    return NULL;
}

static enum trit_code unsupported(const struct source *s)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const struct trit_type_info *info = trit_type_find(t->type);
    bool table = t->type == TRIT_TL1 || t->type == TRIT_TL2;
    return trit_fail(s->error, TRIT_EUNSUPPORTED,
                     "%s: tensor '%.*s' has type %s (%u)%s; ternary matrices are read from I2_S, "
                     "Q1_0, Q2_0, PQ2_0 and PTQ1_0, or from F16, BF16 and F32 that hold nothing "
                     "else",
                     s->gguf->path, (int)t->name.n, t->name.s, info ? info->name : "unknown",
                     (unsigned)t->type,
                     table ? ", whose tiling is in a side file that the GGUF does not carry" : "");
}

enum trit_code trit_ternary_check(const struct trit_gguf *gguf,
                                  const struct trit_gguf_tensor *tensor, struct trit_error *error)
{
    struct source s = { gguf, tensor, error };
    const struct form *form = form_find(tensor->type);
    if (!form)
        return unsupported(&s);
    if (tensor->ne[2] != 1 || tensor->ne[3] != 1)
        return trit_fail(error, TRIT_EFORMAT, "%s: tensor '%.*s' has %u dimensions, not 2",
                         gguf->path, (int)tensor->name.n, tensor->name.s, (unsigned)tensor->ndims);
    return form->check(&s);
}

enum trit_code trit_ternary_rows(const struct trit_gguf *gguf,
                                 const struct trit_gguf_tensor *tensor,
                                 const struct trit_ternary_rows *rows, struct trit_error *error)
{
    struct source s = { gguf, tensor, error };
    enum trit_code code = trit_ternary_check(gguf, tensor, error);
    if (code)
        return code;
    if (rows->first > tensor->ne[1] || rows->n > tensor->ne[1] - rows->first ||
        rows->ld < tensor->ne[0])
        return trit_fail(error, TRIT_EARGUMENT, "%s: tensor '%.*s': rows %zu+%zu, ld %zu",
                         gguf->path, (int)tensor->name.n, tensor->name.s, rows->first, rows->n,
                         rows->ld);
    const struct form *form = form_find(tensor->type);
    for (size_t r = 0; r < rows->n && !code; r++)
        code = form->row(&s, rows->first + r, rows->codes + r * rows->ld, rows->d + r);
    return code;
}
