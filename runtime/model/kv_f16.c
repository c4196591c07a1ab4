/* The cache in f16, a chunk of a head: K in blocks of [hd][16 positions], V in rows of hd. */
#include "runtime/base/mem.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

static size_t bytes(const struct trit_model *model, size_t positions)
{
    return trit_round_up(trit_round_up(positions, 16) * model->config.head_dim * sizeof(uint16_t),
                         TRIT_ALIGN);
}

static size_t no_scratch(const struct trit_model *model, size_t rows)
{
    (void)model, (void)rows;
    return 0;
}

static void store(const struct trit_model *model, struct trit_kv_head head, size_t position,
                  const float *k, const float *v, float *scratch)
{
    const size_t hd = model->config.head_dim;
    uint16_t *keys = (uint16_t *)(void *)scratch;
    uint16_t *to = (uint16_t *)(void *)head.k + position / 16 * hd * 16 + position % 16;
    model->ops.half->fn.half(hd, k, keys);
    for (size_t d = 0; d < hd; d++)
        to[d * 16] = keys[d];
    model->ops.half->fn.half(hd, v, (uint16_t *)(void *)head.v + position * hd);
}

static void open(const struct trit_tile *tile)
{
    (void)tile;
}

static void scores(const struct trit_tile *tile, size_t first, size_t nt, struct trit_kv_head head)
{
    const size_t hd = tile->hd;
    tile->model->ops.qk->fn.qk(tile->rows - first, hd, nt, tile->q + first * hd, hd,
                               (const uint16_t *)(const void *)head.k, tile->p, TRIT_ATTN_CHUNK);
}

static void values(const struct trit_tile *tile, size_t first, size_t nt, struct trit_kv_head head,
                   float *o)
{
    const size_t hd = tile->hd;
    tile->model->ops.pv->fn.pv(tile->rows - first, hd, nt, tile->p, TRIT_ATTN_CHUNK,
                               (const uint16_t *)(const void *)head.v, hd, o, hd);
}

const struct trit_kv_kind trit_kv_f16 = { "f16", bytes, bytes,  no_scratch,
                                          store, open,  scores, values };
