/* The feed-forward half of a layer: f = gated(gate, up), and down. */
#include "runtime/model/internal.h"

struct ffn_job {
    struct trit_work *w;
    const struct trit_layer *layer;
    const struct trit_matrix *gate_up; /* or gate alone, where rows of up are skipped */
};

/* f in the place of gate: features begin .. end-1 of one token. */
static void gated(const struct trit_work *w, size_t token, size_t begin, size_t end)
{
    const size_t ffn = w->model->config.ffn;
    float *gate = w->gate_up + token * 2 * ffn;
    w->model->ops.gated->fn.relu2(end - begin, gate + begin, gate + ffn + begin, gate + begin);
}

/* Blocks begin .. end-1 of gate and of up, which have whole blocks each. */
static void features(void *arg, size_t begin, size_t end, int thread)
{
    const struct ffn_job *j = arg;
    const size_t ffn = j->w->model->config.ffn, nr = trit_product_block_rows(j->gate_up);
    const size_t from = begin * nr, to = end * nr < ffn ? end * nr : ffn;
    trit_product_rows(j->w, j->gate_up, from, to, j->w->gate_up, 2 * ffn);
    if (j->gate_up->n == ffn)
        trit_skip_up(j->w, j->layer, from, to, thread);
    else
        trit_product_rows(j->w, j->gate_up, ffn + from, ffn + to, j->w->gate_up, 2 * ffn);
    for (size_t i = 0; i < j->w->m; i++)
        gated(j->w, i, from, to);
}

static void tokens(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct ffn_job *j = arg;
    for (size_t i = begin; i < end; i++)
        gated(j->w, i, 0, j->w->model->config.ffn);
}

void trit_gated(struct trit_work *w)
{
    struct ffn_job job = { w, NULL, NULL };
    trit_region(w->model->pool, TRIT_PART_GATE_UP, w->m, 1, tokens, &job);
}

void trit_gate_up(struct trit_work *w, const struct trit_layer *layer)
{
    struct ffn_job job = { w, layer, &layer->m[TRIT_GATE_UP] }, *j = &job;
    const size_t ffn = w->model->config.ffn, blocks = trit_product_blocks(j->gate_up, ffn);
    if (j->gate_up->n > ffn && !trit_product_begins(j->gate_up, ffn)) {
        trit_product(w, TRIT_PART_GATE_UP, j->gate_up, w->gate_up, 2 * ffn);
        trit_gated(w);
        return;
    }
    trit_product_region(w, TRIT_PART_GATE_UP, j->gate_up, blocks, features, j);
    trit_product_count(w, TRIT_PART_GATE_UP, j->gate_up);
    if (j->gate_up->n == ffn)
        trit_skip_count_up(w, j->layer);
}

void trit_down(struct trit_work *w, const struct trit_layer *layer)
{
    if (layer->m[TRIT_DOWN].skip)
        trit_skip_down(w, layer);
    else
        trit_product_into(w, TRIT_PART_DOWN, &layer->m[TRIT_DOWN],
                          layer->vector[TRIT_FFN_POST_NORM]);
}
