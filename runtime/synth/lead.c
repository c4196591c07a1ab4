/* Leads of rows, in each type's layout: trits become what is asked, other values not negative. And
   a diagonal. */
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/gguf.h"
#include "runtime/synth/internal.h"

typedef void lead_fn(const struct trit_noise_use *use, size_t e, uint8_t *out);

static void lead_i2_s(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    uint8_t *byte = out + e / 128 * 32 + e % 32;
    const int at = 6 - (int)(e % 128 / 32 * 2);
    *byte = (uint8_t)((*byte & ~(3 << at)) | (use->lead_trit + 1) << at);
}

static void lead_trit_f16(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    uint16_t value = trit_f32_f16((float)use->lead_trit * use->size);
    memcpy(out + 2 * e, &value, sizeof value);
}

/* The sign is the top bit of both. */
static void lead_16(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    (void)use;
    out[2 * e + 1] &= 0x7f;
}

static void lead_f32(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    (void)use;
    out[4 * e + 3] &= 0x7f;
}

static void lead_q8_0(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    (void)use;
    int8_t *q = (int8_t *)out + e / 32 * 34 + 2 + e % 32;
    *q = (int8_t)(*q < 0 ? -*q : *q);
}

/* Layout as in runtime/format/rows.c. */
static void lead_q6_k(const struct trit_noise_use *use, size_t e, uint8_t *out)
{
    (void)use;
    size_t half = e % 256 / 128, part = e % 128 / 32, l = e % 32;
    uint8_t *block = out + e / 256 * 210;
    uint8_t *low = block + 64 * half + 32 * (part & 1) + l, *high = block + 128 + 32 * half + l;
    unsigned low_at = 4 * (unsigned)(part >> 1), high_at = 2 * (unsigned)part;
    unsigned q = (*low >> low_at & 15u) | (*high >> high_at & 3u) << 4;
    if (q < 32)
        q = q == 0 ? 63 : 64 - q;
    *low = (uint8_t)((*low & ~(15u << low_at)) | (q & 15) << low_at);
    *high = (uint8_t)((*high & ~(3u << high_at)) | q >> 4 << high_at);
}

static const struct {
    uint32_t type;
    enum trit_noise_values values;
    lead_fn *lead;
} forms[] = {
    { TRIT_I2_S, TRIT_NOISE_TRITS, lead_i2_s },
    { TRIT_F16, TRIT_NOISE_TRITS, lead_trit_f16 },
    { TRIT_F16, TRIT_NOISE_NORMAL, lead_16 },
    { TRIT_BF16, TRIT_NOISE_NORMAL, lead_16 },
    { TRIT_F32, TRIT_NOISE_NORMAL, lead_f32 },
    { TRIT_Q8_0, TRIT_NOISE_NORMAL, lead_q8_0 },
    { TRIT_Q6_K, TRIT_NOISE_NORMAL, lead_q6_k },
    { TRIT_TQ1_0, TRIT_NOISE_TRITS, trit_lead_tq1_0 },
    { TRIT_TQ2_0, TRIT_NOISE_TRITS, trit_lead_tq2_0 },
};

static lead_fn *form_of(uint32_t type, enum trit_noise_values values)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type && forms[i].values == values)
            return forms[i].lead;
    return NULL;
}

/* Integers that come to 1, where blocks are Q8_0's. */
static void set_diagonal(const struct trit_noise_use *use, size_t first, size_t count, uint8_t *out)
{
    for (size_t row = first / use->width;; row++) {
        const size_t at = row * use->width + row;
        if (at >= first + count)
            return;
        if (at >= first)
            out[(at - first) / 32 * 34 + 2 + (at - first) % 32] = (uint8_t)(1 / use->step + 0.5f);
    }
}

void trit_noise_lead(const struct trit_noise_use *use, uint32_t type, size_t first, size_t count,
                     uint8_t *out)
{
    lead_fn *lead = form_of(type, use->values);
    if (use->diagonal)
        set_diagonal(use, first, count, out);
    for (size_t e = 0; use->lead && lead && e < count;) {
        size_t column = (first + e) % use->width;
        if (column < use->lead)
            lead(use, e++, out);
        else
            e += use->width - column;
    }
}
