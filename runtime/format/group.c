/* For the time being: float matrices alone, by one thread, until the file of this name with all
   types takes its place. */
#include "runtime/format/group.h"

#include <math.h>
#include <string.h>

#include "runtime/base/half.h"

bool trit_type_has_groups(uint32_t type)
{
    (void)type;
    return false;
}

static float weight(const struct trit_gguf_tensor *t, size_t i)
{
    float value;
    uint16_t half;
    if (t->type == TRIT_F32) {
        memcpy(&value, t->data + 4 * i, sizeof value);
        return value;
    }
    memcpy(&half, t->data + 2 * i, sizeof half);
    return t->type == TRIT_F16 ? trit_f16_f32(half) : trit_bf16_f32(half);
}

/* Codes and scale of weights first .. first+n-1; false where they are not of the form. */
static bool take(const struct trit_gguf_tensor *t, size_t first, size_t n, uint8_t *codes,
                 uint16_t *scale)
{
    float d = 0;
    for (size_t i = 0; i < n; i++) {
        const float w = fabsf(weight(t, first + i));
        d = w > 0 && (d == 0 || w < d) ? w : d;
    }
    *scale = trit_f32_f16(d);
    for (size_t i = 0; i < n; i++) {
        const float code = d > 0 ? weight(t, first + i) / d : 0;
        if (code != -1 && code != 0 && code != 1 && code != 2)
            return false;
        codes[i] = (uint8_t)(code + 1);
    }
    return trit_f16_f32(*scale) == d;
}

enum trit_code trit_group_form(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               struct trit_pool *pool, struct trit_form *form,
                               struct trit_error *error)
{
    const size_t n = tensor->ne[0] * tensor->ne[1];
    uint8_t codes[128];
    uint16_t scale;
    (void)pool;
    for (size_t group = 128; group >= 64; group /= 2) {
        size_t of[4] = { 0 }, i = 0;
        for (; i < n && tensor->ne[0] % 128 == 0 && take(tensor, i, group, codes, &scale);
             i += group)
            for (size_t j = 0; j < group; j++)
                of[codes[j]]++;
        *form = (struct trit_form){ group, of[3] ? TRIT_TWOS : of[1] ? TRIT_TRITS : TRIT_SIGNS };
        if (i == n)
            return TRIT_OK;
    }
    return trit_fail(error, TRIT_EFORMAT, "%s: tensor '%.*s': no groups of 128 or 64 columns",
                     gguf->path, (int)tensor->name.n, tensor->name.s);
}

enum trit_code trit_group_rows(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               const struct trit_group_rows *rows, struct trit_error *error)
{
    const size_t k = tensor->ne[0];
    (void)gguf;
    (void)error;
    for (size_t r = 0; r < rows->n; r++)
        for (size_t at = 0; at < k; at += rows->group)
            take(tensor, (rows->first + r) * k + at, rows->group, rows->codes + r * rows->ld + at,
                 rows->scales + r * rows->lds + at / rows->group);
    return TRIT_OK;
}
