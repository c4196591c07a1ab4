/* labels: threads */
/* Do dense rows come into memory with the exact values of their stored type, and are rows with
   infinities or NaN, and types that are not read, refused by name? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/rows.h"
#include "runtime/thread/pool.h"
#include "tests/lib_pool.h"

static char path[] = "test.gguf";
static const struct trit_gguf gguf = { .path = path };

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* The stored types as they are defined, element by element: no code in common with
 * runtime/format/rows.c.
 */

static double half_value(const uint8_t *p)
{
    int bits = p[0] | p[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
    double v = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits & 0x8000 ? -v : v;
}

static double f16_value(const uint8_t *row, size_t i)
{
    return half_value(row + 2 * i);
}

static double bf16_value(const uint8_t *row, size_t i)
{
    uint32_t bits = (uint32_t)row[2 * i] << 16 | (uint32_t)row[2 * i + 1] << 24;
    return (double)trit_bits_f32(bits);
}

static double f32_value(const uint8_t *row, size_t i)
{
    float v;
    memcpy(&v, row + 4 * i, 4);
    return (double)v;
}

static double q8_0_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 32 * 34;
    return half_value(block) * (int8_t)block[2 + i % 32];
}

static double q6_k_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 256 * 210;
    size_t e = i % 256, half = e / 128, j = e % 128, part = j / 32, l = j % 32;
    int low = block[half * 64 + (part % 2) * 32 + l];
    low = part < 2 ? low & 15 : low >> 4;
    int high = block[128 + half * 32 + l] >> (2 * part) & 3;
    return half_value(block + 208) * (int8_t)block[192 + e / 16] * (low + 16 * high - 32);
}

static double q4_0_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 32 * 18;
    const size_t e = i % 32;
    return half_value(block) * ((block[2 + e % 16] >> (e < 16 ? 0 : 4) & 15) - 8);
}

static double q5_0_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 32 * 22;
    const size_t e = i % 32;
    const int low = block[6 + e % 16] >> (e < 16 ? 0 : 4) & 15;
    return half_value(block) * (low + 16 * (block[2 + e / 8] >> e % 8 & 1) - 16);
}

/* Exact in binary64, then rounded to the binary32 that a row has. */
static double q4_k_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 256 * 144, *s = block + 4;
    const size_t e = i % 256, j = e / 32;
    const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) + 16 * (s[j - 4] >> 6);
    const int least = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) + 16 * (s[j] >> 6);
    const int q = block[16 + e / 64 * 32 + e % 32] >> (e % 64 < 32 ? 0 : 4) & 15;
    return (double)(float)(half_value(block) * scale * q - half_value(block + 2) * least);
}

/* Codes with a scale for each block, from FORMATS-2's formulas. */

static double q1_0_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 128 * 18;
    return half_value(block) * (block[2 + i % 128 / 8] >> i % 8 & 1 ? 1 : -1);
}

static double q2_0_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 64 * 18;
    return half_value(block) * ((block[2 + i % 64 / 4] >> 2 * (i % 4) & 3) - 1);
}

static double pq2_0_value(const uint8_t *row, size_t i)
{
    const uint8_t *block = row + i / 128 * 34;
    return half_value(block) * ((block[2 + i % 128 / 4] >> 2 * (i % 4) & 3) - 1);
}

static double ptq1_0_value(const uint8_t *row, size_t i)
{
    static const int powers[] = { 1, 3, 9, 27, 81 };
    const uint8_t *block = row + i / 128 * 28;
    const size_t j = i % 128, first = j < 80 ? 0 : j < 120 ? 16 : 24;
    const size_t n = j < 80 ? 16 : j < 120 ? 8 : 2, e = j - 5 * first;
    const int rest = block[first + e % n] * powers[e / n] & 255;
    return half_value(block + 26) * ((rest * 3 >> 8) - 1);
}

