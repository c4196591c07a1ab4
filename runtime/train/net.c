/* Passes forward and back, and the room that they need. */
#include "runtime/train/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/base/random.h"
#include "runtime/base/room.h"
#include "runtime/train/gemm.h"
#include "runtime/train/internal.h"
#include "runtime/train/quantise.h"

enum { LANES = 16 };

/* Where the next part of a block lies; base NULL: only counted. */
struct cursor {
    trit_real *base;
    size_t at;
};

static trit_real *take(struct cursor *c, size_t floats)
{
    trit_real *p = c->base ? c->base + c->at : NULL;
    c->at += trit_round_up(floats, LANES);
    return p;
}

size_t trit_train_widest(const struct trit_train_shape *s)
{
    const struct trit_train_widths w = trit_train_widths(s);
    const size_t most = w.hidden > w.q ? w.hidden : w.q;
    return most > w.ffn ? most : w.ffn;
}

static void take_layer(struct cursor *c, const struct trit_train_shape *s, size_t m,
                       struct trit_train_kept *k)
{
    const struct trit_train_widths w = trit_train_widths(s);
    const bool heads = s->family == TRIT_TRAIN_QWEN3;
    *k = (struct trit_train_kept){
        .x = take(c, m * w.hidden),
        .x_mid = take(c, m * w.hidden),
        .attn_r = take(c, m),
        .sub_r = take(c, m),
        .ffn_r = take(c, m),
        .ffn_sub_r = take(c, m),
        .qkv_in = take(c, m * w.hidden),
        .o_in = take(c, m * w.q),
        .ffn_in = take(c, m * w.hidden),
        .down_in = take(c, m * w.ffn),
        .q = take(c, m * w.q),
        .k = take(c, m * w.kv),
        .v = take(c, m * w.kv),
        .o = take(c, m * w.q),
        .gate = take(c, m * w.ffn),
        .up = take(c, m * w.ffn),
    };
    if (!heads)
        return;
    k->q_raw = take(c, m * w.q);
    k->k_raw = take(c, m * w.kv);
    k->q_r = take(c, m * s->heads);
    k->k_r = take(c, m * s->kv_heads);
}

static void take_grads(struct cursor *c, const struct trit_train_shape *s, size_t m,
                       struct trit_train_room *r)
{
    const struct trit_train_widths w = trit_train_widths(s);
    const size_t pieces = (m + TRIT_TRAIN_TOKENS - 1) / TRIT_TRAIN_TOKENS;
    r->norms_each = trit_round_up(2 * w.hidden + w.q + w.ffn + 2 * s->head_dim, LANES);
    r->d = (struct trit_train_grads){
        .x = take(c, m * w.hidden),
        .x_down = take(c, m * w.hidden),
        .x_o = take(c, m * w.hidden),
        .q = take(c, m * w.q),
        .k = take(c, m * w.kv),
        .v = take(c, m * w.kv),
        .o = take(c, m * w.q),
        .gate = take(c, m * w.ffn),
        .up = take(c, m * w.ffn),
        .norms = take(c, pieces * r->norms_each),
    };
}

/* The parts of the room, whose layers' list is there or not wanted. */
static size_t lay_out(struct trit_train_room *r, const struct trit_train_shape *s, size_t sequences,
                      int threads)
{
    struct cursor c = { r->block, 0 };
    const size_t m = sequences * s->context, widest = trit_train_widest(s),
                 rows = (TRIT_TRAIN_TOKENS + 2) * widest,
                 scores = trit_train_attention_scratch(s->context);
    for (size_t i = 0; i < s->layers; i++) {
        struct trit_train_kept none;
        take_layer(&c, s, m, r->layers ? &r->layers[i] : &none);
    }
    take_grads(&c, s, m, r);
    r->x = take(&c, m * s->hidden);
    r->head_in = take(&c, m * s->hidden);
    r->head_r = take(&c, m);
    r->logits = take(&c, trit_train_logits(m) * s->vocab);
    r->cosine = take(&c, (size_t)s->context * (s->head_dim / 2));
    r->sine = take(&c, (size_t)s->context * (s->head_dim / 2));
    r->scratch_each = trit_round_up(rows > scores ? rows : scores, LANES);
    r->scratch = take(&c, (size_t)threads * r->scratch_each);
    return c.at;
}

static bool quantises(const struct trit_train_shape *s)
{
    return s->weights != TRIT_TRAIN_DENSE;
}

/* Angles as runtime/model/rope.c has them. */
static void make_angles(const struct trit_train_net *net)
{
    const size_t half = net->shape.head_dim / 2;
    const double log = trit_log((double)net->shape.rope_base);
    for (size_t t = 0; t < net->length; t++)
        for (size_t i = 0; i < half; i++) {
            double sine, cosine;
            trit_sincos((double)t * trit_exp(-log * (double)i / (double)half), &sine, &cosine);
            net->room->cosine[t * half + i] = (trit_real)cosine;
            net->room->sine[t * half + i] = (trit_real)sine;
        }
}

/* Of a net, and of the two moments that AdamW keeps beside it. */
static uint64_t bytes_of(const struct trit_train_net *net, int threads)
{
    const struct trit_train_shape *s = &net->shape;
    struct trit_train_room r = { 0 };
    const uint64_t blocks = quantises(s) ? 5 : 4;
    return (lay_out(&r, s, net->sequences, threads) + net->layout.floats * blocks) *
           sizeof(trit_real);
}

