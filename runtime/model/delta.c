/* The gated delta rule of a pass: gates, convolution, states, gated norm (CONVENTIONS.md). A
   sequence's tokens are of three kinds, in this order: drafts of an earlier pass that were kept,
   whose channels and gates are in a half of its log; tokens that stay; and drafts, which are tried
   on the state without being written to it, and logged in the other half. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

enum { GATE_ROWS = 8 }; /* rows of floats in a piece of work */

struct delta_job {
    struct trit_work *w;
    const struct trit_layer *layer;
    size_t order;         /* of the layer */
    _Atomic size_t wrong; /* the first token whose values got too large */
};

/* Tokens that lie one after the other: their channels, then at `gates` decay and beta of each head.
 */
struct rows {
    float *channels;
    size_t ld, gates;
};

static const struct trit_config *config_of(const struct delta_job *j)
{
    return &j->w->model->config;
}

static size_t output_at(const struct trit_config *c)
{
    return trit_config_width(c, TRIT_MIXED);
}

static size_t gates_at(const struct trit_config *c)
{
    return output_at(c) + trit_config_width(c, TRIT_INNER);
}

size_t trit_delta_floats(const struct trit_config *c)
{
    return trit_config_deltas(c) ? trit_round_up(gates_at(c) + 2 * c->delta.v_heads, 16) : 0;
}

const float *trit_delta_output(const struct trit_work *w)
{
    return w->mix + output_at(&w->model->config);
}

static struct rows rows_at(const struct delta_job *j, size_t token)
{
    const struct trit_work *w = j->w;
    return (struct rows){ w->mix + token * w->mix_ld, w->mix_ld, gates_at(&w->model->config) };
}

/* Behind a row's channels the log has them as they were before the convolution. */
static struct rows log_of(const struct delta_job *j, const struct trit_span *span, size_t half)
{
    const struct trit_config *c = config_of(j);
    const struct trit_session *s = j->w->tokens[span->begin].session;
    return (struct rows){ trit_states_log(&s->states, c, j->order, half), trit_states_row(c),
                          2 * output_at(c) };
}

/* Of a span: its earlier drafts, which were kept; its own; the others. */
static size_t kept_of(const struct delta_job *j, const struct trit_span *span)
{
    return j->w->tokens[span->begin].position - span->settled;
}

static size_t staying_of(const struct trit_span *span)
{
    return span->end - span->begin - span->drafts;
}

static struct rows drafts_of(const struct delta_job *j, const struct trit_span *span)
{
    return log_of(j, span, !span->half);
}

/* Notes a token of which a value is too large for squares to be summed. */
static void look(struct delta_job *j, const float *x, size_t n, size_t token)
{
    static const uint32_t MOST = (127 + 55) << 23; /* 2^55 */
    size_t first =
        trit_finite_most(x, n) < MOST ? 0 : atomic_load_explicit(&j->wrong, memory_order_relaxed);
    while (token < first && !atomic_compare_exchange_weak(&j->wrong, &first, token))
        ;
}

/* --- alpha and beta --- */

