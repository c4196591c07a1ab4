/* The layers: norms, ternary products, the gated product, residuals. FORMATS: arch bitnet-b1.58. */
#include <string.h>

#include "runtime/half.h"
#include "runtime/mem.h"
#include "runtime/model_parts.h"

enum {
    TOKEN_GRAIN = 4, /* tokens in one piece of vector work */
    PIECES = 8, /* pieces of a product for each thread: one that is held up leaves its rest to the
                   others */
};

/* Vector work on each of m tokens. */
struct token_job {
    struct trit_session *s;
    const struct trit_layer *layer;
    enum trit_norm norm;
    const float *in; /* [m][k] */
    size_t k;
};

/* h = RMS(in), a8 of it, in one go per token. */
static void norm_quant(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct token_job *j = arg;
    struct trit_session *s = j->s;
    const struct trit_ops *ops = &s->model->ops;
    for (size_t i = begin; i < end; i++) {
        float *h = s->h + i * j->k;
        ops->norm->fn.norm(j->k, j->in + i * j->k, j->layer->norm[j->norm], s->model->config.eps,
                           h);
        ops->quant->fn.quant(j->k, trit_padded_k(j->k), h, s->a + i * s->a_ld, s->s + i,
                             s->sum + i);
    }
}

static void gate_up(void *arg, size_t begin, size_t end, int thread)
{
    const struct token_job *j = arg;
    struct trit_session *s = j->s;
    for (size_t i = begin; i < end; i++)
        s->model->ops.relu2->fn.relu2(j->k, s->gate + i * j->k, s->up + i * j->k,
                                      s->gate + i * j->k);
    norm_quant(arg, begin, end, thread);
}

static void residual(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct token_job *j = arg;
    float *x = j->s->x;
    for (size_t i = begin * j->k; i < end * j->k; i++)
        x[i] = x[i] + j->in[i];
}

/* Products of the same activations with up to three matrices. */
struct product_job {
    struct trit_session *s;
    size_t m, count;
    const struct trit_matrix *matrix[3];
    float *y[3];
};

static size_t blocks_of(const struct trit_matrix *x)
{
    const size_t nr = (size_t)x->pair.decode->nr;
    return (x->n + nr - 1) / nr;
}

/* Blocks begin .. end-1 of one matrix, mc tokens at a time: their activations stay in a cache while
 * the rows go by. */
static void product(const struct product_job *j, size_t which, size_t begin, size_t end)
{
    const struct trit_matrix *x = j->matrix[which];
    const struct trit_session *s = j->s;
    const struct trit_kernel *kernel = j->m == 1 ? x->pair.decode : x->pair.prefill;
    trit_mm_fn *fn = j->m == 1 ? kernel->fn.gemv : kernel->fn.gemm;
    const size_t nr = (size_t)kernel->nr, row = begin * nr,
                 last = end * nr < x->n ? end * nr : x->n;
    const size_t mc = x->pair.mc ? x->pair.mc : j->m;
    for (size_t i = 0; i < j->m; i += mc)
        fn(j->m - i < mc ? j->m - i : mc, last - row, x->kp, x->w + begin * x->block, x->d + row,
           s->a + i * s->a_ld, s->a_ld, s->s + i, s->sum + i, j->y[which] + i * x->n + row, x->n);
}

static void products(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct product_job *j = arg;
    for (size_t i = 0; i < j->count && end > 0; i++) {
        const size_t blocks = blocks_of(j->matrix[i]);
        if (begin < blocks)
            product(j, i, begin, end < blocks ? end : blocks);
        begin = begin > blocks ? begin - blocks : 0;
        end = end > blocks ? end - blocks : 0;
    }
}

static void multiply(struct product_job *j)
{
    size_t blocks = 0;
    for (size_t i = 0; i < j->count; i++)
        blocks += blocks_of(j->matrix[i]);
    const struct trit_pair *pair = &j->matrix[0]->pair;
    const size_t pieces = (size_t)trit_pool_threads(j->s->model->pool) * PIECES,
                 nr = (size_t)pair->decode->nr;
    const size_t grain = pair->nc ? (pair->nc + nr - 1) / nr : (blocks + pieces - 1) / pieces;
    trit_pool_for(j->s->model->pool, blocks, grain, products, j);
}

/* Everything of a layer from x to x. */
static void layer_pass(struct trit_session *s, size_t index, size_t m)
{
    const struct trit_layer *layer = &s->model->layers[index];
    const struct trit_matrix *w = layer->m;
    struct trit_pool *pool = s->model->pool;
    const size_t hidden = s->model->config.hidden, ffn = s->model->config.ffn;

    struct token_job t = { s, layer, TRIT_ATTN_NORM, s->x, hidden };
    trit_pool_for(pool, m, TOKEN_GRAIN, norm_quant, &t);
    multiply(&(struct product_job){
        s, m, 3, { &w[TRIT_Q], &w[TRIT_K], &w[TRIT_V] }, { s->q, s->kv_k, s->kv_v } });
    trit_attention(s, index, m); /* leaves its result in q */
    t = (struct token_job){ s, layer, TRIT_ATTN_SUB_NORM, s->q, hidden };
    trit_pool_for(pool, m, TOKEN_GRAIN, norm_quant, &t);
    multiply(&(struct product_job){ s, m, 1, { &w[TRIT_O] }, { s->h } });
    t.in = s->h;
    trit_pool_for(pool, m, TOKEN_GRAIN, residual, &t);

    t = (struct token_job){ s, layer, TRIT_FFN_NORM, s->x, hidden };
    trit_pool_for(pool, m, TOKEN_GRAIN, norm_quant, &t);
    multiply(&(struct product_job){ s, m, 2, { &w[TRIT_GATE], &w[TRIT_UP] }, { s->gate, s->up } });
    t = (struct token_job){ s, layer, TRIT_FFN_SUB_NORM, s->gate, ffn };
    trit_pool_for(pool, m, TOKEN_GRAIN, gate_up, &t);
    multiply(&(struct product_job){ s, m, 1, { &w[TRIT_DOWN] }, { s->h } });
    t = (struct token_job){ s, layer, TRIT_FFN_SUB_NORM, s->h, hidden };
    trit_pool_for(pool, m, TOKEN_GRAIN, residual, &t);
}

void trit_layers(struct trit_session *s, size_t m)
{
    for (size_t i = 0; i < s->model->config.layers; i++)
        layer_pass(s, i, m);
}
