/* Do the rows of every stored ternary form come out as the codes and scales that were put in, and
   is everything that is not ternary refused by place? */
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
static const struct trit_gguf gguf = { .path = path };

struct matrix {
    struct trit_gguf_tensor t;
    uint8_t *codes, *data;
};

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static struct matrix matrix_new(uint32_t type, size_t n, size_t k, size_t bytes)
{
    struct matrix m = { .codes = malloc(n * k), .data = calloc(1, bytes) };
    assert_true(m.codes && m.data);
    m.t = (struct trit_gguf_tensor){ .name = { "blk.0.attn_q.weight", 19 },
                                     .type = type,
                                     .ndims = 2,
                                     .ne = { k, n, 1, 1 },
                                     .bytes = bytes,
                                     .data = m.data };
    uint32_t state = (uint32_t)(n * 31 + k);
    for (size_t e = 0; e < n * k; e++)
        m.codes[e] = (uint8_t)(next(&state) % 3);
    return m;
}

static void matrix_free(struct matrix *m)
{
    free(m->codes);
    free(m->data);
}

static void put_i2_s(struct matrix *m, size_t e, unsigned code)
{
    unsigned shift = 6 - 2 * (unsigned)(e % 128 / 32);
    uint8_t *byte = m->data + e / 128 * 32 + e % 32;
    *byte = (uint8_t)((*byte & ~(3u << shift)) | code << shift);
}

static struct matrix make_i2_s(size_t n, size_t k, float d)
{
    struct matrix m = matrix_new(TRIT_I2_S, n, k, n * k / 4 + 32);
    for (size_t e = 0; e < n * k; e++)
        put_i2_s(&m, e, m.codes[e]);
    memcpy(m.data + n * k / 4, &d, 4);
    return m;
}

/* One element of a float tensor. */
static void put_float(struct matrix *m, size_t e, float v)
{
    uint32_t bits = trit_f32_bits(v);
    uint16_t half = trit_f32_f16(v), brain = (uint16_t)(bits >> 16);
    if (m->t.type == TRIT_F32)
        memcpy(m->data + 4 * e, &bits, 4);
    else
        memcpy(m->data + 2 * e, m->t.type == TRIT_F16 ? &half : &brain, 2);
}

static float row_scale(size_t r)
{
    return r == 1 ? 0 : ldexpf(1.25f, -(int)(r % 9));
}

static struct matrix make_float(uint32_t type, size_t n, size_t k)
{
    struct matrix m = matrix_new(type, n, k, n * k * (type == TRIT_F32 ? 4 : 2));
    for (size_t e = 0; e < n * k; e++) {
        float d = row_scale(e / k);
        put_float(&m, e, m.codes[e] == 1 ? (e & 1 ? -0.0f : 0.0f) : m.codes[e] ? d : -d);
        if (d == 0)
            m.codes[e] = 1;
    }
    return m;
}

/* All rows at once and one by one, with a leading dimension past K that must stay as it was. */
static void check_rows(const struct matrix *m, float (*scale)(size_t row))
{
    size_t k = m->t.ne[0], n = m->t.ne[1], ld = k + 3;
    uint8_t *codes = malloc(n * ld);
    float *d = malloc(n * sizeof *d);
    struct trit_error e = { 0 };
    for (size_t step = n; step; step = step > 1 ? 1 : 0) {
        memset(codes, 0xee, n * ld);
        for (size_t r = 0; r < n; r += step)
            if (trit_ternary_rows(&gguf, &m->t,
                                  &(struct trit_ternary_rows){ r, step, codes + r * ld, ld, d + r },
                                  &e))
                fail_msg("%s", e.text);
        for (size_t r = 0; r < n; r++) {
            assert_memory_equal(codes + r * ld, m->codes + r * k, k);
            assert_memory_equal(codes + r * ld + k, "\xee\xee\xee", 3);
            assert_true(d[r] == scale(r));
        }
    }
    free(codes);
    free(d);
}

static float quarter(size_t row)
{
    (void)row;
    return 0.25f;
}

