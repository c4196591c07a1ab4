/* Opening a model for a program, and its texts as tokens. */
#include "runtime/engine/engine.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/base/text.h"
#include "runtime/cpu/cpu.h"

enum trit_code trit_engine_open(struct trit_engine *e, const char *path, struct trit_error *error)
{
    *e = (struct trit_engine){ .load_seconds = -trit_now() };
    enum trit_code code = TRIT_OK;
    if (snprintf(e->path, sizeof e->path, "%s", path) >= (int)sizeof e->path)
        code = trit_fail(error, TRIT_EARGUMENT, "%.40s...: the path is too long", path);
    if (!code)
        code = trit_gguf_open(&e->gguf, e->path, error);
    if (!code)
        code = trit_config_read(&e->config, e->gguf, error);
    if (!code)
        code = trit_sampling_advised(&e->sampling, e->gguf, error);
    e->load_seconds += trit_now();
    return code;
}

enum trit_code trit_engine_load_tokenizer(struct trit_engine *e, struct trit_error *error)
{
    double begin = trit_now();
    enum trit_code code = trit_tokenizer_load(&e->tokenizer, e->gguf, error);
    e->load_seconds += trit_now() - begin;
    return code;
}

enum trit_code trit_engine_want_drafts(struct trit_engine *e, enum trit_draft from,
                                       struct trit_error *error)
{
    e->block = from == TRIT_DRAFT_MTP || from == TRIT_DRAFT_AUTO;
    if (from != TRIT_DRAFT_MTP || e->config.predicting)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT,
                     "%s: has no prediction block (blk.N.nextn.*): use --draft lookup", e->path);
}

static void unload(struct trit_engine *e)
{
    trit_model_free(e->model);
    trit_pool_destroy(e->pool);
    e->model = NULL;
    e->pool = NULL;
}

__attribute__((format(printf, 2, 3))) static void tell(const struct trit_engine *e,
                                                       const char *format, ...)
{
    struct trit_error line;
    va_list args;
    if (!e->tell)
        return;
    va_start(args, format);
    vsnprintf(line.text, sizeof line.text, format, args);
    va_end(args);
    e->tell(e->tell_arg, line.text);
}

enum trit_code trit_engine_find_profile(struct trit_engine *e, struct trit_error *error)
{
    char log[sizeof error->text];
    if (e->searched)
        return TRIT_OK;
    enum trit_code code = trit_profile_find(&e->profile, e->wanted, log, sizeof log, error);
    if (!code && *log)
        tell(e, "%s", log);
    e->searched = !code;
    return code;
}

static void find_cache(struct trit_engine *e)
{
    char log[1200];
    if (e->cache_searched)
        return;
    e->cache = trit_cache_find(e->gguf, e->cache_wanted, e->pool, log, sizeof log);
    e->cache_searched = true;
    if (*log)
        tell(e, "%s", log);
}

/* Of the file's weights, before they are packed. */
static void tell_layout(struct trit_engine *e)
{
    const enum trit_i2s now = e->gguf->i2s;
    enum trit_i2s better;
    if (e->tell && !e->model && trit_model_doubts_layout(&e->config, e->gguf, &better))
        tell(e,
             "%s: its I2_S weights look like another layout than %s, in which text would be "
             "noise: try --i2s-layout %s",
             e->path, trit_i2s_name(now), trit_i2s_name(better));
}

/* What the use of profile and packed cache brought to light. */
static void tell_use(struct trit_engine *e, enum trit_code code)
{
    const struct trit_model_cost *cost = code ? NULL : trit_model_cost(e->model);
    for (const char *line = e->profile ? e->profile->log : ""; *line; line = strchr(line, '\n') + 1)
        tell(e, "%.*s", (int)strcspn(line, "\n"), line);
    if (e->profile)
        *e->profile->log = 0;
    if (cost && cost->uncached)
        tell(e,
             "%s: made for other kernels: %zu of %zu sections are packed again "
             "('tritmill pack' renews it)",
             trit_cache_path(e->cache), cost->uncached, cost->cached + cost->uncached);
}

enum trit_code trit_engine_outline(struct trit_model **outline, const struct trit_gguf *gguf,
                                   int threads, const struct trit_load_options *options,
                                   struct trit_error *error)
{
    const struct trit_outline_of of = { .gguf = gguf };
    struct trit_tokenizer *tokenizer = NULL;
    struct trit_config config;
    *outline = NULL;
    enum trit_code code = trit_config_read(&config, gguf, error);
    if (!code)
        code = trit_tokenizer_load(&tokenizer, gguf, error);
    trit_tokenizer_free(tokenizer);
    return code ? code : trit_model_outline(outline, &of, threads, options, error);
}

