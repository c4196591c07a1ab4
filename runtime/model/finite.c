/* Where a pass first left the finite numbers. The quantiser turns whatever it gets into int8, so an
   infinity or NaN would come out as an ordinary, meaningless answer. It leaves a mark in the scale,
   which costs nothing to read: a scale of 0 means an infinite input, or sum of inputs, the greatest
   scale an input of zeros and NaNs only (of quant4: of zeros, or with a NaN). Only then are the
   values themselves looked at. Of matrices with groups it is the reciprocals of their scales that
   are kept. The states that the head is asked about, and its answers, are looked at always. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/head/cost.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

/* Inputs of about 10^14 (of quant4 less): a product with them may overflow. And of about 10^8: with
   2^20 of them, and weights as large as f16 has them, so may squares of a product. */
static const float TINY_SCALE = 0x1p-40f, SMALL_SCALE = 0x1p-20f;

/* The quantisers' scales where nothing, or not the mean, exceeds 1e-5. */
static const float ZERO_SCALE = 127.0f / 1e-5f, ZERO_SCALE_4 = 2.64575131f / 1e-5f;

/* Of infinity, and of 2^50: 2^20 squares of less can be summed. */
static const uint32_t INFINITE = 0x7f800000, LARGE_BITS = 0x58800000;

/* Above INFINITE are NaNs. */
uint32_t trit_finite_most(const float *x, size_t n)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = trit_f32_bits(x[i]) & 0x7fffffff;
        most = bits > most ? bits : most;
    }
    return most;
}

bool trit_finite_all(const float *x, size_t n)
{
    return trit_finite_most(x, n) < INFINITE;
}

bool trit_finite_overflow(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum > (double)FLT_MAX * 0.99;
}

float trit_finite_scale(const float *x, size_t n)
{
    const uint32_t bits = trit_finite_most(x, n);
    float most;
    memcpy(&most, &bits, sizeof most);
    return bits < INFINITE ? 127.0f / fmaxf(most, 1e-5f) : 0;
}

/* What makes the input of each norm. */
static enum trit_part before(enum trit_part part)
{
    static const enum trit_part makers[TRIT_NPARTS] = {
        [TRIT_PART_ATTN_NORM] = TRIT_PART_DOWN,   [TRIT_PART_SUB_NORM] = TRIT_PART_ATTENTION,
        [TRIT_PART_FFN_NORM] = TRIT_PART_O,       [TRIT_PART_FFN_SUB_NORM] = TRIT_PART_GATE_UP,
        [TRIT_PART_OUTPUT_NORM] = TRIT_PART_DOWN,
    };
    return makers[part];
}

/* The first fault stays: what follows comes of it. */
static void note(struct trit_work *w, enum trit_part part, size_t layer, size_t token)
{
    if (!w->fault.found)
        w->fault = (struct trit_fault){ true, part, layer, w->tokens[token].position };
}

/* What is made of token's k values `in` by this part went wrong: by them, or by itself. */
static void note_norm(struct trit_work *w, enum trit_part part, const float *in, size_t k,
                      size_t token)
{
    const bool first = part == TRIT_PART_ATTN_NORM || part == TRIT_PART_OUTPUT_NORM;
    if (trit_finite_all(in, k))
        note(w, part, w->layer, token);
    else if (first && w->layer == 0)
        note(w, TRIT_PART_EMBED, w->model->config.layers, token);
    else if (part == TRIT_PART_SUB_NORM && !trit_config_attends(&w->model->config, w->layer))
        note(w, TRIT_PART_DELTA, w->layer, token);
    else
        note(w, before(part), first ? w->layer - 1 : w->layer, token);
}

/* The least scale that a token's inputs to a matrix were quantised with, and the greatest; groups
   of padding have none. */
struct scales {
    float least, most;
};

static struct scales scales_of(const struct trit_work *w, const struct trit_matrix *to,
                               size_t token)
{
    const size_t group = trit_matrix_group(to), n = group ? to->k / group : 1;
    const float *s = w->s + token * trit_matrix_groups(to);
    struct scales all = { s[0], s[0] };
    for (size_t g = 1; g < n; g++) {
        all.least = s[g] < all.least ? s[g] : all.least;
        all.most = s[g] > all.most ? s[g] : all.most;
    }
    return group ? (struct scales){ 1.0f / all.most, 1.0f / all.least } : all;
}

/* A reciprocal of a reciprocal may be two roundings less. */
static bool is_greatest(const struct trit_work *w, float scale)
{
    return scale >= (w->model->config.int4 ? ZERO_SCALE_4 : ZERO_SCALE) * (1 - 0x1p-21f);
}

void trit_finite_norm(struct trit_work *w, enum trit_part part, const float *in, size_t ld,
                      const struct trit_matrix *to, const float *weights)
{
    const size_t k = to->k;
    for (size_t i = 0; i < w->m; i++) {
        const float *row = in + i * ld;
        const struct scales s = scales_of(w, to, i);
        if (s.least > 0 && !is_greatest(w, s.most))
            continue;
        if (s.least == 0 || !trit_finite_all(row, k) || (weights && trit_finite_overflow(row, k)))
            note_norm(w, part, row, k, i);
    }
}

