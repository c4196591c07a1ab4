/* The layer that families with attention and a gated feed-forward half share, and its norms,
   quantised for the next product. */
#include "runtime/kernel/multiply.h"
#include "runtime/model/internal.h"

struct norm_job {
    struct trit_work *w;
    const float *in, *weights;
    size_t ld;
    const struct trit_matrix *to;
};

/* Matrices without groups that take the same inputs may be padded to different lengths. */
static struct trit_inputs inputs_of(const struct norm_job *j, size_t token)
{
    const struct trit_work *w = j->w;
    const struct trit_matrix *to = j->to;
    const size_t group = to->packing->group, at = token * trit_matrix_groups(to);
    return (struct trit_inputs){ .k = to->k,
                                 .kp = group ? to->kp : trit_padded_k(to->k),
                                 .group = group,
                                 .a = w->a + token * w->a_ld,
                                 .s = w->s + at,
                                 .sum = w->sum + at };
}

static void norm_quant(void *arg, size_t begin, size_t end, int thread)
{
    const struct norm_job *j = arg;
    const struct trit_work *w = j->w;
    const struct trit_ops *ops = &w->model->ops;
    float *row = w->row + (size_t)thread * w->row_floats;
    for (size_t i = begin; i < end; i++) {
        const float *in = j->in + i * j->ld;
        const struct trit_inputs to = inputs_of(j, i);
        if (j->weights)
            ops->norm->fn.norm(to.k, in, j->weights, w->model->config.eps, row);
        trit_quantise(ops->quant, &to, j->weights ? row : in);
    }
}

void trit_norm_quant(struct trit_work *w, enum trit_part part, const float *in, size_t ld,
                     const struct trit_matrix *to, const float *weights)
{
    struct norm_job job = { w, in, weights, ld, to };
    trit_region(w->model->pool, part, w->m, 1, norm_quant, &job);
    trit_finite_norm(w, part, in, ld, to, weights);
}

void trit_norm_stream(struct trit_work *w, enum trit_part part, const struct trit_matrix *to,
                      const float *weights)
{
    trit_norm_quant(w, part, w->x, w->model->config.hidden, to, weights);
}

void trit_layer_gated(struct trit_work *w, size_t i)
{
    const struct trit_layer *l = &w->model->layers[i];
    trit_norm_stream(w, TRIT_PART_ATTN_NORM, &l->m[TRIT_QKV], l->norm[TRIT_ATTN_NORM]);
    trit_product(w, TRIT_PART_QKV, &l->m[TRIT_QKV], w->qkv, w->qkv_ld);
    trit_attention(w, i);
    trit_norm_quant(w, TRIT_PART_SUB_NORM, w->qkv, w->qkv_ld, &l->m[TRIT_O],
                    l->norm[TRIT_ATTN_SUB_NORM]);
    trit_product_add(w, TRIT_PART_O, &l->m[TRIT_O]);
    trit_norm_stream(w, TRIT_PART_FFN_NORM, &l->m[TRIT_GATE_UP], l->norm[TRIT_FFN_NORM]);
    trit_gate_up(w, l);
    trit_norm_quant(w, TRIT_PART_FFN_SUB_NORM, w->gate_up, w->gate_up_ld, &l->m[TRIT_DOWN],
                    l->norm[TRIT_FFN_SUB_NORM]);
    trit_down(w, l);
}
