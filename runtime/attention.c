/* Attention of a chunk of tokens over the cache: rotation, cache, scores, probabilities, values.
   The definition and its chunks of TRIT_ATTN_CHUNK positions are in CONVENTIONS.md; a piece of work
   is one KV head and a few tokens. */
#include <math.h>
#include <string.h>

#include "runtime/half.h"
#include "runtime/math.h"
#include "runtime/mem.h"
#include "runtime/model_parts.h"

enum {
    ROWS = 16,       /* queries of a piece of work, about: tokens times heads of one KV head */
    TOKEN_GRAIN = 4, /* tokens whose keys and values are stored in one piece */
};

static size_t heads_per_kv(const struct trit_config *c)
{
    return c->heads / c->kv_heads;
}

static size_t tokens_per_piece(const struct trit_config *c)
{
    const size_t group = heads_per_kv(c);
    return group < ROWS ? ROWS / group : 1;
}

size_t trit_attention_scratch(const struct trit_config *c)
{
    const size_t rows = tokens_per_piece(c) * heads_per_kv(c);
    return rows * (3 * c->head_dim + TRIT_ATTN_CHUNK + 4);
}

/* NEOX pairs (i, i + half) of one head. */
static void rotate(float *x, const float *angles, size_t half)
{
    for (size_t i = 0; i < half; i++) {
        const float a = x[i], b = x[i + half], c = angles[2 * i], s = angles[2 * i + 1];
        x[i] = a * c - b * s;
        x[i + half] = a * s + b * c;
    }
}

struct attention_job {
    struct trit_session *s;
    size_t layer, m;
};

/* One head's part of the cache. */
static size_t cache_offset(const struct trit_session *s, size_t layer, size_t kv_head)
{
    const struct trit_config *c = &s->model->config;
    return (layer * c->kv_heads + kv_head) * trit_round_up(s->context, 16) * c->head_dim;
}

/* Never infinite, never NaN: a probability of 0 must be able to erase it. */
static uint16_t cached(float x)
{
    x = x > -65504.0f ? x : -65504.0f;
    return trit_f32_f16(x < 65504.0f ? x : 65504.0f);
}

/* Rotates q and k of tokens begin .. end-1 and stores k and v. */
static void store(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct attention_job *j = arg;
    struct trit_session *s = j->s;
    const struct trit_config *c = &s->model->config;
    const size_t hd = c->head_dim, half = c->rope_dims / 2;
    for (size_t i = begin; i < end; i++) {
        const float *angles = s->angles + i * 2 * half;
        const size_t position = s->position + i;
        for (size_t h = 0; h < c->heads; h++)
            rotate(s->q + (i * c->heads + h) * hd, angles, half);
        for (size_t h = 0; h < c->kv_heads; h++) {
            float *k = s->kv_k + (i * c->kv_heads + h) * hd;
            const float *v = s->kv_v + (i * c->kv_heads + h) * hd;
            const size_t offset = cache_offset(s, j->layer, h);
            uint16_t *to_k = s->k + offset + position / 16 * hd * 16 + position % 16;
            uint16_t *to_v = s->v + offset + position * hd;
            rotate(k, angles, half);
            for (size_t d = 0; d < hd; d++) {
                to_k[d * 16] = cached(k[d]);
                to_v[d] = cached(v[d]);
            }
        }
    }
}

/* The running state of one query row over the chunks. */
struct state {
    float max, sum;
};

static void merge(struct state *all, float *o, const struct state *part, const float *part_o,
                  size_t hd)
{
    const float max = part->max > all->max ? part->max : all->max;
    const float a = trit_expf(all->max - max), b = trit_expf(part->max - max);
    all->max = max;
    all->sum = all->sum * a + part->sum * b;
    for (size_t d = 0; d < hd; d++)
        o[d] = o[d] * a + part_o[d] * b;
}

/* Memory of one piece of work: `rows` queries, token by token, `group` heads each. */
struct piece {
    size_t rows, hd, group, position;   /* position of its first token */
    float *q, *o, *part, *p;            /* [rows][hd] three times, [rows][TRIT_ATTN_CHUNK] */
    struct state *states, *part_states; /* [rows] each */
};

