/* Do rows of I2_S in its three layouts, TQ1_0, TQ2_0, IQ1_BN, IQ2_BN and IQ2_BN_R4 come out as the
   codes and scales that were put in, and are codes that are no trits, and scales that are no
   positive numbers, refused by place? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/ternary.h"

static char path[] = "test.gguf";

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

struct matrix {
    size_t n, k;
    uint8_t *codes, *data;
    struct trit_gguf gguf;
    struct trit_gguf_tensor t;
};

/* Where an element of row r stands, from FORMATS' formulas: a byte, and its shift or, in types to
   the base 3, the weight of its digit. */
struct place {
    size_t byte;
    unsigned shift;
};
typedef struct place place_fn(const struct matrix *m, size_t r, size_t x);

static struct place in_128(const struct matrix *m, size_t r, size_t x)
{
    const size_t e = r * m->k + x;
    return (struct place){ 32 * (e / 128) + e % 32, 6 - 2 * (unsigned)(e % 128 / 32) };
}

static struct place in_64(const struct matrix *m, size_t r, size_t x)
{
    const size_t e = r * m->k + x;
    return (struct place){ 16 * (e / 64) + e % 16, 6 - 2 * (unsigned)(e % 64 / 16) };
}

static struct place in_rows4(const struct matrix *m, size_t r, size_t x)
{
    return (struct place){ r / 4 * m->k + x, 6 - 2 * (unsigned)(r % 4) };
}

static struct place in_tq2_0(const struct matrix *m, size_t r, size_t x)
{
    const size_t j = x % 256 / 128 * 32;
    return (struct place){ (r * m->k + x) / 256 * 66 + j + x % 32, (unsigned)(x % 128 / 32) * 2 };
}

static struct place in_iq2_bn(const struct matrix *m, size_t r, size_t x)
{
    return (struct place){ r * (4 + m->k / 4) + 4 + x / 64 * 16 + x % 16,
                           (unsigned)(x % 64 / 16) * 2 };
}

static struct place in_iq2_bn_r4(const struct matrix *m, size_t r, size_t x)
{
    const size_t l = x % 64 / 16, i = x % 4;
    return (struct place){ r / 4 * 4 * (4 + m->k / 4) + 16 + x / 64 * 64 + 16 * l + 4 * (r % 4) + i,
                           (unsigned)(x % 16 / 4) * 2 };
}

static struct place in_tq1_0(const struct matrix *m, size_t r, size_t x)
{
    static const unsigned powers[] = { 81, 27, 9, 3, 1 };
    const size_t e = x % 256, block = (r * m->k + x) / 256 * 54;
    if (e < 160)
        return (struct place){ block + e % 32, powers[e / 32] };
    if (e < 240)
        return (struct place){ block + 32 + (e - 160) % 16, powers[(e - 160) / 16] };
    return (struct place){ block + 48 + (e - 240) % 4, powers[(e - 240) / 4] };
}

static struct place in_iq1_bn(const struct matrix *m, size_t r, size_t x)
{
    static const unsigned powers[] = { 1, 3, 9, 27, 81 };
    const size_t block = r * (2 + m->k / 64 * 13) + 2 + x / 64 * 13, b = x % 64 / 16, e = x % 16;
    if (e == 15)
        return (struct place){ block + 12, powers[b] };
    return (struct place){ block + 3 * b + e / 5, powers[e % 5] };
}

static const struct form {
    const char *name;
    uint32_t type;
    enum trit_i2s i2s;
    place_fn *place;
    bool thirds;          /* digits to the base 3 */
    size_t columns, rows; /* k and n are multiples of them */
    size_t scales;        /* of a row; 0: one of the tensor */
    bool half;            /* they are f16 */
} forms[] = {
    { "128", TRIT_I2_S, TRIT_I2S_128, in_128, false, 128, 1, 0, false },
    { "64", TRIT_I2_S, TRIT_I2S_64, in_64, false, 128, 1, 0, false },
    { "rows4", TRIT_I2_S, TRIT_I2S_ROWS4, in_rows4, false, 32, 4, 0, false },
    { "TQ1_0", TRIT_TQ1_0, 0, in_tq1_0, true, 256, 1, 1, true },
    { "TQ2_0", TRIT_TQ2_0, 0, in_tq2_0, false, 256, 1, 1, true },
    { "IQ1_BN", TRIT_IQ1_BN, 0, in_iq1_bn, true, 64, 1, 1, true },
    { "IQ2_BN", TRIT_IQ2_BN, 0, in_iq2_bn, false, 64, 1, 1, false },
    { "IQ2_BN_R4", TRIT_IQ2_BN_R4, 0, in_iq2_bn_r4, false, 64, 4, 1, false },
};
enum { NFORMS = sizeof forms / sizeof *forms };

static float row_scale(const struct form *f, size_t r)
{
    return f->scales ? ldexpf(1.25f, -(int)(r % 7)) : 0.25f;
}

