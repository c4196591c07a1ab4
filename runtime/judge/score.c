/* Scores of rows of logits; means; the model that is judged, and what results say of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/math.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/format/gguf_digest.h"
#include "runtime/judge/internal.h"

void trit_mean_add(struct trit_mean *m, double x)
{
    m->sum += x;
    m->squares += x * x;
    m->n++;
}

double trit_mean_of(const struct trit_mean *m)
{
    return m->sum / (double)m->n;
}

double trit_mean_error(const struct trit_mean *m)
{
    const double n = (double)m->n, mean = m->sum / n, variance = m->squares / n - mean * mean;
    return variance > 0 && n > 1 ? sqrt(variance / (n - 1)) : 0;
}

struct rows {
    const float *logits;
    size_t vocab;
    const int32_t *next;
    double *nll;
};

static void score_some(void *arg, size_t begin, size_t end, int thread)
{
    const struct rows *r = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const float *row = r->logits + i * r->vocab;
        float most = row[0];
        for (size_t v = 1; v < r->vocab; v++)
            most = row[v] > most ? row[v] : most;
        double sum = 0;
        for (size_t v = 0; v < r->vocab; v++)
            sum += trit_exp((double)row[v] - most);
        r->nll[i] = trit_log(sum) + most - row[r->next[i]];
    }
}

void trit_score_rows(struct trit_pool *pool, const float *logits, size_t vocab, const int32_t *next,
                     size_t n, double *nll)
{
    struct rows rows = { logits, vocab, next, nll };
    trit_pool_for(pool, n, 1, score_some, &rows);
}

void trit_judged_print(const struct trit_engine *e)
{
    char hash[TRIT_DIGEST_TEXT];
    trit_gguf_digest_text(e->gguf, hash);
    printf("%s, hash %s; tritmill %s (%s)\n", e->path, hash, trit_version(), trit_commit());
}

json_t *trit_judged_by(const struct trit_engine *e)
{
    const struct trit_text path = { e->path, strlen(e->path) };
    char hash[TRIT_DIGEST_TEXT], build[96];
    trit_gguf_digest_text(e->gguf, hash);
    snprintf(build, sizeof build, "%s (%s)", trit_version(), trit_commit());
    return json_pack("{so ss ss ss?}", "model", trit_json_text(path), "model_hash", hash, "build",
                     build, "packed_cache", trit_engine_cache_used(e));
}

enum trit_code trit_judge_load(struct trit_engine *e, const struct trit_judge_options *o,
                               struct trit_session **session, struct trit_error *error)
{
    const size_t usual = e->config.context < 2048 ? e->config.context : 2048;
    e->wanted = o->profile;
    e->sequences = 1;
    e->context = o->context ? (size_t)o->context : usual;
    e->chunk = e->context < TRIT_JUDGE_CHUNK ? e->context : TRIT_JUDGE_CHUNK;
    const enum trit_code code = trit_cli_load_model(e, o->threads, o->quiet, error);
    return code ? code : trit_session_create(session, e->model, e->context, e->chunk, error);
}
