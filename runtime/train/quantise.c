/* Masters as trits or signs times a scale, of a matrix or of groups of columns. What is stored with
   groups has scales of f16's, also where they are the same for all of a matrix. */
#include "runtime/train/quantise.h"

#include <string.h>

#include "runtime/base/half.h"
#include "runtime/convert/absmean.h"

enum {
    GROUP = TRIT_TRAIN_GROUP,
    SUMMED_ROWS = 1024, /* of one region */
    PIECE = 1 << 15     /* elements */
};

enum trit_train_way trit_train_way(const struct trit_train_shape *s,
                                   const struct trit_train_tensor *t)
{
    if (s->weights == TRIT_TRAIN_DENSE || t->role == TRIT_TRAIN_NORM)
        return TRIT_TRAIN_KEPT;
    if (t->role == TRIT_TRAIN_ROWS)
        return s->low_rows ? TRIT_TRAIN_GROUPED : TRIT_TRAIN_KEPT;
    return s->weight_group ? TRIT_TRAIN_GROUPED : TRIT_TRAIN_WHOLE;
}

/* A tensor on its way; s and d are WHOLE's. */
struct quantising {
    const trit_real *w;
    trit_real *wq;
    size_t n, k, first; /* first: row of a region */
    bool binary;
    float s, d;
    double *sums; /* of a region's rows */
};

static inline void to_floats(const trit_real *restrict w, size_t n, float *restrict x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)w[i];
}

/* n <= GROUP elements: trits of x * s, or signs, times d. */
static inline void put(const struct quantising *q, const float *restrict x, size_t n,
                       trit_real *restrict out)
{
    const float s = q->s, d = q->d;
    if (q->binary)
        for (size_t i = 0; i < n; i++)
            out[i] = x[i] < 0 ? -d : d;
    else
        for (size_t i = 0; i < n; i++)
            out[i] = trit_absmean_trit(x[i] * s) * d;
}

TRIT_TRAIN_WIDE static void sum_rows(void *arg, size_t begin, size_t end, int thread)
{
    const struct quantising *q = arg;
    (void)thread;
    for (size_t row = begin; row < end; row++) {
        const trit_real *w = q->w + (q->first + row) * q->k;
        double p[8] = { 0 };
        for (size_t i = 0; i < q->k; i += GROUP) {
            const size_t n = q->k - i < GROUP ? q->k - i : GROUP;
            float x[GROUP];
            to_floats(w + i, n, x);
            trit_absmean_add(p, x, n);
        }
        q->sums[row] = trit_absmean_sum(p);
    }
}

static size_t rows_of_piece(size_t k)
{
    return k < PIECE ? PIECE / k : 1;
}

static float mean_of(struct quantising *q, struct trit_pool *pool)
{
    double sums[SUMMED_ROWS], sum = 0;
    q->sums = sums;
    for (q->first = 0; q->first < q->n; q->first += SUMMED_ROWS) {
        const size_t left = q->n - q->first, n = left < SUMMED_ROWS ? left : SUMMED_ROWS;
        trit_pool_for(pool, n, rows_of_piece(q->k), sum_rows, q);
        for (size_t i = 0; i < n; i++)
            sum += sums[i];
    }
    return trit_absmean(sum, (double)q->n * (double)q->k);
}

TRIT_TRAIN_WIDE static void whole_piece(void *arg, size_t begin, size_t end, int thread)
{
    const struct quantising *q = arg;
    (void)thread;
    for (size_t i = begin; i < end; i += GROUP) {
        const size_t n = end - i < GROUP ? end - i : GROUP;
        float x[GROUP];
        to_floats(q->w + i, n, x);
        put(q, x, n, q->wq + i);
    }
}

static float half(float d)
{
    return trit_f16_f32(trit_f32_f16(d));
}

TRIT_TRAIN_WIDE static void grouped_piece(void *arg, size_t begin, size_t end, int thread)
{
    struct quantising q = *(const struct quantising *)arg;
    (void)thread;
    for (size_t group = begin; group < end; group++) {
        float x[GROUP];
        double p[8] = { 0 };
        to_floats(q.w + group * GROUP, GROUP, x);
        trit_absmean_add(p, x, GROUP);
        q.d = half(trit_absmean(trit_absmean_sum(p), GROUP));
        q.s = 1.0f / q.d;
        put(&q, x, GROUP, q.wq + group * GROUP);
    }
}

static void copy_piece(void *arg, size_t begin, size_t end, int thread)
{
    const struct quantising *q = arg;
    (void)thread;
    memcpy(q->wq + begin, q->w + begin, (end - begin) * sizeof *q->wq);
}

void trit_train_quantise_weights(struct trit_pool *pool, const struct trit_train_shape *shape,
                                 const struct trit_train_tensor *t, const trit_real *w,
                                 trit_real *wq)
{
    struct quantising q = { .w = w, .wq = wq, .n = t->n, .k = t->k };
    const size_t all = t->n * t->k;
    const enum trit_train_way way = trit_train_way(shape, t);
    q.binary = shape->weights == TRIT_TRAIN_BINARY;
    if (way == TRIT_TRAIN_KEPT) {
        trit_pool_for(pool, all, PIECE, copy_piece, &q);
        return;
    }
    if (way == TRIT_TRAIN_GROUPED) {
        trit_pool_for(pool, all / GROUP, PIECE / GROUP, grouped_piece, &q);
        return;
    }
    const float mean = mean_of(&q, pool), d = shape->input_group ? half(mean) : mean;
    q.s = 1.0f / d;
    q.d = q.binary || shape->input_group ? d : 1.0f / q.s;
    trit_pool_for(pool, all, PIECE, whole_piece, &q);
}
