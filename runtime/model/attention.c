/* Attention over the caches: rotation, storing, scores, probabilities, values. The definition and
   its chunks of TRIT_ATTN_CHUNK positions are in CONVENTIONS.md. A piece of work is one KV head and
   a tile of tokens, over all their chunks; where that makes too few pieces, one chunk, and the
   chunks are merged afterwards, in order. */
#include <math.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

enum {
    ROWS = 128,        /* queries of a tile, about: tokens times heads of one KV head */
    FEW_ROWS = 16,     /* and at least, where there are as many */
    PIECES = 8,        /* of work for each thread, that they end together */
    SPLIT_TOKENS = 16, /* of a sequence whose chunks are spread over the threads, at most */
    STORE_GRAIN = 16,  /* tokens that are stored in one piece: a block of keys */
};

static size_t heads_per_kv(const struct trit_config *c)
{
    return c->heads / c->kv_heads;
}

static size_t most_tokens(const struct trit_config *c)
{
    const size_t group = heads_per_kv(c);
    return group < ROWS ? ROWS / group : 1;
}

static size_t chunks_of(size_t positions)
{
    return (positions + TRIT_ATTN_CHUNK - 1) / TRIT_ATTN_CHUNK;
}

/* What rows of queries make of some positions. */
struct part {
    float *max, *sum, *o; /* [rows], [rows], [rows][hd] */
};

static size_t part_floats(size_t rows, size_t hd)
{
    return rows * hd + trit_round_up(2 * rows, 16);
}

static struct part part_at(float *place, size_t rows, size_t hd)
{
    return (struct part){ place + rows * hd, place + rows * hd + rows, place };
}

size_t trit_attention_scratch(const struct trit_model *model)
{
    const struct trit_config *c = &model->config;
    const size_t rows = most_tokens(c) * heads_per_kv(c), hd = c->head_dim;
    return rows * (hd + TRIT_ATTN_CHUNK) + 2 * part_floats(rows, hd) +
           trit_round_up(model->kv->scratch_bytes(model, rows), TRIT_ALIGN) / sizeof(float);
}

size_t trit_attention_parts(const struct trit_model *model, size_t context)
{
    const struct trit_config *c = &model->config;
    return c->kv_heads * chunks_of(context) *
           part_floats(SPLIT_TOKENS * heads_per_kv(c), c->head_dim);
}

/* Turns the pairs of one head: of NEOX (i, i + half), of NORM (2i, 2i + 1). */
static void rotate(float *x, const float *angles, size_t half, enum trit_rope_pairs pairs)
{
    const size_t step = pairs == TRIT_ROPE_NEOX ? 1 : 2, apart = pairs == TRIT_ROPE_NEOX ? half : 1;
    for (size_t i = 0; i < half; i++) {
        float *p = x + i * step;
        const float a = p[0], b = p[apart], c = angles[2 * i], s = angles[2 * i + 1];
        p[0] = a * c - b * s;
        p[apart] = a * s + b * c;
    }
}

struct attention_job {
    struct trit_work *w;
    size_t layer, step; /* step: tokens of a tile */
};

/* One head's part of a chunk. */
static struct trit_kv_head head_of(const struct trit_session *s, size_t chunk, size_t layer,
                                   size_t kv_head)
{
    const struct trit_config *c = &s->model->config;
    const size_t order = trit_config_order(c, layer),
                 i = (chunk * trit_config_attending(c) + order) * c->kv_heads + kv_head;
    uint8_t *k = s->kv + i * (s->k_bytes + s->v_bytes);
    return (struct trit_kv_head){ k, k + s->k_bytes };
}

/* Heads of q or of k: how many, and from one to the next. */
struct heads {
    size_t n, step;
};

/* Norms and rotates them; angles NULL: they are not rotated. */
static void turn(const struct trit_model *model, struct heads heads, const float *norm,
                 const float *angles, float *x)
{
    const struct trit_config *c = &model->config;
    for (size_t h = 0; h < heads.n; h++, x += heads.step) {
        if (norm)
            model->ops.norm->fn.norm(c->head_dim, x, norm, c->eps, x);
        if (angles)
            rotate(x, angles, c->rope_dims / 2, c->family->rope);
    }
}

