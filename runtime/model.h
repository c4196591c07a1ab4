/* A BitNet model in memory, ready to run, and sequences that run through it. */
#ifndef TRIT_MODEL_H
#define TRIT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/error.h"
#include "runtime/gguf.h"
#include "runtime/kernel.h"
#include "runtime/pool.h"

struct trit_config {
    char arch[32], name[64];
    size_t vocab, hidden, ffn, layers, heads, kv_heads, head_dim, context;
    size_t rope_dims;
    float eps, rope_base;
    bool tied; /* the head is the embedding */
};

/* What a model costs: the figures that bench and inspect show. */
struct trit_model_cost {
    size_t trits;        /* in ternary matrices */
    size_t packed_bytes; /* of ternary weights in memory */
    size_t head_bytes;   /* of the head's rows (and scales) in memory */
    size_t decode_bytes; /* weights read per decoded token: packed + head */
    size_t params;       /* all elements of all tensors */
    size_t file_bytes;
    double load_seconds;
};

struct trit_model;
struct trit_profile;
struct trit_session;

/* Progress of a load: done of total bytes; returning false stops it (TRIT_ESTOPPED). */
typedef bool trit_progress_fn(void *arg, uint64_t done, uint64_t total);

struct trit_load_options {
    trit_progress_fn *progress; /* NULL: none */
    void *progress_arg;
    struct trit_profile *profile; /* which kernels to take (runtime/profile.h); NULL: by estimate.
                                     Its log grows, and its libraries are loaded as needed */
};

/* Checks the whole model, picks a kernel for every matrix and packs it, in parallel on pool. The
   pool must outlive the model and runs its sessions too. options may be NULL. */
enum trit_code trit_model_load(struct trit_model **model, const struct trit_gguf *gguf,
                               struct trit_pool *pool, const struct trit_load_options *options,
                               struct trit_error *error);
void trit_model_free(struct trit_model *model); /* NULL allowed; sessions first */

/* Only the hyper-parameters, checked. */
enum trit_code trit_config_read(struct trit_config *config, const struct trit_gguf *gguf,
                                struct trit_error *error);

const struct trit_config *trit_model_config(const struct trit_model *model);
const struct trit_model_cost *trit_model_cost(const struct trit_model *model);

/* One line per matrix: which kernels it got and why. Returns false past the last. Strings live as
 * long as the model. */
struct trit_plan {
    const char *matrix; /* "blk.0.attn_q", ..., "head" */
    size_t n, k;
    const struct trit_kernel *decode, *prefill;
    const char *why;
};
bool trit_model_plan(const struct trit_model *model, size_t i, struct trit_plan *plan);

/* A sequence: KV cache for `context` positions (f16) and working memory for chunks of `chunk`
 * tokens (1 .. context). */
enum trit_code trit_session_create(struct trit_session **session, struct trit_model *model,
                                   size_t context, size_t chunk, struct trit_error *error);
void trit_session_free(struct trit_session *session);
size_t trit_session_position(const struct trit_session *session); /* tokens evaluated so far */
size_t trit_session_context(const struct trit_session *session);
void trit_session_rewind(struct trit_session *session,
                         size_t position); /* forget all from there on */
size_t trit_session_kv_bytes(const struct trit_session *session);

/* Appends count tokens. Logits are computed for tokens first .. count-1 only (first = count: none)
   and written to logits[(i - first) * vocab]. Ids out of range and too many tokens for the context
   are TRIT_EARGUMENT, and nothing has changed then. */
enum trit_code trit_session_eval(struct trit_session *session, const int32_t *tokens, size_t count,
                                 size_t first, float *logits, struct trit_error *error);

#endif
