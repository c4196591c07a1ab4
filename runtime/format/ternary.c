/* The stored forms of matrices with one scale for each row, and the reader of one: float rows that
   hold only {-d, 0, +d}. */
#include "runtime/format/ternary.h"

#include <math.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/internal.h"

enum trit_code trit_row_bad_scale(const struct trit_row_source *s, size_t row, float scale)
{
    const struct trit_gguf_tensor *t = s->tensor;
    return trit_fail(
        s->error, TRIT_EFORMAT,
        "%s: tensor '%.*s' row %zu: its scale is %g, must be a finite number without a "
        "sign",
        s->gguf->path, (int)t->name.n, t->name.s, row, (double)scale);
}

enum trit_code trit_row_code_three(const struct trit_row_source *s, size_t row, size_t column)
{
    const struct trit_gguf_tensor *t = s->tensor;
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' row %zu, column %zu: %s code 3 is no trit", s->gguf->path,
                     (int)t->name.n, t->name.s, row, column, trit_type_find(t->type)->name);
}

size_t trit_three_find(const uint8_t *codes, size_t k)
{
    unsigned char any = 0;
    for (size_t i = 0; i < k; i++)
        any |= codes[i] & codes[i] >> 1;
    size_t i = any ? 0 : k;
    while (i < k && codes[i] != 3)
        i++;
    return i;
}

/* Float rows. A magnitude is the bit pattern without its sign: zero is 0, and the rest must agree.
 */

static enum trit_code not_ternary(const struct trit_row_source *s, size_t row, size_t column,
                                  float value, float d)
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

static enum trit_code row_16(const struct trit_row_source *s, size_t row, uint8_t *codes, float *d,
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

static enum trit_code row_f16(const struct trit_row_source *s, size_t row, uint8_t *codes, float *d)
{
    return row_16(s, row, codes, d, trit_f16_f32);
}

static enum trit_code row_bf16(const struct trit_row_source *s, size_t row, uint8_t *codes,
                               float *d)
{
    return row_16(s, row, codes, d, trit_bf16_f32);
}

static enum trit_code row_f32(const struct trit_row_source *s, size_t row, uint8_t *codes, float *d)
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

/* Its bytes are those that the type asks for; a file's tensors have them, others may not. */
static enum trit_code check_bytes(const struct trit_row_source *s)
{
    const struct trit_gguf_tensor *t = s->tensor;
    uint64_t bytes;
    const char *wrong = trit_type_bytes(t->type, t->ne, &bytes);
    if (!wrong && bytes <= t->bytes)
        return TRIT_OK;
    return trit_fail(s->error, TRIT_EFORMAT, "%s: tensor '%.*s' (type %s): %s", s->gguf->path,
                     (int)t->name.n, t->name.s, trit_type_find(t->type)->name,
                     wrong ? wrong : "it has too few bytes for its shape");
}

/* And rows stand four together. */
static enum trit_code check_fours(const struct trit_row_source *s)
{
    const struct trit_gguf_tensor *t = s->tensor;
    if (t->ne[1] % 4 == 0)
        return check_bytes(s);
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' has %llu rows: %s has four rows together", s->gguf->path,
                     (int)t->name.n, t->name.s, (unsigned long long)t->ne[1],
                     trit_type_find(t->type)->name);
}

static const struct form {
    uint32_t type;
    trit_row_fn *row;
    enum trit_code (*check)(const struct trit_row_source *s); /* of the whole tensor */
    bool pairs; /* codes are pairs of bits, which may hold a 3 */
} forms[] = {
    { TRIT_I2_S, trit_row_i2_s, trit_check_i2_s, true },
    { TRIT_TQ1_0, trit_row_folded, check_bytes, false },
    { TRIT_TQ2_0, trit_row_folded, check_bytes, true },
    { TRIT_IQ1_BN, trit_row_iq1_bn, check_bytes, false },
    { TRIT_IQ2_BN, trit_row_iq2_bn, check_bytes, true },
    { TRIT_IQ2_BN_R4, trit_row_iq2_bn_r4, check_fours, true },
    { TRIT_F16, row_f16, check_bytes, false },
    { TRIT_BF16, row_bf16, check_bytes, false },
    { TRIT_F32, row_f32, check_bytes, false },
};

static const struct form *form_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            return &forms[i];
    return NULL;
}

static enum trit_code unsupported(const struct trit_row_source *s)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const struct trit_type_info *info = trit_type_find(t->type);
    bool table = t->type == TRIT_TL1 || t->type == TRIT_TL2;
    return trit_fail(s->error, TRIT_EUNSUPPORTED,
                     "%s: tensor '%.*s' has type %s (%u)%s; ternary matrices are read from I2_S, "
                     "TQ1_0, TQ2_0, IQ1_BN, IQ2_BN, IQ2_BN_R4, Q1_0, Q2_0, PQ2_0 and PTQ1_0, or "
                     "from F16, BF16 and F32 that hold nothing else",
                     s->gguf->path, (int)t->name.n, t->name.s, info ? info->name : "unknown",
                     (unsigned)t->type,
                     table ? ", whose tiling is in a side file that the GGUF does not carry" : "");
}

enum trit_code trit_ternary_check(const struct trit_gguf *gguf,
                                  const struct trit_gguf_tensor *tensor, struct trit_error *error)
{
    struct trit_row_source s = { gguf, tensor, error };
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
    struct trit_row_source s = { gguf, tensor, error };
    enum trit_code code = trit_ternary_check(gguf, tensor, error);
    if (code)
        return code;
    if (rows->first > tensor->ne[1] || rows->n > tensor->ne[1] - rows->first ||
        rows->ld < tensor->ne[0])
        return trit_fail(error, TRIT_EARGUMENT, "%s: tensor '%.*s': rows %zu+%zu, ld %zu",
                         gguf->path, (int)tensor->name.n, tensor->name.s, rows->first, rows->n,
                         rows->ld);
    const struct form *form = form_find(tensor->type);
    for (size_t r = 0; r < rows->n && !code; r++) {
        uint8_t *codes = rows->codes + r * rows->ld;
        const size_t k = (size_t)tensor->ne[0];
        code = form->row(&s, rows->first + r, codes, rows->d + r);
        const size_t three = form->pairs && !code ? trit_three_find(codes, k) : k;
        if (three < k)
            code = trit_row_code_three(&s, rows->first + r, three);
    }
    return code;
}