/* Turns q and k of tokens begin .. end-1 and stores k and v. */
static void store(void *arg, size_t begin, size_t end, int thread)
{
    const struct attention_job *j = arg;
    const struct trit_work *w = j->w;
    const struct trit_config *c = &w->model->config;
    float *const *vector = w->model->layers[j->layer].vector;
    const size_t hd = c->head_dim;
    const struct heads queries = { c->heads, trit_query_step(c) }, keys = { c->kv_heads, hd };
    float *scratch = w->scratch + (size_t)thread * w->scratch_floats;
    const int table = trit_config_rope(c, j->layer);
    for (size_t i = begin; i < end; i++) {
        const float *angles =
            table < 0 ? NULL
                      : w->angles + (i * trit_config_ropes(c) + (size_t)table) * c->rope_dims;
        float *q = w->qkv + i * w->qkv_ld, *k = q + queries.n * queries.step, *v = k + keys.n * hd;
        turn(w->model, queries, vector[TRIT_Q_NORM], angles, q);
        turn(w->model, keys, vector[TRIT_K_NORM], angles, k);
        const size_t chunk = w->tokens[i].position / TRIT_ATTN_CHUNK;
        for (size_t h = 0; h < c->kv_heads; h++)
            w->model->kv->store(w->model, head_of(w->tokens[i].session, chunk, j->layer, h),
                                w->tokens[i].position % TRIT_ATTN_CHUNK, k + h * hd, v + h * hd,
                                scratch);
    }
}

static size_t window_of(const struct trit_config *c, size_t layer)
{
    return trit_config_windowed(c, layer) ? c->windows.length : SIZE_MAX;
}

/* The first chunk that a token sees. */
static size_t first_seen(size_t position, size_t window)
{
    return position < window ? 0 : (position + 1 - window) / TRIT_ATTN_CHUNK;
}

/* Tokens begin .. end-1, of one session, under one KV head. */
struct queries {
    const struct trit_work *w;
    size_t layer, kv_head, begin, end;
    size_t group, position; /* position of the first token */
    size_t window;          /* positions that a token sees; SIZE_MAX: all before it */
    struct trit_tile tile;
    struct part all, chunk; /* all chunks so far, the next */
};

static struct queries queries_of(const struct attention_job *j, size_t kv_head, size_t begin,
                                 size_t end)
{
    const struct trit_work *w = j->w;
    const struct trit_token *first = &w->tokens[begin];
    const struct trit_config *c = &w->model->config;
    struct queries q = {
        .w = w, .layer = j->layer, .kv_head = kv_head, .begin = begin, .end = end
    };
    q.group = heads_per_kv(c);
    q.position = first->position;
    q.window = window_of(c, j->layer);
    q.tile = (struct trit_tile){ .model = w->model, .rows = (end - begin) * q.group };
    q.tile.hd = c->head_dim;
    return q;
}

/* Where row r of the tile has its query, and gets its result. */
static float *row_of(const struct queries *q, size_t r)
{
    const size_t token = q->begin + r / q->group, head = q->kv_head * q->group + r % q->group;
    return q->w->qkv + token * q->w->qkv_ld + head * trit_query_step(&q->w->model->config);
}

/* Takes the queries into the thread's memory. */
static void open(struct queries *q, int thread)
{
    struct trit_tile *t = &q->tile;
    const size_t part = part_floats(t->rows, t->hd);
    t->p = q->w->scratch + (size_t)thread * q->w->scratch_floats;
    t->q = t->p + t->rows * TRIT_ATTN_CHUNK;
    q->all = part_at(t->q + t->rows * t->hd, t->rows, t->hd);
    q->chunk = part_at(q->all.o + part, t->rows, t->hd);
    t->memory = (uint8_t *)(q->chunk.o + part);
    for (size_t r = 0; r < t->rows; r++)
        memcpy(t->q + r * t->hd, row_of(q, r), t->hd * sizeof *t->q);
    q->w->model->kv->open(t);
}

/* The first row whose token sees a chunk. */
static size_t first_row(const struct queries *q, size_t chunk)
{
    const size_t start = chunk * TRIT_ATTN_CHUNK;
    return q->position < start ? (start - q->position) * q->group : 0;
}

/* Behind the last row whose window has a part of a chunk that is not behind its token. */
static size_t last_row(const struct queries *q, size_t chunk)
{
    const size_t end =
        (chunk + 1) * TRIT_ATTN_CHUNK; /* tokens up to end - 2 + window see end - 1 */
    const size_t tokens = q->window == SIZE_MAX ? SIZE_MAX : end - 1 + q->window - q->position;
    return tokens < q->end - q->begin ? tokens * q->group : q->tile.rows;
}

static size_t nchunks(const struct queries *q)
{
    return chunks_of(q->position + q->end - q->begin);
}

/* What stands for positions of a chunk before the windows of rows first .. last-1. */
static void put_before(const struct queries *q, size_t chunk, size_t first, size_t last,
                       float value)
{
    const size_t start = chunk * TRIT_ATTN_CHUNK;
    for (size_t r = first; r < last && q->window != SIZE_MAX; r++) {
        const size_t past = q->position + r / q->group + 1;
        float *p = q->tile.p + (r - first) * TRIT_ATTN_CHUNK;
        for (size_t t = start; t + q->window < past; t++)
            p[t - start] = value;
    }
}