static const struct form {
    uint32_t type;
    const char *packing; /* NULL: no head takes them */
    size_t block, bytes;
    double (*value)(const uint8_t *row, size_t i);
    size_t high;         /* the byte of a block that ends its float: sign and exponent */
    uint8_t infinity[2]; /* that byte and the one before it */
} forms[] = {
    { TRIT_F16, "f16", 1, 2, f16_value, 1, { 0x7c, 0 } },
    { TRIT_BF16, "bf16", 1, 2, bf16_value, 1, { 0x7f, 0x80 } },
    { TRIT_F32, "f32", 1, 4, f32_value, 3, { 0x7f, 0x80 } },
    { TRIT_Q8_0, "i8", 32, 34, q8_0_value, 1, { 0x7c, 0 } },
    { TRIT_Q6_K, "i8", 256, 210, q6_k_value, 209, { 0x7c, 0 } },
    { TRIT_Q5_0, "i8", 32, 22, q5_0_value, 1, { 0x7c, 0 } },
    { TRIT_Q4_0, "i8", 32, 18, q4_0_value, 1, { 0x7c, 0 } },
    { TRIT_Q4_K, "f32", 256, 144, q4_k_value, 3, { 0x7c, 0 } },
    { TRIT_Q1_0, NULL, 128, 18, q1_0_value, 1, { 0x7c, 0 } },
    { TRIT_Q2_0, NULL, 64, 18, q2_0_value, 1, { 0x7c, 0 } },
    { TRIT_PQ2_0, NULL, 128, 34, pq2_0_value, 1, { 0x7c, 0 } },
    { TRIT_PTQ1_0, NULL, 128, 28, ptq1_0_value, 27, { 0x7c, 0 } },
};

/* Random bytes, with exponents kept from all ones, and scales of blocks of codes from signs. */
static struct trit_gguf_tensor tensor_new(const struct form *f, size_t n, size_t blocks)
{
    size_t bytes = n * blocks * f->bytes;
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    uint32_t state = (uint32_t)(n + blocks);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)next(&state);
    for (size_t i = f->high; i < bytes; i += f->bytes)
        data[i] &= f->packing ? 0xbb : 0x3b;
    for (size_t i = 1; i < bytes && f->type == TRIT_Q4_K; i += f->bytes)
        data[i] &= 0xbb;
    return (struct trit_gguf_tensor){ .name = { "token_embd.weight", 17 },
                                      .type = f->type,
                                      .ndims = 2,
                                      .ne = { blocks * f->block, n, 1, 1 },
                                      .bytes = bytes,
                                      .data = data };
}

static void check_values(const struct form *f, size_t n, size_t blocks, struct trit_pool *pool)
{
    struct trit_gguf_tensor t = tensor_new(f, n, blocks);
    struct trit_rows rows;
    struct trit_error e = { 0 };
    size_t k = t.ne[0];
    float *out = malloc(k * sizeof *out);
    const float *scale;
    if (trit_rows_load(&rows, &gguf, &t, pool, &e))
        fail_msg("%s", e.text);
    uint8_t *room = aligned_alloc(64, (trit_rows_room(&rows) + 63) / 64 * 64);
    assert_true(rows.n == n && rows.k == k);
    if (f->packing) {
        assert_string_equal(rows.packing, f->packing);
        assert_true(!rows.scale == !!strcmp(f->packing, "i8"));
    } else {
        assert_true(!rows.packing && !rows.data && !rows.scale && !rows.data_bytes);
    }
    for (size_t r = 0; r < n; r++) {
        trit_rows_get(&rows, r, out);
        for (size_t i = 0; i < k; i++)
            assert_true((double)out[i] == f->value(t.data + r * blocks * f->bytes, i));
        if (f->type == TRIT_Q4_K)
            assert_memory_equal(trit_rows_one(&rows, r, room, &scale), out, k * sizeof *out);
    }
    trit_rows_free(&rows);
    free(room);
    free(out);
    free((void *)t.data);
}

static void every_type_gives_its_exact_values(void **state)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        check_values(&forms[i], 1, 1, NULL);
        check_values(&forms[i], 5, 3, *state);
        check_values(&forms[i], 67, 7, *state);
    }
}

