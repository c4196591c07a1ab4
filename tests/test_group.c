/* labels: threads */
/* Do matrices with a scale for each group of columns come out with the weights that were put in,
   in the smallest form that holds them, and is everything else refused by place? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/group.h"
#include "tests/lib_group.h"
#include "tests/lib_pool.h"

static char path[] = "test.gguf";
static const struct trit_gguf gguf = { .path = path };

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* The form is found by one thread and by several. */
static void check_form(const struct trit_group_matrix *m, size_t group, enum trit_values values,
                       struct trit_pool *pool)
{
    struct trit_pool *const pools[] = { NULL, pool };
    for (size_t i = 0; i < 2; i++) {
        struct trit_form form = { 0 };
        struct trit_error e = { 0 };
        if (trit_group_form(&gguf, &m->t, pools[i], &form, &e))
            fail_msg("type %u: %s", (unsigned)m->t.type, e.text);
        assert_int_equal(form.group, group);
        assert_int_equal(form.values, values);
    }
}

/* Rows in pieces of `step`, with room past K and past the scales that must stay as it was. */
static void check_rows(const struct trit_group_matrix *m, size_t group, size_t step,
                       enum trit_values values)
{
    const size_t n = m->n, k = m->k, ld = k + 3, lds = k / group + 1;
    uint8_t *codes = malloc(n * ld);
    uint16_t *scales = malloc(n * lds * sizeof *scales);
    struct trit_error error = { 0 };
    memset(codes, 0xee, n * ld);
    memset(scales, 0xee, n * lds * sizeof *scales);
    for (size_t r = 0; r < n; r += step) {
        const struct trit_group_rows rows = {
            r, n - r < step ? n - r : step, group, codes + r * ld, ld, scales + r * lds, lds
        };
        if (trit_group_rows(&gguf, &m->t, &rows, &error))
            fail_msg("%s", error.text);
    }
    for (size_t r = 0; r < n; r++) {
        for (size_t x = 0; x < k; x++) {
            const uint8_t code = codes[r * ld + x];
            const uint16_t scale = scales[r * lds + x / group];
            assert_true(code <= (values == TRIT_TWOS ? 3 : 2) && scale < 0x7c00);
            assert_false(values == TRIT_SIGNS && code == 1);
            assert_true((code - 1) * (double)trit_f16_f32(scale) ==
                        trit_group_weight(m, r * k + x));
        }
        assert_memory_equal(codes + r * ld + k, "\xee\xee\xee", 3);
        assert_int_equal(scales[r * lds + k / group], 0xeeee);
    }
    free(codes);
    free(scales);
}

static void check(const struct trit_group_matrix *m, size_t group, enum trit_values values,
                  struct trit_pool *pool)
{
    check_form(m, group, values, pool);
    check_rows(m, 64, m->n, values);
    check_rows(m, group, 1, values);
}

/* Scales that every type has, also the smallest and ones below the normal range, and 0. */
static uint16_t some_scale(uint32_t *state)
{
    static const uint16_t edges[] = { 0x0008, 0x03f8, 0x0400, 0x77f8, 0x3c00 };
    const uint32_t r = next(state);
    return r % 4 ? (uint16_t)((r >> 4) % 0x7000 & 0xfff8) + 8 : edges[(r >> 4) % 5];
}

/* Random weights; scales in groups of 64 or 128, of which some are 0, with zeros in the group. */
static struct trit_group_matrix random_matrix(uint32_t type, size_t n, size_t k, size_t group,
                                              enum trit_values values)
{
    struct trit_group_matrix m = trit_group_new(type, n, k);
    uint32_t state = (uint32_t)(n * 31 + k + type);
    for (size_t g = 0; g < n * k / group; g++) {
        const uint16_t d = some_scale(&state);
        const bool empty = values != TRIT_SIGNS && next(&state) % 8 == 0;
        for (size_t i = 0; i < group / 64; i++)
            m.scales[g * (group / 64) + i] = empty ? 0 : d;
        for (size_t i = 0; i < group && !empty; i++) {
            const uint8_t of_signs = next(&state) & 2;
            m.codes[g * group + i] = values == TRIT_SIGNS
                                         ? of_signs
                                         : (uint8_t)(next(&state) % (values == TRIT_TWOS ? 4 : 3));
        }
    }
    trit_group_encode(&m);
    return m;
}