/* Rows from `last` on see nothing of the chunk: parts that change nothing where they are merged. */
static void put_nothing(const struct queries *q, size_t first, size_t last, const struct part *to)
{
    for (size_t r = last; r < q->tile.rows; r++) {
        to->max[r] = -INFINITY;
        to->sum[r] = 0;
        memset(q->tile.p + (r - first) * TRIT_ATTN_CHUNK, 0, TRIT_ATTN_CHUNK * sizeof(float));
    }
}

/* One chunk of positions, for the rows whose tokens see any of it. */
static void attend_chunk(const struct queries *q, size_t chunk, const struct part *to)
{
    const struct trit_model *model = q->w->model;
    const struct trit_tile *t = &q->tile;
    const size_t start = chunk * TRIT_ATTN_CHUNK, first = first_row(q, chunk),
                 last = last_row(q, chunk);
    const size_t seen = q->position + q->end - q->begin - start, /* by the last token */
        nt = seen < TRIT_ATTN_CHUNK ? seen : TRIT_ATTN_CHUNK;
    const size_t sees = q->position + first / q->group + 1 - start; /* the first */
    const struct trit_kv_head head =
        head_of(q->w->tokens[q->begin].session, chunk, q->layer, q->kv_head);
    model->kv->scores(t, first, nt, head);
    put_before(q, chunk, first, last, -INFINITY);
    model->ops.softmax->fn.softmax(last - first, q->group, sees < nt ? sees : nt, nt,
                                   1.0f / sqrtf((float)t->hd), t->p, TRIT_ATTN_CHUNK,
                                   to->max + first, to->sum + first);
    put_before(q, chunk, first, last, 0);
    put_nothing(q, first, last, to);
    model->kv->values(t, first, nt, head, to->o + first * t->hd);
}

static void merge(const struct queries *q, size_t chunk, const struct part *all,
                  const struct part *part)
{
    const size_t first = first_row(q, chunk), hd = q->tile.hd;
    q->w->model->ops.merge->fn.merge(q->tile.rows - first, hd, all->max + first, all->sum + first,
                                     all->o + first * hd, hd, part->max + first, part->sum + first,
                                     part->o + first * hd, hd);
}

/* The results take the place of the queries. */
static void finish(const struct queries *q, const struct part *all)
{
    const size_t hd = q->tile.hd;
    for (size_t r = 0; r < q->tile.rows; r++) {
        float *to = row_of(q, r);
        const float *o = all->o + r * hd, sum = all->sum[r];
        for (size_t d = 0; d < hd; d++)
            to[d] = o[d] / sum;
    }
}

/* Tiles (span, tokens, KV head) of the pass, those of a span one after the other. */
static size_t tiles_of(const struct attention_job *j, const struct trit_span *span)
{
    return (span->end - span->begin + j->step - 1) / j->step * j->w->model->config.kv_heads;
}

static void attend_tiles(void *arg, size_t begin, size_t end, int thread)
{
    const struct attention_job *j = arg;
    const size_t kv_heads = j->w->model->config.kv_heads;
    for (size_t i = begin; i < end; i++) {
        const struct trit_span *span = j->w->spans;
        size_t n = i;
        for (; n >= tiles_of(j, span); span++)
            n -= tiles_of(j, span);
        const size_t token = span->begin + n / kv_heads * j->step,
                     last = token + j->step < span->end ? token + j->step : span->end;
        struct queries q = queries_of(j, n % kv_heads, token, last);
        open(&q, thread);
        const size_t seen = first_seen(q.position, q.window);
        attend_chunk(&q, seen, &q.all);
        for (size_t chunk = seen + 1; chunk < nchunks(&q); chunk++) {
            attend_chunk(&q, chunk, &q.chunk);
            merge(&q, chunk, &q.all, &q.chunk);
        }
        finish(&q, &q.all);
    }
}

/* Split work: a span is one tile, its results lie in its session's memory until they are merged. */

static size_t span_first(const struct attention_job *j, const struct trit_span *span)
{
    return first_seen(j->w->tokens[span->begin].position,
                      window_of(&j->w->model->config, j->layer));
}

static size_t span_chunks(const struct attention_job *j, const struct trit_span *span)
{
    return chunks_of(j->w->tokens[span->end - 1].position + 1) - span_first(j, span);
}

static struct part split_part(const struct queries *q, size_t chunk)
{
    const struct trit_tile *t = &q->tile;
    return part_at(q->w->tokens[q->begin].session->parts +
                       (q->kv_head * nchunks(q) + chunk) * part_floats(t->rows, t->hd),
                   t->rows, t->hd);
}

