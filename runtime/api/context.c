/* Contexts of the C interface: a session, and the tokens that it consists of. */
#include "runtime/api/internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

static enum trit_code create(struct trit_lm_context *c, size_t tokens, struct trit_error *error)
{
    enum { MOST = 1 << 24 };
    if (tokens > MOST)
        return trit_fail(error, TRIT_EARGUMENT, "a context of %zu tokens is too long: at most %d",
                         tokens, MOST);
    c->tokens = trit_alloc(tokens, sizeof *c->tokens);
    if (!c->tokens)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", tokens);
    return trit_session_join(&c->session, c->lm->work, tokens, error);
}

enum trit_lm_code trit_lm_context_create(struct trit_lm_context **context, struct trit_lm *lm,
                                         size_t tokens, struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_context *c = calloc(1, sizeof *c);
    *context = NULL;
    if (!c)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for a context"), &e, error);
    c->lm = lm;
    const enum trit_code code = create(c, tokens ? tokens : lm->engine.context, &e);
    if (code)
        trit_lm_context_free(c);
    else
        *context = c;
    return trit_api_result(code, &e, error);
}

void trit_lm_context_free(struct trit_lm_context *c)
{
    if (!c)
        return;
    trit_mark_free(c->mark);
    trit_session_free(c->session);
    free(c->logits);
    free(c->tokens);
    free(c);
}

size_t trit_lm_context_size(const struct trit_lm_context *c)
{
    return trit_session_context(c->session);
}

size_t trit_lm_context_position(const struct trit_lm_context *c)
{
    return c->n;
}

const int32_t *trit_lm_context_tokens(const struct trit_lm_context *c)
{
    return c->tokens;
}

uint64_t trit_lm_context_bytes(const struct trit_lm_context *c)
{
    struct trit_model_memory memory;
    trit_model_memory(c->lm->engine.model, c->session, &memory);
    return memory.kv + memory.states;
}

void trit_context_settle(struct trit_lm_context *c)
{
    if (trit_session_position(c->session) > c->n)
        trit_context_back(c, c->n);
    c->moves++;
}

void trit_context_append(struct trit_lm_context *c, const int32_t *tokens, size_t n)
{
    memcpy(c->tokens + c->n, tokens, n * sizeof *tokens);
    c->n += n;
}

void trit_context_back(struct trit_lm_context *c, size_t position)
{
    if (!trit_session_rewind(c->session, position))
        trit_session_rewind(c->session, 0);
    const size_t now = trit_session_position(c->session);
    c->n = now < c->n ? now : c->n;
}

enum trit_code trit_context_room(const struct trit_lm_context *c, size_t n,
                                 struct trit_error *error)
{
    const size_t size = trit_session_context(c->session);
    if (n == 0)
        return trit_fail(error, TRIT_EARGUMENT, "no tokens");
    if (n > size - c->n)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%zu tokens do not fit: the context has %zu of %zu already", n, c->n,
                         size);
    return TRIT_OK;
}

enum trit_code trit_context_stopped(struct trit_lm_context *c, struct trit_error *error)
{
    if (!atomic_exchange(&c->stop, false))
        return TRIT_OK;
    return trit_fail(error, TRIT_ESTOPPED, "stopped");
}

void trit_lm_context_stop(struct trit_lm_context *c)
{
    atomic_store(&c->stop, true);
}

bool trit_lm_context_rewind(struct trit_lm_context *c, size_t position)
{
    trit_context_settle(c);
    if (position >= c->n)
        return true;
    bool done = trit_session_rewind(c->session, position);
    if (!done && c->mark && c->marked == position)
        done = trit_mark_back(c->mark);
    c->n = trit_session_position(c->session);
    return done;
}

enum trit_lm_code trit_lm_context_mark(struct trit_lm_context *c, struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_mark *mark;
    trit_context_settle(c);
    trit_turn_take(&c->lm->turn);
    const enum trit_code code = trit_mark_take(&mark, c->session, &e);
    trit_turn_give(&c->lm->turn);
    if (!code) {
        trit_mark_free(c->mark);
        c->mark = mark;
        c->marked = c->n;
    }
    return trit_api_result(code, &e, error);
}

size_t trit_lm_context_match(struct trit_lm_context *c, const int32_t *tokens, size_t n)
{
    size_t same = 0;
    trit_context_settle(c);
    while (same < c->n && same + 1 < n && c->tokens[same] == tokens[same])
        same++;
    if (!trit_lm_context_rewind(c, same) &&
        !(c->mark && c->marked <= same && trit_lm_context_rewind(c, c->marked)))
        trit_lm_context_rewind(c, 0);
    return c->n;
}

/* The rows that are wanted into c->logits; *first: the first token that has one. */
static enum trit_code make_rows(struct trit_lm_context *c, size_t n, enum trit_lm_want want,
                                size_t *first, struct trit_error *error)
{
    const size_t rows = want == TRIT_LM_ALL ? n : want == TRIT_LM_LAST;
    size_t count;
    if ((unsigned)want > TRIT_LM_NONE)
        return trit_fail(error, TRIT_EARGUMENT, "enum trit_lm_want has no value %d", (int)want);
    *first = n - rows;
    if (!trit_mul(rows, c->lm->engine.config.vocab, &count))
        count = SIZE_MAX;
    if (rows)
        c->logits = trit_outgrow(c->logits, &c->logits_room, count, sizeof *c->logits);
    if (rows && !c->logits)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu rows of logits", rows);
    return TRIT_OK;
}

/* A pass at a time, so that others get their turn in between. */
static enum trit_code evaluate(struct trit_lm_context *c, const int32_t *tokens, size_t n,
                               size_t first, struct trit_error *error)
{
    const size_t chunk = trit_work_chunk(c->lm->work), vocab = c->lm->engine.config.vocab;
    enum trit_code code = TRIT_OK;
    for (size_t at = 0, some; at < n && !code; at += some) {
        some = n - at < chunk ? n - at : chunk;
        const size_t before = first > at ? first - at : 0, skip = before < some ? before : some,
                     row = at > first ? at - first : 0;
        trit_turn_take(&c->lm->turn);
        code = trit_context_stopped(c, error);
        if (!code)
            code = trit_session_eval(c->session, tokens + at, some, skip,
                                     skip < some ? c->logits + row * vocab : NULL, error);
        trit_turn_give(&c->lm->turn);
    }
    return code;
}

enum trit_lm_code trit_lm_eval(struct trit_lm_context *c, const int32_t *tokens, size_t n,
                               enum trit_lm_want want, const float **logits,
                               struct trit_lm_error *error)
{
    struct trit_error e;
    size_t first = 0;
    trit_context_settle(c);
    if (logits)
        *logits = NULL;
    enum trit_code code = trit_context_room(c, n, &e);
    if (!code)
        code = make_rows(c, n, want, &first, &e);
    if (!code)
        code = evaluate(c, tokens, n, first, &e);
    if (code)
        trit_context_back(c, c->n);
    else
        trit_context_append(c, tokens, n);
    if (!code && logits && want != TRIT_LM_NONE)
        *logits = c->logits;
    return trit_api_result(code, &e, error);
}