/* More than one slice of the file, and a last slice that is not full. */
static void a_load_in_slices(void **state)
{
    const struct form *f = &forms[3];
    size_t n = 3000, blocks = 250;
    struct trit_gguf_tensor t = tensor_new(f, n, blocks);
    struct trit_rows rows;
    float out[8000];
    assert_int_equal(trit_rows_load(&rows, &gguf, &t, *state, NULL), TRIT_OK);
    for (size_t r = 0; r < n; r += 7) {
        trit_rows_get(&rows, r, out);
        for (size_t i = 0; i < 8000; i += 13)
            assert_true((double)out[i] == f->value(t.data + r * blocks * f->bytes, i));
    }
    trit_rows_free(&rows);
    free((void *)t.data);
}

static void refused(const struct trit_gguf_tensor *t, enum trit_code code, const char *text,
                    struct trit_pool *pool)
{
    struct trit_rows rows;
    struct trit_error e = { 0 };
    assert_int_equal(trit_rows_load(&rows, &gguf, t, pool, &e), code);
    assert_null(rows.data);
    if (!strstr(e.text, text) || !strstr(e.text, "test.gguf: tensor 'token_embd.weight'"))
        fail_msg("'%s' is not in '%s'", text, e.text);
    trit_rows_free(&rows);
}

static void infinities_and_nans_are_refused_by_row(void **state)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct trit_gguf_tensor t = tensor_new(&forms[i], 70, 4);
        for (size_t k = 0; k < 2;
             k++) { /* infinity, then NaN, in two rows: the lower one is told */
            for (size_t row = 41; row < 64; row += 20) {
                uint8_t *block = (uint8_t *)t.data + (row * 4 + 2) * forms[i].bytes;
                block[forms[i].high] = forms[i].infinity[0];
                block[forms[i].high - 1] = (uint8_t)(forms[i].infinity[1] + k);
            }
            refused(&t, TRIT_EFORMAT,
                    forms[i].packing
                        ? "row 41 holds an infinity or NaN"
                        : "row 41 has a scale that is not a finite number without a sign",
                    *state);
        }
        free((void *)t.data);
    }
}

static void a_scale_of_codes_has_no_sign(void **state)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct trit_gguf_tensor t = tensor_new(&forms[i], 70, 4);
        struct trit_rows rows;
        ((uint8_t *)t.data)[(33 * 4 + 3) * forms[i].bytes + forms[i].high] = 0x80;
        if (!forms[i].packing)
            refused(&t, TRIT_EFORMAT, "row 33 has a scale that is not a finite", *state);
        else
            assert_int_equal(trit_rows_load(&rows, &gguf, &t, *state, NULL), TRIT_OK);
        if (forms[i].packing)
            trit_rows_free(&rows);
        free((void *)t.data);
    }
}

static void other_types_and_shapes_are_named(void **state)
{
    struct trit_gguf_tensor t = tensor_new(&forms[4], 2, 2);
    t.type = 13;
    refused(&t, TRIT_EUNSUPPORTED, "type Q5_K, 2 x 512): embedding and head are read as F16, BF16",
            *state);
    t.type = TRIT_I2_S;
    refused(&t, TRIT_EUNSUPPORTED, "type I2_S", *state);
    t.type = 4242;
    refused(&t, TRIT_EUNSUPPORTED, "type unknown", *state);
    t.type = TRIT_Q6_K;
    t.ne[0] = 500;
    refused(&t, TRIT_EFORMAT, "do not end with a block", *state);
    t.ne[0] = 512;
    t.ne[1] = 3;
    refused(&t, TRIT_EFORMAT, "too few bytes", *state);
    t.ne[1] = UINT64_MAX / 2;
    refused(&t, TRIT_EFORMAT, "too few bytes", *state);
    t.ne[1] = 2;
    t.ne[2] = 2;
    refused(&t, TRIT_EFORMAT, "not a matrix", *state);
    free((void *)t.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_gives_its_exact_values),
        cmocka_unit_test(a_load_in_slices),
        cmocka_unit_test(infinities_and_nans_are_refused_by_row),
        cmocka_unit_test(a_scale_of_codes_has_no_sign),
        cmocka_unit_test(other_types_and_shapes_are_named),
    };
    return cmocka_run_group_tests(tests, trit_test_pool_setup, trit_test_pool_teardown);
}
