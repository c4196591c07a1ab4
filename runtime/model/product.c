/* Products of a pass with the model's matrices. */
#include "runtime/kernel/multiply.h"
#include "runtime/model/internal.h"

size_t trit_product_block_rows(const struct trit_matrix *x)
{
    return (size_t)(trit_matrix_is_dense(x) ? x->pair.prefill : x->pair.decode)->nr;
}

size_t trit_product_blocks(const struct trit_matrix *x, size_t n)
{
    const size_t nr = trit_product_block_rows(x);
    return (n + nr - 1) / nr;
}

bool trit_product_begins(const struct trit_matrix *x, size_t row)
{
    return trit_matrix_is_dense(x) || row % trit_product_block_rows(x) == 0;
}

/* By the pair's kernel for the pass. */
static struct trit_multiply multiply(const struct trit_work *w, const struct trit_matrix *x,
                                     float *y, size_t ldy)
{
    return (struct trit_multiply){
        .kernel = w->m == 1 ? x->pair.decode : x->pair.prefill,
        .mc = x->pair.mc,
        .nc = w->m == 1 ? x->pair.decode_nc : x->pair.nc,
        .n = x->n,
        .kp = x->kp,
        .block = x->block,
        .w = x->w,
        .group = x->packing->group,
        .d = x->d,
        .m = w->m,
        .lda = w->a_ld,
        .a = w->a,
        .s = w->s,
        .sum = w->sum,
        .y = y,
        .ldy = ldy,
    };
}

void trit_product_region(const struct trit_work *w, enum trit_part part,
                         const struct trit_matrix *x, size_t blocks, trit_job_fn *fn, void *arg)
{
    const size_t nc = w->m == 1 ? x->pair.decode_nc : x->pair.nc;
    trit_multiply_split(w->model->pool, part, blocks, trit_product_blocks(x, nc), fn, arg);
}

void trit_product_patch(const struct trit_work *w, const struct trit_matrix *x,
                        const struct trit_kernel *kernel, const struct trit_patch *patch, float *y,
                        size_t ldy)
{
    struct trit_multiply mm = multiply(w, x, y, ldy);
    mm.kernel = kernel;
    trit_multiply_tile(&mm, patch->first, patch->m, patch->row, patch->last);
}

void trit_product_rows(const struct trit_work *w, const struct trit_matrix *x, size_t row,
                       size_t last, float *y, size_t ldy)
{
    if (trit_matrix_is_dense(x)) {
        trit_dense_rows(w, x, row, last, y, ldy);
        return;
    }
    const struct trit_multiply mm = multiply(w, x, y, ldy);
    trit_multiply_rows(&mm, row, last);
}

void trit_residual(const struct trit_work *w, const struct trit_patch *patch)
{
    const size_t hidden = w->model->config.hidden, last = patch->last;
    for (size_t i = patch->first * hidden; i < (patch->first + patch->m) * hidden; i += hidden)
        for (size_t r = patch->row; r < last; r++)
            w->x[i + r] = w->x[i + r] + w->h[i + r];
}

static void add(void *arg, size_t row, size_t last)
{
    const struct trit_work *w = arg;
    trit_residual(w, &(struct trit_patch){ 0, w->m, row, last });
}

void trit_product(struct trit_work *w, enum trit_part part, const struct trit_matrix *x, float *y,
                  size_t ldy)
{
    if (trit_matrix_is_dense(x)) {
        trit_dense_product(w, part, x, y, ldy, NULL);
    } else {
        const struct trit_multiply mm = multiply(w, x, y, ldy);
        trit_multiply(w->model->pool, part, &mm);
    }
    trit_finite_product(w, part, x, y, ldy);
    trit_product_count(w, part, x);
}

void trit_product_add(struct trit_work *w, enum trit_part part, const struct trit_matrix *x)
{
    if (trit_matrix_is_dense(x)) {
        trit_dense_product(w, part, x, w->h, w->model->config.hidden, add);
    } else {
        struct trit_multiply mm = multiply(w, x, w->h, w->model->config.hidden);
        mm.then = add;
        mm.arg = w;
        trit_multiply(w->model->pool, part, &mm);
    }
    trit_product_count(w, part, x);
}

uint64_t trit_product_bytes(const struct trit_matrix *x)
{
    if (trit_matrix_is_dense(x))
        return trit_dense_bytes(x);
    const size_t scales = x->packing->group ? 0 : x->n * sizeof *x->d;
    return trit_product_blocks(x, x->n) * x->block + scales;
}

void trit_product_count(struct trit_work *w, enum trit_part part, const struct trit_matrix *x)
{
    const uint64_t macs = w->m * x->n * x->k;
    trit_count(&w->counts, part, trit_product_bytes(x), macs);
    w->counts.float_macs[part] += trit_matrix_is_dense(x) ? macs : 0;
}
