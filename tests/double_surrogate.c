/* What the quantisers are defined as, and what stands for them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/double_surrogate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/train/ops.h"
#include "runtime/train/quantise.h"

static double sum16(const double *x, size_t n)
{
    double p[16] = { 0 };
    for (size_t i = 0; i < n; i++)
        p[i % 16] += fabs(x[i]);
    for (size_t width = 8; width; width /= 2)
        for (size_t i = 0; i < width; i++)
            p[i] += p[i + width];
    return p[0];
}

static double largest(const double *x, size_t n)
{
    double m = 0;
    for (size_t i = 0; i < n; i++)
        m = fmax(m, fabs(x[i]));
    return m;
}

static void define_inputs(const struct trit_train_inputs *how, size_t k, const double *x,
                          double *xq)
{
    const size_t group = how->group ? how->group : k;
    for (size_t i = 0; i < k; i += group) {
        const double s = how->bits == 8
                             ? 127 / fmax(largest(x + i, group), 1e-5)
                             : 2.64575131f / fmax(sum16(x + i, group) / (double)group, 1e-5);
        const double low = how->bits == 8 ? -128 : -8, high = how->bits == 8 ? 127 : 7;
        for (size_t j = i; j < i + group; j++)
            xq[j] = how->bits ? rint(fmin(fmax(x[j] * s, low), high)) * (1 / s) : x[j];
    }
}

static double mean_of(const double *w, size_t rows, size_t k)
{
    double sum = 0;
    for (size_t r = 0; r < rows; r++) {
        double p[8] = { 0 };
        for (size_t i = 0; i < k; i++)
            p[i % 8] += fabs((double)(float)w[r * k + i]);
        sum += ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
    }
    return sum / ((double)rows * (double)k);
}

static void define_weights(const struct trit_train_shape *s, const struct trit_train_tensor *t,
                           const double *w, double *wq)
{
    const bool rows = t->role == TRIT_TRAIN_ROWS;
    const bool groups = rows ? s->low_rows : s->weight_group,
               binary = s->weights == TRIT_TRAIN_BINARY;
    const size_t all = t->n * t->k, group = groups ? 128 : all;
    memcpy(wq, w, all * sizeof *w);
    if (s->weights == TRIT_TRAIN_DENSE || t->role == TRIT_TRAIN_NORM || (rows && !groups))
        return;
    for (size_t at = 0; at < all; at += group) {
        const float mean = (float)(groups ? mean_of(w + at, 1, group) : mean_of(w, t->n, t->k));
        float d = fmaxf(mean, 1e-5f), scale = 1.0f / d;
        if (groups || s->input_group) {
            d = trit_f16_f32(trit_f32_f16(d));
            scale = 1.0f / d;
        } else if (!binary)
            d = 1.0f / scale;
        for (size_t i = at; i < at + group; i++) {
            const float x = (float)w[i], trit = rintf(fminf(fmaxf(x * scale, -1), 1));
            wq[i] = (double)((binary ? (x < 0 ? -1.0f : 1.0f) : trit) * d);
        }
    }
}

static struct {
    bool records;
    double *offsets; /* one call behind the other */
    size_t n, room, at;
} tape;

void __real_trit_train_quantise_inputs(const struct trit_train_inputs *how, size_t k,
                                       const double *x, double *xq);
void __real_trit_train_quantise_weights(struct trit_pool *p, const struct trit_train_shape *shape,
                                        const struct trit_train_tensor *t, const double *w,
                                        double *wq);
void __wrap_trit_train_quantise_inputs(const struct trit_train_inputs *how, size_t k,
                                       const double *x, double *xq);
void __wrap_trit_train_quantise_weights(struct trit_pool *p, const struct trit_train_shape *shape,
                                        const struct trit_train_tensor *t, const double *w,
                                        double *wq);

static double *record(size_t n)
{
    if (tape.n + n > tape.room) {
        tape.room = 2 * (tape.n + n);
        tape.offsets = realloc(tape.offsets, tape.room * sizeof *tape.offsets);
        assert_non_null(tape.offsets);
    }
    tape.n += n;
    return tape.offsets + tape.n - n;
}

static void keep_offsets(size_t n, const double *x, const double *wanted, double *xq)
{
    double *offsets = record(n);
    for (size_t i = 0; i < n; i++) {
        if (xq[i] != wanted[i])
            fail_msg("quantised %.17g is %.17g, wanted %.17g", x[i], xq[i], wanted[i]);
        offsets[i] = xq[i] - x[i];
    }
}

static void add_offsets(size_t n, const double *x, double *xq)
{
    if (tape.at + n > tape.n)
        fail_msg("more numbers are quantised than were recorded");
    for (size_t i = 0; i < n; i++)
        xq[i] = x[i] + tape.offsets[tape.at + i];
    tape.at += n;
}

void __wrap_trit_train_quantise_inputs(const struct trit_train_inputs *how, size_t k,
                                       const double *x, double *xq)
{
    static double from[1024], wanted[1024];
    if (!tape.records) {
        add_offsets(k, x, xq);
        return;
    }
    assert_true(k <= 1024);
    memcpy(from, x, k * sizeof *x);
    define_inputs(how, k, from, wanted);
    __real_trit_train_quantise_inputs(how, k, x, xq);
    keep_offsets(k, from, wanted, xq);
}

void __wrap_trit_train_quantise_weights(struct trit_pool *p, const struct trit_train_shape *shape,
                                        const struct trit_train_tensor *t, const double *w,
                                        double *wq)
{
    const size_t n = t->n * t->k;
    if (!tape.records) {
        add_offsets(n, w, wq);
        return;
    }
    double *wanted = malloc(n * sizeof *wanted);
    assert_non_null(wanted);
    define_weights(shape, t, w, wanted);
    __real_trit_train_quantise_weights(p, shape, t, w, wq);
    keep_offsets(n, w, wanted, wq);
    free(wanted);
}

void trit_surrogate_record(void)
{
    tape.records = true;
    tape.n = 0;
}

void trit_surrogate_replay(void)
{
    tape.records = false;
    tape.at = 0;
}

void trit_surrogate_free(void)
{
    free(tape.offsets);
    tape.offsets = NULL;
    tape.n = tape.room = 0;
}
