/* A sequence: its cache and working memory, and the pass of tokens through the model. */
#include <stdlib.h>
#include <string.h>

#include "runtime/math.h"
#include "runtime/mem.h"
#include "runtime/model_parts.h"

/* Where each part of the working memory begins; with base NULL only counts. */
static size_t lay_out(struct trit_session *s, uint8_t *base)
{
    const struct trit_config *c = &s->model->config;
    const size_t m = s->chunk, kv = c->kv_heads * c->head_dim,
                 widest = c->hidden > c->ffn ? c->hidden : c->ffn;
    const size_t threads = (size_t)trit_pool_threads(s->model->pool);
    s->a_ld = trit_padded_k(widest);
    s->scratch_floats = trit_round_up(trit_attention_scratch(c), 16);
    const struct {
        void **to;
        size_t bytes;
    } parts[] = {
        { (void **)&s->x, m * c->hidden * 4 },
        { (void **)&s->h, m * widest * 4 },
        { (void **)&s->q, m * c->hidden * 4 },
        { (void **)&s->kv_k, m * kv * 4 },
        { (void **)&s->kv_v, m * kv * 4 },
        { (void **)&s->gate, m * c->ffn * 4 },
        { (void **)&s->up, m * c->ffn * 4 },
        { (void **)&s->angles, m * c->rope_dims * 4 },
        { (void **)&s->a, m * s->a_ld },
        { (void **)&s->s, m * 4 },
        { (void **)&s->sum, m * 4 },
        { (void **)&s->scratch, threads * s->scratch_floats * 4 },
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (base)
            *parts[i].to = base + used;
        used += trit_round_up(parts[i].bytes, TRIT_ALIGN);
    }
    return used;
}

enum trit_code trit_session_create(struct trit_session **session, struct trit_model *model,
                                   size_t context, size_t chunk, struct trit_error *error)
{
    const struct trit_config *c = &model->config;
    *session = NULL;
    if (context < 1 || context > (size_t)1 << 24)
        return trit_fail(error, TRIT_EARGUMENT, "context of %zu tokens: must be 1 .. %d", context,
                         1 << 24);
    if (chunk < 1)
        return trit_fail(error, TRIT_EARGUMENT, "chunk of %zu tokens: must be at least 1", chunk);
    struct trit_session *s = trit_alloc(1, sizeof *s);
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a session");
    s->model = model;
    s->context = context;
    s->chunk = chunk < context ? chunk : context;
    /* Factors are bounded by trit_config_read and above: no product here exceeds 2^63 before
     * trit_map refuses it. */
    s->cache_bytes =
        c->layers * c->kv_heads * trit_round_up(context, 16) * c->head_dim * sizeof *s->k;
    s->work_bytes = lay_out(s, NULL);
    s->k = trit_map(s->cache_bytes);
    s->v = trit_map(s->cache_bytes);
    s->work = trit_map(s->work_bytes);
    if (!s->k || !s->v || !s->work) {
        enum trit_code code = trit_fail(error, TRIT_EMEMORY,
                                        "no memory for a context of %zu tokens: %zu bytes of cache",
                                        context, 2 * s->cache_bytes);
        trit_session_free(s);
        return code;
    }
    lay_out(s, s->work);
    *session = s;
    return TRIT_OK;
}

void trit_session_free(struct trit_session *s)
{
    if (!s)
        return;
    trit_unmap(s->k, s->cache_bytes);
    trit_unmap(s->v, s->cache_bytes);
    trit_unmap(s->work, s->work_bytes);
    free(s);
}

size_t trit_session_position(const struct trit_session *s)
{
    return s->position;
}

size_t trit_session_context(const struct trit_session *s)
{
    return s->context;
}

size_t trit_session_kv_bytes(const struct trit_session *s)
{
    return 2 * s->cache_bytes;
}

void trit_session_rewind(struct trit_session *s, size_t position)
{
    if (position < s->position)
        s->position = position;
}

struct embed_job {
    struct trit_session *s;
    const int32_t *tokens;
};