/* Bytes of the row's scale, or of a block's. */
static uint8_t *scale_at(const struct form *f, struct matrix *m, size_t r, size_t block)
{
    switch (f->type) {
    case TRIT_TQ1_0:
        return m->data + (r * m->k / 256 + block) * 54 + 52;
    case TRIT_TQ2_0:
        return m->data + (r * m->k / 256 + block) * 66 + 64;
    case TRIT_IQ1_BN:
        return m->data + r * (2 + m->k / 64 * 13);
    case TRIT_IQ2_BN:
        return m->data + r * (4 + m->k / 4);
    case TRIT_IQ2_BN_R4:
        return m->data + r / 4 * 4 * (4 + m->k / 4) + 4 * (r % 4);
    default:
        return m->data + m->n * m->k / 4;
    }
}

static void put_scale(const struct form *f, struct matrix *m, size_t r, float d)
{
    const uint16_t half = trit_f32_f16(d);
    const size_t blocks = f->columns == 256 ? m->k / 256 : 1;
    for (size_t b = 0; b < blocks; b++)
        if (f->half)
            memcpy(scale_at(f, m, r, b), &half, 2);
        else
            memcpy(scale_at(f, m, r, b), &d, 4);
}

/* Bytes of digits hold ceil(256 v / 243). */
static void encode(const struct form *f, struct matrix *m)
{
    unsigned *numbers = calloc((size_t)m->t.bytes, sizeof *numbers);
    assert_non_null(numbers);
    for (size_t r = 0; r < m->n; r++)
        for (size_t x = 0; x < m->k; x++) {
            const struct place p = f->place(m, r, x);
            assert_true(p.byte < m->t.bytes);
            if (f->thirds)
                numbers[p.byte] += m->codes[r * m->k + x] * p.shift;
            else
                m->data[p.byte] |= (uint8_t)(m->codes[r * m->k + x] << p.shift);
        }
    for (size_t i = 0; f->thirds && i < m->t.bytes; i++)
        m->data[i] = (uint8_t)((numbers[i] * 256 + 242) / 243);
    for (size_t r = 0; r < m->n; r++)
        put_scale(f, m, r, row_scale(f, r));
    free(numbers);
}

static struct matrix make(const struct form *f, size_t n, size_t k)
{
    struct matrix m = { .n = n, .k = k, .gguf = { .path = path, .i2s = f->i2s } };
    uint64_t bytes;
    m.t = (struct trit_gguf_tensor){
        .name = { "blk.0.attn_q.weight", 19 }, .type = f->type, .ndims = 2, .ne = { k, n, 1, 1 }
    };
    assert_null(trit_type_bytes(f->type, m.t.ne, &bytes));
    m.t.bytes = bytes;
    m.codes = malloc(n * k);
    m.data = calloc(1, (size_t)bytes);
    assert_true(m.codes && m.data);
    m.t.data = m.data;
    uint32_t state = (uint32_t)(n * 31 + k);
    for (size_t e = 0; e < n * k; e++)
        m.codes[e] = (uint8_t)(next(&state) % 3);
    encode(f, &m);
    return m;
}

static void matrix_free(struct matrix *m)
{
    free(m->codes);
    free(m->data);
}

static enum trit_code read_rows(const struct matrix *m, size_t first, size_t n, uint8_t *codes,
                                float *d, struct trit_error *e)
{
    const struct trit_ternary_rows rows = { first, n, codes, m->k + 3, d };
    return trit_ternary_rows(&m->gguf, &m->t, &rows, e);
}

static void check(const struct form *f, size_t n, size_t k)
{
    struct matrix m = make(f, n, k);
    const size_t ld = k + 3;
    uint8_t *codes = malloc(n * ld);
    float *d = malloc(n * sizeof *d);
    struct trit_error e = { 0 };
    for (size_t step = n; step; step = step > 1 ? 1 : 0) {
        memset(codes, 0xee, n * ld);
        for (size_t r = 0; r < n; r += step)
            if (read_rows(&m, r, step, codes + r * ld, d + r, &e))
                fail_msg("%s: %s", f->name, e.text);
        for (size_t r = 0; r < n; r++) {
            assert_memory_equal(codes + r * ld, m.codes + r * k, k);
            assert_memory_equal(codes + r * ld + k, "\xee\xee\xee", 3);
            assert_true(d[r] == row_scale(f, r));
        }
    }
    free(codes);
    free(d);
    matrix_free(&m);
}

static void every_type_gives_its_codes_and_scales(void **state)
{
    (void)state;
    for (size_t i = 0; i < NFORMS; i++) {
        check(&forms[i], 4, forms[i].columns);
        check(&forms[i], 8, 3 * forms[i].columns);
        check(&forms[i], 12, 2560);
        if (forms[i].rows == 1)
            check(&forms[i], 5, 7 * forms[i].columns);
    }
}

static void i2_s_rows_within_blocks(void **state)
{
    (void)state;
    check(&forms[0], 64, 34);
    check(&forms[1], 32, 100);
    check(&forms[1], 128, 33);
    check(&forms[2], 32, 100);
}

