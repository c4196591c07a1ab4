/* Jobs of a scheduler: what was asked, and what one needs to run beside its sequence. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/engine/internal.h"

struct trit_bell *trit_bell_create(void)
{
    struct trit_bell *b = trit_alloc(1, sizeof *b);
    if (!b)
        return NULL;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->rung, NULL);
    b->references = 1;
    return b;
}

void trit_bell_release(struct trit_bell *b)
{
    if (!b || atomic_fetch_sub(&b->references, 1) > 1)
        return;
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->rung);
    free(b);
}

/* --- what is asked --- */

static enum trit_code check_prompt(const struct trit_scheduler *s, const struct trit_job_ask *ask,
                                   struct trit_error *error)
{
    const size_t vocab = s->engine->config.vocab;
    if (!ask->ntokens)
        return trit_fail(error, TRIT_EARGUMENT, "the prompt has no tokens");
    if (ask->ntokens > s->sizes.context)
        return trit_fail(error, TRIT_EARGUMENT, "the prompt has %zu tokens, the context holds %zu",
                         ask->ntokens, s->sizes.context);
    for (size_t i = 0; i < ask->ntokens; i++)
        if (ask->tokens[i] < 0 || (size_t)ask->tokens[i] >= vocab)
            return trit_fail(error, TRIT_EARGUMENT,
                             "token %zu of the prompt has id %d: the vocabulary has %zu", i,
                             (int)ask->tokens[i], vocab);
    if (ask->logprobs && ask->top > vocab)
        return trit_fail(error, TRIT_EARGUMENT,
                         "the likeliest %zu tokens are asked for: the vocabulary has %zu", ask->top,
                         vocab);
    return TRIT_OK;
}

/* As a sampler says it: jobs that wait have none. */
static enum trit_code check_sampling(const struct trit_scheduler *s, const struct trit_job_ask *ask,
                                     struct trit_error *error)
{
    struct trit_sampler *sampler;
    const enum trit_code code =
        trit_sampler_create(&sampler, ask->sampling, s->engine->config.vocab, error);
    trit_sampler_free(sampler);
    return code;
}

/* *to = a copy of n elements; false: no memory. */
static bool copy(const void **to, const void *from, size_t n, size_t size)
{
    void *all = trit_alloc(n, size);
    *to = all;
    if (all && n)
        memcpy(all, from, n * size);
    return all;
}

static void free_job(struct trit_job *j)
{
    free((void *)(uintptr_t)j->ask.tokens);
    free((void *)(uintptr_t)j->ask.turns);
    free((void *)(uintptr_t)j->sampling.bias);
    trit_bell_release(j->bell);
    free(j);
}

static bool copy_ask(struct trit_job *j, const struct trit_job_ask *ask)
{
    const void *tokens, *turns, *bias;
    bool good = copy(&tokens, ask->tokens, ask->ntokens, sizeof *ask->tokens);
    good &= copy(&turns, ask->turns, ask->nturns, sizeof *ask->turns);
    good &= copy(&bias, ask->sampling->bias, ask->sampling->nbias, sizeof *ask->sampling->bias);
    j->ask = *ask;
    j->ask.tokens = tokens;
    j->ask.turns = turns;
    j->sampling = *ask->sampling;
    j->sampling.bias = bias;
    j->ask.sampling = &j->sampling;
    return good;
}

enum trit_code trit_job_create(struct trit_job **job, struct trit_scheduler *s,
                               const struct trit_job_ask *ask, struct trit_error *error)
{
    *job = NULL;
    enum trit_code code = check_prompt(s, ask, error);
    if (!code)
        code = check_sampling(s, ask, error);
    if (code)
        return code;
    struct trit_job *j = trit_alloc(1, sizeof *j);
    if (j) {
        j->bell = s->bell;
        j->bell->references++;
    }
    if (!j || !copy_ask(j, ask)) {
        if (j)
            free_job(j);
        return trit_fail(error, TRIT_EMEMORY, "no memory for a job of %zu tokens", ask->ntokens);
    }
    const size_t room = s->sizes.context - ask->ntokens + 1;
    j->limit = ask->predict && ask->predict < room ? ask->predict : room;
    j->references = 2;
    j->since = trit_now();
    j->result.prompt = ask->ntokens;
    *job = j;
    return TRIT_OK;
}

