/* The working memory of passes. */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Scales of a token's inputs, at most. */
static size_t most_groups(const struct trit_model *model)
{
    const struct trit_matrix *x;
    size_t most = 1;
    for (size_t i = 0; (x = trit_model_matrix(model, i)); i++)
        most = larger(most, trit_matrix_groups(x));
    return most;
}

static void measure(struct trit_work *w, const struct trit_model *model, size_t chunk)
{
    w->model = (struct trit_model *)(uintptr_t)model;
    w->chunk = chunk;
    const struct trit_config *c = &w->model->config;
    const size_t q = c->heads * c->head_dim, inner = trit_config_width(c, TRIT_INNER),
                 stream = c->joint ? 2 * c->hidden : c->hidden,
                 widest = larger(larger(stream, c->ffn), larger(q, inner));
    w->a_ld = trit_padded_k(widest);
    w->qkv_ld = larger(c->heads * trit_query_step(c) + 2 * c->kv_heads * c->head_dim,
                       trit_config_width(c, TRIT_MIXED) + inner + 2 * c->delta.v_heads);
    w->gate_up_ld = c->experts.count ? larger(2 * c->ffn, c->hidden) : 2 * c->ffn;
    w->mix_ld = trit_delta_floats(c);
    w->row_floats = trit_round_up(widest, 16);
    w->scratch_floats = trit_round_up(trit_attention_scratch(w->model), 16);
}

/* Where each part begins; with base NULL only counts. */
static size_t lay_out(struct trit_work *w, uint8_t *base)
{
    const struct trit_config *c = &w->model->config;
    const size_t m = w->chunk, groups = most_groups(w->model), threads = (size_t)w->model->threads;
    const struct trit_matrix *down = &w->model->layers[0].m[TRIT_DOWN];
    struct trit_routes *r = &w->routes;
    const size_t experts = c->experts.count, routed = m * c->experts.used;
    const size_t skips = down->skip != NULL,
                 padded = trit_round_up(c->hidden, (size_t)down->pair.decode->nr);
    const struct {
        void **to;
        size_t bytes;
    } parts[] = {
        { (void **)&w->tokens, m * sizeof *w->tokens },
        { (void **)&w->spans, m * sizeof *w->spans },
        { (void **)&w->x, m * c->hidden * 4 },
        { (void **)&w->h, m * c->hidden * 4 },
        { (void **)&w->qkv, m * w->qkv_ld * 4 },
        { (void **)&w->gate_up, (experts ? routed : m) * larger(w->gate_up_ld, w->mix_ld) * 4 },
        { (void **)&w->angles, m * trit_config_ropes(c) * c->rope_dims * 4 },
        { (void **)&w->a, m * w->a_ld },
        { (void **)&w->s, m * groups * 4 },
        { (void **)&w->sum, m * groups * 4 },
        { (void **)&w->list, skips * c->ffn * 4 },
        { (void **)&w->live, skips * c->ffn },
        { (void **)&w->partial, skips * threads * padded * 4 },
        { (void **)&w->shares, threads * sizeof *w->shares },
        { (void **)&w->wanted, m * sizeof *w->wanted },
        { (void **)&w->logits, m * sizeof *w->logits },
        { (void **)&w->tops, m * sizeof *w->tops },
        { (void **)&w->row, threads * w->row_floats * 4 },
        { (void **)&w->scratch, threads * w->scratch_floats * 4 },
        { (void **)&r->scores, m * experts * 4 },
        { (void **)&r->expert, routed * sizeof *r->expert },
        { (void **)&r->weight, routed * 4 },
        { (void **)&r->row, routed * sizeof *r->row },
        { (void **)&r->token, routed * sizeof *r->token },
        { (void **)&r->first, (experts + 1) * sizeof *r->first },
        { (void **)&r->taken, experts * sizeof *r->taken },
        { (void **)&r->a, routed * w->a_ld },
        { (void **)&r->s, routed * groups * 4 },
        { (void **)&r->sum, routed * groups * 4 },
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (base)
            *parts[i].to = base + used;
        used += trit_round_up(parts[i].bytes, TRIT_ALIGN);
    }
    w->mix = w->gate_up;
    return used;
}

size_t trit_work_bytes(const struct trit_model *model, size_t chunk)
{
    struct trit_work w = { 0 };
    measure(&w, model, chunk);
    return lay_out(&w, NULL);
}

enum trit_code trit_work_create(struct trit_work **work, struct trit_model *model, size_t chunk,
                                struct trit_error *error)
{
    *work = NULL;
    if (chunk < 1 || chunk > (size_t)1 << 24)
        return trit_fail(error, TRIT_EARGUMENT, "chunk of %zu tokens: must be 1 .. %d", chunk,
                         1 << 24);
    struct trit_work *w = trit_alloc(1, sizeof *w);
    if (!w)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a pass");
    /* Factors are bounded by trit_config_read and above: no product here exceeds 2^63 before
     * trit_map refuses it. */
    measure(w, model, chunk);
    w->bytes = lay_out(w, NULL);
    w->memory = trit_map(w->bytes);
    if (!w->memory) {
        enum trit_code code = trit_fail(
            error, TRIT_EMEMORY, "no memory for chunks of %zu tokens: %zu bytes", chunk, w->bytes);
        trit_work_free(w);
        return code;
    }
    lay_out(w, w->memory);
    *work = w;
    return TRIT_OK;
}

void trit_work_free(struct trit_work *w)
{
    if (!w)
        return;
    trit_unmap(w->memory, w->bytes);
    free(w);
}

size_t trit_work_chunk(const struct trit_work *w)
{
    return w->chunk;
}

size_t trit_work_drafts(const struct trit_work *w)
{
    if (!trit_config_deltas(&w->model->config))
        return SIZE_MAX;
    return w->chunk < TRIT_DRAFTS ? w->chunk : TRIT_DRAFTS;
}

const struct trit_counts *trit_work_counts(const struct trit_work *w)
{
    return &w->counts;
}
