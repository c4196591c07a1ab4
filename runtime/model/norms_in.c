/* Layers with a norm before every projection: what the layer's norm gives is normed once more for
   each of q, k, v, gate and up, which therefore have inputs of their own. */
#include "runtime/model/internal.h"

struct norm_job {
    const struct trit_work *w;
    const float *weights;
};

/* h = the norm of x. */
static void norm_tokens(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct norm_job *j = arg;
    const struct trit_model *model = j->w->model;
    const size_t hidden = model->config.hidden;
    for (size_t i = begin; i < end; i++)
        model->ops.norm->fn.norm(hidden, j->w->x + i * hidden, j->weights, model->config.eps,
                                 j->w->h + i * hidden);
}

/* Products that have inputs of their own: each with its norm and the place of its output. */
struct projection {
    enum trit_role role;
    enum trit_vector norm;
    enum trit_part part;
    float *y;
};

/* y of the projections, of the norm of the residual stream by the layer's weights. */
static void project(struct trit_work *w, enum trit_part part, enum trit_vector norm, size_t ldy,
                    const struct projection *list, size_t n)
{
    const struct trit_layer *l = &w->model->layers[w->layer];
    const size_t hidden = w->model->config.hidden;
    struct norm_job job = { w, l->vector[norm] };
    for (size_t i = 0; i < n; i++) {
        const struct trit_matrix *x = &l->m[list[i].role];
        if (i == 0 || trit_matrix_is_dense(x)) /* whose inputs take the place of h */
            trit_region(w->model->pool, part, w->m, 1, norm_tokens, &job);
        trit_norm_quant(w, part, w->h, hidden, x, l->vector[list[i].norm]);
        /* zeros may also come of what the first norm could not sum up */
        trit_finite_norm(w, part, w->x, hidden, x, l->vector[norm]);
        trit_product(w, list[i].part, x, list[i].y, ldy);
    }
}

static void attend(struct trit_work *w, size_t i)
{
    const struct trit_layer *l = &w->model->layers[i];
    const struct trit_config *c = &w->model->config;
    float *q = w->qkv, *k = q + c->heads * c->head_dim, *v = k + c->kv_heads * c->head_dim;
    const struct projection list[] = { { TRIT_Q_ALONE, TRIT_Q_NORM_IN, TRIT_PART_QKV, q },
                                       { TRIT_K_ALONE, TRIT_K_NORM_IN, TRIT_PART_QKV, k },
                                       { TRIT_V_ALONE, TRIT_V_NORM_IN, TRIT_PART_QKV, v } };
    project(w, TRIT_PART_ATTN_NORM, TRIT_ATTN_NORM, w->qkv_ld, list, sizeof list / sizeof *list);
    trit_attention(w, i);
    trit_attention_out(w, l);
}

static void feed_forward(struct trit_work *w, const struct trit_layer *l)
{
    const size_t ffn = w->model->config.ffn;
    float *gate = w->gate_up, *up = gate + ffn;
    const struct projection list[] = {
        { TRIT_GATE_ALONE, TRIT_GATE_NORM_IN, TRIT_PART_GATE_UP, gate },
        { TRIT_UP, TRIT_UP_NORM_IN, TRIT_PART_GATE_UP, up },
    };
    project(w, TRIT_PART_FFN_NORM, TRIT_FFN_NORM, w->gate_up_ld, list, sizeof list / sizeof *list);
    trit_gated(w);
    trit_feed_forward_out(w, l);
}

void trit_layer_norms_in(struct trit_work *w, size_t i)
{
    attend(w, i);
    feed_forward(w, &w->model->layers[i]);
}
