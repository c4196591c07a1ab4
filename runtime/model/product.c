/* How a product is cut into pieces, and which kernel computes them. */
#include "runtime/model/internal.h"

#include "runtime/thread/stream.h"

enum {
    PIECES = 16, /* of a product for each thread, at least: nobody waits long for one that is held
                    up, and a piece's results stay in its cache */
    FEW = 16,    /* tokens whose activations stay in a cache anyway */
};

size_t trit_product_blocks(const struct trit_matrix *x, size_t n)
{
    const size_t nr = (size_t)x->pair.decode->nr;
    return (n + nr - 1) / nr;
}

void trit_product_region(const struct trit_work *w, enum trit_part part,
                         const struct trit_matrix *x, size_t blocks, trit_job_fn *fn, void *arg)
{
    struct trit_pool *pool = w->model->pool;
    const size_t pieces = (size_t)trit_pool_threads(pool) * PIECES;
    const size_t nc = w->m == 1 ? x->pair.decode_nc : x->pair.nc;
    trit_stream(pool, part, w->ranges, blocks,
                nc ? trit_product_blocks(x, nc) : (blocks + pieces - 1) / pieces, fn, arg);
}

void trit_product_tile(const struct trit_work *w, const struct trit_matrix *x,
                       const struct trit_kernel *kernel, size_t first, size_t m, size_t row,
                       size_t last, float *y, size_t ldy)
{
    trit_mm_fn *fn = kernel->op == TRIT_OP_gemv ? kernel->fn.gemv : kernel->fn.gemm;
    fn(m, last - row, x->kp, x->w + row / (size_t)kernel->nr * x->block, x->d + row,
       w->a + first * w->a_ld, w->a_ld, w->s + first, w->sum + first, y + first * ldy + row, ldy);
}

/* mc tokens at a time: their activations stay in a cache while the rows go by. */
void trit_product_rows(const struct trit_work *w, const struct trit_matrix *x, size_t row,
                       size_t last, float *y, size_t ldy)
{
    const struct trit_kernel *kernel = w->m == 1 ? x->pair.decode : x->pair.prefill;
    const size_t mc = x->pair.mc && w->m > FEW ? x->pair.mc : w->m;
    for (size_t i = 0; i < w->m; i += mc)
        trit_product_tile(w, x, kernel, i, w->m - i < mc ? w->m - i : mc, row, last, y, ldy);
}

void trit_residual(const struct trit_work *w, size_t first, size_t m, size_t row, size_t last)
{
    const size_t hidden = w->model->config.hidden;
    for (size_t i = first * hidden; i < (first + m) * hidden; i += hidden)
        for (size_t r = row; r < last; r++)
            w->x[i + r] = w->x[i + r] + w->h[i + r];
}

struct product_job {
    struct trit_work *w;
    const struct trit_matrix *matrix;
    float *y;
    size_t ldy;
    bool add;
};

static void piece(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct product_job *j = arg;
    const size_t nr = (size_t)j->matrix->pair.decode->nr, n = j->matrix->n, row = begin * nr,
                 last = end * nr < n ? end * nr : n;
    trit_product_rows(j->w, j->matrix, row, last, j->y, j->ldy);
    if (j->add)
        trit_residual(j->w, 0, j->w->m, row, last);
}

static void run(enum trit_part part, struct product_job *j)
{
    const size_t blocks = trit_product_blocks(j->matrix, j->matrix->n);
    trit_product_region(j->w, part, j->matrix, blocks, piece, j);
    trit_product_count(j->w, part, j->matrix);
}

void trit_product(struct trit_work *w, enum trit_part part, const struct trit_matrix *x, float *y,
                  size_t ldy)
{
    run(part, &(struct product_job){ w, x, y, ldy, false });
    trit_finite_product(w, part, x->n, y, ldy);
}

void trit_product_add(struct trit_work *w, enum trit_part part, const struct trit_matrix *x)
{
    run(part, &(struct product_job){ w, x, w->h, w->model->config.hidden, true });
}

void trit_product_count(struct trit_work *w, enum trit_part part, const struct trit_matrix *x)
{
    const size_t blocks = trit_product_blocks(x, x->n);
    trit_count(&w->counts, part, blocks * x->block + x->n * sizeof *x->d, w->m * x->n * x->k);
}
