/* Rows and states for the head's tests. */
#include "tests/lib_head.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"

double trit_test_uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller. */
float trit_test_normal(uint64_t *seed)
{
    const double radius = sqrt(-2 * log(trit_test_uniform(seed)));
    return (float)(radius * cos(6.283185307179586 * trit_test_uniform(seed)));
}

static void normal_row(float *e, size_t k, uint64_t *seed)
{
    for (size_t i = 0; i < k; i++)
        e[i] = 0.02f * trit_test_normal(seed);
}

/* What a kind makes of a normal row. */
static void shape_row(float *e, enum trit_rows_kind kind, size_t row, size_t k, uint64_t *seed)
{
    const size_t at = (size_t)(trit_test_uniform(seed) * (double)k);
    for (size_t i = 0; i < k; i++) {
        if (kind == ROWS_TAILS)
            e[i] *= powf((float)trit_test_uniform(seed), -0.4f);
        if (kind == ROWS_OUTLIERS && row % 37 == 5)
            e[i] *= 1000;
        if (kind == ROWS_ZERO && row % 3 == 0)
            e[i] = 0;
        if (kind == ROWS_TINY && row % 4)
            e[i] *= row % 4 == 1 ? 1e-38f : row % 4 == 2 ? 1e-30f : 1e-7f;
        if (kind == ROWS_HUGE && row % 5 == 0)
            e[i] *= 1e19f;
    }
    if (kind == ROWS_OUTLIERS && row % 11 == 0)
        e[at] *= 1000;
}

static void fill_row(float *e, enum trit_rows_kind kind, size_t row, size_t k, uint64_t seed)
{
    uint64_t own = seed + 1000003 * (kind == ROWS_TWICE ? row % 7 : row);
    if (kind == ROWS_EQUAL || kind == ROWS_LAST_BIT)
        own = seed;
    normal_row(e, k, &own);
    shape_row(e, kind, row, k, &own);
}

static void store_half(uint8_t *to, float v)
{
    const uint16_t h = trit_f32_f16(fminf(fmaxf(v, -60000), 60000));
    memcpy(to, &h, sizeof h);
}

static void store_f16(uint8_t *to, const float *e, size_t k)
{
    for (size_t i = 0; i < k; i++)
        store_half(to + 2 * i, e[i]);
}

static void store_f32(uint8_t *to, const float *e, size_t k)
{
    memcpy(to, e, k * sizeof *e);
}

static void store_q8_0(uint8_t *to, const float *e, size_t k)
{
    for (size_t b = 0; b < k; b += 32, to += 34) {
        float most = 0;
        for (size_t i = 0; i < 32; i++)
            most = fmaxf(most, fabsf(e[b + i]));
        store_half(to, most / 127);
        for (size_t i = 0; i < 32; i++)
            to[2 + i] = (uint8_t)(int8_t)(most > 0 ? lrintf(e[b + i] / most * 127) : 0);
    }
}

static const struct form {
    uint32_t type;
    size_t block, bytes;
    void (*store)(uint8_t *to, const float *e, size_t k);
} forms[] = {
    { TRIT_F16, 1, 2, store_f16 },
    { TRIT_F32, 1, 4, store_f32 },
    { TRIT_Q8_0, 32, 34, store_q8_0 },
};

/* The last bit of one element of a row that is stored. */
static void nudge(uint8_t *row, const struct form *form, size_t at)
{
    row[form->block == 1 ? at * form->bytes : 2 + at % 32] ^= 1;
}

void trit_head_case_make(struct trit_head_case *c, uint32_t type, enum trit_rows_kind kind,
                         size_t n, size_t k, struct trit_pool *pool, uint64_t seed)
{
    static char path[] = "test.gguf";
    struct trit_error e = { 0 };
    const struct form *form = forms;
    while (form->type != type)
        form++;
    const size_t row_bytes = k / form->block * form->bytes;
    uint8_t *data = malloc(n * row_bytes);
    float *row = malloc(k * sizeof *row);
    assert_true(data && row);
    for (size_t j = 0; j < n; j++) {
        fill_row(row, kind, j, k, seed);
        form->store(data + j * row_bytes, row, k);
        if (kind == ROWS_LAST_BIT && j % 3)
            nudge(data + j * row_bytes, form, j % k);
    }
    free(row);
    *c = (struct trit_head_case){ .kind = kind, .gguf = { .path = path } };
    c->tensor = (struct trit_gguf_tensor){ .name = { "token_embd.weight", 17 },
                                           .type = type,
                                           .ndims = 2,
                                           .ne = { k, n, 1, 1 },
                                           .bytes = n * row_bytes,
                                           .data = data };
    if (trit_rows_open(&c->rows, &c->gguf, &c->tensor, &e) ||
        trit_head_create(&c->head, &c->rows, pool, TRIT_HEAD_ALWAYS, NULL, &e))
        fail_msg("%s", e.text);
}

void trit_head_case_free(struct trit_head_case *c)
{
    trit_head_free(c->head);
    trit_rows_free(&c->rows);
    free((void *)(uintptr_t)c->tensor.data);
}

static void mix(float *x, const float *row, size_t k, float of_row, float of_noise, uint64_t *seed)
{
    double square = 0;
    for (size_t i = 0; i < k; i++)
        square += (double)row[i] * (double)row[i];
    const float scale = square > 0 ? (float)(1 / sqrt(square / (double)k)) : 0;
    for (size_t i = 0; i < k; i++)
        x[i] = of_row * scale * row[i] + of_noise * trit_test_normal(seed);
}

static void take_off(float *x, const float *row, size_t k)
{
    double dot = 0, square = 0;
    for (size_t i = 0; i < k; i++) {
        dot += (double)row[i] * (double)x[i];
        square += (double)row[i] * (double)row[i];
    }
    for (size_t i = 0; square > 0 && i < k; i++)
        x[i] -= (float)(dot / square * (double)row[i]);
}

void trit_head_case_state(const struct trit_head_case *c, enum trit_state_kind kind, float *x,
                          uint64_t *seed)
{
    static const float part[STATE_NKINDS] = {
        [STATE_NEAR] = 1, [STATE_ROW] = 1, [STATE_AGAINST] = -1
    };
    const size_t k = c->rows.k, at = (size_t)(trit_test_uniform(seed) * (double)k);
    const float size[STATE_NKINDS] = {
        [STATE_ZERO] = 0,       [STATE_TINY] = 1e-36f, [STATE_HUGE] = 1e25f,
        [STATE_SMALL] = 1e-17f, [STATE_LARGE] = 1e15f,
    };
    const float special[STATE_NKINDS] = { [STATE_NAN] = NAN, [STATE_INFINITE] = -INFINITY };
    float *row = malloc(k * sizeof *row);
    assert_non_null(row);
    trit_rows_get(&c->rows, (size_t)(trit_test_uniform(seed) * (double)c->rows.n), row);
    mix(x, row, k, part[kind], kind == STATE_ROW || kind == STATE_AGAINST ? 0 : 1, seed);
    if (kind == STATE_ORTHOGONAL)
        take_off(x, row, k);
    if (kind == STATE_OUTLIER)
        x[at] *= 1000;
    if (kind >= STATE_ZERO && kind <= STATE_LARGE)
        for (size_t i = 0; i < k; i++)
            x[i] *= size[kind];
    if (special[kind] != 0)
        x[at] = special[kind];
    free(row);
}
