/* Batches of the C interface: what several contexts shall read in one evaluation. */
#include "runtime/api/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

struct entry {
    struct trit_lm_context *context;
    int32_t *tokens;
    size_t n, rows; /* rows: of logits that are wanted */
};

struct trit_lm_batch {
    struct trit_lm *lm;
    struct entry *entries;
    size_t n, room;
    float *logits;
    size_t logits_room;
    size_t *starts; /* of the last evaluation, in rows: ndone + 1 */
    size_t ndone;
};

enum trit_lm_code trit_lm_batch_create(struct trit_lm_batch **batch, struct trit_lm *lm,
                                       struct trit_lm_error *error)
{
    struct trit_error e;
    *batch = calloc(1, sizeof **batch);
    if (!*batch)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for a batch"), &e, error);
    (*batch)->lm = lm;
    return TRIT_LM_OK;
}

static void empty(struct trit_lm_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->entries[i].tokens);
    b->n = 0;
}

void trit_lm_batch_free(struct trit_lm_batch *b)
{
    if (!b)
        return;
    empty(b);
    free(b->entries);
    free(b->logits);
    free(b->starts);
    free(b);
}

static enum trit_code add(struct trit_lm_batch *b, const struct entry *new,
                          struct trit_error *error)
{
    if (new->context->lm != b->lm)
        return trit_fail(error, TRIT_EARGUMENT, "the context is of another model");
    for (size_t i = 0; i < b->n; i++)
        if (b->entries[i].context == new->context)
            return trit_fail(error, TRIT_EARGUMENT, "the context is in the batch already");
    trit_context_settle(new->context);
    enum trit_code code = trit_context_room(new->context, new->n, error);
    if (code)
        return code;
    int32_t *tokens = malloc(new->n * sizeof *tokens);
    if (!tokens || !trit_grow(&b->entries, &b->room, b->n + 1, sizeof *b->entries)) {
        free(tokens);
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", new->n);
    }
    memcpy(tokens, new->tokens, new->n * sizeof *tokens);
    b->entries[b->n] = *new;
    b->entries[b->n++].tokens = tokens;
    return TRIT_OK;
}

enum trit_lm_code trit_lm_batch_add(struct trit_lm_batch *b, struct trit_lm_context *context,
                                    const int32_t *tokens, size_t n, enum trit_lm_want want,
                                    struct trit_lm_error *error)
{
    struct trit_error e;
    const struct entry new = { .context = context,
                               .tokens = (int32_t *)(uintptr_t)tokens,
                               .n = n,
                               .rows = want == TRIT_LM_ALL ? n : want == TRIT_LM_LAST };
    const enum trit_code code =
        (unsigned)want > TRIT_LM_NONE
            ? trit_fail(&e, TRIT_EARGUMENT, "enum trit_lm_want has no value %d", (int)want)
            : add(b, &new, &e);
    return trit_api_result(code, &e, error);
}

/* Room for the answers, and where each one's begin. */
static enum trit_code prepare(struct trit_lm_batch *b, struct trit_run *runs,
                              struct trit_error *error)
{
    const size_t vocab = b->lm->engine.config.vocab;
    size_t rows = 0, count;
    for (size_t i = 0; i < b->n; rows += b->entries[i++].rows)
        b->starts[i] = rows;
    b->starts[b->n] = rows;
    if (!trit_mul(rows, vocab, &count))
        count = SIZE_MAX;
    if (rows)
        b->logits = trit_outgrow(b->logits, &b->logits_room, count, sizeof *b->logits);
    if (rows && !b->logits)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu rows of logits", rows);
    for (size_t i = 0; i < b->n; i++) {
        const struct entry *e = &b->entries[i];
        trit_context_settle(e->context); /* who else used it, has moved it */
        runs[i] = (struct trit_run){ .session = e->context->session,
                                     .tokens = e->tokens,
                                     .count = e->n,
                                     .first = e->n - e->rows,
                                     .logits = e->rows ? b->logits + b->starts[i] * vocab : NULL };
    }
    return TRIT_OK;
}

static enum trit_code evaluate(struct trit_lm_batch *b, struct trit_run *runs,
                               struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    trit_turn_take(&b->lm->turn);
    for (size_t i = 0; i < b->n && !code; i++)
        code = trit_context_stopped(b->entries[i].context, error);
    if (!code)
        code = trit_model_eval(b->lm->work, runs, b->n, error);
    trit_turn_give(&b->lm->turn);
    for (size_t i = 0; i < b->n; i++) {
        const struct entry *e = &b->entries[i];
        if (code)
            trit_context_back(e->context, e->context->n);
        else
            trit_context_append(e->context, e->tokens, e->n);
    }
    return code;
}

enum trit_lm_code trit_lm_batch_eval(struct trit_lm_batch *b, struct trit_lm_error *error)
{
    struct trit_error e;
    enum trit_code code = TRIT_OK;
    struct trit_run *runs = trit_alloc(b->n + 1, sizeof *runs);
    free(b->starts);
    b->starts = trit_alloc(b->n + 1, sizeof *b->starts);
    b->ndone = 0;
    if (!runs || !b->starts)
        code = trit_fail(&e, TRIT_EMEMORY, "no memory for a batch of %zu", b->n);
    else if (b->n)
        code = prepare(b, runs, &e);
    if (!code && b->n)
        code = evaluate(b, runs, &e);
    b->ndone = code ? 0 : b->n;
    empty(b);
    free(runs);
    return trit_api_result(code, &e, error);
}

const float *trit_lm_batch_logits(const struct trit_lm_batch *b, size_t i)
{
    if (i >= b->ndone || b->starts[i] == b->starts[i + 1])
        return NULL;
    return b->logits + b->starts[i] * b->lm->engine.config.vocab;
}
