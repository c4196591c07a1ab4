/* What attention and the feed-forward half give to the residual stream; in some families a norm
   stands before the sum. */
#include "runtime/model/internal.h"

struct add_job {
    const struct trit_work *w;
    const float *weights;
};

/* x = x + the norm of h. */
static void add_normed(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct add_job *j = arg;
    const struct trit_model *model = j->w->model;
    const size_t hidden = model->config.hidden;
    for (size_t i = begin; i < end; i++) {
        float *h = j->w->h + i * hidden;
        model->ops.norm->fn.norm(hidden, h, j->weights, model->config.eps, h);
        trit_residual(j->w, &(struct trit_patch){ i, 1, 0, hidden });
    }
}

void trit_product_into(struct trit_work *w, enum trit_part part, const struct trit_matrix *x,
                       const float *weights)
{
    struct add_job job = { w, weights };
    if (!weights) {
        trit_product_add(w, part, x);
        return;
    }
    trit_product(w, part, x, w->h, w->model->config.hidden);
    trit_region(w->model->pool, TRIT_PART_RESIDUAL, w->m, 1, add_normed, &job);
}