/* Values, of which a norm takes each `width` together. */
struct normed {
    const float *y;
    size_t n, step, width;
};

static bool any_overflows(const struct normed *x)
{
    bool any = false;
    for (size_t i = 0; i < x->n; i++)
        any |= trit_finite_overflow(x->y + i * x->step, x->width);
    return any;
}

/* Whether a norm behind the product, of heads of q or k, or of all of it, would make zeros of it.
 */
static bool norm_overflows(const struct trit_work *w, enum trit_part part,
                           const struct trit_matrix *x, const float *y)
{
    const struct trit_config *c = &w->model->config;
    const struct trit_layer *l = &w->model->layers[w->layer];
    const size_t step = trit_query_step(c), hd = c->head_dim;
    const bool joint = x == &l->m[TRIT_QKV];
    const struct normed q = { y, c->heads, step, hd }, all = { y, 1, 0, x->n },
                        k = { joint ? y + c->heads * step : y, c->kv_heads, hd, hd };
    if (part != TRIT_PART_QKV)
        return any_overflows(&all);
    return ((joint || x == &l->m[TRIT_Q_ALONE]) && any_overflows(&q)) ||
           ((joint || x == &l->m[TRIT_K_ALONE]) && any_overflows(&k));
}

/* The first vector stands for none. */
static bool norm_behind(const struct trit_work *w, enum trit_part part)
{
    static const enum trit_vector norms[TRIT_NPARTS] = { [TRIT_PART_QKV] = TRIT_Q_NORM,
                                                         [TRIT_PART_O] = TRIT_ATTN_POST_NORM,
                                                         [TRIT_PART_DOWN] = TRIT_FFN_POST_NORM };
    return norms[part] && w->model->layers[w->layer].vector[norms[part]];
}

/* Where rows have scales of any size, these alone may make large values; else large inputs must. */
static bool may_overflow(const struct trit_matrix *x, const float *y, float least)
{
    return trit_matrix_group(x) ? least < SMALL_SCALE : trit_finite_most(y, x->n) >= LARGE_BITS;
}

void trit_finite_product(struct trit_work *w, enum trit_part part, const struct trit_matrix *x,
                         const float *y, size_t ldy)
{
    const bool dense = trit_matrix_is_dense(x), normed = norm_behind(w, part);
    for (size_t i = 0; i < w->m; i++) {
        const float least = dense ? 0 : scales_of(w, x, i).least;
        if ((least < TINY_SCALE && !trit_finite_all(y + i * ldy, x->n)) ||
            (normed && may_overflow(x, y + i * ldy, least) &&
             norm_overflows(w, part, x, y + i * ldy)))
            note(w, part, w->layer, i);
    }
}

void trit_finite_token(struct trit_work *w, enum trit_part part, size_t token)
{
    if (token < w->m)
        note(w, part, w->layer, token);
}

void trit_finite_states(struct trit_work *w, size_t m)
{
    const size_t hidden = w->model->config.hidden;
    for (size_t i = 0; i < m; i++) {
        const float *x = w->x + w->wanted[i] * hidden;
        const uint32_t most = trit_finite_most(w->h + i * hidden, hidden);
        if (most >= INFINITE ||
            (most == 0 && (!trit_finite_all(x, hidden) || trit_finite_overflow(x, hidden))))
            note_norm(w, TRIT_PART_OUTPUT_NORM, x, hidden, w->wanted[i]);
    }
}

/* The quantiser's sums are free for the marks. */
static void look(void *arg, size_t begin, size_t end, int thread)
{
    const struct trit_work *w = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        w->sum[i] = !trit_finite_all(w->logits[i], w->model->config.vocab);
}

void trit_finite_logits(struct trit_work *w, size_t m)
{
    trit_pool_for(w->model->pool, m, 1, look, w);
    for (size_t i = 0; i < m; i++)
        if (w->sum[i])
            note(w, TRIT_PART_HEAD_FULL, w->model->config.layers, w->wanted[i]);
}

void trit_finite_tops(struct trit_work *w, size_t first, size_t m)
{
    for (size_t i = first; i < m; i++)
        for (size_t j = 0; j < w->tops[i - first]->count; j++)
            if (!isfinite(w->tops[i - first]->best[j].logit))
                note(w, TRIT_PART_HEAD_EXACT, w->model->config.layers, w->wanted[i]);
}

enum trit_code trit_finite_fault(struct trit_work *w, struct trit_error *error)
{
    const struct trit_fault f = w->fault;
    char layer[32] = "";
    if (!f.found)
        return TRIT_OK;
    w->fault = (struct trit_fault){ 0 };
    if (f.layer < w->model->config.layers)
        snprintf(layer, sizeof layer, "layer %zu, ", f.layer);
    return trit_fail(error, TRIT_EFORMAT, "%s: %s%s: not finite at token %zu",
                     w->model->embd.gguf->path, layer, trit_part_name(f.part), f.position);
}
