/* A model opened for a program: file, tokenizer, threads, weights, in the order in which they can
 * fail cheaply. */
#ifndef TRIT_ENGINE_H
#define TRIT_ENGINE_H

#include "runtime/cache/cache.h"
#include "runtime/decode/defaults.h"
#include "runtime/decode/decode.h"
#include "runtime/model/model.h"
#include "runtime/plan/profile.h"
#include "runtime/text/tokenizer.h"

struct trit_engine {
    char path[4096];
    struct trit_gguf *gguf;
    struct trit_config config;
    struct trit_sampling sampling; /* the defaults for this model */
    struct trit_tokenizer *tokenizer;
    struct trit_pool *pool;
    struct trit_model *model;
    const char
        *wanted; /* the profile of --profile: set it before the model is loaded; NULL: look */
    struct trit_profile *profile;     /* NULL: there is none that can be used */
    bool searched;                    /* the profile was looked for */
    int sparse;                       /* enum trit_sparse: set it before the model is loaded */
    int kv;                           /* enum trit_kv_type; likewise */
    bool block;                       /* its prediction block is wanted, too; likewise */
    size_t sequences, context, chunk; /* what sessions will be made of it, so that what does not
                                         fit memory is refused before it is loaded; 0: none */
    bool fit;                         /* context is the least: as much as the free memory has room
                                         for is taken, at most the model's own */
    uint64_t room; /* bytes that the model and its sessions may take, as far as they are free; 0:
                      all that is free */
    uint64_t need; /* what they will take at most; set when the model is loaded */
    const char *cache_wanted; /* the packed cache by name, "none", or NULL: look */
    struct trit_cache *cache; /* NULL: there is none that can be used */
    bool cache_searched;      /* it was looked for */
    double load_seconds;      /* of all steps together */
    bool own_bos;             /* the last text that was encoded begins with BOS itself */
    /* Set before the model is loaded, or NULL: who is told how far loading is, and, a line each,
       what was ignored of profile and packed cache, and that the weights look misread. */
    trit_progress_fn *progress;
    void *progress_arg;
    void (*tell)(void *arg, const char *line);
    void *tell_arg;
};

/* Maps the file and reads its hyper-parameters. Whatever happened, trit_engine_close. The layout of
   I2_S, gguf->i2s, is set after it. */
enum trit_code trit_engine_open(struct trit_engine *engine, const char *path,
                                struct trit_error *error);
/* Of an opened model: whether drafts can come from there (TRIT_EARGUMENT: not from a prediction
   block that the file has not), and that the block is loaded where they come from it. */
enum trit_code trit_engine_want_drafts(struct trit_engine *engine, enum trit_draft from,
                                       struct trit_error *error);
enum trit_code trit_engine_load_tokenizer(struct trit_engine *engine, struct trit_error *error);
/* Whether `run` can run the file, for that many threads: its keys, its tokenizer, and an outline of
   its model (runtime/model/model.h), to be freed with trit_model_free. Otherwise the error is that
   of `run`. options may be NULL. */
enum trit_code trit_engine_outline(struct trit_model **outline, const struct trit_gguf *gguf,
                                   int threads, const struct trit_load_options *options,
                                   struct trit_error *error);

/* Looks for the profile, the first time. What is wrong with one that was not named is told. */
enum trit_code trit_engine_find_profile(struct trit_engine *engine, struct trit_error *error);
/* Finds profile and packed cache (the first time), starts threads (below 1: one per physical core)
   and packs the weights. Called again, it replaces threads and weights. TRIT_EMEMORY where they and
   the sessions to come do not fit the memory that there is. */
enum trit_code trit_engine_load_model(struct trit_engine *engine, int threads,
                                      struct trit_error *error);
void trit_engine_close(struct trit_engine *engine);

/* Its file, or its packed cache, became shorter under it: what it computes now is wrong
   (runtime/base/mapping.h). Any thread, while it is open. */
bool trit_engine_broken(const struct trit_engine *engine);

/* End tokens are never chosen. */
void trit_engine_ban_ends(const struct trit_engine *engine, struct trit_sampler *sampler);

/* The path of the packed cache that weights of the loaded model come from, NULL: none do. */
const char *trit_engine_cache_used(const struct trit_engine *engine);

/* The ids of text, BOS first where the model wants one; a text that begins with BOS itself
   (engine->own_bos, set here) gets no second one. free() *ids. */
enum trit_code trit_engine_encode(struct trit_engine *engine, struct trit_text text, bool special,
                                  int32_t **ids, size_t *count, struct trit_error *error);

#endif
