/* The stored types that are written, what each can hold, and what is said of values that it cannot.
 */
#include "runtime/convert/encode.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/convert/fit.h"

enum { COLUMNS_MAX = 256, SHOWN = 5 };

/* Whether values of one scale are the encoder's, and their codes. */
static bool fits(const struct trit_encoder *e, const float *x, size_t n, uint8_t *codes,
                 struct trit_fit *fit)
{
    if (trit_fit_trits(x, n, codes, fit))
        return e->values != TRIT_SIGNS || !fit->mixed;
    return e->values == TRIT_TWOS && trit_fit_twos(x, n, codes, fit);
}

static bool encode_groups(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                          uint32_t *d)
{
    const struct trit_type_info *info = trit_type_find(e->type);
    uint8_t codes[COLUMNS_MAX];
    (void)d;
    for (size_t i = 0; i < n; i += info->block, out += info->bytes) {
        struct trit_fit fit;
        if (!fits(e, x + i, info->block, codes, &fit) || !trit_fit_half(fit.d))
            return false;
        e->pack(codes, trit_f32_f16(trit_bits_f32(fit.d)), out);
    }
    return true;
}

static bool encode_whole(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                         uint32_t *d)
{
    const struct trit_type_info *info = trit_type_find(e->type);
    uint8_t codes[COLUMNS_MAX];
    for (size_t i = 0; i < n; i += info->block, out += info->bytes) {
        struct trit_fit fit;
        if (!fits(e, x + i, info->block, codes, &fit) || (*d && fit.d && fit.d != *d))
            return false;
        *d = fit.d ? fit.d : *d;
        e->pack(codes, 0, out);
    }
    return true;
}

static bool encode_f16(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                       uint32_t *d)
{
    return trit_fit_f16(x, n) && trit_round_f16(e, x, n, out, d);
}

static bool encode_bf16(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                        uint32_t *d)
{
    (void)e, (void)d;
    for (size_t i = 0; i < n; i++) {
        const uint16_t h = (uint16_t)(trit_f32_bits(x[i]) >> 16);
        memcpy(out + 2 * i, &h, sizeof h);
    }
    return trit_fit_bf16(x, n);
}

static bool encode_f32(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                       uint32_t *d)
{
    (void)e, (void)d;
    memcpy(out, x, n * sizeof *x);
    return true;
}

#define HALF " that f16 has"
static const struct trit_encoder exact[] = {
    { TRIT_I2_S, "0 and ±d, one d for the whole matrix", encode_whole, TRIT_TRITS, trit_put_i2_s,
      true },
    { TRIT_TQ1_0, "0 and ±d, a d for each 256 columns" HALF, encode_groups, TRIT_TRITS,
      trit_put_tq1_0, false },
    { TRIT_TQ2_0, "0 and ±d, a d for each 256 columns" HALF, encode_groups, TRIT_TRITS,
      trit_put_tq2_0, false },
    { TRIT_Q1_0, "±d or zeros alone, a d for each 128 columns" HALF, encode_groups, TRIT_SIGNS,
      trit_put_q1_0, false },
    { TRIT_Q2_0, "0, ±d and 2d, a d for each 64 columns" HALF, encode_groups, TRIT_TWOS,
      trit_put_q2_0, false },
    { TRIT_PQ2_0, "0, ±d and 2d, a d for each 128 columns" HALF, encode_groups, TRIT_TWOS,
      trit_put_pq2_0, false },
    { TRIT_PTQ1_0, "0 and ±d, a d for each 128 columns" HALF, encode_groups, TRIT_TRITS,
      trit_put_ptq1_0, false },
    { TRIT_F16, "values" HALF, encode_f16, TRIT_TRITS, NULL, false },
    { TRIT_BF16, "values that bf16 has", encode_bf16, TRIT_TRITS, NULL, false },
    { TRIT_F32, "any", encode_f32, TRIT_TRITS, NULL, false },
};
#undef HALF

static const struct trit_encoder rounding[] = {
    { TRIT_F16, "finite values up to 65504", trit_round_f16, TRIT_TRITS, NULL, false },
    { TRIT_Q8_0, "finite values up to 65504 * 127", trit_round_q8_0, TRIT_TRITS, NULL, false },
    { TRIT_Q6_K, "finite values up to 65504 * 32", trit_round_q6_k, TRIT_TRITS, NULL, false },
};

const struct trit_encoder *trit_encoder_exact(uint32_t type)
{
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        if (exact[i].type == type)
            return &exact[i];
    return NULL;
}

const struct trit_encoder *trit_encoder_rounding(uint32_t type)
{
    for (size_t i = 0; i < sizeof rounding / sizeof *rounding; i++)
        if (rounding[i].type == type)
            return &rounding[i];
    return NULL;
}

size_t trit_encode_tail(const struct trit_encoder *e, uint32_t d, uint8_t out[32])
{
    if (!e->whole)
        return 0;
    memset(out, 0, 32);
    memcpy(out, &d, sizeof d);
    return 32;
}

/* "0.5, 0, -0.5, ...": the values that there are, each once, those that come first. */
static void list_values(const float *x, size_t n, char *text, size_t room)
{
    float shown[SHOWN];
    size_t count = 0, at = 0;
    for (size_t i = 0; i < n && count <= SHOWN; i++) {
        size_t j = 0;
        while (j < count && memcmp(&shown[j], &x[i], sizeof *x) != 0)
            j++;
        if (j < count)
            continue;
        if (count == SHOWN)
            snprintf(text + at, room - at, ", ...");
        else
            at += (size_t)snprintf(text + at, room - at, "%s%.9g", at ? ", " : "", (double)x[i]);
        if (count < SHOWN)
            shown[count] = x[i];
        count++;
    }
}

enum trit_code trit_encode_fault(const struct trit_encoder *e, const struct trit_encode_rows *rows,
                                 struct trit_error *error)
{
    const size_t n = rows->n * rows->k, step = trit_type_find(e->type)->block;
    uint8_t out[COLUMNS_MAX];
    uint32_t d = rows->d;
    size_t at = 0;
    while (at + step < n && trit_encode(e, rows->x + at, step, out, &d))
        at += step;
    char values[160], scale[48] = "";
    list_values(rows->x + at, step, values, sizeof values);
    if (e->whole && d)
        snprintf(scale, sizeof scale, " where d is %.9g", (double)trit_bits_f32(d));
    return trit_fail(error, TRIT_EFORMAT,
                     "%s: tensor '%s' row %zu, group %zu of %zu column%s: %s%s: %s holds %s",
                     rows->path, rows->name, rows->row + at / rows->k, at % rows->k / step, step,
                     step > 1 ? "s" : "", values, scale, trit_type_find(e->type)->name, e->has);
}