static void lay_out(struct piece *w, float *scratch)
{
    w->q = scratch;
    w->o = w->q + w->rows * w->hd;
    w->part = w->o + w->rows * w->hd;
    w->p = w->part + w->rows * w->hd;
    w->states = (struct state *)(void *)(w->p + w->rows * TRIT_ATTN_CHUNK);
    w->part_states = w->states + w->rows;
}

/* One chunk of positions, for the rows whose tokens see any of it. */
static void attend_chunk(const struct trit_ops *ops, struct piece *w, size_t chunk,
                         const uint16_t *k, const uint16_t *v)
{
    const size_t start = chunk * TRIT_ATTN_CHUNK, hd = w->hd;
    const size_t first = w->position < start ? (start - w->position) * w->group : 0;
    const size_t seen = w->position + (w->rows - 1) / w->group + 1 - start; /* by the last token */
    const size_t nt = seen < TRIT_ATTN_CHUNK ? seen : TRIT_ATTN_CHUNK;
    const float scale = 1.0f / sqrtf((float)hd);
    float *o = chunk == 0 ? w->o : w->part;
    struct state *states = chunk == 0 ? w->states : w->part_states;

    ops->qk->fn.qk(w->rows - first, hd, nt, w->q + first * hd, hd, k + start * hd, w->p,
                   TRIT_ATTN_CHUNK);
    for (size_t r = first; r < w->rows; r++) {
        const size_t sees = w->position + r / w->group + 1 - start, n = sees < nt ? sees : nt;
        ops->softmax->fn.softmax(n, nt, scale, w->p + (r - first) * TRIT_ATTN_CHUNK, &states[r].max,
                                 &states[r].sum);
    }
    ops->pv->fn.pv(w->rows - first, hd, nt, w->p, TRIT_ATTN_CHUNK, v + start * hd, hd,
                   o + first * hd, hd);
    for (size_t r = first; chunk > 0 && r < w->rows; r++)
        merge(&w->states[r], w->o + r * hd, &w->part_states[r], w->part + r * hd, hd);
}

/* Tokens begin .. end-1 under one KV head. Queries are read from, results written to s->q. */
static void attend(const struct attention_job *j, size_t kv_head, size_t begin, size_t end,
                   int thread)
{
    struct trit_session *s = j->s;
    const struct trit_config *c = &s->model->config;
    const size_t group = heads_per_kv(c), hd = c->head_dim, row_floats = group * hd;
    const size_t offset = cache_offset(s, j->layer, kv_head);
    struct piece w = {
        .rows = (end - begin) * group, .hd = hd, .group = group, .position = s->position + begin
    };
    lay_out(&w, s->scratch + (size_t)thread * s->scratch_floats);
    for (size_t i = begin; i < end; i++)
        memcpy(w.q + (i - begin) * row_floats, s->q + (i * c->heads + kv_head * group) * hd,
               row_floats * sizeof *w.q);
    for (size_t chunk = 0; chunk * TRIT_ATTN_CHUNK < s->position + end; chunk++)
        attend_chunk(&s->model->ops, &w, chunk, s->k + offset, s->v + offset);
    for (size_t r = 0; r < w.rows; r++) {
        float *to = s->q + ((begin + r / group) * c->heads + kv_head * group + r % group) * hd;
        for (size_t d = 0; d < hd; d++)
            to[d] = w.o[r * hd + d] / w.states[r].sum;
    }
}

static void pieces(void *arg, size_t begin, size_t end, int thread)
{
    const struct attention_job *j = arg;
    const struct trit_config *c = &j->s->model->config;
    const size_t step = tokens_per_piece(c);
    for (size_t i = begin; i < end; i++) {
        const size_t token = i / c->kv_heads * step;
        attend(j, i % c->kv_heads, token, token + step < j->m ? token + step : j->m, thread);
    }
}

void trit_attention(struct trit_session *s, size_t layer, size_t m)
{
    const struct trit_config *c = &s->model->config;
    struct attention_job job = { s, layer, m };
    const size_t step = tokens_per_piece(c);
    trit_pool_for(s->model->pool, m, TOKEN_GRAIN, store, &job);
    trit_pool_for(s->model->pool, (m + step - 1) / step * c->kv_heads, 1, pieces, &job);
}