void trit_job_release(struct trit_job *j)
{
    if (j && atomic_fetch_sub(&j->references, 1) == 1)
        free_job(j);
}

void trit_job_cancel(struct trit_job *j)
{
    pthread_mutex_lock(&j->bell->lock);
    j->cancelled = true;
    pthread_cond_signal(&j->bell->rung);
    pthread_mutex_unlock(&j->bell->lock);
}

/* --- what it needs --- */

static enum trit_code open_grammar(struct trit_job *j, struct trit_scheduler *s,
                                   struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (!j->ask.grammar)
        return TRIT_OK;
    j->mask = trit_alloc(trit_mask_words(s->engine->config.vocab), sizeof *j->mask);
    if (!j->mask)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the tokens that a grammar allows");
    if (!s->vocabulary)
        code = trit_vocabulary_create(&s->vocabulary, s->engine->tokenizer, error);
    return code ? code : trit_matcher_create(&j->matcher, j->ask.grammar, s->vocabulary, error);
}

static enum trit_code open_sampler(struct trit_job *j, const struct trit_scheduler *s,
                                   struct trit_error *error)
{
    const enum trit_code code =
        trit_sampler_create(&j->sampler, &j->sampling, s->engine->config.vocab, error);
    if (!code && j->ask.endless)
        trit_engine_ban_ends(s->engine, j->sampler);
    if (code || !j->ask.logprobs)
        return code;
    j->top = trit_alloc(j->ask.top, sizeof *j->top);
    return j->top ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory for log-probabilities");
}

/* Drafts are for jobs whose choices are all that is wanted of the logits. */
static enum trit_code open_decoder(struct trit_job *j, const struct trit_scheduler *s,
                                   struct trit_error *error)
{
    const bool plain = j->ask.grammar || j->ask.logprobs;
    const struct trit_drafting none = { .from = TRIT_DRAFT_NONE };
    const enum trit_code code =
        trit_decoder_create(&j->decoder, s->engine->model, j->sequence->session, j->sampler,
                            plain ? none : s->sizes.drafting, error);
    if (code)
        return code;
    if (j->ask.logprobs)
        trit_decoder_rows(j->decoder);
    trit_decoder_tell(j->decoder, j->ask.tokens, j->ask.ntokens);
    return TRIT_OK;
}

/* The last turn's beginning, where the states can be kept there on the way to the prompt's end;
   else before its last token. */
static size_t wish_of(const struct trit_job *j, const struct trit_scheduler *s)
{
    const size_t most = trit_work_drafts(s->work), n = j->ask.ntokens, turn = j->sequence->turn,
                 at = trit_session_position(j->sequence->session);
    return turn > at && turn < n && n - turn <= most ? turn : n - 1;
}

enum trit_code trit_job_open(struct trit_job *j, struct trit_scheduler *s, struct trit_error *error)
{
    enum trit_code code = trit_sequence_find(s, j, error);
    if (!code)
        code = open_grammar(j, s, error);
    if (!code)
        code = open_sampler(j, s, error);
    if (!code)
        code = open_decoder(j, s, error);
    if (!code)
        j->wish = wish_of(j, s);
    return code;
}

void trit_job_close(struct trit_job *j)
{
    trit_decoder_free(j->decoder);
    trit_sampler_free(j->sampler);
    trit_matcher_free(j->matcher);
    free(j->mask);
    free(j->top);
    j->mask = NULL;
    j->decoder = NULL;
    j->sampler = NULL;
    j->matcher = NULL;
    j->top = NULL;
}

void trit_job_done(struct trit_job *j, enum trit_job_end end, const struct trit_error *error)
{
    j->result.end = end;
    if (error)
        j->result.error = *error;
    j->ask.done(j->ask.arg, &j->result);
    trit_job_release(j);
}
