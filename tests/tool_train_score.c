/* train_score MODEL CONTEXT HOLD-OUT TEXT...: the mean loss, in nats a token, that the runtime
   gives to the held-out windows of the first text, as `tritmill train` cuts them: what the trainer
   says of the same windows must be near. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/open.h"
#include "runtime/judge/internal.h"
#include "runtime/train/data.h"

struct work {
    struct trit_engine engine;
    struct trit_session *session;
    struct trit_train_data *data;
    size_t context;
    int32_t *tokens; /* [context + 1] */
    float *logits;   /* [context][vocab] */
    double *nll;     /* [context] */
};

static enum trit_code open_data(struct work *w, char **argv, int argc, struct trit_error *e)
{
    struct trit_train_source sources[TRIT_TRAIN_FILES_MAX];
    const struct trit_train_data_ask ask = { .sources = sources,
                                             .nsources = (size_t)argc - 4,
                                             .tokenizer = w->engine.tokenizer,
                                             .context = w->context,
                                             .seed = 1,
                                             .held = (size_t)atoi(argv[3]) };
    enum trit_code code = TRIT_OK;
    int n = 0;
    while (n < argc - 4 && !(code = trit_train_source_parse(&sources[n], argv[4 + n], e)))
        n++;
    if (!code)
        code = trit_train_data_open(&w->data, &ask, e);
    while (n-- > 0)
        free(sources[n].path);
    return code;
}

static enum trit_code load(struct work *w, char **argv, int argc, struct trit_error *e)
{
    const struct trit_judge_options how = { .context = (int)w->context, .quiet = true };
    enum trit_code code = trit_cli_open_model(&w->engine, argv[1], e);
    if (!code)
        code = trit_engine_load_tokenizer(&w->engine, e);
    if (!code)
        code = open_data(w, argv, argc, e);
    if (!code)
        code = trit_judge_load(&w->engine, &how, &w->session, e);
    w->tokens = trit_alloc(w->context + 1, sizeof *w->tokens);
    w->logits = trit_alloc(w->context * w->engine.config.vocab, sizeof *w->logits);
    w->nll = trit_alloc(w->context, sizeof *w->nll);
    return code;
}

static enum trit_code score(struct work *w, size_t window, double *sum, struct trit_error *e)
{
    const size_t vocab = w->engine.config.vocab;
    trit_train_data_held(w->data, 0, window, w->tokens);
    trit_session_rewind(w->session, 0);
    for (size_t at = 0; at < w->context; at += TRIT_JUDGE_CHUNK) {
        const size_t left = w->context - at, n = left < TRIT_JUDGE_CHUNK ? left : TRIT_JUDGE_CHUNK;
        const struct trit_run run = { .session = w->session,
                                      .tokens = w->tokens + at,
                                      .count = n,
                                      .logits = w->logits + at * vocab };
        const enum trit_code code = trit_model_eval(trit_session_work(w->session), &run, 1, e);
        if (code)
            return code;
    }
    trit_score_rows(w->engine.pool, w->logits, vocab, w->tokens + 1, w->context, w->nll);
    for (size_t i = 0; i < w->context; i++)
        *sum += w->nll[i];
    return TRIT_OK;
}

int main(int argc, char **argv)
{
    struct trit_error error;
    if (argc < 5)
        return 2;
    struct work w = { .context = strtoull(argv[2], NULL, 10) };
    enum trit_code code = load(&w, argv, argc, &error);
    const size_t windows = code ? 0 : trit_train_data_file(w.data, 0)->held_sequences;
    double sum = 0;
    for (size_t i = 0; i < windows && !code; i++)
        code = score(&w, i, &sum, &error);
    if (code)
        return trit_cli_error(&error);
    printf("%.6f\n", sum / (double)(windows * w.context));
    trit_train_data_free(w.data);
    trit_session_free(w.session);
    trit_engine_close(&w.engine);
    free(w.tokens);
    free(w.logits);
    free(w.nll);
    return 0;
}
