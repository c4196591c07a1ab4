/* How much memory a model takes, by its hyper-parameters alone. */
#include "runtime/base/room.h"
#include "runtime/model/internal.h"

static uint64_t kv_width(const struct trit_config *c)
{
    return trit_bytes_product(c->kv_heads, c->head_dim);
}

uint64_t trit_model_trits(const struct trit_config *c)
{
    struct trit_model_matrix list[TRIT_MODEL_MATRICES];
    const size_t n = trit_model_matrices(c, list);
    uint64_t trits = c->packed_head ? trit_bytes_product(c->vocab, c->hidden) : 0;
    for (size_t i = 0; i < n; i++)
        trits = trit_bytes_sum(
            trits, trit_bytes_product(trit_bytes_product(list[i].n, list[i].k), list[i].count));
    return trits;
}

/* The head's planes: 4 bits of every element at once, 2 more when they are first asked for. */
static uint64_t planes(const struct trit_config *c, int bits)
{
    return c->packed_head ? 0 : trit_bytes_product(c->vocab, c->hidden) / 8 * (unsigned)bits;
}

static uint64_t sessions(const struct trit_config *c, const struct trit_model_use *use)
{
    const uint64_t element = use->kv == TRIT_KV_F16 ? 2 : 1, scale = use->kv == TRIT_KV_F16 ? 0 : 4;
    const uint64_t head = trit_bytes_sum(2 * element * c->head_dim, 2 * scale);
    const uint64_t position = trit_bytes_product(trit_bytes_product(c->layers, c->kv_heads), head);
    return trit_bytes_product(use->sequences, trit_bytes_product(use->context, position));
}

/* As runtime/model/work.c lays it out, but for what threads and chunks have besides. */
static uint64_t work(const struct trit_config *c, const struct trit_model_use *use)
{
    const size_t widest = c->hidden > c->ffn ? c->hidden : c->ffn;
    const uint64_t token =
        4 * (2 * c->hidden + 2 * c->ffn + c->heads * c->head_dim + c->rope_dims) + 8 * kv_width(c) +
        widest;
    return trit_bytes_product(use->chunk, token) +
           trit_bytes_product((uint64_t)use->threads, 4 * (widest + c->vocab));
}

uint64_t trit_model_need(const struct trit_config *c, const struct trit_model_use *use)
{
    const uint64_t weights = use->cached ? 0 : trit_model_trits(c) / 4,
                   head = use->cached ? 0 : planes(c, 4);
    return trit_bytes_sum(trit_bytes_sum(weights, head),
                          trit_bytes_sum(sessions(c, use), work(c, use)));
}

uint64_t trit_model_packed(const struct trit_config *c)
{
    return trit_bytes_sum(trit_model_trits(c) / 5, planes(c, 4));
}
