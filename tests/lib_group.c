/* The encoders of lib_group.h. */
#include "tests/lib_group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"

static void put_bits(const uint8_t *codes, uint8_t *block)
{
    for (size_t j = 0; j < 128; j++)
        block[2 + j / 8] |= (uint8_t)((codes[j] > 1) << j % 8);
}

static void put_pairs(const uint8_t *codes, uint8_t *block, size_t n)
{
    for (size_t j = 0; j < n; j++)
        block[2 + j / 4] |= (uint8_t)(codes[j] << 2 * (j % 4));
}

static void put_64(const uint8_t *codes, uint8_t *block)
{
    put_pairs(codes, block, 64);
}

static void put_128(const uint8_t *codes, uint8_t *block)
{
    put_pairs(codes, block, 128);
}

/* The byte of digits codes[0], codes[step], ..: the first is the most significant of five. */
static uint8_t number(const uint8_t *codes, size_t step, size_t digits)
{
    unsigned v = 0;
    for (size_t i = 0; i < 5; i++)
        v = 3 * v + (i < digits ? codes[i * step] : 0);
    return (uint8_t)((v * 256 + 242) / 243);
}

static void put_thirds(const uint8_t *codes, uint8_t *block)
{
    for (size_t m = 0; m < 16; m++)
        block[m] = number(codes + m, 16, 5);
    for (size_t m = 0; m < 8; m++)
        block[16 + m] = number(codes + 80 + m, 8, 5);
    for (size_t h = 0; h < 2; h++)
        block[24 + h] = number(codes + 120 + h, 2, 4);
}

static void put_tq1_0(const uint8_t *codes, uint8_t *block)
{
    for (size_t m = 0; m < 32; m++)
        block[m] = number(codes + m, 32, 5);
    for (size_t m = 0; m < 16; m++)
        block[32 + m] = number(codes + 160 + m, 16, 5);
    for (size_t j = 0; j < 4; j++)
        block[48 + j] = number(codes + 240 + j, 4, 4);
}

static void put_tq2_0(const uint8_t *codes, uint8_t *block)
{
    for (size_t e = 0; e < 256; e++)
        block[e / 128 * 32 + e % 32] |= (uint8_t)(codes[e] << e % 128 / 32 * 2);
}

/* A block's columns and bytes, where its scale is, and what writes its codes; NULL: floats. */
static const struct form {
    uint32_t type;
    size_t columns, bytes, scale;
    void (*put)(const uint8_t *codes, uint8_t *block);
} forms[] = {
    { TRIT_Q1_0, 128, 18, 0, put_bits },    { TRIT_Q2_0, 64, 18, 0, put_64 },
    { TRIT_PQ2_0, 128, 34, 0, put_128 },    { TRIT_PTQ1_0, 128, 28, 26, put_thirds },
    { TRIT_TQ1_0, 256, 54, 52, put_tq1_0 }, { TRIT_TQ2_0, 256, 66, 64, put_tq2_0 },
    { TRIT_F16, 64, 128, 0, NULL },         { TRIT_BF16, 64, 128, 0, NULL },
    { TRIT_F32, 64, 256, 0, NULL },
};

static const struct form *form_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            return &forms[i];
    abort();
}

struct trit_group_matrix trit_group_new(uint32_t type, size_t n, size_t k)
{
    const struct form *form = form_of(type);
    const size_t bytes = n * k / form->columns * form->bytes;
    struct trit_group_matrix m = { .n = n, .k = k, .codes = malloc(n * k) };
    m.data = calloc(1, bytes);
    m.scales = calloc(n * k / 64, sizeof *m.scales);
    if (!m.codes || !m.data || !m.scales)
        abort();
    memset(m.codes, 1, n * k);
    m.t = (struct trit_gguf_tensor){ .name = { "blk.0.attn_q.weight", 19 },
                                     .type = type,
                                     .ndims = 2,
                                     .ne = { k, n, 1, 1 },
                                     .bytes = bytes,
                                     .data = m.data };
    return m;
}

void trit_group_free(struct trit_group_matrix *m)
{
    free(m->codes);
    free(m->data);
    free(m->scales);
}

void trit_group_put(struct trit_group_matrix *m, size_t e, float value)
{
    const uint32_t bits = trit_f32_bits(value);
    const uint16_t half = trit_f32_f16(value), brain = (uint16_t)(bits >> 16);
    if (m->t.type == TRIT_F32)
        memcpy(m->data + 4 * e, &bits, 4);
    else
        memcpy(m->data + 2 * e, m->t.type == TRIT_F16 ? &half : &brain, 2);
}

double trit_group_weight(const struct trit_group_matrix *m, size_t e)
{
    const size_t columns = form_of(m->t.type)->columns, first = e / columns * columns;
    const uint16_t h = m->scales[first / 64];
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    return (m->codes[e] - 1) *
           (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

void trit_group_encode(struct trit_group_matrix *m)
{
    const struct form *form = form_of(m->t.type);
    memset(m->data, 0, (size_t)m->t.bytes);
    for (size_t e = 0; !form->put && e < m->n * m->k; e++)
        trit_group_put(m, e, (float)trit_group_weight(m, e));
    for (size_t b = 0; form->put && b < m->n * m->k / form->columns; b++) {
        uint8_t *block = m->data + b * form->bytes;
        form->put(m->codes + b * form->columns, block);
        memcpy(block + form->scale, &m->scales[b * form->columns / 64], 2);
    }
}