static void refused(const struct matrix *m, const char *text, const char *who)
{
    uint8_t *codes = malloc(m->n * (m->k + 3));
    float *d = malloc(m->n * sizeof *d);
    struct trit_error e = { 0 };
    assert_int_equal(read_rows(m, 0, m->n, codes, d, &e), TRIT_EFORMAT);
    if (!strstr(e.text, text) || strncmp(e.text, "test.gguf: tensor 'blk.0.attn_q.weight'", 39))
        fail_msg("%s: '%s' is not in '%s'", who, text, e.text);
    free(codes);
    free(d);
}

static void code_three_is_refused_where_it_stands(void **state)
{
    (void)state;
    static const size_t places[][2] = { { 0, 0 }, { 3, 511 }, { 6, 100 }, { 7, 255 }, { 5, 256 } };
    for (size_t i = 0; i < NFORMS * 5; i++) {
        const struct form *f = &forms[i / 5];
        const size_t row = places[i % 5][0], column = places[i % 5][1];
        char text[64];
        if (f->thirds)
            continue;
        struct matrix m = make(f, 8, 512);
        const struct place p = f->place(&m, row, column);
        m.data[p.byte] |= (uint8_t)(3 << p.shift);
        snprintf(text, sizeof text, "row %zu, column %zu: %s code 3", row, column,
                 trit_type_find(f->type)->name);
        refused(&m, text, f->name);
        matrix_free(&m);
    }
}

/* All bytes, also those that nobody writes, are digits by the rule that FORMATS gives. */
static void every_byte_of_digits_has_five(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        struct matrix tq = make(&forms[3], 1, 256), iq = make(&forms[5], 1, 64);
        uint8_t a[259], b[67];
        float d;
        memset(tq.data, (int)byte, 52);
        memset(iq.data + 2, (int)byte, 13);
        assert_int_equal(read_rows(&tq, 0, 1, a, &d, NULL), TRIT_OK);
        assert_int_equal(read_rows(&iq, 0, 1, b, &d, NULL), TRIT_OK);
        for (size_t i = 0, power = 1; i < 5; i++, power = 3 * power) {
            const unsigned left = byte * (unsigned)power & 255;
            assert_int_equal(a[32 * i], left * 3 >> 8);
            assert_int_equal(a[160 + 16 * i], left * 3 >> 8);
            assert_int_equal(b[4 - i], (left + (left >> 1)) >> 7);
        }
        matrix_free(&tq);
        matrix_free(&iq);
    }
}

static void bad_scales_are_refused_by_row(void **state)
{
    (void)state;
    static const float scales[] = { NAN, INFINITY, -1, -INFINITY, -0.0f };
    for (size_t i = 0; i < NFORMS * 5; i++) {
        const struct form *f = &forms[i / 5];
        if (!f->scales)
            continue;
        struct matrix m = make(f, 8, 512);
        put_scale(f, &m, 6, scales[i % 5]);
        refused(&m, "row 6: its scale is ", f->name);
        matrix_free(&m);
    }
}

/* Of a row whose blocks have a scale each: that of those with weights; else it is none. */
static void scales_of_blocks_are_one(void **state)
{
    (void)state;
    for (size_t i = 3; i < 5; i++) {
        const struct form *f = &forms[i];
        struct matrix m = make(f, 3, 768);
        const uint16_t other = 0x3800;
        uint8_t codes[3 * 771];
        float d[3];
        memcpy(scale_at(f, &m, 1, 2), &other, 2);
        refused(&m, "row 1, columns from 512 on: their scale differs", f->name);
        memset(m.codes + 768 + 512, 1, 256);
        memset(m.data, 0, (size_t)m.t.bytes);
        encode(f, &m);
        memcpy(scale_at(f, &m, 1, 2), &other, 2);
        assert_int_equal(read_rows(&m, 0, 3, codes, d, NULL), TRIT_OK);
        assert_true(d[1] == row_scale(f, 1));
        const uint16_t bad = 0x7c00;
        memcpy(scale_at(f, &m, 1, 2), &bad, 2);
        refused(&m, "row 1: its scale is inf", f->name);
        matrix_free(&m);
    }
}

static void shapes_that_a_type_cannot_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < NFORMS; i++) {
        struct matrix m = make(&forms[i], 8, 512);
        m.t.bytes--;
        refused(&m, forms[i].scales ? "too few bytes" : "weights in 1055 bytes", forms[i].name);
        m.t.bytes++;
        if (forms[i].rows == 4) {
            m.n = m.t.ne[1] = 7;
            m.t.bytes = forms[i].scales ? m.t.bytes : 7 * 512 / 4 + 32;
            refused(&m, "four rows", forms[i].name);
        }
        matrix_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_gives_its_codes_and_scales),
        cmocka_unit_test(i2_s_rows_within_blocks),
        cmocka_unit_test(code_three_is_refused_where_it_stands),
        cmocka_unit_test(every_byte_of_digits_has_five),
        cmocka_unit_test(bad_scales_are_refused_by_row),
        cmocka_unit_test(scales_of_blocks_are_one),
        cmocka_unit_test(shapes_that_a_type_cannot_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
