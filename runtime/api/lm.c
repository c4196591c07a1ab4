/* Models of the C interface: opened, asked for facts, closed. */
#include "runtime/api/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/grammar/grammar.h"
#include "runtime/model/family.h"

enum { CHUNK = 256, LEAST_CONTEXT = 512, MOST_CONTEXT = 1 << 24, MOST_CHUNK = 1 << 16 };

static enum trit_code check(const struct trit_lm_options *o, struct trit_error *error)
{
    const struct {
        const char *name;
        size_t value, most;
    } fields[] = {
        { "threads", (size_t)o->threads, TRIT_MAX_THREADS },
        { "kv", (size_t)o->kv, TRIT_LM_KV_I8 },
        { "sparse", (size_t)o->sparse, TRIT_LM_SPARSE_OFF },
        { "contexts", o->contexts, MOST_CONTEXT },
        { "context", o->context, MOST_CONTEXT },
        { "chunk", o->chunk, MOST_CHUNK },
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].value > fields[i].most)
            return trit_fail(error, TRIT_EARGUMENT, "trit_lm_options.%s is out of range: 0 to %zu",
                             fields[i].name, fields[i].most);
    return TRIT_OK;
}

/* What loading is to make, as the options say. */
static void want(struct trit_engine *e, const struct trit_lm_options *o)
{
    const size_t least = e->config.context < LEAST_CONTEXT ? e->config.context : LEAST_CONTEXT;
    e->wanted = o->profile;
    e->cache_wanted = o->cache;
    e->sparse = o->sparse;
    e->kv = o->kv;
    e->block = o->block;
    e->sequences = o->contexts ? o->contexts : 1;
    e->fit = o->context == 0;
    e->context = o->context ? o->context : least;
    e->chunk = o->chunk ? o->chunk : CHUNK;
    e->progress = o->progress;
    e->tell = o->tell;
    e->progress_arg = e->tell_arg = o->arg;
}

/* What is the caller's is not touched again. */
static void forget(struct trit_engine *e)
{
    e->wanted = e->cache_wanted = NULL;
    e->progress = NULL;
    e->tell = NULL;
    e->progress_arg = e->tell_arg = NULL;
}

static enum trit_code open_lm(struct trit_lm *lm, const char *path,
                              const struct trit_lm_options *options, struct trit_error *error)
{
    struct trit_engine *e = &lm->engine;
    struct trit_lm_options o;
    enum trit_code code = trit_api_take(&o, sizeof o, options, "trit_lm_options", error);
    if (!code)
        code = check(&o, error);
    if (!code)
        code = trit_engine_open(e, path, error);
    if (!code)
        code = trit_engine_load_tokenizer(e, error);
    want(e, &o);
    if (!code)
        code = trit_engine_load_model(e, o.threads, error);
    forget(e);
    if (!code)
        code = trit_work_create(&lm->work, e->model, e->chunk, error);
    if (!code) {
        struct trit_model_memory memory;
        trit_model_memory(e->model, NULL, &memory);
        lm->weights = memory.weights + memory.head;
    }
    return code;
}

enum trit_lm_code trit_lm_open(struct trit_lm **out, const char *path,
                               const struct trit_lm_options *options, struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm *lm = calloc(1, sizeof *lm);
    enum trit_code code = TRIT_OK;
    *out = NULL;
    if (!lm)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for a model"), &e, error);
    lm->turn = (struct trit_turn)TRIT_TURN_INIT;
    pthread_mutex_init(&lm->making, NULL);
    code = open_lm(lm, path, options, &e);
    if (code)
        trit_lm_close(lm);
    else
        *out = lm;
    return trit_api_result(code, &e, error);
}

void trit_lm_close(struct trit_lm *lm)
{
    if (!lm)
        return;
    trit_vocabulary_free(lm->vocabulary);
    trit_work_free(lm->work);
    trit_engine_close(&lm->engine);
    trit_turn_end(&lm->turn);
    pthread_mutex_destroy(&lm->making);
    free(lm);
}

void trit_lm_facts(const struct trit_lm *lm, struct trit_lm_facts *facts)
{
    const struct trit_engine *e = &lm->engine;
    const struct trit_model_cost *cost = trit_model_cost(e->model);
    const struct trit_lm_facts all = {
        .path = e->path,
        .name = e->config.name,
        .family = e->config.arch,
        .cache = trit_engine_cache_used(e),
        .vocab = e->config.vocab,
        .trained = e->config.context,
        .context = e->context,
        .layers = e->config.layers,
        .hidden = e->config.hidden,
        .params = cost->params,
        .file_bytes = cost->file_bytes,
        .memory_bytes = lm->weights,
        .load_seconds = e->load_seconds,
        .threads = trit_pool_threads(e->pool),
        .block = trit_model_block(e->model) != NULL,
        .rewinds = !trit_config_deltas(&e->config),
        .bos = trit_tokenizer_bos(e->tokenizer),
    };
    trit_api_give(facts, &all, sizeof all);
}