static void i2_s_rows_of_any_length(void **state)
{
    (void)state;
    static const size_t shapes[][2] = { { 1, 128 },  { 3, 256 },  { 128, 1 },  { 64, 2 },
                                        { 32, 100 }, { 128, 33 }, { 16, 200 }, { 2, 8640 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct matrix m = make_i2_s(shapes[i][0], shapes[i][1], 0.25f);
        check_rows(&m, quarter);
        matrix_free(&m);
    }
}

static void float_rows_with_a_scale_each(void **state)
{
    (void)state;
    static const uint32_t types[] = { TRIT_F32, TRIT_F16, TRIT_BF16 };
    static const size_t shapes[][2] = { { 1, 1 }, { 5, 17 }, { 12, 96 }, { 7, 131 } };
    for (size_t i = 0; i < 12; i++) {
        struct matrix m = make_float(types[i % 3], shapes[i / 3][0], shapes[i / 3][1]);
        check_rows(&m, row_scale);
        matrix_free(&m);
    }
}

/* The whole matrix is refused with this text. */
static void refused(const struct matrix *m, enum trit_code code, const char *text)
{
    size_t k = m->t.ne[0], n = m->t.ne[1];
    uint8_t *codes = malloc(n * k);
    float *d = malloc(n * sizeof *d);
    struct trit_error e = { 0 };
    assert_int_equal(
        trit_ternary_rows(&gguf, &m->t, &(struct trit_ternary_rows){ 0, n, codes, k, d }, &e),
        code);
    if (!strstr(e.text, text) || strncmp(e.text, "test.gguf: ", 11))
        fail_msg("'%s' is not in '%s'", text, e.text);
    free(codes);
    free(d);
}

static void code_three_is_refused_where_it_stands(void **state)
{
    (void)state;
    static const size_t places[] = { 0, 99, 100, 127, 128, 1000, 3199 };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct matrix m = make_i2_s(32, 100, 1);
        put_i2_s(&m, places[i], 3);
        char text[96];
        snprintf(text, sizeof text, "'blk.0.attn_q.weight' row %zu, column %zu: I2_S code 3",
                 places[i] / 100, places[i] % 100);
        refused(&m, TRIT_EFORMAT, text);
        matrix_free(&m);
    }
}

static void scales_and_sizes_of_i2_s(void **state)
{
    (void)state;
    static const float scales[] = { NAN, INFINITY, -1, -INFINITY };
    for (size_t i = 0; i < 4; i++) {
        struct matrix m = make_i2_s(2, 128, scales[i]);
        refused(&m, TRIT_EFORMAT, "not a positive number");
        matrix_free(&m);
    }
    struct matrix m = make_i2_s(2, 128, 0);
    m.t.bytes--;
    refused(&m, TRIT_EFORMAT, "256 weights in 95 bytes");
    m.t.bytes++;
    m.t.ne[0] = 100;
    m.t.bytes = 82;
    refused(&m, TRIT_EFORMAT, "200 weights in 82 bytes");
    matrix_free(&m);
}

static void floats_that_are_not_ternary(void **state)
{
    (void)state;
    static const uint32_t types[] = { TRIT_F32, TRIT_F16, TRIT_BF16 };
    static const struct {
        float value;
        const char *text;
    } faults[] = {
        { 0.5f, "row 3, column 17: 0.5 is neither 0 nor ±0.15625: not a ternary matrix" },
        { -0.5f, "row 3, column 17: -0.5 is neither" },
        { NAN, "row 3, column 17 is " },
        { -INFINITY, "row 3, column 17 is -inf" },
    };
    for (size_t i = 0; i < 12; i++) {
        struct matrix m = make_float(types[i / 4], 5, 33);
        put_float(&m, 3 * 33 + 17, faults[i % 4].value);
        refused(&m, TRIT_EFORMAT, faults[i % 4].text);
        matrix_free(&m);
    }
}

static void a_row_that_begins_with_nan(void **state)
{
    (void)state;
    struct matrix m = make_float(TRIT_F16, 2, 8);
    put_float(&m, 0, NAN);
    refused(&m, TRIT_EFORMAT, "row 0, column 0 is nan");
    matrix_free(&m);
}

static void other_types_are_named(void **state)
{
    (void)state;
    struct matrix m = make_i2_s(2, 256, 1);
    m.t.type = TRIT_Q8_0;
    refused(&m, TRIT_EUNSUPPORTED, "has type Q8_0 (8); ternary matrices are read from I2_S");
    m.t.type = TRIT_TL1;
    refused(&m, TRIT_EUNSUPPORTED, "whose tiling is in a side file");
    m.t.type = 9999;
    refused(&m, TRIT_EUNSUPPORTED, "has type unknown (9999)");
    m.t.type = TRIT_I2_S;
    m.t.ne[2] = 2;
    refused(&m, TRIT_EFORMAT, "dimensions, not 2");
    matrix_free(&m);
}

static void rows_past_the_end_are_an_argument_error(void **state)
{
    (void)state;
    struct matrix m = make_i2_s(2, 128, 1);
    uint8_t codes[256];
    float d[2];
    assert_int_equal(
        trit_ternary_rows(&gguf, &m.t, &(struct trit_ternary_rows){ 1, 2, codes, 128, d }, NULL),
        TRIT_EARGUMENT);
    assert_int_equal(
        trit_ternary_rows(&gguf, &m.t, &(struct trit_ternary_rows){ 0, 2, codes, 127, d }, NULL),
        TRIT_EARGUMENT);
    assert_int_equal(
        trit_ternary_rows(&gguf, &m.t, &(struct trit_ternary_rows){ 0, 2, codes, 128, d }, NULL),
        TRIT_OK);
    matrix_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i2_s_rows_of_any_length),
        cmocka_unit_test(float_rows_with_a_scale_each),
        cmocka_unit_test(code_three_is_refused_where_it_stands),
        cmocka_unit_test(scales_and_sizes_of_i2_s),
        cmocka_unit_test(floats_that_are_not_ternary),
        cmocka_unit_test(a_row_that_begins_with_nan),
        cmocka_unit_test(other_types_are_named),
        cmocka_unit_test(rows_past_the_end_are_an_argument_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
