/* The feed-forward half without the rows and columns that meet zeros, bit for bit the same.

   f = relu(g)^2 * u is a zero where g <= 0 or g is a NaN, whatever u is, as long as u is finite;
   its sign is u's in the dense pass and + here, where u stands at 0. Nothing behind it sees that
   sign: the norm adds up squares, the quantiser takes |x| and rounds to integers. u = acc * (d / s)
   is finite where it is for the largest d and the largest |acc|, since rounding is monotone; where
   it is not, all rows are computed. Columns whose int8 input is 0 add exactly nothing. */
#include "runtime/model/internal.h"

#include <math.h>
#include <string.h>

enum {
    FEW = 4,       /* tokens that the decode kernels multiply one by one */
    PIECES = 2,    /* of Wdown's columns for each thread */
    TOGETHER = 128 /* tokens in one piece of a prefill */
};

/* That multiplies tokens with rows that are not skipped. */
static const struct trit_kernel *kernel_of(const struct trit_work *w, const struct trit_matrix *x)
{
    return w->m <= FEW ? x->pair.decode : x->pair.prefill;
}

/* Whether every product of a row of Wup is finite. */
static bool is_tame(const struct trit_work *w, const struct trit_layer *layer)
{
    return isfinite(layer->most_up / w->s[0] * (128.0f * (float)layer->m[TRIT_UP].k));
}

void trit_skip_up(struct trit_work *w, const struct trit_layer *layer, size_t from, size_t to,
                  int thread)
{
    const struct trit_matrix *up = &layer->m[TRIT_UP];
    const float *gate = w->gate_up;
    float *y = w->gate_up + up->n;
    struct trit_share *share = &w->shares[thread];
    uint32_t *list = w->list + from;
    size_t count = 0;
    for (size_t i = from; i < to && w->m == 1; i++) {
        list[count] = (uint32_t)i;
        count += gate[i] > 0;
    }
    share->open += count;
    if (w->m > 1 || (float)count > w->model->skip_most * (float)(to - from) || !is_tame(w, layer)) {
        const struct trit_patch all = { 0, w->m, from, to };
        trit_product_patch(w, up, kernel_of(w, up), &all, y, 2 * up->n);
        share->rows += to - from;
        return;
    }
    memset(y + from, 0, (to - from) * sizeof *y);
    up->skip->fn.rows(count, list, up->kp, up->w, up->d, w->a, w->s[0], w->sum[0], y);
    share->rows += count;
}

/* The sums of what the threads counted, which begin anew. */
static struct trit_share collect(struct trit_work *w)
{
    struct trit_share all = { 0 };
    for (int t = 0; t < trit_pool_threads(w->model->pool); t++) {
        all.open += w->shares[t].open;
        all.rows += w->shares[t].rows;
        all.columns += w->shares[t].columns;
        w->shares[t] = (struct trit_share){ 0 };
    }
    return all;
}

void trit_skip_count_up(struct trit_work *w, const struct trit_layer *layer)
{
    const struct trit_matrix *up = &layer->m[TRIT_UP];
    const struct trit_share all = collect(w);
    trit_count(&w->counts, TRIT_PART_GATE_UP,
               all.rows * (up->kp / up->packing->kr * up->packing->bytes + sizeof *up->d),
               w->m * all.rows * up->k);
    if (w->m == 1) {
        w->counts.up_rows += all.rows;
        w->counts.gates += up->n;
        w->counts.gates_open += all.open;
    }
}

struct down_job {
    struct trit_work *w;
    const struct trit_matrix *down;
    size_t blocks, padded; /* of rows */
};

/* Columns begin .. end-1 into the thread's sums. */
static void columns(void *arg, size_t begin, size_t end, int thread)
{
    const struct down_job *j = arg;
    struct trit_work *w = j->w;
    int32_t *sums = w->partial + (size_t)thread * j->padded;
    uint32_t *list = w->list + begin;
    int8_t *live = w->live + begin;
    size_t count = 0;
    for (size_t i = begin; i < end; i++) {
        list[count] = (uint32_t)i;
        live[count] = w->a[i];
        count += w->a[i] != 0;
    }
    if (!w->shares[thread].begun)
        memset(sums, 0, j->padded * sizeof *sums);
    w->shares[thread].begun = true;
    w->shares[thread].columns += count;
    j->down->skip->fn.cols(j->padded, j->down->kp, count, list, live, j->down->w, sums);
}

/* x = x + the product, from all threads' sums. */
static void sum_up(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct down_job *j = arg;
    struct trit_work *w = j->w;
    int32_t *all = NULL;
    for (int t = 0; t < trit_pool_threads(w->model->pool); t++) {
        int32_t *sums = w->partial + (size_t)t * j->padded;
        if (!w->shares[t].begun)
            continue;
        for (size_t r = begin; r < end && all; r++)
            all[r] += sums[r];
        all = all ? all : sums;
    }
    for (size_t r = begin; r < end; r++) {
        const float y = (float)(all[r] - w->sum[0]) * (j->down->d[r] / w->s[0]);
        w->x[r] = w->x[r] + y;
    }
}

/* Blocks of rows for TOGETHER tokens each. */
static void dense(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct down_job *j = arg;
    const struct trit_work *w = j->w;
    const size_t n = j->down->n, nr = (size_t)j->down->pair.decode->nr;
    for (size_t p = begin; p < end; p++) {
        const size_t row = p % j->blocks * nr, first = p / j->blocks * TOGETHER;
        const struct trit_patch patch = {
            .first = first,
            .m = w->m - first < TOGETHER ? w->m - first : TOGETHER,
            .row = row,
            .last = row + nr < n ? row + nr : n,
        };
        trit_product_patch(w, j->down, kernel_of(w, j->down), &patch, w->h, n);
        trit_residual(w, &patch);
    }
}

void trit_skip_down(struct trit_work *w, const struct trit_layer *layer)
{
    const struct trit_matrix *down = &layer->m[TRIT_DOWN];
    struct trit_pool *pool = w->model->pool;
    struct down_job job = { w, down, trit_product_blocks(down, down->n), 0 };
    job.padded = job.blocks * (size_t)down->pair.decode->nr;
    if (w->m > 1) {
        const size_t pieces = job.blocks * ((w->m + TOGETHER - 1) / TOGETHER);
        trit_region(pool, TRIT_PART_DOWN, pieces, 1, dense, &job);
        trit_product_count(w, TRIT_PART_DOWN, down);
        return;
    }
    const size_t pieces = (size_t)trit_pool_threads(pool) * PIECES;
    trit_region(pool, TRIT_PART_DOWN, down->k, (down->k + pieces - 1) / pieces, columns, &job);
    trit_region(pool, TRIT_PART_DOWN_SUM, down->n, down->n, sum_up, &job);
    const struct trit_share all = collect(w);
    trit_count(&w->counts, TRIT_PART_DOWN,
               all.columns * (job.padded * down->packing->bytes / down->packing->kr) +
                   down->n * sizeof *down->d,
               all.columns * down->n);
    w->counts.downs += down->k;
    w->counts.downs_live += all.columns;
    w->counts.down_cols += all.columns;
}
