/* Norms of a pass, quantised for the next product. */
#include "runtime/model/internal.h"

struct norm_job {
    struct trit_work *w;
    const float *in, *weights;
    size_t ld, k;
};

static void norm_quant(void *arg, size_t begin, size_t end, int thread)
{
    const struct norm_job *j = arg;
    const struct trit_work *w = j->w;
    const struct trit_ops *ops = &w->model->ops;
    float *row = w->row + (size_t)thread * w->row_floats;
    for (size_t i = begin; i < end; i++) {
        const float *in = j->in + i * j->ld;
        if (j->weights)
            ops->norm->fn.norm(j->k, in, j->weights, w->model->config.eps, row);
        ops->quant->fn.quant(j->k, trit_padded_k(j->k), j->weights ? row : in, w->a + i * w->a_ld,
                             w->s + i, w->sum + i);
    }
}

void trit_norm_quant(struct trit_work *w, enum trit_part part, const float *in, size_t ld, size_t k,
                     const float *weights)
{
    struct norm_job job = { w, in, weights, ld, k };
    trit_region(w->model->pool, part, w->m, 1, norm_quant, &job);
    trit_finite_norm(w, part, in, ld, k, weights);
}

void trit_norm_stream(struct trit_work *w, enum trit_part part, const float *weights)
{
    const size_t hidden = w->model->config.hidden;
    trit_norm_quant(w, part, w->x, hidden, hidden, weights);
}
