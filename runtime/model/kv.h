/* How the cache of a sequence holds keys and values: what a head's part of it takes, how a token
   gets in, and what queries make of a chunk of TRIT_ATTN_CHUNK positions. Private to the model. */
#ifndef TRIT_KV_H
#define TRIT_KV_H

#include "runtime/model/model.h"

/* One head's part of a chunk of TRIT_ATTN_CHUNK positions, which are counted from its start. */
struct trit_kv_head {
    uint8_t *k, *v;
};

/* Queries of one KV head, and memory for what is made of them. */
struct trit_tile {
    const struct trit_model *model;
    size_t rows, hd;
    float *q, *p;    /* [rows][hd], [rows][TRIT_ATTN_CHUNK]: scores, then probabilities */
    uint8_t *memory; /* the kind's own: scratch_bytes */
};

struct trit_kv_kind {
    const char *name;
    /* Of one head with that many positions; multiples of TRIT_ALIGN, no wrapping up to 2^24. */
    size_t (*k_bytes)(const struct trit_model *model, size_t positions);
    size_t (*v_bytes)(const struct trit_model *model, size_t positions);
    /* A tile's `memory`. */
    size_t (*scratch_bytes)(const struct trit_model *model, size_t rows);
    /* One position. scratch: 2 * hd + 16 floats. */
    void (*store)(const struct trit_model *model, struct trit_kv_head head, size_t position,
                  const float *k, const float *v, float *scratch);
    /* Once per tile, when q is there. */
    void (*open)(const struct trit_tile *tile);
    /* p = scores of rows first .. against the first nt positions, at p's first row. */
    void (*scores)(const struct trit_tile *tile, size_t first, size_t nt, struct trit_kv_head head);
    /* o[rows - first][hd] = values of those positions weighted by p. */
    void (*values)(const struct trit_tile *tile, size_t first, size_t nt, struct trit_kv_head head,
                   float *o);
};

extern const struct trit_kv_kind trit_kv_f16, trit_kv_i8;
/* The gemm that the cache in int8 needs. */
enum trit_code trit_kv_i8_pick(const struct trit_kernel **kernel, struct trit_error *error);

const struct trit_kv_kind *trit_kv_kind(enum trit_kv_type type);

#endif
