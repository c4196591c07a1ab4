/* A sequence: its cache and how far it is filled. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

static enum trit_code check_context(size_t context, struct trit_error *error)
{
    if (context >= 1 && context <= (size_t)1 << 24)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT, "context of %zu tokens: must be 1 .. %d", context,
                     1 << 24);
}

/* Positions of a chunk: a short context is one that is not whole. */
static size_t positions_of(size_t context)
{
    return context < TRIT_ATTN_CHUNK ? context : TRIT_ATTN_CHUNK;
}

uint64_t trit_session_cache(const struct trit_model *model, size_t context)
{
    const struct trit_config *c = &model->config;
    const size_t positions = positions_of(context),
                 chunks = (context + TRIT_ATTN_CHUNK - 1) / TRIT_ATTN_CHUNK,
                 head = model->kv->k_bytes(model, positions) + model->kv->v_bytes(model, positions);
    return trit_bytes_product(chunks,
                              trit_bytes_product(trit_config_attending(c) * c->kv_heads, head));
}

size_t trit_session_parts(const struct trit_model *model, size_t context)
{
    return trit_attention_parts(model, context) * sizeof(float);
}

static size_t parts_bytes(const struct trit_session *s)
{
    return trit_session_parts(s->model, s->context);
}

static bool map_cache(struct trit_session *s)
{
    s->kv = trit_map(trit_session_kv_bytes(s));
    s->parts = trit_map(parts_bytes(s));
    return s->kv && s->parts && trit_states_map(&s->states, &s->model->config);
}

enum trit_code trit_session_join(struct trit_session **session, struct trit_work *work,
                                 size_t context, struct trit_error *error)
{
    *session = NULL;
    enum trit_code code = check_context(context, error);
    if (code)
        return code;
    struct trit_session *s = trit_alloc(1, sizeof *s);
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a session");
    s->model = work->model;
    s->work = work;
    s->context = context;
    s->k_bytes = s->model->kv->k_bytes(s->model, positions_of(context));
    s->v_bytes = s->model->kv->v_bytes(s->model, positions_of(context));
    if (!map_cache(s)) {
        code = trit_fail(error, TRIT_EMEMORY,
                         "no memory for a context of %zu tokens: %zu bytes of cache", context,
                         trit_session_kv_bytes(s));
        trit_session_free(s);
        return code;
    }
    *session = s;
    return TRIT_OK;
}

enum trit_code trit_session_create(struct trit_session **session, struct trit_model *model,
                                   size_t context, size_t chunk, struct trit_error *error)
{
    struct trit_work *work;
    *session = NULL;
    enum trit_code code = check_context(context, error);
    if (!code)
        code = trit_work_create(&work, model, chunk < context ? chunk : context, error);
    if (code)
        return code;
    code = trit_session_join(session, work, context, error);
    if (code)
        trit_work_free(work);
    else
        (*session)->owned = work;
    return code;
}

void trit_session_free(struct trit_session *s)
{
    if (!s)
        return;
    trit_unmap(s->kv, trit_session_kv_bytes(s));
    trit_unmap(s->parts, parts_bytes(s));
    trit_states_unmap(&s->states);
    trit_marks_detach(s);
    trit_work_free(s->owned);
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
    return (size_t)trit_session_cache(s->model, s->context);
}

/* Of a chunk of all heads. */
static size_t chunk_bytes(const struct trit_session *s)
{
    const struct trit_config *c = &s->model->config;
    return trit_config_attending(c) * c->kv_heads * (s->k_bytes + s->v_bytes);
}

static size_t filled_bytes(const struct trit_session *s)
{
    return (s->position + TRIT_ATTN_CHUNK - 1) / TRIT_ATTN_CHUNK * chunk_bytes(s);
}

struct trit_session_taken trit_session_taken(const struct trit_session *s)
{
    return (struct trit_session_taken){ filled_bytes(s), s->states.bytes + s->states.log_bytes };
}

void trit_session_trim(struct trit_session *s)
{
    const size_t filled = filled_bytes(s);
    trit_map_drop(s->kv + filled, trit_session_kv_bytes(s) - filled);
}

/* The first n positions of a chunk of a head. */
static void copy_head(const struct trit_session *s, size_t n, const uint8_t *from, uint8_t *to)
{
    memcpy(to, from, s->model->kv->k_bytes(s->model, n));
    memcpy(to + s->k_bytes, from + s->k_bytes, s->model->kv->v_bytes(s->model, n));
}

bool trit_cache_copy(struct trit_session *to, const struct trit_session *from, size_t position)
{
    const size_t chunk = chunk_bytes(from), head = from->k_bytes + from->v_bytes,
                 whole = position / TRIT_ATTN_CHUNK * chunk, rest = position % TRIT_ATTN_CHUNK;
    if (to == from || to->model != from->model || position > from->position ||
        position > to->context || to->k_bytes != from->k_bytes)
        return false;
    if (whole)
        memcpy(to->kv, from->kv, whole);
    for (size_t at = whole; rest && at < whole + chunk; at += head)
        copy_head(from, rest, from->kv + at, to->kv + at);
    return true;
}

bool trit_session_copy(struct trit_session *to, const struct trit_session *from, size_t position)
{
    if ((position && trit_config_deltas(&from->model->config)) ||
        !trit_cache_copy(to, from, position))
        return false;
    trit_marks_detach(to);
    to->position = to->states.settled = position;
    return true;
}

struct trit_work *trit_session_work(const struct trit_session *s)
{
    return s->work;
}

size_t trit_session_back(const struct trit_session *s, size_t position)
{
    if (position > s->position)
        return s->position;
    return position < s->states.settled && trit_config_deltas(&s->model->config) ? 0 : position;
}

bool trit_session_rewind(struct trit_session *s, size_t position)
{
    struct trit_delta_states *states = &s->states;
    position = position < s->position ? position : s->position;
    if (trit_session_back(s, position) < position)
        return false;
    s->position = position;
    trit_marks_forget(s, position);
    states->settled = position < states->settled ? 0 : states->settled;
    return true;
}

enum trit_code trit_session_eval(struct trit_session *s, const int32_t *tokens, size_t count,
                                 size_t first, float *logits, struct trit_error *error)
{
    const struct trit_run run = {
        .session = s, .tokens = tokens, .count = count, .first = first, .logits = logits
    };
    return trit_model_eval(s->work, &run, 1, error);
}
