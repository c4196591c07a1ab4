/* The layers: norms, and the attention half of each. FORMATS: arch bitnet-b1.58. */
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
        ops->norm->fn.norm(j->k, j->in + i * j->ld, j->weights, w->model->config.eps, row);
        ops->quant->fn.quant(j->k, trit_padded_k(j->k), row, w->a + i * w->a_ld, w->s + i,
                             w->sum + i);
    }
}

void trit_norm_quant(struct trit_work *w, enum trit_part part, const float *in, size_t ld, size_t k,
                     const float *weights)
{
    struct norm_job job = { w, in, weights, ld, k };
    trit_region(w->model->pool, part, w->m, 1, norm_quant, &job);
}

void trit_layers(struct trit_work *w)
{
    const size_t hidden = w->model->config.hidden;
    for (size_t i = 0; i < w->model->config.layers; i++) {
        const struct trit_layer *layer = &w->model->layers[i];
        trit_norm_quant(w, TRIT_PART_ATTN_NORM, w->x, hidden, hidden, layer->norm[TRIT_ATTN_NORM]);
        trit_product(w, TRIT_PART_QKV, &layer->m[TRIT_QKV], w->qkv, w->qkv_ld);
        trit_attention(w, i); /* leaves its result in q's place */
        trit_norm_quant(w, TRIT_PART_SUB_NORM, w->qkv, w->qkv_ld, hidden,
                        layer->norm[TRIT_ATTN_SUB_NORM]);
        trit_product_add(w, TRIT_PART_O, &layer->m[TRIT_O]);
        trit_ffn(w, layer);
    }
}
