/* Opening a model for a command, and feeding it long texts. */
#include "runtime/cli_engine.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli.h"
#include "runtime/cli_guard.h"
#include "runtime/cli_model.h"
#include "runtime/cli_plan.h"
#include "runtime/cpu.h"
#include "runtime/mem.h"

static enum trit_code no_model(const char *given, struct trit_error *error)
{
    const char *variable = getenv("TRITMILL_MODEL");
    if (given)
        return trit_fail(error, TRIT_EARGUMENT, "-m %.40s...: the name is too long", given);
    if (variable)
        return trit_fail(error, TRIT_EIO, "TRITMILL_MODEL=%s: no such file", variable);
    return trit_fail(error, TRIT_EARGUMENT, "no model: name one with -m FILE");
}

enum trit_code trit_engine_open(struct trit_engine *e, const char *model, struct trit_error *error)
{
    *e = (struct trit_engine){ .load_seconds = -trit_now() };
    if (!trit_default_model(model, e->path, sizeof e->path))
        return no_model(model, error);
    trit_guard_mapping(e->path);
    enum trit_code code = trit_gguf_open(&e->gguf, e->path, error);
    if (!code)
        code = trit_config_read(&e->config, e->gguf, error);
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

static void unload(struct trit_engine *e)
{
    trit_model_free(e->model);
    trit_pool_destroy(e->pool);
    e->model = NULL;
    e->pool = NULL;
}

static enum trit_code find_profile(struct trit_engine *e, bool quiet, struct trit_error *error)
{
    char log[sizeof error->text];
    if (e->searched)
        return TRIT_OK;
    enum trit_code code = trit_profile_find(&e->profile, e->wanted, log, sizeof log, error);
    if (!code && *log && !quiet)
        fprintf(stderr, "tritmill: %s\n", log);
    e->searched = !code;
    return code;
}

static void find_cache(struct trit_engine *e, bool quiet)
{
    char log[1200];
    if (e->cache_searched)
        return;
    e->cache = trit_cache_find(e->gguf, e->cache_wanted, e->pool, log, sizeof log);
    e->cache_searched = true;
    if (e->cache)
        trit_guard_cache(e->path, trit_cache_path(e->cache));
    if (*log && !quiet)
        fprintf(stderr, "tritmill: %s\n", log);
}

/* A packed cache made for other kernels than those picked now. */
static void tell_uncached(const struct trit_engine *e, bool quiet)
{
    const struct trit_model_cost *cost = trit_model_cost(e->model);
    if (cost->uncached && !quiet)
        fprintf(stderr,
                "tritmill: %s: made for other kernels: %zu of %zu sections are packed anew "
                "('tritmill pack' renews it)\n",
                trit_cache_path(e->cache), cost->uncached, cost->cached + cost->uncached);
}

/* Which it is, and whether it is stale. */
static void log_profile(const struct trit_profile *profile)
{
    char why[256];
    if (!profile)
        return;
    trit_profile_judge(profile, why, sizeof why);
    fprintf(stderr, "profile %s%s%s\n", profile->path, *why ? ": stale: " : "", why);
}

/* What the profile's use brought to light. */
static void tell_notes(struct trit_engine *e, bool quiet)
{
    if (!e->profile)
        return;
    for (const char *line = e->profile->log; *line && !quiet; line = strchr(line, '\n') + 1)
        fprintf(stderr, "tritmill: %.*s\n", (int)strcspn(line, "\n"), line);
    *e->profile->log = 0;
}

enum trit_code trit_engine_load_model(struct trit_engine *e, int threads, bool quiet,
                                      struct trit_error *error)
{
    double begin = trit_now();
    unload(e);
    enum trit_code code = find_profile(e, quiet, error);
    struct trit_progress progress = { 0 };
    if (!quiet)
        trit_progress_begin(&progress, "loading");
    if (!code)
        code = trit_pool_create(&e->pool, threads > 0 ? threads : trit_cpu_get()->threads, error);
    if (!code)
        find_cache(e, quiet);
    struct trit_load_options options = { .progress = trit_progress_step,
                                         .progress_arg = &progress,
                                         .profile = e->profile,
                                         .sparse = (enum trit_sparse)e->sparse,
                                         .kv = (enum trit_kv_type)e->kv,
                                         .cache = e->cache };
    if (!code)
        code = trit_model_load(&e->model, e->gguf, e->pool, &options, error);
    malloc_trim(0); /* what packing took is some 10 MB */
    trit_progress_end(&progress);
    tell_notes(e, quiet);
    if (!code)
        tell_uncached(e, quiet);
    const char *log = getenv("TRITMILL_LOG");
    if (!code && log && !strcmp(log, "1")) {
        log_profile(e->profile);
        trit_plan_log(e->model, stderr);
    }
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

enum trit_code trit_engine_encode(const struct trit_engine *e, const char *text, size_t bytes,
                                  bool special, int32_t **ids, size_t *count,
                                  struct trit_error *error)
{
    int32_t *plain;
    size_t n;
    enum trit_code code =
        trit_tokenizer_encode(e->tokenizer, text, bytes, special, &plain, &n, error);
    if (code)
        return code;
    size_t bos = trit_tokenizer_add_bos(e->tokenizer) && trit_tokenizer_bos(e->tokenizer) >= 0;
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

enum trit_code trit_engine_prefill(struct trit_session *session, const int32_t *tokens,
                                   size_t count, size_t chunk, float *logits,
                                   struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t at = 0; at < count && !code; at += chunk) {
        size_t n = count - at < chunk ? count - at : chunk;
        bool last = at + n == count;
        if (trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
        code =
            trit_session_eval(session, tokens + at, n, last && logits ? n - 1 : n, logits, error);
    }
    return code;
}
