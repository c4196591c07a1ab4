/* Chunks of a text through the model. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/judge/internal.h"

enum { LOGITS = 1 << 23 }; /* LOGITS: floats held at a time, about */

enum trit_code trit_chunk_work_create(struct trit_chunk_work *w, struct trit_engine *e,
                                      const struct trit_chunks *c, struct trit_error *error)
{
    const size_t vocab = e->config.vocab, scored = c->context - 1 - c->first,
                 fit = LOGITS / vocab + 1,
                 chunk = c->context < TRIT_JUDGE_CHUNK ? c->context : TRIT_JUDGE_CHUNK;
    size_t floats;
    *w = (struct trit_chunk_work){ .engine = e, .slice = scored < fit ? scored : fit };
    enum trit_code code = trit_session_create(&w->session, e->model, c->context, chunk, error);
    if (code)
        return code;
    w->tokens = trit_alloc(c->context, sizeof *w->tokens);
    w->logits = trit_mul(w->slice, vocab, &floats) ? trit_alloc(floats, sizeof *w->logits) : NULL;
    return w->tokens && w->logits ? TRIT_OK
                                  : trit_fail(error, TRIT_EMEMORY, "no memory for logits");
}

void trit_chunk_work_free(struct trit_chunk_work *w)
{
    trit_session_free(w->session);
    free(w->tokens);
    free(w->logits);
}

enum trit_code trit_chunk_eval(struct trit_chunk_work *w, const struct trit_chunks *c, size_t i,
                               trit_judge_fn *fn, void *arg, struct trit_error *error)
{
    const struct trit_tokenizer *tokenizer = w->engine->tokenizer;
    const size_t last = c->context - 1; /* nothing is asked of the last token */
    memcpy(w->tokens, c->ids + i * c->step, c->context * sizeof *w->tokens);
    if (trit_tokenizer_add_bos(tokenizer) && trit_tokenizer_bos(tokenizer) >= 0)
        w->tokens[0] = trit_tokenizer_bos(tokenizer);
    trit_session_rewind(w->session, 0);
    const struct trit_run first = {
        .session = w->session, .tokens = w->tokens, .count = c->first, .first = c->first
    };
    enum trit_code code = c->first ? trit_session_prefill(&first, error) : TRIT_OK;
    for (size_t at = c->first; at < last && !code; at += w->slice) {
        const size_t n = last - at < w->slice ? last - at : w->slice;
        if (trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
        code = trit_session_eval(w->session, w->tokens + at, n, 0, w->logits, error);
        if (!code)
            code = fn(arg, w->logits, w->tokens + at + 1, n, error);
    }
    return code;
}