/* Rows begin .. end-1 of both, one behind the other, for all tokens. */
static void gate_rows(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct delta_job *j = arg;
    const struct trit_work *w = j->w;
    const size_t heads = config_of(j)->delta.v_heads, hidden = config_of(j)->hidden,
                 at = gates_at(config_of(j));
    for (size_t row = begin, n; row < end; row += n) {
        const struct trit_rows *x = &j->layer->rows[row / heads];
        const size_t first = row % heads;
        n = end - row < heads - first ? end - row : heads - first;
        const size_t scales = (hidden + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
        w->model->ops.rows[row / heads]->fn.head(
            w->m, n, hidden, (const uint8_t *)x->data + first * (x->data_bytes / heads),
            x->scale ? x->scale + first * scales : NULL, w->h, hidden, w->qkv + at + row,
            w->qkv_ld);
    }
}

static double softplus(double x)
{
    return x > 20 ? x : trit_log(1 + trit_exp(x));
}

/* Decay and beta of n tokens from `token` on, of a head, to rows. */
static void gates(const struct delta_job *j, size_t head, size_t token, size_t n, struct rows rows)
{
    const struct trit_work *w = j->w;
    const size_t heads = config_of(j)->delta.v_heads, at = gates_at(config_of(j)) + head;
    const double slope = (double)j->layer->vector[TRIT_SSM_A][head],
                 step = (double)j->layer->vector[TRIT_SSM_DT][head];
    float *to = rows.channels + rows.gates + head;
    for (size_t i = 0; i < n; i++, to += rows.ld) {
        const float *made = w->qkv + (token + i) * w->qkv_ld + at;
        to[0] = (float)trit_exp(slope * softplus((double)made[0] + step));
        to[heads] = (float)(1 / (1 + trit_exp(-(double)made[heads])));
    }
}

/* --- the convolution --- */

/* Channels c .. c+n-1 of the inputs before a span, with earlier drafts that were kept. */
static void move_tail(const struct delta_job *j, const struct trit_span *span, size_t c, size_t n)
{
    const struct trit_config *config = config_of(j);
    const size_t mixed = output_at(config), rows = config->delta.taps - 1, kept = kept_of(j, span),
                 old = kept < rows ? rows - kept : 0;
    const struct rows log = log_of(j, span, span->half);
    float *tail =
        trit_states_tail(&j->w->tokens[span->begin].session->states, config, j->order) + c;
    for (size_t i = 0; i < rows && span->settled == 0; i++)
        memset(tail + i * mixed, 0, n * sizeof *tail);
    for (size_t i = 0; i < old && kept > 0; i++)
        memcpy(tail + i * mixed, tail + (i + kept) * mixed, n * sizeof *tail);
    for (size_t i = old; i < rows; i++)
        memcpy(tail + i * mixed, log.channels + (kept + i - rows) * log.ld + mixed + c,
               n * sizeof *tail);
}

/* Those channels of the span's tokens, which the state follows but for drafts. */
static void convolve(const struct delta_job *j, const struct trit_span *span, size_t c, size_t n)
{
    const struct trit_work *w = j->w;
    const struct trit_config *config = config_of(j);
    const size_t mixed = output_at(config), taps = config->delta.taps, staying = staying_of(span);
    const float *x = w->qkv + span->begin * w->qkv_ld + c,
                *weights = j->layer->vector[TRIT_SSM_CONV] + c;
    float *tail = trit_states_tail(&w->tokens[span->begin].session->states, config, j->order) + c,
          *y = rows_at(j, span->begin).channels + c;
    trit_conv_fn *conv = w->model->ops.conv->fn.conv;
    move_tail(j, span, c, n);
    if (staying)
        conv(staying, n, taps, x, w->qkv_ld, weights, tail, tail, mixed, y, w->mix_ld);
    if (!span->drafts)
        return;
    const struct rows log = drafts_of(j, span);
    x += staying * w->qkv_ld;
    conv(span->drafts, n, taps, x, w->qkv_ld, weights, tail, NULL, mixed, log.channels + c, log.ld);
    for (size_t i = 0; i < span->drafts; i++)
        memcpy(log.channels + i * log.ld + mixed + c, x + i * w->qkv_ld, n * sizeof *x);
}

/* Head `head` of q and of k, of n tokens, to unit length. */
static void to_units(struct delta_job *j, size_t head, size_t n, struct rows rows, size_t token)
{
    const struct trit_delta *d = &config_of(j)->delta;
    const float scale = 1.0f / sqrtf((float)d->state);
    trit_l2_fn *l2 = j->w->model->ops.l2->fn.l2;
    for (size_t i = 0; i < n; i++) {
        float *q = rows.channels + i * rows.ld + head * d->state, *k = q + d->k_heads * d->state;
        look(j, q, d->state, token + i);
        look(j, k, d->state, token + i);
        l2(d->state, q, scale, q);
        l2(d->state, k, 1, k);
    }
}

/* (span, head of keys) of the pass, with the heads of values that it serves. */
static void mix(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct delta_job *j = arg;
    const struct trit_delta *d = &config_of(j)->delta;
    for (size_t i = begin; i < end; i++) {
        const struct trit_span *span = &j->w->spans[i / d->k_heads];
        const size_t head = i % d->k_heads, staying = staying_of(span);
        for (size_t h = head; h < 2 * d->k_heads + d->v_heads; h += d->k_heads)
            convolve(j, span, h * d->state, d->state);
        to_units(j, head, staying, rows_at(j, span->begin), span->begin);
        to_units(j, head, span->drafts, drafts_of(j, span), span->begin + staying);
    }
}

/* --- the rule --- */

/* Where what a head makes of its tokens goes: the state after them (NULL: nowhere), the output. */
struct made {
    float *next, *o;
    size_t ldo;
};

/* A head's part of n tokens in rows. */
static void rule(const struct delta_job *j, size_t head, size_t n, struct rows rows,
                 const float *state, struct made to)
{
    const struct trit_delta *d = &config_of(j)->delta;
    const float *q = rows.channels + head % d->k_heads * d->state, *k = q + d->k_heads * d->state,
                *v = rows.channels + (2 * d->k_heads + head) * d->state,
                *decay = rows.channels + rows.gates + head;
    if (n)
        j->w->model->ops.delta->fn.delta(n, d->state, d->state, q, k, rows.ld, v, rows.ld, decay,
                                         decay + d->v_heads, rows.ld, state, to.next, to.o, to.ldo);
}

/* Where a head's output stands among the inputs of Wo: heads of values that share a head of keys
   one after the other, where its columns were rotated in that order. */
static size_t place_of(const struct trit_config *c, const struct trit_layer *layer, size_t head)
{
    const struct trit_delta *d = &c->delta;
    const bool grouped = c->hadamard.grouped && layer->m[TRIT_O].turned;
    return grouped ? head % d->k_heads * (d->v_heads / d->k_heads) + head / d->k_heads : head;
}

/* The output of a head, normed and opened. */
static void finish(struct delta_job *j, size_t head, const struct trit_span *span, float *o)
{
    const struct trit_work *w = j->w;
    const struct trit_config *c = config_of(j);
    const float *z = w->qkv + span->begin * w->qkv_ld + output_at(c) + head * c->delta.state;
    for (size_t i = span->begin; i < span->end; i++, o += w->mix_ld, z += w->qkv_ld) {
        look(j, o, c->delta.state, i);
        w->model->ops.gnorm->fn.gnorm(c->delta.state, o, j->layer->vector[TRIT_SSM_NORM], c->eps, z,
                                      o);
    }
}

/* (span, head of values) of the pass. */
static void heads(void *arg, size_t begin, size_t end, int thread)
{
    struct delta_job *j = arg;
    const struct trit_work *w = j->w;
    const struct trit_config *c = config_of(j);
    const size_t all = c->delta.v_heads;
    float *unwanted = w->row + (size_t)thread * w->row_floats;
    for (size_t i = begin; i < end; i++) {
        const struct trit_span *span = &w->spans[i / all];
        const size_t head = i % all, staying = staying_of(span);
        float *o = w->mix + span->begin * w->mix_ld + output_at(c) +
                   place_of(c, j->layer, head) * c->delta.state,
              *s = trit_states_head(&w->tokens[span->begin].session->states, c, j->order, head);
        if (span->settled == 0)
            memset(s, 0, trit_states_head_floats(c) * sizeof *s);
        const struct rows own = rows_at(j, span->begin), drafts = drafts_of(j, span);
        rule(j, head, kept_of(j, span), log_of(j, span, span->half), s,
             (struct made){ s, unwanted, 0 });
        gates(j, head, span->begin, staying, own);
        rule(j, head, staying, own, s, (struct made){ s, o, w->mix_ld });
        gates(j, head, span->begin + staying, span->drafts, drafts);
        rule(j, head, span->drafts, drafts, s,
             (struct made){ NULL, o + staying * w->mix_ld, w->mix_ld });
        finish(j, head, span, o);
    }
}

void trit_delta_cost(const struct trit_config *c, size_t m, uint64_t *bytes, uint64_t *macs)
{
    const size_t state = c->delta.v_heads * c->delta.state * c->delta.state;
    *bytes = 2 * trit_states_bytes(c) / trit_config_deltas(c);
    *macs = m * (3 * state + c->delta.taps * output_at(c));
}

static void count_costs(struct delta_job *j)
{
    struct trit_work *w = j->w;
    const struct trit_config *c = config_of(j);
    for (size_t i = 0; i < TRIT_GATE_ROWS && c->delta.float_gates; i++)
        trit_count(&w->counts, TRIT_PART_GATES, j->layer->rows[i].data_bytes,
                   w->m * c->delta.v_heads * c->hidden);
    for (size_t i = 0; i < w->nspans; i++) {
        uint64_t bytes, macs;
        trit_delta_cost(c, w->spans[i].end - w->spans[i].begin, &bytes, &macs);
        trit_count(&w->counts, TRIT_PART_DELTA, bytes, macs);
    }
}

enum trit_code trit_delta_settle(struct trit_session *s, struct trit_error *error)
{
    const struct trit_config *c = &s->model->config;
    struct trit_pool *pool = s->model->pool;
    struct trit_token token = { .session = s, .position = s->position };
    struct trit_span span = { .settled = s->states.settled, .half = (size_t)s->states.half };
    struct trit_work w = *s->work;
    if (!trit_config_deltas(c) || s->states.settled == s->position)
        return TRIT_OK;
    if (!trit_pool_claim(pool))
        return trit_fail(error, TRIT_EARGUMENT,
                         "the model's threads are busy with another evaluation");
    w.tokens = &token;
    w.spans = &span;
    w.nspans = 1;
    for (size_t i = 0; i < c->layers; i++) {
        struct delta_job j = { .w = &w, .layer = &s->model->layers[i], .wrong = SIZE_MAX };
        j.order = trit_config_order(c, i);
        if (trit_config_attends(c, i))
            continue;
        trit_pool_for(pool, c->delta.k_heads, 1, mix, &j);
        trit_pool_for(pool, c->delta.v_heads, 1, heads, &j);
    }
    s->states.settled = s->position;
    trit_pool_release(pool);
    return TRIT_OK;
}

void trit_delta_rule(struct trit_work *w, size_t layer)
{
    const struct trit_delta *d = &w->model->config.delta;
    struct trit_pool *pool = w->model->pool;
    struct delta_job j = { .w = w, .layer = &w->model->layers[layer], .wrong = SIZE_MAX };
    j.order = trit_config_order(&w->model->config, layer);
    if (d->float_gates)
        trit_region(pool, TRIT_PART_GATES, TRIT_GATE_ROWS * d->v_heads, GATE_ROWS, gate_rows, &j);
    trit_region(pool, TRIT_PART_CONV, w->nspans * d->k_heads, 1, mix, &j);
    trit_finite_token(w, TRIT_PART_CONV, j.wrong);
    trit_region(pool, TRIT_PART_DELTA, w->nspans * d->v_heads, 1, heads, &j);
    trit_finite_token(w, TRIT_PART_DELTA, j.wrong);
    count_costs(&j);
}