/* The largest context that leaves a part of the free memory to others: caches grow with use. */
static size_t fitting(const struct trit_engine *e, const struct trit_model *outline,
                      const struct trit_model_use *use)
{
    const uint64_t room = trit_memory_room(), others = room - room / 8;
    const size_t most = trit_model_largest(outline, use,
                                           e->room && e->room < others ? e->room : others),
                 own = e->config.context, some = most < own ? most : own;
    return some > e->context ? some : e->context;
}

static enum trit_code check_memory(struct trit_engine *e, const struct trit_load_options *options,
                                   struct trit_error *error)
{
    const struct trit_outline_of of = { .gguf = e->gguf };
    struct trit_model_use use = { .sequences = e->sequences,
                                  .context = e->context,
                                  .chunk = e->chunk,
                                  .cached = e->cache != NULL };
    char what[sizeof e->path + 64], needs[16], may[16];
    struct trit_model *outline;
    enum trit_code code =
        trit_model_outline(&outline, &of, trit_pool_threads(e->pool), options, error);
    if (code)
        return code;
    if (e->fit)
        use.context = e->context = fitting(e, outline, &use);
    e->need = trit_model_need(outline, &use, NULL);
    trit_model_free(outline);
    if (e->sequences)
        snprintf(what, sizeof what, "%.512s, with a context of %zu tokens%s,", e->path, e->context,
                 e->sequences > 1 ? " for each sequence" : "");
    else
        snprintf(what, sizeof what, "%.512s", e->path);
    if (e->room && e->need > e->room)
        return trit_fail(error, TRIT_EMEMORY, "%s needs %s of memory, and may take %s", what,
                         trit_bytes_text((double)e->need, needs),
                         trit_bytes_text((double)e->room, may));
    return trit_need_memory(what, e->need, e->sequences ? "take a shorter context" : NULL, error);
}

enum trit_code trit_engine_load_model(struct trit_engine *e, int threads, struct trit_error *error)
{
    double begin = trit_now();
    tell_layout(e);
    unload(e);
    enum trit_code code = trit_engine_find_profile(e, error);
    if (!code)
        code = trit_pool_create(&e->pool, threads > 0 ? threads : trit_cpu_get()->threads, error);
    if (!code)
        find_cache(e);
    struct trit_load_options options = { .progress = e->progress,
                                         .progress_arg = e->progress_arg,
                                         .profile = e->profile,
                                         .sparse = (enum trit_sparse)e->sparse,
                                         .kv = (enum trit_kv_type)e->kv,
                                         .block = e->block,
                                         .cache = e->cache };
    if (!code)
        code = check_memory(e, &options, error);
    if (!code)
        code = trit_model_load(&e->model, e->gguf, e->pool, &options, error);
    malloc_trim(0); /* what packing took is some 10 MB */
    tell_use(e, code);
    e->load_seconds += trit_now() - begin;
    return code;
}

void trit_engine_close(struct trit_engine *e)
{
    unload(e);
    trit_tokenizer_free(e->tokenizer);
    trit_cache_close(e->cache);
    trit_gguf_close(e->gguf);
    trit_profile_free(e->profile);
    *e = (struct trit_engine){ 0 };
}

bool trit_engine_broken(const struct trit_engine *e)
{
    return (e->gguf && trit_gguf_broken(e->gguf)) || (e->cache && trit_cache_broken(e->cache));
}

void trit_engine_ban_ends(const struct trit_engine *e, struct trit_sampler *sampler)
{
    const size_t n = trit_tokenizer_size(e->tokenizer);
    for (size_t id = 0; id < n; id++)
        if (trit_tokenizer_is_end(e->tokenizer, (int32_t)id))
            trit_sampler_ban(sampler, (int32_t)id);
}

const char *trit_engine_cache_used(const struct trit_engine *e)
{
    const struct trit_model_cost *cost = e->model ? trit_model_cost(e->model) : NULL;
    return cost && cost->cached && e->cache ? trit_cache_path(e->cache) : NULL;
}

enum trit_code trit_engine_encode(struct trit_engine *e, struct trit_text text, bool special,
                                  int32_t **ids, size_t *count, struct trit_error *error)
{
    int32_t *plain;
    size_t n;
    enum trit_code code = trit_tokenizer_encode(e->tokenizer, text, special, &plain, &n, error);
    if (code)
        return code;
    const size_t bos = trit_tokenizer_lacks_bos(e->tokenizer, plain, n);
    e->own_bos = !bos && trit_tokenizer_lacks_bos(e->tokenizer, NULL, 0);
    int32_t *all = trit_alloc(n + bos + 1, sizeof *all);
    if (!all) {
        free(plain);
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", n);
    }
    if (bos)
        all[0] = trit_tokenizer_bos(e->tokenizer);
    if (n)
        memcpy(all + bos, plain, n * sizeof *all);
    free(plain);
    *ids = all;
    *count = n + bos;
    return TRIT_OK;
}