static void embed(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct embed_job *e = arg;
    const size_t hidden = e->s->model->config.hidden;
    for (size_t i = begin; i < end; i++)
        trit_rows_get(&e->s->model->embd, (size_t)e->tokens[i], e->s->x + i * hidden);
}

static void angles(struct trit_session *s, size_t m)
{
    const size_t half = s->model->config.rope_dims / 2;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < half; j++) {
            double sine, cosine;
            trit_sincos((double)(s->position + i) * s->model->rope[j], &sine, &cosine);
            float *to = s->angles + (i * half + j) * 2;
            to[0] = (float)cosine;
            to[1] = (float)sine;
        }
}

struct head_job {
    struct trit_session *s;
    size_t from, m;
    float *logits;
};

static void final_norm(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct head_job *j = arg;
    const struct trit_model *model = j->s->model;
    const size_t hidden = model->config.hidden;
    for (size_t i = begin; i < end; i++)
        model->ops.norm->fn.norm(hidden, j->s->x + (j->from + i) * hidden, model->output_norm,
                                 model->config.eps, j->s->h + i * hidden);
}

enum { HEAD_ROWS = 256 }; /* rows of the head in one piece of work */

static void head_rows(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct head_job *j = arg;
    const struct trit_model *model = j->s->model;
    const struct trit_rows *rows = trit_model_head(model);
    const size_t row = begin * HEAD_ROWS,
                 last = end * HEAD_ROWS < rows->n ? end * HEAD_ROWS : rows->n;
    const size_t row_bytes = rows->data_bytes / rows->n;
    const size_t groups = (rows->k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
    model->ops.head->fn.head(j->m, last - row, rows->k,
                             (const uint8_t *)rows->data + row * row_bytes,
                             rows->scale ? rows->scale + row * groups : NULL, j->s->h, rows->k,
                             j->logits + row, rows->n);
}

/* Logits of tokens from .. from+m-1 of the present chunk. */
static void head(struct trit_session *s, size_t from, size_t m, float *logits)
{
    struct head_job job = { s, from, m, logits };
    const size_t pieces = (trit_model_head(s->model)->n + HEAD_ROWS - 1) / HEAD_ROWS;
    trit_pool_for(s->model->pool, m, 16, final_norm, &job);
    trit_pool_for(s->model->pool, pieces, 1, head_rows, &job);
}

static enum trit_code check_tokens(const struct trit_session *s, const int32_t *tokens,
                                   size_t count, size_t first, struct trit_error *error)
{
    if (first > count)
        return trit_fail(error, TRIT_EARGUMENT, "logits from token %zu of %zu", first, count);
    if (count > s->context - s->position)
        return trit_fail(error, TRIT_EARGUMENT, "%zu tokens after %zu do not fit a context of %zu",
                         count, s->position, s->context);
    for (size_t i = 0; i < count; i++)
        if (tokens[i] < 0 || (size_t)tokens[i] >= s->model->config.vocab)
            return trit_fail(error, TRIT_EARGUMENT, "token %zu has id %d: the vocabulary has %zu",
                             i, tokens[i], s->model->config.vocab);
    return TRIT_OK;
}

enum trit_code trit_session_eval(struct trit_session *s, const int32_t *tokens, size_t count,
                                 size_t first, float *logits, struct trit_error *error)
{
    enum trit_code code = check_tokens(s, tokens, count, first, error);
    if (code)
        return code;
    for (size_t done = 0; done < count;) {
        const size_t m = count - done < s->chunk ? count - done : s->chunk;
        struct embed_job e = { s, tokens + done };
        trit_pool_for(s->model->pool, m, 16, embed, &e);
        angles(s, m);
        trit_layers(s, m);
        if (done + m > first) {
            const size_t from = first > done ? first - done : 0;
            head(s, from, m - from, logits + (done + from - first) * s->model->config.vocab);
        }
        s->position += m;
        done += m;
    }
    return TRIT_OK;
}