static void every_type_gives_its_weights(void **state)
{
    static const struct {
        uint32_t type;
        size_t group;
        enum trit_values put, found;
    } cases[] = {
        { TRIT_Q1_0, 128, TRIT_SIGNS, TRIT_SIGNS },   { TRIT_PTQ1_0, 128, TRIT_TRITS, TRIT_TRITS },
        { TRIT_PTQ1_0, 128, TRIT_SIGNS, TRIT_TRITS }, { TRIT_Q2_0, 128, TRIT_TRITS, TRIT_TRITS },
        { TRIT_Q2_0, 128, TRIT_TWOS, TRIT_TWOS },     { TRIT_Q2_0, 64, TRIT_TRITS, TRIT_TRITS },
        { TRIT_Q2_0, 64, TRIT_TWOS, TRIT_TWOS },      { TRIT_PQ2_0, 128, TRIT_TRITS, TRIT_TRITS },
        { TRIT_PQ2_0, 128, TRIT_TWOS, TRIT_TWOS },    { TRIT_PQ2_0, 128, TRIT_SIGNS, TRIT_TRITS },
    };
    static const size_t shapes[][2] = { { 2, 256 }, { 5, 384 }, { 67, 1024 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < 3; j++) {
            struct trit_group_matrix m = random_matrix(cases[i].type, shapes[j][0], shapes[j][1],
                                                       cases[i].group, cases[i].put);
            check(&m, cases[i].group, cases[i].found, *state);
            trit_group_free(&m);
        }
}

/* More than a thread looks at at a time. */
static void a_matrix_in_pieces(void **state)
{
    struct trit_group_matrix m = random_matrix(TRIT_Q2_0, 1100, 4096, 128, TRIT_TRITS);
    check(&m, 128, TRIT_TRITS, *state);
    m.codes[1099 * 4096 + 4095] = 3;
    m.scales[2] ^= 8;
    m.codes[128] = m.codes[192] = 2;
    trit_group_encode(&m);
    check_form(&m, 64, TRIT_TWOS, *state);
    trit_group_free(&m);
}

static void floats_of_every_form(void **state)
{
    static const uint32_t types[] = { TRIT_F32, TRIT_F16, TRIT_BF16 };
    static const enum trit_values values[] = { TRIT_SIGNS, TRIT_TRITS, TRIT_TWOS };
    static const size_t shapes[][2] = { { 2, 256 }, { 67, 1024 } };
    for (size_t i = 0; i < 3 * 3 * 2 * 2; i++) {
        const size_t *shape = shapes[i / 18], group = i / 9 % 2 ? 64 : 128;
        const enum trit_values v = values[i / 3 % 3];
        struct trit_group_matrix m = random_matrix(types[i % 3], shape[0], shape[1], group, v);
        check(&m, group, v, *state);
        trit_group_free(&m);
    }
}

/* Left and right half: a scale, and whether there are weights. */
static void halves_of_q2_0_fold_where_they_can(void **state)
{
    static const struct {
        uint16_t scale[2];
        bool some[2];
        size_t group;
    } cases[] = {
        { { 0x3c00, 0x3c00 }, { true, true }, 128 },
        { { 0x3c00, 0x3c01 }, { true, true }, 64 },
        { { 0, 0x3c00 }, { false, true }, 128 },
        { { 0x3c00, 0 }, { true, false }, 128 },
        { { 0x3c00, 0x3800 }, { false, true }, 128 },
        { { 0x3c00, 0x3800 }, { true, false }, 128 },
        { { 0x3c00, 0x3800 }, { false, false }, 128 },
        { { 0, 0x3c00 }, { true, true }, 64 },
        { { 1, 2 }, { true, true }, 64 },
        { { 0, 0 }, { true, true }, 128 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_group_matrix m = random_matrix(TRIT_Q2_0, 5, 384, 128, TRIT_TRITS);
        const size_t at = 13; /* a pair in the last row but one */
        for (size_t half = 0; half < 2; half++) {
            m.scales[2 * at + half] = cases[i].scale[half];
            memset(m.codes + 128 * at + 64 * half, 1, 64);
            m.codes[128 * at + 64 * half + 40 * half] = cases[i].some[half] ? 2 : 1;
        }
        trit_group_encode(&m);
        check(&m, cases[i].group, TRIT_TRITS, *state);
        trit_group_free(&m);
    }
}

static void code_three_is_found_anywhere(void **state)
{
    static const uint32_t types[] = { TRIT_Q2_0, TRIT_PQ2_0 };
    for (size_t i = 0; i < 2 * 128; i++) {
        struct trit_group_matrix m = random_matrix(types[i % 2], 3, 256, 128, TRIT_TRITS);
        m.codes[5 * 128 + i / 2] = 3;
        trit_group_encode(&m);
        check(&m, 128, TRIT_TWOS, *state);
        trit_group_free(&m);
    }
}

/* Blocks of 256 columns whose scales truly differ within a row are two groups each. */
static void blocks_of_256_are_groups_where_their_scales_differ(void **state)
{
    static const uint32_t types[] = { TRIT_TQ1_0, TRIT_TQ2_0 };
    static const size_t shapes[][2] = { { 5, 512 }, { 67, 1024 }, { 300, 4096 } };
    for (size_t i = 0; i < 2 * 3; i++) {
        const size_t *shape = shapes[i / 2];
        struct trit_group_matrix m =
            random_matrix(types[i % 2], shape[0], shape[1], 256, TRIT_TRITS);
        check(&m, 128, TRIT_TRITS, *state);
        trit_group_free(&m);
    }
}

/* Of the blocks of a row: scales, and whether there are weights. */
static void blocks_of_256_fold_where_they_can(void **state)
{
    static const struct {
        uint16_t scale[3];
        bool some[3];
        size_t group;
    } cases[] = {
        { { 0x3c00, 0x3c00, 0x3c00 }, { true, true, true }, 0 },
        { { 0x3c00, 0x3c00, 0x3c01 }, { true, true, true }, 128 },
        { { 0x3c00, 0x3c00, 0x3c01 }, { true, true, false }, 0 },
        { { 0, 0x3c00, 0x3c00 }, { false, true, true }, 0 },
        { { 0, 0x3c00, 0x3c00 }, { true, true, true }, 128 },
        { { 0x3800, 0x3c00, 0x3400 }, { false, true, false }, 0 },
        { { 0x3800, 0x3c00, 0x3400 }, { false, false, false }, 0 },
        { { 0x3800, 0x3c00, 0x3400 }, { true, false, true }, 128 },
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct trit_group_matrix m = trit_group_new(i % 2 ? TRIT_TQ1_0 : TRIT_TQ2_0, 70, 768);
        for (size_t e = 0; e < 70 * 768; e++)
            m.codes[e] = (uint8_t)(e * 7 % 3);
        for (size_t g = 0; g < 70 * 12; g++)
            m.scales[g] = (uint16_t)(0x3000 + g / 12); /* rows have scales of their own */
        for (size_t b = 0; b < 3; b++) {
            m.scales[68 * 12 + 4 * b] = cases[i / 2].scale[b];
            memset(m.codes + 68 * 768 + 256 * b, 1, 256);
            m.codes[68 * 768 + 256 * b + 100 * b + 3] = cases[i / 2].some[b] ? 2 : 1;
        }
        trit_group_encode(&m);
        check_form(&m, cases[i / 2].group, TRIT_TRITS, *state);
        check_rows(&m, 64, 70, TRIT_TRITS);
        check_rows(&m, 128, 1, TRIT_TRITS);
        trit_group_free(&m);
    }
}

static void code_three_of_tq2_0_is_no_trit(void **state)
{
    (void)state;
    struct trit_group_matrix m = random_matrix(TRIT_TQ2_0, 5, 512, 256, TRIT_TRITS);
    uint8_t codes[5 * 512];
    uint16_t scales[5 * 4];
    const struct trit_group_rows rows = { 0, 5, 128, codes, 512, scales, 4 };
    struct trit_error e = { 0 };
    m.codes[3 * 512 + 300] = 3;
    trit_group_encode(&m);
    assert_int_equal(trit_group_rows(&gguf, &m.t, &rows, &e), TRIT_EFORMAT);
    assert_non_null(strstr(e.text, "row 3, column 300: TQ2_0 code 3 is no trit"));
    trit_group_free(&m);
}

static void refused(const struct trit_group_matrix *m, enum trit_code code, const char *text,
                    struct trit_pool *pool)
{
    struct trit_form form;
    struct trit_error e = { 0 };
    assert_int_equal(trit_group_form(&gguf, &m->t, pool, &form, &e), code);
    if (!strstr(e.text, text) || strncmp(e.text, "test.gguf: tensor 'blk.0.attn_q.weight'", 39))
        fail_msg("'%s' is not in '%s'", text, e.text);
}

static void bad_scales_are_refused_where_they_stand(void **state)
{
    static const uint16_t scales[] = { 0x7c00, 0x7e00, 0xfe01, 0xfc00, 0x8000, 0x8001, 0xbc00 };
    static const struct {
        uint32_t type;
        const char *text;
    } cases[] = {
        { TRIT_Q1_0, "row 41, group 1 of 128 columns: its scale is" },
        { TRIT_PQ2_0, "row 41, group 1 of 128 columns: its scale is" },
        { TRIT_PTQ1_0, "row 41, group 1 of 128 columns: its scale is" },
        { TRIT_Q2_0, "row 41, group 2 of 64 columns: its scale is" },
        { TRIT_Q2_0, "row 41, group 3 of 64 columns: its scale is" },
    };
    for (size_t i = 0; i < 7 * 2; i++) {
        struct trit_group_matrix m = trit_group_new(i % 2 ? TRIT_TQ1_0 : TRIT_TQ2_0, 70, 768);
        m.scales[61 * 12 + 4] = m.scales[41 * 12 + 8] = scales[i / 2];
        trit_group_encode(&m);
        refused(&m, TRIT_EFORMAT, "row 41, group 2 of 256 columns: its scale is", *state);
        trit_group_free(&m);
    }
    for (size_t i = 0; i < 7 * 5; i++) {
        struct trit_group_matrix m = trit_group_new(cases[i % 5].type, 70, 384);
        m.scales[61 * 6 + 4] = scales[i / 5]; /* the lower row is told */
        m.scales[41 * 6 + 2 + (i % 5 == 4)] = scales[i / 5];
        trit_group_encode(&m);
        refused(&m, TRIT_EFORMAT, cases[i % 5].text, *state);
        trit_group_free(&m);
    }
}

/* A weight beside others of ±1 and 0. */
static void floats_that_are_nearly_of_the_form(void **state)
{
    static const uint32_t types[] = { TRIT_F32, TRIT_F16, TRIT_BF16 };
    static const float faults[] = { 3, -2, 0.25f, -4, NAN, INFINITY, -INFINITY, 1.0078125f };
    for (size_t i = 0; i < 3 * 8; i++) {
        struct trit_group_matrix m = random_matrix(types[i % 3], 5, 384, 128, TRIT_TRITS);
        const size_t at = 3 * 384 + 128 + 70;
        m.scales[at / 128 * 2] = m.scales[at / 128 * 2 + 1] = 0x3c00;
        m.codes[at / 128 * 128] = m.codes[at - 1] = 2;
        trit_group_encode(&m);
        trit_group_put(&m, at, faults[i / 3]);
        refused(&m, TRIT_EFORMAT, "row 3, group 1 of 128 columns: its halves hold other", *state);
        trit_group_free(&m);
    }
}

/* Every weight is 0 or ±d, and f16 lacks d. */
static void scales_that_f16_lacks(void **state)
{
    static const float faults[] = { 1.0000001f, 1e-9f, 65520, 1e30f, 2.9802322e-8f };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct trit_group_matrix m = random_matrix(TRIT_F32, 2, 256, 128, TRIT_TRITS);
        for (size_t e = 256; e < 384; e++)
            trit_group_put(&m, e, e % 3 ? faults[i] : -faults[i]);
        refused(&m, TRIT_EFORMAT, "row 1, group 0 of 128 columns", *state);
        trit_group_free(&m);
    }
}

/* Halves of 64 as multiples of d: the left one has +l, and -l where signed; the right ±r. */
static void float_halves_together_or_apart(void **state)
{
    static const struct {
        float left, right, d;
        bool both;
        size_t group;
        enum trit_values values;
    } cases[] = {
        { 2, 1, 1, false, 128, TRIT_TWOS },     { 2, 1, 1, true, 64, TRIT_TRITS },
        { 2, 1, 40000, false, 128, TRIT_TWOS }, { 1, 3, 1, false, 64, TRIT_TRITS },
        { 2, 0, 1, true, 128, TRIT_TRITS },     { 0, 1, 5.9604645e-8f, true, 128, TRIT_TRITS },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_group_matrix m = trit_group_new(TRIT_F32, 1, 128);
        struct trit_form form = { 0 };
        uint8_t codes[128];
        uint16_t scales[2];
        float w[128] = { -0.0f };
        for (size_t e = 1; e < 64; e++) {
            w[e] = (e % 2 && cases[i].both ? -cases[i].left : cases[i].left) * cases[i].d;
            w[64 + e] = (e % 2 ? -cases[i].right : cases[i].right) * cases[i].d;
        }
        memcpy(m.data, w, sizeof w);
        assert_int_equal(trit_group_form(&gguf, &m.t, *state, &form, NULL), TRIT_OK);
        assert_int_equal(form.group, cases[i].group);
        assert_int_equal(form.values, cases[i].values);
        for (size_t group = 64; group <= form.group; group += 64) {
            const struct trit_group_rows rows = { 0, 1, group, codes, 128, scales, 2 };
            assert_int_equal(trit_group_rows(&gguf, &m.t, &rows, NULL), TRIT_OK);
            for (size_t e = 0; e < 128; e++)
                assert_true((float)(codes[e] - 1) * trit_f16_f32(scales[e / group]) == w[e]);
        }
        trit_group_free(&m);
    }
}

static void other_types_and_shapes_are_named(void **state)
{
    struct trit_group_matrix m = trit_group_new(TRIT_Q2_0, 2, 256);
    m.t.type = TRIT_Q8_0;
    refused(&m, TRIT_EUNSUPPORTED, "(type Q8_0, 2 x 256): matrices with a scale for each", *state);
    m.t.type = 4242;
    refused(&m, TRIT_EUNSUPPORTED, "(type unknown", *state);
    assert_false(trit_type_has_groups(TRIT_F16) || trit_type_has_groups(TRIT_I2_S));
    m.t.type = TRIT_Q2_0;
    assert_true(trit_type_has_groups(TRIT_Q2_0));
    assert_false(trit_type_has_groups(TRIT_TQ1_0) || trit_type_folds(TRIT_Q2_0));
    assert_true(trit_type_folds(TRIT_TQ1_0) && trit_type_folds(TRIT_TQ2_0));
    m.t.type = TRIT_TQ1_0;
    m.t.ne[0] = 384;
    refused(&m, TRIT_EFORMAT, "not a multiple of 256", *state);
    m.t.type = TRIT_Q2_0;
    m.t.ne[0] = 192;
    refused(&m, TRIT_EFORMAT, "not a multiple of 128", *state);
    m.t.ne[0] = 256;
    m.t.ne[1] = 3;
    refused(&m, TRIT_EFORMAT, "too few bytes", *state);
    m.t.ne[1] = UINT64_MAX / 2;
    refused(&m, TRIT_EFORMAT, "too few bytes", *state);
    m.t.ne[1] = 2;
    m.t.ne[2] = 2;
    refused(&m, TRIT_EFORMAT, "not a matrix", *state);
    trit_group_free(&m);
}

static void rows_past_the_end_are_an_argument_error(void **state)
{
    (void)state;
    struct trit_group_matrix m = trit_group_new(TRIT_Q2_0, 2, 256);
    uint8_t codes[512];
    uint16_t scales[8];
    const struct trit_group_rows faults[] = {
        { 1, 2, 64, codes, 256, scales, 4 },  { 3, 0, 64, codes, 256, scales, 4 },
        { 0, 2, 64, codes, 255, scales, 4 },  { 0, 2, 64, codes, 256, scales, 3 },
        { 0, 2, 128, codes, 256, scales, 1 }, { 0, 2, 256, codes, 256, scales, 4 },
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        assert_int_equal(trit_group_rows(&gguf, &m.t, &faults[i], NULL), TRIT_EARGUMENT);
    const struct trit_group_rows good = { 0, 2, 64, codes, 256, scales, 4 };
    assert_int_equal(trit_group_rows(&gguf, &m.t, &good, NULL), TRIT_OK);
    trit_group_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_gives_its_weights),
        cmocka_unit_test(a_matrix_in_pieces),
        cmocka_unit_test(floats_of_every_form),
        cmocka_unit_test(halves_of_q2_0_fold_where_they_can),
        cmocka_unit_test(code_three_is_found_anywhere),
        cmocka_unit_test(blocks_of_256_are_groups_where_their_scales_differ),
        cmocka_unit_test(blocks_of_256_fold_where_they_can),
        cmocka_unit_test(code_three_of_tq2_0_is_no_trit),
        cmocka_unit_test(bad_scales_are_refused_where_they_stand),
        cmocka_unit_test(floats_that_are_nearly_of_the_form),
        cmocka_unit_test(scales_that_f16_lacks),
        cmocka_unit_test(float_halves_together_or_apart),
        cmocka_unit_test(other_types_and_shapes_are_named),
        cmocka_unit_test(rows_past_the_end_are_an_argument_error),
    };
    return cmocka_run_group_tests(tests, trit_test_pool_setup, trit_test_pool_teardown);
}