/* Chunks (span, KV head, chunk) of the pass. */
static void attend_chunks(void *arg, size_t begin, size_t end, int thread)
{
    const struct attention_job *j = arg;
    const struct trit_work *w = j->w;
    const size_t kv_heads = w->model->config.kv_heads;
    for (size_t i = begin; i < end; i++) {
        const struct trit_span *span = w->spans;
        size_t n = i;
        for (; n >= kv_heads * span_chunks(j, span); span++)
            n -= kv_heads * span_chunks(j, span);
        const size_t chunks = span_chunks(j, span), chunk = span_first(j, span) + n % chunks;
        struct queries q = queries_of(j, n / chunks, span->begin, span->end);
        const struct part to = split_part(&q, chunk);
        open(&q, thread);
        attend_chunk(&q, chunk, &to);
    }
}

/* (span, KV head) of the pass. */
static void merge_chunks(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct attention_job *j = arg;
    const size_t kv_heads = j->w->model->config.kv_heads;
    for (size_t i = begin; i < end; i++) {
        const struct trit_span *span = &j->w->spans[i / kv_heads];
        const struct queries q = queries_of(j, i % kv_heads, span->begin, span->end);
        const size_t seen = span_first(j, span);
        const struct part all = split_part(&q, seen);
        for (size_t chunk = seen + 1; chunk < nchunks(&q); chunk++) {
            const struct part part = split_part(&q, chunk);
            merge(&q, chunk, &all, &part);
        }
        finish(&q, &all);
    }
}

/* What a pass comes to. */
struct amount {
    size_t tiles, chunks, longest; /* longest: tokens of a span */
};

static struct amount amount_of(const struct attention_job *j)
{
    struct amount a = { 0, 0, 0 };
    for (size_t i = 0; i < j->w->nspans; i++) {
        const struct trit_span *span = &j->w->spans[i];
        const size_t n = span->end - span->begin;
        a.tiles += tiles_of(j, span);
        a.chunks += j->w->model->config.kv_heads * span_chunks(j, span);
        a.longest = n > a.longest ? n : a.longest;
    }
    return a;
}

/* Positions that n tokens from that position on see, each with its own: with a window, those of
   the first that see all of theirs, then as many each. */
static uint64_t seen_by(size_t position, size_t n, size_t window)
{
    const size_t few = position >= window ? 0 : window - position < n ? window - position : n;
    return (uint64_t)position * few + few * (few + 1) / 2 + (n - few) * (uint64_t)window;
}

void trit_attention_cost(const struct trit_model *model, size_t layer, size_t position, size_t n,
                         uint64_t *bytes, uint64_t *macs)
{
    const struct trit_config *c = &model->config;
    const struct trit_kv_kind *kv = model->kv;
    const size_t window = window_of(c, layer),
                 least = position < window ? 0 : position + 1 - window, all = position + n - least;
    *bytes = c->kv_heads * (kv->k_bytes(model, all) + kv->v_bytes(model, all));
    *macs = seen_by(position, n, window) * 2 * c->heads * c->head_dim;
}

static void count_costs(struct trit_work *w, size_t layer)
{
    for (size_t i = 0; i < w->nspans; i++) {
        const struct trit_span *span = &w->spans[i];
        uint64_t bytes, macs;
        trit_attention_cost(w->model, layer, w->tokens[span->begin].position,
                            span->end - span->begin, &bytes, &macs);
        trit_count(&w->counts, TRIT_PART_ATTENTION, bytes, macs);
    }
}

void trit_attention(struct trit_work *w, size_t layer)
{
    const struct trit_config *c = &w->model->config;
    struct trit_pool *pool = w->model->pool;
    struct attention_job j = { w, layer, most_tokens(c) };
    const size_t threads = (size_t)trit_pool_threads(pool), enough = threads * PIECES;
    struct amount a = amount_of(&j);
    trit_region(pool, TRIT_PART_ROPE, w->m, STORE_GRAIN, store, &j);
    if (threads > 1 && a.tiles < enough && a.tiles < a.chunks && a.longest <= SPLIT_TOKENS &&
        a.longest <= j.step) {
        const size_t grain = (a.chunks + enough - 1) / enough;
        trit_region(pool, TRIT_PART_ATTENTION, a.chunks, grain, attend_chunks, &j);
        trit_region(pool, TRIT_PART_MERGE, w->nspans * c->kv_heads, 1, merge_chunks, &j);
    } else {
        for (; a.tiles < enough && j.step > 1 && j.step * heads_per_kv(c) > FEW_ROWS;
             a = amount_of(&j))
            j.step = (j.step + 1) / 2;
        trit_region(pool, TRIT_PART_ATTENTION, a.tiles, 1, attend_tiles, &j);
    }
    count_costs(w, layer);
}
