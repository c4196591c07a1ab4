/* How a product is cut into pieces, and what calls of a kernel a piece is. */
#include "runtime/kernel/multiply.h"

#include <string.h>

#include "runtime/thread/stream.h"

enum {
    PIECES = 16, /* of a product for each thread, at least: nobody waits long for one that is held
                    up, and a piece's results stay in its cache */
    FEW = 16,    /* tokens whose activations stay in a cache anyway */
};

void trit_quantise(const struct trit_kernel *quant, const struct trit_inputs *to, const float *x)
{
    const size_t group = to->group;
    if (!group) {
        quant->fn.quant(to->k, to->kp, x, to->a, to->s, to->sum);
        return;
    }
    for (size_t at = 0, g = 0; at < to->kp; at += group, g++) {
        to->s[g] = 0;
        to->sum[g] = 0;
        if (at >= to->k) {
            memset(to->a + at, 0, group);
            continue;
        }
        quant->fn.quant(group, group, x + at, to->a + at, &to->s[g], &to->sum[g]);
        to->s[g] = 1.0f / to->s[g];
    }
}

void trit_multiply_split(struct trit_pool *pool, int part, size_t blocks, size_t most,
                         trit_job_fn *fn, void *arg)
{
    const size_t pieces = (size_t)trit_pool_threads(pool) * PIECES;
    trit_stream(pool, part, blocks, most ? most : (blocks + pieces - 1) / pieces, fn, arg);
}

void trit_multiply_tile(const struct trit_multiply *x, size_t first, size_t m, size_t row,
                        size_t last)
{
    const struct trit_kernel *kernel = x->kernel;
    trit_mm_fn *fn = kernel->op == TRIT_OP_gemv ? kernel->fn.gemv : kernel->fn.gemm;
    const size_t groups = x->group ? x->kp / x->group : 1;
    fn(m, last - row, x->kp, x->w + row / (size_t)kernel->nr * x->block,
       x->group ? NULL : x->d + row, x->a + first * x->lda, x->lda, x->s + first * groups,
       x->sum + first * groups, x->y + first * x->ldy + row, x->ldy);
}

/* mc tokens at a time: their activations stay in a cache while the rows go by. */
void trit_multiply_rows(const struct trit_multiply *x, size_t row, size_t last)
{
    const size_t mc = x->mc && x->m > FEW ? x->mc : x->m;
    for (size_t i = 0; i < x->m; i += mc)
        trit_multiply_tile(x, i, x->m - i < mc ? x->m - i : mc, row, last);
}

static void piece(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_multiply *x = arg;
    const size_t nr = (size_t)x->kernel->nr, row = begin * nr,
                 last = end * nr < x->n ? end * nr : x->n;
    trit_multiply_rows(x, row, last);
    if (x->then)
        x->then(x->arg, row, last);
}

void trit_multiply(struct trit_pool *pool, int part, const struct trit_multiply *x)
{
    const size_t nr = (size_t)x->kernel->nr;
    struct trit_multiply job = *x;
    trit_multiply_split(pool, part, (x->n + nr - 1) / nr, (x->nc + nr - 1) / nr, piece, &job);
}