static enum trit_code make_room(struct trit_train_net *net, struct trit_error *e)
{
    struct trit_train_room *r = net->room;
    const int threads = trit_pool_threads(net->pool);
    const enum trit_code code = trit_need_memory(
        "training", bytes_of(net, threads), "take fewer sequences a pass, or a smaller model", e);
    if (code)
        return code;
    r->floats = lay_out(r, &net->shape, net->sequences, threads);
    r->layers = trit_alloc(net->shape.layers, sizeof *r->layers);
    r->block = trit_map(r->floats * sizeof *r->block);
    net->zeros = trit_alloc(net->shape.layers, sizeof *net->zeros);
    const size_t bytes = net->layout.floats * sizeof *net->w;
    net->w = trit_map(bytes);
    net->g = trit_map(bytes);
    net->wq = quantises(&net->shape) ? trit_map(bytes) : net->w;
    if (!r->layers || !r->block || !net->zeros || !net->w || !net->g || !net->wq)
        return trit_fail(e, TRIT_EMEMORY, "no memory for training");
    lay_out(r, &net->shape, net->sequences, threads);
    make_angles(net);
    return TRIT_OK;
}

enum trit_code trit_train_net_create(struct trit_train_net *net,
                                     const struct trit_train_shape *shape, struct trit_pool *pool,
                                     size_t sequences, struct trit_error *e)
{
    *net = (struct trit_train_net){ .shape = *shape,
                                    .pool = pool,
                                    .sequences = sequences,
                                    .length = shape->context,
                                    .input_bits = shape->input_bits };
    enum trit_code code = trit_gemm_open(e);
    if (!code)
        code = trit_train_layout_create(&net->layout, shape, e);
    if (code)
        return code;
    net->room = trit_alloc(1, sizeof *net->room);
    return net->room ? make_room(net, e) : trit_fail(e, TRIT_EMEMORY, "no memory for training");
}

void trit_train_net_free(struct trit_train_net *net)
{
    const size_t bytes = net->layout.floats * sizeof *net->w;
    if (net->room) {
        trit_unmap(net->room->block, net->room->floats * sizeof *net->room->block);
        free(net->room->layers);
    }
    if (net->wq != net->w)
        trit_unmap(net->wq, bytes);
    trit_unmap(net->w, bytes);
    trit_unmap(net->g, bytes);
    free(net->room);
    free(net->zeros);
    trit_train_layout_free(&net->layout);
    *net = (struct trit_train_net){ 0 };
}

/* Two numbers of the normal distribution. */
static void normal(uint64_t *state, double out[2])
{
    const double unit = 0x1p-53, pi2 = 6.283185307179586477;
    const double u = ((double)(trit_random_next(state) >> 11) + 1) * unit,
                 v = (double)(trit_random_next(state) >> 11) * unit, r = sqrt(-2 * trit_log(u));
    trit_sincos(pi2 * v, &out[1], &out[0]);
    out[0] *= r;
    out[1] *= r;
}

void trit_train_net_begin(struct trit_train_net *net, uint64_t seed)
{
    const struct trit_train_layout *l = &net->layout;
    for (size_t i = 0; i < l->ntensors; i++) {
        const struct trit_train_tensor *t = &l->list[i];
        const bool out = strstr(t->name, "attn_output") || strstr(t->name, "ffn_down");
        const double deviation = out ? 0.02 / sqrt(2.0 * net->shape.layers) : 0.02;
        uint64_t state = trit_random_mix(seed ^ trit_random_mix(i + 1));
        for (size_t j = 0; j < t->n * t->k; j++) {
            double two[2];
            if (t->role != TRIT_TRAIN_NORM && j % 2 == 0)
                normal(&state, two);
            net->w[t->at + j] =
                t->role == TRIT_TRAIN_NORM ? 1 : (trit_real)(two[j % 2] * deviation);
        }
    }
}

void trit_train_net_quantise(struct trit_train_net *net)
{
    for (size_t i = 0; i < net->layout.ntensors && net->wq != net->w; i++) {
        const struct trit_train_tensor *t = &net->layout.list[i];
        trit_train_quantise_weights(net->pool, &net->shape, t, net->w + t->at, net->wq + t->at);
    }
}

void trit_train_over_tokens(const struct trit_train_pass *p, trit_job_fn *fn)
{
    struct trit_train_pass pass = *p;
    trit_pool_for(p->net->pool, (p->m + TRIT_TRAIN_TOKENS - 1) / TRIT_TRAIN_TOKENS, 1, fn, &pass);
}

static void forward(struct trit_train_pass *p)
{
    struct trit_train_net *net = p->net;
    const bool back = p->back;
    memset(net->zeros, 0, net->shape.layers * sizeof *net->zeros);
    net->inputs = p->m * net->shape.ffn;
    trit_train_embed(p);
    for (p->layer = 0, p->back = false; p->layer < net->shape.layers; p->layer++)
        trit_train_layer(p);
    p->back = back;
    trit_train_head(p);
}

void trit_train_net_forward(struct trit_train_net *net, const int32_t *tokens, size_t n,
                            trit_real *nll)
{
    forward(&(struct trit_train_pass){
        .net = net, .tokens = tokens, .n = n, .m = n * net->length, .nll = nll });
}

void trit_train_net_learn(struct trit_train_net *net, const int32_t *tokens, size_t n,
                          trit_real scale, trit_real *nll)
{
    struct trit_train_pass p = { .net = net,
                                 .tokens = tokens,
                                 .n = n,
                                 .m = n * net->length,
                                 .scale = scale,
                                 .nll = nll,
                                 .back = true };
    forward(&p);
    for (p.layer = net->shape.layers; p.layer-- > 0;)
        trit_train_layer_back(&p);
    trit_train_embed_back(&p);
}
